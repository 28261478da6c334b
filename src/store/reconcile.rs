//! Do a day's answered calls, recordings and tickets fit together? Every call that was answered has one
//! ticket, and a recording or a failure that says why not (R65, R110).

use super::query::Span;
use super::{Store, StoreError};
use crate::call::CallId;
use crate::time::Wall;

/// What the tables hold of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub call: CallId,
    /// Answered on that day, a call to a duty phone too; else there is a recording of no call.
    pub answered: bool,
    pub ticket: bool,
    pub recording: bool,
    /// A failure of its recording is written down.
    pub failure: bool,
    /// It is up, or ended so short a time ago that its seal may be to come.
    pub running: bool,
}

/// How one call does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    NoTicket,
    /// Neither a recording nor a failure.
    NoRecording,
    /// A recording of a call that nobody knows.
    NoCall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub call: CallId,
    pub what: Odd,
}

/// The sums of a day and what does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reconciliation {
    pub answered: usize,
    pub running: usize,
    pub tickets: usize,
    pub recordings: usize,
    /// Without a recording, and with a failure that says so.
    pub failures: usize,
    pub differences: Vec<Difference>,
}

/// Calls by the time of their answer. What ended after `settled` counts as running.
pub async fn reconcile(store: &impl Store, span: Span, settled: Wall) -> Result<Reconciliation, StoreError> {
    Ok(Reconciliation::of(&store.held(span, settled).await?))
}

impl Reconciliation {
    pub fn of(held: &[Held]) -> Self {
        let count = |wanted: fn(&&Held) -> bool| held.iter().filter(wanted).count();
        Self {
            answered: count(|one| one.answered),
            running: count(|one| one.answered && one.running),
            tickets: count(|one| one.answered && one.ticket),
            recordings: count(|one| one.recording),
            failures: count(|one| one.failure && !one.recording),
            differences: held.iter().flat_map(|one| one.differences()).collect(),
        }
    }
}

impl Held {
    fn differences(self) -> impl Iterator<Item = Difference> {
        let no_recording = self.answered && !self.running && !self.recording && !self.failure;
        let all = [
            (self.answered && !self.ticket, Odd::NoTicket),
            (no_recording, Odd::NoRecording),
            (!self.answered, Odd::NoCall),
        ];
        all.into_iter().filter(|(is_so, _)| *is_so).map(move |(_, what)| Difference { call: self.call, what })
    }
}
