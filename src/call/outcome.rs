//! What came of a three-way call (三方结果), for the ticket. R23.

use super::Failure;
use crate::words::words;

words! {
    pub enum ThreewayResult {
        /// 现场三方答复办结: closes the ticket, nothing is dispatched.
        ResolvedOnSpot = "resolved_on_spot",
        /// The unit takes the matter on.
        UnitWillHandle = "unit_will_handle",
        Unreachable = "unreachable",
        /// It would not take the call.
        Refused = "refused",
        /// 不属于其职责
        NotCompetent = "not_competent",
    }
}

/// Why a third party was not reached, as the seat is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotReached {
    Busy,
    NoAnswer,
    Refused,
    Unreachable,
    /// Outside its hours.
    Closed,
}

impl From<Failure> for NotReached {
    fn from(why: Failure) -> Self {
        match why {
            Failure::Busy => Self::Busy,
            Failure::NoAnswer => Self::NoAnswer,
            Failure::Declined => Self::Refused,
            Failure::Unreachable | Failure::Refused | Failure::NoWay => Self::Unreachable,
        }
    }
}

impl ThreewayResult {
    /// The digit that a seat types for it behind `*7`.
    pub const fn of_digit(digit: char) -> Option<Self> {
        match digit {
            '1' => Some(Self::ResolvedOnSpot),
            '2' => Some(Self::UnitWillHandle),
            '3' => Some(Self::Unreachable),
            '4' => Some(Self::Refused),
            '5' => Some(Self::NotCompetent),
            _ => None,
        }
    }
}

/// What is known of it in a live call: the seat's word counts before what we see ourselves.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    said: Option<ThreewayResult>,
    /// Some third party has answered.
    reached: bool,
    missed: Option<ThreewayResult>,
}

impl Outcome {
    pub fn say(&mut self, result: ThreewayResult) {
        self.said = Some(result);
    }

    pub fn reach(&mut self) {
        self.reached = true;
    }

    /// All numbers of a third party were tried.
    pub fn miss(&mut self, why: Failure) {
        self.missed = Some(match why.into() {
            NotReached::Refused => ThreewayResult::Refused,
            NotReached::Busy | NotReached::NoAnswer | NotReached::Unreachable | NotReached::Closed => {
                ThreewayResult::Unreachable
            }
        });
    }

    pub fn result(&self) -> Option<ThreewayResult> {
        self.said.or(self.missed.filter(|_| !self.reached))
    }
}
