//! A seat is rung for a caller: it answers, or the caller goes back to the head of the queue. R11, R16.

use std::time::Duration;

use super::leg::Role;
use super::live::{Answered, Offer, Stage, Talk, millis};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{
    CallId, Failure, Hearing, Mark, Output, Party, Role as PartyRole, SeatFault, SeatNo, SeatState, Target, alarms,
    record,
};
use crate::time::Now;

/// How long a seat whose phone could not be rung is left alone.
const TRY_AGAIN: Duration = Duration::from_secs(30);

impl Switchboard {
    pub(super) fn offer(&mut self, now: Now, id: CallId, no: &SeatNo) {
        let leg = self.new_dialled_leg();
        let label = self.label(now, id, None);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        self.queue.leave(call);
        call.rung = Some(now.mono);
        let offer = Offer { seat: no.clone(), leg, dialled: now.mono, rang: None, sip_call_id: None };
        call.stage = Stage::Offered(offer);
        self.legs.insert(leg, Role::Seat(id));
        self.timers.clear(Timer::Overflow(id));
        self.timers.set(Timer::RingOut(id), now.mono + self.settings.ring_time);
        let idle = self.desk.get(no).map_or(0, |seat| seat.idle_for(now.mono).as_secs());
        let text = format!("seat {} chosen: idle longest ({idle} s)", no.0);
        self.out.push(Output::Note { call: id, text });
        self.out.push(Output::Dial {
            call: id,
            leg,
            target: Target::Seat(no.clone()),
            caller: call.invited.caller.clone(),
            label,
        });
        self.desk.update(no, |seat| seat.call = Some(id));
        self.desk.turn(now, no, SeatState::Reserved, None, &mut self.out);
    }

    pub(super) fn seat_rings(&mut self, now: Now, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id)
            && let Stage::Offered(offer) = &mut call.stage
        {
            call.rung = Some(*offer.rang.get_or_insert(now.mono));
            self.desk.turn(now, &offer.seat, SeatState::Ringing, None, &mut self.out);
        }
    }

    /// T_rna: nobody picked up.
    pub(super) fn ring_out(&mut self, now: Now, id: CallId) {
        self.withdraw(now, id, Failure::NoAnswer);
    }

    /// Stops ringing a seat and looks for another.
    pub(super) fn withdraw(&mut self, now: Now, id: CallId, why: Failure) {
        let offered = self.calls.get(&id).and_then(|call| match &call.stage {
            Stage::Offered(offer) => Some(offer.leg),
            Stage::Waiting | Stage::Talking(_) | Stage::Left => None,
        });
        if let Some(leg) = offered {
            self.out.push(Output::HangUp { leg });
            self.offer_failed(now, id, why);
        }
    }

    /// The seat's leg has ended without an answer: the seat is busy (示忙), the caller first in the
    /// queue, and its waiting clock runs on.
    pub(super) fn offer_failed(&mut self, now: Now, id: CallId, why: Failure) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Offered(offer) = &call.stage else {
            return;
        };
        let (no, leg) = (offer.seat.clone(), offer.leg);
        call.returned = true;
        if why == Failure::NoAnswer {
            call.unanswered = call.unanswered.saturating_add(1);
            if call.unanswered >= self.settings.unanswered_alarm {
                self.alarms.raise(alarms::UNANSWERED, &id.to_string(), &mut self.out);
            }
        }
        self.legs.remove(&leg);
        self.timers.clear(Timer::RingOut(id));
        let reason = SeatFault::from(why);
        self.note(id, format!("seat {}: {reason}; the caller is first again", no.0));
        self.enqueue(now, id);
        self.seat_unanswered(now, &no, why);
    }

    /// A seat's phone was rung in vain: it is busy (示忙), until its phone is back where that was the reason.
    pub(super) fn seat_unanswered(&mut self, now: Now, no: &SeatNo, why: Failure) {
        if matches!(why, Failure::Unreachable | Failure::Refused) {
            self.timers.set(Timer::PhoneTrouble(no.clone()), now.mono + TRY_AGAIN);
        }
        self.free_seat(now, no, SeatState::Busy, Some(SeatFault::from(why).into()));
    }

    /// The seat answers. Recorder, ticket and mix come in this order, and before the caller's 200 where
    /// that has not gone yet (R32, R33).
    pub(super) fn seat_answers(&mut self, now: Now, id: CallId) {
        self.stop_prompts(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Offered(offer) = &call.stage else {
            return;
        };
        let offer = offer.clone();
        call.sip_call_ids.extend(offer.sip_call_id.clone());
        call.stage = Stage::Talking(Talk::new(offer.seat.clone(), offer.leg));
        self.timers.clear(Timer::RingOut(id));
        self.timers.clear(Timer::Connect(id));
        self.alarms.clear(alarms::UNANSWERED, &id.to_string(), &mut self.out);
        let seat = self.desk.get(&offer.seat).map(|seat| &seat.settings);
        let party = Party {
            role: PartyRole::Seat,
            number: offer.seat.0.clone(),
            name: seat.map_or_else(|| offer.seat.0.clone(), |seat| format!("{} {}", offer.seat.0, seat.name)),
            leg: Some(offer.leg),
        };
        let text =
            format!("seat {} answered, {} ms after the call came in", offer.seat.0, millis(call.waited(now.mono)));
        self.out.push(Output::Note { call: id, text });
        self.open(now, id, &offer);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let (citizen, hearings) = (call.leg(), Hearing::all(&[call.leg(), offer.leg]));
        self.out.push(Output::Mix { call: id, citizen, hearings });
        self.out.push(call.mark(now.mono, Mark::Joined(party)));
        call.measure(now.mono);
        let connected = call.connected;
        self.desk.turn(now, &offer.seat, SeatState::Talking, None, &mut self.out);
        if connected {
            self.play_seat_number(id);
        }
    }

    /// Somebody answers: recorder and ticket are opened where they are not yet.
    pub(super) fn open(&mut self, now: Now, id: CallId, offer: &Offer) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let seat = self.desk.get(&offer.seat).map(|seat| &seat.settings);
        if let Some(answer) = &mut call.answer {
            // Somebody else may have answered before any seat.
            if answer.ticket.seat.0.is_empty() {
                answer.ticket.is_of(&offer.seat, seat);
            }
            return;
        }
        self.settings.centre_of(&call.route.skill, seat).clone_into(&mut call.centre);
        let ticket = record::open_ticket(now, call, offer, seat, self.settings.prefix_of(&call.centre));
        self.out.push(Output::OpenRecording {
            call: id,
            started: call.wall(now.mono),
            hotline: ticket.original_code.clone(),
            seat: ticket.seat.clone(),
            trunk: ticket.trunk.clone(),
        });
        self.out.push(Output::OpenTicket(Box::new(ticket.clone())));
        // In the ticket since the arrival; the recording begins here.
        let citizen = Mark::Joined(call.citizen());
        self.out.push(Output::Mark { call: id, at: now.mono, mark: citizen });
        let led = call.led.rung.iter().cloned().map(Mark::Led);
        self.out.extend(led.map(|mark| Output::Mark { call: id, at: now.mono, mark }));
        call.answer = Some(Answered { ticket, journalled: false, number: None });
        self.timers.set(Timer::Journal(id), now.mono + self.settings.journal_wait);
    }
}
