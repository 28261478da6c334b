//! `GET /api/tickets`, `GET` and `PATCH /api/tickets/{number}`.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};

use super::asked::{Asked, List, Sent, call, caller, masked, page, span};
use super::error::ApiError;
use super::login::{self, Visitor, witness, witness_refusal};
use crate::app::Office;
use crate::audit::{Deed, Fact, Outcome};
use crate::call::{EndReason, SeatNo, ThreewayResult};
use crate::privacy::Private;
use crate::rules::access::Scope;
use crate::rules::emergency::{self, Category};
use crate::rules::ticket::Type;
use crate::store::Store;
use crate::store::edit::{EditError, edit_ticket};
use crate::store::entry::TicketEdit;
use crate::store::query::{RecordingState, Ticket, TicketQuery, TicketState};
use crate::time::Wall;

/// For the database to follow the journal, before the editor is told that it has not yet.
pub const EDIT_PATIENCE: Duration = Duration::from_secs(5);
/// Longest purpose, characters.
pub const PURPOSE: usize = 200;
/// Longest place and text, characters.
const PLACE: usize = 200;
const TEXT: usize = 10_000;

/// All that are given must hold.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Day of the answer.
    day: Option<String>,
    caller: Option<Private<String>>,
    call: Option<String>,
    seat: Option<String>,
    centre: Option<String>,
    code: Option<String>,
    state: Option<TicketState>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A ticket in a list: the number masked, what the citizen said left out.
#[derive(Debug, serde::Serialize)]
pub struct Row {
    number: String,
    call: String,
    state: TicketState,
    #[serde(rename = "type")]
    kind: Option<String>,
    version: u32,
    caller: Option<String>,
    original_code: String,
    hotline_primary: String,
    centre: String,
    skill: String,
    seat: SeatNo,
    seat_name: String,
    t_arrive: Wall,
    t_answer: Wall,
    wait_ms: u64,
    recording: RecordingState,
    threeway_result: Option<ThreewayResult>,
    /// These three are None while the call is up.
    t_end: Option<Wall>,
    talk_ms: Option<u64>,
    end_reason: Option<EndReason>,
}

impl From<Ticket> for Row {
    fn from(ticket: Ticket) -> Self {
        let (opened, ended) = (ticket.opened, ticket.ended);
        Self {
            number: ticket.number,
            call: ticket.call.to_string(),
            state: ticket.state,
            kind: ticket.kind,
            version: ticket.version,
            caller: masked(&opened.caller),
            original_code: opened.original_code,
            hotline_primary: opened.hotline_primary,
            centre: opened.centre,
            skill: opened.skill,
            seat: opened.seat,
            seat_name: opened.seat_name,
            t_arrive: opened.t_arrive,
            t_answer: opened.t_answer,
            wait_ms: opened.wait_ms,
            recording: ticket.recording,
            threeway_result: ticket.threeway_result,
            t_end: ended.as_ref().map(|ended| ended.t_end),
            talk_ms: ended.as_ref().map(|ended| ended.talk_ms),
            end_reason: ended.map(|ended| ended.end_reason),
        }
    }
}

/// Newest first.
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<List<Row>>, ApiError> {
    let own = visitor.scope.centre().map(str::to_owned);
    if let (Some(own), Some(asked)) = (&own, &ask.centre)
        && own != asked
    {
        return Ok(List::whole(Vec::new()));
    }
    if let Some(id) = &ask.call {
        let ticket = office.store.ticket_of(call(id)?).await?;
        let ticket = ticket.filter(|ticket| visitor.scope.sees(Some(&ticket.opened.centre)));
        return Ok(List::whole(ticket.into_iter().map(Row::from).collect()));
    }
    let query = TicketQuery {
        span: span(ask.day.as_deref())?,
        caller: caller(&office, ask.caller).await,
        seat: ask.seat.map(SeatNo),
        centre: own.or(ask.centre),
        original_code: ask.code,
        state: ask.state,
        led: false,
        page: page(ask.limit, ask.cursor.as_deref())?,
    };
    Ok(List::page(office.store.tickets(&query).await?, Row::from))
}

/// With the citizen's number in full; who looked is written down before (R99).
pub async fn one(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Ticket>, ApiError> {
    let ticket = seen(&office, &visitor, &number, Deed::ReadTicket).await?;
    let purpose = login::text(&headers, "x-purpose").unwrap_or_default().chars().take(PURPOSE).collect();
    witness(&office, Fact { purpose, ..visitor.fact(Deed::ReadTicket, &number) }).await?;
    Ok(Json(ticket))
}

/// The ticket, for somebody of its centre (R13); what others want of it is written down.
pub async fn seen(office: &Office, visitor: &Visitor, number: &str, what: Deed) -> Result<Ticket, ApiError> {
    let ticket = office.store.ticket(number).await?.ok_or_else(unknown)?;
    if !visitor.scope.sees(Some(&ticket.opened.centre)) {
        witness_refusal(office, visitor.fact(what, number).not(Outcome::Refused, "centre")).await;
        return Err(unknown());
    }
    Ok(ticket)
}

/// What is missing stays as it is.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// That of the ticket as the editor saw it.
    version: u32,
    /// A code or term of `rules::ticket::Type`.
    #[serde(rename = "type", alias = "kind")]
    kind: Option<String>,
    place: Option<Private<String>>,
    text: Option<Private<String>>,
    /// A word of `rules::emergency::Category`: marks the ticket as an emergency, for good (R28).
    emergency: Option<Category>,
}

/// The ticket afterwards; 409 where somebody else was quicker, 202 where the edit is kept but the
/// database has not followed.
pub async fn change(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<String>,
    Sent(change): Sent<Change>,
) -> Result<Json<Ticket>, ApiError> {
    let kind = change.checked()?;
    if change.emergency.is_some() || kind.is_some() || visitor.scope != Scope::City {
        let before = seen(&office, &visitor, &number, Deed::ChangeTicket).await?;
        if change.emergency.is_some() || kind.is_some() {
            may_be_emergency(&before, kind, change.emergency)?;
        }
    }
    // The answer is the ticket in full.
    witness(&office, visitor.fact(Deed::ChangeTicket, &number)).await?;
    let edit = TicketEdit {
        edit: random_id()?,
        number,
        version: change.version,
        kind: kind.map(|kind| kind.code().to_owned()),
        place: change.place,
        text: change.text,
        emergency: change.emergency,
        by: visitor.who,
        at: office.clock.wall(),
    };
    let mut progress = office.progress.clone();
    let edited = edit_ticket(&office.journal, &mut progress, office.store.as_ref(), edit);
    match tokio::time::timeout(EDIT_PATIENCE, edited).await {
        Ok(Ok(ticket)) => Ok(Json(ticket)),
        Ok(Err(error)) => Err(refused(error)),
        Err(_) => Err(refused(EditError::Pending)),
    }
}

impl Change {
    fn checked(&self) -> Result<Option<Type>, ApiError> {
        let longer = |text: &Option<Private<String>>, most: usize| {
            text.as_ref().is_some_and(|text| text.reveal().chars().count() > most)
        };
        if self.kind.is_none() && self.place.is_none() && self.text.is_none() && self.emergency.is_none() {
            return Err(ApiError::bad("nothing to change: type, place, text or emergency"));
        }
        if longer(&self.place, PLACE) || longer(&self.text, TEXT) {
            return Err(ApiError::bad(format!("place has at most {PLACE} characters, text {TEXT}")));
        }
        let Some(word) = &self.kind else { return Ok(None) };
        let known = || Type::ALL.map(Type::code).join(", ");
        Type::parse(word).map(Some).ok_or_else(|| ApiError::bad(format!("type must be one of {}", known())))
    }
}

/// An emergency ticket is a call for help or a report, and stays one (R28).
fn may_be_emergency(before: &Ticket, kind: Option<Type>, marked: Option<Category>) -> Result<(), ApiError> {
    let kind = kind.or_else(|| before.kind.as_deref().and_then(Type::parse));
    let is_one = marked.is_some() || before.emergency.is_some();
    if is_one && !kind.is_some_and(emergency::may_be) {
        return Err(ApiError::conflict("no_emergency", "only a ticket of the type help or report is an emergency"));
    }
    Ok(())
}

fn refused(error: EditError) -> ApiError {
    match error {
        EditError::Unknown => unknown(),
        EditError::Stale(now) => {
            let text = format!("somebody else has changed the ticket: it is at version {} now", now.version);
            ApiError::conflict("stale", text)
        }
        EditError::Journal(error) => error.into(),
        EditError::Store(error) => error.into(),
        EditError::Pending => ApiError::new(
            axum::http::StatusCode::ACCEPTED,
            "pending",
            "the change is kept and will be made once the database has followed",
        ),
    }
}

pub fn unknown() -> ApiError {
    ApiError::missing("there is no such ticket")
}

fn random_id() -> Result<String, ApiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::unavailable("random", "try again").because(error))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}
