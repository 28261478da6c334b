//! A seat has answered: the ticket opens, somebody holds, the seat hangs up or is lost.

use std::time::Duration;

use super::ending::Cause;
use super::live::{Call, Stage, With};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, Loss, Mark, Output, SeatFault, SeatState, alarms};
use crate::time::Now;

/// There are phones (baresip is one) that hang up by themselves when the transfer that they wanted fails.
const HANGS_UP_BY_ITSELF: Duration = Duration::from_secs(2);

impl Switchboard {
    /// The answer is on disk, or the journal has failed; the citizen is answered either way (R33).
    pub(super) fn ticket_opened(&mut self, now: Now, id: CallId, number: Option<String>) {
        match &number {
            Some(_) => self.alarms.clear(alarms::JOURNAL, alarms::ANSWERS, &mut self.out),
            None => self.alarms.raise(alarms::JOURNAL, alarms::ANSWERS, &mut self.out),
        }
        if let Some(answer) = self.calls.get_mut(&id).and_then(|call| call.answer.as_mut()) {
            answer.number = answer.number.take().or(number);
            self.put_through(now, id);
        }
    }

    /// The journal has not spoken in time.
    pub(super) fn journal_silent(&mut self, now: Now, id: CallId) {
        self.alarms.raise(alarms::JOURNAL, alarms::ANSWERS, &mut self.out);
        self.note(id, "the journal is silent; answered without it".into());
        self.put_through(now, id);
    }

    fn put_through(&mut self, now: Now, id: CallId) {
        self.timers.clear(Timer::Journal(id));
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(answer) = &mut call.answer else {
            return;
        };
        answer.journalled = true;
        if call.connected {
            return;
        }
        let was_audible = std::mem::replace(&mut call.audible, true);
        call.connected = true;
        call.measure(now.mono);
        self.out.push(Output::Answer { leg: call.leg() });
        match call.stage {
            Stage::Talking(_) => self.play_seat_number(id),
            Stage::Left if call.has_music => self.play_music(id),
            // The seat was lost before the citizen could be connected.
            Stage::Waiting | Stage::Offered(_) if !was_audible => self.play_returning(now, id),
            Stage::Waiting | Stage::Offered(_) | Stage::Left => {}
        }
    }

    /// The seat holds the citizen, who hears music; or takes the call up again.
    pub(super) fn seat_holds(&mut self, now: Now, id: CallId, holds: bool) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let leg = call.leg();
        let Stage::Talking(talk) = &mut call.stage else {
            return;
        };
        if std::mem::replace(&mut talk.holds, holds) == holds {
            return;
        }
        let (no, seat) = (talk.seat.clone(), talk.leg);
        call.measure(now.mono);
        let seat = call.course.party(seat).cloned();
        let mark = seat.map(if holds { Mark::Held } else { Mark::Resumed });
        self.out.extend(mark.map(|mark| call.mark(now.mono, mark)));
        if !call.guests.is_empty() || call.supervisor.is_some() {
            return self.arrange(now, id);
        }
        call.has_music = holds;
        if holds {
            self.play_music(id);
        } else {
            self.out.push(Output::StopPlay { leg });
        }
        let state = if holds { SeatState::Held } else { SeatState::Talking };
        self.desk.turn(now, &no, state, None, &mut self.out);
    }

    pub(super) fn citizen_holds(&mut self, now: Now, id: CallId, holds: bool) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut call.citizen_holds, holds) == holds {
            return;
        }
        call.measure(now.mono);
        if call.answer.is_some() {
            let citizen = call.citizen();
            let mark = if holds { Mark::Held(citizen) } else { Mark::Resumed(citizen) };
            self.out.push(call.mark(now.mono, mark));
        }
    }

    /// A seat that hangs up ends the call. One that does so before the citizen was connected (the
    /// journal takes milliseconds) has ended nothing: the citizen stays first in the queue.
    pub(super) fn seat_hangs_up(&mut self, now: Now, id: CallId) {
        let has_guests = self.has_guests(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let by_itself = call.transfer_failed.is_some_and(|at| now.mono.since(at) < HANGS_UP_BY_ITSELF);
        if call.connected || has_guests {
            return if self.goes_on_without_seat(id) {
                self.seat_goes(now, id, "hung_up");
            } else if by_itself && !has_guests {
                self.transfer_undone(now, id);
            } else {
                self.end(now, id, Cause::SeatHungUp);
            };
        }
        let Stage::Talking(talk) = &call.stage else {
            return;
        };
        let (no, leg) = (talk.seat.clone(), talk.leg);
        self.legs.remove(&leg);
        self.back_to_queue(now, id, "hung_up");
        if self.wrap_up_of(&no).is_zero() {
            // Free at once, it would be rung for the same caller again, and again.
            self.desk.update(&no, |seat| seat.last_call = Some(id));
            self.free_seat(now, &no, SeatState::Busy, Some(SeatFault::Declined.into()));
        } else {
            self.seat_after_call(now, &no, id);
        }
    }

    /// The phone, not the person, hung up: the citizen is offered to the same seat again (R14).
    fn transfer_undone(&mut self, now: Now, id: CallId) {
        let Some(Call { stage: Stage::Talking(talk), .. }) = self.calls.get(&id) else { return };
        let (no, leg) = (talk.seat.clone(), talk.leg);
        self.legs.remove(&leg);
        self.back_to_queue(now, id, "hung_up");
        self.seat_after_call(now, &no, id);
        self.offer_again(now, id, &no);
    }

    /// A seat that fails loses the call, not the caller: same call, same ticket, same recording, first
    /// in the queue (I3, I4).
    pub(super) fn seat_lost(&mut self, now: Now, id: CallId, why: Loss) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Stage::Talking(talk) = &call.stage else {
            return;
        };
        let (no, leg) = (talk.seat.clone(), talk.leg);
        self.legs.remove(&leg);
        let why = SeatFault::from(why);
        if self.has_guests(id) {
            self.go_on_without_seat(now, id, why.as_str());
            self.assistant_lost(id);
        } else {
            self.back_to_queue(now, id, why.as_str());
        }
        self.desk.update(&no, |seat| seat.last_call = Some(id));
        self.free_seat(now, &no, SeatState::Busy, Some(why.into()));
    }

    fn back_to_queue(&mut self, now: Now, id: CallId, why: &str) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let no = call.seat().map_or_else(String::new, |seat| seat.0.clone());
        let seat = call.seat_leg().and_then(|leg| call.course.party(leg)).cloned();
        let mark = seat.map(|party| Mark::Left { party, why: why.to_owned() });
        let mark = mark.map(|mark| call.mark(now.mono, mark));
        self.release_guests(now, id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        self.out.push(Output::Mix { call: id, citizen: call.leg(), hearings: Vec::new() });
        self.out.extend(mark);
        self.note(id, format!("seat {no} left the call ({why}); the caller is first in the queue"));
        self.wait_for_another(now, id);
    }

    /// Nobody is with the citizen any more: it goes to the head of the queue, in the same call.
    pub(super) fn wait_for_another(&mut self, now: Now, id: CallId) {
        self.release_supervisor(now, id);
        self.wants_no_assistant(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.returned = true;
        call.has_music = false;
        call.with = With::Citizen;
        call.led.ring_no_more();
        self.enqueue(now, id);
        if let Some(call) = self.calls.get_mut(&id) {
            call.measure(now.mono);
        }
        self.play_returning(now, id);
    }
}
