//! What a request asks, read with errors in our shape; and the shape of a list.

use std::str::FromStr;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use jiff::civil::{Date, DateTime, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::app::Office;
use crate::call::{CallId, Caller};
use crate::privacy::Private;
use crate::rules::dialling::e164;
use crate::store::numbering::day_start;
use crate::store::query::{Cursor, Page, PageAsk, Span};
use crate::time::Wall;

/// The query string.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(refused) => Err(ApiError::bad(refused.body_text())),
        }
    }
}

/// A JSON body.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(sent)) => Ok(Self(sent)),
            Err(refused) => Err(ApiError::new(refused.status(), "bad_request", refused.body_text())),
        }
    }
}

/// `rows`, and the `cursor` of the next page where there is one.
#[derive(Debug, Serialize)]
pub struct List<T> {
    pub rows: Vec<T>,
    pub next: Option<String>,
}

impl<T> List<T> {
    pub fn whole(rows: Vec<T>) -> Json<Self> {
        Json(Self { rows, next: None })
    }

    pub fn page<U>(page: Page<U>, row: impl Fn(U) -> T) -> Json<Self> {
        let next = page.next.map(|cursor| cursor.to_string());
        Json(Self { rows: page.rows.into_iter().map(row).collect(), next })
    }
}

/// `2026-11-24`, a civil day in China; None: all days.
pub fn span(day: Option<&str>) -> Result<Span, ApiError> {
    match day {
        None => Ok(Span::ALL),
        Some(text) => Ok(Span::day(parse::<Date>("day", text, "a day such as 2026-11-24")?)),
    }
}

/// A day, or from a moment to another one.
pub fn stretch(day: Option<&str>, from: Option<&str>, to: Option<&str>) -> Result<Span, ApiError> {
    if day.is_some() && (from.is_some() || to.is_some()) {
        return Err(ApiError::bad("day stands alone, without from and to"));
    }
    let day = span(day)?;
    let from = from.map(|text| moment("from", text)).transpose()?;
    let to = to.map(|text| moment("to", text)).transpose()?;
    Ok(Span { from: from.map_or(day.from, |span| span.from), until: to.map_or(day.until, |span| span.until) })
}

/// `2026-11`, `2026-11-24` or `2026-11-24T08:30`, as long as it lasts in China; a time of day is a moment.
fn moment(name: &str, text: &str) -> Result<Span, ApiError> {
    let wrong = || ApiError::bad(format!("{name} must be a month, a day or a local time: 2026-11-24T08:30"));
    if let Ok(month) = Date::strptime("%Y-%m-%d", format!("{text}-01")) {
        let next = month.last_of_month().tomorrow().map_err(|_| wrong())?;
        return Ok(Span { from: day_start(month), until: day_start(next) });
    }
    if let Ok(day) = Date::strptime("%Y-%m-%d", text) {
        return Ok(Span::day(day));
    }
    let at: DateTime = text.parse().map_err(|_| wrong())?;
    let since = at.duration_since(at.date().to_datetime(Time::midnight()));
    let at = Wall(day_start(at.date()).0.saturating_add(i64::try_from(since.as_millis()).unwrap_or(0)));
    Ok(Span { from: at, until: at })
}

pub fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<PageAsk, ApiError> {
    if limit == Some(0) {
        return Err(ApiError::bad("limit must be a number of rows, 1 at least"));
    }
    let after = cursor.map(|text| parse::<Cursor>("cursor", text, "a cursor of the page before")).transpose()?;
    Ok(PageAsk { rows: limit.unwrap_or(PageAsk::default().rows), after })
}

pub fn call(text: &str) -> Result<CallId, ApiError> {
    parse("call", text, "the 16 hex digits of a call")
}

fn parse<T: FromStr>(name: &str, text: &str, wanted: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::bad(format!("{name} must be {wanted}")))
}

/// What a list may show of a caller (R101).
pub fn hide(caller: &mut Caller) {
    for number in [&mut caller.number, &mut caller.e164] {
        *number = number.as_ref().map(|number| Private::new(number.to_string()));
    }
    caller.raw.clear();
}

/// The caller that a query names, in the writing that the tables have, whatever form was typed.
pub async fn caller(office: &Office, typed: Option<Private<String>>) -> Option<Private<String>> {
    let typed = typed?;
    Some(Private::new(e164(typed.reveal(), &office.area().await)))
}

/// The number as a list may show it (R101).
pub fn masked(caller: &Caller) -> Option<String> {
    caller.number.as_ref().map(ToString::to_string)
}
