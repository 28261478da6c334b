//! Makes the manifest of each day that has ended, and sends its SHA-256 off the machine: the key lies on
//! the host that could forge, so that only a head that was kept elsewhere proves the whole chain.

mod outside;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::Date;

use crate::archive::Sealed;
use crate::archive::manifest::chain::{Last, Name, due};
use crate::archive::manifest::folder::Manifests;
use crate::archive::manifest::key::Key;
use crate::archive::manifest::{self, Failed, Head, Link, Listed, MOST, Read};
use crate::archive::shelf::Shelf;
use crate::archive::sums;
use crate::rules::retention;
use crate::store::apply::Progress;
use crate::store::entry::{self, Entry, RecordingFailed};
use crate::store::journal::{Clock, Journal, JournalError};
use crate::store::query::{Span, ToList, Unlisted};
use crate::store::reconcile::{Difference, reconcile};
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::time::Wall;

use super::alarms::Alarms;
pub use outside::Outside;

const ALARM: &str = "manifest";
const DIFFERENCE: &str = "reconciliation";
/// After midnight, for seals that are being made and for the database that follows.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// Between two looks whether a day is due.
const LOOK: Duration = Duration::from_secs(30);
/// Between two manifests where several are due. A clock that is a year ahead for a minute makes sixty.
const CATCHING_UP: Duration = Duration::from_secs(1);
/// For the database to follow the journal.
const PATIENCE: Duration = Duration::from_secs(60);
/// A call that ended a shorter time ago may have no seal yet.
const SEALING: Duration = Duration::from_secs(60);
/// Recordings in one entry of the journal.
const IN_ONE_ENTRY: usize = 1_000;
/// Letters of a failure's text.
const LONGEST_TEXT: usize = 300;

/// Why a manifest could not be made; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("the database does not follow the journal")]
    Behind,
    #[error("the calendar ends")]
    NoDay,
}

pub struct Maker {
    pub store: Arc<Sqlite>,
    pub journal: Journal,
    pub progress: Progress,
    pub shelf: Arc<Shelf>,
    pub alarms: Arc<Alarms>,
    pub wall: Clock,
    pub manifests: Manifests,
    /// Where the private key lies.
    pub key: PathBuf,
    pub hotline: String,
    pub outside: Outside,
    /// Recordings in one manifest.
    pub most: usize,
    pub ending: Arc<AtomicBool>,
    state: State,
}

/// What a run has found out.
#[derive(Default)]
struct State {
    key: Option<Arc<Key>>,
    /// None until it was looked for.
    last: Option<Option<Last>>,
    /// Listed in a manifest that is there, and not yet in the journal.
    untold: Vec<Entry>,
}

/// Where the key lies in the data folder.
pub fn key_file(data: &Path) -> PathBuf {
    data.join("keys/archive.pem")
}

/// What a maker needs of the running server.
pub struct Parts {
    pub store: Arc<Sqlite>,
    pub journal: Journal,
    pub progress: Progress,
    pub shelf: Arc<Shelf>,
    pub alarms: Arc<Alarms>,
    pub wall: Clock,
}

impl Maker {
    pub fn new(parts: Parts, recordings: &Path, key: PathBuf, hotline: String, outside: Outside) -> Self {
        let Parts { store, journal, progress, shelf, alarms, wall } = parts;
        let manifests = Manifests::new(recordings);
        let (state, ending) = (State::default(), Arc::default());
        Self {
            store,
            journal,
            progress,
            shelf,
            alarms,
            wall,
            manifests,
            key,
            hotline,
            outside,
            most: MOST,
            ending,
            state,
        }
    }

    pub async fn run(mut self) {
        let mut told = false;
        while !self.ending.load(Ordering::Relaxed) {
            let made = self.round().await;
            let failed = made.as_ref().err().map(ToString::to_string);
            self.alarms.now(ALARM, "", failed.is_some(), failed);
            if let Some(Some(last)) = self.state.last.clone() {
                if !std::mem::replace(&mut told, true) && matches!(made, Ok(None)) {
                    tracing::info!(day = %last.link.day, sha256 = last.link.sha256, "head of the archive");
                }
                self.outside.send(&self.hotline, &last.link, &self.alarms).await;
            }
            tokio::time::sleep(if matches!(made, Ok(Some(_))) { CATCHING_UP } else { LOOK }).await;
        }
    }

    /// Makes the manifest that is due, if one is; at most one.
    pub async fn round(&mut self) -> Result<Option<Last>, MakeError> {
        let key = self.open_key().await?;
        let last = self.last(&key).await?;
        self.tell().await?;
        let now = (self.wall)();
        let Some(day) = due(last.as_ref(), retention::local_day(before(now, GRACE))) else { return Ok(None) };
        let synced = self.journal.health().synced;
        if !self.progress.reaches_within(synced, PATIENCE).await {
            return Err(MakeError::Behind);
        }
        // On a fresh disk the tables may not be there yet.
        self.store.check().await?;
        let made = self.make(day, now, last.map(|last| last.link), &key).await?;
        tracing::info!(day = %day, sha256 = made.link.sha256, "manifest made: head of the archive");
        self.state.last = Some(Some(made.clone()));
        self.tell().await?;
        self.reconcile(day, now).await?;
        Ok(Some(made))
    }

    /// Whatever does not fit on that day is logged, and alarmed as long as it is the last one that was looked at.
    async fn reconcile(&self, day: Date, now: Wall) -> Result<(), StoreError> {
        let found = reconcile(self.store.as_ref(), Span::day(day), before(now, SEALING)).await?;
        for Difference { call, what } in &found.differences {
            tracing::error!(%day, %call, ?what, "a call, its ticket and its recording do not fit together");
        }
        let count = found.differences.len();
        self.alarms.now(DIFFERENCE, "", count > 0, Some(format!("{count} on {day}: hotline archive reconcile {day}")));
        Ok(())
    }

    async fn open_key(&mut self) -> Result<Arc<Key>, MakeError> {
        if let Some(key) = &self.state.key {
            return Ok(Arc::clone(key));
        }
        let (manifests, path) = (self.manifests.clone(), self.key.clone());
        let key = Arc::new(blocking(move || manifests.open_key(&path)).await?);
        self.state.key = Some(Arc::clone(&key));
        Ok(key)
    }

    /// The last manifest. A crash may have come before its signature, or before the journal knew of it.
    async fn last(&mut self, key: &Arc<Key>) -> Result<Option<Last>, MakeError> {
        if let Some(known) = &self.state.last {
            return Ok(known.clone());
        }
        let (manifests, key) = (self.manifests.clone(), Arc::clone(key));
        let look = move || {
            let Some(last) = manifests.last()? else { return Ok((None, Vec::new())) };
            manifests.sign(last.name, &key)?;
            let bytes = manifests.read(last.name)?;
            let read = manifest::read(&bytes).map_err(io::Error::other)?;
            let calls = read.lines.iter().filter_map(|line| Read::recording(line)).map(|listed| listed.call).collect();
            let failures = read.end.failed.iter().map(|failed| (failed.call, failed.at)).collect();
            let untold = entries(last.name, calls, failures);
            Ok((Some(last), untold))
        };
        let (last, untold) = blocking(look).await?;
        self.state.untold = untold;
        self.state.last = Some(last.clone());
        Ok(last)
    }

    /// Tells the journal what the last manifest lists: before that no other is made.
    async fn tell(&mut self) -> Result<(), MakeError> {
        while let Some(entry) = self.state.untold.last().cloned() {
            self.journal.record(entry).await?;
            self.state.untold.pop();
        }
        Ok(())
    }

    async fn make(&mut self, day: Date, now: Wall, previous: Option<Link>, key: &Arc<Key>) -> Result<Last, MakeError> {
        let until = day.tomorrow().map(|_| Span::day(day).until).map_err(|_| MakeError::NoDay)?;
        let wanted = Unlisted { until, now };
        let mut recordings = self.store.unlisted(wanted, self.most.saturating_add(1)).await?;
        let mut failures = self.store.unlisted_failures(wanted, self.most.saturating_add(1)).await?;
        let more = recordings.len() > self.most || failures.len() > self.most;
        recordings.truncate(self.most);
        failures.truncate(self.most);
        let number = previous.as_ref().map_or(1, |previous| previous.number.saturating_add(1));
        let head = Head {
            format: manifest::FORMAT,
            number,
            day,
            hotline: self.hotline.clone(),
            previous,
            made: retention::local_text(now),
            key: key.public().id(),
        };
        let (manifests, shelf, key) = (self.manifests.clone(), Arc::clone(&self.shelf), Arc::clone(key));
        let publish = move || {
            let name = manifests.free_name(day).ok_or(io::ErrorKind::StorageFull)?;
            let calls = recordings.iter().map(|one| one.sealed.call).collect();
            let told = failures.iter().map(|failed| (failed.call, failed.at)).collect();
            let mut failed: Vec<Failed> = failures.into_iter().map(named).collect();
            let mut listed = Vec::with_capacity(recordings.len());
            for one in recordings {
                match line(&shelf, one) {
                    Ok(line) => listed.push(line),
                    Err(lost) => failed.push(Failed { at: now, ..lost }),
                }
            }
            let text = manifest::text(head, listed, failed, more)?;
            let link = Link { number, day, sha256: sums::sha256(&text) };
            manifests.publish(name, &text, &key)?;
            Ok((Last { name, link, more }, entries(name, calls, told)))
        };
        let made = blocking(publish).await;
        if made.is_err() {
            // Perhaps without its signature only: looked for anew.
            self.state.last = None;
        }
        let (last, untold) = made?;
        self.state.untold = untold;
        Ok(last)
    }
}

/// What the journal is told, in entries of bounded size.
fn entries(name: Name, calls: Vec<crate::call::CallId>, failures: Vec<(crate::call::CallId, Wall)>) -> Vec<Entry> {
    let entry = |calls: &[_], failures: &[_]| {
        Entry::Listed(entry::Listed { manifest: name.to_string(), calls: calls.to_vec(), failures: failures.to_vec() })
    };
    let recordings = calls.chunks(IN_ONE_ENTRY).map(|calls| entry(calls, &[]));
    recordings.chain(failures.chunks(IN_ONE_ENTRY).map(|failures| entry(&[], failures))).collect()
}

/// The line of a recording. What an older row does not say, its side-car does. Err: neither does.
fn line(shelf: &Shelf, one: ToList) -> Result<Listed, Failed> {
    let ToList { sealed, ticket } = one;
    let folder = sealed.path.parent().unwrap_or(Path::new("")).to_path_buf();
    let path = folder.display().to_string();
    let files = match sealed.files.is_empty() {
        false => sealed.files,
        true => shelf.sealed(&folder).map(|Sealed { files, .. }| files).unwrap_or_default(),
    };
    if files.is_empty() {
        let error = format!("{path}: sealed with SHA-256 {}, and its side-car cannot be read", sealed.sha256);
        return Err(Failed { call: sealed.call, at: sealed.ended, error });
    }
    Ok(Listed {
        path,
        call: sealed.call,
        ticket,
        started: retention::local_text(sealed.started),
        duration_ms: sealed.duration_ms,
        verdict: sealed.verdict,
        files,
    })
}

fn named(failed: RecordingFailed) -> Failed {
    let error = failed.error.chars().take(LONGEST_TEXT).collect();
    Failed { call: failed.call, at: failed.at, error }
}

fn before(now: Wall, by: Duration) -> Wall {
    Wall(now.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(0)))
}

/// On a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
