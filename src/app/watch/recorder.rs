//! Whether the recorder keeps up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Judged;
use crate::archive;
use crate::time::Mono;

/// An alarm whose cause comes and goes stands until it has been away for so long.
pub const QUIET: Duration = Duration::from_secs(60);

/// Looks at the recorder's figures and says which of its alarms stand.
#[derive(Debug, Default)]
pub struct RecorderWatch {
    disk: Lasting,
    queue: Lasting,
    slow: Lasting,
}

impl RecorderWatch {
    /// `overflow`: orders of signalling that found the recorder's queue full.
    pub fn look(&mut self, now: Mono, archive: &archive::Figures, overflow: &AtomicU64) -> [Judged; 3] {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let behind = archive.behind(now);
        let trouble = load(&archive.lags) + load(&archive.syncs_skipped) + load(&archive.dropped);
        let detail = behind.map(|since| format!("nothing written for {} s", since.as_secs()));
        let told = |subject, active, detail| Judged { name: "recording", subject, active, detail };
        [
            told("disk", self.disk.stands(now, load(&archive.write_errors), false), None),
            told("queue", self.queue.stands(now, load(overflow), false), None),
            told("slow", self.slow.stands(now, trouble, behind.is_some()), detail),
        ]
    }
}

#[derive(Debug, Default)]
struct Lasting {
    counted: u64,
    until: Option<Mono>,
}

impl Lasting {
    /// Whether it goes on `now`, or what counts its causes has grown within `QUIET`.
    fn stands(&mut self, now: Mono, counted: u64, goes_on: bool) -> bool {
        if counted > self.counted || goes_on {
            self.until = Some(now + QUIET);
        }
        self.counted = counted;
        self.until.is_some_and(|until| now < until)
    }
}
