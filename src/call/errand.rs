//! A seat's phone is rung for what the seat itself has asked for: to call a missed caller back, to call a duty
//! phone, to hear another seat's call. R18, R28.

use super::leg::Role;
use super::seat::Seat;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, Caller, LegId, Output, SeatNo, SeatReason, SeatState, Target};
use crate::time::Now;

/// What a seat was, and why; it is that again if nothing comes of its errand.
pub(super) type Before = (SeatState, Option<SeatReason>);

impl Switchboard {
    /// The new leg, which plays this part, and what the seat was. How long it rings is the caller's matter.
    pub(super) fn ring_for_errand(
        &mut self,
        now: Now,
        id: CallId,
        part: fn(CallId) -> Role,
        no: &SeatNo,
        caller: Caller,
        label: String,
    ) -> (LegId, Before) {
        let leg = self.new_dialled_leg();
        self.legs.insert(leg, part(id));
        self.out.push(Output::Dial { call: id, leg, target: Target::Seat(no.clone()), caller, label });
        (leg, self.leave_rest(now, id, no))
    }

    /// The seat's wrap-up, break or idleness ends for this call. What it was.
    pub(super) fn leave_rest(&mut self, now: Now, id: CallId, no: &SeatNo) -> Before {
        let before = self.desk.get(no).map_or((SeatState::Idle, None), Seat::otherwise);
        self.timers.clear(Timer::WrapUp(no.clone()));
        self.reserve(now, id, no);
        before
    }
}
