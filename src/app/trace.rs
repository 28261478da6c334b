//! The signalling of recent calls with the reasons of each decision, kept in a ring of files below
//! `<data>/trace` that only the server's own user can read.
//!
//! Signalling makes one allocation and one channel send a message. A thread of lowered priority
//! does the rest; what it cannot take in time is counted as lost, and nobody waits for it.

pub mod record;
pub mod ring;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use crate::call::{CallId, LegId};
use crate::net::driver::Trace;
use crate::sip::flow::Flow;
use crate::time::Wall;

use record::{Record, Way};
use ring::{Limits, Ring};

/// Records that may wait for the thread.
const WAITING: usize = 8_192;
/// Bytes that may wait for the thread: a flood of large datagrams must not fill the memory.
const WAITING_BYTES: usize = 16 << 20;
/// How long the thread gathers records. It is woken once in this time and not for each message,
/// which would cost signalling a system call every time.
const GATHER: Duration = Duration::from_millis(100);

/// Writes the trace; cheap to clone. The default one keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct TraceBook {
    desk: Option<Arc<Desk>>,
}

#[derive(Debug)]
struct Desk {
    orders: SyncSender<Order>,
    counters: Arc<Counters>,
    /// Our own address of each listener.
    addresses: Vec<SocketAddr>,
    writer: Thread,
    join: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Nothing is kept where the ring has no room.
    off: AtomicBool,
    waiting_bytes: AtomicUsize,
    lost: AtomicU64,
}

enum Order {
    /// A record as it stands in the file.
    Write(Vec<u8>),
    /// Of everything that is kept.
    Limit(Limits),
    Stop,
}

impl TraceBook {
    /// Opens or creates the ring in `dir` (`<data>/trace`) and starts its thread. `addresses` are
    /// those of the listeners, in the order of their ids.
    pub fn start(dir: &Path, limits: Limits, addresses: Vec<SocketAddr>) -> io::Result<Self> {
        let ring = Ring::open(dir, limits)?;
        let counters = Arc::new(Counters { off: AtomicBool::new(limits.total == 0), ..Counters::default() });
        let (orders, inbox) = sync_channel(WAITING);
        let seen = Arc::clone(&counters);
        let join = std::thread::Builder::new().name("trace".into()).spawn(move || {
            crate::media::lower_priority_of_this_thread();
            write_down(ring, &inbox, &seen);
        })?;
        let writer = join.thread().clone();
        Ok(Self { desk: Some(Arc::new(Desk { orders, counters, addresses, writer, join: Mutex::new(Some(join)) })) })
    }

    /// This dialog belongs to this call.
    pub fn placed(&self, call: CallId, leg: LegId, sip_call_id: &str) {
        self.keep(|| Record::Placed { call, leg, sip_call_id });
    }

    /// A reason: "seat 1002 chosen: idle longest (312 s)".
    pub fn note(&self, at: Wall, call: CallId, text: String) {
        self.keep(|| Record::Note { at, call, text: &text });
    }

    /// Keeps this much from now on; 0: nothing more. Waits for room among the orders.
    pub fn limit(&self, limits: Limits) {
        let Some(desk) = &self.desk else {
            return tracing::warn!("no trace is kept: its folder could not be opened at the start");
        };
        desk.counters.off.store(limits.total == 0, Ordering::Relaxed);
        // Fails only where the thread has ended.
        let _ = desk.orders.send(Order::Limit(limits));
    }

    /// Records that were lost since the start: the thread or the disk was too slow, or the disk failed.
    pub fn lost(&self) -> u64 {
        self.desk.as_ref().map_or(0, |desk| desk.counters.lost.load(Ordering::Relaxed))
    }

    /// Writes what waits and ends the thread. Blocks until that is done; what comes later is not kept.
    pub fn stop(&self) {
        let Some(desk) = &self.desk else { return };
        let join = desk.join.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(join) = join {
            // Fails only where the thread has ended already.
            let _ = desk.orders.send(Order::Stop);
            desk.writer.unpark();
            let _ = join.join();
        }
    }

    fn message(&self, at: Wall, way: Way, flow: Flow, bytes: &[u8]) {
        self.keep(|| {
            let local = self.desk.as_ref().and_then(|desk| desk.addresses.get(usize::from(flow.listener.0)).copied());
            let local = local.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
            Record::Message { at, way, transport: flow.transport, local, remote: flow.remote, bytes }
        });
    }

    fn keep<'a>(&self, record: impl FnOnce() -> Record<'a>) {
        let Some(desk) = self.desk.as_ref().filter(|desk| !desk.counters.off.load(Ordering::Relaxed)) else { return };
        let bytes = record().to_bytes();
        let size = bytes.len();
        let waiting = desk.counters.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        if waiting > WAITING_BYTES || desk.orders.try_send(Order::Write(bytes)).is_err() {
            desk.counters.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            desk.counters.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Trace for TraceBook {
    fn received(&mut self, at: Wall, flow: Flow, bytes: &[u8]) {
        self.message(at, Way::Received, flow, bytes);
    }

    fn sent(&mut self, at: Wall, flow: Flow, bytes: &[u8]) {
        self.message(at, Way::Sent, flow, bytes);
    }
}

/// The thread: sleeps while nothing happens, gathers, writes.
fn write_down(mut ring: Ring, inbox: &Receiver<Order>, counters: &Counters) {
    let mut told = 0;
    let mut healthy = true;
    while let Ok(first) = inbox.recv() {
        let mut last = matches!(first, Order::Stop);
        if !last {
            std::thread::park_timeout(GATHER);
        }
        let mut failure = None;
        for order in std::iter::once(first).chain(std::iter::from_fn(|| inbox.try_recv().ok())) {
            match order {
                Order::Write(bytes) => {
                    counters.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
                    failure = ring.push(&bytes).err().or(failure);
                }
                Order::Limit(limits) => ring.limit(limits),
                Order::Stop => last = true,
            }
        }
        let lost = counters.lost.load(Ordering::Relaxed);
        if lost > told && ring.push(&Record::Lost { records: lost - told }.to_bytes()).is_ok() {
            told = lost;
        }
        failure = ring.flush().err().or(failure);
        counters.lost.fetch_add(ring.take_lost(), Ordering::Relaxed);
        match &failure {
            Some(error) if healthy => tracing::warn!(%error, "the trace is not written"),
            None if !healthy => tracing::info!("the trace is written again"),
            Some(_) | None => {}
        }
        healthy = failure.is_none();
        if last {
            return;
        }
    }
}
