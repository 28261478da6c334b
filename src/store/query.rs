//! What can be asked of a `Store`, and what comes back.

use jiff::civil::Date;

use super::entry::Handover;
use super::numbering::day_start;
use crate::archive::shelf::Condition;
use crate::archive::{Sealed, Verdict};
use crate::call::{CallBack, CallId, DutyCall, Ended, OpenTicket, SeatNo, ThreewayResult};
use crate::privacy::Private;
use crate::rules::callback::Task;
use crate::rules::emergency::{self, Category};
use crate::time::Wall;

/// From the first to before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Wall,
    pub until: Wall,
}

impl Span {
    pub const ALL: Self = Self { from: Wall(i64::MIN), until: Wall(i64::MAX) };

    /// A civil day in Asia/Shanghai.
    pub fn day(day: Date) -> Self {
        let until = day.tomorrow().map_or(Wall(i64::MAX), day_start);
        Self { from: day_start(day), until }
    }

    pub fn holds(&self, at: Wall) -> bool {
        self.from <= at && at < self.until
    }
}

/// Conditions all of which hold; None asks nothing.
#[derive(Clone, Debug)]
pub struct TicketQuery {
    pub span: Span,
    pub caller: Option<Private<String>>,
    pub seat: Option<SeatNo>,
    pub centre: Option<String>,
    pub original_code: Option<String>,
    pub state: Option<TicketState>,
    /// Only those of calls for which a leader was rung in his session.
    pub led: bool,
    pub page: PageAsk,
}

#[derive(Clone, Debug)]
pub struct MissedQuery {
    pub span: Span,
    pub caller: Option<Private<String>>,
    pub centre: Option<String>,
    pub page: PageAsk,
}

#[derive(Clone, Debug)]
pub struct RecordingQuery {
    pub span: Span,
    pub call: Option<CallId>,
    pub ticket: Option<String>,
    /// Only those of its calls, and of calls to duty phones for its tickets (R13).
    pub centre: Option<String>,
    /// Only those that are not as they were sealed.
    pub quarantined: bool,
    pub page: PageAsk,
}

impl Default for TicketQuery {
    fn default() -> Self {
        Self {
            span: Span::ALL,
            caller: None,
            seat: None,
            centre: None,
            original_code: None,
            state: None,
            led: false,
            page: PageAsk::default(),
        }
    }
}

impl Default for MissedQuery {
    fn default() -> Self {
        Self { span: Span::ALL, caller: None, centre: None, page: PageAsk::default() }
    }
}

impl Default for RecordingQuery {
    fn default() -> Self {
        Self { span: Span::ALL, call: None, ticket: None, centre: None, quarantined: false, page: PageAsk::default() }
    }
}

/// Which page.
#[derive(Clone, Copy, Debug)]
pub struct PageAsk {
    /// Rows on it; at most `MOST`.
    pub rows: u32,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl PageAsk {
    pub const MOST: u32 = 1_000;

    pub fn size(&self) -> usize {
        usize::try_from(self.rows.clamp(1, Self::MOST)).unwrap_or(1)
    }
}

impl Default for PageAsk {
    fn default() -> Self {
        Self { rows: 50, after: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Asks for the page after this one; None on the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Of one row more than asked for, which tells whether there is another page.
    pub(super) fn of(mut rows: Vec<T>, ask: &PageAsk, cursor: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > ask.size();
        rows.truncate(ask.size());
        let next = rows.last().filter(|_| more).map(cursor);
        Self { rows, next }
    }
}

/// A place in a list that is ordered by time and call, newest first. Printed as `<ms>-<call>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub at: Wall,
    pub call: CallId,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}-{}", self.at.0, self.call)
    }
}

impl std::str::FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, call) = text.rsplit_once('-').ok_or(NotACursor)?;
        Ok(Self { at: Wall(at.parse().map_err(|_| NotACursor)?), call: call.parse().map_err(|_| NotACursor)? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a page cursor")]
pub struct NotACursor;

/// A sealed recording and its last check (R68).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Recording {
    #[serde(flatten)]
    pub sealed: Sealed,
    /// None: never yet.
    pub checked: Option<Wall>,
    pub condition: Option<Condition>,
}

impl Recording {
    /// Nobody gets it without asking for exactly that: it is not what was sealed.
    pub fn is_quarantined(&self) -> bool {
        self.condition.is_some_and(|condition| condition != Condition::Verified)
    }
}

/// What a manifest that is made `now` has to list: all that was sealed before `until`, and what was
/// sealed by a clock that was ahead of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlisted {
    pub until: Wall,
    pub now: Wall,
}

impl Unlisted {
    pub fn holds(&self, at: Wall) -> bool {
        at < self.until || at > self.now
    }
}

/// A recording, and the number of the ticket that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct ToList {
    pub sealed: Sealed,
    pub ticket: Option<String>,
}

/// rules.md §7, as far as a ticket goes today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// 登记中
    Drafting,
    /// 无效 (R35)
    Invalid,
    /// 即时办结: answered on the spot in a three-way call (R23)
    ClosedOnCall,
}

impl TicketState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drafting => "drafting",
            Self::Invalid => "invalid",
            Self::ClosedOnCall => "closed_on_call",
        }
    }

    /// What came of the third parties closes the ticket, or leaves it to be written (R23).
    pub(super) const fn after_threeway(result: ThreewayResult) -> Self {
        match result {
            ThreewayResult::ResolvedOnSpot => Self::ClosedOnCall,
            ThreewayResult::UnitWillHandle
            | ThreewayResult::Unreachable
            | ThreewayResult::Refused
            | ThreewayResult::NotCompetent => Self::Drafting,
        }
    }
}

/// How it stands with the recording of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The call is up.
    Running,
    /// The call has ended, nothing is sealed yet.
    Sealing,
    Sealed,
    /// There are gaps.
    Degraded,
    /// `recording_missing` (R65)
    Missing,
}

impl RecordingState {
    /// From what is known of the sealed files and of failures of one call.
    pub fn of(sealed: &[Verdict], failed: bool, ended: bool) -> Self {
        let usable = sealed.iter().any(|verdict| *verdict != Verdict::Failed);
        let whole = !failed && sealed.iter().all(|verdict| *verdict == Verdict::Ok);
        match (usable, whole) {
            (true, true) => Self::Sealed,
            (true, false) => Self::Degraded,
            (false, _) if failed || !sealed.is_empty() => Self::Missing,
            (false, _) if ended => Self::Sealing,
            (false, _) => Self::Running,
        }
    }
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Ticket {
    pub number: String,
    pub call: CallId,
    pub state: TicketState,
    /// 咨询, 求助 … (R37)
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub place: Option<Private<String>>,
    pub text: Option<Private<String>>,
    /// 1 at first, one more with each edit.
    pub version: u32,
    pub invalid: Option<String>,
    /// What came of its third parties (R23).
    pub threeway_result: Option<ThreewayResult>,
    pub recording: RecordingState,
    /// None unless it was marked as one (R28).
    pub emergency: Option<Emergency>,
    pub opened: OpenTicket,
    /// None while the call is up.
    pub ended: Option<Ended>,
}

impl Ticket {
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { at: self.opened.t_answer, call: self.call }
    }
}

/// An emergency ticket: by when a duty phone must have it, and how that went (R28).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Emergency {
    pub category: Category,
    pub due: Wall,
    /// To duty phones, oldest first; each has a recording of its own.
    pub calls: Vec<DutyCall>,
    pub handover: Option<Handover>,
    /// None while it is not handed over.
    pub on_time: Option<bool>,
}

impl Emergency {
    /// The clock runs from the answer.
    pub fn new(category: Category, accepted: Wall, calls: Vec<DutyCall>, handover: Option<Handover>) -> Self {
        let on_time = handover.as_ref().map(|handover| emergency::is_on_time(accepted, handover.at));
        Self { category, due: emergency::due(accepted), calls, handover, on_time }
    }
}

/// A citizen whom the hotline owes a call (R18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackTask {
    /// The first missed call; names the task.
    pub task: CallId,
    pub caller: Private<String>,
    /// The hotline number that the caller had dialled.
    pub code: String,
    pub state: Task,
}

impl CallbackTask {
    /// The same as this seat's to do.
    pub fn by(self, seat: &SeatNo) -> CallBack {
        CallBack { seat: seat.clone(), task: self.task, number: self.caller, code: self.code }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Alarm {
    pub name: String,
    pub subject: String,
    pub severity: String,
    pub detail: Option<String>,
    pub raised: Wall,
    pub cleared: Option<Wall>,
}

/// 接通率 = answered / offered; offered = every arrival at a known code. Our own calls back are neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub offered: u64,
    pub answered: u64,
    pub within_15s: u64,
}

/// An entry that does not fit the tables, kept beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    pub journal: String,
    pub seq: u64,
    pub why: String,
    /// The record's JSON.
    pub raw: Private<String>,
}
