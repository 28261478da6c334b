//! What happens, told while it happens.

use std::io::{self, Write};

use serde::Serialize;

use crate::time::Mono;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Since the demonstration began.
    pub at_s: f64,
    pub what: String,
    /// The server's reason, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Prints each line at once, unless somebody wants to have them all at the end.
#[derive(Debug)]
pub struct Timeline {
    begun: Mono,
    silent: bool,
    pub lines: Vec<Line>,
}

impl Timeline {
    pub const fn new(begun: Mono, silent: bool) -> Self {
        Self { begun, silent, lines: Vec::new() }
    }

    pub fn tell(&mut self, at: Mono, what: impl Into<String>, why: Option<String>) {
        let line = Line { at_s: at.since(self.begun).as_millis() as f64 / 1000.0, what: what.into(), why };
        if !self.silent {
            // Nobody looks any more: the call goes on all the same.
            let _ = print(&mut io::stdout().lock(), &line);
        }
        self.lines.push(line);
    }
}

fn print(out: &mut impl Write, line: &Line) -> io::Result<()> {
    writeln!(out, "{:5.1} s  {}", line.at_s, line.what)?;
    if let Some(why) = &line.why {
        writeln!(out, "         why: {why}")?;
    }
    out.flush()
}
