//! Whether the log is as it was written, from its files alone (R105).

use std::fs;
use std::io;
use std::path::Path;

use super::file;
use super::row::{Link, origin, sum};
use crate::words::words;

words! {
    pub enum Fault {
        /// Not as it was written.
        Changed = "changed",
        /// Another row, or another month, stands where it should be.
        Missing = "missing",
        /// A row too many, or one that belongs further up.
        Added = "added",
    }
}

/// The first place at which the log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bad {
    pub seq: u64,
    /// Where it was noticed: the file's name, and the line from 1.
    pub file: String,
    pub line: usize,
    pub fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    pub ok: bool,
    /// Rows that are as they were written, up to the first that is not.
    pub rows: u64,
    /// SHA-256 of the last of them. Kept elsewhere it shows later whether rows behind it, or all from there, were taken away.
    pub head: String,
    pub bad: Option<Bad>,
    /// The last line is not whole: a crash, or a row that is being written just now.
    pub torn: bool,
}

/// Reads every month in `folder`. `head`: of an earlier answer; it must be among the rows.
/// Nothing in the files can show that the newest rows were taken away: that is what `head` is for.
pub fn verify(folder: &Path, head: Option<&str>) -> io::Result<Verified> {
    let mut chain = Chain { rows: 0, previous: origin(), wanted: head, bad: None };
    let mut torn = false;
    let files = file::all(folder)?;
    for (at, path) in files.iter().enumerate() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = fs::read(path)?;
        for (line, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match text.strip_suffix(b"\n") {
                Some(whole) => chain.take(&name, line + 1, &String::from_utf8_lossy(whole)),
                None if at + 1 == files.len() => torn = true,
                None => chain.take(&name, line + 1, ""),
            }
            if chain.bad.is_some() {
                return Ok(chain.verified(false));
            }
        }
    }
    if chain.wanted.is_some() {
        let name = files.last().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy().into_owned();
        chain.bad = Some(Bad { seq: chain.rows + 1, file: name, line: 0, fault: Fault::Missing });
    }
    Ok(chain.verified(torn))
}

struct Chain<'a> {
    rows: u64,
    /// SHA-256 of the last line.
    previous: String,
    /// Still to be met.
    wanted: Option<&'a str>,
    bad: Option<Bad>,
}

impl Chain<'_> {
    fn take(&mut self, file: &str, line: usize, text: &str) {
        let due = self.rows + 1;
        let bad = match Link::read(text) {
            None => Some((due, Fault::Changed)),
            Some(link) if link.seq > due => Some((due, Fault::Missing)),
            Some(link) if link.seq < due => Some((link.seq, Fault::Added)),
            // The row before was written anew, its own sum too.
            Some(link) if link.previous != self.previous => Some((self.rows.max(1), Fault::Changed)),
            Some(_) => None,
        };
        if let Some((seq, fault)) = bad {
            self.bad = Some(Bad { seq, file: file.to_owned(), line, fault });
            return;
        }
        self.rows = due;
        self.previous = sum(text);
        if self.wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(&self.previous)) {
            self.wanted = None;
        }
    }

    fn verified(self, torn: bool) -> Verified {
        Verified { ok: self.bad.is_none(), rows: self.rows, head: self.previous, bad: self.bad, torn }
    }
}
