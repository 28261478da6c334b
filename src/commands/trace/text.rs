//! The ladder as text: a column for each party, the hotline between the trunk and the seats.

use super::ladder::{Ladder, Role, Step};

/// Of the time, and of one column.
const TIME: usize = 10;
const COLUMN: usize = 28;

pub fn print(ladder: &Ladder) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let call = ladder.call.as_ref().map_or("no call".to_owned(), |call| format!("call {call}"));
    line(&format!("{call}, {}", ladder.started));
    if let (Some(from), Some(to)) = (&ladder.from, &ladder.to) {
        line(&format!("from {from} to {to}"));
    }
    line("");
    let places = Places::of(ladder);
    let named = ladder.parties.iter().enumerate().map(|(at, party)| (places.party(at), party.name.clone()));
    line(&titles(named.chain([(places.hotline, "hotline".to_owned())])));
    let addressed = |(at, party): (usize, &super::ladder::Party)| {
        (places.party(at), format!("{} {}", party.address, party.transport.param_name()))
    };
    line(&titles(ladder.parties.iter().enumerate().map(addressed)));
    for step in &ladder.steps {
        line(&match step {
            Step::Message { ms, way, party, again, remark, .. } => {
                let (from, to) = match *way {
                    "sent" => (places.hotline, places.party(*party)),
                    _ => (places.party(*party), places.hotline),
                };
                let again = if *again { "again; " } else { "" };
                let arrow = places.arrow(from, to, &label(step));
                format!("{:>9} {arrow}  {}", seconds(*ms), format!("{again}{remark}").trim_end_matches("; "))
            }
            Step::Note { ms, text } => format!("{:>9}   * {text}", seconds(*ms)),
            Step::Lost { records } => format!("{:>9}   * {records} records of the trace were lost here", ""),
        });
    }
    out
}

/// Where each column stands.
struct Places {
    hotline: usize,
    columns: usize,
}

impl Places {
    fn of(ladder: &Ladder) -> Self {
        let trunks = ladder.parties.iter().filter(|party| party.role == Role::Trunk).count();
        // Without a trunk, whoever else it was stands on the left alone.
        let left = if trunks == 0 { ladder.parties.len().min(1) } else { trunks };
        Self { hotline: left, columns: ladder.parties.len() + 1 }
    }

    fn party(&self, at: usize) -> usize {
        if at < self.hotline { at } else { at + 1 }
    }

    /// `|--- INVITE 1 --->|`
    fn arrow(&self, from: usize, to: usize, label: &str) -> String {
        let mut cells: Vec<char> = vec![' '; self.columns * COLUMN];
        let mut set = |at: usize, char: char| {
            if let Some(cell) = cells.get_mut(at) {
                *cell = char;
            }
        };
        (0..self.columns).for_each(|column| set(middle(column), '|'));
        let (left, right) = (middle(from.min(to)), middle(from.max(to)));
        (left + 1..right).for_each(|at| set(at, '-'));
        if from < to {
            set(right - 1, '>')
        } else {
            set(left + 1, '<')
        }
        let room = right - left - 1;
        let label: Vec<char> = format!(" {label} ").chars().take(room - 4).collect();
        let start = left + 1 + (room - label.len()) / 2;
        label.into_iter().enumerate().for_each(|(at, char)| set(start + at, char));
        cells.into_iter().collect::<String>().trim_end().to_owned()
    }
}

fn middle(column: usize) -> usize {
    column * COLUMN + COLUMN / 2
}

fn titles(names: impl Iterator<Item = (usize, String)>) -> String {
    let mut names: Vec<(usize, String)> = names.collect();
    names.sort();
    let mut out = " ".repeat(TIME);
    for (column, name) in names {
        let from = (TIME + middle(column)).saturating_sub(name.chars().count() / 2);
        let gap = from.saturating_sub(out.chars().count());
        out.push_str(&" ".repeat(gap.max(1)));
        out.push_str(&name);
    }
    out
}

/// `INVITE 1 sdp`, `200 INVITE 1 sdp`.
fn label(step: &Step) -> String {
    let Step::Message { method, status, cseq, sdp, .. } = step else { return String::new() };
    let status = status.map(|status| status.to_string());
    let cseq = cseq.map(|number| number.to_string());
    let sdp = sdp.then(|| "sdp".to_owned());
    [status, Some(method.clone()), cseq, sdp].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `0.312`
fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}
