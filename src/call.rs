//! What happens to a caller: the queue, the seats, the ending. No SIP, no media, no clock.
//!
//! `Switchboard::handle(now, Input)` returns `Output`s in the order in which the shell must carry
//! them out. Outputs carry the whole wish, not the change, so that a replay is harmless.

pub mod alarms;
mod arriving;
mod ask;
mod callback;
mod caller;
mod colleague;
mod course;
pub mod directory;
mod duty;
mod ending;
mod errand;
mod guest;
mod hearing;
mod invitation;
mod keys;
mod leader;
mod leaving;
mod leg;
mod live;
pub mod mix_plan;
mod offering;
mod outcome;
mod passing;
mod pickup;
mod queue;
mod record;
mod seat;
mod second_line;
pub mod settings;
mod supervise;
mod switchboard;
mod talking;
mod target;
mod terms;
mod third;
mod timers;
mod transfer;
mod verbs;
mod view;
mod waiting;
mod written;

pub use ask::{AskRefused, feature_codes};
pub use caller::{Caller, Invited, QueueAnswer};
pub use course::{Course, Kind, Mark, MediaFigures, Participant, Party, Role, Segment};
pub use duty::DutyWish;
pub use keys::{Typed, Typing, keys_in_call};
pub use outcome::{NotReached, ThreewayResult};
pub use settings::{SeatKind, Settings};
pub use supervise::{SuperviseRefused, Supervision, supervision_code};
pub use switchboard::Switchboard;
pub use target::Target;
pub use terms::{BadCall, CallKind, EndReason, MissedStage, SeatFault, SeatReason, SeatState};
pub use third::{ThirdState, ThirdView};
pub use view::{CallView, SeatView};
pub use written::{CallRecord, DutyCall, Ended, LeaderCall, MissedCall, NoticePlayed, OpenTicket, SeatChange};

use crate::privacy::Private;
use crate::time::{Mono, Wall};

/// One anchored conversation with 1..n legs: the milliseconds of its arrival above, a counter
/// below, so that ids sort by time and are never given twice. Printed, and in JSON, 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl CallId {
    /// The first id of this millisecond.
    pub fn at(at: Wall) -> Self {
        Self(u64::try_from(at.0).unwrap_or(0).checked_mul(1 << 20).unwrap_or(0))
    }
}

impl std::fmt::Display for CallId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl serde::Serialize for CallId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CallId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for CallId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// One party's connection to us: a SIP dialog with its media. The switchboard numbers the legs that
/// it dials, with the top bit set; the exchange numbers those that arrive, without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

/// The number of a seat (工号), as in `seats.toml`: `1001`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SeatNo(pub String);

/// What one party of a call hears: these others, and nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    pub leg: LegId,
    pub hears: Vec<LegId>,
}

impl Hearing {
    /// All of them hear each other, and nobody himself (R19).
    pub fn all(legs: &[LegId]) -> Vec<Self> {
        let others = |leg: LegId| legs.iter().copied().filter(|other| *other != leg).collect();
        legs.iter().map(|leg| Self { leg: *leg, hears: others(*leg) }).collect()
    }
}

/// Whom a seat's phone transfers a call to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferTarget {
    /// A directory code, a feature code or a telephone number: what the phone would have dialled.
    Number(Private<String>),
    /// Whoever a seat's phone talks to, or rings, with this other leg of ours.
    Leg(LegId),
}

/// What becomes of a transfer that a seat's phone wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferOutcome {
    /// It is under way.
    Accepted,
    /// It will not be tried.
    Refused,
    Done,
    Failed(Failure),
}

/// Why a leg that was dialled did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    Busy,
    Declined,
    NoAnswer,
    Unreachable,
    /// Nothing in common to talk with (488), or the peer's own fault (4xx–6xx of another kind).
    Refused,
    /// We had no trunk, channel or port for it: nobody was called.
    NoWay,
}

/// Why a leg that stood was lost without a BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// RTP and RTCP silent beyond T_rtp and no answer to OPTIONS.
    Media,
    /// The session timer ran out, or a refresh was answered 408 or 481.
    Session,
    /// The 200 was never acknowledged.
    NoAck,
    /// The signalling transport failed.
    Transport,
}

/// A missed caller who is to be called back (R18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallBack {
    pub seat: SeatNo,
    /// The first missed call; names the task.
    pub task: CallId,
    pub number: Private<String>,
    /// The hotline number that the citizen had dialled.
    pub code: String,
}

/// What a seat (or the API for it) asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatAsk {
    SignIn,
    SignOut,
    Busy,
    /// 小休, with its reason.
    Break(String),
    /// Free (空闲); ends wrap-up too.
    Free,
    /// Calls the longest waiting missed caller back (R18).
    CallBack,
    /// Marks the present or last call as invalid (R35).
    BadCall(BadCall),
    /// What came of the three-way call, in it or after it (R23).
    Result(ThreewayResult),
    /// Something about third parties, in a live call (R20).
    Talk(Verb),
}

/// What a seat does with third parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Speaks with this party alone, while the citizen hears music.
    Consult(String),
    /// Brings this party into the conversation as soon as it answers (R21).
    Direct(String),
    /// Whom it consults joins the conversation.
    Join,
    /// From the citizen to whom it consults, and back.
    Swap,
    /// Releases the third party.
    Drop,
    /// Leaves on purpose: the citizen and the third party go on, still recorded (R22).
    Leave,
    /// The seat is released as soon as this party answers, and back with the citizen if it does not (R14, R29).
    Transfer(String),
    /// Brings in the leader who sits for the call (R26).
    Leader,
    /// An assisting seat is heard from now on / hears, and is not heard.
    Speak,
    Silent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Invited(Box<Invited>),
    /// A call for which there was no channel or port; it has been refused already, and has no leg.
    TurnedAway(Box<Invited>),
    /// A seat's phone dialled somebody on another line; the leg waits for its answer.
    Dialled {
        leg: LegId,
        seat: SeatNo,
        number: Private<String>,
        sip_call_id: String,
    },
    /// A shift leader's phone dialled the call of another seat; the leg waits for its answer.
    SuperviseDialled {
        leg: LegId,
        by: SeatNo,
        of: SeatNo,
        how: Supervision,
        sip_call_id: String,
    },
    /// A seat's phone dialled a feature code; the leg is answered, told the outcome by a prompt, and released.
    FeatureCode {
        leg: LegId,
        seat: SeatNo,
        ask: SeatAsk,
    },
    /// The same by API.
    Ask {
        seat: SeatNo,
        ask: SeatAsk,
    },
    /// A shift leader listens to a call, whispers to its seat, barges in or takes over.
    Supervise {
        call: CallId,
        by: SeatNo,
        how: Supervision,
    },
    /// Callback tasks for one seat, in the order of their turn: the answer to `WantCallback`. The seat
    /// gets the first one whose citizen nobody else is calling or talking to.
    CallBack(Vec<CallBack>),
    /// The other answer to it: nobody waits to be called back, or nobody knows.
    NobodyDue {
        seat: SeatNo,
    },
    /// A seat calls a duty phone on behalf of an emergency ticket (R28).
    Duty(DutyWish),
    /// A dialled leg rings.
    Ringing {
        leg: LegId,
    },
    /// A dialled leg is heard before its answer: an announcement of its network, which is none.
    EarlyMedia {
        leg: LegId,
    },
    /// The dialog, and the trunk if any, in which a dialled leg has been answered; `Answered` follows at once.
    Carried {
        leg: LegId,
        sip_call_id: String,
        trunk: Option<String>,
    },
    /// A dialled leg answered (its 200 is acknowledged, its media agreed).
    Answered {
        leg: LegId,
    },
    /// A dialled leg failed, or an `Answer` could not be carried out.
    Failed {
        leg: LegId,
        why: Failure,
    },
    /// The peer ended the leg: BYE, or CANCEL before the answer.
    HungUp {
        leg: LegId,
    },
    /// A leg that stood failed. It is answered by `HangUp`, because its dialog may still stand at the
    /// other end; no `HangUp` follows `HungUp` or `Failed`.
    Lost {
        leg: LegId,
        why: Loss,
    },
    /// A key was pressed.
    Digit {
        leg: LegId,
        digit: char,
    },
    Held {
        leg: LegId,
    },
    Resumed {
        leg: LegId,
    },
    /// The seat's phone wants the call transferred. It is always answered: by `Output::Referred` with
    /// `Refused` or `Done`, or with `Accepted` and later `Done` or `Failed`.
    Transfer {
        leg: LegId,
        to: ReferTarget,
    },
    /// Who called hears us from now on, before any answer: the offer of ours that its INVITE wanted has
    /// been answered.
    Audible {
        leg: LegId,
    },
    /// `Play` came to its end.
    Played {
        leg: LegId,
        token: u64,
    },
    /// The leg's packets come from another address than before.
    SourceMoved {
        leg: LegId,
    },
    /// How a leg's media does, as long as it stands.
    Media {
        leg: LegId,
        figures: MediaFigures,
    },
    /// The answer journal is on disk; the ticket has its number. `None`: the journal failed (answer anyway, R33).
    /// Where it does not come within `Settings::journal_wait`, the caller is answered without it.
    TicketOpened {
        call: CallId,
        number: Option<String>,
    },
    /// Nothing waits for the journal any more, and its disk does not fail.
    JournalWorks,
    /// The registrar (or OPTIONS, for a fixed address) says whether this seat can be rung.
    Reachable {
        seat: SeatNo,
        reachable: bool,
    },
    /// No new calls; live ones go on (SIGTERM).
    Drain,
    /// End every call now (second SIGTERM).
    EndAll,
    /// `next_timeout` has come.
    Tick,
}

/// A thing that can be played to one leg.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// The greeting of this hotline number, else the general one.
    Greeting(String),
    /// The recording notice.
    Notice,
    /// "Your place in the queue is n."
    Position(u32),
    Comfort,
    /// Hold music, generated by us.
    Music,
    /// "The seat was cut off; we connect you again, first in the queue."
    Returning,
    /// "工号 1001 为您服务".
    SeatNumber(String),
    /// "This is the hotline; to take the call press 1": to a third party whose voicemail may answer.
    Press1,
    /// To a seat whose third party's phone rings.
    Ringback,
    /// To a seat: why its third party was not reached.
    NotReached(NotReached),
    /// To a leader before he is joined: the hotline number that the citizen dialled, and the owner's
    /// recording of the topic where there is one.
    Briefing {
        code: String,
        topic: Option<String>,
    },
    /// A feature code was carried out / refused.
    Done,
    Refused,
}

/// A SIP status for a call that is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 404: no such hotline number (R7).
    UnknownNumber,
    /// The trunk's overload code, 503 by default: draining, or out of ports.
    Overload,
    /// 480: nothing answered in time (only where an operator configured such a limit).
    Unavailable,
    /// 403: this seat may not do this.
    Forbidden,
    /// Whom a seat's phone dialled was not reached: the status that says why.
    NotReached(Failure),
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Caller,
    Seat,
    /// A third party.
    Third,
    System,
    Trunk,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ring this target with a new leg of this call. `caller` is shown on a seat's phone, and on another
    /// where the target says so.
    Dial {
        call: CallId,
        leg: LegId,
        target: Target,
        caller: Caller,
        label: String,
    },
    /// Tell the caller that it rings, with our description where it shall hear us.
    Progress {
        leg: LegId,
        media: bool,
    },
    /// 200 to a leg that called us.
    Answer {
        leg: LegId,
    },
    Refuse {
        leg: LegId,
        why: Refusal,
    },
    /// The word on the transfer that this leg's phone wants; none for a leg that has ended. A phone that has
    /// asked for none is told nothing.
    Referred {
        leg: LegId,
        outcome: ReferOutcome,
    },
    /// CANCEL, BYE or a final failure, as the leg's state asks for.
    HangUp {
        leg: LegId,
    },
    /// Play these one after the other to this leg, instead of what it heard before; `repeat` starts over.
    /// `Played` comes back with the token when an unrepeated list ends.
    Play {
        leg: LegId,
        prompts: Vec<Prompt>,
        repeat: bool,
        token: u64,
    },
    StopPlay {
        leg: LegId,
    },
    /// Start the recorder of this call. Carried out before anybody can speak.
    OpenRecording {
        call: CallId,
        started: Wall,
        hotline: String,
        seat: SeatNo,
        trunk: String,
    },
    /// Journal the answer; `TicketOpened` comes back.
    OpenTicket(Box<OpenTicket>),
    /// Who hears whom; a leg that is not named hears nobody. `citizen` is recorded left, whom it hears
    /// right.
    Mix {
        call: CallId,
        citizen: LegId,
        hearings: Vec<Hearing>,
    },
    /// A mark on the recording's timeline.
    Mark {
        call: CallId,
        at: Mono,
        mark: Mark,
    },
    SealRecording {
        call: CallId,
        ended: Wall,
    },
    /// An answered call has ended.
    CloseCall(Box<CallRecord>),
    /// A call was let in. What its record would be if we ended now, without having served it.
    Arrived(Box<MissedCall>),
    /// A call ended before a seat answered (R17), or was refused (R7).
    Missed(Box<MissedCall>),
    /// A seat has reached a duty phone, or such a call has ended; the same call comes twice then (R28).
    DutyCall(Box<DutyCall>),
    /// The seat marked a call as a bad one after its end; its ticket is closed as invalid (R35).
    MarkInvalid {
        call: CallId,
        reason: String,
    },
    /// A shift leader was let into a call by its phone, or does something else on it: for the list of
    /// accesses. What is asked by API is written down by the API.
    Supervised {
        call: CallId,
        by: SeatNo,
        how: Supervision,
    },
    /// The seat said after the end of a call what came of its third parties (R23).
    MarkResult {
        call: CallId,
        result: ThreewayResult,
    },
    SeatChanged {
        seat: SeatNo,
        state: SeatState,
        reason: Option<SeatReason>,
        at: Wall,
    },
    /// Raise (`active`) or clear an alarm.
    Alarm {
        name: &'static str,
        subject: String,
        active: bool,
    },
    /// The seat would call a missed caller back: look for the tasks that are due, longest waiting first.
    WantCallback {
        seat: SeatNo,
    },
    /// A missed caller was called back, and answered or not.
    CalledBack {
        task: CallId,
        at: Wall,
        reached: bool,
    },
    /// A reason worth keeping in the trace of this call: "seat 1002 chosen: idle longest (312 s)".
    Note {
        call: CallId,
        text: String,
    },
}
