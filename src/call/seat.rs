//! The seats (坐席): who can be offered a call, and for how long already. R11, R12, R16.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::settings::SeatSettings;
use super::{CallId, Output, SeatChange, SeatFault, SeatNo, SeatReason, SeatState};
use crate::time::{Mono, Now, Wall};

#[derive(Debug)]
pub(super) struct Seat {
    pub settings: SeatSettings,
    pub state: SeatState,
    pub reason: Option<SeatReason>,
    pub since: Wall,
    /// Whether its phone can be rung: a fact beside the state.
    pub reachable: bool,
    /// Signed out by a person, so that a phone's registration does not sign it in.
    pub signed_out_by_hand: bool,
    /// Asked for during a call; holds after it.
    pub wish: Option<Wish>,
    /// The call that it is reserved for, is rung for, or talks in. At most one (I5).
    pub call: Option<CallId>,
    /// For a bad-call mark after the end (R35).
    pub last_call: Option<CallId>,
    /// The last call in which it had a third party (R23).
    pub last_third: Option<CallId>,
    /// Feature-code legs of its phone, which is in use until they are gone.
    pub feature_legs: u32,
    /// No longer configured; leaves when its call is over.
    pub retired: bool,
    /// Since when it has waited for a call. An offer whose caller left does not reset it.
    idle_since: Mono,
    /// Its key in `Desk::ready`.
    ready_since: Option<Mono>,
}

/// What a seat wants to be after the present call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    SignedOut,
    Busy,
    Break(String),
}

impl Wish {
    pub fn state(self) -> (SeatState, Option<SeatReason>) {
        match self {
            Self::SignedOut => (SeatState::SignedOut, None),
            Self::Busy => (SeatState::Busy, None),
            Self::Break(reason) => (SeatState::Break, Some(SeatReason::Said(reason))),
        }
    }
}

impl Seat {
    /// Signed in, at rest, and its phone can be rung.
    pub fn ready(&self) -> bool {
        self.state == SeatState::Idle && self.call.is_none() && self.phone_is_free()
    }

    /// Its phone can be rung, and is not being told the outcome of a feature code.
    pub fn phone_is_free(&self) -> bool {
        self.reachable && self.feature_legs == 0 && !self.retired
    }

    /// Signed in and in no call: it can be asked to do something else.
    pub fn at_rest(&self) -> bool {
        let at_rest = matches!(self.state, SeatState::Idle | SeatState::WrapUp | SeatState::Busy | SeatState::Break);
        at_rest && self.call.is_none()
    }

    /// What it is again after it was asked in vain: busy or on its break, else idle.
    pub fn otherwise(&self) -> (SeatState, Option<SeatReason>) {
        match self.state {
            SeatState::Busy | SeatState::Break => (self.state, self.reason.clone()),
            SeatState::SignedOut
            | SeatState::Idle
            | SeatState::Reserved
            | SeatState::Ringing
            | SeatState::Talking
            | SeatState::Held
            | SeatState::Consulting
            | SeatState::ThreeWay
            | SeatState::WrapUp => (SeatState::Idle, None),
        }
    }

    pub fn fault(&self) -> Option<SeatFault> {
        self.reason.as_ref().and_then(SeatReason::fault)
    }

    pub fn idle_for(&self, now: Mono) -> Duration {
        now.since(self.idle_since)
    }

    /// Whether it counts as staff: an alarm is raised where nobody is.
    pub fn staffed(&self) -> bool {
        self.state != SeatState::SignedOut && self.reachable && !self.retired
    }
}

/// All seats, and those that wait for a call, longest idle first.
#[derive(Debug, Default)]
pub(super) struct Desk {
    seats: BTreeMap<SeatNo, Seat>,
    ready: BTreeSet<(Mono, SeatNo)>,
    staff_changed: bool,
}

impl Desk {
    pub fn get(&self, no: &SeatNo) -> Option<&Seat> {
        self.seats.get(no)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SeatNo, &Seat)> {
        self.seats.iter()
    }

    pub fn nobody_ready(&self) -> bool {
        self.ready.is_empty()
    }

    /// The ready seat that has been idle longest among those that `fits`.
    pub fn longest_idle(&self, fits: impl Fn(&SeatSettings) -> bool) -> Option<&SeatNo> {
        let fits = |no: &SeatNo| self.seats.get(no).is_some_and(|seat| fits(&seat.settings));
        self.ready.iter().map(|(_, no)| no).find(|no| fits(no))
    }

    /// Whether a seat has come or gone since the last time.
    pub fn take_staff_changed(&mut self) -> bool {
        std::mem::take(&mut self.staff_changed)
    }

    /// Changes a fact about a seat that is not its state, and whether it can be offered a call with it.
    pub fn update(&mut self, no: &SeatNo, change: impl FnOnce(&mut Seat)) {
        let Some(seat) = self.seats.get_mut(no) else {
            return;
        };
        let was_staffed = seat.staffed();
        change(seat);
        self.staff_changed |= seat.staffed() != was_staffed;
        let ready_since = seat.ready().then_some(seat.idle_since);
        if seat.ready_since == ready_since {
            return;
        }
        if let Some(old) = seat.ready_since {
            self.ready.remove(&(old, no.clone()));
        }
        seat.ready_since = ready_since;
        if let Some(since) = ready_since {
            self.ready.insert((since, no.clone()));
        }
    }

    /// The only place where a seat's state changes.
    pub fn turn(&mut self, now: Now, no: &SeatNo, state: SeatState, reason: Option<SeatReason>, out: &mut Vec<Output>) {
        self.update(no, |seat| {
            if seat.state == state && seat.reason == reason {
                return;
            }
            let was_offered = matches!(seat.state, SeatState::Reserved | SeatState::Ringing);
            if state == SeatState::Idle && !was_offered {
                seat.idle_since = now.mono;
            }
            seat.state = state;
            seat.reason.clone_from(&reason);
            seat.since = now.wall;
            out.push(Output::SeatChanged { seat: no.clone(), state, reason, at: now.wall });
        });
    }

    /// A seat is again what a person had made of it before a restart. The rest are signed in as before
    /// where that was `brief`; else nobody knows what has become of them, and they are signed out until their
    /// phones come back.
    pub fn resume(&mut self, now: Now, was: SeatChange, brief: bool, out: &mut Vec<Output>) {
        let SeatChange { seat: no, state, reason, at } = was;
        let passes = |fault: SeatFault| fault.passes_with_the_phone() || fault.passes_with_time();
        let becomes = match state {
            SeatState::SignedOut | SeatState::Break => None,
            SeatState::Busy if !reason.as_ref().and_then(SeatReason::fault).is_some_and(passes) => None,
            SeatState::Busy | SeatState::Idle | SeatState::Reserved | SeatState::Ringing => Some(SeatState::Idle),
            SeatState::Talking | SeatState::Held | SeatState::Consulting | SeatState::ThreeWay | SeatState::WrapUp => {
                Some(SeatState::WrapUp)
            }
        };
        let known = self.seats.contains_key(&no);
        if known && let Some(becomes) = becomes {
            let state = if brief { becomes } else { SeatState::SignedOut };
            self.turn(now, &no, state, Some(SeatFault::Restart.into()), out);
        } else if known {
            self.update(&no, |seat| {
                seat.signed_out_by_hand = state == SeatState::SignedOut && reason.is_none();
                (seat.state, seat.reason, seat.since) = (state, reason, at);
            });
        } else if state != SeatState::SignedOut {
            let (state, reason) = (SeatState::SignedOut, Some(SeatFault::Removed.into()));
            out.push(Output::SeatChanged { seat: no, state, reason, at: now.wall });
        }
    }

    /// Takes over the configured seats; one that is gone leaves at once, or after its call.
    pub fn configure(&mut self, now: Now, seats: &BTreeMap<SeatNo, SeatSettings>, out: &mut Vec<Output>) {
        self.staff_changed = true;
        let gone: Vec<SeatNo> = self.seats.keys().filter(|no| !seats.contains_key(*no)).cloned().collect();
        for no in gone {
            self.update(&no, |seat| seat.retired = true);
            self.retire(now, &no, out);
        }
        for (no, settings) in seats {
            if !self.seats.contains_key(no) {
                self.seats.insert(no.clone(), Seat::new(now, settings.clone()));
            }
            self.update(no, |seat| {
                seat.retired = false;
                seat.settings.clone_from(settings);
            });
        }
    }

    /// Drops a seat that is no longer configured, once no call needs it.
    pub fn retire(&mut self, now: Now, no: &SeatNo, out: &mut Vec<Output>) {
        if self.seats.get(no).is_some_and(|seat| seat.retired && seat.call.is_none()) {
            self.turn(now, no, SeatState::SignedOut, Some(SeatFault::Removed.into()), out);
            self.seats.remove(no);
        }
    }
}

impl Seat {
    fn new(now: Now, settings: SeatSettings) -> Self {
        Self {
            settings,
            state: SeatState::SignedOut,
            reason: None,
            since: now.wall,
            reachable: false,
            signed_out_by_hand: false,
            wish: None,
            call: None,
            last_call: None,
            last_third: None,
            feature_legs: 0,
            retired: false,
            idle_since: now.mono,
            ready_since: None,
        }
    }
}
