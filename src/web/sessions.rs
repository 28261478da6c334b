//! `GET /api/sessions`: what came of leaders' sessions on a day (R27).

use axum::Json;
use axum::extract::State;

use super::asked::{Asked, List, span};
use super::error::ApiError;
use super::look;
use crate::app::Office;
use crate::store::numbering::local_day;
use crate::store::query::Span;
use crate::store::sessions::{SessionReport, sessions};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Of the calls' answer; today unless given.
    day: Option<String>,
}

/// By leader and start; those that are configured for the day and had no call yet as well.
pub async fn list(State(office): State<Office>, Asked(ask): Asked<Ask>) -> Result<Json<List<SessionReport>>, ApiError> {
    let today = || Span::day(local_day(office.clock.wall()));
    let span = ask.day.as_deref().map_or_else(|| Ok(today()), |day| span(Some(day)))?;
    let mut rows = sessions(office.store.as_ref(), span).await?;
    let planned = look(&office, move |_, exchange| exchange.board().sessions_within(span.from, span.until)).await?;
    for session in planned {
        if !rows.iter().any(|row| row.session == session.session) {
            rows.push(SessionReport::of(&session));
        }
    }
    rows.sort_by(|one, other| one.session.cmp(&other.session));
    Ok(List::whole(rows))
}
