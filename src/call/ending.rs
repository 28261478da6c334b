//! A call ends: every leg is released, the recording sealed, one record written. R17, R32, R35.

use super::live::{Call, Stage};
use super::switchboard::Switchboard;
use super::{By, CallId, EndReason, LegId, Loss, Output, SeatState, alarms, record};
use crate::time::Now;

/// What ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    CallerHungUp,
    /// Our answer to the citizen could not be carried out: the CANCEL crossed it, or there is no media.
    AnswerFailed,
    CallerLost(Loss),
    SeatHungUp,
    /// A third party, after the seat had left.
    GuestHungUp,
    Shutdown,
}

impl Cause {
    pub fn by(self) -> By {
        match self {
            Self::CallerHungUp => By::Caller,
            Self::AnswerFailed | Self::CallerLost(_) => By::Trunk,
            Self::SeatHungUp => By::Seat,
            Self::GuestHungUp => By::Third,
            Self::Shutdown => By::System,
        }
    }

    pub fn reason(self) -> EndReason {
        match self {
            Self::CallerHungUp | Self::SeatHungUp | Self::GuestHungUp => EndReason::Normal,
            Self::AnswerFailed => EndReason::AnswerFailed,
            Self::CallerLost(why) => why.into(),
            Self::Shutdown => EndReason::Shutdown,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.reason().as_str()
    }

    /// The citizen, and not a seat or we, went away.
    pub fn caller_left(self) -> bool {
        match self {
            Self::CallerHungUp | Self::AnswerFailed | Self::CallerLost(_) => true,
            Self::SeatHungUp | Self::GuestHungUp | Self::Shutdown => false,
        }
    }

    /// Legs whose end has already been told to us are not hung up again. A lost leg is: its dialog may
    /// still stand at the other end.
    fn released(self, call: &Call) -> Option<LegId> {
        match self {
            Self::CallerHungUp | Self::AnswerFailed => Some(call.leg()),
            Self::SeatHungUp => call.seat_leg(),
            Self::CallerLost(_) | Self::GuestHungUp | Self::Shutdown => None,
        }
    }
}

impl Switchboard {
    pub(super) fn end(&mut self, now: Now, id: CallId, cause: Cause) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let position = if call.answer.is_none() { Some(self.position(call)) } else { None };
        self.release_guests(now, id);
        self.release_supervisor(now, id);
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        self.queue.leave(&call);
        self.note(id, format!("ended by {:?}: {}", cause.by(), cause.as_str()));
        self.timers.clear_call(id);
        for leg in [Some(call.leg()), call.seat_leg()].into_iter().flatten() {
            self.legs.remove(&leg);
            if cause.released(&call) != Some(leg) {
                self.out.push(Output::HangUp { leg });
            }
        }
        if call.answer.is_some() {
            let ended = call.wall(now.mono);
            self.out.push(Output::SealRecording { call: id, ended });
        }
        for alarm in [alarms::LONG_CALL, alarms::UNANSWERED] {
            self.alarms.clear(alarm, &id.to_string(), &mut self.out);
        }
        match &call.stage {
            Stage::Waiting | Stage::Left => {}
            // It did not serve anybody: it stays the one that has been idle longest.
            Stage::Offered(offer) => self.free_seat(now, &offer.seat.clone(), SeatState::Idle, None),
            Stage::Talking(talk) => self.seat_after_call(now, &talk.seat.clone(), id),
        }
        self.out.push(record::ended(now, call, cause, position));
    }

    /// The second SIGTERM: nothing live remains, every recording is sealed.
    pub(super) fn end_all(&mut self, now: Now) {
        self.draining = true;
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for id in calls {
            self.end(now, id, Cause::Shutdown);
        }
        let callbacks: Vec<CallId> = self.callbacks.keys().copied().collect();
        for id in callbacks {
            self.callback_over(now, id, None);
        }
        let duties: Vec<CallId> = self.duties.keys().copied().collect();
        for id in duties {
            self.duty_over(now, id, None);
        }
        let features: Vec<LegId> = self.features.keys().copied().collect();
        for leg in features {
            self.feature_over(now, leg);
            self.feature_gone(now, leg);
        }
    }
}
