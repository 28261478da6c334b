//! Alarms are raised once and cleared once, however often their cause is seen.

use std::collections::BTreeSet;

use super::Output;

pub(super) const NO_SEAT: &str = "no_seat";
pub(super) const UNKNOWN_NUMBER: &str = "unknown_number";
pub(super) const UNANSWERED: &str = "seats_do_not_answer";
pub(super) const LONG_CALL: &str = "long_call";
pub const JOURNAL: &str = "journal";
/// Its subject: callers were answered whose answer is not on disk (R33).
pub const ANSWERS: &str = "answers";

#[derive(Debug, Default)]
pub(super) struct Alarms {
    active: BTreeSet<(&'static str, String)>,
}

impl Alarms {
    pub fn raise(&mut self, name: &'static str, subject: &str, out: &mut Vec<Output>) {
        if self.active.insert((name, subject.to_owned())) {
            out.push(Output::Alarm { name, subject: subject.to_owned(), active: true });
        }
    }

    pub fn clear(&mut self, name: &'static str, subject: &str, out: &mut Vec<Output>) {
        let alarm = (name, subject.to_owned());
        if self.active.remove(&alarm) {
            out.push(Output::Alarm { name, subject: alarm.1, active: false });
        }
    }

    /// Subjects for which this alarm stands.
    pub fn subjects(&self, name: &'static str) -> Vec<String> {
        self.active.iter().filter(|alarm| alarm.0 == name).map(|alarm| alarm.1.clone()).collect()
    }
}
