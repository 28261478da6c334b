//! `GET /api/seats`, `POST /api/seats/{no}/ask`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::asked::{List, Sent};
use super::error::ApiError;
use super::look;
use crate::app::Office;
use crate::call::{AskRefused, SeatAsk, SeatNo, SeatView};
use crate::exchange::Input;

/// Longest reason, characters.
const REASON: usize = 100;

pub async fn list(State(office): State<Office>) -> Result<Json<List<SeatView>>, ApiError> {
    Ok(List::whole(look(&office, |_, exchange| exchange.board().seats()).await?))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    ask: Word,
    reason: Option<String>,
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
}

/// The seat as it is afterwards; 409 with the reason where it cannot be had.
pub async fn ask(
    State(office): State<Office>,
    Path(no): Path<String>,
    Sent(wish): Sent<Wish>,
) -> Result<Json<SeatView>, ApiError> {
    let (seat, ask) = (SeatNo(no), wish.read()?);
    let (asks, of) = (ask.clone(), seat.clone());
    look(&office, move |_, exchange| exchange.board().may(&of, &asks)).await?.map_err(refused)?;
    office.tell(Input::Ask { seat: seat.clone(), ask }).await;
    let after = look(&office, |_, exchange| exchange.board().seats()).await?;
    after.into_iter().find(|view| view.seat == seat).map(Json).ok_or_else(|| refused(AskRefused::UnknownSeat))
}

impl Wish {
    fn read(self) -> Result<SeatAsk, ApiError> {
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON) {
            return Err(ApiError::bad(format!("reason must not be longer than {REASON} characters")));
        }
        Ok(match self.ask {
            Word::SignIn => SeatAsk::SignIn,
            Word::SignOut => SeatAsk::SignOut,
            Word::Busy => SeatAsk::Busy,
            Word::Break => SeatAsk::Break(reason.unwrap_or("by api").to_owned()),
            Word::Free => SeatAsk::Free,
            Word::CallBack => SeatAsk::CallBack,
            Word::BadCall => match reason {
                Some(reason) => SeatAsk::BadCall(reason.to_owned()),
                None => return Err(ApiError::bad("a bad call needs a reason, such as silent or harassing (R35)")),
            },
        })
    }
}

fn refused(why: AskRefused) -> ApiError {
    match why {
        AskRefused::UnknownSeat => ApiError::new(StatusCode::NOT_FOUND, "unknown_seat", why.to_string()),
        AskRefused::SignedOut | AskRefused::InCall | AskRefused::NoCall => ApiError::conflict("seat", why.to_string()),
    }
}
