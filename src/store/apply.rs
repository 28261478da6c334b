//! Carries the journal into the database: in order, in batches, exactly once, for ever trying.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::journal::{Clock, Journal, Tail};
use super::{Store, StoreError};
use crate::call::CallId;

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Entries in one transaction at most.
    pub batch: usize,
    /// From the begin of one transaction to that of the next at least.
    pub gap: Duration,
    /// The same for each entry of the last one, up to `longest_gap`: the more there is to do, the more
    /// entries share a transaction.
    pub gap_per_entry: Duration,
    pub longest_gap: Duration,
    /// First pause after a failure; doubled up to `longest`.
    pub first: Duration,
    pub longest: Duration,
    /// Journal segments stay so long after their last entry was applied.
    pub keep: Duration,
    /// How often segments that can go are looked for.
    pub prune_every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch: 512,
            gap: Duration::from_millis(5),
            gap_per_entry: Duration::from_millis(1),
            longest_gap: Duration::from_millis(100),
            first: Duration::from_millis(20),
            longest: Duration::from_secs(1),
            keep: Duration::from_secs(30 * 24 * 3600),
            prune_every: Duration::from_secs(3600),
        }
    }
}

impl Pace {
    fn gap_after(&self, entries: usize) -> Duration {
        let by_load = self.gap_per_entry.saturating_mul(u32::try_from(entries).unwrap_or(u32::MAX));
        by_load.min(self.longest_gap).max(self.gap)
    }
}

/// The running task.
pub struct Applier {
    progress: Progress,
    journal: Journal,
    task: JoinHandle<()>,
}

/// Tells how far the database has followed; cheap to clone.
#[derive(Clone)]
pub struct Progress {
    applied: watch::Receiver<u64>,
    standing: Arc<Mutex<Standing>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since the database last failed: what it said.
    pub failing: Option<String>,
    /// Entries set aside in this run because the tables would not take them.
    pub set_aside: usize,
    /// Transactions of this run.
    pub batches: u64,
}

impl Applier {
    /// Starts on the tokio runtime that this is called in.
    pub fn start<S: Store>(journal: &Journal, store: Arc<S>, clock: Clock, pace: Pace) -> Self {
        let (told, applied) = watch::channel(0);
        let standing = Arc::new(Mutex::new(Standing::default()));
        let run = Run {
            journal: journal.clone(),
            store,
            clock,
            pace,
            told,
            standing: standing.clone(),
            position: None,
            met: false,
            not_before: tokio::time::Instant::now(),
        };
        let task = tokio::spawn(run.run());
        Self { progress: Progress { applied, standing }, journal: journal.clone(), task }
    }

    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// After `Journal::close`: waits until the database has everything, but no longer than
    /// `patience`; the next start carries on. True where it has.
    pub async fn finish(self, patience: Duration) -> bool {
        let last = self.journal.health().synced;
        let whole = self.progress.reaches_within(last, patience).await;
        self.task.abort();
        // Ended or cancelled: a transaction in flight is rolled back by the database.
        let _ = self.task.await;
        whole
    }
}

impl Progress {
    /// The last entry that is in the database.
    pub fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    /// Until this entry is in the database; false where the applier has ended before.
    pub async fn reaches(&mut self, seq: u64) -> bool {
        self.applied.wait_for(|applied| *applied >= seq).await.is_ok()
    }

    /// The same, but no longer than `patience`; false then too.
    pub async fn reaches_within(&self, seq: u64, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.clone().reaches(seq)).await.unwrap_or(false)
    }

    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Run<S> {
    journal: Journal,
    store: Arc<S>,
    clock: Clock,
    pace: Pace,
    told: watch::Sender<u64>,
    standing: Arc<Mutex<Standing>>,
    /// Where the database stands; None: it must be asked.
    position: Option<u64>,
    /// The database was met in this run.
    met: bool,
    /// When the next transaction may begin.
    not_before: tokio::time::Instant,
}

impl<S: Store> Run<S> {
    async fn run(mut self) {
        let mut tail = self.journal.tail();
        let mut pause = self.pace.first;
        let mut pruned: Option<tokio::time::Instant> = None;
        loop {
            let (back, step) = self.step(tail).await;
            tail = back;
            match step {
                Ok(true) => {
                    pause = self.pace.first;
                    self.note(|standing| standing.failing = None);
                }
                Ok(false) => return,
                Err(error) => {
                    self.position = None;
                    if self.standing().failing.is_none() {
                        tracing::warn!(%error, "the database does not follow the journal");
                    }
                    self.note(|standing| standing.failing = Some(error));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.pace.longest);
                }
            }
            if pruned.is_none_or(|last| last.elapsed() >= self.pace.prune_every) {
                pruned = Some(tokio::time::Instant::now());
                self.prune().await;
            }
        }
    }

    /// One batch. False: the journal is closed and everything is applied.
    async fn step(&mut self, mut tail: Tail) -> (Tail, Result<bool, String>) {
        let after = match self.position {
            Some(position) => position,
            None => match self.meet().await {
                Ok(position) => position,
                Err(error) => return (tail, Err(error.to_string())),
            },
        };
        if tail.wait(after).await.is_err() {
            return (tail, Ok(false));
        }
        tokio::time::sleep_until(self.not_before).await;
        let begun = tokio::time::Instant::now();
        let most = self.pace.batch;
        let read = tokio::task::spawn_blocking(move || {
            let stretch = tail.read(after, most);
            (tail, stretch)
        });
        let (tail, stretch) = match read.await {
            Ok(read) => read,
            Err(error) => return (self.journal.tail(), Err(format!("journal: cannot be followed: {error}"))),
        };
        let stretch = match stretch {
            Ok(stretch) => stretch,
            Err(error) => return (tail, Err(error.to_string())),
        };
        match self.store.apply(self.journal.name(), after, &stretch.records, stretch.upto).await {
            Ok(set_aside) => {
                self.note(|standing| {
                    standing.set_aside += set_aside;
                    standing.batches += 1;
                });
                self.arrive(stretch.upto);
                self.not_before = begun + self.pace.gap_after(stretch.records.len());
                (tail, Ok(true))
            }
            Err(error) => (tail, Err(error.to_string())),
        }
    }

    /// Asks the database where it stands, and makes the two agree.
    async fn meet(&mut self) -> Result<u64, StoreError> {
        let name = self.journal.name();
        self.journal.numbers_given(self.store.numbers().await?);
        let mut position = self.store.position(name).await?;
        if !self.met && position > self.journal.inherited() {
            // The journal came back from a backup, or its disk lied: what this run writes must not
            // pass for entries applied long ago.
            position = self.journal.inherited();
            self.store.rewind(name, position).await?;
        }
        self.met = true;
        self.arrive(position);
        Ok(position)
    }

    fn arrive(&mut self, position: u64) {
        self.position = Some(position);
        self.told.send_replace(position);
    }

    async fn prune(&self) {
        let (journal, keep, now) = (self.journal.clone(), self.pace.keep, (self.clock)());
        let applied = *self.told.borrow();
        let pruned = tokio::task::spawn_blocking(move || journal.prune(applied, keep, now)).await;
        if let Ok(Err(error)) = pruned {
            tracing::warn!(%error, "old journal segments stay");
        }
    }

    fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A number that another call has already, made unique by this call's id. It takes the loss of
/// both the journal and the database's answer at the start to get here; a ticket is never lost for it.
pub(super) fn doubled(number: &str, call: CallId) -> String {
    format!("{number}.{call}")
}
