//! Bytes that are given out as they are read: whole, or the range that was asked for (RFC 9110 §14).

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::ApiError;
use super::range::{Wanted, wanted};

/// Read ahead for one client, bytes.
const CHUNK: usize = 128 << 10;

pub type Source = Box<dyn Read + Send>;

/// Something that can be begun anywhere.
pub struct Given {
    /// Its length, bytes.
    pub whole: u64,
    /// The same for the same bytes, and for no others.
    pub tag: String,
    pub name: String,
    /// To be played where it is; otherwise to be kept.
    pub inline: bool,
    /// There is more of it, for those who have the right (R101).
    pub leaves_out: bool,
}

/// `part` reads so many bytes from a place on.
pub fn send(
    given: &Given,
    headers: &HeaderMap,
    part: impl FnOnce(u64, u64) -> io::Result<Source>,
) -> Result<Response, ApiError> {
    let Given { whole, tag, name, .. } = given;
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    // A client that has part of another file wants this one whole.
    let same = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let (status, start, length) = match wanted(range.filter(|_| same), *whole) {
        Wanted::Whole => (StatusCode::OK, 0, *whole),
        Wanted::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, (last - first).saturating_add(1)),
        Wanted::Beyond => {
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "there are no such bytes");
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{whole}"))], error).into_response());
        }
    };
    let how = if given.inline { "inline" } else { "attachment" };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "audio/wav")
        .header(header::CONTENT_LENGTH, length)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_DISPOSITION, format!("{how}; filename=\"{name}\""));
    if status == StatusCode::PARTIAL_CONTENT {
        let last = start + length.saturating_sub(1);
        response = response.header(header::CONTENT_RANGE, format!("bytes {start}-{last}/{whole}"));
    }
    if given.leaves_out {
        response = response.header("x-left-out", "private");
    }
    let source = part(start, length)
        .map_err(|error| ApiError::unavailable("recordings", "the recording cannot be read").because(error))?;
    let body = Body::from_stream(Chunks::Next(source));
    response.body(body).map_err(|error| ApiError::unavailable("audio", "it cannot be sent").because(error))
}

/// A zip file whose length nobody knows before it ends.
pub fn send_zip(name: &str, source: Source) -> Result<Response, ApiError> {
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "application/zip")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    let body = Body::from_stream(Chunks::Next(source));
    response.body(body).map_err(|error| ApiError::unavailable("recordings", "it cannot be sent").because(error))
}

/// A source as a stream that reads one piece ahead. A thread works only while it reads: a client that
/// takes nothing holds none.
enum Chunks {
    /// To be read.
    Next(Source),
    Reading(JoinHandle<(Source, io::Result<Bytes>)>),
    Ended,
}

fn read(mut source: Source) -> Chunks {
    Chunks::Reading(spawn_blocking(move || {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut source).take(CHUNK as u64).read_to_end(&mut chunk).map(|_| Bytes::from(chunk));
        (source, read)
    }))
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut reading = match std::mem::replace(&mut *self, Self::Ended) {
            Self::Next(source) => read(source),
            other => other,
        };
        let Self::Reading(handle) = &mut reading else { return Poll::Ready(None) };
        let Poll::Ready(read_one) = Pin::new(handle).poll(context) else {
            *self = reading;
            return Poll::Pending;
        };
        match read_one {
            Ok((_, Ok(chunk))) if chunk.is_empty() => Poll::Ready(None),
            Ok((source, Ok(chunk))) => {
                *self = read(source);
                Poll::Ready(Some(Ok(chunk)))
            }
            Ok((_, Err(error))) => Poll::Ready(Some(Err(error))),
            Err(ended) => Poll::Ready(Some(Err(io::Error::other(ended)))),
        }
    }
}
