//! `GET /api/recordings`: the sealed ones. `GET /api/recordings/{call}`: the side-car of one, and
//! `/accesses` below it: who has fetched it.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};

use super::asked::{Asked, List, call, page, span};
use super::error::ApiError;
use super::login::Visitor;
use super::on_disk;
use crate::app::Office;
use crate::archive::sidecar::SideCar;
use crate::call::CallId;
use crate::rules::access::Scope;
use crate::store::Store;
use crate::store::entry::Access;
use crate::store::query::{PageAsk, Recording, RecordingQuery};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Day of the start.
    day: Option<String>,
    call: Option<String>,
    ticket: Option<String>,
    /// Only those that are not as they were sealed.
    #[serde(default)]
    quarantined: bool,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Newest first.
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<List<Recording>>, ApiError> {
    let query = RecordingQuery {
        span: span(ask.day.as_deref())?,
        call: ask.call.as_deref().map(call).transpose()?,
        ticket: ask.ticket,
        centre: visitor.scope.centre().map(str::to_owned),
        quarantined: ask.quarantined,
        page: page(ask.limit, ask.cursor.as_deref())?,
    };
    Ok(List::page(office.store.recordings(&query).await?, |recording| recording))
}

pub async fn one(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<SideCar>, ApiError> {
    let sealed = found(&office, &visitor.scope, call(&id)?).await?.sealed;
    let shelf = Arc::clone(&office.shelf);
    let folder = sealed.path.parent().unwrap_or(FilePath::new("")).to_path_buf();
    Ok(Json(on_disk(move || shelf.side_car(&folder)).await??))
}

/// Who has fetched the recording of a call or tried to, when, and for what. (R99)
pub async fn accesses(State(office): State<Office>, Path(id): Path<String>) -> Result<Json<List<Access>>, ApiError> {
    Ok(List::whole(office.store.accesses(call(&id)?).await?))
}

/// The sealed recording of a call, from the shelf itself where the database does not know (yet). Whose
/// it is only the database knows: a county's centre waits for it (R13).
pub async fn found(office: &Office, scope: &Scope, call: CallId) -> Result<Recording, ApiError> {
    let query = RecordingQuery {
        call: Some(call),
        centre: scope.centre().map(str::to_owned),
        page: PageAsk { rows: 1, after: None },
        ..RecordingQuery::default()
    };
    let known = office.store.recordings(&query).await.ok().and_then(|page| page.rows.into_iter().next());
    let found = match (known, scope) {
        (Some(recording), _) => Some(recording),
        (None, Scope::Centre(_)) => None,
        (None, Scope::City) => {
            let shelf = Arc::clone(&office.shelf);
            let sealed = on_disk(move || shelf.find(call, None)).await?;
            sealed.map(|sealed| Recording { sealed, checked: None, condition: None })
        }
    };
    found.ok_or_else(|| ApiError::missing("there is no sealed recording of this call"))
}
