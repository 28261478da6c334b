//! A line on which packets are late, each by another time, and overtake each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A packet that has yet to leave.
pub struct Held {
    pub leg: usize,
    pub to: SocketAddr,
    pub packet: Vec<u8>,
}

pub struct Jitter {
    /// The latest, in milliseconds, which are the generator's ticks.
    pub millis: u64,
    /// By the tick in which they leave.
    held: BTreeMap<u64, Vec<Held>>,
    /// Of a xorshift: each run has the same delays.
    state: u64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { millis: 0, held: BTreeMap::new(), state: 0x9E37_79B9_7F4A_7C15 }
    }
}

impl Jitter {
    pub fn hold(&mut self, tick: u64, held: Held) {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // At the earliest with the next tick: this one's have gone.
        let late = (self.state % (self.millis + 1)).max(1);
        self.held.entry(tick + late).or_default().push(held);
    }

    /// Those that leave in this tick.
    pub fn due(&mut self, tick: u64) -> Vec<Held> {
        let later = self.held.split_off(&(tick + 1));
        std::mem::replace(&mut self.held, later).into_values().flatten().collect()
    }
}
