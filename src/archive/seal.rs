//! The seal: hash, side-car, names without `.part`, read-only, on the platter. In this order: the
//! side-car gets the hash; audio and side-car are synced; the files get their names, the side-car
//! last; the folder is synced; only then is it reported. A crash between two steps leaves a `.part`,
//! which the next start finds.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::disk::Disk;
use super::keys::{self, KEY_FILE};
use super::names::PartName;
use super::part::{Part, State};
use super::sidecar::{LIVE_SIDE_CAR, PartLine, SIDE_CAR, Seal, SideCar, millis, own_line};
use super::sums::{Sums, hash};
use super::writer::{Figures, Live, Settings, Tell};
use super::{Done, Sealed, Verdict};
use crate::rules::retention;
use crate::time::Wall;

/// From this many recordings on, one sync of the whole file system is cheaper than four of each.
const GROUP: usize = 4;
const MOST_AT_ONCE: usize = 256;
/// A seal may wait this long for others to share its syncs with.
const GATHERING: Duration = Duration::from_millis(200);
/// After a failure (a full disk, say) the seal is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A recording that grows no more.
#[derive(Clone, Debug)]
pub(super) struct Unsealed {
    pub(super) folder: PathBuf,
    /// Relative to the recordings folder.
    pub(super) relative: PathBuf,
    pub(super) side_car: SideCar,
    /// In the order of their names.
    pub(super) parts: Vec<(PartName, Arc<Part>)>,
    /// Of the primary file.
    pub(super) frames: u64,
    pub(super) ended: Wall,
    pub(super) verdict: Verdict,
    pub(super) recovered: bool,
    /// When the seal was made that a crash has left without all of its names; None: it is made now.
    pub(super) sealed_at: Option<Wall>,
    /// Its failure has been told.
    pub(super) reported: bool,
    /// In place of `parts` while it waits for another attempt. Thousands may wait for room on the disk, and
    /// calls need the descriptors.
    pub(super) closed: Vec<(PartName, Arc<State>)>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {deed} {}: {source}", .path.display())]
struct SealError {
    deed: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed<'a>(deed: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SealError + 'a {
    move |source| SealError { deed, path: path.to_path_buf(), source }
}

pub(super) struct Sealer {
    root: PathBuf,
    live: Arc<Live>,
    figures: Arc<Figures>,
    tell: Tell,
    disk: Arc<dyn Disk>,
}

impl Sealer {
    pub(super) fn new(settings: &Settings, live: Arc<Live>, figures: Arc<Figures>, tell: Tell) -> Self {
        Self { root: settings.recordings.clone(), live, figures, tell, disk: Arc::clone(&settings.disk) }
    }

    /// Seals what comes until the writer and the sweep have ended, in groups as large as what waits.
    pub(super) fn run(&self, incoming: &Receiver<Unsealed>) {
        let mut again: Vec<Unsealed> = Vec::new();
        let mut again_at = Instant::now();
        loop {
            let first = if again.is_empty() {
                incoming.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                incoming.recv_timeout(again_at.saturating_duration_since(Instant::now()))
            };
            let ended = matches!(first, Err(RecvTimeoutError::Disconnected));
            let group = gather(first.ok(), incoming);
            let mut refused = self.seal(group);
            if ended || Instant::now() >= again_at {
                let mut waited = std::mem::take(&mut again).into_iter();
                // In groups: each of them is open meanwhile.
                while waited.len() > 0 {
                    refused.extend(self.seal(waited.by_ref().take(MOST_AT_ONCE).collect()));
                }
            }
            if !refused.is_empty() {
                again_at = Instant::now() + AGAIN;
                again.append(&mut refused);
            }
            if ended {
                // Whatever is left keeps its `.part`; the next start tries again.
                return;
            }
        }
    }

    /// Seals a group; those that could not be sealed come back.
    fn seal(&self, group: Vec<Unsealed>) -> Vec<Unsealed> {
        let alone = group.len() < GROUP;
        let mut refused = Vec::new();
        let mut ready = Vec::new();
        for mut unsealed in group {
            match unsealed.prepare(alone, &*self.disk) {
                Ok(sealed) => ready.push((unsealed, sealed)),
                Err(error) => refused.push(self.refuse(unsealed, &error)),
            }
        }
        let mut named = Vec::new();
        let synced = if alone { Ok(()) } else { self.sync_file_system() };
        for (unsealed, sealed) in ready {
            match synced_or(&synced).and_then(|()| unsealed.publish(alone, &*self.disk)) {
                Ok(()) => named.push((unsealed, sealed)),
                Err(error) => refused.push(self.refuse(unsealed, &error)),
            }
        }
        let synced = if alone || named.is_empty() { Ok(()) } else { self.sync_file_system() };
        for (unsealed, sealed) in named {
            match synced_or(&synced) {
                Ok(()) => self.report(&unsealed, sealed),
                Err(error) => refused.push(self.refuse(unsealed, &error)),
            }
        }
        refused
    }

    fn report(&self, unsealed: &Unsealed, sealed: Sealed) {
        self.figures.sealing.fetch_sub(1, Ordering::Relaxed);
        self.figures.sealed.fetch_add(1, Ordering::Relaxed);
        self.figures.recovered.fetch_add(u64::from(unsealed.recovered), Ordering::Relaxed);
        self.live.calls().remove(&sealed.call);
        (self.tell)(Done::Sealed(Box::new(sealed)));
    }

    fn refuse(&self, mut unsealed: Unsealed, error: &SealError) -> Unsealed {
        let call = unsealed.side_car.call;
        if !std::mem::replace(&mut unsealed.reported, true) {
            self.figures.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%call, %error, "a recording cannot be sealed yet");
            (self.tell)(Done::Failed { call, error: error.to_string() });
        }
        unsealed.close(&*self.disk);
        unsealed
    }

    fn sync_file_system(&self) -> Result<(), SealError> {
        self.disk.sync_file_system(&self.root).map_err(failed("sync", &self.root))
    }
}

/// One failed sync concerns each recording of its group.
fn synced_or(synced: &Result<(), SealError>) -> Result<(), SealError> {
    synced.as_ref().copied().map_err(|error| SealError {
        deed: error.deed,
        path: error.path.clone(),
        source: io::Error::from(error.source.kind()),
    })
}

/// The first and what comes soon after it.
fn gather(first: Option<Unsealed>, incoming: &Receiver<Unsealed>) -> Vec<Unsealed> {
    let mut group: Vec<Unsealed> = first.into_iter().collect();
    let until = Instant::now() + GATHERING;
    while !group.is_empty() && group.len() < MOST_AT_ONCE {
        match incoming.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(unsealed) => group.push(unsealed),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    group
}

impl Unsealed {
    /// Closes the files until the next attempt.
    fn close(&mut self, disk: &dyn Disk) {
        for (name, part) in std::mem::take(&mut self.parts) {
            // The disk tells a loss only to those who have the file open.
            if disk.sync_data(&part.file).is_err() {
                part.state.set_unsafe();
            }
            self.closed.push((name, Arc::clone(&part.state)));
        }
    }

    fn reopen(&mut self) -> Result<(), SealError> {
        let mut parts = Vec::new();
        for (name, state) in &self.closed {
            // An earlier attempt may have come as far as the name.
            let unnamed = self.folder.join(format!("{name}.part"));
            let is_named = !unnamed.exists();
            let path = if is_named { self.folder.join(name.to_string()) } else { unnamed };
            // What of an encrypted one the disk did not take is written yet.
            let writes = state.is_encrypted() && !is_named;
            let file = OpenOptions::new().read(true).write(writes).open(&path).map_err(failed("open", &path))?;
            parts.push((*name, Arc::new(Part { file, state: Arc::clone(state) })));
        }
        if !parts.is_empty() {
            self.parts = parts;
            self.closed.clear();
        }
        Ok(())
    }

    /// Hashes the audio and writes the side-car; with `sync`, both are on the platter afterwards.
    fn prepare(&mut self, sync: bool, disk: &dyn Disk) -> Result<Sealed, SealError> {
        self.reopen()?;
        let mut whole = Sums::default();
        let (mut primary, mut all_bytes) = (Vec::new(), 0);
        self.side_car.tracks.iter_mut().for_each(|track| track.parts.clear());
        for (name, part) in &self.parts {
            let file = name.to_string();
            let path = self.folder.join(&file);
            part.close(disk).map_err(failed("write the last of", &path))?;
            let (bytes, hashes) = hash(&part.file, Some(&mut whole), &mut |_| Ok(())).map_err(failed("read", &path))?;
            all_bytes += bytes;
            let plain_sha256 = part.sha256_in_the_clear().map_err(failed("read", &path))?;
            let of_track = self.side_car.tracks.iter_mut().find(|track| Some(track.name()) == name.track);
            let line = PartLine { plain_sha256, ..PartLine::new(file, bytes, hashes) };
            of_track.map_or(&mut primary, |track| &mut track.parts).push(line);
            if sync {
                disk.sync(&part.file).map_err(failed("sync", &path))?;
            }
        }
        if self.parts.iter().any(|(name, _)| name.is_encrypted) {
            let path = self.folder.join(KEY_FILE);
            keys::look(&self.folder).map_err(failed("find the key of", &self.folder))?;
            if sync {
                File::open(&path).and_then(|file| disk.sync(&file)).map_err(failed("sync", &path))?;
            }
        }
        // Whoever was gone at once has left no file.
        self.side_car.tracks.retain(|track| !track.parts.is_empty());
        for track in &mut self.side_car.tracks {
            track.file = track.parts.first().map_or_else(String::new, |first| first.file.clone());
        }
        if self.parts.iter().any(|(_, part)| part.state.is_unsafe()) {
            self.verdict = Verdict::Failed;
        }
        let whole = whole.finish();
        self.side_car.seal = Some(Seal {
            ended: self.ended,
            duration_ms: millis(self.frames),
            bytes: all_bytes,
            sha256: whole.sha256,
            sm3: Some(whole.sm3),
            sealed_at: Some(self.sealed_at.unwrap_or_else(now)),
            parts: primary,
            verdict: self.verdict,
            keep_until: retention::erasable_from(retention::local_day(self.ended)).to_string(),
            recovered: self.recovered,
        });
        let written = self.side_car.write(&self.folder, disk);
        let (file, text) = written.map_err(failed("write the side-car in", &self.folder))?;
        if sync {
            disk.sync(&file).map_err(failed("sync the side-car in", &self.folder))?;
        }
        self.side_car
            .sealed(&self.relative, own_line(&text))
            .ok_or_else(|| failed("find audio in", &self.folder)(io::ErrorKind::NotFound.into()))
    }

    /// Gives the files their names, the side-car last, and makes them read-only.
    fn publish(&self, sync: bool, disk: &dyn Disk) -> Result<(), SealError> {
        for (name, part) in &self.parts {
            part.file.set_permissions(read_only()).map_err(failed("protect", &self.folder))?;
            rename(&self.folder.join(format!("{name}.part")), &self.folder.join(name.to_string()))?;
        }
        let live = self.folder.join(LIVE_SIDE_CAR);
        if live.exists() {
            fs::set_permissions(&live, read_only()).map_err(failed("protect", &live))?;
        }
        rename(&live, &self.folder.join(SIDE_CAR))?;
        if sync {
            // The folder, and the day that it is a line of.
            for folder in self.folder.ancestors().take(2) {
                File::open(folder).and_then(|folder| disk.sync(&folder)).map_err(failed("sync", folder))?;
            }
        }
        Ok(())
    }
}

fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn read_only() -> fs::Permissions {
    fs::Permissions::from_mode(0o440)
}

/// Renames, never over another file; content where an earlier attempt came as far as this.
fn rename(from: &Path, to: &Path) -> Result<(), SealError> {
    match (from.exists(), to.exists()) {
        (true, true) => Err(failed("rename over", to)(io::ErrorKind::AlreadyExists.into())),
        (false, true) => Ok(()),
        (true | false, false) => fs::rename(from, to).map_err(failed("rename", from)),
    }
}
