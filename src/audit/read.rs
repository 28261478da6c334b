//! Rows, newest first, a page at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::file;
use super::row::{Deed, Outcome, Row};
use crate::store::query::Span;

/// Conditions all of which hold; None asks nothing.
#[derive(Clone, Debug)]
pub struct Ask {
    pub span: Span,
    pub who: Option<String>,
    pub what: Option<Deed>,
    pub on: Option<String>,
    pub outcome: Option<Outcome>,
    /// Only rows before this one.
    pub before: Option<u64>,
    /// Rows on the page.
    pub rows: usize,
}

/// The rows, and where the next page begins: before the last of them. A line that cannot be read is left
/// out: `verify` names it.
pub fn page(folder: &Path, ask: &Ask) -> io::Result<(Vec<Row>, Option<u64>)> {
    let mut found: Vec<Row> = Vec::new();
    for path in file::all(folder)?.iter().rev() {
        // One more than asked for tells whether there is another page.
        let room = ask.rows.saturating_add(1).saturating_sub(found.len());
        if room == 0 {
            break;
        }
        let mut last = VecDeque::new();
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let Some(row) = Row::read(&String::from_utf8_lossy(&line?)) else { continue };
            if ask.before.is_some_and(|before| row.seq >= before) {
                break;
            }
            if ask.wants(&row) {
                last.push_back(row);
                if last.len() > room {
                    last.pop_front();
                }
            }
        }
        found.extend(last.into_iter().rev());
    }
    let more = found.len() > ask.rows;
    found.truncate(ask.rows);
    let next = found.last().filter(|_| more).map(|row| row.seq);
    Ok((found, next))
}

impl Ask {
    fn wants(&self, row: &Row) -> bool {
        let is = |asked: &Option<String>, told: &str| asked.as_ref().is_none_or(|asked| asked == told);
        self.span.holds(row.at)
            && is(&self.who, &row.fact.who)
            && is(&self.on, &row.fact.on)
            && self.what.is_none_or(|what| what == row.fact.what)
            && self.outcome.is_none_or(|outcome| outcome == row.fact.outcome)
    }
}
