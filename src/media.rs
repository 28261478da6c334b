//! The media threads: RTP sockets, relay, prompts, and the tap into the recorder.
//!
//! Signalling sends `Command`s and gets `Report`s over bounded channels; media never waits for the
//! disk, the database or a lock that signalling holds (invariant 5). All legs of a call live on one
//! thread. These threads keep the normal priority; all others call
//! `lower_priority_of_this_thread`, because a busy machine must not be heard.

pub mod latch;
pub mod leg;
mod legs;
mod poll;
mod port;
pub mod prompt;
pub mod reception;
pub mod relay;
pub mod rtcp;
pub mod rtp;
pub mod shipped;
pub mod tap;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::archive::Order;
use crate::call::{CallId, LegId};

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
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), report_every: Duration::from_secs(5) }
    }
}

/// Starts the media threads. They inherit the caller's priority: start them before lowering it.
pub fn start(setup: Setup) -> io::Result<Handle> {
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
            prompts: setup.prompts.clone(),
            clock: setup.clock,
            limits: setup.limits,
            seed: setup.seed,
            legs: legs::Legs::default(),
            waiting: std::collections::VecDeque::new(),
            held_back: std::collections::VecDeque::new(),
        };
        joins.push(std::thread::Builder::new().name(format!("media-{index}")).spawn(|| {
            if let Err(error) = worker.run() {
                // Its calls are silent from now on; a start afresh repairs more than it breaks.
                tracing::error!(%error, "a media thread ended");
                std::process::abort();
            }
        })?);
        threads.push(Thread { sender, waker });
    }
    Ok(Handle { shared: Arc::new(Shared { threads, homes: Mutex::default(), joins: Mutex::new(joins) }) })
}

/// Lowers the calling thread below the media threads (nice +10). Measured: under a busy machine the
/// forwarding delay then stays below 1 ms at p99, instead of 34 ms.
pub fn lower_priority_of_this_thread() {
    poll::nice_this_thread(10);
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
    /// The thread of each open leg. Only those who send commands take this lock.
    homes: Mutex<BTreeMap<LegId, usize>>,
    joins: Mutex<Vec<JoinHandle<()>>>,
}

struct Thread {
    sender: SyncSender<Command>,
    waker: Arc<poll::Waker>,
}

impl Handle {
    /// Hands a command to the thread of its call. False where there is none that could take it: a leg
    /// that was never opened, a thread that has ended.
    pub fn send(&self, command: Command) -> bool {
        let shared = &self.shared;
        let of_call = |call: CallId| thread_of(call, shared.threads.len());
        let mut homes = shared.homes.lock().unwrap_or_else(PoisonError::into_inner);
        let home = match &command {
            Command::Open { leg, call, .. } => {
                homes.insert(*leg, of_call(*call));
                Some(of_call(*call))
            }
            Command::Mix { call, .. } | Command::Seal { call, .. } => Some(of_call(*call)),
            Command::Agree { leg, .. } | Command::Play { leg, .. } | Command::StopPlay { leg } => {
                homes.get(leg).copied()
            }
            Command::Close { leg } => homes.remove(leg),
            Command::Stop => {
                drop(homes);
                // Each of them is told, whether or not another has ended.
                return shared.threads.iter().filter(|thread| !thread.send(Command::Stop)).count() == 0;
            }
        };
        drop(homes);
        home.and_then(|home| shared.threads.get(home)).is_some_and(|thread| thread.send(command))
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
            thread.send(Command::Stop);
        }
    }
}

impl Thread {
    /// False only once the thread has ended.
    fn send(&self, command: Command) -> bool {
        let sent = self.sender.send(command).is_ok();
        self.waker.wake();
        sent
    }
}

/// Ids of calls are times with a counter below, so their low bits say little: mixed first.
fn thread_of(call: CallId, threads: usize) -> usize {
    let mixed = call.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    usize::try_from(mixed).unwrap_or(0) % threads.max(1)
}
