//! The records that calls leave behind: the ticket's two halves (rules.md §8) and the missed call (R17).

use std::time::Duration;

use super::ending::Cause;
use super::live::{Answered, Call, Doing, Offer, Stage, millis};
use super::settings::SeatSettings;
use super::{
    CallId, CallKind, CallRecord, EndReason, Ended, Invited, MissedCall, MissedStage, OpenTicket, Output, SeatNo,
};
use crate::rules::numbers::{Dialled, Route};
use crate::time::Now;

/// R9: answered within 15 s of the INVITE.
const GOOD_WAIT: Duration = Duration::from_secs(15);

pub(super) fn open_ticket(
    now: Now,
    call: &Call,
    offer: &Offer,
    seat: Option<&SeatSettings>,
    prefix: String,
) -> OpenTicket {
    let waited = call.waited(now.mono);
    let source = call.invited.caller.platform.clone();
    OpenTicket {
        call: call.id,
        prefix,
        centre: call.centre.clone(),
        sip_call_id: call.invited.sip_call_id.clone(),
        kind: kind(&call.invited, call.called_back),
        source,
        caller: call.invited.caller.clone(),
        dialed_raw: dialed_raw(&call.invited.dialled),
        original_code: call.route.original_code.clone(),
        hotline_primary: call.route.hotline_primary.clone(),
        mode: call.route.mode,
        skill: call.route.skill.clone(),
        trunk: call.invited.trunk.clone(),
        t_arrive: call.arrived.wall,
        // No menu stands before the queue.
        t_queue: call.arrived.wall,
        t_ring: call.wall(offer.rang.unwrap_or(offer.dialled)),
        t_answer: call.wall(now.mono),
        wait_ms: millis(waited),
        within_15s: waited <= GOOD_WAIT,
        seat: offer.seat.clone(),
        seat_name: seat.map(|seat| seat.name.clone()).unwrap_or_default(),
        seat_kind: seat.map(|seat| seat.kind.as_str().to_owned()).unwrap_or_default(),
        notice_played: call.ear.notice,
    }
}

impl OpenTicket {
    pub(super) fn is_of(&mut self, no: &SeatNo, seat: Option<&SeatSettings>) {
        self.seat = no.clone();
        self.seat_name = seat.map(|seat| seat.name.clone()).unwrap_or_default();
        self.seat_kind = seat.map(|seat| seat.kind.as_str().to_owned()).unwrap_or_default();
    }
}

fn kind(invited: &Invited, called_back: bool) -> CallKind {
    match &invited.caller.platform {
        Some(_) => CallKind::LinkedIn,
        None if called_back => CallKind::MissedOut,
        None => CallKind::PublicIn,
    }
}

/// The one record of a call that has ended: answered or missed (I1, I2).
pub(super) fn ended(now: Now, mut call: Call, cause: Cause, position: Option<u32>) -> Output {
    match call.answer.take() {
        Some(answer) => Output::CloseCall(Box::new(closed(now, call, answer, cause))),
        None => Output::Missed(Box::new(missed(now, &call, cause, position))),
    }
}

fn closed(now: Now, mut call: Call, answer: Answered, cause: Cause) -> CallRecord {
    if cause == Cause::AnswerFailed {
        // The citizen never was on the line.
        call.meter.forget();
    }
    call.meter.turn(now.mono, Doing::Apart);
    let (talk, hold) = (call.meter.talk, call.meter.hold);
    let never_spoke = millis(talk) == 0 && millis(hold) == 0;
    let gone_at_answer = cause.caller_left() && never_spoke;
    let end_reason = match (&call.stage, cause) {
        _ if gone_at_answer => EndReason::CallerGoneAtAnswer,
        // The seat was lost, and the citizen did not wait for another.
        (Stage::Waiting | Stage::Offered(_), Cause::CallerHungUp) => EndReason::SeatLost,
        (Stage::Waiting | Stage::Offered(_) | Stage::Talking(_) | Stage::Left, cause) => cause.reason(),
    };
    let t_end = call.wall(now.mono);
    call.course.end(t_end, cause.as_str());
    let (participants, segments) = call.course.into_parts();
    CallRecord {
        ended: Ended {
            t_end,
            talk_ms: millis(talk),
            hold_ms: millis(hold),
            end_reason,
            released_by: cause.by(),
            participants,
            sip_call_ids: call.sip_call_ids,
            segments,
            notice_played: call.ear.notice,
            leaders: call.led.rung,
        },
        invalid: call.bad.or_else(|| gone_at_answer.then(|| EndReason::CallerGoneAtAnswer.to_string())),
        threeway_result: call.outcome.result(),
        opened: answer.ticket,
    }
}

fn missed(now: Now, call: &Call, cause: Cause, position: Option<u32>) -> MissedCall {
    let waited = millis(call.waited(now.mono));
    let stage = match &call.stage {
        Stage::Offered(_) | Stage::Talking(_) | Stage::Left => MissedStage::Ringing,
        Stage::Waiting if call.passed_on || call.led.rings() => MissedStage::Ringing,
        Stage::Waiting if waited == 0 => MissedStage::Arrived,
        Stage::Waiting if call.ear.in_prompt() => MissedStage::Prompt,
        Stage::Waiting => MissedStage::Queue,
    };
    let reason = match cause {
        Cause::CallerHungUp => "caller_gone",
        Cause::AnswerFailed | Cause::CallerLost(_) | Cause::SeatHungUp | Cause::GuestHungUp | Cause::Shutdown => {
            cause.as_str()
        }
    };
    MissedCall {
        t_ring: call.rung.map(|at| call.wall(at)),
        t_end: call.wall(now.mono),
        wait_ms: waited,
        stage,
        position_in_queue: position,
        reason: reason.into(),
        ..arrived(call.arrived, call.id, &call.invited, &call.route, &call.centre)
    }
}

/// What is to be written of a caller who is in the queue when the server crashes.
pub(super) fn arrived(now: Now, id: CallId, invited: &Invited, route: &Route, centre: &str) -> MissedCall {
    MissedCall {
        stage: MissedStage::Queue,
        // No menu stands before the queue.
        t_queue: Some(now.wall),
        ..refused(now, id, invited, Some((route, centre)), EndReason::Restart.as_str())
    }
}

/// A call that was turned away at once (R7); where its number is known, with its route and centre.
pub(super) fn refused(
    now: Now,
    id: CallId,
    invited: &Invited,
    known: Option<(&Route, &str)>,
    reason: &str,
) -> MissedCall {
    let route = known.map(|(route, _)| route);
    MissedCall {
        call: id,
        sip_call_id: invited.sip_call_id.clone(),
        caller: invited.caller.clone(),
        dialed_raw: dialed_raw(&invited.dialled),
        kind: kind(invited, false),
        original_code: route.map(|route| route.original_code.clone()),
        hotline_primary: route.map(|route| route.hotline_primary.clone()),
        mode: route.map(|route| route.mode),
        centre: known.map(|(_, centre)| centre.to_owned()),
        trunk: invited.trunk.clone(),
        t_arrive: now.wall,
        t_queue: None,
        t_ring: None,
        t_end: now.wall,
        wait_ms: 0,
        stage: MissedStage::Refused,
        position_in_queue: None,
        reason: reason.into(),
        callback_task: None,
    }
}

fn dialed_raw(dialled: &Dialled) -> String {
    if dialled.to.is_empty() {
        dialled.request_uri.clone()
    } else {
        format!("{} To: {}", dialled.request_uri, dialled.to)
    }
}
