//! `GET /api/alarms`: those that stand now; with `?day=` all that stood at some time of that day. (R109)

use axum::Json;
use axum::extract::State;

use super::asked::{Asked, List, span};
use super::error::ApiError;
use crate::app::Office;
use crate::store::Store;
use crate::store::query::Alarm;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    day: Option<String>,
}

/// The standing ones oldest first, those of a day newest first.
pub async fn list(State(office): State<Office>, Asked(ask): Asked<Ask>) -> Result<Json<List<Alarm>>, ApiError> {
    if ask.day.is_some() {
        return Ok(List::whole(office.store.alarms(span(ask.day.as_deref())?).await?));
    }
    let standing = office.alarms.standing().into_iter().map(|alarm| Alarm {
        name: alarm.name.to_owned(),
        subject: alarm.subject,
        severity: alarm.severity.to_owned(),
        detail: alarm.detail,
        raised: alarm.since,
        cleared: None,
    });
    Ok(List::whole(standing.collect()))
}
