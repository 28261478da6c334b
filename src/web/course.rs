//! `GET /api/recordings/{call}/timeline`: who was on the line when, and what is missing.
//! `GET /api/recordings/{call}/peaks`: how loud it is along the same time; a look at the sound, and so like
//! hearing it.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};

use super::asked::{Asked, call};
use super::audio::FormAsk;
use super::error::ApiError;
use super::grant::{Wish, granted};
use super::login::Visitor;
use super::on_disk;
use super::recordings::found;
use crate::app::Office;
use crate::archive::chart::{Chart, Sight};
use crate::archive::export::{ExportError, Rendition};
use crate::archive::peaks::{self, Lane};
use crate::audit::Deed;
use crate::call::CallId;
use crate::rules::access::Right;

/// Buckets where nobody says how many.
const BUCKETS: usize = 1_000;

/// What the visitor has no right to is left out, and said to be (R101).
pub async fn timeline(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<Chart>, ApiError> {
    let sealed = found(&office, &visitor.scope, call(&id)?).await?.sealed;
    let sight = Sight { private: visitor.may(Right::HearPrivate), leader: visitor.may(Right::HearLeader) };
    let shelf = Arc::clone(&office.shelf);
    let folder = sealed.path.parent().unwrap_or(FilePath::new("")).to_path_buf();
    let side_car = on_disk(move || shelf.side_car(&folder)).await??;
    Ok(Json(Chart::of(&side_car, sight)))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    purpose: Option<String>,
    buckets: Option<usize>,
    form: Option<FormAsk>,
    participant: Option<usize>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    quarantined: bool,
    #[serde(default)]
    leader: bool,
}

#[derive(serde::Serialize)]
pub struct Peaks {
    call: CallId,
    duration_ms: u64,
    /// Each a lane of as many buckets.
    lanes: Vec<Lane>,
    left_out: Vec<&'static str>,
}

/// The lowest and the highest sample of each bucket; a lane for each participant unless another form is asked for.
pub async fn peaks(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<Ask>,
) -> Result<Json<Peaks>, ApiError> {
    let call = call(&id)?;
    let (form, name) = ask.form.unwrap_or(FormAsk::Channels).of(ask.participant)?;
    let buckets = ask.buckets.unwrap_or(BUCKETS);
    if buckets == 0 || buckets > peaks::MOST {
        return Err(ApiError::bad(format!("buckets= is 1 to {}", peaks::MOST)));
    }
    let wish = Wish {
        call,
        deed: Deed::Play,
        purpose: ask.purpose,
        form: format!("peaks of {name}"),
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: ask.private,
    };
    let sealed = granted(&office, &visitor, &headers, wish).await?;
    let (shelf, recent) = (Arc::clone(&office.shelf), Arc::clone(&office.peaks));
    let made = on_disk(move || {
        let rendition = Rendition::open(&shelf, &sealed, form, ask.private)?;
        let sound = format!("{call} {} {name} {}", sealed.sha256, ask.private);
        let lanes = recent.peaks(&sound, &rendition, buckets)?.to_vec();
        let left_out = if rendition.leaves_out { vec!["private"] } else { Vec::new() };
        Ok::<_, ExportError>(Peaks { call, duration_ms: rendition.frames() / 8, lanes, left_out })
    });
    Ok(Json(made.await??))
}
