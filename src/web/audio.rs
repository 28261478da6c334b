//! `GET /api/recordings/{call}/audio`: a recording as it was sealed, whole or in part; `/export`: one
//! WAV of its voices. Both want a purpose, and the access row is on disk before the first byte goes
//! out (R99).

use std::fs::File;
use std::io::{self, Read, Seek, Take};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FilePath, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::task::{JoinHandle, spawn_blocking};

use super::asked::{Asked, call};
use super::error::ApiError;
use super::login::{self, Visitor, witness, witness_refusal};
use super::on_disk;
use super::range::{Wanted, wanted};
use super::recordings::found;
use super::tickets::PURPOSE;
use crate::app::Office;
use crate::archive::Sealed;
use crate::archive::export::{self, ExportError, Form};
use crate::archive::shelf::Condition;
use crate::audit::{Deed, Fact, Outcome};
use crate::call::CallId;
use crate::rules::access::Right;
use crate::store::Store;
use crate::store::entry::{Access, Entry};

/// Read ahead for one client, bytes.
const CHUNK: usize = 128 << 10;
/// What is written behind a purpose, characters at most.
const HOW: usize = 100;

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
    let access = Wish {
        call,
        deed: Deed::Play,
        purpose: ask.purpose,
        how: String::new(),
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: false,
    };
    let sealed = granted(&office, &visitor, &headers, access).await?;
    let index = ask.part.unwrap_or(1).checked_sub(1);
    let part = index
        .and_then(|index| sealed.parts.get(index))
        .ok_or_else(|| ApiError::missing(format!("the recording has {} parts, counted from 1", sealed.parts.len())))?;
    let tag = format!("\"{}-{}\"", sealed.sha256, index.unwrap_or(0));
    send(&office, part.clone(), &tag, &headers).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportAsk {
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
enum FormAsk {
    Mix,
    Channels,
    Participant,
}

/// All voices in one channel, each in its own, or one of them.
pub async fn export(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(ask): Asked<ExportAsk>,
) -> Result<Response, ApiError> {
    let call = call(&id)?;
    let (form, name) = match (ask.form, ask.participant) {
        (FormAsk::Mix, None) => (Form::Mix, "mix".to_owned()),
        (FormAsk::Channels, None) => (Form::Channels, "channels".to_owned()),
        (FormAsk::Participant, Some(number)) => (Form::Participant(number), format!("participant-{number}")),
        (FormAsk::Mix | FormAsk::Channels, Some(_)) | (FormAsk::Participant, None) => {
            return Err(ApiError::bad("participant= goes with form=participant, and only with it"));
        }
    };
    let private = if ask.private { ", with what the citizen did not hear" } else { "" };
    let how = format!(" ({name}{private})");
    let access = Wish {
        call,
        deed: Deed::Export,
        purpose: ask.purpose,
        how,
        quarantined: ask.quarantined,
        leader: ask.leader,
        private: ask.private,
    };
    let sealed = granted(&office, &visitor, &headers, access).await?;
    let (shelf, data) = (Arc::clone(&office.shelf), office.options.data.clone());
    let file = on_disk(move || {
        let mut file = nameless(&data)?;
        export::render(&shelf, &sealed, form, ask.private, io::BufWriter::new(&mut file))?;
        file.rewind()?;
        Ok::<_, ExportError>(file)
    })
    .await??;
    let length = file.metadata().map_err(ExportError::Io)?.len();
    let name = format!("attachment; filename=\"{call}-{name}.wav\"");
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "audio/wav")
        .header(header::CONTENT_LENGTH, length)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_DISPOSITION, name);
    let body = Body::from_stream(Chunks { next: Some(read(file.take(length))) });
    response.body(body).map_err(|error| ApiError::unavailable("audio", "it cannot be sent").because(error))
}

/// A file that is gone when it is closed, even by a crash.
fn nameless(folder: &FilePath) -> io::Result<File> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let path = folder.join(format!("export-{}-{}.wav", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// What somebody wants to hear.
struct Wish {
    call: CallId,
    deed: Deed,
    purpose: Option<String>,
    /// Goes behind the purpose.
    how: String,
    quarantined: bool,
    leader: bool,
    /// Also what the citizen did not hear.
    private: bool,
}

/// The recording, for somebody who has told a purpose and has each right that it takes. Whatever comes
/// of it is written down first: in the audit log, and for a call that was, with the accesses to it.
async fn granted(office: &Office, visitor: &Visitor, headers: &HeaderMap, wish: Wish) -> Result<Sealed, ApiError> {
    let recording = found(office, &visitor.scope, wish.call).await;
    // A request may name any call; only one that was ever up has accesses.
    let exists = recording.is_ok() || !matches!(office.store.ticket_of(wish.call).await, Ok(None));
    let given = wish.purpose.clone().or_else(|| login::text(headers, "x-purpose")).unwrap_or_default();
    let purpose = given.trim();
    let of_leader = recording.as_ref().is_ok_and(|recording| recording.sealed.leader);
    let leader = if of_leader { " (a leader's call)" } else { "" };
    let told = format!("{purpose}{}{leader}", wish.how);
    let fact = visitor.fact(wish.deed, &wish.call.to_string());
    let fact = Fact { purpose: told.chars().take(PURPOSE + HOW).collect(), ..fact };

    if let Some((reason, text, error)) = refusal(visitor, &wish, purpose, of_leader) {
        witness_refusal(office, fact.not(Outcome::Refused, reason)).await;
        // Attempts count too.
        if exists {
            note(office, visitor, wish.call, &format!("refused: {text}")).await?;
        }
        return Err(error);
    }
    let held = recording.as_ref().is_ok_and(|recording| recording.is_quarantined() && !wish.quarantined);
    let outcome = match &recording {
        Err(_) => fact.not(Outcome::Failed, "not_found"),
        Ok(_) if held => fact.not(Outcome::Refused, "quarantined"),
        Ok(_) => fact,
    };
    witness(office, outcome).await?;
    if exists {
        note(office, visitor, wish.call, &told).await?;
    }
    let recording = recording?;
    if held {
        let condition = recording.condition.map_or("", Condition::as_str);
        let text =
            format!("the recording is under quarantine ({condition}): it is given out with quarantined=true only");
        return Err(ApiError::conflict("quarantined", text));
    }
    Ok(recording.sealed)
}

/// Why it is not given out, as a code for the audit log and as words for the accesses.
fn refusal(
    visitor: &Visitor,
    wish: &Wish,
    purpose: &str,
    of_leader: bool,
) -> Option<(&'static str, &'static str, ApiError)> {
    if purpose.is_empty() || purpose.chars().count() > PURPOSE {
        let text = format!("a recording is given out for a purpose only: ?purpose= or X-Purpose, {PURPOSE} characters");
        return Some(("purpose", "no purpose", ApiError::new(StatusCode::BAD_REQUEST, "purpose", text)));
    }
    for (asked, right) in [(wish.private, Right::HearPrivate), (of_leader, Right::HearLeader)] {
        if asked && !visitor.may(right) {
            return Some((right.as_str(), "no right to that part", visitor.lacks(right)));
        }
    }
    if of_leader && !wish.leader {
        let text = "a leader is heard in this recording: it is given out with leader=true only, which is written down";
        return Some(("leader", "a leader is heard in it", ApiError::new(StatusCode::FORBIDDEN, "leader", text)));
    }
    None
}

async fn note(office: &Office, visitor: &Visitor, call: CallId, purpose: &str) -> Result<(), ApiError> {
    let row = Access {
        call,
        who: visitor.who.clone(),
        purpose: purpose.to_owned(),
        from: Some(visitor.from.clone()),
        at: office.clock.wall(),
    };
    office.journal.record(Entry::Access(row)).await?;
    Ok(())
}

async fn send(office: &Office, part: PathBuf, tag: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let (shelf, path) = (Arc::clone(&office.shelf), part.clone());
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // A client that has part of another file wants this one whole.
    let same = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let range = range.filter(|_| same);
    let (wanted, opened) = on_disk(move || {
        let whole = shelf.open(&path, 0, None)?;
        let wanted = wanted(range.as_deref(), whole.whole);
        match wanted {
            Wanted::Part { first, last } => {
                shelf.open(&path, first, Some((last - first).saturating_add(1))).map(|part| (wanted, part))
            }
            Wanted::Whole | Wanted::Beyond => Ok((wanted, whole)),
        }
    })
    .await??;
    let whole = opened.whole;
    let (status, content_range) = match wanted {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, Some(format!("bytes {first}-{last}/{whole}"))),
        Wanted::Beyond => {
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "there are no such bytes");
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{whole}"))], error).into_response());
        }
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "audio/wav")
        .header(header::CONTENT_LENGTH, opened.len)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&part)));
    if let Some(content_range) = content_range {
        response = response.header(header::CONTENT_RANGE, content_range);
    }
    let body = Body::from_stream(Chunks { next: Some(read(opened.reader)) });
    response.body(body).map_err(|error| ApiError::unavailable("audio", "it cannot be sent").because(error))
}

/// `<call>.wav`, `<call>-2.wav`: each call has a folder of its own.
fn file_name(part: &FilePath) -> String {
    let name = |path: Option<&FilePath>| {
        path.and_then(FilePath::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let file = name(Some(part));
    format!("{}{}", name(part.parent()), file.strip_prefix("call").unwrap_or(&file))
}

type Chunk = (Take<File>, io::Result<Bytes>);

/// A file as a stream that reads one piece ahead. A thread works only while it reads: a client that
/// takes nothing holds none.
struct Chunks {
    next: Option<JoinHandle<Chunk>>,
}

fn read(mut file: Take<File>) -> JoinHandle<Chunk> {
    spawn_blocking(move || {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut piece = (&mut file).take(CHUNK as u64);
        let read = piece.read_to_end(&mut chunk).map(|_| Bytes::from(chunk));
        (file, read)
    })
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(reading) = self.next.as_mut() else { return Poll::Ready(None) };
        let read_one = std::task::ready!(Pin::new(reading).poll(context));
        self.next = None;
        match read_one {
            Ok((_, Ok(chunk))) if chunk.is_empty() => Poll::Ready(None),
            Ok((file, Ok(chunk))) => {
                self.next = Some(read(file));
                Poll::Ready(Some(Ok(chunk)))
            }
            Ok((_, Err(error))) => Poll::Ready(Some(Err(error))),
            Err(ended) => Poll::Ready(Some(Err(io::Error::other(ended)))),
        }
    }
}
