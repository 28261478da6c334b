//! RTP clocks. Everything here is numbered at 8 kHz, as nearly every peer does it; a stream of Opus,
//! whose clock runs at 48 kHz, is counted down where it comes in and up where it goes out.

/// Counts the timestamps of one peer down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slowed {
    /// The latest one, as it came and with its wraps counted above.
    latest: Option<(u32, i64)>,
}

impl Slowed {
    /// The timestamp at 8 kHz of one whose clock makes so many `ticks` meanwhile. It goes on evenly where
    /// the fast one wraps.
    pub fn at(&mut self, timestamp: u32, ticks: u32) -> u32 {
        if ticks <= 1 {
            return timestamp;
        }
        let long = match self.latest {
            Some((last, long)) => long.saturating_add(timestamp.wrapping_sub(last).cast_signed().into()),
            None => timestamp.into(),
        };
        self.latest = Some((timestamp, long));
        long.div_euclid(ticks.into()) as u32
    }
}
