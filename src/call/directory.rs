//! Who can be brought into a call: units, experts, branches, duty phones, leaders, emergency services
//! (R19, R24, R31), as data. Nothing is dialled here.

mod hours;
mod session;
mod view;

use std::collections::BTreeMap;

use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Serialize};

use super::{Role, SeatNo};
use crate::privacy::Private;

pub use hours::{DAY, Hours, Moment, Opening};
pub use session::{LeaderSession, Mode};
pub use view::{EntryView, LineView};

/// The entries by their code, and the leaders' sessions in the order of their start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    entries: BTreeMap<String, Entry>,
    sessions: Vec<LeaderSession>,
}

/// One that can be brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Two to six digits, which a seat dials; no seat, hotline or other entry has them.
    pub code: String,
    pub name: String,
    /// Initials of the name's pinyin, small letters: `szlsgs`.
    pub pinyin: Option<String>,
    pub kind: Kind,
    /// In the order in which they are tried (R22).
    pub lines: Vec<Line>,
    /// None: always open.
    pub hours: Option<Hours>,
    pub answer: AnswerPolicy,
    pub after_seat_leaves: AfterSeat,
    /// What it is in charge of, in words that a seat may search for.
    pub competence: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Unit,
    Expert,
    /// 分中心
    Branch,
    /// 值班电话 (R28)
    DutyPhone,
    Leader {
        /// 职务
        post: String,
        level: Level,
    },
    Emergency(Service),
}

/// Of a leader (R24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    City,
    County,
    Department,
}

/// Which emergency service (R31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    #[serde(rename = "110")]
    Police,
    #[serde(rename = "119")]
    Fire,
    #[serde(rename = "120")]
    Ambulance,
    #[serde(rename = "122")]
    Traffic,
    Water,
    Power,
    Gas,
}

/// One way to reach an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub to: LineTo,
    /// Answered outside the entry's hours too.
    pub duty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineTo {
    Number {
        /// As one dials it; the trunk writes it in its own form.
        number: Private<String>,
        /// Names of trunks in the order in which they are tried; any trunk where empty.
        trunks: Vec<String>,
        /// None: by the entry's kind.
        shown: Option<Shown>,
    },
    /// A SIP device at a fixed address that is no seat: `sip:601@192.0.2.60:5060`.
    Device(String),
    Seat(SeatNo),
}

/// Whose number the third party is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    Ours,
    Citizen,
}

/// How an answer is known to be a person's and not a voicemail's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerPolicy {
    /// The seat hears who it is.
    #[default]
    Announced,
    /// Whoever answers must press 1.
    #[serde(rename = "press_1")]
    Press1,
}

/// What becomes of citizen and third party when the seat leaves deliberately. After its failure they
/// always go on (R22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterSeat {
    KeepTalking,
    EndAll,
}

/// Why no line of an entry can be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// None at all, or none at any hour; `config` lets no such entry through.
    #[error("it has no line")]
    NoLine,
    /// It has hours and no duty line.
    #[error("closed until {0}")]
    ClosedUntil(Moment),
}

impl Directory {
    /// Where two entries have the same code the later one counts; `config` lets none such through.
    pub fn new(entries: impl IntoIterator<Item = Entry>, mut sessions: Vec<LeaderSession>) -> Self {
        sessions.sort_by_key(|session| session.start);
        Self { entries: entries.into_iter().map(|entry| (entry.code.clone(), entry)).collect(), sessions }
    }

    pub fn entry(&self, code: &str) -> Option<&Entry> {
        self.entries.get(code)
    }

    /// Whoever helps in emergencies of this name: `110`, `water` (R31).
    pub fn emergency(&self, service: &str) -> Option<&Entry> {
        let is_it = |kind: &Kind| matches!(kind, Kind::Emergency(own) if own.as_str() == service);
        self.entries().find(|entry| is_it(&entry.kind))
    }

    /// All, by code.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The URIs of all devices that a line names, those of several lines several times.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.entries().flat_map(|entry| &entry.lines).filter_map(|line| match &line.to {
            LineTo::Device(uri) => Some(uri.as_str()),
            LineTo::Number { .. } | LineTo::Seat(_) => None,
        })
    }

    /// The entries in which every word of `query` occurs, by code; all of them where it has no word.
    pub fn search(&self, query: &str) -> impl Iterator<Item = &Entry> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        self.entries().filter(move |entry| words.iter().all(|word| entry.mentions(word)))
    }

    /// All, by start.
    pub fn sessions(&self) -> &[LeaderSession] {
        &self.sessions
    }

    /// The sessions to which a call is offered that arrives or waits at this local time, with their
    /// leaders (R24).
    pub fn sessions_for(
        &self,
        original_code: &str,
        hotline_primary: &str,
        skill: &str,
        now: DateTime,
    ) -> impl Iterator<Item = (&LeaderSession, &Entry)> {
        let wanted =
            |session: &&LeaderSession| session.active(now) && session.takes(original_code, hotline_primary, skill);
        let found: Vec<&LeaderSession> = self.sessions.iter().filter(wanted).collect();
        found.into_iter().filter_map(|session| Some((session, self.entry(&session.leader)?)))
    }
}

impl Entry {
    /// The lines that are reachable at this local time, in their order: outside the hours only those of
    /// duty. `minutes` are minutes after midnight.
    pub fn lines_at(&self, weekday: Weekday, minutes: u16) -> Result<Vec<&Line>, Unreachable> {
        if self.lines.is_empty() {
            return Err(Unreachable::NoLine);
        }
        let closed = self.hours.as_ref().filter(|hours| !hours.hold(weekday, minutes));
        let lines: Vec<&Line> = self.lines.iter().filter(|line| closed.is_none() || line.duty).collect();
        match (lines.is_empty(), closed.and_then(|hours| hours.next(weekday, minutes))) {
            (false, _) => Ok(lines),
            (true, Some(opens)) => Err(Unreachable::ClosedUntil(opens)),
            (true, None) => Err(Unreachable::NoLine),
        }
    }

    /// Whether calls to it may take the channels that a trunk keeps for emergencies (R31).
    pub const fn is_reserved(&self) -> bool {
        matches!(self.kind, Kind::Emergency(_))
    }

    /// `word` in small letters.
    fn mentions(&self, word: &str) -> bool {
        let within = |text: &str| text.to_lowercase().contains(word);
        self.code.starts_with(word)
            || within(&self.name)
            || self.kind.post().is_some_and(within)
            || self.competence.iter().any(|subject| within(subject))
            || self.pinyin.as_deref().is_some_and(within)
    }
}

impl Kind {
    /// What somebody of this kind is to a call (R15).
    pub const fn role(&self) -> Role {
        match self {
            Self::Unit | Self::DutyPhone => Role::Unit,
            Self::Expert => Role::Expert,
            Self::Branch => Role::Branch,
            Self::Leader { .. } => Role::Leader,
            Self::Emergency(_) => Role::Platform,
        }
    }

    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Expert => "expert",
            Self::Branch => "branch",
            Self::DutyPhone => "duty_phone",
            Self::Leader { .. } => "leader",
            Self::Emergency(_) => "emergency",
        }
    }

    pub fn post(&self) -> Option<&str> {
        match self {
            Self::Leader { post, .. } => Some(post),
            Self::Unit | Self::Expert | Self::Branch | Self::DutyPhone | Self::Emergency(_) => None,
        }
    }

    /// Unless a line says otherwise. Who is to help the citizen in our place sees who calls (R14, R29); a unit
    /// does not, which may be the one that is reported (Art. 26).
    pub const fn shown(&self) -> Shown {
        match self {
            Self::Expert | Self::Branch | Self::Emergency(_) => Shown::Citizen,
            Self::Unit | Self::DutyPhone | Self::Leader { .. } => Shown::Ours,
        }
    }

    /// R22, unless an entry says otherwise. The rule names 110; the other three numbers on which lives
    /// hang are held like it.
    pub const fn after_seat_leaves(&self) -> AfterSeat {
        match self {
            Self::Leader { .. }
            | Self::Expert
            | Self::Emergency(Service::Police | Service::Fire | Service::Ambulance | Service::Traffic) => {
                AfterSeat::KeepTalking
            }
            Self::Unit
            | Self::Branch
            | Self::DutyPhone
            | Self::Emergency(Service::Water | Service::Power | Service::Gas) => AfterSeat::EndAll,
        }
    }
}

impl Service {
    /// Those that a centre must be able to reach (R31).
    pub const ALL: [Self; 7] =
        [Self::Police, Self::Fire, Self::Ambulance, Self::Traffic, Self::Water, Self::Power, Self::Gas];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Police => "110",
            Self::Fire => "119",
            Self::Ambulance => "120",
            Self::Traffic => "122",
            Self::Water => "water",
            Self::Power => "power",
            Self::Gas => "gas",
        }
    }
}
