//! After a crash: what was being recorded is repaired, sealed and reported like any other.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, UNIX_EPOCH};

use super::disk::Disk;
use super::keys::{DataKey, MasterKeys};
use super::names::{PartName, TrackName};
use super::pages::{Lock, Rescued, rescue};
use super::part::{Part, State};
use super::seal::Unsealed;
use super::sidecar::{Mark, SideCar, TrackLine, Trouble, What, millis};
use super::sums::{Sums, hash};
use super::writer::{Figures, Live, Tell};
use super::{Done, RecordingMeta, Verdict};
use crate::audio::wav::{self, Format, Layout};
use crate::call::CallId;
use crate::time::Wall;

/// Where a crash may have left something, and what it takes to read it.
pub(super) struct Ruins {
    pub(super) root: PathBuf,
    pub(super) keys: MasterKeys,
    pub(super) disk: Arc<dyn Disk>,
}

/// Looks through all days, the newest first, and sends what is not sealed to the sealer. Calls in
/// `live` are left alone.
pub(super) fn run(ruins: &Ruins, live: &Live, figures: &Figures, tell: &Tell, seals: &Sender<Unsealed>) {
    for folder in days(&ruins.root).into_iter().flat_map(|day| newest_first(&day)) {
        let Some(call) = folder.file_name().and_then(|name| name.to_str()?.parse::<CallId>().ok()) else { continue };
        if live.ending() {
            return;
        }
        // Asked again after the look: a call may have opened in between.
        if live.calls().contains(&call) || !has_part(&folder) || live.calls().contains(&call) {
            continue;
        }
        match orphan(ruins, &folder, call) {
            Ok(Some(orphan)) => {
                tracing::warn!(%call, frames = orphan.frames, "a recording was cut off by a crash; sealing it");
                live.calls().insert(call);
                figures.sealing.fetch_add(1, Ordering::Relaxed);
                if seals.send(orphan).is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => {
                figures.failed.fetch_add(1, Ordering::Relaxed);
                let error = format!("cannot repair {}: {error}", folder.display());
                tracing::error!(%call, error, "what a crash left of a recording stays as it is");
                tell(Done::Failed { call, error });
            }
        }
    }
}

/// The folders `year/month/day`, newest first.
pub(crate) fn days(root: &Path) -> Vec<PathBuf> {
    let years = newest_first(root);
    years.iter().flat_map(|year| newest_first(year)).flat_map(|month| newest_first(&month)).collect()
}

/// The sub-folders whose names are numbers (of any base), the highest first.
pub(super) fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let number = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(number))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort_unstable_by(|a, b| b.cmp(a));
    folders
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn has_part(folder: &Path) -> bool {
    names(folder).iter().any(|name| name.ends_with(".part"))
}

/// What a crash left in `folder`, with headers that tell the truth; None where there is no audio file.
fn orphan(ruins: &Ruins, folder: &Path, call: CallId) -> io::Result<Option<Unsealed>> {
    let known = SideCar::in_folder(folder);
    let otherwise = known.as_ref().map_or(Format::Alaw, |side_car| side_car.format);
    let mut found: Vec<PartName> = names(folder).iter().filter_map(|name| PartName::parse(name)).collect();
    found.sort_unstable();
    found.dedup();
    if found.first().is_none_or(|first| !first.is_primary()) {
        return Ok(None);
    }
    let (mut parts, mut frames, mut format, mut touched) = (Vec::new(), 0, otherwise, UNIX_EPOCH);
    let mut tracks: BTreeMap<TrackName, Found> = BTreeMap::new();
    let mut damage = Vec::new();
    for (name, expected) in found.iter().zip(without_holes(&found)) {
        if *name != expected {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{expected} is missing")));
        }
        let layout = name.track.map_or(otherwise.stereo(), |track| layout_of(known.as_ref(), track, otherwise));
        let Opened { part, repair, lost } = open(ruins, folder, *name, layout)?;
        touched = touched.max(part.file.metadata()?.modified()?);
        damage.extend((!lost.is_empty()).then_some((name.track, repair.layout, lost)));
        match name.track {
            None => (format, frames) = (repair.layout.format, frames + repair.frames),
            Some(track) => {
                let found = tracks.entry(track).or_insert(Found { length_ms: 0, rate: repair.layout.rate });
                found.length_ms += repair.layout.millis(repair.frames);
            }
        }
        parts.push((*name, Arc::new(part)));
    }
    let length = Duration::from_millis(millis(frames));
    let mut side_car = known.unwrap_or_else(|| {
        // Nobody knows any more when it began, but the file knows when it was last written.
        let last = touched.duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = last.saturating_sub(length).as_millis();
        SideCar::new(call, Wall(i64::try_from(began).unwrap_or(0)), RecordingMeta::default(), format)
    });
    add_tracks(&mut side_car, &tracks, millis(frames));
    for (track, layout, lost) in &damage {
        side_car.add_damage(*track, *layout, lost);
    }
    // The crash came between the seal and the last name: the seal holds, and is made again.
    let seal = side_car.seal.take().filter(|seal| same_sound(&parts, &seal.sha256));
    let recovered = seal.as_ref().is_none_or(|seal| seal.recovered);
    if recovered && seal.is_none() {
        side_car.marks.push(Mark { at_ms: millis(frames), what: What::Recorder(Trouble::Crash) });
        side_car.end_course(side_car.started + length);
    }
    Ok(Some(Unsealed {
        folder: folder.to_path_buf(),
        relative: folder.strip_prefix(&ruins.root).unwrap_or(folder).to_path_buf(),
        frames,
        ended: seal.as_ref().map_or(side_car.started + length, |seal| seal.ended),
        verdict: match &seal {
            Some(seal) => seal.verdict,
            None if frames == 0 => Verdict::Failed,
            None => Verdict::Degraded,
        },
        side_car,
        parts,
        recovered,
        sealed_at: seal.and_then(|seal| seal.sealed_at),
        reported: false,
        closed: Vec::new(),
    }))
}

/// The names as they should be: each part follows the one before it.
fn without_holes(found: &[PartName]) -> impl Iterator<Item = PartName> {
    let mut last: Option<PartName> = None;
    found.iter().map(move |name| {
        let next = match last {
            Some(last) if last.track == name.track => PartName { index: last.index + 1, ..last },
            Some(_) | None => PartName { index: 0, ..*name },
        };
        *last.insert(next)
    })
}

/// The layout of a track whose header is lost.
fn layout_of(known: Option<&SideCar>, track: TrackName, otherwise: Format) -> Layout {
    let line = known.and_then(|known| known.tracks.iter().find(|line| line.name() == track));
    match line {
        Some(line) if line.sample_rate == wav::WIDE_RATE => Format::Pcm16.mono().at(wav::WIDE_RATE),
        Some(_) | None => otherwise.mono(),
    }
}

/// What the files of a track tell.
struct Found {
    length_ms: u64,
    rate: u32,
}

/// The side-car of a live recording tells where a track begins. Where it is lost, the track ended with
/// the call, or so it is taken.
fn add_tracks(side_car: &mut SideCar, tracks: &BTreeMap<TrackName, Found>, whole_ms: u64) {
    side_car.tracks.retain(|line| tracks.contains_key(&line.name()));
    for (name, Found { length_ms, rate }) in tracks {
        match side_car.tracks.iter_mut().find(|line| line.name() == *name) {
            Some(line) => (line.length_ms, line.sample_rate) = (*length_ms, *rate),
            None => side_car.tracks.push(TrackLine::new(*name, whole_ms.saturating_sub(*length_ms), *length_ms, *rate)),
        }
    }
    side_car.tracks.sort_by_key(TrackLine::name);
}

fn same_sound(parts: &[(PartName, Arc<Part>)], sha256: &str) -> bool {
    let mut whole = Sums::default();
    parts.iter().all(|(_, part)| hash(&part.file, Some(&mut whole), &mut |_| Ok(())).is_ok())
        && whole.finish().sha256 == sha256
}

/// A part, and what had to be done for it.
struct Opened {
    part: Part,
    repair: wav::Repair,
    /// Its own frames, from and to, that are silence now.
    lost: Vec<(u64, u64)>,
}

/// Opens one part; where it is not named yet, its header and length are put right.
fn open(ruins: &Ruins, folder: &Path, name: PartName, otherwise: Layout) -> io::Result<Opened> {
    let cut_off = folder.join(format!("{name}.part"));
    let is_cut_off = cut_off.exists();
    let path = if is_cut_off { cut_off } else { folder.join(name.to_string()) };
    let file = OpenOptions::new().read(true).write(is_cut_off).open(&path)?;
    if name.is_encrypted {
        return open_encrypted(ruins, folder, name, otherwise, (file, is_cut_off));
    }
    let len = file.metadata()?.len();
    let mut head = vec![0; Format::Alaw.header_len().min(usize::try_from(len).unwrap_or(usize::MAX))];
    file.read_exact_at(&mut head, 0)?;
    let repair = wav::repair(&head, len, otherwise);
    if is_cut_off && (head.get(..repair.header.len()) != Some(&repair.header) || len != repair.file_len) {
        file.write_all_at(&repair.header, 0)?;
        file.set_len(repair.file_len)?;
        file.sync_all()?;
    }
    Ok(Opened { part: Part::new(file, State::default()), repair, lost: Vec::new() })
}

fn open_encrypted(
    ruins: &Ruins,
    folder: &Path,
    name: PartName,
    otherwise: Layout,
    (file, is_cut_off): (File, bool),
) -> io::Result<Opened> {
    let lock = Lock { key: DataKey::read(folder, &ruins.keys)?, name };
    let rescued =
        if is_cut_off { rescue(lock, &file, &*ruins.disk, otherwise)? } else { Rescued::sealed(lock, &file)? };
    let part = Part::new(file, State::of_pages(rescued.pages));
    let mut head = vec![0; Format::Alaw.header_len().min(usize::try_from(part.len()).unwrap_or(usize::MAX))];
    part.read_exact_at(&mut head, 0)?;
    let repair = wav::repair(&head, part.len(), otherwise);
    let frame = |byte: u64| repair.layout.frames_in(byte);
    // Frames that are lost in part are lost.
    let beyond = repair.layout.frame_bytes() as u64 - 1;
    let lost = rescued.lost.iter().map(|(from, to)| (frame(*from), frame(to + beyond))).collect();
    Ok(Opened { part, repair, lost })
}
