//! `GET /api/seats`, `POST /api/seats/{no}/ask`, `GET /api/seats/{no}/history`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::asked::{Asked, List, Sent, span};
use super::error::ApiError;
use super::login::{Visitor, witness_refusal};
use super::look;
use crate::app::Office;
use crate::audit::{Deed, Outcome};
use crate::call::{AskRefused, BadCall, SeatAsk, SeatChange, SeatNo, SeatView, ThreewayResult, Verb};
use crate::exchange::Input;
use crate::rules::access::Scope;
use crate::rules::retention::local_text;
use crate::store::Store;
use crate::store::numbering::local_day;
use crate::store::query::Span;
use crate::time::Wall;

/// Longest reason, characters.
const REASON: usize = 100;

/// Those of the visitor's centre (R13).
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<List<SeatView>>, ApiError> {
    Ok(List::whole(seen(&office, &visitor).await?))
}

async fn seen(office: &Office, visitor: &Visitor) -> Result<Vec<SeatView>, ApiError> {
    let mut seats = look(office, |_, exchange| exchange.board().seats()).await?;
    seats.retain(|seat| visitor.scope.sees(Some(&seat.centre)));
    Ok(seats)
}

/// Nobody reads of or commands a seat of another centre.
async fn is_seen(office: &Office, visitor: &Visitor, seat: &SeatNo) -> Result<(), ApiError> {
    let known = visitor.scope == Scope::City || seen(office, visitor).await?.iter().any(|view| view.seat == *seat);
    if known { Ok(()) } else { Err(refused(AskRefused::UnknownSeat)) }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Today unless given.
    day: Option<String>,
}

/// What the seat became on a day (R16), oldest first.
pub async fn history(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(no): Path<String>,
    Asked(ask): Asked<Day>,
) -> Result<Json<List<SeatChange>>, ApiError> {
    is_seen(&office, &visitor, &SeatNo(no.clone())).await?;
    let today = || Span::day(local_day(office.clock.wall()));
    let span = ask.day.as_deref().map_or_else(|| Ok(today()), |day| span(Some(day)))?;
    Ok(List::whole(office.store.seat_history(&SeatNo(no), span).await?))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    ask: Word,
    reason: Option<String>,
    /// Whom to consult, to bring in or to transfer to: a number, or an emergency service by its name.
    to: Option<String>,
    /// What came of the three-way call.
    result: Option<ThreewayResult>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    SignIn,
    SignOut,
    Busy,
    Break,
    Free,
    CallBack,
    BadCall,
    Result,
    Consult,
    Direct,
    Join,
    Swap,
    Drop,
    Leave,
    Transfer,
    Leader,
    Speak,
    Silent,
}

/// The seat as it is afterwards; 409 with the reason where it cannot be had.
pub async fn ask(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(no): Path<String>,
    Sent(wish): Sent<Wish>,
) -> Result<Json<SeatView>, ApiError> {
    let (seat, ask) = (SeatNo(no), wish.read()?);
    is_seen(&office, &visitor, &seat).await?;
    if visitor.seat.as_ref().is_some_and(|own| *own != seat) {
        let fact = visitor.fact(Deed::Request, &format!("seat {}", seat.0)).not(Outcome::Refused, "own_seat");
        witness_refusal(&office, fact).await;
        return Err(ApiError::new(StatusCode::FORBIDDEN, "own_seat", "this account commands its own seat only"));
    }
    let (asks, of) = (ask.clone(), seat.clone());
    look(&office, move |now, exchange| exchange.board().may(now, &of, &asks)).await?.map_err(refused)?;
    if ask == SeatAsk::CallBack {
        somebody_due(&office, &seat).await?;
    }
    office.tell(Input::Ask { seat: seat.clone(), ask }).await;
    let after = look(&office, |_, exchange| exchange.board().seats()).await?;
    after.into_iter().find(|view| view.seat == seat).map(Json).ok_or_else(|| refused(AskRefused::UnknownSeat))
}

/// Err says when the next one is due (R18).
async fn somebody_due(office: &Office, seat: &SeatNo) -> Result<(), ApiError> {
    let open = office.store.callbacks(Wall(i64::MAX)).await?;
    let now = office.clock.wall();
    let next = open.iter().map(|task| task.state.due_from()).filter(|due| *due > now).min();
    let due = open.into_iter().filter(|task| task.state.is_due(now)).map(|task| task.by(seat)).collect::<Vec<_>>();
    let to_call =
        look(office, move |now, exchange| due.iter().any(|wish| exchange.board().is_to_be_called(now, wish))).await?;
    if to_call {
        return Ok(());
    }
    let next = next.map(|at| format!("; the next one is due at {}", local_text(at))).unwrap_or_default();
    Err(ApiError::conflict("nobody_due", format!("nobody is to be called back now{next}")))
}

impl Wish {
    fn read(self) -> Result<SeatAsk, ApiError> {
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON) {
            return Err(ApiError::bad(format!("reason must not be longer than {REASON} characters")));
        }
        let to = || {
            self.to.clone().ok_or_else(|| ApiError::bad("to is missing: the number of the third party (--to NUMBER)"))
        };
        Ok(match self.ask {
            Word::SignIn => SeatAsk::SignIn,
            Word::SignOut => SeatAsk::SignOut,
            Word::Busy => SeatAsk::Busy,
            Word::Break => SeatAsk::Break(reason.unwrap_or("by api").to_owned()),
            Word::Free => SeatAsk::Free,
            Word::CallBack => SeatAsk::CallBack,
            Word::Consult => SeatAsk::Talk(Verb::Consult(to()?)),
            Word::Direct => SeatAsk::Talk(Verb::Direct(to()?)),
            Word::Join => SeatAsk::Talk(Verb::Join),
            Word::Swap => SeatAsk::Talk(Verb::Swap),
            Word::Drop => SeatAsk::Talk(Verb::Drop),
            Word::Leave => SeatAsk::Talk(Verb::Leave),
            Word::Result => SeatAsk::Result(self.result.ok_or_else(|| {
                ApiError::bad(format!(
                    "result is missing: {}",
                    ThreewayResult::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
                ))
            })?),
            Word::Transfer => SeatAsk::Talk(Verb::Transfer(to()?)),
            Word::Leader => SeatAsk::Talk(Verb::Leader),
            Word::Speak => SeatAsk::Talk(Verb::Speak),
            Word::Silent => SeatAsk::Talk(Verb::Silent),
            Word::BadCall => SeatAsk::BadCall(bad_call(reason)?),
        })
    }
}

fn bad_call(reason: Option<&str>) -> Result<BadCall, ApiError> {
    let known = BadCall::ALL.iter().find(|word| Some(word.as_str()) == reason);
    known.copied().ok_or_else(|| {
        let words: Vec<&str> = BadCall::ALL.iter().map(|word| word.as_str()).collect();
        ApiError::bad(format!("the reason of a bad call is one of {}", words.join(", ")))
    })
}

pub fn refused(why: AskRefused) -> ApiError {
    match why {
        AskRefused::UnknownSeat => ApiError::new(StatusCode::NOT_FOUND, "unknown_seat", why.to_string()),
        AskRefused::NoPhone => ApiError::conflict("no_phone", why.to_string()),
        AskRefused::SignedOut
        | AskRefused::InCall
        | AskRefused::NoCall
        | AskRefused::NotTalking
        | AskRefused::NoThird
        | AskRefused::Consulting
        | AskRefused::SecondLine
        | AskRefused::TooMany
        | AskRefused::UnknownParty
        | AskRefused::Closed
        | AskRefused::NotFree
        | AskRefused::NoSession
        | AskRefused::LeaderBusy => ApiError::conflict("seat", why.to_string()),
    }
}
