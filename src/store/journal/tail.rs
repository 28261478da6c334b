//! Follows the journal: from memory where the entries are still there, else from the files.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::segments::{self, Item, Reader};
use super::{JournalError, Shared};
use crate::store::entry::Record;

pub(in crate::store) struct Tail {
    shared: Arc<Shared>,
    reader: Option<Reader>,
}

/// The journal is closed, and everything in it has been returned.
pub(in crate::store) struct TailEnd;

/// A piece of the journal.
#[derive(Default)]
pub(in crate::store) struct Stretch {
    pub records: Vec<Arc<Record>>,
    /// There is no entry up to here but those above.
    pub upto: u64,
}

impl Tail {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, reader: None }
    }

    /// Until an entry after this one is on disk.
    pub async fn wait(&self, after: u64) -> Result<(), TailEnd> {
        let mut synced = self.shared.synced.subscribe();
        loop {
            if *synced.borrow_and_update() > after {
                return Ok(());
            }
            if self.shared.closed.load(Ordering::Acquire) || synced.changed().await.is_err() {
                return Err(TailEnd);
            }
        }
    }

    pub fn synced(&self) -> u64 {
        *self.shared.synced.borrow()
    }

    /// Up to `most` entries after this one. Reads files, so it blocks.
    pub fn read(&mut self, after: u64, most: usize) -> Result<Stretch, JournalError> {
        let synced = self.synced();
        if let Some(stretch) = self.remembered(after, most) {
            self.reader = None;
            return Ok(stretch);
        }
        let mut records = Vec::new();
        while records.len() < most {
            match self.next_from_files(records.last().map_or(after, |last: &Arc<Record>| last.seq))? {
                Some(record) if record.seq <= synced => records.push(record),
                Some(_) | None => {
                    // What lies beyond is not yet on disk for certain: to be read again.
                    self.reader = None;
                    let upto = synced.max(after);
                    return Ok(Stretch { records, upto });
                }
            }
        }
        let upto = records.last().map_or(after, |last| last.seq);
        Ok(Stretch { records, upto })
    }

    fn remembered(&self, after: u64, most: usize) -> Option<Stretch> {
        let recent = self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let first = recent.front()?.seq;
        let skip = usize::try_from(after.checked_add(1)?.checked_sub(first)?).ok()?;
        let records: Vec<_> = recent.iter().skip(skip).take(most).cloned().collect();
        let upto = records.last()?.seq;
        Some(Stretch { records, upto })
    }

    fn next_from_files(&mut self, after: u64) -> Result<Option<Arc<Record>>, JournalError> {
        let dir = &self.shared.dir;
        let mut reader = match self.reader.take() {
            Some(reader) if reader.after == after => reader,
            Some(_) | None => match segments::holding(dir, after)? {
                Some(segment) => Reader::open(dir, segment, after)?,
                None => return Ok(None),
            },
        };
        loop {
            // Listed before the last look: a segment that has a successor gets nothing more.
            let successor = segments::list(dir)?.into_iter().find(|segment| *segment > reader.segment);
            loop {
                match reader.next()? {
                    Some(Item::Record(record)) => {
                        self.reader = Some(reader);
                        return Ok(Some(record));
                    }
                    Some(Item::Damaged { at, .. }) => self.shared.note_damage(&reader.path, at),
                    None => break,
                }
            }
            match successor {
                Some(segment) => reader = Reader::open(dir, segment, reader.after)?,
                None => {
                    self.reader = Some(reader);
                    return Ok(None);
                }
            }
        }
    }
}
