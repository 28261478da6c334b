//! `POST /api/tickets/{number}/duty` and `/handover`: an emergency ticket goes to a duty phone (R28).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::asked::{self, Sent};
use super::error::ApiError;
use super::login::{Visitor, witness};
use super::look;
use super::seats;
use super::tickets::{self, EDIT_PATIENCE};
use crate::app::Office;
use crate::audit::Deed;
use crate::call::{DutyWish, SeatNo};
use crate::exchange::Input;
use crate::privacy::Private;
use crate::store::Store;
use crate::store::entry::{Entry, Handover};
use crate::store::query::{Emergency, Ticket};

/// Longest name of whoever takes a ticket over, characters.
const NAME: usize = 100;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Whose phone is rung first.
    seat: SeatNo,
    /// Code of the duty phone in the directory.
    to: String,
}

/// Rings the seat and then the duty phone. The ticket as it is now; 409 with the reason where it cannot be.
pub async fn duty(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<String>,
    Sent(Call { seat, to }): Sent<Call>,
) -> Result<Json<Ticket>, ApiError> {
    let (ticket, _) = marked(&office, &visitor, &number).await?;
    let wish = DutyWish { seat, ticket: number, code: ticket.opened.original_code.clone(), to };
    let asked = wish.clone();
    look(&office, move |now, exchange| exchange.board().may_call_duty(now, &asked)).await?.map_err(seats::refused)?;
    office.tell(Input::Duty(wish)).await;
    Ok(Json(ticket))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// The call to the duty phone.
    call: String,
    /// Who took it over there.
    accepted_by: Private<String>,
}

/// Writes down that the duty phone has taken the ticket over, now: no time of a client's counts.
pub async fn handover(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<String>,
    Sent(took): Sent<Took>,
) -> Result<Json<Ticket>, ApiError> {
    let call = asked::call(&took.call)?;
    let name = took.accepted_by.reveal().trim();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(ApiError::bad(format!("accepted_by is a name of at most {NAME} characters")));
    }
    let (_, emergency) = marked(&office, &visitor, &number).await?;
    if emergency.handover.is_some() {
        return Err(ApiError::conflict("handed_over", "the ticket has been handed over already"));
    }
    if !emergency.calls.iter().any(|duty| duty.call == call && duty.answered.is_some()) {
        return Err(ApiError::conflict("not_answered", "no duty phone has answered in that call for this ticket"));
    }
    let (accepted_by, at) = (Private::new(name.to_owned()), office.clock.wall());
    let entry = Entry::Handover(Handover { ticket: number.clone(), call, accepted_by, by: visitor.who, at });
    let receipt = office.journal.record(entry).await?;
    if !office.progress.reaches_within(receipt.seq, EDIT_PATIENCE).await {
        let text = "the handover is kept and will be shown once the database has followed";
        return Err(ApiError::new(StatusCode::ACCEPTED, "pending", text));
    }
    let after = office.store.ticket(&number).await?;
    after.map(Json).ok_or_else(tickets::unknown)
}

/// Written down, because the answer is the ticket in full.
async fn marked(office: &Office, visitor: &Visitor, number: &str) -> Result<(Ticket, Emergency), ApiError> {
    let ticket = tickets::seen(office, visitor, number, Deed::ChangeTicket).await?;
    witness(office, visitor.fact(Deed::ChangeTicket, number)).await?;
    match ticket.emergency.clone() {
        Some(emergency) => Ok((ticket, emergency)),
        None => Err(ApiError::conflict("no_emergency", "the ticket is not marked as an emergency")),
    }
}
