//! When a leader takes calls, and which (R24).

use std::time::Duration;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::Level;

/// 领导接听. Times are local; the leader's lines are those of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderSession {
    /// Code of the leader's entry.
    pub leader: String,
    pub level: Level,
    /// In words, for the seat and the report.
    pub topic: String,
    /// Hotline codes whose calls it takes; a primary stands for its aliases (R5).
    pub codes: Vec<String>,
    pub skills: Vec<String>,
    pub mode: Mode,
    /// How long each of the leader's lines rings where it is rung first.
    pub ring: Duration,
    /// A WAV of the prompts folder, by its name without `.wav`: the topic, as the leader hears it in its
    /// briefing.
    pub briefing: Option<String>,
    pub start: DateTime,
    /// A running call goes on beyond it.
    pub end: DateTime,
}

/// Who speaks with the citizen first (R26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A seat screens, and brings the leader in.
    #[default]
    SeatFirst,
    /// The leader picks up, and a seat joins silently.
    LeaderFirst,
}

impl LeaderSession {
    /// One leader begins one session at a time.
    pub fn id(&self) -> String {
        format!("{}@{}", self.leader, self.start)
    }

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
