//! The daily manifest: which recordings were sealed, what their files weigh and sum up to, and what failed.
//! Each names the one before it by its SHA-256 and is signed, so that a stranger can tell years later,
//! from files alone, whether one of them was changed, left out or put in.
//!
//! `<recordings>/manifests/2026/2026-11-24.jsonl`, UTF-8, one JSON object a line: the head, the recordings
//! in the order of their paths, the end. Beside it `….jsonl.sig`, the 64 raw bytes of an Ed25519 signature
//! (RFC 8032) over the file. A day is the local one on which the seal was made, so that a call across
//! midnight, or one sealed after a crash, is listed once.

pub mod chain;
pub mod destroyed;
pub mod folder;
pub mod key;
pub mod verify;

use jiff::civil::Date;

use super::{PartLine, Verdict};
use crate::call::CallId;
use crate::time::Wall;

/// The version of the format that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// Recordings in one manifest; the rest goes into further ones of the same day.
pub const MOST: usize = 20_000;

/// A line.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Head(Head),
    Recording(Listed),
    End(End),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    pub format: u32,
    /// 1, 2, 3 … along the chain.
    pub number: u64,
    #[serde(with = "written_day")]
    pub day: Date,
    pub hotline: String,
    /// None of the very first.
    pub previous: Option<Link>,
    /// Chinese time.
    pub made: String,
    /// Which key signs it.
    pub key: String,
}

/// A manifest, named by the next one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Link {
    pub number: u64,
    #[serde(with = "written_day")]
    pub day: Date,
    pub sha256: String,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listed {
    /// The call's folder, relative to the recordings folder.
    pub path: String,
    pub call: CallId,
    pub ticket: Option<String>,
    /// Chinese time.
    pub started: String,
    pub duration_ms: u64,
    pub verdict: Verdict,
    /// The side-car included.
    pub files: Vec<PartLine>,
}

/// The last line.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct End {
    pub recordings: usize,
    pub bytes: u64,
    /// What could not be recorded, or not at once (R65).
    pub failed: Vec<Failed>,
    /// Another manifest of the same day follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failed {
    pub call: CallId,
    /// Milliseconds since 1970 UTC.
    pub at: Wall,
    pub error: String,
}

/// The whole file. `listed` is put into the order of its paths. Err: it cannot be written as JSON.
pub fn text(
    head: Head,
    mut listed: Vec<Listed>,
    failed: Vec<Failed>,
    more: bool,
) -> Result<Vec<u8>, serde_json::Error> {
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let bytes = listed.iter().flat_map(|one| &one.files).map(|file| file.bytes).fold(0, u64::saturating_add);
    let end = End { recordings: listed.len(), bytes, failed, more };
    let lines = [Line::Head(head)].into_iter().chain(listed.into_iter().map(Line::Recording)).chain([Line::End(end)]);
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// What a file that should be a manifest is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("not UTF-8, or without an end of line at its end")]
    Torn,
    #[error("line {0} is not what should stand there")]
    Line(usize),
    #[error("written in format {0}, which this program does not know")]
    Format(u32),
    #[error("says that it lists {said} recordings, and lists {are}")]
    Count { said: usize, are: usize },
}

/// A manifest with its recordings still as text.
#[derive(Clone, Debug)]
pub struct Read<'a> {
    pub head: Head,
    pub lines: Vec<&'a str>,
    pub end: End,
}

/// Reads a whole file; `Read::recording` reads a line.
pub fn read(bytes: &[u8]) -> Result<Read<'_>, Unreadable> {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')).ok_or(Unreadable::Torn)?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    let count = lines.len();
    let Some(Line::End(end)) = lines.pop().and_then(line) else { return Err(Unreadable::Line(count)) };
    let head = head_of(lines.first().copied().unwrap_or_default())?;
    let lines = lines.split_off(1);
    if end.recordings != lines.len() {
        return Err(Unreadable::Count { said: end.recordings, are: lines.len() });
    }
    Ok(Read { head, lines, end })
}

/// The head in the first line.
pub(super) fn head_of(first: &str) -> Result<Head, Unreadable> {
    match line(first) {
        Some(Line::Head(head)) if head.format == FORMAT => Ok(head),
        Some(Line::Head(head)) => Err(Unreadable::Format(head.format)),
        Some(Line::Recording(_) | Line::End(_)) | None => Err(Unreadable::Line(1)),
    }
}

impl Read<'_> {
    /// The recording in a line; None for anything else.
    pub fn recording(line_of_it: &str) -> Option<Listed> {
        match line(line_of_it)? {
            Line::Recording(listed) => Some(listed),
            Line::Head(_) | Line::End(_) => None,
        }
    }
}

fn line(text: &str) -> Option<Line> {
    serde_json::from_str(text).ok()
}

/// `2026-11-24`, and no other spelling of it.
pub fn day_of(text: &str) -> Option<Date> {
    text.parse().ok().filter(|day: &Date| day.to_string() == text && day.year() > 0)
}

mod written_day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(day)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        let text = String::deserialize(from)?;
        super::day_of(&text).ok_or_else(|| D::Error::custom("no day such as 2026-11-24"))
    }
}
