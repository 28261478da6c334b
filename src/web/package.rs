//! `GET /api/recordings/{call}/package`: a recording with all that proves it, as one zip file.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::asked::{Asked, call};
use super::error::ApiError;
use super::grant::{Wish, granted, purpose};
use super::login::Visitor;
use super::on_disk;
use super::send::send_zip;
use crate::app::Office;
use crate::app::manifest::key_file;
use crate::archive::export::ExportError;
use crate::archive::manifest::folder::Manifests;
use crate::archive::package::{Order, pack};
use crate::audit::Deed;
use crate::store::Store;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    purpose: Option<String>,
    /// Also the files as they were sealed.
    #[serde(default)]
    masters: bool,
    /// Also what the citizen did not hear.
    #[serde(default)]
    private: bool,
    #[serde(default)]
    quarantined: bool,
    #[serde(default)]
    leader: bool,
}

pub async fn package(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<Ask>,
) -> Result<Response, ApiError> {
    let call = call(&id)?;
    let masters = if ask.masters { ", with the sealed files" } else { "" };
    let purpose = purpose(ask.purpose, &headers);
    let wish = Wish {
        call,
        deed: Deed::Export,
        purpose: Some(purpose.clone()),
        form: format!("package{masters}"),
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: ask.private,
    };
    let sealed = granted(&office, &visitor, &headers, wish).await?;
    let ticket = office.store.ticket_of(call).await?.map(|ticket| ticket.number);
    let order = Order {
        sealed,
        ticket,
        masters: ask.masters,
        private: ask.private,
        who: visitor.who,
        purpose,
        made: office.clock.wall(),
    };
    let packed = on_disk(move || {
        let key = Manifests::new(&office.recordings).open_key(&key_file(&office.options.data))?;
        pack(&office.shelf, &office.recordings, key, &order)
    });
    send_zip(&format!("{call}.zip"), Box::new(packed.await?.map_err(|error: ExportError| ApiError::from(error))?))
}
