//! A shift leader (值班长) on somebody else's call: listens, whispers to the seat, barges in, takes over.
//!
//! Who listens or whispers is no party of the call: neither the record nor the citizen knows of it.

use super::errand::Before;
use super::keys::{Command, Typed, Typing};
use super::leg::{LegEvent, Role};
use super::live::{Call, Stage, With};
use super::seat::Wish;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, Failure, Hearing, LegId, Mark, Output, Prompt, Refusal, SeatFault, SeatNo, SeatState};
use crate::time::Now;

/// What a shift leader does on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervision {
    /// Hears all; nobody hears him.
    Listen,
    /// Hears all; the seat alone hears him.
    Whisper,
    /// Joins the conversation with the citizen.
    Barge,
    /// Joins it, and the seat is released.
    TakeOver,
}

impl Supervision {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
            Self::TakeOver => "take_over",
        }
    }

    /// The digit that stands for it behind `*8`.
    pub const fn of_digit(digit: char) -> Option<Self> {
        match digit {
            '1' => Some(Self::Listen),
            '2' => Some(Self::Whisper),
            '3' => Some(Self::Barge),
            '4' => Some(Self::TakeOver),
            _ => None,
        }
    }

    const fn speaks_with_the_citizen(self) -> bool {
        match self {
            Self::Listen | Self::Whisper => false,
            Self::Barge | Self::TakeOver => true,
        }
    }
}

/// What a shift leader's phone may dial: `*81` … `*84` and the seat whose call it is, `*811001`.
pub fn supervision_code(dialled: &str) -> Option<(Supervision, SeatNo)> {
    let mut rest = dialled.strip_prefix("*8")?.chars();
    let how = Supervision::of_digit(rest.next()?)?;
    let seat = rest.as_str();
    (!seat.is_empty()).then(|| (how, SeatNo(seat.to_owned())))
}

/// Why a call cannot be supervised so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuperviseRefused {
    #[error("no such seat")]
    UnknownSeat,
    #[error("the seat is no shift leader's (supervisor = true in seats.toml)")]
    NoSupervisor,
    #[error("the seat is not signed in, its phone is gone, or it is in a call")]
    NotFree,
    #[error("no such call, or nobody has answered it")]
    NoCall,
    #[error("another shift leader is on this call")]
    Taken,
}

/// A shift leader on a call, or being rung for it.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub seat: SeatNo,
    pub leg: LegId,
    pub how: Supervision,
    pub answered: bool,
    keys: Typing,
    before: Before,
}

impl Call {
    /// The shift leader who speaks with the citizen.
    pub(super) fn barging(&self) -> Option<LegId> {
        self.supervisor.as_ref().filter(|who| who.answered && who.how.speaks_with_the_citizen()).map(|who| who.leg)
    }

    /// A shift leader hears all of these; whom he whispers to hears him.
    pub(super) fn supervised(&self, hearings: &mut Vec<Hearing>) {
        let Some(who) = self.supervisor.as_ref().filter(|who| who.answered) else { return };
        if who.how.speaks_with_the_citizen() {
            return;
        }
        let seat = self.seat_leg().filter(|_| who.how == Supervision::Whisper);
        let hears = hearings.iter().map(|hearing| hearing.leg).collect();
        let second = self.second_line.map(|line| line.leg).filter(|_| seat.is_some());
        for hearing in hearings.iter_mut().filter(|hearing| [seat, second].contains(&Some(hearing.leg))) {
            hearing.hears.push(who.leg);
        }
        hearings.push(Hearing { leg: who.leg, hears });
    }
}

impl Switchboard {
    /// Whether this seat may do this on this call now. The API asks before it sends `Input::Supervise`.
    pub fn may_supervise(&self, id: CallId, by: &SeatNo) -> Result<(), SuperviseRefused> {
        let seat = self.desk.get(by).ok_or(SuperviseRefused::UnknownSeat)?;
        if !seat.settings.supervisor {
            return Err(SuperviseRefused::NoSupervisor);
        }
        let call = self.calls.get(&id).filter(|call| call.connected).ok_or(SuperviseRefused::NoCall)?;
        match &call.stage {
            Stage::Talking(_) | Stage::Left => {}
            Stage::Waiting | Stage::Offered(_) => return Err(SuperviseRefused::NoCall),
        }
        match &call.supervisor {
            Some(who) if who.seat == *by => return Ok(()),
            Some(_) => return Err(SuperviseRefused::Taken),
            None => {}
        }
        if seat.at_rest() && seat.phone_is_free() { Ok(()) } else { Err(SuperviseRefused::NotFree) }
    }

    /// Rings the shift leader's phone, or changes what he does on the call.
    pub(super) fn supervise(&mut self, now: Now, id: CallId, by: &SeatNo, how: Supervision) {
        if self.may_supervise(id, by).is_err() {
            return;
        }
        self.note(id, format!("seat {} supervises the call: {}", by.0, how.as_str()));
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(who) = &mut call.supervisor {
            let did = std::mem::replace(&mut who.how, how);
            if who.answered {
                self.supervises(now, id, did);
            }
            return;
        }
        let (caller, label) = (call.invited.caller.clone(), call.label());
        let (leg, before) = self.ring_for_errand(now, id, Role::Supervisor, by, caller, label);
        self.timers.set(Timer::Guest(leg), now.mono + self.settings.ring_time);
        if let Some(call) = self.calls.get_mut(&id) {
            call.supervisor =
                Some(Supervisor { seat: by.clone(), leg, how, answered: false, keys: Typing::default(), before });
        }
    }

    /// The shift leader's phone has dialled the call: its leg is answered, and he is on it.
    pub(super) fn supervise_dialled(
        &mut self,
        now: Now,
        leg: LegId,
        by: &SeatNo,
        of: &SeatNo,
        how: Supervision,
        sip_call_id: String,
    ) {
        let id =
            self.call_of_seat(of).filter(|id| self.may_supervise(*id, by).is_ok() && !self.legs.contains_key(&leg));
        // Whoever is on the call already has a leg of it.
        let is_alone = |id: &CallId| self.calls.get(id).is_some_and(|call| call.supervisor.is_none());
        let Some(id) = id.filter(is_alone) else {
            return self.out.push(Output::Refuse { leg, why: Refusal::Forbidden });
        };
        self.written_down(id, by, how);
        let before = self.leave_rest(now, id, by);
        self.legs.insert(leg, Role::Supervisor(id));
        if let Some(call) = self.calls.get_mut(&id) {
            call.sip_call_ids.push(sip_call_id);
            call.supervisor =
                Some(Supervisor { seat: by.clone(), leg, how, answered: true, keys: Typing::default(), before });
        }
        self.out.push(Output::Answer { leg });
        self.desk.turn(now, by, SeatState::Talking, None, &mut self.out);
        self.supervises(now, id, Supervision::Listen);
    }

    /// `*81` … `*84` on his phone.
    pub(super) fn supervisor_digit(&mut self, now: Now, id: CallId, digit: char) {
        let Some(who) = self.calls.get_mut(&id).and_then(|call| call.supervisor.as_mut()) else { return };
        if !who.answered {
            return;
        }
        match who.keys.press(digit) {
            Typed::Whole(Command::Supervise(how)) => {
                let by = who.seat.clone();
                if self.may_supervise(id, &by).is_ok() {
                    self.written_down(id, &by, how);
                    self.supervise(now, id, &by, how);
                }
            }
            Typed::Whole(Command::Ask(_) | Command::Unknown) => {
                let leg = who.leg;
                self.tell_by_prompt(leg, Prompt::Refused);
            }
            Typed::Alien | Typed::Unfinished => {}
        }
    }

    fn written_down(&mut self, call: CallId, by: &SeatNo, how: Supervision) {
        self.out.push(Output::Supervised { call, by: by.clone(), how });
    }

    pub(super) fn supervisor_event(&mut self, now: Now, id: CallId, event: LegEvent) {
        let Some(who) = self.calls.get_mut(&id).and_then(|call| call.supervisor.as_mut()) else { return };
        let (seat, leg) = (who.seat.clone(), who.leg);
        match (who.answered, event) {
            (false, LegEvent::Ringing) => self.desk.turn(now, &seat, SeatState::Ringing, None, &mut self.out),
            (false, LegEvent::Answered) => {
                who.answered = true;
                self.timers.clear(Timer::Guest(leg));
                self.desk.turn(now, &seat, SeatState::Talking, None, &mut self.out);
                self.supervises(now, id, Supervision::Listen);
            }
            (false, LegEvent::Failed(why)) => self.supervisor_gone(now, id, Some(why.into())),
            (false, LegEvent::HungUp) => self.supervisor_gone(now, id, Some(Failure::Declined.into())),
            (true, LegEvent::HungUp) => self.supervisor_gone(now, id, None),
            (true, LegEvent::Failed(_)) => self.supervisor_gone(now, id, Some(SeatFault::SessionLost)),
            (_, LegEvent::Lost(why)) => {
                self.out.push(Output::HangUp { leg });
                self.supervisor_gone(now, id, Some(why.into()));
            }
            (true, LegEvent::Ringing | LegEvent::Answered) | (_, LegEvent::Held | LegEvent::Resumed) => {}
        }
    }

    /// His phone was rung in vain, or is gone.
    pub(super) fn supervisor_withdrawn(&mut self, now: Now, id: CallId, why: Failure) {
        if let Some(leg) = self.calls.get(&id).and_then(|call| call.supervisor.as_ref()).map(|who| who.leg) {
            self.out.push(Output::HangUp { leg });
            self.supervisor_gone(now, id, Some(why.into()));
        }
    }

    /// What he does has changed, from what he `did`.
    fn supervises(&mut self, now: Now, id: CallId, did: Supervision) {
        let Some(who) = self.calls.get(&id).and_then(|call| call.supervisor.as_ref()) else { return };
        let (how, seat, leg) = (who.how, who.seat.clone(), who.leg);
        let mark = match (did.speaks_with_the_citizen(), how.speaks_with_the_citizen()) {
            (false, true) => Some(Mark::Joined(self.seat_party(&seat, Some(leg)))),
            (true, false) => {
                Some(Mark::Left { party: self.seat_party(&seat, Some(leg)), why: how.as_str().to_owned() })
            }
            (false, false) | (true, true) => None,
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let (has_seat, seat_leg) = (matches!(call.stage, Stage::Talking(_)), call.seat_leg());
        let mark = mark.map(|mark| call.mark(now.mono, mark));
        self.out.extend(mark);
        match seat_leg.filter(|_| how == Supervision::TakeOver) {
            Some(leg) => {
                self.out.push(Output::HangUp { leg });
                self.seat_goes(now, id, "taken_over");
            }
            None => {
                // Where the seat has left already, whoever speaks with the citizen has its place.
                if !has_seat {
                    self.supervisor_succeeds(id);
                }
                self.arrange(now, id);
            }
        }
    }

    /// The call has no seat: a shift leader who speaks with the citizen is its seat from now on.
    pub(super) fn supervisor_succeeds(&mut self, id: CallId) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.barging().is_some()) else { return false };
        let Some(who) = call.supervisor.take() else { return false };
        call.with = With::Citizen;
        let wish = match who.before {
            (SeatState::Busy, _) => Some(Wish::Busy),
            (SeatState::Break, reason) => Some(Wish::Break(reason.map(|why| why.to_string()).unwrap_or_default())),
            _ => None,
        };
        self.desk.update(&who.seat, |seat| seat.wish = seat.wish.take().or(wish));
        self.note(id, format!("seat {} has the call now", who.seat.0));
        self.becomes_seat(id, who.seat, who.leg);
        true
    }

    /// He leaves the call, which goes on as it is.
    fn supervisor_gone(&mut self, now: Now, id: CallId, fault: Option<SeatFault>) {
        self.supervisor_out(now, id, fault);
        self.arrange(now, id);
    }

    /// There is nothing more to supervise.
    pub(super) fn release_supervisor(&mut self, now: Now, id: CallId) {
        if let Some(leg) = self.calls.get(&id).and_then(|call| call.supervisor.as_ref()).map(|who| who.leg) {
            self.out.push(Output::HangUp { leg });
            self.supervisor_out(now, id, None);
        }
    }

    fn supervisor_out(&mut self, now: Now, id: CallId, fault: Option<SeatFault>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let spoke = call.barging().and_then(|leg| call.course.party(leg)).cloned();
        let Some(who) = call.supervisor.take() else { return };
        let why = fault.map_or("hung_up", SeatFault::as_str).to_owned();
        let mark = spoke.map(|party| call.mark(now.mono, Mark::Left { party, why }));
        self.out.extend(mark);
        self.legs.remove(&who.leg);
        self.timers.clear(Timer::Guest(who.leg));
        let (state, reason) = fault.map_or(who.before, |fault| (SeatState::Busy, Some(fault.into())));
        self.free_seat(now, &who.seat, state, reason);
    }
}
