//! Copies a recording, or a manifest: only what is as it was sealed counts as copied.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::civil::Date;

use super::{Fault, Pace, Source, Target, ensure, sum_of};
use crate::archive::sidecar::{SIDE_CAR, SideCar};

/// Bytes of the recording in `folder`, all of which are at the other place, each with the hash of its
/// seal. The side-car comes last there too: where it is, the recording is whole.
pub(super) fn copy(target: &mut dyn Target, root: &Path, folder: &Path, pace: &mut Pace) -> Result<u64, Fault> {
    let side_car = folder.join(SIDE_CAR);
    let told = SideCar::read(&side_car).map_err(Fault::here(&side_car))?;
    let Some(seal) = &told.seal else { return Err(Fault::Changed(side_car)) };
    let keep_until = seal.keep_until.parse().ok();
    let parts = seal.parts.iter().chain(told.tracks.iter().flat_map(|track| &track.parts));
    let sealed: BTreeMap<&str, &str> = parts.map(|part| (part.file.as_str(), part.sha256.as_str())).collect();
    let names = files(folder)?;
    if let Some(missing) = sealed.keys().find(|name| !names.iter().any(|there| there == *name)) {
        return Err(Fault::Changed(folder.join(missing)));
    }
    let mut bytes = 0_u64;
    let beside = names.iter().filter(|name| *name != SIDE_CAR).map(String::as_str);
    for name in beside.chain([SIDE_CAR]) {
        let path = folder.join(name);
        bytes = bytes.saturating_add(copy_file(target, root, &path, sealed.get(name).copied(), keep_until, pace)?);
    }
    Ok(bytes)
}

/// `sealed`: what it must be; None: as it is now.
pub(super) fn copy_file(
    target: &mut dyn Target,
    root: &Path,
    path: &Path,
    sealed: Option<&str>,
    keep_until: Option<Date>,
    pace: &mut Pace,
) -> Result<u64, Fault> {
    let (bytes, sha256) = match sealed {
        Some(sha256) => (fs::metadata(path).map_err(Fault::here(path))?.len(), sha256.to_owned()),
        None => sum_of(path, pace)?,
    };
    let below = path.strip_prefix(root).unwrap_or(path);
    let key = format!("recordings/{}", below.display());
    let mut source = Source { path, bytes, sha256: &sha256, pace };
    match ensure(target, &key, &mut source, keep_until) {
        Ok(_) => Ok(bytes),
        // What is there may be right and what is here wrong.
        Err(Fault::Conflict(_)) if sealed.is_some() && sum_of(path, pace)?.1 != sha256 => {
            Err(Fault::Changed(path.to_path_buf()))
        }
        Err(fault) => Err(fault),
    }
}

/// What lies in a call's folder, sealed.
fn files(folder: &Path) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Fault::here(folder))? {
        let entry = entry.map_err(Fault::here(folder))?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        names.extend(entry.file_name().into_string().ok().filter(|name| is_file && !name.ends_with(".part")));
    }
    names.sort_unstable();
    Ok(names)
}

/// Every manifest, its signature and the public key below `<recordings>/manifests`, relative to the recordings.
pub(super) fn manifests(root: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root.join("manifests")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                // `.new`: one that is being made.
                Ok(kind) if kind.is_file() && path.extension().is_none_or(|end| end != "new") => {
                    found.extend(path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort_unstable();
    found
}
