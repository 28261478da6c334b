//! Recordings on disk: written from the first word, sealed at hang-up, removed only by `destroy`.
//!
//! `start` runs three threads at lowered priority. The *writer* owns all open recordings and takes
//! `Order`s; the *syncer* brings what it wrote to the platter, so that no slow disk holds it up; the
//! *sealer* hashes, renames and reports, several calls at once. A fourth looks for what a crash left
//! behind and ends.
//!
//! On disk, under the recordings folder:
//! `2026/11/24/<call>/call.wav.part, call.json.part` while the call goes on, `call.wav, call.json`
//! once it is sealed; where three people and more were on the line, `p3.wav` and `p3-private.wav`
//! beside them. Where recordings are encrypted these are `call.wav.enc` …, and `call.key` holds their key. `destroy`
//! alone removes files, and leaves `call.destroyed.json` in their place.

pub mod chart;
pub mod cipher;
pub mod destroy;
pub mod disk;
pub mod export;
mod files;
mod hearing;
pub mod keys;
pub mod lock;
pub mod manifest;
mod names;
pub mod package;
mod pages;
mod part;
pub mod peaks;
mod recording;
mod reel;
pub mod rewrap;
mod seal;
pub mod shelf;
pub mod sidecar;
pub mod stored;
pub mod sums;
pub(crate) mod sweep;
mod tape;
mod voices;
mod writer;

pub use names::{Class, ENCRYPTED, PartName, TrackName};
pub use sidecar::PartLine;
pub use writer::{Archive, Figures, SLOW, Settings, Tell, start};

use std::path::PathBuf;

pub use crate::audio::timeline::Heard;
pub use crate::audio::wav::Format;
use crate::call::{CallId, LegId, Mark, MediaFigures, Party};
use crate::time::{Mono, Now, Wall};

/// Which channel of the primary file: left the citizen, right what the citizen hears from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

/// Whose voice it is, and who hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Voice {
    Citizen,
    /// Somebody whom the citizen hears now.
    Heard(LegId),
    /// Somebody whom others hear and the citizen does not: consultation, whisper, briefing.
    Private(LegId),
}

impl Voice {
    pub const fn side(self) -> Side {
        match self {
            Self::Citizen => Side::Left,
            Self::Heard(_) | Self::Private(_) => Side::Right,
        }
    }

    /// None for the citizen.
    pub const fn leg(self) -> Option<LegId> {
        match self {
            Self::Citizen => None,
            Self::Heard(leg) | Self::Private(leg) => Some(leg),
        }
    }
}

/// What media hands over, about every 200 ms per voice.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub heard: Vec<Heard>,
    pub bytes: Vec<u8>,
    /// The same at 16 kHz, two samples for each byte, where all of it was spoken so; else empty.
    pub wide: Vec<i16>,
}

/// To the writer thread. Media uses `try_send` only; what does not fit is counted and becomes a gap.
#[derive(Debug)]
pub enum Order {
    Open {
        call: CallId,
        now: Now,
        folder_day: Wall,
        meta: Box<RecordingMeta>,
    },
    Audio {
        call: CallId,
        voice: Voice,
        batch: Batch,
    },
    /// RTCP sender report: `timestamp` was sampled when the sender's clock showed `ntp` (32.32 s).
    SenderReport {
        call: CallId,
        voice: Voice,
        arrival: Mono,
        ssrc: u32,
        ntp: u64,
        timestamp: u32,
    },
    /// This voice comes from elsewhere from now on (new SDP).
    NewSource {
        call: CallId,
        voice: Voice,
        at: Mono,
        why: &'static str,
    },
    /// The queue was full: this many packets of this voice are missing around `at`.
    Dropped {
        call: CallId,
        voice: Voice,
        at: Mono,
        packets: u32,
    },
    Mark {
        call: CallId,
        at: Mono,
        mark: Mark,
    },
    /// What the media of one party has counted.
    Figures {
        call: CallId,
        leg: LegId,
        figures: MediaFigures,
    },
    Seal {
        call: CallId,
        ended: Wall,
        at: Mono,
    },
    /// Of recordings that are opened from now on.
    Format(Format),
    Stop,
}

/// What the side-car says about the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordingMeta {
    pub hotline: String,
    pub seat: String,
    pub trunk: String,
}

/// From the writer thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Sealed(Box<Sealed>),
    /// Whether a party that could speak for a while was heard at all, at the end of its stay.
    Heard {
        call: CallId,
        party: Party,
        trunk: String,
        heard: bool,
    },
    /// The recording of this call could not be opened or written; the call goes on (R65).
    Failed {
        call: CallId,
        error: String,
    },
}

/// How whole a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// There are gaps, which the side-car lists, or one side sent nothing, or the disk was slow, or
    /// the server died in mid-call.
    Degraded,
    /// There is no audio, or its end is missing, or the disk may have lost some that it had taken.
    Failed,
}

/// A sealed recording, as the side-car and the database hold it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sealed {
    pub call: CallId,
    /// Relative to the recordings folder: `2026/11/24/<call>/call.wav`; further parts after 4 GiB.
    pub path: PathBuf,
    pub parts: Vec<PathBuf>,
    /// Tracks of single persons, where there were three parties and more; all their parts.
    #[serde(default)]
    pub tracks: Vec<PathBuf>,
    pub started: Wall,
    pub ended: Wall,
    pub duration_ms: u64,
    /// Of all files.
    pub bytes: u64,
    /// Of all files, one after the other.
    pub sha256: String,
    /// The same by SM3; None of a recording that was sealed before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm3: Option<String>,
    /// When; None of older ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Wall>,
    /// Every file with sums of its own, the side-car last; empty of older ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PartLine>,
    pub format: String,
    pub verdict: Verdict,
    /// First local day on which it may be erased (R69): `2029-11-25`.
    pub keep_until: String,
    pub gaps: u32,
    /// Repaired after a crash.
    pub recovered: bool,
    /// A leader is heard in it (R26): whoever wants it must ask for just that.
    #[serde(default)]
    pub leader: bool,
}
