//! What an event of a leg means, by the part that the leg plays. An event of a leg that is gone
//! means nothing: its call has already been told.

use super::callback::Carried;
use super::ending::Cause;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{CallId, Failure, LegId, Loss, Mark, MediaFigures, Output};
use crate::time::Now;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Citizen(CallId),
    Seat(CallId),
    /// The same seat's second leg, to whom it consults.
    SecondLine(CallId),
    /// A third party of a call.
    Guest(CallId),
    /// A shift leader.
    Supervisor(CallId),
    /// The seat that calls a missed caller back, and that caller, until they talk.
    CallbackSeat(CallId),
    CallbackCitizen(CallId),
    /// The seat that calls a duty phone, and that phone.
    DutySeat(CallId),
    DutyPhone(CallId),
    /// A seat's phone that dialled a feature code.
    Feature,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LegEvent {
    Ringing,
    Answered,
    Failed(Failure),
    HungUp,
    Lost(Loss),
    Held,
    Resumed,
}

impl Switchboard {
    pub(super) fn leg_event(&mut self, now: Now, leg: LegId, event: LegEvent) {
        match self.legs.get(&leg).copied() {
            Some(Role::Citizen(call)) => self.citizen_event(now, call, event),
            Some(Role::Seat(call)) => self.seat_event(now, call, event),
            Some(Role::SecondLine(call)) => self.second_line_event(now, call, leg, event),
            Some(Role::Guest(call)) => self.guest_event(now, call, leg, event),
            Some(Role::Supervisor(call)) => self.supervisor_event(now, call, event),
            Some(Role::CallbackSeat(call)) => self.callback_seat_event(now, call, event),
            Some(Role::CallbackCitizen(call)) => self.callback_citizen_event(now, call, event),
            Some(Role::DutySeat(call)) => self.duty_seat_event(now, call, leg, event),
            Some(Role::DutyPhone(call)) => self.duty_phone_event(now, call, leg, event),
            Some(Role::Feature) => match event {
                LegEvent::Failed(_) | LegEvent::HungUp => self.feature_gone(now, leg),
                LegEvent::Lost(_) => self.feature_over(now, leg),
                LegEvent::Ringing | LegEvent::Answered | LegEvent::Held | LegEvent::Resumed => {}
            },
            None => {}
        }
    }

    /// Which dialog an answered leg is.
    pub(super) fn carried(&mut self, leg: LegId, dialog: Carried) {
        match self.legs.get(&leg).copied() {
            Some(Role::Seat(id)) => {
                if let Some(call) = self.calls.get_mut(&id)
                    && let Stage::Offered(offer) = &mut call.stage
                {
                    offer.sip_call_id = Some(dialog.sip_call_id);
                }
            }
            Some(Role::Guest(id) | Role::Supervisor(id)) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.sip_call_ids.push(dialog.sip_call_id);
                }
            }
            Some(Role::CallbackSeat(id) | Role::CallbackCitizen(id)) => self.callback_carried(id, leg, dialog),
            Some(Role::DutyPhone(id)) => self.duty_carried(id, dialog),
            Some(Role::Citizen(_) | Role::SecondLine(_) | Role::DutySeat(_) | Role::Feature) | None => {}
        }
    }

    pub(super) fn played(&mut self, now: Now, leg: LegId, token: u64) {
        match self.legs.get(&leg).copied() {
            Some(Role::Citizen(call)) => self.heard(call, token),
            Some(Role::Feature) => self.feature_told(now, leg, token),
            Some(Role::Guest(call)) => self.guest_heard(now, call, leg, token),
            Some(
                Role::Seat(_)
                | Role::SecondLine(_)
                | Role::Supervisor(_)
                | Role::CallbackSeat(_)
                | Role::CallbackCitizen(_)
                | Role::DutySeat(_)
                | Role::DutyPhone(_),
            )
            | None => {}
        }
    }

    /// A carrier may move its media without a word of it in the signalling.
    pub(super) fn source_moved(&mut self, now: Now, leg: LegId) {
        let Some(Role::Citizen(id) | Role::Seat(id)) = self.legs.get(&leg).copied() else {
            return;
        };
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let who = if leg == call.leg() { "the citizen" } else { "the seat" };
        let moved = call.course.party(leg).cloned().filter(|_| call.answer.is_some());
        let mark = moved.map(|party| call.mark(now.mono, Mark::Moved(party)));
        self.note(id, format!("the media of {who} comes from another address"));
        self.out.extend(mark);
    }

    pub(super) fn media_figures(&mut self, leg: LegId, figures: MediaFigures) {
        if let Some(Role::Citizen(id) | Role::Seat(id) | Role::SecondLine(id)) = self.legs.get(&leg)
            && let Some(call) = self.calls.get_mut(id)
        {
            call.course.figures(leg, figures);
        }
    }

    fn citizen_event(&mut self, now: Now, call: CallId, event: LegEvent) {
        match event {
            LegEvent::Failed(_) => self.end(now, call, Cause::AnswerFailed),
            LegEvent::HungUp => self.end(now, call, Cause::CallerHungUp),
            LegEvent::Lost(why) => self.end(now, call, Cause::CallerLost(why)),
            LegEvent::Held => self.citizen_holds(now, call, true),
            LegEvent::Resumed => self.citizen_holds(now, call, false),
            // Only legs that we dial ring and answer.
            LegEvent::Ringing | LegEvent::Answered => {}
        }
    }

    fn seat_event(&mut self, now: Now, id: CallId, event: LegEvent) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        match (&call.stage, event) {
            (Stage::Offered(_), LegEvent::Ringing) => self.seat_rings(now, id),
            (Stage::Offered(_), LegEvent::Answered) => self.seat_answers(now, id),
            (Stage::Offered(_), LegEvent::Failed(why)) => self.offer_failed(now, id, why),
            (Stage::Offered(_), LegEvent::HungUp) => self.offer_failed(now, id, Failure::Declined),
            (Stage::Offered(_), LegEvent::Lost(_)) => self.withdraw(now, id, Failure::Unreachable),
            (Stage::Offered(_), LegEvent::Held | LegEvent::Resumed) => {}

            (Stage::Talking(_), LegEvent::Held) => self.seat_holds(now, id, true),
            (Stage::Talking(_), LegEvent::Resumed) => self.seat_holds(now, id, false),
            (Stage::Talking(_), LegEvent::HungUp) => self.seat_hangs_up(now, id),
            (Stage::Talking(talk), LegEvent::Lost(why)) => {
                // Its dialog may still stand at the other end.
                self.out.push(Output::HangUp { leg: talk.leg });
                self.seat_lost(now, id, why);
            }
            (Stage::Talking(_), LegEvent::Failed(_)) => self.seat_lost(now, id, Loss::Session),
            (Stage::Talking(_), LegEvent::Ringing | LegEvent::Answered) => {}

            // A waiting call has no seat's leg, and one that the seat has left neither.
            (
                Stage::Waiting | Stage::Left,
                LegEvent::Ringing
                | LegEvent::Answered
                | LegEvent::Failed(_)
                | LegEvent::HungUp
                | LegEvent::Lost(_)
                | LegEvent::Held
                | LegEvent::Resumed,
            ) => {}
        }
    }
}
