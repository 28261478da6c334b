//! The only place that reads the machine's clocks for signalling.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Mono, Now, Wall};

/// Both clocks of this process; every thread that needs the time has a copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self::of(Instant::now())
    }

    /// The clock of a process that started then.
    pub const fn of(start: Instant) -> Self {
        Self { start }
    }

    pub fn now(&self) -> Now {
        Now { mono: self.mono(), wall: self.wall() }
    }

    pub fn mono(&self) -> Mono {
        Mono(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Zero for a machine whose clock stands before 1970.
    pub fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The `Instant` at which `Mono` is zero, for threads that sleep.
    pub const fn origin(&self) -> Instant {
        self.start
    }
}
