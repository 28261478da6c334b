//! `GET /api/reconciliation`: do a day's calls, recordings and tickets fit together? (R65, R110)

use std::time::Duration;

use axum::Json;
use axum::extract::State;

use super::asked::{Asked, span};
use super::error::ApiError;
use crate::app::Office;
use crate::store::reconcile::{Reconciliation, reconcile};
use crate::time::Wall;

/// A seal takes no longer, unless the disk fails; that is a failure then, which is written down.
const SEALING: Duration = Duration::from_secs(60);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Of the calls' answer.
    day: String,
}

pub async fn reconciliation(
    State(office): State<Office>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<Reconciliation>, ApiError> {
    let settled = office.clock.wall().0.saturating_sub(i64::try_from(SEALING.as_millis()).unwrap_or(0));
    Ok(Json(reconcile(office.store.as_ref(), span(Some(&ask.day))?, Wall(settled)).await?))
}
