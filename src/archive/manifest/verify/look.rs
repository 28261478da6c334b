//! The recordings folder as a verifier meets it: no link is followed, nothing is taken for granted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use jiff::civil::Date;

use super::super::Listed;
use super::super::folder::open_plain;
use super::{Fault, Scope, What};
use crate::archive::destroy::{TOMBSTONE, Tombstone};
use crate::archive::keys::{self, KEY_FILE, NEW_KEY_FILE};
use crate::archive::sidecar::{SIDE_CAR, SideCar};
use crate::archive::sums::hash;
use crate::archive::{ENCRYPTED, PartLine, PartName};
use crate::call::CallId;
use crate::time::Wall;

/// More is no side-car of ours.
const LARGEST_SIDE_CAR: u64 = 64 << 20;

/// `2026/11/24`.
pub(super) fn folder_of(day: Date) -> String {
    format!("{:04}/{:02}/{:02}", day.year(), day.month(), day.day())
}

/// `2026/11/24/<call>` and nothing else: no `..`, no NUL, no other depth.
pub fn is_call_folder(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let [year, month, day, call] = parts.as_slice() else { return false };
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && digits(day, 2) && is_call(call)
}

fn is_call(name: &str) -> bool {
    name.parse::<CallId>().is_ok_and(|call| call.to_string() == name)
}

fn is_file_of_ours(name: &str) -> bool {
    name == SIDE_CAR || (PartName::parse(name).is_some() && !name.ends_with(".part"))
}

/// Bytes read, and what is not as the manifest says.
pub(super) fn recording(root: &Path, listed: &Listed) -> (u64, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut read = 0_u64;
    if let Some(link) = link_on_the_way(root, &listed.path) {
        faults.push(fault(What::Unreadable, link, "it is a link, which is not followed"));
        return (0, faults);
    }
    let folder = root.join(&listed.path);
    let buried = folder.join(TOMBSTONE).symlink_metadata().is_ok();
    for line in &listed.files {
        let path = format!("{}/{}", listed.path, line.file);
        if !is_file_of_ours(&line.file) {
            let path = format!("{}/{:.80}", listed.path, line.file.escape_debug());
            faults.push(fault(What::Unreadable, path, "the manifest lists it, and it is no file of a recording"));
            continue;
        }
        match file(&folder.join(&line.file), line) {
            Ok((bytes, None)) => read = read.saturating_add(bytes),
            Ok((bytes, Some(why))) => {
                read = read.saturating_add(bytes);
                faults.push(fault(What::Changed, path, &why));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let why = if buried {
                    "a tombstone is here, and no signed record of its destruction"
                } else {
                    "the manifest lists it"
                };
                faults.push(fault(What::Missing, path, why));
            }
            Err(error) => faults.push(fault(What::Unreadable, path, &error.to_string())),
        }
    }
    let known: BTreeSet<&str> = listed.files.iter().map(|line| line.file.as_str()).collect();
    let is_encrypted = listed.files.iter().any(|line| line.file.ends_with(ENCRYPTED));
    if is_encrypted && let Err(error) = keys::look(&folder) {
        let what = if error.kind() == io::ErrorKind::NotFound { What::Missing } else { What::Unreadable };
        let why = format!("without it the recording cannot be decrypted: {error}");
        faults.push(fault(what, format!("{}/{KEY_FILE}", listed.path), &why));
    }
    // No manifest lists a key: a new master key wraps it anew. What it opens is listed.
    let is_key = |name: &str| is_encrypted && (name == KEY_FILE || name == NEW_KEY_FILE);
    for name in names(&folder).into_iter().filter(|name| !known.contains(name.as_str()) && !is_key(name)) {
        faults.push(fault(What::Added, format!("{}/{name}", listed.path), "the manifest does not list it"));
    }
    (read, faults)
}

/// What is not as the signed record of its destruction says.
pub(super) fn destroyed(root: &Path, listed: &Listed, tombstone: &Tombstone) -> Vec<Fault> {
    let mut faults = Vec::new();
    if listed.files != tombstone.files || listed.call != tombstone.call {
        let why = format!("the record of its destruction, {}, is about other files", tombstone.batch);
        faults.push(fault(What::Changed, listed.path.clone(), &why));
    }
    let there = names(&root.join(&listed.path));
    if !there.iter().any(|name| name == TOMBSTONE) {
        let why = format!("destroyed by {}: its tombstone should be here", tombstone.batch);
        faults.push(fault(What::Missing, format!("{}/{TOMBSTONE}", listed.path), &why));
    }
    for name in there.into_iter().filter(|name| name != TOMBSTONE) {
        let why = format!("destroyed by {}, says the record, and it is here", tombstone.batch);
        faults.push(fault(What::Added, format!("{}/{name}", listed.path), &why));
    }
    faults
}

/// Bytes read, and how the file differs from its line.
fn file(path: &Path, line: &PartLine) -> io::Result<(u64, Option<String>)> {
    let file = open_plain(path)?;
    let there = file.metadata()?.len();
    if there != line.bytes {
        return Ok((0, Some(format!("{there} bytes instead of {}", line.bytes))));
    }
    let (bytes, hashes) = hash(&file, None, &mut |_| Ok(()))?;
    let differs = |sum: &str| Some(format!("{sum} differs"));
    let sm3 = line.sm3.as_ref().is_some_and(|sm3| *sm3 != hashes.sm3);
    Ok(match (hashes.sha256 != line.sha256, sm3) {
        (false, false) => (bytes, None),
        (true, false) => (bytes, differs("SHA-256")),
        (false, true) => (bytes, differs("SM3")),
        (true, true) => (bytes, differs("SHA-256 and SM3")),
    })
}

/// The first folder of the path that is a link.
fn link_on_the_way(root: &Path, path: &str) -> Option<String> {
    let mut so_far = String::new();
    path.split('/').find_map(|part| {
        so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}/{part}") };
        let found = fs::symlink_metadata(root.join(&so_far)).ok()?;
        found.is_symlink().then(|| so_far.clone())
    })
}

/// The calls' folders in scope, relative to the recordings folder, and what lies among them and is none.
pub(super) fn in_scope(root: &Path, scope: &Scope) -> (Vec<String>, Vec<(String, &'static str)>) {
    let mut found = (Vec::new(), Vec::new());
    match scope {
        Scope::Everything => {
            // Whatever else the owner keeps at the top is not ours.
            for year in names(root).into_iter().filter(|name| is_number(name, 4)) {
                walk(root, &year, &mut found);
            }
        }
        Scope::Year(year) => walk(root, &format!("{year:04}"), &mut found),
        Scope::Day(day) => walk(root, &folder_of(*day), &mut found),
        Scope::Recording(path) => {
            if root.join(path).symlink_metadata().is_ok_and(|there| there.is_dir()) {
                found.0.push(path.clone());
            }
        }
    }
    found
}

fn walk(root: &Path, path: &str, found: &mut (Vec<String>, Vec<(String, &'static str)>)) {
    let depth = path.split('/').count();
    let Ok(there) = fs::symlink_metadata(root.join(path)) else { return };
    if !there.is_dir() {
        return found.1.push((path.to_owned(), "it is no folder, and no link is followed"));
    }
    if depth == 4 {
        return found.0.push(path.to_owned());
    }
    for name in names(&root.join(path)) {
        let below = format!("{path}/{name}");
        let fits = if depth == 3 { is_call(&name) } else { is_number(&name, 2) };
        if fits {
            walk(root, &below, found);
        } else {
            found.1.push((below, "it belongs to no recording"));
        }
    }
}

fn is_number(name: &str, digits: usize) -> bool {
    name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// In their order; a name that is no UTF-8 as far as it can be shown.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// When a recording that no manifest lists was sealed, by its own account.
pub(super) enum Sealed {
    /// It is being recorded, or waits for its seal.
    Running,
    At(Wall),
    Unknown,
}

pub(super) fn sealed_on(folder: &Path) -> Sealed {
    if names(folder).iter().any(|name| name.ends_with(".part")) {
        return Sealed::Running;
    }
    let path = folder.join(SIDE_CAR);
    let small = open_plain(&path).and_then(|file| file.metadata()).is_ok_and(|file| file.len() <= LARGEST_SIDE_CAR);
    let seal = if small { SideCar::read(&path).ok().and_then(|side_car| side_car.seal) } else { None };
    seal.map_or(Sealed::Unknown, |seal| Sealed::At(seal.sealed_at.unwrap_or(seal.ended)))
}

fn fault(what: What, path: String, why: &str) -> Fault {
    Fault { what, path, why: why.to_owned() }
}
