//! `GET /api/recordings/{call}/audio`: a recording as it was sealed; `/play` and `/export`: one WAV of its
//! voices, rendered as it is read. All of them whole or in part.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::asked::{Asked, call};
use super::error::ApiError;
use super::grant::{Wish, granted};
use super::login::Visitor;
use super::on_disk;
use super::send::{Given, Source, send};
use crate::app::Office;
use crate::archive::ENCRYPTED;
use crate::archive::export::{Form, Rendition};
use crate::audit::Deed;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    purpose: Option<String>,
    /// From 1; a recording has further parts only where it outgrew one file.
    part: Option<usize>,
    /// A recording that is not as it was sealed is given to those only who ask for just that (R68).
    #[serde(default)]
    quarantined: bool,
    /// So is one in which a leader is heard (R26).
    #[serde(default)]
    leader: bool,
}

pub async fn download(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<Ask>,
) -> Result<Response, ApiError> {
    let call = call(&id)?;
    let wish = Wish {
        call,
        deed: Deed::Play,
        purpose: ask.purpose,
        form: String::new(),
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: false,
    };
    let sealed = granted(&office, &visitor, &headers, wish).await?;
    let index = ask.part.unwrap_or(1).checked_sub(1);
    let part = index
        .and_then(|index| sealed.parts.get(index))
        .ok_or_else(|| ApiError::missing(format!("the recording has {} parts, counted from 1", sealed.parts.len())))?;
    let tag = format!("\"{}-{}\"", sealed.sha256, index.unwrap_or(0));
    let (shelf, path, name) = (Arc::clone(&office.shelf), part.clone(), file_name(part));
    on_disk(move || {
        let opened = shelf.open(&path, 0, None)?;
        let given = Given { whole: opened.whole, tag, name, inline: false, leaves_out: false };
        let stored = opened.reader.into_inner();
        send(&given, &headers, |start, length| Ok(Box::new(stored.reading(start, length)) as Source))
    })
    .await?
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderAsk {
    purpose: Option<String>,
    form: FormAsk,
    /// From 1, as the side-car lists them.
    participant: Option<usize>,
    /// Also what the citizen did not hear.
    #[serde(default)]
    private: bool,
    #[serde(default)]
    quarantined: bool,
    #[serde(default)]
    leader: bool,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormAsk {
    Mix,
    Channels,
    Participant,
}

impl FormAsk {
    /// The form, and its name.
    pub fn of(self, participant: Option<usize>) -> Result<(Form, String), ApiError> {
        match (self, participant) {
            (Self::Mix, None) => Ok((Form::Mix, "mix".to_owned())),
            (Self::Channels, None) => Ok((Form::Channels, "channels".to_owned())),
            (Self::Participant, Some(number)) => Ok((Form::Participant(number), format!("participant-{number}"))),
            (Self::Mix | Self::Channels, Some(_)) | (Self::Participant, None) => {
                Err(ApiError::bad("participant= goes with form=participant, and only with it"))
            }
        }
    }
}

/// All voices in one channel, each in its own, or one of them: to be heard where one is.
pub async fn play(
    state: State<Office>,
    visitor: Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<RenderAsk>,
) -> Result<Response, ApiError> {
    render(&state.0, &visitor.0, &id, headers, ask, Deed::Play).await
}

/// The same, to be kept.
pub async fn export(
    state: State<Office>,
    visitor: Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<RenderAsk>,
) -> Result<Response, ApiError> {
    render(&state.0, &visitor.0, &id, headers, ask, Deed::Export).await
}

async fn render(
    office: &Office,
    visitor: &Visitor,
    id: &str,
    headers: HeaderMap,
    ask: RenderAsk,
    deed: Deed,
) -> Result<Response, ApiError> {
    let call = call(id)?;
    let (form, name) = ask.form.of(ask.participant)?;
    let wish = Wish {
        call,
        deed,
        purpose: ask.purpose,
        form: name.clone(),
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: ask.private,
    };
    let sealed = granted(office, visitor, &headers, wish).await?;
    let shelf = Arc::clone(&office.shelf);
    on_disk(move || {
        let rendition = Rendition::open(&shelf, &sealed, form, ask.private)?;
        let given = Given {
            whole: rendition.bytes(),
            tag: format!("\"{}-{name}{}\"", sealed.sha256, if ask.private { "-private" } else { "" }),
            name: format!("{call}-{name}.wav"),
            inline: deed == Deed::Play,
            leaves_out: rendition.leaves_out,
        };
        send(&given, &headers, |start, length| Ok(Box::new(rendition.part(start, length))))
    })
    .await?
}

/// `<call>.wav`, `<call>-2.wav`: each call has a folder of its own.
fn file_name(part: &FilePath) -> String {
    let name = |path: Option<&FilePath>| {
        path.and_then(FilePath::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let file = name(Some(part));
    let file = file.strip_suffix(ENCRYPTED).unwrap_or(&file);
    format!("{}{}", name(part.parent()), file.strip_prefix("call").unwrap_or(file))
}
