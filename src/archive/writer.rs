//! The writer thread: owns the open recordings, wakes forty times a second, never waits for a sync.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cipher::Suite;
use super::disk::{Disk, System};
use super::hearing::Outcome;
use super::keys::MasterKeys;
use super::part::Part;
use super::recording::Recording;
use super::seal::{self, Unsealed};
use super::{Done, Order, sweep};
use crate::audio::wav::Format;
use crate::call::CallId;
use crate::time::{Mono, Wall};
use crate::vital::vital;

/// A sleeping writer need not be woken by each packet's order: it looks by itself, and media spends
/// no system call on waking it.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// With the 200 ms that media collects, a killed server loses less than a second.
const FLUSH_EVERY: Duration = Duration::from_millis(600);
/// Against loss of power. Each recording has its own phase.
const SYNC_EVERY: Duration = Duration::from_secs(8);
/// Attempts to write the last of an ended call while the disk takes none; then it is given up.
const LAST_ATTEMPTS: u32 = 3;
/// A recorder that has not come round for so long has fallen behind.
pub const SLOW: Duration = Duration::from_secs(2);
/// Syncs that may wait; more would only show that the disk is slower than the calls.
const SYNCS_WAITING: usize = 64;

/// Told of each sealed and each failed recording, from the archive's threads; must not block.
pub type Tell = Arc<dyn Fn(Done) + Send + Sync>;

/// Where and how recordings are written.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The recordings folder; made where it is missing.
    pub recordings: PathBuf,
    pub format: Format,
    /// A file is closed and the next one begun before it is longer than this. Some players count in
    /// 31 bits, so the default is below 2 GiB: 37 hours of A-law.
    pub part_bytes: u64,
    /// Orders that may wait. Media drops audio when the queue is full, and says so.
    pub queue: usize,
    /// With what recordings are encrypted from now on; None: not at all.
    pub suite: Option<Suite>,
    /// The first for new recordings, where there is a suite; the others for what a crash left.
    pub keys: MasterKeys,
    pub disk: Arc<dyn Disk>,
}

impl Settings {
    pub fn new(recordings: PathBuf) -> Self {
        let disk = Arc::new(System { origin: Instant::now() });
        Self {
            recordings,
            format: Format::Alaw,
            part_bytes: 2_140_000_000,
            queue: 8192,
            suite: None,
            keys: MasterKeys::default(),
            disk,
        }
    }
}

/// Counters for /metrics.
#[derive(Debug, Default)]
pub struct Figures {
    /// Recordings open now.
    pub open: AtomicU64,
    /// Ended and not yet sealed: the backlog.
    pub sealing: AtomicU64,
    pub sealed: AtomicU64,
    pub recovered: AtomicU64,
    pub failed: AtomicU64,
    /// Writes to files that failed.
    pub write_errors: AtomicU64,
    pub syncs: AtomicU64,
    /// Syncs left out because the disk was too slow for them.
    pub syncs_skipped: AtomicU64,
    /// Audio for calls that are not recorded (any more), in orders.
    pub stray: AtomicU64,
    /// Orders that waited when the writer last looked.
    pub waiting: AtomicU64,
    /// Packets that media told to have dropped for want of room.
    pub dropped: AtomicU64,
    /// Times that the writer fell behind.
    pub lags: AtomicU64,
    /// When the writer last came round: nanoseconds of `Mono`.
    round: AtomicU64,
}

impl Figures {
    /// Whether the writer has come round since.
    pub fn came_round_after(&self, at: Mono) -> bool {
        self.round.load(Ordering::Relaxed) > at.0
    }

    /// How long the writer has not come round, where that is too long while calls are recorded.
    pub fn behind(&self, now: Mono) -> Option<Duration> {
        let since = now.since(Mono(self.round.load(Ordering::Relaxed)));
        (self.open.load(Ordering::Relaxed) > 0 && since > SLOW).then_some(since)
    }
}

/// The running archive.
#[derive(Debug)]
pub struct Archive {
    pub orders: SyncSender<Order>,
    pub figures: Arc<Figures>,
    threads: Vec<JoinHandle<()>>,
}

impl Archive {
    /// Seals what is open and waits until all is on disk.
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
        drop(self.orders);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Calls whose files belong to this process: the sweep leaves them alone.
#[derive(Debug, Default)]
pub(super) struct Live {
    calls: Mutex<BTreeSet<CallId>>,
    ending: AtomicBool,
}

impl Live {
    pub(super) fn calls(&self) -> MutexGuard<'_, BTreeSet<CallId>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the archive stops: the sweep goes on at the next start.
    pub(super) fn ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// Starts the threads, and the sweep for what a crash left behind. Fails where the recordings folder
/// cannot be made or read.
pub fn start(settings: Settings, tell: Tell) -> io::Result<Archive> {
    std::fs::create_dir_all(&settings.recordings)?;
    std::fs::read_dir(&settings.recordings)?;
    if settings.suite.is_some() && settings.keys.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "recordings are to be encrypted, and there is no master key",
        ));
    }
    let figures = Arc::new(Figures::default());
    let live = Arc::new(Live::default());
    let (orders, incoming) = mpsc::sync_channel(settings.queue);
    let (seals, to_seal) = mpsc::channel();
    let (syncs, to_sync) = mpsc::sync_channel::<Arc<Part>>(SYNCS_WAITING);

    let sealer = seal::Sealer::new(&settings, live.clone(), figures.clone(), tell.clone());
    let disk = Arc::clone(&settings.disk);
    let ruins =
        sweep::Ruins { root: settings.recordings.clone(), keys: settings.keys.clone(), disk: Arc::clone(&disk) };
    let (orphans, theirs) = (seals.clone(), live.clone());
    let (counts, teller) = (figures.clone(), tell.clone());
    let counted = figures.clone();
    let recordings = BTreeMap::new();
    let writer = Writer { settings, tell, seals, syncs, live, figures: figures.clone(), recordings, behind: None };
    let threads = vec![
        vital("archive-writer", behind_media(move || writer.run(&incoming)))?,
        vital("archive-sealer", behind_media(move || sealer.run(&to_seal)))?,
        vital("archive-syncer", behind_media(move || sync_all(&to_sync, &*disk, &counted)))?,
        // Not vital: a file that it cannot bear would end every start.
        thread::Builder::new()
            .name("archive-sweep".into())
            .spawn(behind_media(move || sweep::run(&ruins, &theirs, &counts, &teller, &orphans)))?,
    ];
    Ok(Archive { orders, figures, threads })
}

struct Writer {
    settings: Settings,
    tell: Tell,
    seals: Sender<Unsealed>,
    syncs: SyncSender<Arc<Part>>,
    live: Arc<Live>,
    figures: Arc<Figures>,
    recordings: BTreeMap<CallId, Recording>,
    /// Since when the disk or the queue has not followed, as noticed in this round.
    behind: Option<Mono>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            if self.recordings.is_empty() {
                let order = orders.recv();
                // Nobody waited for it until now.
                self.came_round();
                match order {
                    Ok(Order::Stop) | Err(_) => break,
                    Ok(order) => self.take(order),
                }
            } else {
                thread::sleep(LOOK_EVERY);
            }
            if self.take_waiting(orders) {
                break;
            }
            self.write_due(self.settings.disk.now());
            self.judge_round();
        }
        self.close();
    }

    fn came_round(&self) {
        self.figures.round.store(self.settings.disk.now().0, Ordering::Relaxed);
    }

    /// A round that took too long concerns every recording that is open.
    fn judge_round(&mut self) {
        let last = Mono(self.figures.round.load(Ordering::Relaxed));
        self.came_round();
        if self.behind.is_none() && self.settings.disk.now().since(last) > SLOW {
            self.behind = Some(last);
        }
        if let Some(since) = self.behind.take() {
            self.figures.lags.fetch_add(1, Ordering::Relaxed);
            self.recordings.values_mut().for_each(|recording| recording.slow(since));
        }
    }

    /// Takes what waits, but not for so long that files fall behind. True at the end.
    fn take_waiting(&mut self, orders: &Receiver<Order>) -> bool {
        let mut taken = 0;
        let ends = loop {
            match orders.try_recv() {
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => break true,
                Ok(order) => self.take(order),
                Err(TryRecvError::Empty) => break false,
            }
            taken += 1;
            if taken >= self.settings.queue {
                break false;
            }
        };
        self.figures.waiting.store(u64::try_from(taken).unwrap_or(u64::MAX), Ordering::Relaxed);
        ends
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Open { call, now, folder_day, meta } => {
                if self.recordings.contains_key(&call) {
                    return;
                }
                let at = self.settings.disk.now();
                let phase = SYNC_EVERY * (call.0 % 16) as u32 / 16;
                let due = (at + FLUSH_EVERY, at + SYNC_EVERY / 2 + phase);
                let mut recording = Recording::new(call, now, folder_day, *meta, &self.settings, due);
                self.live.calls().insert(call);
                self.figures.open.fetch_add(1, Ordering::Relaxed);
                self.flush(&mut recording);
                self.recordings.insert(call, recording);
            }
            Order::Audio { call, voice, batch } => {
                self.with(call, |recording| recording.hear(voice, &batch));
            }
            Order::SenderReport { call, voice, arrival, ssrc, ntp, timestamp } => {
                self.with(call, |recording| recording.timeline(voice, arrival).sender_report(ssrc, ntp, timestamp));
            }
            Order::NewSource { call, voice, at, why } => {
                self.with(call, |recording| recording.timeline(voice, at).new_source(why));
            }
            Order::Dropped { call, voice, at, packets } => {
                self.figures.dropped.fetch_add(u64::from(packets), Ordering::Relaxed);
                self.behind.get_or_insert(at);
                self.with(call, |recording| recording.timeline(voice, at).dropped(at, packets));
            }
            Order::Mark { call, at, mark } => {
                let told = self.with(call, |recording| (recording.trunk().to_owned(), recording.mark(at, mark)));
                if let Some((trunk, Some(outcome))) = told {
                    self.tell_heard(call, trunk, outcome);
                }
            }
            Order::Figures { call, leg, figures } => {
                self.with(call, |recording| recording.figures(leg, figures));
            }
            Order::Seal { call, ended, at } => {
                if let Some(mut recording) = self.recordings.remove(&call) {
                    self.end(&mut recording, ended, Some(at));
                    self.finish(recording);
                }
            }
            Order::Format(format) => self.settings.format = format,
            Order::Stop => {}
        }
    }

    fn with<T>(&mut self, call: CallId, deed: impl FnOnce(&mut Recording) -> T) -> Option<T> {
        let recording = self.recordings.get_mut(&call).filter(|recording| recording.ended.is_none());
        if recording.is_none() {
            self.figures.stray.fetch_add(1, Ordering::Relaxed);
        }
        recording.map(deed)
    }

    fn tell_heard(&self, call: CallId, trunk: String, outcome: Outcome) {
        (self.tell)(Done::Heard { call, party: outcome.party, trunk, heard: outcome.heard });
    }

    fn write_due(&mut self, now: Mono) {
        let due: Vec<CallId> =
            self.recordings.values().filter(|recording| recording.flush_at <= now).map(|due| due.call).collect();
        for call in due {
            let Some(mut recording) = self.recordings.remove(&call) else { continue };
            recording.flush_at = now + FLUSH_EVERY;
            if recording.ended.is_some() {
                self.finish(recording);
                continue;
            }
            self.flush(&mut recording);
            if recording.sync_at <= now {
                recording.sync_at = now + SYNC_EVERY;
                self.sync(&mut recording);
            }
            self.recordings.insert(call, recording);
        }
    }

    fn sync(&mut self, recording: &mut Recording) {
        if let Err(error) = recording.note_news() {
            tracing::warn!(call = %recording.call, %error, "cannot refresh the side-car of a live recording");
        }
        let skipped = recording.parts().filter(|part| self.syncs.try_send(Arc::clone(part)).is_err()).count();
        if skipped > 0 {
            self.figures.syncs_skipped.fetch_add(u64::try_from(skipped).unwrap_or(u64::MAX), Ordering::Relaxed);
            let now = self.settings.disk.now();
            recording.slow(*self.behind.get_or_insert(now));
        }
    }

    /// Whether all of it is on disk now. A failure is told once; the call goes on, and so do attempts.
    fn flush(&mut self, recording: &mut Recording) -> bool {
        let began = self.settings.disk.now();
        let flushed = recording.flush();
        if self.settings.disk.now().since(began) > SLOW {
            self.behind.get_or_insert(began);
        }
        if let Some(since) = self.behind {
            recording.slow(since);
        }
        match flushed {
            Ok(()) => {
                if recording.failing {
                    tracing::info!(call = %recording.call, "the recording is written again");
                }
                recording.failing = false;
                true
            }
            Err(error) => {
                self.figures.write_errors.fetch_add(1, Ordering::Relaxed);
                recording.failing = true;
                if !recording.reported {
                    recording.reported = true;
                    self.figures.failed.fetch_add(1, Ordering::Relaxed);
                    let error = format!("cannot write {}: {error}", recording.folder().display());
                    tracing::error!(call = %recording.call, error, "recording fails, the call goes on");
                    (self.tell)(Done::Failed { call: recording.call, error });
                }
                false
            }
        }
    }

    fn end(&self, recording: &mut Recording, ended: Wall, at: Option<Mono>) {
        for outcome in recording.finish(ended, at) {
            self.tell_heard(recording.call, recording.trunk().to_owned(), outcome);
        }
    }

    /// The last of an ended call goes to disk, then it is sealed; where the disk takes none, soon again.
    fn finish(&mut self, mut recording: Recording) {
        if !self.flush(&mut recording)
            && let Some((_, attempts)) = &mut recording.ended
            && *attempts < LAST_ATTEMPTS
        {
            *attempts += 1;
            self.recordings.insert(recording.call, recording);
            return;
        }
        self.hand_over(recording);
    }

    fn hand_over(&self, mut recording: Recording) {
        recording.give_up();
        let ended: Wall = recording.ended.map_or_else(|| recording.ends_by_length(), |(ended, _)| ended);
        self.figures.open.fetch_sub(1, Ordering::Relaxed);
        match recording.unsealed(ended) {
            Some(unsealed) => {
                self.figures.sealing.fetch_add(1, Ordering::Relaxed);
                let _ = self.seals.send(unsealed);
            }
            None => {
                // Not one file could be made; that has been told.
                self.live.calls().remove(&recording.call);
            }
        }
    }

    fn close(mut self) {
        self.live.ending.store(true, Ordering::Relaxed);
        for (_, mut recording) in std::mem::take(&mut self.recordings) {
            let ended = recording.ends_by_length();
            self.end(&mut recording, ended, None);
            self.flush(&mut recording);
            self.hand_over(recording);
        }
    }
}

fn sync_all(parts: &Receiver<Arc<Part>>, disk: &dyn Disk, figures: &Figures) {
    for part in parts {
        figures.syncs.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = disk.sync_data(&part.file) {
            // Told once by the system, so it is remembered until the seal.
            part.state.set_unsafe();
            tracing::error!(%error, "the disk refused a recording that it had taken");
        }
    }
}

/// At nice +10: media comes first.
fn behind_media(deed: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
    move || {
        // SAFETY: no memory is passed; 0 means the calling thread. A refusal only leaves the priority.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
        deed();
    }
}
