//! Compares sealed recordings with their seals, one after the other and slowly, for as long as the
//! server runs (R68). What is not as it was sealed is put under quarantine, and nothing is touched.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::archive::Sealed;
use crate::archive::shelf::{Condition, Shelf, ShelfError};
use crate::net::clock::Clock;
use crate::store::apply::Progress;
use crate::store::entry::{Entry, Verified};
use crate::store::journal::Journal;
use crate::store::query::{PageAsk, RecordingQuery};
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::time::Wall;

use super::alarms::Alarms;

const ALARM: &str = "recording_changed";
/// A recording that was checked is left alone for so long.
const AGAIN_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Recordings asked for at a time.
const AT_ONCE: u32 = 32;
/// Between two looks where nothing is due, or the database does not answer.
const PAUSE: Duration = Duration::from_secs(60);

pub struct Verifier {
    pub store: Arc<Sqlite>,
    pub journal: Journal,
    pub progress: Progress,
    pub shelf: Arc<Shelf>,
    pub alarms: Arc<Alarms>,
    pub clock: Clock,
    /// Bytes read in a second; 0 checks nothing. A reload changes it.
    pub rate: Arc<AtomicU64>,
    pub ending: Arc<AtomicBool>,
}

impl Verifier {
    pub async fn run(self) {
        self.follow().await;
        self.raise_known().await;
        while !self.ending() {
            match self.round().await {
                Ok(0) => tokio::time::sleep(PAUSE).await,
                Ok(_) => self.follow().await,
                Err(error) => {
                    tracing::warn!(%error, "recordings are not verified now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// An earlier run may have found them.
    async fn raise_known(&self) {
        let page = PageAsk { rows: PageAsk::MOST, after: None };
        let query = RecordingQuery { quarantined: true, page, ..RecordingQuery::default() };
        let Ok(known) = self.store.recordings(&query).await else { return };
        for recording in known.rows {
            let condition = recording.condition.map(Condition::as_str);
            self.alarms.now(ALARM, &recording.sealed.call.to_string(), true, condition.map(str::to_owned));
        }
    }

    /// Those whose check is longest ago; how many there were.
    async fn round(&self) -> Result<usize, StoreError> {
        let before = Wall(self.clock.wall().0.saturating_sub(i64::try_from(AGAIN_AFTER.as_millis()).unwrap_or(0)));
        if !self.shelf.is_there() {
            tracing::warn!("the recordings folder is not there; nothing is verified now");
            return Ok(0);
        }
        let due = self.store.to_verify(before, AT_ONCE).await?;
        let count = due.len();
        for sealed in due {
            match self.rate.load(Ordering::Relaxed) {
                0 => return Ok(0),
                rate => self.verify(sealed, rate).await,
            }
        }
        Ok(count)
    }

    async fn verify(&self, sealed: Sealed, rate: u64) {
        let (call, shelf) = (sealed.call, Arc::clone(&self.shelf));
        let ending = Arc::clone(&self.ending);
        let read = tokio::task::spawn_blocking(move || {
            let (began, mut bytes) = (Instant::now(), 0_u64);
            shelf.verify_at_pace(&sealed, &mut |more| {
                bytes = bytes.saturating_add(more);
                loop {
                    if ending.load(Ordering::Relaxed) {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                    let Some(early) = early(bytes, rate, began.elapsed()) else { return Ok(()) };
                    // In short steps: the server may end.
                    std::thread::sleep(early.min(Duration::from_millis(200)));
                }
            })
        });
        let Ok(read) = read.await else { return };
        if self.ending() {
            return;
        }
        let condition = match read {
            Ok(condition) => condition,
            Err(ShelfError::Missing(_) | ShelfError::NoRecording(_)) => Condition::Missing,
            Err(ShelfError::Io { path, source }) => {
                tracing::error!(%call, path = %path.display(), error = %source, "a recording cannot be read");
                Condition::Unreadable
            }
        };
        let bad = condition != Condition::Verified;
        self.alarms.now(ALARM, &call.to_string(), bad, bad.then(|| condition.as_str().to_owned()));
        let entry = Entry::Verified(Verified { call, at: self.clock.wall(), condition });
        if let Err(error) = self.journal.record(entry).await {
            tracing::warn!(%call, %error, "a check is not written down, and will be made again");
        }
    }

    /// Until the database knows what has been found out so far.
    async fn follow(&self) {
        let synced = self.journal.health().synced;
        self.progress.reaches_within(synced, PAUSE).await;
    }

    fn ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// How much too early so many bytes were read at `rate` bytes a second; None where it is time.
pub fn early(bytes: u64, rate: u64, elapsed: Duration) -> Option<Duration> {
    let due = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
    due.checked_sub(elapsed).filter(|early| !early.is_zero())
}
