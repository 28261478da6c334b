//! Tickets, calls and seats on disk: an fsynced answer journal in front of a database.
//!
//! The journal is the truth. An `Entry` appended to it is on disk before it counts; the `Applier`
//! carries the entries, in order and exactly once, into whichever `Store` holds the tables that
//! people ask. A database that is locked, gone or deleted stops nobody and loses nothing.

pub mod apply;
pub mod edit;
pub mod entry;
pub mod find;
pub mod journal;
pub mod keeping;
pub mod memory;
pub mod numbering;
pub mod query;
pub mod reconcile;
pub mod sessions;
pub mod sqlite;
pub mod wording;

use std::future::Future;
use std::sync::Arc;

use crate::archive::Sealed;
use crate::call::{CallId, SeatNo};
use crate::time::Wall;
use entry::{Access, Record, RecordingFailed, SeatChange};
use find::{FindQuery, Found};
use numbering::Number;
use query::{
    Alarm, CallbackTask, Counts, MissedQuery, Page, Recording, RecordingQuery, SetAside, Span, Ticket, TicketQuery,
    ToList, Unlisted,
};

use crate::call::MissedCall;
use reconcile::Held;

/// The tables that people ask. Written by the `Applier` alone.
pub trait Store: Send + Sync + 'static {
    /// How far this journal has been applied; 0 for one never seen.
    fn position(&self, journal: &str) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Applies these records and moves the position from `after` to `upto`, all or nothing.
    /// Refused with `Moved` unless the position is `after`. An entry applied before does nothing.
    /// Returns how many entries could not be applied and were set aside.
    fn apply(
        &self,
        journal: &str,
        after: u64,
        records: &[Arc<Record>],
        upto: u64,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Sets the position back: the journal lost entries that had been applied, and will use their places again.
    fn rewind(&self, journal: &str, to: u64) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The greatest ticket number per prefix and day.
    fn numbers(&self) -> impl Future<Output = Result<Vec<Number>, StoreError>> + Send;

    fn ticket(&self, number: &str) -> impl Future<Output = Result<Option<Ticket>, StoreError>> + Send;

    fn ticket_of(&self, call: CallId) -> impl Future<Output = Result<Option<Ticket>, StoreError>> + Send;

    /// Newest first.
    fn tickets(&self, query: &TicketQuery) -> impl Future<Output = Result<Page<Ticket>, StoreError>> + Send;

    /// Whether this edit was carried out; None: not (yet) seen.
    fn edit_outcome(&self, edit: &str) -> impl Future<Output = Result<Option<bool>, StoreError>> + Send;

    /// Newest first.
    fn missed(&self, query: &MissedQuery) -> impl Future<Output = Result<Page<MissedCall>, StoreError>> + Send;

    /// Whom to call back now, longest waiting first (R18).
    fn callbacks(&self, now: Wall) -> impl Future<Output = Result<Vec<CallbackTask>, StoreError>> + Send;

    /// Every callback task of a number, newest first.
    fn callbacks_of(&self, caller: &str) -> impl Future<Output = Result<Vec<CallbackTask>, StoreError>> + Send;

    /// Newest first.
    fn recordings(&self, query: &RecordingQuery) -> impl Future<Output = Result<Page<Recording>, StoreError>> + Send;

    /// The same with all that a recording can be looked for by (R72). Newest first.
    fn find(&self, query: &FindQuery) -> impl Future<Output = Result<Page<Found>, StoreError>> + Send;

    /// Recordings that were last compared with their seal before this, or never: longest ago first.
    fn to_verify(&self, before: Wall, most: u32) -> impl Future<Output = Result<Vec<Sealed>, StoreError>> + Send;

    /// Recordings that no manifest lists yet, in the order of their paths.
    fn unlisted(&self, wanted: Unlisted, most: usize) -> impl Future<Output = Result<Vec<ToList>, StoreError>> + Send;

    /// Failures of recordings that no manifest names yet, oldest first.
    fn unlisted_failures(
        &self,
        wanted: Unlisted,
        most: usize,
    ) -> impl Future<Output = Result<Vec<RecordingFailed>, StoreError>> + Send;

    /// What there is of each call that was answered in the span, and recordings of it that belong to none.
    fn held(&self, span: Span, settled: Wall) -> impl Future<Output = Result<Vec<Held>, StoreError>> + Send;

    /// Who fetched the recording of this call, oldest first.
    fn accesses(&self, call: CallId) -> impl Future<Output = Result<Vec<Access>, StoreError>> + Send;

    /// Oldest first.
    fn seat_history(
        &self,
        seat: &SeatNo,
        span: Span,
    ) -> impl Future<Output = Result<Vec<SeatChange>, StoreError>> + Send;

    /// Alarms that are active or were at some time in the span, newest first.
    fn alarms(&self, span: Span) -> impl Future<Output = Result<Vec<Alarm>, StoreError>> + Send;

    /// Calls that came to us in the span, for the connect rate (rules.md §9.7).
    fn counts(&self, span: Span) -> impl Future<Output = Result<Counts, StoreError>> + Send;

    /// Entries that could not be applied; someone must look at them.
    fn set_aside(&self) -> impl Future<Output = Result<Vec<SetAside>, StoreError>> + Send;
}

/// No text of an error shows anything of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Locked, full, damaged, not there: worth another try.
    #[error("database: cannot {deed}: {why}")]
    Gone { deed: &'static str, why: String },
    #[error("database: it has applied up to entry {position}")]
    Moved { position: u64 },
    #[error("database: a row of {table} cannot be read")]
    Unreadable { table: &'static str },
}
