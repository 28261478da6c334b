//! The files `NNNNNN.log` of a journal: finding, reading and removing them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::book::Book;
use super::{JournalError, disk};
use crate::store::entry::{Line, Record, read_line};
use crate::store::numbering::Number;
use crate::time::Wall;

pub(super) struct Found {
    pub next_segment: u32,
    pub damaged: Vec<(PathBuf, u64)>,
    pub torn: bool,
}

pub(super) fn path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:06}.log"))
}

/// The segments that are there, in order.
pub(super) fn list(dir: &Path) -> Result<Vec<u32>, JournalError> {
    let mut segments = Vec::new();
    for item in fs::read_dir(dir).map_err(|source| disk("list", dir, source))? {
        let name = item.map_err(|source| disk("list", dir, source))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".log"));
        segments.extend(digits.and_then(|digits| digits.parse::<u32>().ok()));
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Folds the newest segment whose head can be read, and all after it.
pub(super) fn recover(dir: &Path) -> Result<(Book, Found), JournalError> {
    fs::create_dir_all(dir).map_err(|source| disk("create", dir, source))?;
    let segments = list(dir)?;
    let next_segment = segments.last().map_or(1, |last| last.saturating_add(1));
    let mut found = Found { next_segment, damaged: Vec::new(), torn: false };
    let mut start = None;
    for (index, segment) in segments.iter().enumerate().rev() {
        if let Some(book) = head(dir, *segment)? {
            start = Some((index, book));
            break;
        }
    }
    let (from, mut book) = match start {
        Some(start) => start,
        None => (0, Book::new(random_name()?)),
    };
    for segment in segments.into_iter().skip(from) {
        let mut reader = Reader::open(dir, segment, book.seq)?;
        while let Some(item) = reader.next()? {
            match item {
                Item::Record(record) => book.fold(&record),
                Item::Damaged { at, number } => {
                    book.numbering.skip(number.as_ref());
                    found.damaged.push((reader.path.clone(), at));
                }
            }
        }
        found.torn = reader.torn;
    }
    Ok((book, found))
}

/// The head of a segment; None where it is torn or damaged.
fn head(dir: &Path, segment: u32) -> Result<Option<Book>, JournalError> {
    let path = path(dir, segment);
    let file = File::open(&path).map_err(|source| disk("open", &path, source))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line).map_err(|source| disk("read", &path, source))?;
    Ok(match read_line::<Book>(&line) {
        Some(Line::Head(book)) => Some(*book),
        Some(Line::Record(_)) | None => None,
    })
}

/// The segment in which the entry after `after` is to be looked for.
pub(super) fn holding(dir: &Path, after: u64) -> Result<Option<u32>, JournalError> {
    let segments = list(dir)?;
    for segment in segments.iter().rev() {
        // An unreadable head sends the search one segment back; what is read twice is told apart by `seq`.
        if head(dir, *segment)?.is_some_and(|book| book.seq <= after) {
            return Ok(Some(*segment));
        }
    }
    Ok(segments.first().copied())
}

pub(super) fn prune(dir: &Path, applied: u64, keep: Duration, now: Wall) -> Result<usize, JournalError> {
    let segments = list(dir)?;
    let mut gone = 0;
    for pair in segments.windows(2) {
        let &[segment, next] = pair else { break };
        // The head of the next one says how far this one goes, and when it was full.
        let done = head(dir, next)?.is_some_and(|book| book.seq <= applied && book.at + keep < now);
        if !done {
            break;
        }
        let path = path(dir, segment);
        fs::remove_file(&path).map_err(|source| disk("remove", &path, source))?;
        gone += 1;
    }
    Ok(gone)
}

pub(super) enum Item {
    Record(Arc<Record>),
    Damaged {
        at: u64,
        /// The ticket number that may have stood there.
        number: Option<Number>,
    },
}

/// Reads one segment forward, from entry `after` + 1 on.
pub(super) struct Reader {
    pub path: PathBuf,
    pub segment: u32,
    /// The last entry returned or skipped.
    pub after: u64,
    /// The file ends in the middle of a line.
    pub torn: bool,
    offset: u64,
    file: BufReader<File>,
}

impl Reader {
    pub fn open(dir: &Path, segment: u32, after: u64) -> Result<Self, JournalError> {
        let path = path(dir, segment);
        let file = File::open(&path).map_err(|source| disk("open", &path, source))?;
        Ok(Self { path, segment, after, torn: false, offset: 0, file: BufReader::with_capacity(1 << 16, file) })
    }

    /// None at the end of what is there now; a later call looks again.
    pub fn next(&mut self) -> Result<Option<Item>, JournalError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = self.file.read_until(b'\n', &mut line).map_err(|source| disk("read", &self.path, source))?;
            let at = self.offset;
            let read = read_line::<Book>(&line);
            let ends = line.ends_with(b"\n");
            if !ends && read.is_none() {
                self.torn = length > 0;
                self.file.seek(SeekFrom::Start(at)).map_err(|source| disk("read", &self.path, source))?;
                return Ok(None);
            }
            self.offset += u64::try_from(length).unwrap_or(0);
            match read {
                Some(Line::Record(record)) if record.seq > self.after => {
                    self.after = record.seq;
                    return Ok(Some(Item::Record(record)));
                }
                Some(Line::Record(_) | Line::Head(_)) => {}
                None => return Ok(Some(Item::Damaged { at, number: number_in(&line) })),
            }
        }
    }
}

fn number_in(damaged: &[u8]) -> Option<Number> {
    let text = String::from_utf8_lossy(damaged);
    text.split_once("\"number\":\"")?.1.split_once('"')?.0.parse().ok()
}

fn random_name() -> Result<String, JournalError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| disk("name", Path::new("journal"), std::io::Error::other(error)))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
