//! How far a mirror is, for whoever asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::time::Wall;

/// As `GET /api/mirrors` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    pub name: String,
    pub place: String,
    /// Sealed recordings that the other side has not acknowledged.
    pub waiting: u64,
    pub waiting_bytes: u64,
    /// When the oldest of them was sealed.
    pub waiting_since: Option<Wall>,
    /// Of this run.
    pub copied: u64,
    pub copied_bytes: u64,
    /// Of the last one that was acknowledged in this run.
    pub last_copy: Option<Wall>,
    /// Of the last set that is whole there.
    pub last_set: Option<Wall>,
    /// What stands in the way, since the place does not take anything.
    pub failing: Option<String>,
    /// What stands in the way of a set.
    pub set_failing: Option<String>,
    /// Recordings and manifests that cannot be copied as they are.
    pub refused: Vec<String>,
    /// Since the start of this run, where no set was made yet.
    pub started: Wall,
}

impl Status {
    /// How long the oldest recording has waited.
    pub fn lag(&self, now: Wall) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| between(since, now))
    }

    /// How old the newest copy of database and configuration is: what would be lost of them.
    pub fn set_age(&self, now: Wall) -> Duration {
        between(self.last_set.unwrap_or(self.started), now)
    }
}

fn between(earlier: Wall, later: Wall) -> Duration {
    Duration::from_millis(u64::try_from(later.0.saturating_sub(earlier.0)).unwrap_or(0))
}

/// Written by the mirror's thread, read by everybody.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<Status>>);

impl Shared {
    pub fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    pub fn get(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
