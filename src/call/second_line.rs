//! A seat in a call that dials on its phone's second line: a consultation by the phone's own buttons. The
//! second leg is the seat's mouth and ear towards whom it called; the first one stays with the citizen, and
//! the phone holds and resumes each. R14, R20, RFC 5359 §2.4.

use super::guest::{GuestStage, How};
use super::leg::{LegEvent, Role};
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{CallId, Failure, LegId, Mark, Output, Prompt, ReferOutcome, Refusal, SeatAsk, SeatFault, SeatNo, Verb};
use crate::time::Now;

/// The second leg of a seat's phone. It stands as long as whom it called is outside the conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondLine {
    pub leg: LegId,
    pub answered: bool,
}

impl Switchboard {
    /// The call in which this seat speaks: what its phone dials now is part of it.
    pub fn call_of_seat(&self, no: &SeatNo) -> Option<CallId> {
        let id = self.desk.get(no)?.call?;
        self.calls.get(&id).filter(|call| call.seat() == Some(no)).map(|_| id)
    }

    /// A seat's phone dials somebody on its second line.
    pub(super) fn dialled(&mut self, now: Now, leg: LegId, no: &SeatNo, number: &str, sip_call_id: String) {
        let verb = Verb::Consult(number.to_owned());
        let id = self.call_of_seat(no);
        let Some(id) = id.filter(|_| self.may(now, no, &SeatAsk::Talk(verb)).is_ok() && !self.legs.contains_key(&leg))
        else {
            return self.out.push(Output::Refuse { leg, why: Refusal::Forbidden });
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.second_line = Some(SecondLine { leg, answered: false });
        call.sip_call_ids.push(sip_call_id);
        self.legs.insert(leg, Role::SecondLine(id));
        self.note(id, format!("seat {} dials on its second line", no.0));
        self.out.push(Output::Progress { leg, media: false });
        self.bring_in(now, id, number, How::Consult);
    }

    pub(super) fn second_line_event(&mut self, now: Now, id: CallId, leg: LegId, event: LegEvent) {
        match event {
            LegEvent::HungUp | LegEvent::Failed(_) => self.second_line_gone(now, id, "hung_up"),
            LegEvent::Lost(why) => {
                self.out.push(Output::HangUp { leg });
                self.second_line_gone(now, id, SeatFault::from(why).as_str());
            }
            LegEvent::Held => self.second_line_holds(id, true),
            LegEvent::Resumed => self.second_line_holds(id, false),
            // Only legs that we dial ring and answer.
            LegEvent::Ringing | LegEvent::Answered => {}
        }
    }

    /// Whom it called is released, and the seat is back with the citizen as soon as its phone resumes.
    /// One that the seat has transferred the citizen to rings on.
    fn second_line_gone(&mut self, now: Now, id: CallId, why: &str) {
        self.forget_second_line(now, id, why);
        let Some(call) = self.calls.get(&id) else { return };
        let Some(guest) = call.outside() else { return };
        if guest.stage.wanted() == Some(How::Transfer) {
            return self.arrange(now, id);
        }
        let leg = guest.leg;
        self.out.push(Output::HangUp { leg });
        self.guest_gone(now, id, leg, "dropped");
    }

    /// Its own hold: whom it called hears music.
    fn second_line_holds(&mut self, id: CallId, holds: bool) {
        let third = self.calls.get(&id).and_then(|call| call.outside());
        let Some(leg) = third.filter(|guest| guest.stage == GuestStage::Apart).map(|guest| guest.leg) else { return };
        if holds {
            let token = self.new_token();
            self.out.push(Output::Play { leg, prompts: vec![Prompt::Music], repeat: true, token });
        } else {
            self.out.push(Output::StopPlay { leg });
        }
    }

    /// Whom it called has answered.
    pub(super) fn answer_second_line(&mut self, now: Now, id: CallId) {
        let Some(no) = self.calls.get(&id).and_then(|call| call.seat()).cloned() else { return };
        let Some(line) = self.calls.get_mut(&id).and_then(|call| call.second_line.as_mut()) else { return };
        line.answered = true;
        let leg = line.leg;
        let party = self.seat_party(&no, Some(leg));
        let mark = self.calls.get_mut(&id).map(|call| call.mark(now.mono, Mark::Joined(party)));
        self.out.extend(mark);
        self.out.push(Output::Answer { leg });
    }

    /// The second line has no purpose any more. `why` tells a phone that still waits for an answer.
    pub(super) fn release_second_line(&mut self, now: Now, id: CallId, why: Option<Failure>) {
        let Some(line) = self.calls.get(&id).and_then(|call| call.second_line) else { return };
        self.forget_second_line(now, id, "released");
        self.out.push(match why.filter(|_| !line.answered) {
            Some(why) => Output::Refuse { leg: line.leg, why: Refusal::NotReached(why) },
            None => Output::HangUp { leg: line.leg },
        });
    }

    fn forget_second_line(&mut self, now: Now, id: CallId, why: &str) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(line) = call.second_line.take() else { return };
        if call.referrer == Some(line.leg) {
            call.referrer = None;
        }
        let party = call.course.party(line.leg).cloned();
        let mark = party.map(|party| call.mark(now.mono, Mark::Left { party, why: why.to_owned() }));
        self.out.extend(mark);
        self.legs.remove(&line.leg);
    }

    /// The conversation is joined by keys on the second line: the seat goes on by this one.
    pub(super) fn go_on_by_second_line(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(line) = call.second_line.take() else { return };
        let Stage::Talking(talk) = &mut call.stage else { return };
        let first = std::mem::replace(&mut talk.leg, line.leg);
        talk.holds = false;
        if call.referrer == Some(first) {
            call.referrer = None;
        }
        let party = call.course.party(first).cloned();
        let mark = party.map(|party| call.mark(now.mono, Mark::Left { party, why: "second_line".into() }));
        self.out.extend(mark);
        self.legs.remove(&first);
        self.legs.insert(line.leg, Role::Seat(id));
        self.out.push(Output::HangUp { leg: first });
    }

    /// Puts whom the seat called on its second line into its place (REFER with Replaces, on either line);
    /// one that still rings, when it answers. None: these two are not the lines of one seat.
    pub(super) fn transfer_between_lines(&mut self, now: Now, id: CallId, on: LegId, other: LegId) -> Option<()> {
        let call = self.calls.get_mut(&id)?;
        let (first, second) = (call.seat_leg()?, call.second_line?.leg);
        if !call.connected || ![(first, second), (second, first)].contains(&(on, other)) {
            return None;
        }
        let third = call.outside()?.leg;
        let guest = call.guest(third)?;
        let waits = match guest.stage {
            GuestStage::Ringing(_) => Some(GuestStage::Ringing(How::Transfer)),
            GuestStage::Asked(_) => Some(GuestStage::Asked(How::Transfer)),
            GuestStage::Apart => None,
            GuestStage::Briefed(_) | GuestStage::Joined => return None,
        };
        match waits {
            Some(stage) => {
                guest.stage = stage;
                call.referrer = Some(on);
                self.out.push(Output::Referred { leg: on, outcome: ReferOutcome::Accepted });
                self.arrange(now, id);
            }
            None => {
                self.out.push(Output::Referred { leg: on, outcome: ReferOutcome::Done });
                self.seat_leaves(now, id);
            }
        }
        Some(())
    }
}
