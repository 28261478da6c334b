//! `POST /api/reload`: reads the configuration again, as SIGHUP does.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::error::ApiError;
use super::login::{Visitor, witness};
use crate::app::{Office, StartError};
use crate::audit::Deed;

/// Names the seats for which passwords were made. 422 with every fault where something is wrong; nothing has changed then.
pub async fn reload(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Value>, ApiError> {
    witness(&office, visitor.fact(Deed::Reload, "configuration")).await?;
    match office.reload().await {
        Ok(made) => {
            let passwords_made = made.join(", ");
            tracing::info!(who = visitor.who, from = visitor.from, passwords_made, "configuration read again");
            let told = json!({ "reloaded": true });
            Ok(Json(if made.is_empty() { told } else { json!({ "reloaded": true, "passwords_made": made }) }))
        }
        Err(error @ StartError::Config(_)) => {
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "config", error.to_string()))
        }
        Err(error) => Err(ApiError::unavailable("reload", "the configuration cannot be read").because(error)),
    }
}
