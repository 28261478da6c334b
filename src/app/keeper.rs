//! What the archive decides, and carries out: classes, holds, batches, destruction (R69, R70). Whoever asks is
//! an argument, and has the right to; everything goes through the journal and is answered once the tables have it.

mod batch;
mod clock;
mod forecast;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::civil::Date;

pub use self::clock::{ClockState, Times};
pub use self::forecast::Forecast;
use super::alarms::Alarms;
use crate::archive::manifest::folder::Manifests;
use crate::archive::shelf::Shelf;
use crate::call::CallId;
use crate::config::RetentionSettings;
use crate::privacy::Private;
use crate::rules::destruction::{Stays, stays};
use crate::rules::retention::{local_day, schedule::ORDINARY};
use crate::store::apply::Progress;
use crate::store::entry::Entry;
use crate::store::journal::{Journal, JournalError};
use crate::store::keeping::{Deed, Hold, HoldRow, Kept, Line, Place, SubjectKind};
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::time::Wall;

/// For the database to follow the journal.
const PATIENCE: Duration = Duration::from_secs(10);
/// Recordings that are looked at in one go.
const AT_ONCE: usize = 1_000;
/// Characters of a case, a reason.
const LONGEST: usize = 200;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The asker's own word for a program, and for people.
    #[error("{text}")]
    Refused { code: &'static str, text: String },
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    #[error("the machine's clock is further ahead than it can be: nothing is destroyed until it is confirmed")]
    ClockAhead { clock: Wall, mark: Wall },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("the database does not follow the journal")]
    Behind,
}

impl KeeperError {
    fn refused(code: &'static str, text: impl Into<String>) -> Self {
        Self::Refused { code, text: text.into() }
    }
}

/// What a keeper needs of the running server.
pub struct Parts {
    pub store: Arc<Sqlite>,
    pub journal: Journal,
    pub progress: Progress,
    pub shelf: Arc<Shelf>,
    pub alarms: Arc<Alarms>,
    pub times: Times,
    pub settings: RetentionSettings,
    /// The recordings folder.
    pub recordings: PathBuf,
    pub data: PathBuf,
    pub hotline: String,
}

pub struct Keeper {
    parts: Parts,
    manifests: Manifests,
    settings: RwLock<Arc<RetentionSettings>>,
    /// None until it could be read.
    mark: tokio::sync::Mutex<Option<clock::Keeping>>,
    /// Between the last look at a recording and its destruction no hold is put on it.
    turn: tokio::sync::Mutex<()>,
    /// One batch at a time.
    carrying: tokio::sync::Mutex<()>,
}

/// What is due up to a day, and what is not though its time is over.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Due {
    pub day: String,
    /// Version of the classes.
    pub schedule: String,
    /// Not more than were asked for.
    pub rows: Vec<DueRow>,
    pub recordings: usize,
    pub bytes: u64,
    /// Already on the list of a batch, and among `recordings`.
    pub in_batches: usize,
    pub held: usize,
    pub tickets_open: usize,
    pub quarantined: usize,
    pub not_listed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DueRow {
    #[serde(flatten)]
    pub line: Line,
    pub batch: Option<String>,
}

impl Keeper {
    /// Touches nothing yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        let manifests = Manifests::new(&parts.recordings);
        let settings = RwLock::new(Arc::new(parts.settings.clone()));
        let (mark, turn, carrying) = Default::default();
        Arc::new(Self { parts, manifests, settings, mark, turn, carrying })
    }

    /// What a reload has brought.
    pub fn set(&self, settings: RetentionSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    fn settings(&self) -> Arc<RetentionSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn wall(&self) -> Wall {
        (self.parts.times.wall)()
    }

    async fn record(&self, deed: Deed) -> Result<(), KeeperError> {
        let receipt = self.parts.journal.record(Entry::Keeping(Box::new(deed))).await?;
        self.follow(receipt.seq).await
    }

    async fn follow(&self, seq: u64) -> Result<(), KeeperError> {
        let follows = self.parts.progress.reaches_within(seq, PATIENCE).await;
        if follows { Ok(()) } else { Err(KeeperError::Behind) }
    }

    /// How one recording stands, and the first day on which it may be erased.
    pub async fn one(&self, call: CallId) -> Result<(Kept, String, Option<Date>), KeeperError> {
        let kept = self.parts.store.kept_of(call).await?.ok_or(KeeperError::NoSuch("recording"))?;
        let settings = self.settings();
        let (class, day) = (kept.term(&settings.schedule).class.to_owned(), kept.erasable_from(&settings.schedule));
        Ok((kept, class, day))
    }

    /// Puts a recording into a class; None takes it out of the one it was put into.
    pub async fn class(&self, call: CallId, class: Option<&str>, reason: &str, who: &str) -> Result<(), KeeperError> {
        let (settings, reason) = (self.settings(), said("reason", reason)?);
        if let Some(id) = class.filter(|id| *id != ORDINARY && settings.schedule.class(id).is_none()) {
            return Err(KeeperError::refused("no_class", format!("`{id:.40}` is no class of retention.toml")));
        }
        let _turn = self.turn.lock().await;
        self.one(call).await?;
        let (class, by, at) = (class.map(str::to_owned), who.to_owned(), self.wall());
        self.record(Deed::Classed { call, class, reason, by, at }).await
    }

    /// The matter of a ticket is over: from now on the years of its recordings run.
    pub async fn archive_ticket(&self, number: &str, who: &str) -> Result<(), KeeperError> {
        let ticket = self.parts.store.ticket(number).await?.ok_or(KeeperError::NoSuch("ticket"))?;
        if ticket.ended.is_none() {
            return Err(KeeperError::refused("call_up", "its call is still up"));
        }
        self.record(Deed::Archived { ticket: ticket.number, by: who.to_owned(), at: self.wall() }).await
    }

    /// What it names need not be there yet: a number's later calls are held too.
    pub async fn hold(
        &self,
        case: &str,
        (kind, subject): (SubjectKind, Private<String>),
        reason: &str,
        who: &str,
    ) -> Result<(), KeeperError> {
        let (case, reason) = (said("case", case)?, said("reason", reason)?);
        let store = &self.parts.store;
        match kind {
            SubjectKind::Call => {
                let call = subject.reveal().parse().map_err(|_| KeeperError::NoSuch("call"))?;
                if store.kept_of(call).await?.is_none() && store.ticket_of(call).await?.is_none() {
                    return Err(KeeperError::NoSuch("call"));
                }
            }
            SubjectKind::Ticket if store.ticket(subject.reveal()).await?.is_none() => {
                return Err(KeeperError::NoSuch("ticket"));
            }
            SubjectKind::Ticket | SubjectKind::Number => {}
        }
        let _turn = self.turn.lock().await;
        let hold = Hold { case, kind, subject, reason, by: who.to_owned(), at: self.wall() };
        self.record(Deed::Held(hold)).await
    }

    pub async fn holds(&self, standing: bool) -> Result<Vec<HoldRow>, KeeperError> {
        Ok(self.parts.store.holds(standing).await?)
    }

    /// Every hold of the case; how many there were.
    pub async fn lift(&self, case: &str, reason: &str, who: &str) -> Result<usize, KeeperError> {
        let reason = said("reason", reason)?;
        let count = self.holds(true).await?.iter().filter(|row| row.hold.case == case).count();
        if count == 0 {
            return Err(KeeperError::NoSuch("hold that stands"));
        }
        self.record(Deed::Lifted { case: case.to_owned(), reason, by: who.to_owned(), at: self.wall() }).await?;
        Ok(count)
    }

    /// What may be erased from `day` on at the latest, or now; `most` rows of it.
    pub async fn due(&self, day: Option<Date>, most: usize) -> Result<Due, KeeperError> {
        let day = match day {
            Some(day) => day,
            None => today(self.now().await?),
        };
        let schedule = self.settings().schedule.clone();
        let mut due = Due {
            day: day.to_string(),
            schedule: schedule.version.clone(),
            rows: Vec::new(),
            recordings: 0,
            bytes: 0,
            in_batches: 0,
            held: 0,
            tickets_open: 0,
            quarantined: 0,
            not_listed: 0,
        };
        self.walk(day, |kept| {
            match stays(&kept.standing(&schedule, None), day) {
                None => {
                    due.recordings = due.recordings.saturating_add(1);
                    due.bytes = due.bytes.saturating_add(kept.sealed.bytes);
                    due.in_batches = due.in_batches.saturating_add(usize::from(kept.batch.is_some()));
                    if due.rows.len() < most {
                        due.rows.extend(kept.line(&schedule).map(|line| DueRow { line, batch: kept.batch }));
                    }
                }
                Some(Stays::Held(_)) => due.held = due.held.saturating_add(1),
                Some(Stays::TicketOpen) => due.tickets_open = due.tickets_open.saturating_add(1),
                Some(Stays::Quarantined) => due.quarantined = due.quarantined.saturating_add(1),
                Some(Stays::NotListed) => due.not_listed = due.not_listed.saturating_add(1),
                Some(Stays::NotBefore(_) | Stays::NotApproved | Stays::Changed | Stays::Missing | Stays::Unknown) => {}
            }
            true
        })
        .await?;
        Ok(due)
    }

    /// Whatever could be due by `day`, in its order, until told to stop.
    async fn walk(&self, day: Date, mut look: impl FnMut(Kept) -> bool) -> Result<(), KeeperError> {
        let until = self.latest_seal(day);
        let mut after = Place::default();
        loop {
            let found = self.parts.store.kept_until(&until, &after, AT_ONCE).await?;
            let last = found.last().map(|last| Place {
                keep_until: last.sealed.keep_until.clone(),
                path: last.sealed.path.display().to_string(),
            });
            let whole = found.len() == AT_ONCE;
            for kept in found {
                if !look(kept) {
                    return Ok(());
                }
            }
            match last {
                Some(last) if whole => after = last,
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Seals say three years from the call's end: a class that keeps for a shorter time reaches further. A month
    /// more, for months of different lengths.
    fn latest_seal(&self, day: Date) -> String {
        let schedule = &self.settings().schedule;
        let shortest = schedule.shortest();
        if shortest == crate::rules::retention::THREE_YEARS {
            return day.to_string();
        }
        let further = crate::rules::retention::THREE_YEARS.saturating_sub(shortest).saturating_add(1);
        crate::rules::retention::last_kept_day_of(day, further).to_string()
    }
}

/// Text that says something.
fn said(what: &'static str, text: &str) -> Result<String, KeeperError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(KeeperError::refused("bad_request", format!("{what} must be a line of 1 to {LONGEST} characters")));
    }
    Ok(text.to_owned())
}

/// On a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn today(now: Wall) -> Date {
    local_day(now)
}
