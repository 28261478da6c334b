//! `GET /api/calls`: the calls that are up. `POST /api/calls/{call}/supervise`: a shift leader on one.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::asked::{self, List, Sent, hide};
use super::error::ApiError;
use super::login::{Visitor, witness, witness_refusal};
use super::look;
use crate::app::Office;
use crate::audit::{Deed, Fact, Outcome};
use crate::call::{CallView, SeatNo, SuperviseRefused, Supervision};
use crate::exchange::Input;
use crate::store::entry::{Access, Entry};

/// Oldest first, numbers masked (R101).
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<List<CallView>>, ApiError> {
    let calls = look(&office, |_, exchange| exchange.board().calls()).await?;
    let own = calls.into_iter().filter(|call| visitor.scope.sees(Some(&call.centre)));
    Ok(List::whole(own.map(without_number).collect()))
}

fn without_number(mut call: CallView) -> CallView {
    hide(&mut call.caller);
    call
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The shift leader's seat, whose phone is rung.
    by: SeatNo,
    how: Supervision,
}

/// The call as it is afterwards; 409 with the reason where it cannot be had. Who, which call, how and when
/// are on disk before his phone rings; they stand with the accesses to the call's recording.
pub async fn supervise(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Sent(Wish { by, how }): Sent<Wish>,
) -> Result<Json<CallView>, ApiError> {
    let call = asked::call(&id)?;
    let seat = by.clone();
    let centre = look(&office, move |_, exchange| exchange.board().call(call)).await?.map(|call| call.centre);
    if centre.is_some_and(|centre| !visitor.scope.sees(Some(&centre))) {
        witness_refusal(&office, visitor.fact(Deed::Supervise, &id).not(Outcome::Refused, "centre")).await;
        return Err(refused(SuperviseRefused::NoCall));
    }
    look(&office, move |_, exchange| exchange.board().may_supervise(call, &seat)).await?.map_err(refused)?;
    let purpose = format!("supervise: {} by seat {}", how.as_str(), by.0);
    let fact = Fact { purpose: purpose.clone(), ..visitor.fact(Deed::Supervise, &id) };
    witness(&office, fact).await?;
    let row = Access { call, who: visitor.who, purpose, from: Some(visitor.from), at: office.clock.wall() };
    office.journal.record(Entry::Access(row)).await?;
    office.tell(Input::Supervise { call, by, how }).await;
    let after = look(&office, move |_, exchange| exchange.board().call(call)).await?;
    after.map(without_number).map(Json).ok_or_else(|| refused(SuperviseRefused::NoCall))
}

fn refused(why: SuperviseRefused) -> ApiError {
    match why {
        SuperviseRefused::UnknownSeat => ApiError::new(StatusCode::NOT_FOUND, "unknown_seat", why.to_string()),
        SuperviseRefused::NoCall => ApiError::new(StatusCode::NOT_FOUND, "no_call", why.to_string()),
        SuperviseRefused::NoSupervisor => ApiError::new(StatusCode::FORBIDDEN, "no_supervisor", why.to_string()),
        SuperviseRefused::NotFree | SuperviseRefused::Taken => ApiError::conflict("supervise", why.to_string()),
    }
}
