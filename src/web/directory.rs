//! `GET /api/directory`: who can be brought into a call; `?q=` words that must occur.

use axum::Json;
use axum::extract::State;

use super::asked::{Asked, List};
use super::error::ApiError;
use super::look;
use crate::app::Office;
use crate::call::directory::EntryView;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    #[serde(default)]
    q: String,
}

/// By code, numbers masked (R101).
pub async fn list(State(office): State<Office>, Asked(ask): Asked<Ask>) -> Result<Json<List<EntryView>>, ApiError> {
    let found = look(&office, move |now, exchange| exchange.board().directory(&ask.q, now.wall)).await?;
    Ok(List::whole(found))
}
