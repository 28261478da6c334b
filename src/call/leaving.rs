//! The seat leaves a call in which others are: on purpose, by its failure, or for whom it has transferred
//! the call to. R22.

use super::directory::AfterSeat;
use super::guest::{Guest, GuestStage, How};
use super::live::{Call, Stage, With};
use super::switchboard::Switchboard;
use super::{CallId, LegId, Mark, Output, SeatNo};
use crate::time::Now;

impl Switchboard {
    /// The seat leaves on purpose: whom it consulted joins, and citizen and third go on, still recorded (R22).
    pub(super) fn seat_leaves(&mut self, now: Now, id: CallId) {
        if let Some(leg) = self.calls.get(&id).and_then(Call::seat_leg) {
            self.out.push(Output::HangUp { leg });
            self.seat_goes(now, id, "left");
        }
    }

    /// The seat has left, and wraps up.
    pub(super) fn seat_goes(&mut self, now: Now, id: CallId, why: &str) {
        if let Some(no) = self.go_on_without_seat(now, id, why) {
            self.seat_after_call(now, &no, id);
        }
    }

    /// The seat is no longer there, for whatever reason: those who have answered are with the citizen.
    /// Returns which seat it was.
    pub(super) fn go_on_without_seat(&mut self, now: Now, id: CallId, why: &str) -> Option<SeatNo> {
        let call = self.calls.get_mut(&id)?;
        let Stage::Talking(talk) = &call.stage else { return None };
        let (no, leg) = (talk.seat.clone(), talk.leg);
        let seat = call.course.party(leg).cloned();
        call.stage = Stage::Left;
        call.with = With::Citizen;
        call.referrer = None;
        let mut silent = Vec::new();
        for guest in call.guests.iter_mut().filter(|guest| guest.stage == GuestStage::Apart) {
            guest.stage = GuestStage::Joined;
            silent.push(guest.leg);
        }
        call.transferred_by = Some(no.clone());
        let given_up = |guest: &&Guest| matches!(guest.stage.wanted(), Some(How::Consult | How::Direct));
        let rung: Vec<LegId> = call.guests.iter().filter(given_up).map(|guest| guest.leg).collect();
        let left = seat.map(|party| call.mark(now.mono, Mark::Left { party, why: why.to_owned() }));
        self.out.extend(left);
        self.legs.remove(&leg);
        self.release_second_line(now, id, None);
        self.note(id, format!("seat {} left the call ({why}); the others go on", no.0));
        self.out.extend(silent.into_iter().map(|leg| Output::StopPlay { leg }));
        for leg in rung {
            self.out.push(Output::HangUp { leg });
            self.take_out(now, id, leg, "not_reached");
        }
        if !self.supervisor_succeeds(id) {
            self.seat_succeeds(id);
        }
        self.arrange(now, id);
        Some(no)
    }

    /// Whether others than the citizen are on the line, so that the seat's failure leaves nobody alone.
    pub(super) fn has_guests(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.guests.iter().any(Guest::stands) || call.barging().is_some())
    }

    /// Whether the call goes on when its seat hangs up: by the policy of whoever has answered (R22), and
    /// always where it was transferred, or whom the seat consulted takes it over.
    pub(super) fn goes_on_without_seat(&self, id: CallId) -> bool {
        let stays = |guest: &Guest| match guest.stage {
            GuestStage::Ringing(how) | GuestStage::Asked(how) => how == How::Transfer,
            GuestStage::Apart => true,
            GuestStage::Briefed(_) | GuestStage::Joined => guest.after_seat == AfterSeat::KeepTalking,
        };
        self.calls.get(&id).is_some_and(|call| call.guests.iter().any(stays) || call.barging().is_some())
    }
}
