//! How much of what strangers do is written down: a flood of wrong tokens must not fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Mono;

/// Rows of strangers in one window.
const MOST: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// Counts what strangers do.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    window: Mono,
    written: u32,
    left_out: u32,
}

impl Strangers {
    /// Whether this one is written down; and how many before it were not.
    pub fn next(&self, now: Mono) -> Option<u32> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(count.window) >= WINDOW {
            (count.window, count.written) = (now, 0);
        }
        if count.written >= MOST {
            count.left_out = count.left_out.saturating_add(1);
            return None;
        }
        count.written += 1;
        Some(std::mem::take(&mut count.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_that_is_written() {
        let (strangers, now) = (Strangers::default(), Mono::from_millis(100_000));
        let told: Vec<_> = (0..100).filter_map(|_| strangers.next(now)).collect();
        assert_eq!(told, [0; 60]);
        assert_eq!(strangers.next(now + WINDOW), Some(40));
        assert_eq!(strangers.next(now + WINDOW), Some(0));
    }
}
