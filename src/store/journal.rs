//! The answer journal: every fact is on disk here before it counts; the database follows behind.
//!
//! One writer thread owns the files. Entries that wait are written together and synced once
//! (group commit), then all of them are acknowledged, in order. A failing disk is told to whoever
//! asked, and what was handed over is kept in memory and written when the disk is back (R33).

mod book;
mod segments;
mod tail;
mod writer;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::entry::{AlarmChange, Entry, Record};
use super::numbering::Number;
use crate::call::{CallId, SeatChange};
use crate::time::Wall;
use crate::vital::vital;

pub use book::{LegDialog, OpenCall};
pub(super) use tail::Tail;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Wall + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long an urgent entry waits for company before the disk is synced; at most 5 ms.
    pub gather: Duration,
    /// The same for entries that nobody waits for.
    pub linger: Duration,
    /// A segment above this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// Pause between two tries of a failing disk.
    pub retry: Duration,
    /// With so many entries waiting for the disk, further ones are refused.
    pub waiting_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(4),
            linger: Duration::from_millis(100),
            segment_bytes: 32 << 20,
            retry: Duration::from_secs(1),
            waiting_limit: 100_000,
        }
    }
}

/// The handle; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What the last run left.
#[derive(Debug)]
pub struct Recovered {
    /// The last entry on disk.
    pub last: u64,
    /// Calls that were up when the process ended. Send BYE on each leg, then append `Closed` with
    /// reason `restart` for an answered one; of another `LegGone` for each leg, and `Missed` where it arrived.
    pub open: Vec<OpenCall>,
    /// The greatest id that a call was given; new ones are above it, whatever the clock says.
    pub last_call: CallId,
    /// Ids of calls in the journal that lie too far ahead of the clock to have been given.
    pub impossible: Vec<CallId>,
    /// Answered calls, with their answer, of whose recording no `Sealed` has come: it is still to be
    /// sealed, or it was just before the process ended.
    pub unsealed: Vec<(CallId, Wall)>,
    /// Alarms that stood.
    pub alarms: Vec<AlarmChange>,
    /// What each seat became last.
    pub seats: Vec<SeatChange>,
    /// The greatest ticket number per prefix and day.
    pub numbers: Vec<Number>,
    /// Places (segment, byte) of lines that cannot be read, save for a torn line at the very end.
    pub damaged: Vec<(PathBuf, u64)>,
    /// The last run ended in the middle of a line.
    pub torn: bool,
}

/// An entry is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub seq: u64,
    /// The ticket number, for `Answered` and `Closed`.
    pub number: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Health {
    /// Since the disk last failed: what it said.
    pub failing: Option<String>,
    /// Entries that wait for the disk.
    pub waiting: usize,
    /// The last entry on disk.
    pub synced: u64,
    pub entries: u64,
    pub syncs: u64,
    /// Places (segment, byte) of lines that cannot be read, as far as this run has met any.
    pub damaged: Vec<(PathBuf, u64)>,
}

/// No text of an error shows anything of an entry.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error("journal: cannot {deed} {path}: {source}")]
    Disk { deed: &'static str, path: PathBuf, source: Arc<std::io::Error> },
    #[error("journal: {waiting} entries wait for the disk, no further one is taken")]
    Full { waiting: usize },
    #[error("journal: this entry cannot be written down")]
    Unwritable,
    #[error("journal: it is closed")]
    Closed,
}

type Done = Box<dyn FnOnce(Result<Receipt, JournalError>) + Send>;

enum Order {
    Append { entry: Entry, done: Done },
    Given(Vec<Number>),
    Stop,
}

impl Journal {
    /// Opens or creates the journal in `dir` (`<data>/journal`) and starts its thread. Nothing that
    /// is there is changed: this run writes a segment of its own.
    pub fn open(dir: &Path, clock: Clock, options: Options) -> Result<(Self, Recovered), JournalError> {
        let (book, found) = segments::recover(dir)?;
        let recovered = Recovered {
            last: book.seq,
            open: book.open_calls(),
            last_call: CallId(book.last_call),
            impossible: book.impossible.iter().copied().collect(),
            unsealed: book.unsealed_calls(),
            alarms: book.standing_alarms(),
            seats: book.seats.values().cloned().collect(),
            numbers: book.numbering.greatest(),
            damaged: found.damaged.clone(),
            torn: found.torn,
        };
        let shared = Arc::new(Shared::new(dir, &book));
        found.damaged.iter().for_each(|(segment, at)| shared.note_damage(segment, *at));
        let (orders, inbox) = mpsc::channel();
        let writer = writer::Writer::new(book, found.next_segment, clock, options, shared.clone());
        let thread =
            vital("journal", move || writer.run(&inbox)).map_err(|source| disk("start the thread of", dir, source))?;
        shared.limit.store(options.waiting_limit, Ordering::Relaxed);
        Ok((Self { orders, shared, thread: Arc::new(Mutex::new(Some(thread))) }, recovered))
    }

    /// Hands an entry over. `done` is called once, on the journal's thread, when the entry is on
    /// disk or when the disk has failed; it must not block. After a `Disk` error the entry is
    /// written as soon as the disk works again, and nothing more is told.
    /// A second `Answered` of a call is not written: it gets the number of the first.
    pub fn append(&self, entry: Entry, done: impl FnOnce(Result<Receipt, JournalError>) + Send + 'static) {
        let waiting = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting >= self.shared.limit.load(Ordering::Relaxed) {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            return done(Err(JournalError::Full { waiting }));
        }
        if let Err(mpsc::SendError(Order::Append { done, .. })) =
            self.orders.send(Order::Append { entry, done: Box::new(done) })
        {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            done(Err(JournalError::Closed));
        }
    }

    /// `append` for a task that waits.
    pub async fn record(&self, entry: Entry) -> Result<Receipt, JournalError> {
        let (told, hears) = tokio::sync::oneshot::channel();
        self.append(entry, move |result| drop(told.send(result)));
        hears.await.unwrap_or(Err(JournalError::Closed))
    }

    /// These numbers were given out before, as the database knows: a journal that was lost must
    /// not give them again.
    pub fn numbers_given(&self, numbers: Vec<Number>) {
        // A closed journal gives no numbers.
        let _ = self.orders.send(Order::Given(numbers));
    }

    pub fn health(&self) -> Health {
        let synced = *self.shared.synced.borrow();
        Health {
            failing: self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            waiting: self.shared.waiting.load(Ordering::Relaxed),
            synced,
            entries: self.shared.entries.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            damaged: self.shared.damaged().iter().cloned().collect(),
        }
    }

    /// Writes what waits and ends the thread. Blocks for one sync; a failing disk is tried once more.
    pub fn close(&self) {
        // The thread has gone already if this fails.
        let _ = self.orders.send(Order::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the thread was printed by its hook; there is nothing to add here.
            let _ = thread.join();
        }
    }

    pub(super) fn tail(&self) -> Tail {
        Tail::new(self.shared.clone())
    }

    /// Names this journal; a database remembers how far it has followed each.
    pub(super) fn name(&self) -> &str {
        &self.shared.name
    }

    /// The last entry that the run before this one left.
    pub(super) fn inherited(&self) -> u64 {
        self.shared.inherited
    }

    /// Removes segments all of whose entries are applied and that were followed by another one
    /// more than `keep` ago. Returns how many went.
    pub(super) fn prune(&self, applied: u64, keep: Duration, now: Wall) -> Result<usize, JournalError> {
        segments::prune(&self.shared.dir, applied, keep, now)
    }
}

/// What the thread shows to the others.
struct Shared {
    dir: PathBuf,
    name: String,
    inherited: u64,
    limit: AtomicUsize,
    waiting: AtomicUsize,
    entries: AtomicU64,
    syncs: AtomicU64,
    closed: AtomicBool,
    failing: Mutex<Option<String>>,
    synced: tokio::sync::watch::Sender<u64>,
    /// The last entries on disk, so that the database need not read them back.
    recent: Mutex<VecDeque<Arc<Record>>>,
    damaged: Mutex<BTreeSet<(PathBuf, u64)>>,
}

impl Shared {
    /// Entries kept in `recent`: some seconds at full load, a few MiB.
    const RECENT: usize = 2_048;

    fn new(dir: &Path, book: &book::Book) -> Self {
        Self {
            dir: dir.to_owned(),
            name: book.journal.clone(),
            inherited: book.seq,
            limit: AtomicUsize::new(usize::MAX),
            waiting: AtomicUsize::new(0),
            entries: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            failing: Mutex::new(None),
            synced: tokio::sync::watch::Sender::new(book.seq),
            recent: Mutex::new(VecDeque::new()),
            damaged: Mutex::default(),
        }
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<(PathBuf, u64)>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that cannot be read was met.
    fn note_damage(&self, segment: &Path, at: u64) {
        if self.damaged().insert((segment.to_owned(), at)) {
            tracing::error!(segment = %segment.display(), byte = at, "a line of the journal is damaged and left out");
        }
    }

    fn publish(&self, records: impl Iterator<Item = Arc<Record>>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(records);
        let surplus = recent.len().saturating_sub(Self::RECENT);
        recent.drain(..surplus);
        if let Some(last) = recent.back() {
            self.synced.send_replace(last.seq);
        }
    }
}

fn disk(deed: &'static str, path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Disk { deed, path: path.to_owned(), source: Arc::new(source) }
}
