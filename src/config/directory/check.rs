//! What the directory may not say beside the other files.

use std::collections::BTreeSet;

use super::{DeviceContact, DirectoryFiles};
use crate::call::directory::{Entry, Kind, Line, LineTo};
use crate::config::rows::Row;
use crate::config::server::Listen;
use crate::config::{Fault, QueueSettings, SeatSettings, Texts, Trunk};
use crate::rules::numbers::form::readings;
use crate::rules::numbers::{AreaCode, EMERGENCY, NumberRow};

/// The rows of the other files; None where some of a file could not be read, and proves nothing.
pub struct Known<'a> {
    pub area: &'a AreaCode,
    pub listens: Option<&'a [Row<Listen>]>,
    pub trunks: Option<&'a [Row<Trunk>]>,
    pub seats: Option<&'a [Row<SeatSettings>]>,
    pub groups: Option<&'a [Row<QueueSettings>]>,
    pub numbers: Option<&'a [Row<NumberRow>]>,
}

pub fn check(files: &DirectoryFiles, texts: &Texts, known: &Known<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut former: Vec<&Entry> = Vec::new();
    for (text, rows) in
        [(&texts.units, &files.units), (&texts.leaders, &files.leaders), (&texts.emergency, &files.emergency)]
    {
        for Row { line, value: entry } in rows {
            let mut refuse = |reason: String| {
                let reason = format!("{}: {reason}", entry.code);
                faults.push(Fault { file: text.file.clone(), line: Some(*line), reason });
            };
            if let Some(twin) = former.iter().find(|twin| twin.code == entry.code) {
                refuse(format!("duplicate code, that of {}", twin.name));
            }
            code(entry, known, &mut refuse);
            lines(entry, known, &mut refuse);
            former.push(entry);
        }
    }
    for Row { line, value: session } in &files.sessions {
        let mut refuse = |reason: String| {
            let reason = format!("session of {}: {reason}", session.leader);
            faults.push(Fault { file: texts.leaders.file.clone(), line: Some(*line), reason });
        };
        for skill in &session.skills {
            if known.groups.is_some_and(|groups| !groups.iter().any(|group| group.value.skill == *skill)) {
                refuse(format!("skill {skill} names an unknown group"));
            }
        }
        for code in &session.codes {
            if known.numbers.is_some_and(|numbers| !numbers.iter().any(|row| row.value.code == *code)) {
                refuse(format!("{code} is not in the number table"));
            }
        }
    }
    faults.extend(number_targets(&former, texts, known));
    super::without_numbers(faults)
}

/// R6: whom a number is passed on to must be there, and not lead back to the hotline.
fn number_targets(entries: &[&Entry], texts: &Texts, known: &Known<'_>) -> Vec<Fault> {
    let numbers = known.numbers.unwrap_or_default();
    let pilots = known.trunks.unwrap_or_default().iter().flat_map(|row| &row.value.pilots);
    let codes = numbers.iter().map(|row| &row.value.code);
    let ours: BTreeSet<String> = codes.chain(pilots).flat_map(|number| readings(number, known.area, None)).collect();
    let leads_back = |line: &Line| match &line.to {
        LineTo::Number { number, .. } => {
            readings(number.reveal(), known.area, None).iter().any(|read| ours.contains(read))
        }
        LineTo::Device(_) | LineTo::Seat(_) => false,
    };
    let wrong = |target: &str| match entries.iter().find(|entry| entry.code == target) {
        None => Some("is no code of the directory"),
        Some(entry) => match entry.kind {
            Kind::Unit | Kind::Expert | Kind::Branch if entry.lines.iter().any(leads_back) => {
                Some("has a line that leads back to the hotline")
            }
            Kind::Unit | Kind::Expert | Kind::Branch => None,
            Kind::DutyPhone | Kind::Leader { .. } | Kind::Emergency(_) => Some("is no unit, expert or branch"),
        },
    };
    let fault = |Row { line, value: row }: &Row<NumberRow>| {
        let target = row.target.as_deref()?;
        let reason = format!("{}: target {target} {}", row.code, wrong(target)?);
        Some(Fault { file: texts.numbers.file.clone(), line: Some(*line), reason })
    };
    numbers.iter().filter_map(fault).collect()
}

/// What a seat dials means one thing.
fn code(entry: &Entry, known: &Known<'_>, refuse: &mut impl FnMut(String)) {
    let code = entry.code.as_str();
    if known.seats.is_some_and(|seats| seats.iter().any(|seat| seat.value.no.0 == code)) {
        refuse("is a seat's number".into());
    }
    if known.numbers.is_some_and(|numbers| numbers.iter().any(|row| row.value.code == code)) {
        refuse("is a hotline number".into());
    }
    let is_its_own = matches!(entry.kind, Kind::Emergency(service) if service.as_str() == code);
    if EMERGENCY.contains(&code) && !is_its_own {
        refuse("is another's emergency number".into());
    }
}

fn lines(entry: &Entry, known: &Known<'_>, refuse: &mut impl FnMut(String)) {
    for line in &entry.lines {
        match &line.to {
            LineTo::Number { trunks, .. } => {
                for name in trunks {
                    let Some(rows) = known.trunks else { continue };
                    match rows.iter().map(|row| &row.value).find(|trunk| trunk.name == *name) {
                        None => refuse(format!("unknown trunk {name}")),
                        Some(trunk) if trunk.hosts.is_empty() => {
                            refuse(format!("trunk {name} has no hosts, nothing can be dialled through it"));
                        }
                        Some(_) => {}
                    }
                }
            }
            LineTo::Device(uri) => {
                let (Some(listens), Ok(contact)) = (known.listens, DeviceContact::parse(uri)) else { continue };
                if !listens.iter().any(|row| contact.is_reached_by(&row.value)) {
                    refuse("no listener for seats can reach its device".into());
                }
            }
            LineTo::Seat(no) => {
                if known.seats.is_some_and(|seats| !seats.iter().any(|seat| seat.value.no == *no)) {
                    refuse(format!("unknown seat {}", no.0));
                }
            }
        }
    }
}
