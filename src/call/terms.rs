//! The words of records and seats, from closed sets.

use super::{Failure, Loss};
use crate::words::words;

words! {
    /// What kind of call it is (rules.md §6.1).
    #[derive(Default)]
    pub enum CallKind {
        /// A citizen called.
        #[default]
        PublicIn = "public_in",
        /// Another platform (110, 119 …) handed the call over (R30).
        LinkedIn = "linked_in",
        /// We called a missed caller back (R18).
        MissedOut = "missed_out",
    }
}

impl CallKind {
    /// Somebody called us: it counts in the connect rate (rules.md §9.7).
    pub const fn is_offered(self) -> bool {
        match self {
            Self::PublicIn | Self::LinkedIn => true,
            Self::MissedOut => false,
        }
    }
}

words! {
    /// Why an answered call was no matter for the hotline: its ticket is closed as invalid (无效, R35).
    pub enum BadCall {
        Short = "short",
        Silent = "silent",
        WrongNumber = "wrong_number",
        Harassing = "harassing",
    }
}

words! {
    /// Seat states (坐席状态), R16.
    pub enum SeatState {
        /// 未签入
        SignedOut = "signed_out",
        /// 空闲
        Idle = "idle",
        /// 预占
        Reserved = "reserved",
        /// 振铃
        Ringing = "ringing",
        /// 通话
        Talking = "talking",
        /// 保持
        Held = "held",
        /// 咨询
        Consulting = "consulting",
        /// 三方
        ThreeWay = "three_way",
        /// 话后整理
        WrapUp = "wrap_up",
        /// 示忙
        Busy = "busy",
        /// 小休
        Break = "break",
    }
}

words! {
    /// Why an answered call ended.
    pub enum EndReason {
        /// Somebody hung up.
        Normal = "normal",
        /// The citizen left in the moment in which a seat answered (R35).
        CallerGoneAtAnswer = "caller_gone_at_answer",
        /// Our answer could not be carried out.
        AnswerFailed = "answer_failed",
        MediaLost = "media_lost",
        SessionLost = "session_lost",
        NoAck = "no_ack",
        TransportLost = "transport_lost",
        /// The seat was lost, and the citizen did not wait for another.
        SeatLost = "seat_lost",
        Shutdown = "shutdown",
        /// The server had crashed.
        Restart = "restart",
    }
}

words! {
    /// How far a call came that no seat answered (R17).
    pub enum MissedStage {
        /// Gone before anything could be done for it.
        Arrived = "arrived",
        /// In the greeting or the notice.
        Prompt = "prompt",
        Queue = "queue",
        /// A seat was being rung.
        Ringing = "ringing",
        /// Turned away at once (R7).
        Refused = "refused",
    }
}

words! {
    /// Why we turned a seat busy, or signed it out.
    pub enum SeatFault {
        Busy = "busy",
        Declined = "declined",
        NoAnswer = "no_answer",
        Unreachable = "unreachable",
        Refused = "refused",
        MediaLost = "media_lost",
        SessionLost = "session_lost",
        NoAck = "no_ack",
        TransportLost = "transport_lost",
        /// It is no longer configured.
        Removed = "removed",
        Restart = "restart",
    }
}

impl SeatFault {
    /// The phone went away: it passes when the phone comes back.
    pub(super) const fn passes_with_the_phone(self) -> bool {
        match self {
            Self::Unreachable | Self::MediaLost | Self::SessionLost | Self::NoAck | Self::TransportLost => true,
            Self::Busy | Self::Declined | Self::NoAnswer | Self::Refused | Self::Removed | Self::Restart => false,
        }
    }

    /// The phone, or we, could not: it passes with time.
    pub(super) const fn passes_with_time(self) -> bool {
        match self {
            Self::Unreachable | Self::Refused => true,
            Self::Busy
            | Self::Declined
            | Self::NoAnswer
            | Self::MediaLost
            | Self::SessionLost
            | Self::NoAck
            | Self::TransportLost
            | Self::Removed
            | Self::Restart => false,
        }
    }
}

impl From<Failure> for SeatFault {
    fn from(why: Failure) -> Self {
        match why {
            Failure::Busy => Self::Busy,
            Failure::Declined => Self::Declined,
            Failure::NoAnswer => Self::NoAnswer,
            // A seat is rung without a trunk.
            Failure::Unreachable | Failure::NoWay => Self::Unreachable,
            Failure::Refused => Self::Refused,
        }
    }
}

impl From<Loss> for SeatFault {
    fn from(why: Loss) -> Self {
        match why {
            Loss::Media => Self::MediaLost,
            Loss::Session => Self::SessionLost,
            Loss::NoAck => Self::NoAck,
            Loss::Transport => Self::TransportLost,
        }
    }
}

impl From<Loss> for EndReason {
    fn from(why: Loss) -> Self {
        match why {
            Loss::Media => Self::MediaLost,
            Loss::Session => Self::SessionLost,
            Loss::NoAck => Self::NoAck,
            Loss::Transport => Self::TransportLost,
        }
    }
}

/// Why a seat is in its state, where it is not the usual thing. A text in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatReason {
    /// Our doing.
    Fault(SeatFault),
    /// 小休, in the seat's own words.
    Said(String),
}

impl SeatReason {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Fault(fault) => fault.as_str(),
            Self::Said(text) => text,
        }
    }

    pub(super) const fn fault(&self) -> Option<SeatFault> {
        match self {
            Self::Fault(fault) => Some(*fault),
            Self::Said(_) => None,
        }
    }
}

impl From<SeatFault> for SeatReason {
    fn from(fault: SeatFault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads what `as_str` wrote.
impl From<String> for SeatReason {
    fn from(text: String) -> Self {
        let fault = SeatFault::ALL.iter().find(|fault| fault.as_str() == text);
        fault.map_or(Self::Said(text), |fault| Self::Fault(*fault))
    }
}

impl std::ops::Deref for SeatReason {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Display for SeatReason {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl serde::Serialize for SeatReason {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for SeatReason {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from)
    }
}
