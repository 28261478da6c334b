//! `units.toml`, `leaders.toml` and `emergency.toml`: who can be brought into a call (R19, R24, R31).
//! Numbers belong to persons, and a reload logs its faults: within them, long numbers are masked (R104).

mod check;
mod device;
mod lines;
mod values;

use std::time::Duration;

use jiff::civil::DateTime;
use serde::Deserialize;

use super::Fault;
use super::files::{Text, Texts};
use super::rows::{Reader, Row};
use super::values::{self as common, name};
use crate::call::directory::{AfterSeat, AnswerPolicy, Directory, Entry, Kind, LeaderSession, Level, Mode, Service};
use crate::privacy::mask_within;

pub(super) use check::{Known, check};
pub use device::DeviceContact;

use lines::Lines;
use values::OpeningHours;

/// `[[unit]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitRow {
    #[serde(deserialize_with = "values::code")]
    code: String,
    #[serde(deserialize_with = "name")]
    name: String,
    #[serde(default, deserialize_with = "values::pinyin")]
    pinyin: Option<String>,
    kind: UnitKind,
    lines: Lines,
    hours: Option<OpeningHours>,
    #[serde(default)]
    answer: AnswerPolicy,
    after_seat_leaves: Option<AfterSeat>,
    #[serde(default)]
    competence: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnitKind {
    Unit,
    Expert,
    Branch,
    DutyPhone,
}

/// `[[leader]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaderRow {
    #[serde(deserialize_with = "values::code")]
    code: String,
    #[serde(deserialize_with = "name")]
    name: String,
    #[serde(default, deserialize_with = "values::pinyin")]
    pinyin: Option<String>,
    #[serde(deserialize_with = "name")]
    post: String,
    level: Level,
    lines: Lines,
    #[serde(default)]
    answer: AnswerPolicy,
    after_seat_leaves: Option<AfterSeat>,
    #[serde(default)]
    competence: Vec<String>,
}

/// `[[session]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionRow {
    #[serde(deserialize_with = "name")]
    leader: String,
    #[serde(deserialize_with = "name")]
    topic: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    skills: Vec<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "twenty_seconds", rename = "ring_s", deserialize_with = "common::seconds::<5, 60, _>")]
    ring: Duration,
    #[serde(default, deserialize_with = "values::wav_name")]
    briefing: Option<String>,
    #[serde(deserialize_with = "values::local_time")]
    start: DateTime,
    #[serde(deserialize_with = "values::local_time")]
    end: DateTime,
}

fn twenty_seconds() -> Duration {
    Duration::from_secs(20)
}

/// `[[emergency]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmergencyRow {
    #[serde(deserialize_with = "values::code")]
    code: String,
    #[serde(deserialize_with = "name")]
    name: String,
    #[serde(default, deserialize_with = "values::pinyin")]
    pinyin: Option<String>,
    service: Service,
    lines: Lines,
    #[serde(default)]
    answer: AnswerPolicy,
    after_seat_leaves: Option<AfterSeat>,
    #[serde(default)]
    competence: Vec<String>,
}

/// The rows of the three files.
pub struct DirectoryFiles {
    pub units: Vec<Row<Entry>>,
    pub leaders: Vec<Row<Entry>>,
    pub sessions: Vec<Row<LeaderSession>>,
    pub emergency: Vec<Row<Entry>>,
}

impl DirectoryFiles {
    pub fn directory(self) -> Directory {
        let entries = self.units.into_iter().chain(self.leaders).chain(self.emergency).map(|row| row.value);
        Directory::new(entries, self.sessions.into_iter().map(|row| row.value).collect())
    }
}

pub fn read(texts: &Texts) -> (DirectoryFiles, Vec<Fault>) {
    let (units, mut faults) = units(&texts.units);
    let (leaders, sessions, found) = leaders(&texts.leaders);
    faults.extend(found);
    let (emergency, found) = emergency(&texts.emergency);
    faults.extend(found);
    (DirectoryFiles { units, leaders, sessions, emergency }, without_numbers(faults))
}

/// What stands in a wrong key may be quoted, and be a number.
fn without_numbers(faults: Vec<Fault>) -> Vec<Fault> {
    faults.into_iter().map(|fault| Fault { reason: mask_within(&fault.reason), ..fault }).collect()
}

fn units(text: &Text) -> (Vec<Row<Entry>>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let units = entries(reader.tables::<UnitRow>("unit"));
    repeated_lines(&units, &mut reader);
    (units, reader.finish())
}

fn leaders(text: &Text) -> (Vec<Row<Entry>>, Vec<Row<LeaderSession>>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let leaders = entries(reader.tables::<LeaderRow>("leader"));
    // Whoever could not be read is not unknown.
    let leaders_are_whole = !reader.is_broken();
    repeated_lines(&leaders, &mut reader);
    let mut sessions: Vec<Row<LeaderSession>> = Vec::new();
    for Row { line, value: row } in reader.tables::<SessionRow>("session") {
        let mut refuse = |reason: &str| reader.fault(Some(line), format!("session of {}: {reason}", row.leader));
        if row.end <= row.start {
            refuse("ends before it starts");
        }
        if row.codes.is_empty() && row.skills.is_empty() {
            refuse("neither codes nor skills: no call would reach it");
        }
        if sessions.iter().any(|former| former.value.leader == row.leader && former.value.start == row.start) {
            refuse("another one of this leader starts at the same time");
        }
        let level = leaders.iter().find(|leader| leader.value.code == row.leader).and_then(level);
        match level {
            Some(level) => sessions.push(Row { line, value: session(row, level) }),
            None if leaders_are_whole => refuse("unknown leader"),
            None => {}
        }
    }
    (leaders, sessions, reader.finish())
}

fn level(leader: &Row<Entry>) -> Option<Level> {
    match leader.value.kind {
        Kind::Leader { level, .. } => Some(level),
        Kind::Unit | Kind::Expert | Kind::Branch | Kind::DutyPhone | Kind::Emergency(_) => None,
    }
}

fn emergency(text: &Text) -> (Vec<Row<Entry>>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let entries = entries(reader.tables::<EmergencyRow>("emergency"));
    let all_are_read = !reader.is_broken();
    repeated_lines(&entries, &mut reader);
    for Row { line, value: entry } in &entries {
        if entry.lines.len() == 1 {
            reader.fault(Some(*line), format!("{}: one line only, an emergency target needs another", entry.code));
        }
    }
    let is_there = |service: &Service| entries.iter().any(|row| row.value.kind == Kind::Emergency(*service));
    for service in Service::ALL.iter().filter(|service| all_are_read && !is_there(service)) {
        reader.fault(None, format!("no [[emergency]] with service = \"{}\"", service.as_str()));
    }
    (entries, reader.finish())
}

/// The same line twice is no second way.
fn repeated_lines(entries: &[Row<Entry>], reader: &mut Reader<'_>) {
    for Row { line, value: entry } in entries {
        for (at, own) in entry.lines.iter().enumerate() {
            if entry.lines.iter().take(at).any(|former| former.to == own.to) {
                reader.fault(Some(*line), format!("{}: line {} is there twice", entry.code, at.saturating_add(1)));
            }
        }
    }
}

fn entries<T: Into<Entry>>(rows: Vec<Row<T>>) -> Vec<Row<Entry>> {
    rows.into_iter().map(|row| Row { line: row.line, value: row.value.into() }).collect()
}

fn session(row: SessionRow, level: Level) -> LeaderSession {
    LeaderSession {
        leader: row.leader,
        level,
        topic: row.topic,
        codes: row.codes,
        skills: row.skills,
        mode: row.mode,
        ring: row.ring,
        briefing: row.briefing,
        start: row.start,
        end: row.end,
    }
}

impl From<UnitRow> for Entry {
    fn from(row: UnitRow) -> Self {
        let kind = match row.kind {
            UnitKind::Unit => Kind::Unit,
            UnitKind::Expert => Kind::Expert,
            UnitKind::Branch => Kind::Branch,
            UnitKind::DutyPhone => Kind::DutyPhone,
        };
        Self {
            code: row.code,
            name: row.name,
            pinyin: row.pinyin,
            lines: row.lines.0,
            hours: row.hours.map(|hours| hours.0),
            answer: row.answer,
            after_seat_leaves: row.after_seat_leaves.unwrap_or(kind.after_seat_leaves()),
            competence: row.competence,
            kind,
        }
    }
}

impl From<LeaderRow> for Entry {
    fn from(row: LeaderRow) -> Self {
        let kind = Kind::Leader { post: row.post, level: row.level };
        Self {
            code: row.code,
            name: row.name,
            pinyin: row.pinyin,
            lines: row.lines.0,
            hours: None,
            answer: row.answer,
            after_seat_leaves: row.after_seat_leaves.unwrap_or(kind.after_seat_leaves()),
            competence: row.competence,
            kind,
        }
    }
}

impl From<EmergencyRow> for Entry {
    fn from(row: EmergencyRow) -> Self {
        let kind = Kind::Emergency(row.service);
        Self {
            code: row.code,
            name: row.name,
            pinyin: row.pinyin,
            lines: row.lines.0,
            hours: None,
            answer: row.answer,
            after_seat_leaves: row.after_seat_leaves.unwrap_or(kind.after_seat_leaves()),
            competence: row.competence,
            kind,
        }
    }
}
