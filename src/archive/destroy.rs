//! The only place of the program that removes a recording: after two people have approved its batch, and
//! with a warrant that was made out at that moment (R70). What is left in the call's folder is a tombstone.
//!
//! The tombstone is on disk before the first file goes, so that a crash in between can be gone on from; the
//! audio goes first and the side-car last, and no link is followed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::PartLine;
use super::manifest::key::write_new;
use super::manifest::verify::is_call_folder;
use super::sidecar::SIDE_CAR;
use crate::call::CallId;
use crate::rules::destruction::Warrant;
use crate::time::Wall;

/// Its name in the call's folder.
pub const TOMBSTONE: &str = "call.destroyed.json";
/// More is no tombstone.
const LARGEST: u64 = 4 << 20;
const SEALED: u32 = 0o440;

/// What is known of a recording that is no more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tombstone {
    pub call: CallId,
    pub ticket: Option<String>,
    /// The call's folder, relative to the recordings folder.
    pub path: String,
    pub ended: Wall,
    pub files: Vec<PartLine>,
    /// First local day on which it could be erased, and why.
    pub keep_until: String,
    pub class: String,
    pub basis: String,
    pub batch: String,
    pub proposed_by: String,
    pub approved_by: Vec<String>,
    /// Chinese time, and the same in milliseconds since 1970 UTC.
    pub destroyed: String,
    pub destroyed_at: Wall,
}

/// Destroys what lies in the folder. A second time it does nothing; after a crash it goes on.
pub fn destroy(root: &Path, tombstone: &Tombstone, _warrant: Warrant) -> io::Result<()> {
    let folder = folder(root, &tombstone.path)?;
    if !folder.join(TOMBSTONE).exists() {
        write_new(&folder.join(TOMBSTONE), &serde_json::to_vec_pretty(tombstone)?, SEALED)?;
    }
    finish(root, &tombstone.path)
}

/// Goes on where a crash has left a tombstone beside files.
pub fn finish(root: &Path, path: &str) -> io::Result<()> {
    read(root, path)?;
    let folder = folder(root, path)?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            let why = format!("{} is no file of a recording", entry.path().display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if entry.file_name() != TOMBSTONE {
            files.push(entry.path());
        }
    }
    files.sort_unstable_by_key(|path| (path.file_name().is_some_and(|name| name == SIDE_CAR), path.clone()));
    for file in files {
        fs::remove_file(file)?;
    }
    File::open(&folder)?.sync_all()
}

/// The tombstone in a call's folder. `NotFound` where there is none.
pub fn read(root: &Path, path: &str) -> io::Result<Tombstone> {
    let file = folder(root, path)?.join(TOMBSTONE);
    let there = file.symlink_metadata()?;
    if !there.is_file() || there.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is no tombstone", file.display())));
    }
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

fn folder(root: &Path, path: &str) -> io::Result<PathBuf> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{path:.80}: {why}"));
    if !is_call_folder(path) {
        return Err(refused("no call's folder"));
    }
    let mut whole = root.to_path_buf();
    for part in path.split('/') {
        whole.push(part);
        if !whole.symlink_metadata()?.is_dir() {
            return Err(refused("no folder, and no link is followed"));
        }
    }
    Ok(whole)
}
