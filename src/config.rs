//! `sip-configs/` and `dialplan/` → one checked `Config`; a bad row is refused, naming file and line.
//!
//! Nine files: `sip-configs/{server,trunks,seats}.toml` and
//! `dialplan/{numbers,queues,units,leaders,emergency,retention}.toml`. The shipped examples are compiled in and are what runs where no folder is given.

pub mod cross;
pub mod directory;
pub mod files;
pub mod mirror;
pub mod numbers;
pub mod ports;
pub mod queues;
pub mod retention;
pub mod rows;
pub mod seats;
pub mod server;
pub mod trunks;
pub mod values;

use std::fmt;
use std::path::Path;

use jiff::civil::Date;

use crate::call::directory::Directory;
use crate::rules::numbers::{Merged, NumberPlan};

pub use directory::DeviceContact;
pub use files::Texts;
pub use mirror::MirrorSettings;
pub use ports::PortRange;
pub use queues::{Night, QueueSettings};
pub use retention::RetentionSettings;
pub use seats::{SeatKind, SeatSettings};
pub use server::{CentreSettings, Listen, RecordingFormat, ServerSettings, Serves};
pub use trunks::{FromForm, Identity, NumberForm, Require, Source, Trunk};
pub use values::Secret;

/// Everything the server is told, checked as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub server: ServerSettings,
    /// The city's centre first, then the counties'.
    pub centres: Vec<CentreSettings>,
    /// In the order of the file: `ListenerId(n)` is the n-th.
    pub listens: Vec<Listen>,
    /// Where the second copies go.
    pub mirrors: Vec<MirrorSettings>,
    pub trunks: Vec<Trunk>,
    pub seats: Vec<SeatSettings>,
    pub queues: Vec<QueueSettings>,
    pub night: Option<Night>,
    pub numbers: NumberPlan,
    /// Who can be brought into a call.
    pub directory: Directory,
    pub retention: RetentionSettings,
}

impl Config {
    /// Reads the nine files below `dir`, or the embedded examples where there is none. All faults
    /// of all files are collected; nothing of a faulty configuration is used.
    pub fn load(dir: Option<&Path>) -> Result<Self, Vec<Fault>> {
        match dir {
            Some(dir) => Self::read(&Texts::of(dir)?),
            None => Self::read(&Texts::embedded()),
        }
    }

    /// The shipped examples: a trunk on loopback, three seats, the 28 numbers.
    pub fn embedded() -> Self {
        Self::read(&Texts::embedded()).unwrap_or_else(|faults| unreachable!("the shipped examples: {faults:?}"))
    }

    /// What takes the place of this configuration while the server runs. Beside the faults of the
    /// files, what only a restart can change is refused, so that a reload is whole or nothing.
    pub fn reload(&self, dir: Option<&Path>, merged: &Merged, on: Date) -> Result<Self, Vec<Fault>> {
        let next = Self::load(dir)?;
        let fault = |file: &files::Shipped, reason: String| Fault { file: file.named(dir), line: None, reason };
        let mut faults = Vec::new();
        if self.listens != next.listens {
            faults.push(fault(&files::SERVER, "[[listen]] and rtp_ports change only at a restart".into()));
        }
        if self.mirrors != next.mirrors {
            faults.push(fault(&files::SERVER, "[[mirror]] changes only at a restart".into()));
        }
        if self.server.http != next.server.http {
            faults.push(fault(&files::SERVER, "http changes only at a restart".into()));
        }
        let secrecy = |config: &Self| (config.server.recording_encryption, config.server.master_key_file.clone());
        if secrecy(self) != secrecy(&next) {
            let reason = "recording_encryption and master_key_file change only at a restart".into();
            faults.push(fault(&files::SERVER, reason));
        }
        faults.extend(next.revived(dir, merged, on));
        if faults.is_empty() { Ok(next) } else { Err(faults) }
    }

    /// The numbers that are brought back though they have been merged (R3).
    pub fn revived(&self, dir: Option<&Path>, merged: &Merged, on: Date) -> Vec<Fault> {
        let fault = |(code, since)| {
            let why = format!("{code}: a merged number does not come back (R3), merged since {since}");
            Fault {
                file: files::NUMBERS.named(dir),
                line: None,
                reason: format!("{why}; allow_revive = true overrides"),
            }
        };
        merged.revived_by(&self.numbers, on).into_iter().map(fault).collect()
    }

    /// The same from texts in memory.
    pub fn read(texts: &Texts) -> Result<Self, Vec<Fault>> {
        cross::read(texts)
    }

    /// What is no fault, and yet seldom meant.
    pub fn warnings(&self) -> Vec<&'static str> {
        let calls_out = self.trunks.iter().any(|trunk| !trunk.hosts.is_empty());
        let nobody = (!calls_out).then_some("no trunk has `hosts`: nobody outside can be called, 110 included");
        nobody.into_iter().collect()
    }

    pub fn listen(&self, name: &str) -> Option<&Listen> {
        self.listens.iter().find(|listen| listen.name == name)
    }

    pub fn trunk(&self, name: &str) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// Language → the skill of the group that speaks it (R10).
    pub fn languages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.queues.iter().flat_map(|row| row.languages.iter().map(|language| (language.as_str(), row.skill.as_str())))
    }

    pub fn queue(&self, skill: &str) -> Option<&QueueSettings> {
        self.queues.iter().find(|queue| queue.skill == skill)
    }
}

/// One thing that is wrong in the configuration. Prints as `file:line: reason`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    pub file: String,
    /// From 1; None where the whole file is meant.
    pub line: Option<u32>,
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}: {}", self.file, self.reason),
            None => write!(out, "{}: {}", self.file, self.reason),
        }
    }
}

impl std::error::Error for Fault {}
