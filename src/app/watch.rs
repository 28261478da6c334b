//! Looks at the parts once a second and raises or clears their alarms: journal, database, recorder,
//! disk, and the connect rate.

pub mod recorder;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::archive;
use crate::call::alarms::{ANSWERS, JOURNAL};
use crate::exchange::Input;
use crate::net::clock::Clock;
use crate::net::driver::Event;
use crate::store::apply::Progress;
use crate::store::journal::Journal;
use crate::store::query::Counts;

use super::alarms::Alarms;
use super::figures::Figures;
use super::rate::{Rate, connect_rate};
use recorder::RecorderWatch;

/// With less room than this the operator must act, bytes; with less than a tenth of it, at once.
const LOW: u64 = 10 << 30;
/// R91.
const CONNECT_RATE: f64 = 0.95;
/// With fewer calls in 24 hours the rate says nothing.
const FEW_CALLS: u64 = 20;
/// Seconds between two looks at the rate.
const RATE_EVERY: u32 = 60;

pub struct Watch {
    pub clock: Clock,
    pub journal: Journal,
    pub progress: Progress,
    pub archive: Arc<archive::Figures>,
    pub figures: Arc<Figures>,
    pub alarms: Arc<Alarms>,
    pub rate: Arc<Rate>,
    pub recordings: PathBuf,
    pub inbox: mpsc::Sender<Event>,
}

/// What one look finds.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What the journal's disk said since it fails.
    pub journal: Option<String>,
    /// Lines of the journal that cannot be read: segment and byte.
    pub damaged: Vec<(PathBuf, u64)>,
    pub database: Option<String>,
    /// Entries that the tables would not take.
    pub set_aside: usize,
    /// Room for recordings, bytes; None: the system does not say.
    pub free: Option<u64>,
    /// The calls of the last 24 hours, where this look asked for them and the database answered.
    pub day: Option<Counts>,
}

/// Whether an alarm is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub name: &'static str,
    pub subject: &'static str,
    pub active: bool,
    pub detail: Option<String>,
}

/// Every alarm about which this look says something.
pub fn judge(seen: &Seen) -> Vec<Judged> {
    let told = |name, subject, detail: Option<String>| Judged { name, subject, active: detail.is_some(), detail };
    let mut all = vec![
        told("journal", "", seen.journal.clone()),
        told("database", "", seen.database.clone()),
        told("database", "entries", (seen.set_aside > 0).then(|| format!("{} entries set aside", seen.set_aside))),
    ];
    if let Some((segment, byte)) = seen.damaged.first() {
        let others = seen.damaged.len().saturating_sub(1);
        let detail = format!("{}, byte {byte}; {others} others", segment.display());
        all.push(told("journal_damaged", "", Some(detail)));
    }
    if let Some(free) = seen.free {
        for (name, least) in [("disk_full", LOW / 10), ("disk_low", LOW)] {
            all.push(told(name, "recordings", (free < least).then(|| format!("{} MiB free", free >> 20))));
        }
    }
    if let Some(counts) = seen.day {
        // R91: while less than 95 % of the callers got through.
        let low = connect_rate(counts).filter(|rate| *rate < CONNECT_RATE && counts.offered >= FEW_CALLS);
        let detail = low.map(|rate| format!("{:.2} % of {} calls in 24 h", rate * 100.0, counts.offered));
        all.push(told("connect_rate", "", detail));
    }
    all
}

impl Watch {
    pub async fn run(self) {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        let mut recorder = RecorderWatch::default();
        for second in (0..RATE_EVERY).cycle() {
            every.tick().await;
            let database = self.progress.standing();
            let journal = self.journal.health();
            if journal.failing.is_none() && journal.waiting == 0 && self.answers_are_alarmed() {
                let _ = self.inbox.send(Event::Input(Input::JournalWorks)).await;
            }
            let seen = Seen {
                journal: journal.failing,
                damaged: journal.damaged,
                database: database.failing,
                set_aside: database.set_aside,
                free: free_bytes(&self.recordings),
                day: if second == 0 { self.rate.last_day().await } else { None },
            };
            let recorder = recorder.look(self.clock.mono(), &self.archive, &self.figures.recorder_overflow);
            for Judged { name, subject, active, detail } in judge(&seen).into_iter().chain(recorder) {
                self.alarms.now(name, subject, active, detail);
            }
        }
    }
}

impl Watch {
    /// The exchange raised that alarm, and is to clear it: the next answer may be hours away.
    fn answers_are_alarmed(&self) -> bool {
        self.alarms.standing().iter().any(|alarm| alarm.name == JOURNAL && alarm.subject == ANSWERS)
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
