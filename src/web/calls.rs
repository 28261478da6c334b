//! `GET /api/calls`: the calls that are up.

use axum::Json;
use axum::extract::State;

use super::asked::{List, hide};
use super::error::ApiError;
use super::look;
use crate::app::Office;
use crate::call::CallView;

/// Oldest first, numbers masked (R101).
pub async fn list(State(office): State<Office>) -> Result<Json<List<CallView>>, ApiError> {
    let calls = look(&office, |_, exchange| exchange.board().calls()).await?;
    Ok(List::whole(calls.into_iter().map(without_number).collect()))
}

fn without_number(mut call: CallView) -> CallView {
    hide(&mut call.caller);
    call
}
