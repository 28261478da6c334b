//! `/healthz`: the process lives. `/readyz`: it takes calls and can write them down.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::look;
use crate::app::Office;

pub async fn lives() -> &'static str {
    "ok\n"
}

/// 503 with the reasons while draining, or while journal, database or signalling does not work.
pub async fn ready(State(office): State<Office>) -> Response {
    let mut not = Vec::new();
    match look(&office, |_, exchange| exchange.board().draining()).await {
        Ok(draining) if draining || office.is_draining() => not.push("draining"),
        Ok(_) => {}
        Err(_) => not.push("signalling"),
    }
    // What exactly fails is in the alarms, which want the token.
    if office.journal.health().failing.is_some() {
        not.push("journal");
    }
    if office.progress.standing().failing.is_some() {
        not.push("database");
    }
    if not.is_empty() {
        return Json(json!({ "ready": true })).into_response();
    }
    let error = format!("not ready: {}", not.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "error": error, "code": "not_ready" })))
        .into_response()
}
