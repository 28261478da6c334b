//! What the switchboard is told about seats, skills, centres, trunks and times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;

use super::SeatNo;
use super::directory::Directory;
use crate::time::{Mono, Now, Wall};

/// Everything configurable about the handling of calls; `config.rs` has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub seats: BTreeMap<SeatNo, SeatSettings>,
    pub skills: BTreeMap<String, SkillSettings>,
    /// Language → the skill of the group that speaks it (R10).
    pub languages: BTreeMap<String, String>,
    /// Centre id → ticket prefix (R13, R34).
    pub centres: BTreeMap<String, String>,
    /// Centre of calls whose skill and seat name none.
    pub city_centre: String,
    pub trunks: BTreeMap<String, TrunkCodes>,
    /// Who can be brought into a call (R19).
    pub directory: Directory,
    /// Local hours in which `night_overflow` takes the place of `overflow` (R8).
    pub night: Option<Night>,
    /// T_rna: how long a seat rings (R11).
    pub ring_time: Duration,
    /// Unanswered seats of one caller after which an alarm is raised.
    pub unanswered_alarm: u32,
    /// T_wrap: time for the ticket after a call (话后整理), of seats without their own; zero for none.
    pub wrap_up: Duration,
    pub after_wrap_up: AfterWrapUp,
    /// Time between two announcements to a waiting caller.
    pub announce_every: Duration,
    /// Age of a call at which an alarm is raised; it is never cut.
    pub long_call: Duration,
    /// How long the answer waits for the journal before the caller is answered anyway (R33).
    pub journal_wait: Duration,
    /// An unknown-number alarm of a trunk clears after this time without another one.
    pub unknown_number_quiet: Duration,
    /// Whether a phone that becomes reachable signs its seat in, unless the seat signed out by hand.
    pub sign_in_on_register: bool,
    pub play_greeting: bool,
    /// The recording notice (R9: in parallel with the choice of a seat).
    pub play_notice: bool,
    /// The seat's number (工号) spoken to the citizen at answer.
    pub play_seat_number: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seats: BTreeMap::new(),
            skills: BTreeMap::new(),
            languages: BTreeMap::new(),
            centres: BTreeMap::from([("city".into(), "JDZ".into())]),
            city_centre: "city".into(),
            trunks: BTreeMap::new(),
            directory: Directory::default(),
            night: None,
            ring_time: Duration::from_secs(12),
            unanswered_alarm: 3,
            wrap_up: Duration::from_secs(60),
            after_wrap_up: AfterWrapUp::Idle,
            announce_every: Duration::from_secs(20),
            long_call: Duration::from_secs(4 * 3600),
            journal_wait: Duration::from_secs(2),
            unknown_number_quiet: Duration::from_secs(3600),
            sign_in_on_register: true,
            play_greeting: true,
            play_notice: true,
            play_seat_number: true,
        }
    }
}

/// A seat (坐席), R12 and R13.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSettings {
    pub name: String,
    pub kind: SeatKind,
    pub centre: String,
    pub skills: BTreeSet<String>,
    /// Its own T_wrap.
    pub wrap_up: Option<Duration>,
    /// A shift leader's: it may listen to the calls of others.
    pub supervisor: bool,
}

impl SeatSettings {
    /// Whether the queue offers it callers of this group; a leader is only ever invited.
    fn answers(&self, group: &str) -> bool {
        self.kind != SeatKind::Leader && self.skills.contains(group)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeatKind {
    Local,
    /// County or home.
    Remote,
    Expert,
    /// 分中心
    Branch,
    Leader,
}

impl SeatKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Expert => "expert",
            Self::Branch => "branch",
            Self::Leader => "leader",
        }
    }
}

impl std::fmt::Display for SeatKind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A skill group (技能组) and its queue, R10.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkillSettings {
    /// Centre whose queue this is; None: the queue is everybody's, and the answering seat decides.
    pub centre: Option<String>,
    /// Higher is served first; within one priority the oldest caller.
    pub priority: u8,
    /// Groups whose seats may serve a caller of this skill too, each after its time in the queue; the
    /// first that has a seat is taken.
    pub overflow: Vec<Overflow>,
    /// The same by night; None: as by day.
    pub night_overflow: Option<Vec<Overflow>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    pub to: String,
    pub after: Duration,
}

impl Overflow {
    /// R10: 8 s unless configured.
    pub const DEFAULT_AFTER: Duration = Duration::from_secs(8);
}

/// From this local time of day until that one, over midnight where `from` is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    pub from: Time,
    pub to: Time,
}

impl Night {
    pub fn holds(&self, at: Time) -> bool {
        if self.from <= self.to { self.from <= at && at < self.to } else { self.from <= at || at < self.to }
    }
}

/// What a trunk means by the numbers that it dials (R1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrunkCodes {
    pub pilots: Vec<String>,
    pub default_code: Option<String>,
    pub strip_prefix: Option<String>,
    /// What whoever dials this pilot speaks (R10).
    pub pilot_languages: Vec<(String, String)>,
    /// What all others speak who call over it.
    pub language: Option<String>,
}

/// What a seat is when its wrap-up time has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterWrapUp {
    Idle,
    Busy,
}

impl Settings {
    /// Whose call it is (R13, R34): the centre's whose queue it waits in; in a queue that is everybody's,
    /// the centre's whose seat answers; until then, and where neither is configured any more, the city's.
    pub(super) fn centre_of<'a>(&'a self, skill: &str, seat: Option<&'a SeatSettings>) -> &'a str {
        let queue = self.skills.get(skill).and_then(|settings| settings.centre.as_ref());
        queue.or(seat.map(|seat| &seat.centre)).unwrap_or(&self.city_centre)
    }

    /// The ticket prefix of a centre; the city's where the centre has none.
    pub(super) fn prefix_of(&self, centre: &str) -> String {
        let prefix = self.centres.get(centre).or_else(|| self.centres.get(&self.city_centre));
        prefix.cloned().unwrap_or_default()
    }

    pub(super) fn priority_of(&self, skill: &str) -> u8 {
        self.skills.get(skill).map_or(0, |settings| settings.priority)
    }

    /// How many overflow groups are open to a caller of this skill who has waited so long.
    pub(super) fn overflow_open(&self, skill: &str, waited: Duration, at: Wall) -> usize {
        self.overflow(skill, at).iter().filter(|group| group.after <= waited).count()
    }

    /// When the next overflow group opens to a caller who arrived then.
    pub(super) fn next_overflow(&self, skill: &str, arrived: Mono, now: Now) -> Option<Mono> {
        let opens = self.overflow(skill, now.wall).iter().map(|group| arrived + group.after);
        opens.filter(|at| *at > now.mono).min()
    }

    /// The groups whose seats may serve a caller of `skill` who has waited so long, best first.
    pub(super) fn groups<'a>(&'a self, skill: &'a str, waited: Duration, at: Wall) -> impl Iterator<Item = Group<'a>> {
        let own = if self.skills.contains_key(skill) { Group::Of(skill) } else { Group::Everybody };
        let open = self.overflow(skill, at).iter().filter(move |group| group.after <= waited);
        std::iter::once(own).chain(open.map(|group| Group::Of(&group.to)))
    }

    fn overflow(&self, skill: &str, at: Wall) -> &[Overflow] {
        let Some(settings) = self.skills.get(skill) else {
            return &[];
        };
        let night = self.night.is_some_and(|night| night.holds(local(at).time()));
        settings.night_overflow.as_ref().filter(|_| night).unwrap_or(&settings.overflow)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Group<'a> {
    Of(&'a str),
    /// Of a skill that a reload has removed: its callers are still served.
    Everybody,
}

impl Group<'_> {
    pub fn has(self, seat: &SeatSettings) -> bool {
        match self {
            Self::Of(group) => seat.answers(group),
            Self::Everybody => seat.kind != SeatKind::Leader,
        }
    }
}

/// The date and time on the wall in Jingdezhen. China has kept UTC+8 all year since 1991.
pub(super) fn local(at: Wall) -> DateTime {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Offset::constant(8).to_datetime(instant)
}
