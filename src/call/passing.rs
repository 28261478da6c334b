//! A number that leads, from a day on, to a service of its own: the call is passed on to it at once, and what
//! answers is that service, with recorder and ticket as at a seat. Nobody there, and the seats answer. R6, R14.

use super::guest::How;
use super::live::{Offer, Stage};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, Failure, LegId, SeatFault, SeatNo};
use crate::time::Now;

impl Switchboard {
    /// True: the service is being rung, or has been in vain. False: the call is the seats'.
    pub(super) fn pass_on(&mut self, now: Now, id: CallId) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let Some(target) = call.route.target.clone() else { return false };
        if let Err(why) = self.invite_by(now, &target) {
            self.note(id, format!("{target} cannot be rung ({why}): the call goes to the seats"));
            return false;
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.passed_on = true;
            call.rung = Some(now.mono);
        }
        self.note(id, format!("passed on to {target}, which the number leads to"));
        self.welcome(now, id);
        self.bring_in(now, id, &target, How::Passed);
        true
    }

    /// The service picks up. Where it is one of our seats it is the call's seat from here on.
    pub(super) fn service_answers(&mut self, now: Now, id: CallId, leg: LegId) {
        self.stop_prompts(id);
        self.timers.clear(Timer::Connect(id));
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.passed_on = false;
        call.stage = Stage::Left;
        let seat = call.guest(leg).and_then(|guest| guest.seat.clone());
        self.open_for_third(now, id, leg, seat.unwrap_or_else(|| SeatNo(String::new())));
        self.guest_answers(now, id, leg, How::Passed);
        self.seat_succeeds(id);
    }

    /// None of its numbers was reached: the citizen waits for a seat, in the place of its arrival.
    pub(super) fn service_not_reached(&mut self, now: Now, id: CallId, why: Failure) {
        self.note(id, format!("the service was not reached ({}): the call goes to the seats", SeatFault::from(why)));
        if let Some(call) = self.calls.get_mut(&id) {
            call.passed_on = false;
        }
        self.welcome(now, id);
        self.enqueue(now, id);
    }

    /// Recorder and ticket of a call that somebody else than a seat answers; `writes` is the seat that is to
    /// write the ticket, empty where there is none yet.
    pub(super) fn open_for_third(&mut self, now: Now, id: CallId, leg: LegId, writes: SeatNo) {
        let dialled = self.calls.get(&id).and_then(|call| call.rung).unwrap_or(now.mono);
        self.open(now, id, &Offer { seat: writes, leg, dialled, rang: None, sip_call_id: None });
    }

    pub(super) fn is_connected(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.connected)
    }
}
