//! A seat hands an emergency ticket over to a duty phone (R28): first the seat is rung, then the numbers of
//! the duty phone in their order. No citizen is on the line; the call is recorded and belongs to the ticket.

use std::collections::VecDeque;

use super::ask::AskRefused;
use super::callback::Carried;
use super::errand::Before;
use super::guest::RINGS;
use super::invitation::Invitation;
use super::leg::{LegEvent, Role};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{
    CallId, Caller, DutyCall, Failure, Hearing, LegId, Mark, Output, Party, Prompt, SeatNo, SeatState, Target,
};
use crate::time::Now;

/// Who is to call which duty phone, for which ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyWish {
    pub seat: SeatNo,
    /// Its number.
    pub ticket: String,
    /// The hotline number that the citizen had dialled.
    pub code: String,
    /// Code of the duty phone in the directory.
    pub to: String,
}

/// Such a call, from the moment in which its seat is rung.
#[derive(Debug)]
pub(super) struct Duty {
    record: DutyCall,
    code: String,
    party: Party,
    untried: VecDeque<Target>,
    seat_leg: LegId,
    before: Before,
    /// The number that is rung, or speaks.
    phone: Option<LegId>,
    trunk: String,
}

impl Switchboard {
    /// Whether this seat may call there now. The API asks before it sends `Input::Duty`.
    pub fn may_call_duty(&self, now: Now, wish: &DutyWish) -> Result<(), AskRefused> {
        let seat = self.desk.get(&wish.seat).ok_or(AskRefused::UnknownSeat)?;
        if seat.state == SeatState::SignedOut {
            return Err(AskRefused::SignedOut);
        }
        if !seat.at_rest() {
            return Err(AskRefused::InCall);
        }
        if !seat.phone_is_free() || self.draining {
            return Err(AskRefused::NotFree);
        }
        self.settings.directory.entry(&wish.to).ok_or(AskRefused::UnknownParty)?;
        self.invite_by(now, &wish.to).map(drop)
    }

    pub(super) fn call_duty(&mut self, now: Now, wish: DutyWish) {
        if self.may_call_duty(now, &wish).is_err() {
            return;
        }
        let Ok(Invitation { party, untried, .. }) = self.invite_by(now, &wish.to) else { return };
        let id = self.new_call_id(now);
        self.note(id, format!("seat {} calls the duty phone {} for {}", wish.seat.0, wish.to, wish.ticket));
        let label = format!("突发 {} {}", wish.ticket, party.name);
        let (seat_leg, before) = self.ring_for_errand(now, id, Role::DutySeat, &wish.seat, Caller::default(), label);
        self.timers.set(Timer::Duty(id), now.mono + self.settings.ring_time);
        let record = DutyCall {
            call: id,
            ticket: wish.ticket,
            seat: wish.seat,
            to: wish.to,
            name: party.name.clone(),
            began: now.wall,
            answered: None,
            ended: None,
            failures: Vec::new(),
        };
        let duty =
            Duty { record, code: wish.code, party, untried, seat_leg, before, phone: None, trunk: String::new() };
        self.duties.insert(id, duty);
    }

    pub(super) fn duty_carried(&mut self, id: CallId, dialog: Carried) {
        if let (Some(duty), Some(trunk)) = (self.duties.get_mut(&id), dialog.trunk) {
            duty.trunk = trunk;
        }
    }

    pub(super) fn duty_seat_event(&mut self, now: Now, id: CallId, leg: LegId, event: LegEvent) {
        let Some(duty) = self.duties.get(&id) else { return };
        let (seat, answered) = (duty.record.seat.clone(), duty.phone.is_some());
        match event {
            LegEvent::Ringing if !answered => self.desk.turn(now, &seat, SeatState::Ringing, None, &mut self.out),
            LegEvent::Answered if !answered => {
                let token = self.new_token();
                self.out.push(Output::Play { leg, prompts: vec![Prompt::Music], repeat: true, token });
                self.ring_duty_phone(now, id);
            }
            LegEvent::Failed(_) | LegEvent::HungUp => self.duty_over(now, id, Some(leg)),
            LegEvent::Lost(_) => self.duty_over(now, id, None),
            LegEvent::Ringing | LegEvent::Answered | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    pub(super) fn duty_phone_event(&mut self, now: Now, id: CallId, leg: LegId, event: LegEvent) {
        let Some(duty) = self.duties.get(&id) else { return };
        let stands = duty.record.answered.is_some();
        match event {
            LegEvent::Answered if !stands => self.duty_answered(now, id, leg),
            LegEvent::Failed(why) if !stands => self.duty_not_reached(now, id, leg, why),
            LegEvent::HungUp if !stands => self.duty_not_reached(now, id, leg, Failure::Declined),
            LegEvent::Lost(_) if !stands => {
                self.out.push(Output::HangUp { leg });
                self.duty_not_reached(now, id, leg, Failure::Unreachable);
            }
            LegEvent::Failed(_) | LegEvent::HungUp => self.duty_over(now, id, Some(leg)),
            LegEvent::Lost(_) => self.duty_over(now, id, None),
            LegEvent::Ringing | LegEvent::Answered | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    /// The seat, or a number of the duty phone, did not pick up in time.
    pub(super) fn duty_rang_out(&mut self, now: Now, id: CallId) {
        match self.duties.get(&id).and_then(|duty| duty.phone) {
            Some(leg) => {
                self.out.push(Output::HangUp { leg });
                self.duty_not_reached(now, id, leg, Failure::NoAnswer);
            }
            None => self.duty_over(now, id, None),
        }
    }

    /// Its next number; where there is none the seat is released.
    fn ring_duty_phone(&mut self, now: Now, id: CallId) {
        let leg = self.new_dialled_leg();
        let Some(duty) = self.duties.get_mut(&id) else { return };
        let target = loop {
            match duty.untried.pop_front() {
                // A duty phone is no seat of ours: the seat would call it as a colleague.
                Some(Target::Seat(_)) => duty.record.failures.push(Failure::NoWay),
                other => break other,
            }
        };
        let Some(target) = target else { return self.duty_over(now, id, None) };
        duty.phone = Some(leg);
        duty.party.leg = Some(leg);
        let (target, label) = (target.on_behalf_of(duty.code.clone()), duty.party.name.clone());
        self.legs.insert(leg, Role::DutyPhone(id));
        self.timers.set(Timer::Duty(id), now.mono + RINGS);
        self.out.push(Output::Dial { call: id, leg, target, caller: Caller::default(), label });
    }

    fn duty_not_reached(&mut self, now: Now, id: CallId, leg: LegId, why: Failure) {
        self.legs.remove(&leg);
        self.note(id, format!("the duty phone was not reached: {why:?}"));
        if let Some(duty) = self.duties.get_mut(&id) {
            duty.record.failures.push(why);
            duty.phone = None;
        }
        self.timers.clear(Timer::Duty(id));
        self.ring_duty_phone(now, id);
    }

    /// Recorder before mix, so that the first word is in it.
    fn duty_answered(&mut self, now: Now, id: CallId, phone: LegId) {
        self.timers.clear(Timer::Duty(id));
        let Some(duty) = self.duties.get_mut(&id) else { return };
        duty.record.answered = Some(now.wall);
        let (seat, seat_leg, party) = (duty.record.seat.clone(), duty.seat_leg, duty.party.clone());
        self.out.push(Output::StopPlay { leg: seat_leg });
        self.out.push(Output::OpenRecording {
            call: id,
            started: now.wall,
            hotline: duty.code.clone(),
            seat: seat.clone(),
            trunk: duty.trunk.clone(),
        });
        self.out.push(Output::DutyCall(Box::new(duty.record.clone())));
        let parties = [party, self.seat_party(&seat, Some(seat_leg))];
        self.out.push(Output::Mix { call: id, citizen: phone, hearings: Hearing::all(&[phone, seat_leg]) });
        let joined = parties.map(|party| Output::Mark { call: id, at: now.mono, mark: Mark::Joined(party) });
        self.out.extend(joined);
        self.desk.turn(now, &seat, SeatState::Talking, None, &mut self.out);
    }

    /// Releases what is left of it, but for the leg whose end was told to us.
    pub(super) fn duty_over(&mut self, now: Now, id: CallId, told: Option<LegId>) {
        let Some(mut duty) = self.duties.remove(&id) else { return };
        self.timers.clear(Timer::Duty(id));
        for leg in [Some(duty.seat_leg), duty.phone].into_iter().flatten() {
            self.legs.remove(&leg);
            if told != Some(leg) {
                self.out.push(Output::HangUp { leg });
            }
        }
        duty.record.ended = Some(now.wall);
        let seat = duty.record.seat.clone();
        if duty.record.answered.is_some() {
            self.out.push(Output::SealRecording { call: id, ended: now.wall });
            self.seat_after_call(now, &seat, id);
        } else {
            let (state, reason) = duty.before;
            self.free_seat(now, &seat, state, reason);
        }
        self.out.push(Output::DutyCall(Box::new(duty.record)));
    }
}
