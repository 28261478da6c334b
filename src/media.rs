//! The media threads: RTP sockets, relay, prompts, and the tap into the recorder.
//!
//! Signalling sends `Command`s and gets `Report`s over bounded channels; media never waits for the
//! disk, the database or a lock that signalling holds (invariant 5). All legs of a call live on one
//! thread. A busy machine must not be heard: these threads are real-time threads where the system
//! lets us, and all others call `lower_priority_of_this_thread`.

pub mod latch;
pub mod leg;
mod legs;
mod placement;
mod poll;
mod port;
pub mod prompt;
mod recent;
pub mod reception;
pub mod relay;
pub mod room;
pub mod rtcp;
pub mod rtp;
pub mod shipped;
pub mod speech;
pub mod tap;
pub mod ticks;
mod tuning;
mod worker;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::archive::Order;
use crate::media::placement::Placement;
use crate::vital::vital;

pub use crate::call::mix_plan::{Command, LegFigures, LegMedia, Report};

/// Everything the media threads need.
pub struct Setup {
    pub threads: usize,
    pub prompts: prompt::PromptShelf,
    /// The recorder.
    pub tap: SyncSender<Order>,
    pub reports: tokio::sync::mpsc::Sender<Report>,
    /// Where `Mono` is zero.
    pub clock: Instant,
    /// From which each leg's SSRC and first numbers come.
    pub seed: u64,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// T_rtp: after this long without RTP and RTCP a leg is reported as silent.
    pub silence: Duration,
    /// Between two RTCP reports (RFC 3550 §6.2: five seconds for so few senders).
    pub report_every: Duration,
    /// After so long without packets from the locked source another one may take its place.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), report_every: Duration::from_secs(5), patience: latch::PATIENCE }
    }
}

/// Starts the media threads. Where they may not be real-time threads they keep the caller's priority:
/// start them before lowering it.
pub fn start(setup: Setup) -> io::Result<Handle> {
    let tuning = Arc::new(tuning::Tuning::new(setup.prompts, setup.limits.silence));
    let mut threads = Vec::new();
    let mut joins = Vec::new();
    for index in 0..setup.threads.max(1) {
        let (sender, commands) = std::sync::mpsc::sync_channel(COMMANDS);
        let waker = Arc::new(poll::Waker::new()?);
        let worker = worker::Worker {
            poll: poll::Poll::new()?,
            waker: waker.clone(),
            commands,
            reports: setup.reports.clone(),
            orders: setup.tap.clone(),
            tuning: Arc::clone(&tuning),
            clock: setup.clock,
            report_every: setup.limits.report_every,
            patience: setup.limits.patience,
            seed: setup.seed,
            legs: legs::Legs::default(),
            waiting: std::collections::VecDeque::new(),
            held_back: std::collections::VecDeque::new(),
        };
        joins.push(vital(format!("media-{index}"), move || {
            if let Err(error) = poll::make_this_thread_real_time(REAL_TIME)
                && index == 0
            {
                tracing::info!(%error, "media threads run at normal priority (LimitRTPRIO allows more)");
            }
            if let Err(error) = worker.run() {
                // Its calls are silent from now on; a start afresh repairs more than it breaks.
                tracing::error!(%error, "a media thread ended");
                std::process::abort();
            }
        })?);
        threads.push(Thread { sender, waker, told: AtomicBool::new(false) });
    }
    let placement = Mutex::new(Placement::new(threads.len()));
    Ok(Handle { shared: Arc::new(Shared { threads, tuning, placement, joins: Mutex::new(joins) }) })
}

/// The lowest priorities of SCHED_FIFO are above every ordinary thread. Measured with 300 calls beside
/// two busy processes: forwarding delay p99 0.12 ms; at normal priority 3 ms, as a bare relay has there.
const REAL_TIME: i32 = 10;

/// Lowers the calling thread below the media threads and whatever else runs here (nice +10). Measured
/// without it: a busy machine delays voice by 34 ms at p99 where media may not be real-time.
pub fn lower_priority_of_this_thread() {
    poll::nice_this_thread(10);
}

/// Below everybody (nice +19, and so last at the disk): for what can wait for hours.
pub fn lowest_priority_of_this_thread() {
    poll::nice_this_thread(19);
}

/// Commands that may wait for a thread; it takes them all each time it wakes.
const COMMANDS: usize = 4096;

/// The way to the media threads.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    threads: Vec<Thread>,
    tuning: Arc<tuning::Tuning>,
    /// Only those who send commands take this lock.
    placement: Mutex<Placement>,
    joins: Mutex<Vec<JoinHandle<()>>>,
}

struct Thread {
    sender: SyncSender<Command>,
    waker: Arc<poll::Waker>,
    /// It has a command that it may not know of.
    told: AtomicBool,
}

impl Handle {
    /// Hands a command to the thread of its call, and wakes it. False where there is none that could
    /// take it: a leg that was never opened, a thread that has ended.
    pub fn send(&self, command: Command) -> bool {
        let sent = self.queue(command);
        self.wake();
        sent
    }

    /// `send` without waking: the thread takes it with the next `wake`, so that it is woken once for
    /// all that one event causes.
    pub fn queue(&self, command: Command) -> bool {
        let shared = &self.shared;
        let mut placement = shared.placement.lock().unwrap_or_else(PoisonError::into_inner);
        let home = match &command {
            Command::Open { leg, call, .. } => Some(placement.open(*leg, *call)),
            Command::Mix { call, record, .. } => placement.mix(*call, *record),
            Command::Seal { call, .. } => Some(placement.seal(*call)),
            Command::Agree { leg, .. } | Command::Play { leg, .. } | Command::StopPlay { leg } => {
                placement.of_leg(*leg)
            }
            Command::Close { leg } => placement.close(*leg),
            Command::Stop => {
                drop(placement);
                // Each of them is told, whether or not another has ended.
                return shared.threads.iter().filter(|thread| !thread.queue(Command::Stop)).count() == 0;
            }
        };
        drop(placement);
        home.and_then(|home| shared.threads.get(home)).is_some_and(|thread| thread.queue(command))
    }

    /// Wakes every thread that has got a command since it was last woken.
    pub fn wake(&self) {
        self.shared.threads.iter().for_each(Thread::wake);
    }

    /// From now on: what callers hear, and after how long without RTP and RTCP a leg is silent.
    pub fn tune(&self, prompts: prompt::PromptShelf, silence: Duration) {
        self.shared.tuning.set(prompts, silence);
    }

    /// Closes all legs, hands over what was heard, and waits for the threads to end.
    pub fn stop(&self) {
        self.send(Command::Stop);
        let joins = std::mem::take(&mut *self.shared.joins.lock().unwrap_or_else(PoisonError::into_inner));
        for join in joins {
            // A thread that panicked has nothing left to hand over.
            let _ = join.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.queue(Command::Stop);
            thread.wake();
        }
    }
}

impl Thread {
    /// False only once the thread has ended. Waits where the thread has a great many to take.
    fn queue(&self, command: Command) -> bool {
        self.told.store(true, Ordering::Relaxed);
        match self.sender.try_send(command) {
            Ok(()) => true,
            Err(TrySendError::Full(command)) => {
                // Nothing would take the others out.
                self.wake();
                self.sender.send(command).is_ok()
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    fn wake(&self) {
        if self.told.swap(false, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}
