//! Sealed recordings: found, checked against their seal, read. Nothing here writes.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::keys::MasterKeys;
use super::sidecar::{PartLine, SIDE_CAR, SideCar};
use super::stored::{Reading, Stored};
use super::sums::{Sums, hash};
use super::{PartName, Sealed};
use crate::call::CallId;
use crate::rules::retention;
use crate::time::Wall;

/// The recordings folder, for reading.
#[derive(Clone, Debug)]
pub struct Shelf {
    root: PathBuf,
    /// For recordings that are encrypted.
    keys: MasterKeys,
}

/// Whether a recording still is what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Verified,
    Changed,
    Missing,
    /// It is there, and the disk does not give it back.
    Unreadable,
}

impl Condition {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// Not the path of a recording: it leads out of the folder, or to another kind of file.
    #[error("{} is no recording", .0.display())]
    NoRecording(PathBuf),
    #[error("recording {} is not there", .0.display())]
    Missing(PathBuf),
    #[error("cannot read recording {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Bytes `start..start + len` of a WAV that is `whole` bytes long, in the clear.
#[derive(Debug)]
pub struct Range {
    pub reader: Reading,
    pub start: u64,
    pub len: u64,
    pub whole: u64,
}

impl Shelf {
    pub fn new(root: PathBuf) -> Self {
        Self { root, keys: MasterKeys::default() }
    }

    pub fn with_keys(self, keys: MasterKeys) -> Self {
        Self { keys, ..self }
    }

    /// Whether the server's own folder lies there: a disk that is not mounted is no lost recording.
    pub fn is_there(&self) -> bool {
        self.root.join(super::lock::FILE).exists()
    }

    /// The sealed recording of `call`. Looks on the day that `started` names where it is known, else
    /// through all days from the newest back.
    pub fn find(&self, call: CallId, started: Option<Wall>) -> Option<Sealed> {
        let name = call.to_string();
        if let Some(started) = started {
            let day = retention::local_day(started);
            let folder = format!("{:04}/{:02}/{:02}/{name}", day.year(), day.month(), day.day());
            return self.sealed(Path::new(&folder));
        }
        super::sweep::days(&self.root).into_iter().find_map(|day| {
            let folder = day.strip_prefix(&self.root).ok()?.join(&name);
            self.sealed(&folder)
        })
    }

    /// The recording in `folder`, relative to the recordings folder, with the sums of its side-car as it is now.
    pub fn sealed(&self, folder: &Path) -> Option<Sealed> {
        let (side_car, own): (SideCar, PartLine) =
            SideCar::read_with_sums(&self.inside(folder).ok()?.join(SIDE_CAR)).ok()?;
        side_car.sealed(folder, own)
    }

    /// The side-car in `folder`, relative to the recordings folder.
    pub fn side_car(&self, folder: &Path) -> Result<SideCar, ShelfError> {
        let path = self.inside(folder)?.join(SIDE_CAR);
        SideCar::read(&path).map_err(|source| unreadable(path, source))
    }

    /// The same as it lies there.
    pub fn side_car_bytes(&self, folder: &Path) -> Result<Vec<u8>, ShelfError> {
        let path = self.inside(folder)?.join(SIDE_CAR);
        fs::read(&path).map_err(|source| unreadable(path, source))
    }

    /// Hashes the files of a recording as they lie there, encrypted or not, and compares them with what was
    /// sealed (R68). Takes as long as reading them does, and no key.
    pub fn verify(&self, sealed: &Sealed) -> Result<Condition, ShelfError> {
        self.verify_at_pace(sealed, &mut |_| Ok(()))
    }

    /// The same; `pace` is told after each piece how many bytes were read, may wait, and may break off.
    pub fn verify_at_pace(
        &self,
        sealed: &Sealed,
        pace: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<Condition, ShelfError> {
        let mut whole = Sums::default();
        for part in sealed.parts.iter().chain(&sealed.tracks) {
            let path = self.audio(part)?;
            let read = File::open(&path).and_then(|file| hash(&file, Some(&mut whole), pace));
            match read.map_err(|source| unreadable(path, source)) {
                Ok(_) => {}
                Err(ShelfError::Missing(_)) => return Ok(Condition::Missing),
                Err(error) => return Err(error),
            }
        }
        let same = !sealed.parts.is_empty() && whole.finish().are(&sealed.sha256, sealed.sm3.as_deref());
        Ok(if same { Condition::Verified } else { Condition::Changed })
    }

    /// Opens part of a sealed file for download, decrypted; `len` None is up to its end. What lies beyond the
    /// end is cut off.
    pub fn open(&self, part: &Path, start: u64, len: Option<u64>) -> Result<Range, ShelfError> {
        let path = self.audio(part)?;
        let open = || {
            let stored = Stored::open(&path, &self.keys)?;
            let whole = stored.len();
            let start = start.min(whole);
            let len = len.unwrap_or(u64::MAX).min(whole - start);
            Ok(Range { reader: stored.reading(start, len), start, len, whole })
        };
        open().map_err(|source| unreadable(path.clone(), source))
    }

    /// A relative path to a sealed audio file, as an absolute one.
    fn audio(&self, part: &Path) -> Result<PathBuf, ShelfError> {
        let named = part.file_name().and_then(|name| name.to_str());
        let sealed = named.is_some_and(|name| !name.ends_with(".part") && PartName::parse(name).is_some());
        if sealed { self.inside(part) } else { Err(ShelfError::NoRecording(part.to_path_buf())) }
    }

    /// Paths come from the database and from requests: only names below the root are followed.
    fn inside(&self, path: &Path) -> Result<PathBuf, ShelfError> {
        let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
        let whole = self.root.join(path);
        let link = fs::symlink_metadata(&whole).is_ok_and(|found| found.is_symlink());
        if plain && !link { Ok(whole) } else { Err(ShelfError::NoRecording(path.to_path_buf())) }
    }
}

fn unreadable(path: PathBuf, source: io::Error) -> ShelfError {
    if source.kind() == io::ErrorKind::NotFound { ShelfError::Missing(path) } else { ShelfError::Io { path, source } }
}
