//! What the switchboard shows to the API and to the metrics.

use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::{CallId, Caller, LeaderCall, LegId, SeatNo, SeatReason, SeatState, ThirdView};
use crate::time::Wall;

/// A live call.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct CallView {
    pub call: CallId,
    /// `waiting`, `ringing_service` (its number leads there), `ringing_leader`, `ringing`, `with_leader` (no seat
    /// yet), `handed_over`, or the seat's state.
    pub stage: &'static str,
    pub trunk: String,
    pub caller: Caller,
    pub original_code: String,
    pub hotline_primary: String,
    pub label: String,
    pub skill: String,
    pub centre: String,
    pub arrived: Wall,
    /// When a seat answered for the first time.
    pub answered: Option<Wall>,
    pub ticket: Option<String>,
    /// The seat that is rung or talks.
    pub seat: Option<SeatNo>,
    /// From 1, among the waiting callers of the skill.
    pub position: Option<u32>,
    /// The leader who was rung for it in his session, else the one who sat when it was offered last.
    pub leader: Option<LeaderCall>,
    /// Our 200 has gone to the caller; not yet an answer of the hotline.
    pub connected: bool,
    /// Who has been brought in or is being called, and who was not reached last.
    pub thirds: Vec<ThirdView>,
    #[serde(skip)]
    pub citizen: LegId,
    #[serde(skip)]
    pub seat_leg: Option<LegId>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SeatView {
    pub seat: SeatNo,
    pub name: String,
    pub kind: super::SeatKind,
    pub centre: String,
    pub skills: Vec<String>,
    pub state: SeatState,
    pub reason: Option<SeatReason>,
    pub since: Wall,
    pub reachable: bool,
    /// A call can be offered to it now.
    pub free: bool,
    /// Its phone is being told the outcome of so many feature codes, and is not rung meanwhile.
    pub feature_legs: u32,
    #[serde(skip)]
    pub call: Option<CallId>,
}

impl Switchboard {
    /// Live calls, oldest first.
    pub fn calls(&self) -> Vec<CallView> {
        self.calls.keys().filter_map(|id| self.call(*id)).collect()
    }

    /// Callers without a seat, in the order in which they are served.
    pub fn waiting(&self) -> Vec<CallView> {
        self.queue.iter().filter_map(|place| self.call(place.call)).collect()
    }

    pub fn call(&self, id: CallId) -> Option<CallView> {
        let call = self.calls.get(&id)?;
        let (stage, position) = match &call.stage {
            Stage::Waiting if call.passed_on => ("ringing_service", None),
            Stage::Waiting if call.led.rings() => ("ringing_leader", None),
            Stage::Waiting => ("waiting", Some(self.position(call))),
            Stage::Offered(_) => ("ringing", None),
            Stage::Talking(talk) => (call.seat_state(talk.holds).as_str(), None),
            Stage::Left if call.led.wants_seat => ("with_leader", None),
            Stage::Left => ("handed_over", None),
        };
        Some(CallView {
            call: id,
            stage,
            trunk: call.invited.trunk.clone(),
            caller: call.invited.caller.clone(),
            original_code: call.route.original_code.clone(),
            hotline_primary: call.route.hotline_primary.clone(),
            label: call.route.label.clone(),
            skill: call.route.skill.clone(),
            centre: call.centre.clone(),
            arrived: call.arrived.wall,
            answered: call.answer.as_ref().map(|answer| answer.ticket.t_answer),
            ticket: call.answer.as_ref().and_then(|answer| answer.number.clone()),
            seat: call.seat().cloned(),
            position,
            leader: call.led.shown().cloned(),
            connected: call.connected,
            thirds: call.thirds(),
            citizen: call.leg(),
            seat_leg: call.seat_leg(),
        })
    }

    pub fn seats(&self) -> Vec<SeatView> {
        let view = |(no, seat): (&SeatNo, &super::seat::Seat)| SeatView {
            seat: no.clone(),
            name: seat.settings.name.clone(),
            kind: seat.settings.kind,
            centre: seat.settings.centre.clone(),
            skills: seat.settings.skills.iter().cloned().collect(),
            state: seat.state,
            reason: seat.reason.clone(),
            since: seat.since,
            reachable: seat.reachable,
            free: seat.ready(),
            feature_legs: seat.feature_legs,
            call: seat.call,
        };
        self.desk.iter().map(view).collect()
    }

    /// The call that a leg belongs to, while it lives.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        match self.legs.get(&leg)? {
            Role::Citizen(call)
            | Role::Seat(call)
            | Role::SecondLine(call)
            | Role::Guest(call)
            | Role::Supervisor(call)
            | Role::CallbackSeat(call)
            | Role::CallbackCitizen(call)
            | Role::DutySeat(call)
            | Role::DutyPhone(call) => Some(*call),
            Role::Feature => None,
        }
    }

    /// How many legs of calls and of feature codes there are.
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Live calls, without the cost of looking at them.
    pub fn live(&self) -> usize {
        self.calls.len()
    }

    /// How many callers wait without a seat being rung for them.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    pub fn draining(&self) -> bool {
        self.draining
    }

    /// Calls to unknown numbers since the start, by trunk (R7).
    pub fn unknown_numbers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.unknown_numbers.iter().map(|(trunk, count)| (trunk.as_str(), *count))
    }
}
