//! When a leader takes calls, and which (R24).

use jiff::civil::DateTime;

use super::Level;

/// 领导接听. Times are local; the leader's lines are those of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderSession {
    /// Code of the leader's entry.
    pub leader: String,
    pub level: Level,
    /// What the leader is told before the citizen is joined.
    pub topic: String,
    /// Hotline codes whose calls it takes; a primary stands for its aliases (R5).
    pub codes: Vec<String>,
    pub skills: Vec<String>,
    pub start: DateTime,
    /// A running call goes on beyond it.
    pub end: DateTime,
}

impl LeaderSession {
    /// Whether calls are offered: from the start until before the end.
    pub fn active(&self, now: DateTime) -> bool {
        (self.start..self.end).contains(&now)
    }

    /// Whether a call that came so is one of its calls, at whatever time.
    pub fn takes(&self, original_code: &str, hotline_primary: &str, skill: &str) -> bool {
        self.codes.iter().any(|code| code == original_code || code == hotline_primary)
            || self.skills.iter().any(|own| own == skill)
    }
}
