//! What the configuration may not say: every fault is told by file, line and reason.

mod dialplan;
mod sip_configs;

use hotline::config::{Config, Fault, Texts};

/// Which text an edit changes.
#[derive(Clone, Copy)]
pub enum File {
    Server,
    Trunks,
    Seats,
    Numbers,
    Queues,
    Units,
    Leaders,
    Emergency,
    Retention,
}
use File::{Emergency, Leaders, Numbers, Queues, Retention, Seats, Server, Trunks, Units};

pub fn edited(file: File, old: &str, new: &str) -> (Texts, String) {
    let mut texts = Texts::embedded();
    let text = match file {
        Server => &mut texts.server,
        Trunks => &mut texts.trunks,
        Seats => &mut texts.seats,
        Numbers => &mut texts.numbers,
        Queues => &mut texts.queues,
        Units => &mut texts.units,
        Leaders => &mut texts.leaders,
        Emergency => &mut texts.emergency,
        Retention => &mut texts.retention,
    };
    text.text = match old {
        "" => format!("{}\n{new}", text.text),
        _ => {
            assert!(text.text.contains(old), "{old} is not in {}", text.file);
            text.text.replacen(old, new, 1)
        }
    };
    let changed = text.text.clone();
    (texts, changed)
}

pub fn faults(texts: &Texts) -> Vec<Fault> {
    Config::read(texts).err().unwrap_or_default()
}

/// One edit, and the fault that it must bring: the text that stands on the blamed line (none where the whole
/// file is meant), and the reason.
pub type Case<'a> = (File, &'a str, String, &'a str, &'a str);

pub fn assert_refused(cases: Vec<Case<'_>>) {
    let mut wrong = Vec::new();
    for (file, old, new, line, reason) in cases {
        let (texts, changed) = edited(file, old, &new);
        let found = faults(&texts);
        let name = match file {
            Server => "sip-configs/server.example.toml",
            Trunks => "sip-configs/trunks.example.toml",
            Seats => "sip-configs/seats.example.toml",
            Numbers => "dialplan/numbers.toml",
            Queues => "dialplan/queues.toml",
            Retention => "dialplan/retention.toml",
            Units => "dialplan/units.example.toml",
            Leaders => "dialplan/leaders.example.toml",
            Emergency => "dialplan/emergency.example.toml",
        };
        let at = |fault: &Fault| {
            let at = fault.line.and_then(|line| usize::try_from(line).ok()).unwrap_or_default();
            changed.lines().nth(at.wrapping_sub(1)).unwrap_or_default().to_owned()
        };
        let hit = |fault: &Fault| {
            let placed = fault.line.is_some() != line.is_empty() && at(fault).contains(line);
            fault.file == name && fault.reason.contains(reason) && placed
        };
        if !found.iter().any(hit) || found.iter().any(|fault| fault.reason.contains("7777777")) {
            wrong.push(format!("{old} → {new}: wanted `{line}`: {reason}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_blamed_row_is_the_right_one_of_many() {
    let (texts, changed) =
        edited(Seats, "skills = [\"general\"]\nwrap_up_s", "skills = [\"general\", \"x\"]\nwrap_up_s");
    let found = faults(&texts);
    let header = changed.lines().position(|line| line == "no = \"1003\"").expect("seat 1003");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].line, u32::try_from(header).ok());
    assert_eq!(
        found[0].to_string(),
        format!("sip-configs/seats.example.toml:{header}: seat 1003: skill x names an unknown group")
    );
}
