//! `GET /api/audit`: who did what, newest first (R99, R105).

use axum::extract::State;
use axum::{Extension, Json};

use super::asked::{Asked, List, span};
use super::error::ApiError;
use super::login::{Visitor, witness};
use super::on_disk;
use crate::app::Office;
use crate::audit::{Deed, Fact, Outcome, Row, read};
use crate::store::query::PageAsk;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    day: Option<String>,
    who: Option<String>,
    what: Option<Deed>,
    on: Option<String>,
    outcome: Option<Outcome>,
    /// Rows before this one.
    cursor: Option<u64>,
    limit: Option<u32>,
}

/// Reading it is a row of it.
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<List<Row>>, ApiError> {
    let page = PageAsk { rows: ask.limit.unwrap_or(PageAsk::default().rows), after: None };
    let wanted = read::Ask {
        span: span(ask.day.as_deref())?,
        who: ask.who,
        what: ask.what,
        on: ask.on,
        outcome: ask.outcome,
        before: ask.cursor,
        rows: page.size(),
    };
    witness(&office, Fact { purpose: format!("{} rows", wanted.rows), ..visitor.fact(Deed::ReadAudit, "audit") })
        .await?;
    let folder = office.audit.folder().to_owned();
    let unreadable = |error| ApiError::unavailable("audit", "the audit log cannot be read").because(error);
    let (rows, next) = on_disk(move || read::page(&folder, &wanted)).await?.map_err(unreadable)?;
    Ok(Json(List { rows, next: next.map(|seq| seq.to_string()) }))
}
