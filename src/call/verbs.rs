//! What a seat does with third parties in its live call, by keys, API or its phone's buttons. R20–R22.

use super::guest::{GuestStage, How, PARTIES};
use super::live::{Call, Stage, With};
use super::switchboard::Switchboard;
use super::{AskRefused, CallId, Mark, Output, Prompt, SeatNo, Verb};
use crate::time::Now;

impl Switchboard {
    /// Whether the call of this seat allows it now.
    pub(super) fn may_talk(&self, now: Now, id: CallId, no: &SeatNo, verb: &Verb) -> Result<(), AskRefused> {
        let its_own = |call: &&Call| call.connected && matches!(&call.stage, Stage::Talking(talk) if talk.seat == *no);
        let call = self.calls.get(&id).filter(its_own).ok_or(AskRefused::NotTalking)?;
        let outside = call.outside().map(|guest| guest.stage);
        match verb {
            Verb::Consult(whom) | Verb::Direct(whom) | Verb::Transfer(whom) => {
                if outside.is_some() {
                    return Err(AskRefused::Consulting);
                }
                if call.guests.len() + 2 >= PARTIES {
                    return Err(AskRefused::TooMany);
                }
                self.invite_by(now, whom).map(|_| ())
            }
            Verb::Swap if call.second_line.is_some() => Err(AskRefused::SecondLine),
            Verb::Leader | Verb::Speak | Verb::Silent => self.may_lead(now, call, verb),
            Verb::Join | Verb::Swap if outside == Some(GuestStage::Apart) => Ok(()),
            Verb::Drop if !call.guests.is_empty() => Ok(()),
            Verb::Leave if call.others().next().is_some() || outside == Some(GuestStage::Apart) => Ok(()),
            Verb::Join | Verb::Swap | Verb::Drop | Verb::Leave => Err(AskRefused::NoThird),
        }
    }

    pub(super) fn talk(&mut self, now: Now, id: CallId, verb: &Verb) {
        match verb {
            Verb::Consult(whom) => self.bring_in(now, id, whom, How::Consult),
            Verb::Direct(whom) => self.bring_in(now, id, whom, How::Direct),
            Verb::Transfer(whom) => self.bring_in(now, id, whom, How::Transfer),
            Verb::Join => self.join(now, id),
            Verb::Swap => self.swap(now, id),
            Verb::Drop => self.drop_third(now, id),
            Verb::Leave => self.seat_leaves(now, id),
            Verb::Leader | Verb::Speak | Verb::Silent => self.lead(now, id, verb),
        }
    }

    /// Whom the seat consulted is gone: it is back with the citizen.
    pub(super) fn turn_back(&mut self, now: Now, id: CallId) {
        let consulted = self.calls.get(&id).and_then(|call| match call.with {
            With::Citizen => None,
            With::Guest(leg) => Some(call.guests.iter().any(|guest| guest.leg == leg)),
        });
        if consulted == Some(false) {
            self.turn_to(now, id, With::Citizen);
        }
        self.arrange(now, id);
    }

    fn join(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(leg) = call.outside().map(|guest| guest.leg) else { return };
        if let Some(guest) = call.guest(leg) {
            guest.stage = GuestStage::Joined;
        }
        self.out.push(Output::StopPlay { leg });
        self.go_on_by_second_line(now, id);
        self.turn_to(now, id, With::Citizen);
        self.arrange(now, id);
    }

    fn swap(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(leg) = call.outside().map(|guest| guest.leg) else { return };
        let with = match call.with {
            With::Citizen => With::Guest(leg),
            With::Guest(_) => With::Citizen,
        };
        if with == With::Citizen {
            let token = self.new_token();
            self.out.push(Output::Play { leg, prompts: vec![Prompt::Music], repeat: true, token });
        } else {
            self.out.push(Output::StopPlay { leg });
        }
        self.turn_to(now, id, with);
        self.arrange(now, id);
    }

    /// The one that is rung or consulted, else the one that joined last.
    fn drop_third(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(leg) = call.outside().or(call.guests.last()).map(|guest| guest.leg) else { return };
        self.out.push(Output::HangUp { leg });
        self.guest_gone(now, id, leg, "dropped");
    }

    /// The seat turns from the citizen to a guest, or back; on the record it holds whom it leaves.
    pub(super) fn turn_to(&mut self, now: Now, id: CallId, with: With) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let before = std::mem::replace(&mut call.with, with);
        if (before == With::Citizen) == (with == With::Citizen) {
            return;
        }
        let Some(seat) = call.seat_leg().and_then(|leg| call.course.party(leg)).cloned() else { return };
        let mark = if with == With::Citizen { Mark::Resumed(seat) } else { Mark::Held(seat) };
        let mark = call.mark(now.mono, mark);
        self.out.push(mark);
        let apart = call.guests.iter().find(|guest| with == With::Guest(guest.leg) && guest.stage == GuestStage::Apart);
        let consulted = apart.map(|guest| Mark::Consulted(guest.party.clone()));
        self.out.extend(consulted.map(|mark| call.mark(now.mono, mark)));
    }
}
