//! The journal's thread: gathers what waits, writes it, syncs once, acknowledges.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::book::Book;
use super::{Clock, Done, JournalError, Options, Order, Receipt, Shared, disk, segments};
use crate::store::entry::{Entry, Record, VERSION, head_line, record_line};

pub(super) struct Writer {
    book: Book,
    clock: Clock,
    options: Options,
    shared: Arc<Shared>,
    segment: Option<Segment>,
    next_segment: u32,
    /// Written down and numbered, but not yet on disk.
    pending: Vec<Pending>,
    /// Since the disk failed: what it said, and when it is tried again.
    failed: Option<(JournalError, Instant)>,
}

struct Segment {
    path: PathBuf,
    file: File,
    /// Bytes that are synced.
    length: u64,
}

struct Pending {
    /// None for an `Answered` that came twice: it waits for the first, and is not written.
    line: Option<(Arc<Record>, Vec<u8>)>,
    receipt: Receipt,
    done: Option<Done>,
}

/// Entries in one group.
const GROUP: usize = 4_096;

impl Writer {
    pub fn new(book: Book, next_segment: u32, clock: Clock, options: Options, shared: Arc<Shared>) -> Self {
        Self { book, clock, options, shared, segment: None, next_segment, pending: Vec::new(), failed: None }
    }

    pub fn run(mut self, inbox: &Receiver<Order>) {
        let mut stopping = false;
        while !stopping {
            stopping = self.gather(inbox);
            self.commit(stopping);
        }
        self.shared.closed.store(true, Ordering::Release);
        self.shared.synced.send_modify(|_| {});
    }

    /// Takes what comes until the oldest of it may wait no longer. True: this is the end.
    ///
    /// In steps of `gather`: woken for each entry the thread would cost more than the disk.
    fn gather(&mut self, inbox: &Receiver<Order>) -> bool {
        let again = self.failed.as_ref().filter(|_| !self.pending.is_empty()).map(|(_, again)| *again);
        let first = match again {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(again) => inbox.recv_timeout(again.saturating_duration_since(Instant::now())),
        };
        let mut next = match first {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        };
        let mut latest = Instant::now() + self.options.linger;
        let mut slept = false;
        loop {
            match next {
                Some(Order::Append { entry, done }) => {
                    if entry.is_urgent() {
                        latest = Instant::now();
                    }
                    self.stage(entry, done);
                }
                Some(Order::Given(numbers)) => numbers.iter().for_each(|number| self.book.numbering.given(number)),
                Some(Order::Stop) => return true,
                None if slept && Instant::now() >= latest => return false,
                None => {
                    std::thread::sleep(self.options.gather);
                    slept = true;
                }
            }
            if self.pending.len() >= GROUP {
                return false;
            }
            next = inbox.try_recv().ok();
        }
    }

    /// Gives the entry its place and number, and its line.
    fn stage(&mut self, entry: Entry, done: Done) {
        let number = match &entry {
            Entry::Answered(opened) => match self.book.number_of(opened.call) {
                Some(number) => {
                    let receipt = Receipt { seq: self.book.seq, number: Some(number) };
                    return self.pending.push(Pending { line: None, receipt, done: Some(done) });
                }
                None => Some(self.book.numbering.allot(&opened.prefix, opened.t_answer)),
            },
            Entry::Closed(ended) => Some(
                self.book
                    .number_of(ended.opened.call)
                    .unwrap_or_else(|| self.book.numbering.allot(&ended.opened.prefix, ended.opened.t_answer)),
            ),
            Entry::Arrived(_)
            | Entry::Leg(_)
            | Entry::LegGone(_)
            | Entry::Missed(_)
            | Entry::Invalid(_)
            | Entry::ThreewayResult(_)
            | Entry::Sealed(_)
            | Entry::Verified(_)
            | Entry::RecordingFailed(_)
            | Entry::Seat(_)
            | Entry::Alarm(_)
            | Entry::Access(_)
            | Entry::Edit(_)
            | Entry::CalledBack(_)
            | Entry::Duty(_)
            | Entry::Handover(_)
            | Entry::Listed(_)
            | Entry::Keeping(_)
            | Entry::Foreign(_) => None,
        };
        let seq = self.book.seq.saturating_add(1);
        let record = Record { v: VERSION, seq, at: (self.clock)(), number: number.clone(), entry };
        let Some(line) = record_line(&record) else {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            return done(Err(JournalError::Unwritable));
        };
        self.book.fold(&record);
        let receipt = Receipt { seq, number };
        self.pending.push(Pending { line: Some((Arc::new(record), line)), receipt, done: Some(done) });
    }

    fn commit(&mut self, last: bool) {
        if self.pending.is_empty() {
            return;
        }
        if let Some((error, again)) = &self.failed
            && Instant::now() < *again
            && !last
        {
            let error = error.clone();
            return self.refuse(&error);
        }
        match self.write() {
            Ok(()) => self.acknowledge(),
            Err(error) => {
                *self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                self.refuse(&error);
                self.failed = Some((error, Instant::now() + self.options.retry));
            }
        }
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let lines: Vec<&[u8]> =
            self.pending.iter().filter_map(|pending| pending.line.as_ref()).map(|(_, line)| line.as_slice()).collect();
        let bytes = lines.concat();
        if bytes.is_empty() {
            return Ok(());
        }
        let segment = match self.segment.take() {
            Some(segment) if segment.length < self.options.segment_bytes => segment,
            Some(_) | None => self.begin()?,
        };
        self.segment = Some(self.extend(segment, &bytes)?);
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The segment comes back if it can still be written to. After a failed sync nobody can tell
    /// what of the group is on disk (the kernel may have dropped the pages), so the group is
    /// written again, to another file; what did get there is found twice, under the same place
    /// in the journal, and counts once.
    fn extend(&mut self, mut segment: Segment, bytes: &[u8]) -> Result<Segment, JournalError> {
        let failed = |deed, segment: &Segment, source| disk(deed, &segment.path, source);
        if let Err(source) = segment.file.write_all(bytes) {
            let error = failed("write", &segment, source);
            // A full disk: the torn piece goes, and the file serves on. Else a reader skips the piece.
            self.segment = segment.file.set_len(segment.length).is_ok().then_some(segment);
            return Err(error);
        }
        segment.file.sync_data().map_err(|source| failed("sync", &segment, source))?;
        // A file that somebody removed takes writes for ever and keeps none.
        match segment.file.metadata() {
            Ok(data) if data.nlink() == 0 => Err(failed("find", &segment, std::io::ErrorKind::NotFound.into())),
            Err(source) => Err(failed("look at", &segment, source)),
            Ok(_) => {
                segment.length += u64::try_from(bytes.len()).unwrap_or(0);
                Ok(segment)
            }
        }
    }

    /// A new segment, with the book at its head, and its name on disk.
    fn begin(&mut self) -> Result<Segment, JournalError> {
        let dir = &self.shared.dir;
        match fs::create_dir(dir) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(disk("create", dir, source));
            }
            Ok(()) | Err(_) => {}
        }
        let path = segments::path(dir, self.next_segment);
        self.book.at = (self.clock)();
        let head = head_line(&self.book).ok_or(JournalError::Unwritable)?;
        let mut file = File::options()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| disk("create", &path, source))?;
        self.next_segment = self.next_segment.saturating_add(1);
        let begun = file.write_all(&head).and_then(|()| file.sync_all()).and_then(|()| File::open(dir)?.sync_all());
        if let Err(source) = begun {
            // Nothing is lost with it: it holds no entry. Left over, it does no harm.
            let _ = fs::remove_file(&path);
            return Err(disk("begin", &path, source));
        }
        Ok(Segment { path, file, length: u64::try_from(head.len()).unwrap_or(0) })
    }

    fn acknowledge(&mut self) {
        self.failed = None;
        *self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let pending = std::mem::take(&mut self.pending);
        self.shared.waiting.fetch_sub(pending.len(), Ordering::Relaxed);
        let written = pending.iter().filter(|pending| pending.line.is_some()).count();
        self.shared.entries.fetch_add(u64::try_from(written).unwrap_or(0), Ordering::Relaxed);
        let mut told = Vec::with_capacity(pending.len());
        let mut records = Vec::with_capacity(written);
        for Pending { line, receipt, done } in pending {
            records.extend(line.map(|(record, _)| record));
            told.extend(done.map(|done| (done, receipt)));
        }
        self.shared.publish(records.into_iter());
        told.into_iter().for_each(|(done, receipt)| done(Ok(receipt)));
    }

    /// Tells everybody who has not been told; the lines stay, to be written later.
    fn refuse(&mut self, error: &JournalError) {
        for done in self.pending.iter_mut().filter_map(|pending| pending.done.take()) {
            done(Err(error.clone()));
        }
        let before = self.pending.len();
        self.pending.retain(|pending| pending.line.is_some());
        self.shared.waiting.fetch_sub(before - self.pending.len(), Ordering::Relaxed);
    }
}
