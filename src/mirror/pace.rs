//! How fast a copy reads, so that media and recorder never wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Fault;

/// Waits in steps of this, so that the server may end.
const STEP: Duration = Duration::from_millis(100);

/// So many bytes in a second, and an ear for the server's end.
#[derive(Clone, Debug)]
pub struct Pace {
    bytes_per_s: u64,
    /// When what was taken so far is paid for.
    paid: Instant,
    ending: Arc<AtomicBool>,
}

impl Pace {
    pub fn new(bytes_per_s: u64, ending: Arc<AtomicBool>) -> Self {
        Self { bytes_per_s: bytes_per_s.max(1), paid: Instant::now(), ending }
    }

    /// As fast as it goes.
    pub fn unbounded() -> Self {
        Self::new(u64::MAX, Arc::default())
    }

    /// As fast as it goes, with the same ear: for what burdens nobody here.
    pub(super) fn unbridled(&self) -> Self {
        Self::new(u64::MAX, Arc::clone(&self.ending))
    }

    /// So many bytes were read: returns when the next may be. Err: the server ends.
    pub fn take(&mut self, bytes: u64) -> Result<(), Fault> {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64);
        // What was not used while there was nothing to do is gone.
        self.paid = self.paid.max(Instant::now()) + cost;
        self.wait_until(self.paid)
    }

    /// Err: the server ends.
    pub fn rest(&self, time: Duration) -> Result<(), Fault> {
        self.wait_until(Instant::now() + time)
    }

    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn wait_until(&self, until: Instant) -> Result<(), Fault> {
        loop {
            if self.is_ending() {
                return Err(Fault::Ending);
            }
            let left = until.saturating_duration_since(Instant::now());
            // Below this the system sleeps longer than asked; the next one waits for both.
            if left < Duration::from_millis(1) {
                return Ok(());
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}
