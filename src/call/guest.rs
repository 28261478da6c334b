//! Third parties: a seat brings a unit, an expert, a leader or 110 into a live call, and the citizen
//! never pays for what becomes of them. R19–R22, rules.md §6.2.

use std::collections::VecDeque;
use std::time::Duration;

use super::directory::{AfterSeat, AnswerPolicy};
use super::ending::Cause;
use super::invitation::Invitation;
use super::leg::{LegEvent, Role};
use super::live::{Call, Stage, With};
use super::seat::Seat;
use super::switchboard::Switchboard;
use super::third::Tries;
use super::timers::Timer;
use super::{
    CallId, Failure, LegId, Loss, Mark, Output, Party, Prompt, ReferOutcome, SeatFault, SeatNo, SeatState, Target,
};
use crate::time::Now;

/// T_third: how long each number rings of a third party, a duty phone or a citizen called back (rules.md §6.2).
pub(super) const RINGS: Duration = Duration::from_secs(30);
/// Parties of one call at most (R25).
pub(super) const PARTIES: usize = 8;

/// Somebody whom a seat has brought in, or is calling.
#[derive(Debug)]
pub(super) struct Guest {
    pub leg: LegId,
    pub party: Party,
    pub stage: GuestStage,
    /// Numbers that have not been tried yet, in their order (R22).
    pub untried: VecDeque<Target>,
    /// What becomes of the call when the seat hangs up (R22).
    pub after_seat: AfterSeat,
    pub answer: AnswerPolicy,
    /// Whose phone is rung, or speaks, where it is a seat's.
    pub seat: Option<SeatNo>,
    /// Its network is heard while it rings.
    pub early: bool,
    pub tries: Tries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuestStage {
    /// Being called.
    Ringing(How),
    /// Its phone has answered; that a person is there is shown by a key. Until then it hears nobody, and
    /// nobody hears it.
    Asked(How),
    /// A leader who has answered hears what the call is about; nobody hears it (R26).
    Briefed(How),
    /// Answered; speaks with the seat alone, or hears music while the seat is with the citizen.
    Apart,
    /// In the conversation with the citizen.
    Joined,
}

impl GuestStage {
    /// What shall become of it, while it has not answered.
    pub fn wanted(self) -> Option<How> {
        match self {
            Self::Ringing(how) | Self::Asked(how) => Some(how),
            Self::Briefed(_) | Self::Apart | Self::Joined => None,
        }
    }
}

/// What becomes of a third party when it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It speaks with the seat alone.
    Consult,
    /// It joins the conversation (R21).
    Direct,
    /// It takes the seat's place (R14).
    Transfer,
    /// A leader who is rung before any seat.
    Lead,
    /// The service that the number leads to: it answers in place of a seat (R6, R14).
    Passed,
    /// A seat beside a leader who has answered: it hears, and is not heard until it speaks up.
    Assist,
}

impl How {
    /// A seat has asked for this party, and is told what becomes of it.
    fn is_a_seats_wish(self) -> bool {
        match self {
            Self::Consult | Self::Direct | Self::Transfer => true,
            Self::Lead | Self::Passed | Self::Assist => false,
        }
    }
}

impl Switchboard {
    pub(super) fn bring_in(&mut self, now: Now, id: CallId, whom: &str, how: How) {
        let Ok(Invitation { party, untried, after_seat, answer }) = self.invite_by(now, whom) else { return };
        // Not dialled under this one: `ring_next` gives each number a leg of its own.
        let leg = self.new_dialled_leg();
        self.leader_rung(now, id, whom);
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(no) = call.seat().cloned() {
            self.desk.update(&no, |seat| seat.last_third = Some(id));
        }
        call.not_reached = None;
        let tries = Tries { of: untried.len(), failures: Vec::new() };
        call.guests.push(Guest {
            leg,
            party,
            stage: GuestStage::Ringing(how),
            untried,
            after_seat,
            answer,
            seat: None,
            early: false,
            tries,
        });
        if how == How::Consult && call.second_line.is_none() {
            self.turn_to(now, id, With::Guest(leg));
        }
        self.ring_next(now, id, leg, Failure::NoWay);
    }

    /// Calls the next number of a guest's list; when there is none, the seat is back with the citizen (R22).
    fn ring_next(&mut self, now: Now, id: CallId, last: LegId, why: Failure) {
        let leg = self.new_dialled_leg();
        let label = self.label(now, id, Some(last));
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (code, citizen) = (call.route.original_code.clone(), call.invited.caller.clone());
        let Some(guest) = call.guest(last) else { return };
        let Some(target) = guest.untried.pop_front() else { return self.not_reached(now, id, last, why) };
        if let Target::Seat(no) = &target
            && let Err(why) = self.is_free(no)
        {
            self.note(id, format!("seat {}: {why}", no.0));
            self.note_failure(id, last, Failure::Busy);
            return self.ring_next(now, id, last, Failure::Busy);
        }
        let Some(guest) = self.calls.get_mut(&id).and_then(|call| call.guest(last)) else { return };
        guest.leg = leg;
        guest.early = false;
        guest.party.leg = Some(leg);
        guest.stage = guest.stage.wanted().map_or(guest.stage, GuestStage::Ringing);
        if let Target::Seat(seat) = &target {
            guest.seat = Some(seat.clone());
        }
        let (target, rung) = (target.on_behalf_of(code), guest.seat.clone());
        if let Some(call) = self.calls.get_mut(&id).filter(|call| call.with == With::Guest(last)) {
            call.with = With::Guest(leg);
        }
        self.legs.insert(leg, Role::Guest(id));
        self.timers.set(Timer::Guest(leg), now.mono + self.rings(id, leg));
        self.out.push(Output::Dial { call: id, leg, target, caller: citizen, label });
        if let Some(no) = rung {
            self.reserve(now, id, &no);
        }
        self.arrange(now, id);
    }

    pub(super) fn guest_event(&mut self, now: Now, id: CallId, leg: LegId, event: LegEvent) {
        let Some(stage) = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).map(|guest| guest.stage) else {
            return;
        };
        match (stage, event) {
            (GuestStage::Ringing(how), LegEvent::Answered) => self.guest_picks_up(now, id, leg, how),
            (GuestStage::Ringing(_) | GuestStage::Asked(_), LegEvent::Failed(why)) => {
                self.guest_not_reached(now, id, leg, why);
            }
            (GuestStage::Ringing(_) | GuestStage::Asked(_), LegEvent::HungUp) => {
                self.guest_not_reached(now, id, leg, Failure::Declined);
            }
            (GuestStage::Ringing(_) | GuestStage::Asked(_), LegEvent::Lost(_)) => {
                self.out.push(Output::HangUp { leg });
                self.guest_not_reached(now, id, leg, Failure::Unreachable);
            }
            (GuestStage::Briefed(_) | GuestStage::Apart | GuestStage::Joined, LegEvent::HungUp) => {
                self.guest_gone(now, id, leg, "hung_up")
            }
            (GuestStage::Briefed(_) | GuestStage::Apart | GuestStage::Joined, LegEvent::Failed(_)) => {
                self.guest_lost(now, id, leg, Loss::Session);
            }
            (GuestStage::Briefed(_) | GuestStage::Apart | GuestStage::Joined, LegEvent::Lost(why)) => {
                self.out.push(Output::HangUp { leg });
                self.guest_lost(now, id, leg, why);
            }
            (GuestStage::Ringing(_), LegEvent::Ringing) => self.colleague_turns(now, id, leg, SeatState::Ringing),
            // Its own hold stops its sound by itself; the others go on talking.
            (_, LegEvent::Ringing | LegEvent::Held | LegEvent::Resumed) => {}
            (
                GuestStage::Asked(_) | GuestStage::Briefed(_) | GuestStage::Apart | GuestStage::Joined,
                LegEvent::Answered,
            ) => {}
        }
    }

    /// T_third is over, or nobody has pressed 1.
    pub(super) fn guest_rang_out(&mut self, now: Now, leg: LegId) {
        match self.legs.get(&leg).copied() {
            Some(Role::Guest(id)) if self.briefing_is_over(now, id, leg) => {}
            Some(Role::Guest(id)) => {
                self.out.push(Output::HangUp { leg });
                self.guest_not_reached(now, id, leg, Failure::NoAnswer);
            }
            Some(Role::Supervisor(id)) => self.supervisor_withdrawn(now, id, Failure::NoAnswer),
            Some(
                Role::Citizen(_)
                | Role::Seat(_)
                | Role::SecondLine(_)
                | Role::CallbackSeat(_)
                | Role::CallbackCitizen(_)
                | Role::DutySeat(_)
                | Role::DutyPhone(_)
                | Role::Feature,
            )
            | None => {}
        }
    }

    pub(super) fn guest_answers(&mut self, now: Now, id: CallId, leg: LegId, how: How) {
        self.timers.clear(Timer::Guest(leg));
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(guest) = call.guest(leg) else { return };
        guest.stage = if how == How::Consult { GuestStage::Apart } else { GuestStage::Joined };
        guest.untried.clear();
        let party = guest.party.clone();
        call.outcome.reach();
        let consulted = (how == How::Consult).then(|| call.mark(now.mono, Mark::Consulted(party.clone())));
        let joined = call.mark(now.mono, Mark::Joined(party.clone()));
        self.out.extend(consulted.into_iter().chain([joined]));
        self.leader_told(now, id, &party, "taken");
        self.note(id, "the third party answered".into());
        self.colleague_turns(now, id, leg, SeatState::Talking);
        let has_seat = self.calls.get(&id).is_some_and(|call| call.seat_leg().is_some());
        if how == How::Transfer && has_seat {
            self.tell_referrer(id, ReferOutcome::Done);
            self.seat_leaves(now, id);
        } else {
            self.answer_second_line(now, id);
            self.arrange(now, id);
        }
    }

    pub(super) fn guest_not_reached(&mut self, now: Now, id: CallId, leg: LegId, why: Failure) {
        self.timers.clear(Timer::Guest(leg));
        self.legs.remove(&leg);
        self.note(id, format!("the third party was not reached: {why:?}"));
        self.note_failure(id, leg, why);
        let rung = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).and_then(|guest| guest.seat.take());
        if let Some(no) = rung {
            self.seat_unanswered(now, &no, why);
        }
        self.ring_next(now, id, leg, why);
    }

    /// None of its numbers was reached: the citizen is back with the seat that wanted it, also where the
    /// seat has hung up meanwhile (R14, R22).
    fn not_reached(&mut self, now: Now, id: CallId, leg: LegId, why: Failure) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let by_second_line = call.second_line.is_some();
        call.note_not_reached(leg);
        let Some(guest) = call.guest(leg) else { return };
        let (wanted, party) = (guest.stage.wanted(), guest.party.clone());
        // Nobody on the line asked for a leader who was rung first, nor for who assists him.
        let by_seat = wanted.is_some_and(How::is_a_seats_wish);
        if by_seat {
            call.outcome.miss(why);
            call.transfer_failed = call.referrer.map(|_| now.mono);
            self.tell_referrer(id, ReferOutcome::Failed(why));
            self.release_second_line(now, id, Some(why));
        }
        self.leader_told(now, id, &party, SeatFault::from(why).as_str());
        self.take_out(now, id, leg, "not_reached");
        if wanted == Some(How::Lead) {
            return self.leader_not_reached(now, id, why);
        }
        if wanted == Some(How::Passed) {
            return self.service_not_reached(now, id, why);
        }
        if self.is_left_alone(id) {
            return self.back_to_the_same_seat(now, id);
        }
        self.turn_back(now, id);
        if let Some(leg) = self.calls.get(&id).and_then(Call::seat_leg).filter(|_| by_seat && !by_second_line) {
            self.tell_by_prompt(leg, Prompt::NotReached(why.into()));
        }
    }

    fn back_to_the_same_seat(&mut self, now: Now, id: CallId) {
        let left = self.calls.get(&id).and_then(|call| call.transferred_by.clone());
        self.wait_for_another(now, id);
        if let Some(no) = left {
            self.offer_again(now, id, &no);
        }
    }

    /// The citizen waits; the seat that it was with gets it back, if it is still there.
    pub(super) fn offer_again(&mut self, now: Now, id: CallId, no: &SeatNo) {
        let at_rest = |seat: &Seat| {
            seat.reachable && seat.call.is_none() && matches!(seat.state, SeatState::Idle | SeatState::WrapUp)
        };
        if self.desk.get(no).is_some_and(at_rest) {
            self.timers.clear(Timer::WrapUp(no.clone()));
            self.offer(now, id, no);
        }
    }

    /// A guest that fails. Where the seat has left before, the citizen waits for another, first in the
    /// queue: nobody is dropped by somebody else's failure (I3).
    fn guest_lost(&mut self, now: Now, id: CallId, leg: LegId, why: Loss) {
        let why = SeatFault::from(why);
        let colleague = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).and_then(|guest| guest.seat.take());
        self.take_out(now, id, leg, why.as_str());
        if let Some(no) = colleague {
            self.desk.update(&no, |seat| seat.last_call = Some(id));
            self.free_seat(now, &no, SeatState::Busy, Some(why.into()));
        }
        if self.is_left_alone(id) {
            self.leave_to_the_queue(now, id, why.as_str());
        } else {
            self.turn_back(now, id);
        }
    }

    /// A guest is released, has hung up, or was never reached.
    pub(super) fn guest_gone(&mut self, now: Now, id: CallId, leg: LegId, why: &str) {
        self.take_out(now, id, leg, why);
        match self.is_left_alone(id) {
            true if self.wants_seat(id) || !self.is_connected(id) => self.leave_to_the_queue(now, id, why),
            true => self.end(now, id, Cause::GuestHungUp),
            false => self.turn_back(now, id),
        }
    }

    /// The seat has left, and so has everybody whom it had brought in.
    fn is_left_alone(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| matches!(call.stage, Stage::Left) && call.guests.is_empty())
    }

    pub(super) fn take_out(&mut self, now: Now, id: CallId, leg: LegId, why: &str) {
        self.legs.remove(&leg);
        self.timers.clear(Timer::Guest(leg));
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(at) = call.guests.iter().position(|guest| guest.leg == leg) else { return };
        let guest = call.guests.remove(at);
        if guest.stands() {
            let mark = call.mark(now.mono, Mark::Left { party: guest.party.clone(), why: why.to_owned() });
            self.out.push(mark);
        }
        self.leader_told(now, id, &guest.party, why);
        self.release_colleague(now, id, &guest);
        if guest.stage.wanted() == Some(How::Transfer) {
            self.tell_referrer(id, ReferOutcome::Failed(Failure::Declined));
        }
        if self.calls.get(&id).is_some_and(|call| call.outside().is_none()) {
            self.release_second_line(now, id, None);
        }
    }

    /// The call ends, or nobody is left who called them: all are released.
    pub(super) fn release_guests(&mut self, now: Now, id: CallId) {
        self.release_second_line(now, id, None);
        let guests = self.calls.get_mut(&id).map(|call| std::mem::take(&mut call.guests)).unwrap_or_default();
        for guest in guests {
            let leg = guest.leg;
            self.legs.remove(&leg);
            self.timers.clear(Timer::Guest(leg));
            self.out.push(Output::HangUp { leg });
            self.release_colleague(now, id, &guest);
        }
    }
}

impl Guest {
    /// It has answered.
    pub(super) fn stands(&self) -> bool {
        self.stage.wanted().is_none()
    }
}

impl Call {
    pub(super) fn guest(&mut self, leg: LegId) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.leg == leg)
    }

    /// The one that has not joined: rung, or consulted.
    pub(super) fn outside(&self) -> Option<&Guest> {
        self.guests.iter().find(|guest| guest.stage != GuestStage::Joined)
    }
}
