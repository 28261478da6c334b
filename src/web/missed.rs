//! `GET /api/missed`: calls that no seat answered (R17). `GET /api/callbacks`: whom the hotline owes
//! a call now (R18). Numbers masked: it is the system that dials.

use axum::extract::State;
use axum::{Extension, Json};

use super::asked::{Asked, List, caller, hide, page, span};
use super::error::ApiError;
use super::login::Visitor;
use crate::app::Office;
use crate::call::MissedCall;
use crate::privacy::Private;
use crate::store::Store;
use crate::store::query::{CallbackTask, MissedQuery};
use crate::time::Wall;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Day of the arrival.
    day: Option<String>,
    caller: Option<Private<String>>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Newest first.
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<List<MissedCall>>, ApiError> {
    let query = MissedQuery {
        span: span(ask.day.as_deref())?,
        caller: caller(&office, ask.caller).await,
        centre: visitor.scope.centre().map(str::to_owned),
        page: page(ask.limit, ask.cursor.as_deref())?,
    };
    Ok(List::page(office.store.missed(&query).await?, without_number))
}

fn without_number(mut missed: MissedCall) -> MissedCall {
    hide(&mut missed.caller);
    missed
}

#[derive(Debug, serde::Serialize)]
pub struct Owed {
    /// The first missed call; names the task.
    task: String,
    caller: String,
    code: String,
    first_missed: Wall,
    last_missed: Wall,
    /// From when on it is to be called back.
    due: Wall,
    misses: u32,
    /// Calls back made in vain.
    attempts: u32,
    last_attempt: Option<Wall>,
}

impl From<CallbackTask> for Owed {
    fn from(task: CallbackTask) -> Self {
        Self {
            task: task.task.to_string(),
            caller: task.caller.to_string(),
            code: task.code,
            first_missed: task.state.first_missed,
            last_missed: task.state.last_missed,
            due: task.state.due_from(),
            misses: task.state.misses,
            attempts: task.state.attempts,
            last_attempt: task.state.last_attempt,
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Also those that are not due yet.
    #[serde(default)]
    open: bool,
}

/// Longest waiting first.
pub async fn callbacks(State(office): State<Office>, Asked(ask): Asked<Which>) -> Result<Json<List<Owed>>, ApiError> {
    let at = if ask.open { Wall(i64::MAX) } else { office.clock.wall() };
    let due = office.store.callbacks(at).await?;
    Ok(List::whole(due.into_iter().map(Owed::from).collect()))
}
