//! What of calls and seats is written down: the shapes of tickets, missed calls and seat changes on disk.

use super::directory::{self, Level};
use super::{
    By, CallId, CallKind, Caller, EndReason, Failure, MissedStage, Participant, SeatNo, SeatReason, SeatState, Segment,
    ThreewayResult,
};
use crate::rules::numbers::Mode;
use crate::time::Wall;

/// What a seat became (坐席状态), and when.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SeatChange {
    pub seat: SeatNo,
    pub state: SeatState,
    pub reason: Option<SeatReason>,
    pub at: Wall,
}

/// How much of the recording notice the caller heard before a seat cut it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticePlayed {
    Full,
    Partial,
    None,
}

/// What the engine knows when a seat answers: the first half of rules.md §8.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OpenTicket {
    pub call: CallId,
    /// Ticket prefix of the centre (R34): `JDZ`.
    pub prefix: String,
    pub centre: String,
    pub sip_call_id: String,
    pub kind: CallKind,
    pub source: Option<String>,
    pub caller: Caller,
    /// The Request-URI and To exactly as they came.
    pub dialed_raw: String,
    pub original_code: String,
    pub hotline_primary: String,
    pub mode: Mode,
    pub skill: String,
    pub trunk: String,
    pub t_arrive: Wall,
    pub t_queue: Wall,
    pub t_ring: Wall,
    pub t_answer: Wall,
    pub wait_ms: u64,
    pub within_15s: bool,
    pub seat: SeatNo,
    pub seat_name: String,
    pub seat_kind: String,
    pub notice_played: NoticePlayed,
}

/// An answered call as it is when it has ended (rules.md §8).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CallRecord {
    pub opened: OpenTicket,
    #[serde(flatten)]
    pub ended: Ended,
    /// R35: the seat marked the call as a bad one, or the engine knows it (0 s); closes the ticket as `invalid`.
    pub invalid: Option<String>,
    /// What came of its third parties (R23); None where there were none, or nobody said.
    #[serde(default)]
    pub threeway_result: Option<ThreewayResult>,
}

/// Its half that is known at the end only.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    pub t_end: Wall,
    pub talk_ms: u64,
    pub hold_ms: u64,
    pub end_reason: EndReason,
    pub released_by: By,
    pub participants: Vec<Participant>,
    /// `Call-ID` of every dialog that stood: the citizen's, then those of the seats that answered.
    #[serde(default)]
    pub sip_call_ids: Vec<String>,
    /// From the arrival to the end, without a hole.
    #[serde(default)]
    pub segments: Vec<Segment>,
    pub notice_played: NoticePlayed,
    /// Those who were rung in their session, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaders: Vec<LeaderCall>,
}

/// A leader and the session in which a call was his (rules.md §8 `leader_session_id`), as they were called
/// then.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeaderCall {
    /// `951@2026-12-01T09:00:00`: code and start.
    pub session: String,
    /// Code of the leader's entry.
    pub leader: String,
    pub name: String,
    /// 职务
    pub post: String,
    pub level: Level,
    pub topic: String,
    pub mode: directory::Mode,
    /// `taken`, or why he was not reached: `busy`, `declined`, `no_answer` …
    pub result: String,
}

/// A call of a seat to a duty phone on behalf of an emergency ticket (R28), which has no ticket of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DutyCall {
    pub call: CallId,
    /// Number of the ticket.
    pub ticket: String,
    pub seat: SeatNo,
    /// Code of the duty phone in the directory, and its name.
    pub to: String,
    pub name: String,
    pub began: Wall,
    /// None: nobody was reached.
    pub answered: Option<Wall>,
    /// None while it is up, or where a crash has ended it.
    pub ended: Option<Wall>,
    /// Why its numbers did not come about, in their order.
    pub failures: Vec<Failure>,
}

/// A call that no seat answered (R17), or that was refused (R7).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MissedCall {
    pub call: CallId,
    pub sip_call_id: String,
    pub caller: Caller,
    pub dialed_raw: String,
    #[serde(default)]
    pub kind: CallKind,
    /// None for an unknown number, like the next three.
    pub original_code: Option<String>,
    #[serde(default)]
    pub hotline_primary: Option<String>,
    #[serde(default)]
    pub mode: Option<Mode>,
    #[serde(default)]
    pub centre: Option<String>,
    pub trunk: String,
    pub t_arrive: Wall,
    /// None where it was refused at once.
    #[serde(default)]
    pub t_queue: Option<Wall>,
    /// When a seat was rung last.
    #[serde(default)]
    pub t_ring: Option<Wall>,
    pub t_end: Wall,
    pub wait_ms: u64,
    pub stage: MissedStage,
    pub position_in_queue: Option<u32>,
    pub reason: String,
    /// The first missed call of the task that this one has left or joined; the store knows (R18).
    #[serde(default)]
    pub callback_task: Option<CallId>,
}

impl MissedCall {
    /// Turned away at once, rather than given up by the caller.
    pub fn was_refused(&self) -> bool {
        self.stage == MissedStage::Refused
    }
}
