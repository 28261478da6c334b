//! What the journal must know to go on: numbers given, calls that are up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::{CallId, LegId, MissedCall, OpenTicket, SeatChange, SeatNo};
use crate::privacy::Private;
use crate::store::entry::{AlarmChange, Entry, Record};
use crate::store::numbering::{Number, Numbering};
use crate::time::Wall;

/// A call that has not closed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OpenCall {
    pub call: CallId,
    /// The record that is due while no seat has answered.
    #[serde(default)]
    pub arrived: Option<MissedCall>,
    /// Ticket number and data, once a seat has answered.
    pub answered: Option<(String, OpenTicket)>,
    /// Dialogs that stand, or stood when the process ended.
    pub legs: Vec<LegDialog>,
    /// When the last entry about it was written: it was up then.
    #[serde(default)]
    pub seen: Wall,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LegDialog {
    pub leg: LegId,
    pub at: Wall,
    /// JSON as it was appended.
    pub dialog: Private<String>,
}

/// The journal folded into what its writer needs; each segment begins with one, so that a start
/// reads the last segment only and older ones can go.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Book {
    pub v: u16,
    /// Random, given when the journal was created.
    pub journal: String,
    /// When this head was written.
    pub at: Wall,
    /// The last entry folded in.
    pub seq: u64,
    pub numbering: Numbering,
    /// The greatest id that a call was given and that can be one.
    #[serde(default)]
    pub last_call: u64,
    /// Ids of calls that lie too far ahead to have been given; the first few.
    #[serde(default)]
    pub impossible: BTreeSet<CallId>,
    open: BTreeMap<CallId, OpenCall>,
    /// Answered calls, with their answer, whose recording has not been told to be sealed.
    #[serde(default)]
    unsealed: BTreeMap<CallId, Wall>,
    /// Alarms that stand, by name and subject.
    #[serde(default)]
    alarms: BTreeMap<String, AlarmChange>,
    /// What each seat became last.
    #[serde(default)]
    pub seats: BTreeMap<SeatNo, SeatChange>,
    /// Numbers of calls that were answered not long ago, for an `Answered` that comes twice.
    #[serde(skip)]
    numbers: BTreeMap<CallId, String>,
}

/// Calls whose number, or whose missing seal, is remembered after their end; alarms that stand.
const REMEMBERED: usize = 65_536;

/// A call's id is this far ahead of the clock at most.
const AHEAD: Duration = Duration::from_hours(24);

impl Book {
    pub fn new(journal: String) -> Self {
        Self {
            v: crate::store::entry::VERSION,
            journal,
            at: Wall(0),
            seq: 0,
            numbering: Numbering::default(),
            last_call: 0,
            impossible: BTreeSet::new(),
            open: BTreeMap::new(),
            unsealed: BTreeMap::new(),
            alarms: BTreeMap::new(),
            seats: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// The ticket number of a call that was answered.
    pub fn number_of(&self, call: CallId) -> Option<String> {
        let open = || self.open.get(&call)?.answered.as_ref().map(|(number, _)| number.clone());
        self.numbers.get(&call).cloned().or_else(open)
    }

    pub fn open_calls(&self) -> Vec<OpenCall> {
        self.open.values().cloned().collect()
    }

    pub fn unsealed_calls(&self) -> Vec<(CallId, Wall)> {
        self.unsealed.iter().map(|(call, at)| (*call, *at)).collect()
    }

    pub fn standing_alarms(&self) -> Vec<AlarmChange> {
        self.alarms.values().cloned().collect()
    }

    pub fn fold(&mut self, record: &Record) {
        self.seq = self.seq.max(record.seq);
        if let Some(number) = record.number.as_ref().and_then(|text| text.parse::<Number>().ok()) {
            self.numbering.given(&number);
        }
        self.note_id(record);
        match (&record.entry, &record.number) {
            (Entry::Answered(opened), Some(number)) => {
                self.remember(opened.call, number);
                let call = self.call(opened.call);
                call.answered = Some((number.clone(), (**opened).clone()));
                call.arrived = None;
                self.unsealed.insert(opened.call, opened.t_answer);
                if self.unsealed.len() > REMEMBERED {
                    self.unsealed.pop_first();
                }
            }
            (Entry::Arrived(arrived), _) => self.call(arrived.call).arrived = Some((**arrived).clone()),
            (Entry::Sealed(sealed), _) => {
                self.unsealed.remove(&sealed.call);
            }
            (Entry::Closed(ended), number) => {
                if let Some(number) = number {
                    self.remember(ended.opened.call, number);
                }
                self.open.remove(&ended.opened.call);
            }
            (Entry::Missed(missed), _) => {
                self.open.remove(&missed.call);
            }
            (Entry::Leg(leg), _) => {
                let legs = &mut self.call(leg.call).legs;
                legs.retain(|other| other.leg != leg.leg);
                legs.push(LegDialog { leg: leg.leg, at: leg.at, dialog: leg.dialog.clone() });
            }
            (Entry::LegGone(gone), _) => {
                if let Some(call) = self.open.get_mut(&gone.call) {
                    call.legs.retain(|leg| leg.leg != gone.leg);
                    if call.legs.is_empty() && call.answered.is_none() && call.arrived.is_none() {
                        self.open.remove(&gone.call);
                    }
                }
            }
            (Entry::Alarm(alarm), _) => {
                let key = format!("{} {}", alarm.name, alarm.subject);
                if alarm.active && self.alarms.len() < REMEMBERED {
                    self.alarms.insert(key, alarm.clone());
                } else {
                    self.alarms.remove(&key);
                }
            }
            (Entry::Seat(change), _) => {
                self.seats.insert(change.seat.clone(), change.clone());
            }
            (Entry::Answered(_), None)
            | (
                Entry::Invalid(_)
                | Entry::ThreewayResult(_)
                | Entry::RecordingFailed(_)
                | Entry::Verified(_)
                | Entry::Access(_)
                | Entry::Edit(_)
                | Entry::CalledBack(_)
                | Entry::Duty(_)
                | Entry::Handover(_)
                | Entry::Listed(_)
                | Entry::Keeping(_)
                | Entry::Foreign(_),
                _,
            ) => {}
        }
        if let Some(open) = record.entry.call().and_then(|call| self.open.get_mut(&call)) {
            open.seen = open.seen.max(record.at);
        }
    }

    /// Only what the switchboard says of its own calls counts: the ids of other entries come from requests
    /// and folders. New ids follow the clock or the last one, so one that is far ahead of both was never given.
    fn note_id(&mut self, record: &Record) {
        let id = match &record.entry {
            Entry::Arrived(missed) | Entry::Missed(missed) => missed.call,
            Entry::Answered(opened) => opened.call,
            Entry::Closed(ended) => ended.opened.call,
            Entry::Duty(duty) => duty.call,
            Entry::Leg(_)
            | Entry::LegGone(_)
            | Entry::Invalid(_)
            | Entry::ThreewayResult(_)
            | Entry::Sealed(_)
            | Entry::RecordingFailed(_)
            | Entry::Seat(_)
            | Entry::Alarm(_)
            | Entry::Access(_)
            | Entry::Verified(_)
            | Entry::Edit(_)
            | Entry::CalledBack(_)
            | Entry::Handover(_)
            | Entry::Listed(_)
            | Entry::Keeping(_)
            | Entry::Foreign(_) => return,
        };
        let furthest =
            CallId::at(record.at + AHEAD).0.max(self.last_call.saturating_add(CallId::at(Wall(0) + AHEAD).0));
        if id.0 <= furthest {
            self.last_call = self.last_call.max(id.0);
        } else if self.impossible.len() < 16 {
            self.impossible.insert(id);
        }
    }

    fn call(&mut self, call: CallId) -> &mut OpenCall {
        let empty = || OpenCall { call, arrived: None, answered: None, legs: Vec::new(), seen: Wall(0) };
        self.open.entry(call).or_insert_with(empty)
    }

    fn remember(&mut self, call: CallId, number: &str) {
        self.numbers.insert(call, number.to_owned());
        if self.numbers.len() > REMEMBERED {
            self.numbers.pop_first();
        }
    }
}
