//! Calling back whoever got no seat (漏接电话回拨), R18: first the seat is rung, then the citizen. The
//! citizen who answers is in a call like any other, with a ticket of the kind `missed_out`.

use super::errand::Before;
use super::guest::RINGS;
use super::leg::{LegEvent, Role};
use super::live::{Call, Offer, Stage};
use super::settings::local;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{
    CallBack, CallId, Caller, Failure, Invited, LegId, Output, Prompt, QueueAnswer, SeatNo, SeatState, Target,
};
use crate::privacy::Private;
use crate::rules::dialling::{NumberForm, e164, is_telephone, written_for};
use crate::rules::numbers::{Dialled, Route, TrunkNumbers};
use crate::time::Now;

/// A call back whose citizen has not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    wish: CallBack,
    route: Route,
    began: Now,
    seat_leg: LegId,
    before: Before,
    /// Dialled once the seat has answered.
    citizen: Option<LegId>,
    seat_dialog: Option<Carried>,
    citizen_dialog: Option<Carried>,
}

/// The dialog in which a leg was answered.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub sip_call_id: String,
    pub trunk: Option<String>,
}

impl Switchboard {
    pub(super) fn callback_carried(&mut self, id: CallId, leg: LegId, dialog: Carried) {
        let Some(pending) = self.callbacks.get_mut(&id) else { return };
        let slot = if leg == pending.seat_leg { &mut pending.seat_dialog } else { &mut pending.citizen_dialog };
        *slot = Some(dialog);
    }

    /// Gives the seat the first of these that is nobody's yet. Another seat may have taken one since
    /// they were looked up.
    pub(super) fn call_back(&mut self, now: Now, due: Vec<CallBack>) {
        let area = self.plan.area();
        // Tasks of an earlier program have the number as the trunk wrote it.
        let one_writing = |wish: CallBack| {
            let number = Private::new(e164(wish.number.reveal(), area));
            CallBack { number, ..wish }
        };
        let Some(seat) = due.first().map(|wish| wish.seat.clone()) else { return };
        let wish = due.into_iter().map(one_writing).find(|wish| self.is_to_be_called(now, wish));
        let found = wish.is_some_and(|wish| self.take_callback(now, wish));
        self.callback_told(&seat, found);
    }

    /// Whether a seat that asks for a callback now would get this one.
    pub fn is_to_be_called(&self, now: Now, wish: &CallBack) -> bool {
        self.may_be_called(now, wish) && !self.is_taken(wish)
    }

    /// Tasks of an earlier program may name what is no telephone; and one of our own numbers is nobody to call.
    fn may_be_called(&self, now: Now, wish: &CallBack) -> bool {
        let number = wish.number.reveal();
        let dialled = Dialled { request_uri: format!("sip:{number}@hotline"), ..Dialled::default() };
        let ours = self.plan.route(&dialled, &TrunkNumbers::default(), local(now.wall).date());
        is_telephone(number) && ours.is_err()
    }

    /// A seat is on this task, or the citizen is called already, or in a call with us.
    fn is_taken(&self, wish: &CallBack) -> bool {
        let same = |other: &CallBack| other.task == wish.task || other.number == wish.number;
        self.callbacks.values().any(|pending| same(&pending.wish))
            || self.callbacks_held.values().any(|held| held.seat != wish.seat && same(held))
            || self.calls.values().any(|call| call.invited.caller.key() == Some(&wish.number))
    }

    /// Rings the seat for this callback; at once, or when its phone has hung up from the feature code.
    /// A seat that is in a call, or not signed in, is left alone: false.
    fn take_callback(&mut self, now: Now, wish: CallBack) -> bool {
        let Some(seat) = self.desk.get(&wish.seat) else { return false };
        if !seat.at_rest() || self.draining {
            return false;
        }
        if seat.feature_legs > 0 {
            self.callbacks_held.insert(wish.seat.clone(), wish);
            return true;
        }
        let dialled = Dialled { request_uri: format!("sip:{}@hotline", wish.code), ..Dialled::default() };
        let Ok(route) = self.plan.route(&dialled, &TrunkNumbers::default(), local(now.wall).date()) else {
            return false;
        };
        let id = self.new_call_id(now);
        self.note(id, format!("seat {} calls a missed caller back", wish.seat.0));
        let (caller, label) = (self.citizen(&wish), format!("回拨 {}", route.label));
        let (seat_leg, before) = self.ring_for_errand(now, id, Role::CallbackSeat, &wish.seat, caller, label);
        self.timers.set(Timer::CallBack(id), now.mono + self.settings.ring_time);
        self.callbacks.insert(
            id,
            Pending {
                wish,
                route,
                began: now,
                seat_leg,
                before,
                citizen: None,
                seat_dialog: None,
                citizen_dialog: None,
            },
        );
        true
    }

    /// As a seat's phone would have shown the citizen's call.
    fn citizen(&self, wish: &CallBack) -> Caller {
        let area = self.plan.area();
        let number = written_for(wish.number.reveal(), NumberForm::National, area.as_str());
        Caller { number: Some(Private::new(number)), ..Caller::default() }.known(area)
    }

    /// The seat's phone has hung up from the feature code: a callback may have waited for that.
    pub(super) fn call_back_held(&mut self, now: Now, seat: &SeatNo) {
        let Some(wish) = self.callbacks_held.remove(seat) else { return };
        if self.is_taken(&wish) {
            // The citizen has called in meanwhile: another one may wait.
            self.out.push(Output::WantCallback { seat: seat.clone() });
        } else {
            self.take_callback(now, wish);
        }
    }

    pub(super) fn callback_seat_event(&mut self, now: Now, id: CallId, event: LegEvent) {
        let Some(pending) = self.callbacks.get(&id) else { return };
        let told = pending.seat_leg;
        match event {
            LegEvent::Ringing => {
                self.desk.turn(now, &pending.wish.seat.clone(), SeatState::Ringing, None, &mut self.out);
            }
            LegEvent::Answered if pending.citizen.is_none() => {
                let (number, code) = (pending.wish.number.clone(), pending.wish.code.clone());
                let (seat_leg, label) = (pending.seat_leg, pending.route.label.clone());
                let citizen = self.new_dialled_leg();
                if let Some(pending) = self.callbacks.get_mut(&id) {
                    pending.citizen = Some(citizen);
                }
                self.legs.insert(citizen, Role::CallbackCitizen(id));
                self.timers.set(Timer::CallBack(id), now.mono + RINGS);
                let token = self.new_token();
                self.out.push(Output::Play { leg: seat_leg, prompts: vec![Prompt::Music], repeat: true, token });
                self.out.push(Output::Dial {
                    call: id,
                    leg: citizen,
                    target: Target::number(number, code),
                    caller: Caller::default(),
                    label,
                });
            }
            LegEvent::Failed(_) | LegEvent::HungUp => self.callback_over(now, id, Some(told)),
            LegEvent::Lost(_) => self.callback_over(now, id, None),
            LegEvent::Answered | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    pub(super) fn callback_citizen_event(&mut self, now: Now, id: CallId, event: LegEvent) {
        let citizen = self.callbacks.get(&id).and_then(|pending| pending.citizen);
        match event {
            LegEvent::Answered => self.callback_answered(now, id),
            // Nobody was called: the task stays as it is.
            LegEvent::Failed(Failure::NoWay) => self.callback_over(now, id, citizen),
            LegEvent::Failed(_) | LegEvent::HungUp => {
                self.called_back(now, id, false);
                self.callback_over(now, id, citizen);
            }
            LegEvent::Lost(_) => self.callback_over(now, id, None),
            LegEvent::Ringing | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    /// The seat, or the citizen, did not pick up in time.
    pub(super) fn callback_rang_out(&mut self, now: Now, id: CallId) {
        if self.callbacks.get(&id).is_some_and(|pending| pending.citizen.is_some()) {
            self.called_back(now, id, false);
        }
        self.callback_over(now, id, None);
    }

    /// From here on it is a call like any other: the citizen answered, so recorder and ticket are
    /// opened before the two hear each other.
    fn callback_answered(&mut self, now: Now, id: CallId) {
        self.called_back(now, id, true);
        let Some(pending) = self.callbacks.remove(&id) else { return };
        let Some(citizen) = pending.citizen else { return };
        self.timers.clear(Timer::CallBack(id));
        self.timers.set(Timer::LongCall(id), now.mono + self.settings.long_call);
        self.out.push(Output::StopPlay { leg: pending.seat_leg });
        self.legs.insert(citizen, Role::Citizen(id));
        self.legs.insert(pending.seat_leg, Role::Seat(id));
        let caller = self.citizen(&pending.wish);
        let offer = Offer {
            seat: pending.wish.seat,
            leg: pending.seat_leg,
            dialled: pending.began.mono,
            rang: None,
            sip_call_id: pending.seat_dialog.map(|dialog| dialog.sip_call_id),
        };
        let Carried { sip_call_id, trunk } = pending.citizen_dialog.unwrap_or_default();
        let invited = Invited {
            leg: citizen,
            trunk: trunk.unwrap_or_default(),
            sip_call_id,
            dialled: Dialled { request_uri: pending.wish.code, ..Dialled::default() },
            caller,
            queue_answer: QueueAnswer::Connect,
            early_media: true,
        };
        let call = Call {
            called_back: true,
            connected: true,
            stage: Stage::Offered(offer),
            ..Call::new(id, &self.settings, invited, pending.route, pending.began)
        };
        self.calls.insert(id, call);
        self.seat_answers(now, id);
    }

    fn called_back(&mut self, now: Now, id: CallId, reached: bool) {
        if let Some(pending) = self.callbacks.get(&id) {
            self.out.push(Output::CalledBack { task: pending.wish.task, at: now.wall, reached });
        }
    }

    /// Releases what is left of it, but for the leg whose end was told to us.
    pub(super) fn callback_over(&mut self, now: Now, id: CallId, told: Option<LegId>) {
        let Some(pending) = self.callbacks.remove(&id) else { return };
        self.timers.clear(Timer::CallBack(id));
        for leg in [Some(pending.seat_leg), pending.citizen].into_iter().flatten() {
            self.legs.remove(&leg);
            if told != Some(leg) {
                self.out.push(Output::HangUp { leg });
            }
        }
        let (state, reason) = pending.before;
        self.free_seat(now, &pending.wish.seat, state, reason);
    }
}
