//! The transfer button of a seat's phone (REFER): the third party takes the seat's place. R14.

use super::guest::How;
use super::leg::Role;
use super::live::Call;
use super::switchboard::Switchboard;
use super::{LegId, Output, ReferOutcome, ReferTarget, Verb};
use crate::time::Now;

impl Switchboard {
    /// The seat's phone wants the call transferred (REFER).
    pub(super) fn transfer(&mut self, now: Now, leg: LegId, to: &ReferTarget) {
        let call = match self.legs.get(&leg) {
            Some(Role::Seat(call)) => Some(*call),
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
        let wish = match (call, to) {
            (Some(id), ReferTarget::Number(number)) => {
                let verb = Verb::Transfer(number.reveal().clone());
                let no = self.calls.get(&id).and_then(Call::seat).cloned();
                no.and_then(|no| self.may_talk(now, id, &no, &verb).ok()).map(|()| (id, number.reveal().clone()))
            }
            (_, ReferTarget::Leg(_)) | (None, ReferTarget::Number(_)) => None,
        };
        let outcome = if wish.is_some() { ReferOutcome::Accepted } else { ReferOutcome::Refused };
        self.out.push(Output::Referred { leg, outcome });
        if let Some((id, whom)) = wish {
            self.bring_in(now, id, &whom, How::Transfer);
        }
    }
}
