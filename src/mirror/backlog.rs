//! What is sealed here and not yet acknowledged there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ledger::Ledger;
use crate::archive::sidecar::SIDE_CAR;
use crate::archive::sweep::days;
use crate::call::CallId;
use crate::time::Wall;

/// A folder's own time is as coarse as the kernel's tick: one that changed so lately is looked at again.
const LATELY: Duration = Duration::from_secs(10);
/// What could not be copied through its own fault is tried again after so long.
const AGAIN: Duration = Duration::from_secs(3600);

/// Of all days.
pub(super) struct Backlog {
    root: PathBuf,
    days: BTreeMap<PathBuf, Day>,
}

#[derive(Default)]
struct Day {
    looked: Option<SystemTime>,
    /// Neither acknowledged; those of a live call among them.
    waiting: BTreeMap<CallId, Waiting>,
}

#[derive(Clone, Copy, Default)]
struct Waiting {
    sealed: Option<Sealed>,
    /// Its own fault; not to be tried before.
    not_before: Option<SystemTime>,
}

#[derive(Clone, Copy)]
struct Sealed {
    at: SystemTime,
    bytes: u64,
}

/// What is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Behind {
    pub recordings: u64,
    pub bytes: u64,
    /// When the oldest of them was sealed.
    pub oldest: Option<Wall>,
}

impl Backlog {
    pub fn new(root: PathBuf) -> Self {
        Self { root, days: BTreeMap::new() }
    }

    /// Looks what has come, been sealed or gone since the last look.
    pub fn look(&mut self, ledger: &Ledger) {
        let found = days(&self.root);
        self.days.retain(|day, _| found.contains(day));
        for path in found {
            let Ok(changed) = fs::metadata(&path).and_then(|day| day.modified()) else { continue };
            let day = self.days.entry(path.clone()).or_default();
            let lately = changed.elapsed().is_ok_and(|age| age < LATELY);
            if lately || day.looked != Some(changed) {
                day.list(&path, ledger);
                day.looked = Some(changed);
            }
            day.look(&path);
        }
    }

    /// The next to copy: of the newest day, the one that has waited longest.
    pub fn next(&self) -> Option<(PathBuf, CallId)> {
        let now = SystemTime::now();
        self.days.iter().rev().find_map(|(path, day)| {
            let ready = day.waiting.iter().filter(|(_, one)| one.not_before.is_none_or(|then| then <= now));
            let sealed = ready.filter_map(|(call, one)| Some((one.sealed?.at, *call)));
            sealed.min().map(|(_, call)| (path.clone(), call))
        })
    }

    pub fn done(&mut self, day: &Path, call: CallId) {
        if let Some(day) = self.days.get_mut(day) {
            day.waiting.remove(&call);
        }
    }

    /// It cannot be copied as it is.
    pub fn put_off(&mut self, day: &Path, call: CallId) {
        if let Some(one) = self.days.get_mut(day).and_then(|day| day.waiting.get_mut(&call)) {
            one.not_before = Some(SystemTime::now() + AGAIN);
        }
    }

    pub fn behind(&self) -> Behind {
        let all = self.days.values().flat_map(|day| day.waiting.values()).filter_map(|one| one.sealed);
        all.fold(Behind::default(), |behind, Sealed { at, bytes }| {
            let at = wall(at);
            Behind {
                recordings: behind.recordings.saturating_add(1),
                bytes: behind.bytes.saturating_add(bytes),
                oldest: Some(behind.oldest.map_or(at, |oldest| oldest.min(at))),
            }
        })
    }
}

impl Day {
    fn list(&mut self, path: &Path, ledger: &Ledger) {
        let Ok(entries) = fs::read_dir(path) else { return };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let done = ledger.of(&page(path));
        let calls = names.filter(|name| !done.contains(name)).filter_map(|name| name.parse::<CallId>().ok());
        let mut before = std::mem::take(&mut self.waiting);
        self.waiting = calls.map(|call| (call, before.remove(&call).unwrap_or_default())).collect();
    }

    /// The side-car gets its name last: where it is, the recording is sealed.
    fn look(&mut self, path: &Path) {
        for (call, one) in self.waiting.iter_mut().filter(|(_, one)| one.sealed.is_none()) {
            let folder = path.join(call.to_string());
            let Ok(side_car) = fs::metadata(folder.join(SIDE_CAR)) else { continue };
            let files = fs::read_dir(&folder).into_iter().flatten().flatten();
            let bytes = files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
            one.sealed = Some(Sealed { at: side_car.modified().unwrap_or(UNIX_EPOCH), bytes });
        }
    }
}

/// The page of the ledger for the day whose folder this is: `2026-11-24`.
pub(super) fn page(day: &Path) -> String {
    let mut names: Vec<_> = day.iter().rev().take(3).map(|name| name.to_string_lossy()).collect();
    names.reverse();
    names.join("-")
}

fn wall(at: SystemTime) -> Wall {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
