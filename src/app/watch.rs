//! Looks at the parts once a second and raises or clears their alarms: journal, database, recorder,
//! disk, and the connect rate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::archive;
use crate::store::apply::Progress;
use crate::store::journal::Journal;

use super::alarms::Alarms;
use super::figures::Figures;
use super::rate::{Rate, connect_rate};

/// With less room than this the operator must act, bytes; with less than a tenth of it, at once.
const LOW: u64 = 10 << 30;
/// R91.
const CONNECT_RATE: f64 = 0.95;
/// With fewer calls in 24 hours the rate says nothing.
const FEW_CALLS: u64 = 20;
/// Seconds between two looks at the rate.
const RATE_EVERY: u32 = 60;

pub struct Watch {
    pub journal: Journal,
    pub progress: Progress,
    pub archive: Arc<archive::Figures>,
    pub figures: Arc<Figures>,
    pub alarms: Arc<Alarms>,
    pub rate: Arc<Rate>,
    pub recordings: PathBuf,
}

impl Watch {
    pub async fn run(self) {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        let (mut errors, mut overflow) = (0, 0);
        for second in (0..RATE_EVERY).cycle() {
            every.tick().await;
            let journal = self.journal.health().failing;
            self.alarms.now("journal", "", journal.is_some(), journal);
            let database = self.progress.standing();
            let aside = (database.set_aside > 0).then(|| format!("{} entries set aside", database.set_aside));
            self.alarms.now("database", "", database.failing.is_some(), database.failing);
            self.alarms.now("database", "entries", aside.is_some(), aside);
            let seen = self.archive.write_errors.load(Ordering::Relaxed);
            self.alarms.now("recording", "disk", seen > errors, None);
            errors = seen;
            let seen = self.figures.recorder_overflow.load(Ordering::Relaxed);
            self.alarms.now("recording", "queue", seen > overflow, None);
            overflow = seen;
            if let Some(free) = free_bytes(&self.recordings) {
                let detail = Some(format!("{} MiB free", free >> 20));
                self.alarms.now("disk_full", "recordings", free < LOW / 10, detail.clone());
                self.alarms.now("disk_low", "recordings", free < LOW, detail);
            }
            if second == 0 {
                self.watch_rate().await;
            }
        }
    }

    /// R91: an alarm while less than 95 % of the callers of the last 24 hours got through.
    async fn watch_rate(&self) {
        let Some(counts) = self.rate.last_day().await else { return };
        let low = connect_rate(counts).filter(|rate| *rate < CONNECT_RATE && counts.offered >= FEW_CALLS);
        let detail = low.map(|rate| format!("{:.2} % of {} calls in 24 h", rate * 100.0, counts.offered));
        self.alarms.now("connect_rate", "", low.is_some(), detail);
    }
}

/// Bytes that an ordinary user may still write there.
pub fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: `path` is a C string and `stats` a live statvfs that the kernel fills in.
    unsafe {
        let mut stats: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut stats) == 0).then(|| stats.f_bavail.saturating_mul(stats.f_frsize))
    }
}
