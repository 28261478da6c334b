//! The switchboard's one timer table.

use std::collections::{BTreeMap, BTreeSet};

use super::{CallId, LegId, SeatNo};
use crate::time::Mono;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// T_rna of the seat that this call rings.
    RingOut(CallId),
    Announce(CallId),
    /// The early media of a waiting caller becomes a connected call.
    Connect(CallId),
    Overflow(CallId),
    Journal(CallId),
    LongCall(CallId),
    /// The seat, then the citizen, of a callback has been rung long enough.
    CallBack(CallId),
    /// The seat, then a number of the duty phone, has been rung long enough.
    Duty(CallId),
    /// A third party has been rung long enough.
    Guest(LegId),
    /// A leader's session starts, and somebody waits.
    SessionStart,
    WrapUp(SeatNo),
    /// A seat whose phone could not be rung is tried again.
    PhoneTrouble(SeatNo),
    /// A feature-code leg is over, whatever its phone says.
    Feature(LegId),
    /// A trunk has sent no unknown number for a while.
    Quiet(String),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    at: BTreeMap<Timer, Mono>,
    due: BTreeSet<(Mono, Timer)>,
}

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Mono) {
        if let Some(old) = self.at.insert(timer.clone(), at) {
            self.due.remove(&(old, timer.clone()));
        }
        self.due.insert((at, timer));
    }

    pub fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub fn clear_call(&mut self, call: CallId) {
        for timer in [
            Timer::RingOut(call),
            Timer::Announce(call),
            Timer::Connect(call),
            Timer::Overflow(call),
            Timer::Journal(call),
            Timer::LongCall(call),
        ] {
            self.clear(timer);
        }
    }

    pub fn next(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The earliest timer that has come; it is taken out.
    pub fn pop(&mut self, now: Mono) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.due.pop_first()?;
        self.at.remove(&timer);
        Some(timer)
    }
}
