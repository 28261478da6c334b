//! Which source a leg listens to, and where it sends: symmetric RTP that cannot be taken over.
//!
//! The address in the SDP is preferred; behind a NAT it never sends, so the lock goes to the first
//! good source. It opens again for a new SDP or remote tag, and when the locked source is silent.

use std::net::SocketAddr;
use std::time::Duration;

use crate::time::Mono;

/// How long a locked source may be silent without losing the lock.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long the old source may go on after a new agreement without keeping the lock by it: a peer
/// that moves needs a moment.
const MOVING: Duration = Duration::from_millis(300);

#[derive(Clone, Debug)]
pub struct Latch {
    patience: Duration,
    /// Where the peer's SDP says it receives.
    told: Option<SocketAddr>,
    locked: Option<Locked>,
    generation: u32,
    changes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Locked {
    source: SocketAddr,
    heard: Mono,
    opened: Option<Opened>,
}

/// A lock that the next good packet may move, from wherever it comes.
#[derive(Clone, Copy, Debug)]
struct Opened {
    at: Mono,
    /// The new SDP names another address, so that the old source is no longer the one to send to.
    elsewhere: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    /// Accepted, and from now on this is the locked source instead of another one.
    Moved,
    Refuse,
}

impl Default for Latch {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Latch {
    /// Gives the lock to another source once the locked one has been silent for `patience`.
    pub const fn new(patience: Duration) -> Self {
        Self { patience, told: None, locked: None, generation: 0, changes: 0 }
    }

    /// A new agreement: `told` is the address of the peer's SDP, None while it has none (hold);
    /// another generation opens the lock.
    pub fn agree(&mut self, now: Mono, told: Option<SocketAddr>, generation: u32) {
        let elsewhere = told.is_some() && told != self.told;
        self.told = told.or(self.told);
        if generation != self.generation {
            self.generation = generation;
            if let Some(locked) = &mut self.locked {
                locked.opened = Some(Opened { at: now, elsewhere });
            }
        }
    }

    /// Judges a good packet: one that was read and carries an agreed payload type.
    pub fn judge(&mut self, now: Mono, from: SocketAddr) -> Verdict {
        let Some(locked) = &mut self.locked else {
            self.locked = Some(Locked { source: from, heard: now, opened: None });
            return Verdict::Accept;
        };
        if locked.source == from {
            locked.heard = now;
            if locked.opened.is_some_and(|opened| self.told == Some(from) || now.since(opened.at) >= MOVING) {
                locked.opened = None;
            }
            return Verdict::Accept;
        }
        if self.told == Some(from) || locked.opened.is_some() || now.since(locked.heard) >= self.patience {
            self.locked = Some(Locked { source: from, heard: now, opened: None });
            self.changes = self.changes.saturating_add(1);
            return Verdict::Moved;
        }
        Verdict::Refuse
    }

    /// Where to send.
    pub fn target(&self) -> Option<SocketAddr> {
        match self.locked {
            Some(Locked { opened: Some(Opened { elsewhere: true, .. }), .. }) | None => self.told,
            Some(locked) => Some(locked.source),
        }
    }

    /// The source whose packets are taken.
    pub fn source(&self) -> Option<SocketAddr> {
        self.locked.map(|locked| locked.source)
    }

    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// How often the lock moved from one source to another.
    pub const fn changes(&self) -> u32 {
        self.changes
    }
}
