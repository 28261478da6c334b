//! The transfer button of a seat's phone (REFER): the third party takes the seat's place. R14.

use super::guest::How;
use super::leg::Role;
use super::live::Call;
use super::switchboard::Switchboard;
use super::{CallId, LegId, Output, ReferOutcome, ReferTarget, Verb};
use crate::time::Now;

impl Switchboard {
    /// The seat's phone wants the call transferred (REFER).
    pub(super) fn transfer(&mut self, now: Now, leg: LegId, to: &ReferTarget) {
        let call = match self.legs.get(&leg) {
            Some(Role::Seat(call) | Role::SecondLine(call)) => Some(*call),
            Some(
                Role::Citizen(_)
                | Role::Guest(_)
                | Role::Supervisor(_)
                | Role::CallbackSeat(_)
                | Role::CallbackCitizen(_)
                | Role::DutySeat(_)
                | Role::DutyPhone(_)
                | Role::Feature,
            )
            | None => None,
        };
        let done = call.and_then(|id| match to {
            ReferTarget::Number(number) => self.transfer_to(now, id, leg, number.reveal()),
            ReferTarget::Leg(other) => self.transfer_between_lines(now, id, leg, *other),
        });
        if done.is_none() {
            self.out.push(Output::Referred { leg, outcome: ReferOutcome::Refused });
        }
    }

    /// None: not from this leg, or not to this number.
    fn transfer_to(&mut self, now: Now, id: CallId, leg: LegId, whom: &str) -> Option<()> {
        let verb = Verb::Transfer(whom.to_owned());
        let no = self.calls.get(&id).filter(|call| call.seat_leg() == Some(leg)).and_then(Call::seat).cloned()?;
        self.may_talk(now, id, &no, &verb).ok()?;
        self.out.push(Output::Referred { leg, outcome: ReferOutcome::Accepted });
        if let Some(call) = self.calls.get_mut(&id) {
            call.referrer = Some(leg);
        }
        self.bring_in(now, id, whom, How::Transfer);
        Some(())
    }

    /// The phone that asked for the transfer, where it is still there, hears how it ended.
    pub(super) fn tell_referrer(&mut self, id: CallId, outcome: ReferOutcome) {
        let referrer = self.calls.get_mut(&id).and_then(|call| call.referrer.take());
        self.out.extend(referrer.map(|leg| Output::Referred { leg, outcome }));
    }
}
