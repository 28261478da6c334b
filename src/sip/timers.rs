//! The timers of RFC 3261 §17 and RFC 6026: their values, and the one table that says which is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::flow::Transport;
use crate::time::Mono;

/// The base values from which every timer follows. (RFC 3261 table 4)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of a round trip; first interval of retransmissions.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or of a final response.
    pub t2: Duration,
    /// How long a message may linger in the network.
    pub t4: Duration,
    /// How long an INVITE that we sent may ring after its last provisional response. (RFC 3261 §16.6, step 11)
    pub timer_c: Duration,
    /// How long repeated non-2xx finals to an INVITE are still acknowledged over UDP; at least 32 s.
    pub timer_d: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            timer_c: Duration::from_secs(180),
            timer_d: Duration::from_secs(32),
        }
    }
}

/// A timer by its letter in RFC 3261 and RFC 6026; the two without a letter have the RFC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// 64*T1 after our CANCEL, when an INVITE that is still unanswered counts as cancelled. (RFC 3261 §9.1)
    Cancel,
    /// 64*T1 after a non-INVITE request came: its client has given up, an answer would be noise. (RFC 4320 §4.2)
    TooLate,
}

impl Timers {
    /// How long `timer` runs when it is first started. `None`: not used over this transport;
    /// zero: it is over at once.
    pub fn first(&self, timer: Timer, transport: Transport) -> Option<Duration> {
        let reliable = transport.is_reliable();
        match timer {
            Timer::A | Timer::E | Timer::G => (!reliable).then_some(self.t1),
            Timer::B | Timer::F | Timer::H | Timer::L | Timer::M | Timer::Cancel | Timer::TooLate => {
                Some(self.t1.saturating_mul(64))
            }
            Timer::C => Some(self.timer_c),
            Timer::D => Some(if reliable { Duration::ZERO } else { self.timer_d }),
            Timer::I | Timer::K => Some(if reliable { Duration::ZERO } else { self.t4 }),
            Timer::J => Some(if reliable { Duration::ZERO } else { self.t1.saturating_mul(64) }),
        }
    }

    /// The interval after `last`: doubled, and bounded by T2 but for timer A. (RFC 3261 §17.1.1.2, §17.1.2.2, §17.2.1)
    pub fn next(&self, timer: Timer, last: Duration) -> Duration {
        let doubled = last.saturating_mul(2);
        if timer == Timer::A { doubled } else { doubled.min(self.slowest()) }
    }

    /// The longest interval between retransmissions: T2, unless it is set below T1.
    pub fn slowest(&self) -> Duration {
        self.t2.max(self.t1)
    }
}

/// Every running timer of every owner, ordered by when it is due; at the same instant, by when it
/// was started. An owner has each timer at most once.
#[derive(Clone, Debug)]
pub struct TimerTable<Owner> {
    due: BTreeSet<(Mono, u64, Owner, Timer)>,
    running: BTreeMap<(Owner, Timer), (Mono, u64)>,
    started: u64,
}

impl<Owner: Copy + Ord> TimerTable<Owner> {
    pub const fn new() -> Self {
        Self { due: BTreeSet::new(), running: BTreeMap::new(), started: 0 }
    }

    /// Starts the timer, or starts it anew.
    pub fn start(&mut self, owner: Owner, timer: Timer, at: Mono) {
        self.stop(owner, timer);
        self.started = self.started.wrapping_add(1);
        self.running.insert((owner, timer), (at, self.started));
        self.due.insert((at, self.started, owner, timer));
    }

    pub fn stop(&mut self, owner: Owner, timer: Timer) {
        if let Some((at, order)) = self.running.remove(&(owner, timer)) {
            self.due.remove(&(at, order, owner, timer));
        }
    }

    pub fn stop_all(&mut self, owner: Owner) {
        while let Some((&(_, timer), _)) = self.running.range((owner, Timer::A)..=(owner, Timer::TooLate)).next() {
            self.stop(owner, timer);
        }
    }

    /// When the next timer is due.
    pub fn next(&self) -> Option<Mono> {
        self.due.first().map(|&(at, ..)| at)
    }

    /// Takes out the earliest timer that is due at `now`.
    pub fn pop(&mut self, now: Mono) -> Option<(Owner, Timer)> {
        let &(at, _, owner, timer) = self.due.first()?;
        if at > now {
            return None;
        }
        self.stop(owner, timer);
        Some((owner, timer))
    }
}

impl<Owner: Copy + Ord> Default for TimerTable<Owner> {
    fn default() -> Self {
        Self::new()
    }
}
