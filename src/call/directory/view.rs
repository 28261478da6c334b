//! What the directory shows to the API: numbers masked (R101), a seat dials codes.

use serde::Serialize;

use super::super::settings::local;
use super::super::switchboard::Switchboard;
use super::{AfterSeat, AnswerPolicy, Directory, Entry, Kind, Level, Line, LineTo, Service, Shown};
use crate::privacy::mask_within;
use crate::time::Wall;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryView {
    pub code: String,
    pub name: String,
    pub kind: &'static str,
    pub post: Option<String>,
    pub level: Option<Level>,
    pub service: Option<Service>,
    pub lines: Vec<LineView>,
    /// Whether it can be rung now.
    pub open: bool,
    /// Why not.
    pub reason: Option<String>,
    pub answer: AnswerPolicy,
    pub after_seat_leaves: AfterSeat,
    /// Takes the channels that trunks keep for emergencies.
    pub reserved: bool,
    pub competence: Vec<String>,
    /// Topic of the session that a leader holds now.
    pub session: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineView {
    /// `number`, `device` or `seat`.
    pub kind: &'static str,
    pub to: String,
    pub trunks: Vec<String>,
    /// Whose number it is shown; None for a seat, which sees the citizen's.
    pub shown: Option<Shown>,
    pub duty: bool,
    /// Whether its phone is there. None: that shows only when it is called, but for a seat's.
    pub reachable: Option<bool>,
}

impl Switchboard {
    /// Who can be brought into a call; with a query those in which all its words occur.
    pub fn directory(&self, query: &str, at: Wall) -> Vec<EntryView> {
        let directory = &self.settings.directory;
        let line = |entry: &Entry, line: &Line| self.line_view(entry, line);
        directory.search(query).map(|entry| view(directory, entry, at, line)).collect()
    }

    fn line_view(&self, entry: &Entry, line: &Line) -> LineView {
        let shown = entry.kind.shown();
        let (kind, to, trunks, shown, reachable) = match &line.to {
            LineTo::Number { number, trunks, shown: own } => {
                ("number", mask_within(number.reveal()), trunks.clone(), Some(own.unwrap_or(shown)), None)
            }
            LineTo::Device(uri) => ("device", mask_within(uri), Vec::new(), Some(shown), None),
            LineTo::Seat(seat) => {
                let reachable = self.desk.get(seat).is_some_and(|seat| seat.reachable);
                ("seat", seat.0.clone(), Vec::new(), None, Some(reachable))
            }
        };
        LineView { kind, to, trunks, shown, duty: line.duty, reachable }
    }
}

fn view(directory: &Directory, entry: &Entry, at: Wall, line: impl Fn(&Entry, &Line) -> LineView) -> EntryView {
    let now = local(at);
    let (level, service) = match &entry.kind {
        Kind::Leader { level, .. } => (Some(*level), None),
        Kind::Emergency(service) => (None, Some(*service)),
        Kind::Unit | Kind::Expert | Kind::Branch | Kind::DutyPhone => (None, None),
    };
    let minutes = u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs());
    let reason = entry.lines_at(now.weekday(), minutes).err();
    let session = directory.sessions().iter().find(|session| session.leader == entry.code && session.active(now));
    EntryView {
        code: entry.code.clone(),
        name: entry.name.clone(),
        kind: entry.kind.as_str(),
        post: entry.kind.post().map(str::to_owned),
        level,
        service,
        lines: entry.lines.iter().map(|own| line(entry, own)).collect(),
        open: reason.is_none(),
        reason: reason.map(|reason| reason.to_string()),
        answer: entry.answer,
        after_seat_leaves: entry.after_seat_leaves,
        reserved: entry.is_reserved(),
        competence: entry.competence.clone(),
        session: session.map(|session| session.topic.clone()),
    }
}
