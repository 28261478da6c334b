//! `GET /api/mirrors`: how far each second copy is (R71).

use axum::Json;
use axum::extract::State;

use super::asked::List;
use crate::app::Office;
use crate::mirror::Status;

#[derive(serde::Serialize)]
pub struct Row {
    #[serde(flatten)]
    status: Status,
    /// How long the oldest recording has waited, s.
    lag_s: u64,
    /// How old the newest set is, s: what would be lost of tickets.
    set_age_s: u64,
}

/// In the order of the configuration.
pub async fn list(State(office): State<Office>) -> Json<List<Row>> {
    let now = office.clock.wall();
    let row =
        |status: Status| Row { lag_s: status.lag(now).as_secs(), set_age_s: status.set_age(now).as_secs(), status };
    List::whole(office.mirrors.iter().map(|mirror| row(mirror.get())).collect())
}
