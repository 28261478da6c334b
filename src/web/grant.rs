//! Whether somebody may hear a recording: each right that it takes, a purpose, and a row that is on disk
//! before the first byte goes out (R99, R101).

use axum::http::{HeaderMap, StatusCode};

use super::error::ApiError;
use super::login::{self, Visitor, witness, witness_refusal};
use super::recordings::found;
use super::tickets::PURPOSE;
use crate::app::Office;
use crate::archive::Sealed;
use crate::archive::shelf::Condition;
use crate::audit::{Deed, Fact, Outcome};
use crate::call::CallId;
use crate::rules::access::Right;
use crate::store::Store;
use crate::store::entry::{Access, Entry};

/// What is written behind a purpose, characters.
const HOW: usize = 100;

/// What somebody wants to hear.
pub struct Wish {
    pub call: CallId,
    pub deed: Deed,
    pub purpose: Option<String>,
    /// In which form, where there are several; goes behind the purpose.
    pub form: String,
    pub quarantined: bool,
    pub leader: bool,
    /// Also what the citizen did not hear.
    pub private: bool,
}

/// What somebody says that it is for: in the query, or in a header.
pub fn purpose(asked: Option<String>, headers: &HeaderMap) -> String {
    let given = asked.or_else(|| login::text(headers, "x-purpose")).unwrap_or_default();
    given.trim().to_owned()
}

/// The recording, for somebody who has told a purpose and has each right that it takes. Whatever comes
/// of it is written down first: in the audit log, and for a call that was, with the accesses to it.
pub async fn granted(office: &Office, visitor: &Visitor, headers: &HeaderMap, wish: Wish) -> Result<Sealed, ApiError> {
    let recording = found(office, &visitor.scope, wish.call).await;
    // A request may name any call; only one that was ever up has accesses.
    let exists = recording.is_ok() || !matches!(office.store.ticket_of(wish.call).await, Ok(None));
    let given = purpose(wish.purpose.clone(), headers);
    let purpose = given.as_str();
    let of_leader = recording.as_ref().is_ok_and(|recording| recording.sealed.leader);
    let leader = if of_leader { " (a leader's call)" } else { "" };
    let private = if wish.private { ", with what the citizen did not hear" } else { "" };
    let form = if wish.form.is_empty() { String::new() } else { format!(" ({}{private})", wish.form) };
    let told = format!("{purpose}{form}{leader}");
    let fact = visitor.fact(wish.deed, &wish.call.to_string());
    let fact = Fact { purpose: told.chars().take(PURPOSE + HOW).collect(), ..fact };

    if let Some((reason, text, error)) = refusal(visitor, &wish, purpose, of_leader) {
        witness_refusal(office, fact.not(Outcome::Refused, reason)).await;
        // Attempts count too.
        if exists {
            note(office, visitor, wish.call, &format!("refused: {text}")).await?;
        }
        return Err(error);
    }
    let held = recording.as_ref().is_ok_and(|recording| recording.is_quarantined() && !wish.quarantined);
    let outcome = match &recording {
        Err(_) => fact.not(Outcome::Failed, "not_found"),
        Ok(_) if held => fact.not(Outcome::Refused, "quarantined"),
        Ok(_) => fact,
    };
    witness(office, outcome).await?;
    if exists {
        note(office, visitor, wish.call, &told).await?;
    }
    let recording = recording?;
    if held {
        let condition = recording.condition.map_or("", Condition::as_str);
        let text =
            format!("the recording is under quarantine ({condition}): it is given out with quarantined=true only");
        return Err(ApiError::conflict("quarantined", text));
    }
    Ok(recording.sealed)
}

/// Why it is not given out, as a code for the audit log and as words for the accesses.
fn refusal(
    visitor: &Visitor,
    wish: &Wish,
    purpose: &str,
    of_leader: bool,
) -> Option<(&'static str, &'static str, ApiError)> {
    if purpose.is_empty() || purpose.chars().count() > PURPOSE {
        let text = format!("a recording is given out for a purpose only: ?purpose= or X-Purpose, {PURPOSE} characters");
        return Some(("purpose", "no purpose", ApiError::new(StatusCode::BAD_REQUEST, "purpose", text)));
    }
    for (asked, right) in [(wish.private, Right::HearPrivate), (of_leader, Right::HearLeader)] {
        if asked && !visitor.may(right) {
            return Some((right.as_str(), "no right to that part", visitor.lacks(right)));
        }
    }
    if of_leader && !wish.leader {
        let text = "a leader is heard in this recording: it is given out with leader=true only, which is written down";
        return Some(("leader", "a leader is heard in it", ApiError::new(StatusCode::FORBIDDEN, "leader", text)));
    }
    None
}

async fn note(office: &Office, visitor: &Visitor, call: CallId, purpose: &str) -> Result<(), ApiError> {
    let row = Access {
        call,
        who: visitor.who.clone(),
        purpose: purpose.to_owned(),
        from: Some(visitor.from.clone()),
        at: office.clock.wall(),
    };
    office.journal.record(Entry::Access(row)).await?;
    Ok(())
}
