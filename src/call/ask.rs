//! What a seat asks for, from its phone by feature code or by API: signed in, busy, free, a bad call. R16, R35.

use std::time::Duration;

use super::leg::Role;
use super::seat::{Seat, Wish};
use super::settings::AfterWrapUp;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{
    BadCall, CallId, Failure, LegId, Output, Prompt, Refusal, SeatAsk, SeatFault, SeatNo, SeatReason, SeatState,
    ThreewayResult,
};
use crate::time::Now;

/// What a seat's phone may dial. `*` and two digits can be typed on every phone.
pub fn feature_codes() -> [(&'static str, SeatAsk); 15] {
    [
        ("*10", SeatAsk::SignOut),
        ("*11", SeatAsk::SignIn),
        ("*20", SeatAsk::Free),
        ("*21", SeatAsk::Busy),
        ("*22", SeatAsk::Break("by phone".into())),
        ("*30", SeatAsk::BadCall(BadCall::Harassing)),
        ("*31", SeatAsk::BadCall(BadCall::Silent)),
        ("*32", SeatAsk::BadCall(BadCall::WrongNumber)),
        ("*33", SeatAsk::BadCall(BadCall::Short)),
        ("*40", SeatAsk::CallBack),
        ("*71", SeatAsk::Result(ThreewayResult::ResolvedOnSpot)),
        ("*72", SeatAsk::Result(ThreewayResult::UnitWillHandle)),
        ("*73", SeatAsk::Result(ThreewayResult::Unreachable)),
        ("*74", SeatAsk::Result(ThreewayResult::Refused)),
        ("*75", SeatAsk::Result(ThreewayResult::NotCompetent)),
    ]
}

/// How long a feature code's outcome may take to be told.
const TELLING: Duration = Duration::from_secs(10);
/// After our BYE a handset may still be off the hook; the seat is not rung at once.
const HANGING_UP: Duration = Duration::from_secs(2);

/// A leg that dialled a feature code.
#[derive(Debug)]
pub(super) struct FeatureLeg {
    seat: SeatNo,
    token: u64,
    hung_up: bool,
    /// For the word on whether somebody is to be called back.
    waits: bool,
}

/// Why a seat cannot have what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskRefused {
    #[error("no such seat")]
    UnknownSeat,
    #[error("the seat is not signed in")]
    SignedOut,
    #[error("no phone of the seat is registered, so that it could not be rung")]
    NoPhone,
    #[error("the seat is in a call")]
    InCall,
    #[error("the seat has had no call")]
    NoCall,
    #[error("the seat is in no call")]
    NotTalking,
    #[error("the seat has no third party that this could be done with")]
    NoThird,
    #[error("the seat is calling or consulting somebody already")]
    Consulting,
    #[error("the seat consults by its phone's second line: it holds and resumes there")]
    SecondLine,
    #[error("the call has as many parties as it can have")]
    TooMany,
    #[error("nobody is known by this number")]
    UnknownParty,
    #[error("closed at this hour")]
    Closed,
    #[error("that seat is not free")]
    NotFree,
    #[error("no leader takes calls of this kind now")]
    NoSession,
    #[error("the leader is in another call")]
    LeaderBusy,
}

enum Deed {
    Nothing,
    Turn(SeatState, Option<SeatReason>),
    /// What it shall be after the present call; None: as usual.
    AfterCall(Option<Wish>),
    MarkPresent(CallId, BadCall),
    MarkLast(CallId, BadCall),
    ResultPresent(CallId, ThreewayResult),
    ResultLast(CallId, ThreewayResult),
    CallBack,
    Talk(CallId),
}

impl Switchboard {
    /// Whether this seat may have this now. The API asks before it sends `Input::Ask`.
    pub fn may(&self, now: Now, no: &SeatNo, ask: &SeatAsk) -> Result<(), AskRefused> {
        self.deed(now, no, ask).map(|_| ())
    }

    fn deed(&self, now: Now, no: &SeatNo, ask: &SeatAsk) -> Result<Deed, AskRefused> {
        let deed = judge(self.desk.get(no).ok_or(AskRefused::UnknownSeat)?, ask)?;
        if let (Deed::Talk(call), SeatAsk::Talk(verb)) = (&deed, ask) {
            self.may_talk(now, *call, no, verb)?;
        }
        Ok(deed)
    }

    pub(super) fn ask(&mut self, now: Now, no: &SeatNo, ask: &SeatAsk) -> Result<(), AskRefused> {
        let deed = self.deed(now, no, ask)?;
        match ask {
            SeatAsk::SignIn | SeatAsk::Free => self.desk.update(no, |seat| seat.signed_out_by_hand = false),
            SeatAsk::SignOut => self.desk.update(no, |seat| seat.signed_out_by_hand = true),
            SeatAsk::Busy
            | SeatAsk::Break(_)
            | SeatAsk::BadCall(_)
            | SeatAsk::Result(_)
            | SeatAsk::CallBack
            | SeatAsk::Talk(_) => {}
        }
        match deed {
            Deed::Nothing => {}
            Deed::Turn(state, reason) => {
                self.desk.update(no, |seat| seat.wish = None);
                self.desk.turn(now, no, state, reason, &mut self.out);
            }
            Deed::AfterCall(wish) => self.desk.update(no, |seat| seat.wish = wish),
            Deed::MarkPresent(id, reason) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.bad = Some(reason.to_string());
                }
            }
            Deed::ResultPresent(id, result) => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.outcome.say(result);
                }
            }
            Deed::ResultLast(call, result) => self.out.push(Output::MarkResult { call, result }),
            Deed::Talk(call) => {
                if let SeatAsk::Talk(verb) = ask {
                    self.talk(now, call, verb);
                }
            }
            Deed::CallBack => self.out.push(Output::WantCallback { seat: no.clone() }),
            Deed::MarkLast(call, reason) => {
                self.out.push(Output::MarkInvalid { call, reason: reason.to_string() });
            }
        }
        Ok(())
    }

    pub(super) fn feature_code(&mut self, now: Now, leg: LegId, no: SeatNo, ask: &SeatAsk) {
        if self.legs.contains_key(&leg) {
            return;
        }
        if self.desk.get(&no).is_none() {
            self.out.push(Output::Refuse { leg, why: Refusal::Forbidden });
            return;
        }
        self.desk.update(&no, |seat| seat.feature_legs = seat.feature_legs.saturating_add(1));
        let done = self.ask(now, &no, ask).is_ok();
        let waits = done && *ask == SeatAsk::CallBack;
        let token = self.new_token();
        self.legs.insert(leg, Role::Feature);
        self.features.insert(leg, FeatureLeg { seat: no, token, hung_up: false, waits });
        self.timers.set(Timer::Feature(leg), now.mono + TELLING);
        self.out.push(Output::Answer { leg });
        if !waits {
            self.tell_outcome(leg, token, done);
        }
    }

    fn tell_outcome(&mut self, leg: LegId, token: u64, done: bool) {
        let prompt = if done { Prompt::Done } else { Prompt::Refused };
        self.out.push(Output::Play { leg, prompts: vec![prompt], repeat: false, token });
    }

    /// Whether somebody was found whom the seat calls back: what its phone waits to be told.
    pub(super) fn callback_told(&mut self, no: &SeatNo, found: bool) {
        let waiting = self.features.iter_mut().filter(|(_, feature)| feature.seat == *no && !feature.hung_up);
        let told: Vec<(LegId, u64)> = waiting
            .filter_map(|(leg, feature)| std::mem::take(&mut feature.waits).then_some((*leg, feature.token)))
            .collect();
        for (leg, token) in told {
            self.tell_outcome(leg, token, found);
        }
    }

    pub(super) fn feature_told(&mut self, now: Now, leg: LegId, token: u64) {
        if self.features.get(&leg).is_some_and(|feature| feature.token == token) {
            self.feature_over(now, leg);
        }
    }

    /// The outcome has been told, or its time is up: we hang up, and a little later the phone is free.
    pub(super) fn feature_over(&mut self, now: Now, leg: LegId) {
        let Some(feature) = self.features.get_mut(&leg) else {
            return;
        };
        if std::mem::replace(&mut feature.hung_up, true) {
            self.feature_gone(now, leg);
        } else {
            self.out.push(Output::HangUp { leg });
            self.timers.set(Timer::Feature(leg), now.mono + HANGING_UP);
        }
    }

    pub(super) fn feature_gone(&mut self, now: Now, leg: LegId) {
        self.timers.clear(Timer::Feature(leg));
        self.legs.remove(&leg);
        if let Some(feature) = self.features.remove(&leg) {
            self.desk.update(&feature.seat, |seat| seat.feature_legs = seat.feature_legs.saturating_sub(1));
            self.call_back_held(now, &feature.seat);
        }
    }

    /// The registrar's word about a seat's phone.
    pub(super) fn reachable(&mut self, now: Now, no: &SeatNo, reachable: bool) {
        let Some(seat) = self.desk.get(no) else {
            return;
        };
        if seat.reachable == reachable {
            return;
        }
        let (state, call) = (seat.state, seat.call);
        let phone_back = seat.fault().is_some_and(SeatFault::passes_with_the_phone);
        let signs_in = self.settings.sign_in_on_register && !seat.signed_out_by_hand;
        self.desk.update(no, |seat| seat.reachable = reachable);
        match (reachable, state) {
            (true, SeatState::SignedOut) if signs_in => self.desk.turn(now, no, SeatState::Idle, None, &mut self.out),
            (true, SeatState::Busy) if phone_back => self.desk.turn(now, no, SeatState::Idle, None, &mut self.out),
            (false, SeatState::Reserved | SeatState::Ringing) => {
                let Some(call) = call else { return };
                if self.calls.get(&call).and_then(|call| call.supervisor.as_ref()).is_some_and(|who| who.seat == *no) {
                    return self.supervisor_withdrawn(now, call, Failure::Unreachable);
                }
                match self.rung_as_colleague(call, no) {
                    Some(leg) => {
                        self.out.push(Output::HangUp { leg });
                        self.guest_not_reached(now, call, leg, Failure::Unreachable);
                    }
                    None => self.withdraw(now, call, Failure::Unreachable),
                }
            }
            (
                true | false,
                SeatState::SignedOut
                | SeatState::Idle
                | SeatState::Reserved
                | SeatState::Ringing
                | SeatState::Talking
                | SeatState::Held
                | SeatState::Consulting
                | SeatState::ThreeWay
                | SeatState::WrapUp
                | SeatState::Busy
                | SeatState::Break,
            ) => {}
        }
    }

    /// A phone that could not be rung, though it never went away, is given another chance: the fault may
    /// have been ours.
    pub(super) fn phone_tried_again(&mut self, now: Now, no: &SeatNo) {
        let troubled = |seat: &Seat| {
            seat.state == SeatState::Busy && seat.reachable && seat.fault().is_some_and(SeatFault::passes_with_time)
        };
        if self.desk.get(no).is_some_and(troubled) {
            self.desk.turn(now, no, SeatState::Idle, None, &mut self.out);
        }
    }

    /// A seat that is in no call any more turns to what it wished to be, else to this.
    pub(super) fn free_seat(&mut self, now: Now, no: &SeatNo, state: SeatState, reason: Option<SeatReason>) {
        let mut wish = None;
        self.desk.update(no, |seat| {
            seat.call = None;
            wish = seat.wish.take();
        });
        let (state, reason) = wish.map_or((state, reason), Wish::state);
        self.desk.turn(now, no, state, reason, &mut self.out);
        self.desk.retire(now, no, &mut self.out);
    }

    /// Wrap-up (话后整理) after a call.
    pub(super) fn seat_after_call(&mut self, now: Now, no: &SeatNo, call: CallId) {
        self.desk.update(no, |seat| {
            seat.call = None;
            seat.last_call = Some(call);
        });
        let wrap_up = self.wrap_up_of(no);
        if wrap_up.is_zero() {
            self.rest(now, no);
        } else {
            self.desk.turn(now, no, SeatState::WrapUp, None, &mut self.out);
            self.timers.set(Timer::WrapUp(no.clone()), now.mono + wrap_up);
            self.desk.retire(now, no, &mut self.out);
        }
    }

    pub(super) fn wrap_up_of(&self, no: &SeatNo) -> Duration {
        let own = self.desk.get(no).and_then(|seat| seat.settings.wrap_up);
        own.unwrap_or(self.settings.wrap_up)
    }

    /// T_wrap is over.
    pub(super) fn wrapped_up(&mut self, now: Now, no: &SeatNo) {
        if self.desk.get(no).is_some_and(|seat| seat.state == SeatState::WrapUp) {
            self.rest(now, no);
        }
    }

    fn rest(&mut self, now: Now, no: &SeatNo) {
        match self.settings.after_wrap_up {
            AfterWrapUp::Idle => self.free_seat(now, no, SeatState::Idle, None),
            AfterWrapUp::Busy => self.free_seat(now, no, SeatState::Busy, None),
        }
    }
}

/// The whole of what a seat may ask for, by its state.
fn judge(seat: &Seat, ask: &SeatAsk) -> Result<Deed, AskRefused> {
    use SeatState::{Break, Busy, Consulting, Held, Idle, Reserved, Ringing, SignedOut, Talking, ThreeWay, WrapUp};
    let in_call = |wish| Ok(Deed::AfterCall(wish));
    match (seat.state, ask) {
        (SignedOut, SeatAsk::SignIn) if !seat.reachable => Err(AskRefused::NoPhone),
        (SignedOut, SeatAsk::SignIn) => Ok(Deed::Turn(Idle, None)),
        (SignedOut, SeatAsk::SignOut) => Ok(Deed::Nothing),
        (SignedOut, SeatAsk::Busy | SeatAsk::Break(_) | SeatAsk::Free) => Err(AskRefused::SignedOut),

        (Idle | WrapUp | Busy | Break, SeatAsk::SignIn) => Ok(Deed::Nothing),
        (Idle | WrapUp | Busy | Break, SeatAsk::SignOut) => Ok(Deed::Turn(SignedOut, None)),
        (Idle | WrapUp | Busy | Break, SeatAsk::Busy) => Ok(Deed::Turn(Busy, None)),
        (Idle | WrapUp | Busy | Break, SeatAsk::Break(reason)) => {
            Ok(Deed::Turn(Break, Some(SeatReason::Said(reason.clone()))))
        }
        (Idle | WrapUp | Busy | Break, SeatAsk::Free) => Ok(Deed::Turn(Idle, None)),

        (Reserved | Ringing | Talking | Held | Consulting | ThreeWay, SeatAsk::SignIn | SeatAsk::Free) => in_call(None),
        (Reserved | Ringing | Talking | Held | Consulting | ThreeWay, SeatAsk::SignOut) => {
            in_call(Some(Wish::SignedOut))
        }
        (Reserved | Ringing | Talking | Held | Consulting | ThreeWay, SeatAsk::Busy) => in_call(Some(Wish::Busy)),
        (Reserved | Ringing | Talking | Held | Consulting | ThreeWay, SeatAsk::Break(reason)) => {
            in_call(Some(Wish::Break(reason.clone())))
        }

        (SignedOut, SeatAsk::CallBack) => Err(AskRefused::SignedOut),
        (Idle | WrapUp | Busy | Break, SeatAsk::CallBack) => Ok(Deed::CallBack),
        (Reserved | Ringing | Talking | Held | Consulting | ThreeWay, SeatAsk::CallBack) => Err(AskRefused::InCall),

        (Talking | Held | Consulting | ThreeWay, SeatAsk::BadCall(reason)) => {
            let call = seat.call.ok_or(AskRefused::NoCall)?;
            Ok(Deed::MarkPresent(call, *reason))
        }
        (SignedOut | Idle | Reserved | Ringing | WrapUp | Busy | Break, SeatAsk::BadCall(reason)) => {
            let call = seat.last_call.ok_or(AskRefused::NoCall)?;
            Ok(Deed::MarkLast(call, *reason))
        }

        (Talking | Held | Consulting | ThreeWay, SeatAsk::Result(result)) => {
            let call = seat.call.ok_or(AskRefused::NoCall)?;
            had_third(seat, call).map(|()| Deed::ResultPresent(call, *result))
        }
        (SignedOut | Idle | Reserved | Ringing | WrapUp | Busy | Break, SeatAsk::Result(result)) => {
            let call = seat.last_call.ok_or(AskRefused::NoCall)?;
            had_third(seat, call).map(|()| Deed::ResultLast(call, *result))
        }

        (Talking | Held | Consulting | ThreeWay, SeatAsk::Talk(_)) => {
            Ok(Deed::Talk(seat.call.ok_or(AskRefused::NotTalking)?))
        }
        (SignedOut | Idle | Reserved | Ringing | WrapUp | Busy | Break, SeatAsk::Talk(_)) => {
            Err(AskRefused::NotTalking)
        }
    }
}

fn had_third(seat: &Seat, call: CallId) -> Result<(), AskRefused> {
    if seat.last_third == Some(call) { Ok(()) } else { Err(AskRefused::NoThird) }
}
