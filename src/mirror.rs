//! The second copy (R71): every sealed recording and every manifest soon after it is there, and every
//! quarter of an hour a set of database, journal, audit log and configuration, to a folder elsewhere or
//! to a store that speaks S3. `restore` makes a hotline of it on an empty machine.
//!
//! What is at the other place, below its prefix:
//! `recordings/2026/11/24/<call>/call.wav` and so on, as in the recordings folder, manifests included;
//! `objects/<sha256>`, whatever sets are made of, once each; `sets/20261124T003000Z.json`, a set: names,
//! sizes and hashes. Nothing that is there is ever written over, and no recording is ever removed.
//!
//! One thread for each place, at the lowest priority and at a bounded pace. What the other side has
//! acknowledged stands in `<data>/mirror/<name>` (`ledger`); without it everything is compared anew, and
//! only what is missing is sent.

mod backlog;
mod folder;
mod ledger;
mod pace;
mod recording;
pub mod restore;
mod run;
mod s3;
mod set;
mod status;

pub use folder::FolderTarget;
pub use pace::Pace;
pub use run::{Mirrors, start};
pub use s3::{Credentials, S3Target};
pub use status::{Shared, Status};

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::config::mirror::{MirrorSettings, Place};
use crate::hex;

/// Bytes in memory at a time.
const BLOCK: usize = 64 * 1024;

/// Where a copy goes. Every call may block for as long as the other side takes.
pub trait Target: Send {
    /// For people: the folder, or endpoint and bucket.
    fn place(&self) -> String;

    /// None: there is no such object.
    fn found(&mut self, key: &str) -> Result<Option<Found>, Fault>;

    /// Makes a new object of it, all of it or none, on the platter when this returns; `Fault::Taken` where
    /// there is one by that name, which is not touched. `keep_until`: first day on which it may be removed.
    fn put(&mut self, key: &str, source: &mut Source<'_>, keep_until: Option<Date>) -> Result<(), Fault>;

    fn read<'a>(&'a mut self, key: &str) -> Result<Box<dyn Read + 'a>, Fault>;

    /// All keys that begin with `under`, which ends with a slash.
    fn keys(&mut self, under: &str) -> Result<Vec<String>, Fault>;

    /// Of `sets/` and `objects/` only.
    fn remove(&mut self, key: &str) -> Result<(), Fault>;

    /// Whether old sets may be removed here.
    fn forgets(&self) -> bool;
}

/// What the other side says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub bytes: u64,
    /// None: it must be read to know.
    pub sha256: Option<String>,
}

/// A file here, and what it must be.
pub struct Source<'a> {
    pub path: &'a Path,
    pub bytes: u64,
    pub sha256: &'a str,
    pub pace: &'a mut Pace,
}

#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not there, full, or failing: worth another try.
    #[error("{place}: {why}")]
    Away { place: String, why: String },
    /// It answers, and says no: wrong credentials, no such bucket, another disk than before.
    #[error("{place} refuses: {why}")]
    Refused { place: String, why: String },
    #[error("{0} is there already")]
    Taken(String),
    /// Other bytes lie there under this name; they stay.
    #[error("{0} is at the other place already, with other content")]
    Conflict(String),
    /// Not what was sealed.
    #[error("{} is not as it was sealed", .0.display())]
    Changed(PathBuf),
    #[error("cannot read {}: {source}", .path.display())]
    Here { path: PathBuf, source: io::Error },
    #[error("the database cannot be copied: {0}")]
    Database(String),
    #[error("the server ends")]
    Ending,
}

impl Fault {
    pub(crate) fn here(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Here { path: path.to_path_buf(), source }
    }

    /// Whether the next object would fare the same.
    const fn is_of_the_place(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Refused { .. } | Self::Ending => true,
            Self::Taken(_) | Self::Conflict(_) | Self::Changed(_) | Self::Here { .. } | Self::Database(_) => false,
        }
    }
}

/// Opens the place that a `[[mirror]]` names. `data`: the server's own folder, where it is remembered
/// which disk it was.
pub fn open(settings: &MirrorSettings, data: &Path) -> Result<Box<dyn Target>, Fault> {
    Ok(match &settings.place {
        Place::Folder(root) => Box::new(FolderTarget::open(root, &ledger::folder(data, &settings.name))?),
        Place::S3(s3) => Box::new(S3Target::open(s3)?),
    })
}

/// Sees to it that `key` holds `source`. True where it was sent, false where it was there.
fn ensure(
    target: &mut dyn Target,
    key: &str,
    source: &mut Source<'_>,
    keep_until: Option<Date>,
) -> Result<bool, Fault> {
    if let Some(found) = target.found(key)? {
        return compare(target, key, &found, source).map(|()| false);
    }
    match target.put(key, source, keep_until) {
        Ok(()) | Err(Fault::Taken(_)) => {}
        Err(fault) => return Err(fault),
    }
    let found = target.found(key)?;
    let missing = || Fault::Away { place: target.place(), why: format!("it took {key} and does not have it") };
    let found = found.ok_or_else(missing)?;
    compare(target, key, &found, source).map(|()| true)
}

/// What the other side has against what was sealed here.
fn compare(target: &mut dyn Target, key: &str, found: &Found, source: &mut Source<'_>) -> Result<(), Fault> {
    let same = found.bytes == source.bytes
        && match &found.sha256 {
            Some(sha256) => sha256 == source.sha256,
            None => {
                let place = target.place();
                let mut there = target.read(key)?;
                let read = sum(&mut *there, &mut source.pace.unbridled()).map_err(|error| match error {
                    Broken::Ending => Fault::Ending,
                    Broken::Io(error) => Fault::Away { place, why: format!("{key}: {error}") },
                })?;
                read.1 == source.sha256
            }
        };
    if same { Ok(()) } else { Err(Fault::Conflict(key.to_owned())) }
}

enum Broken {
    Io(io::Error),
    Ending,
}

/// Size and SHA-256 of what can be read.
fn sum(from: &mut dyn Read, pace: &mut Pace) -> Result<(u64, String), Broken> {
    let (mut sum, mut bytes, mut block) = (Sha256::new(), 0_u64, vec![0; BLOCK]);
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok((bytes, hex::of(&sum.finalize()))),
            Ok(count) => {
                sum.update(block.get(..count).unwrap_or_default());
                bytes = bytes.saturating_add(count as u64);
                pace.take(count as u64).map_err(|_| Broken::Ending)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Broken::Io(error)),
        }
    }
}

/// The same of a file here.
fn sum_of(path: &Path, pace: &mut Pace) -> Result<(u64, String), Fault> {
    let mut file = File::open(path).map_err(Fault::here(path))?;
    sum(&mut file, pace).map_err(|error| match error {
        Broken::Ending => Fault::Ending,
        Broken::Io(source) => Fault::Here { path: path.to_path_buf(), source },
    })
}
