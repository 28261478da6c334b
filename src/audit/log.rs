//! The log's thread: takes what waits, writes it, syncs once, acknowledges.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::file;
use super::row::{Deed, Fact, Link, Row, origin, sum};
use crate::archive::disk::Disk;
use crate::store::journal::Clock;

/// Rows that may wait for the disk.
const WAITING: usize = 4_096;
/// Rows that are synced at once.
const GROUP: usize = 512;
/// How long a request waits for its row to be on disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// No text of an error shows anything of a row.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    #[error("audit: cannot {deed} {}: {source}", path.display())]
    Disk { deed: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("audit: the disk does not follow")]
    Slow,
    #[error("audit: it is closed")]
    Closed,
}

/// What the last run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The last row.
    pub seq: u64,
    /// Bytes of a line that a crash tore, and that were cut off; 0 where it lacked its newline only.
    pub torn: Option<usize>,
    /// The last line is not as it was written; the chain goes on from it, and `verify` names it.
    pub damaged: bool,
}

type Done = Box<dyn FnOnce(Result<u64, AuditError>) + Send>;

enum Order {
    Append(Fact, Done),
    Stop,
}

/// The handle; cheap to clone.
#[derive(Clone)]
pub struct Audit {
    orders: SyncSender<Order>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    folder: Arc<Path>,
}

impl Audit {
    /// Opens or begins the log in `folder` (`<data>/audit`) and starts its thread. A line that a crash
    /// tore was never acknowledged: it is cut off, which is a row of its own.
    pub fn open(folder: &Path, clock: Clock, disk: Arc<dyn Disk>) -> Result<(Self, Opened), AuditError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| failed("create", folder, source))?;
        let (writer, opened) = Writer::recover(folder, clock, disk)?;
        let (orders, inbox) = sync_channel(WAITING);
        // No thread that the server cannot do without: where it is gone nothing is given out, and calls go on.
        let thread = Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&inbox))
            .map_err(|source| failed("start the thread of", folder, source))?;
        let audit = Self { orders, thread: Arc::new(Mutex::new(Some(thread))), folder: Arc::from(folder) };
        if let Some(torn) = opened.torn {
            audit.append(Fact::own(Deed::Repaired, format!("{torn} bytes of a torn line")), |_| {});
        }
        Ok((audit, opened))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Hands a fact over. `done` is told once, on the log's thread, the row's place once it is on disk,
    /// or that it is not and will not be; it must not block.
    pub fn append(&self, fact: Fact, done: impl FnOnce(Result<u64, AuditError>) + Send + 'static) {
        match self.orders.try_send(Order::Append(fact, Box::new(done))) {
            Ok(()) => {}
            Err(TrySendError::Full(order)) => order.refuse(AuditError::Slow),
            Err(TrySendError::Disconnected(order)) => order.refuse(AuditError::Closed),
        }
    }

    /// `append` for a request, which waits a few seconds at most; a row of one that gave up may still follow.
    pub async fn record(&self, fact: Fact) -> Result<u64, AuditError> {
        self.record_within(PATIENCE, fact).await
    }

    /// The same with a patience of its own.
    pub async fn record_within(&self, patience: Duration, fact: Fact) -> Result<u64, AuditError> {
        let (told, hears) = tokio::sync::oneshot::channel();
        self.append(fact, move |result| drop(told.send(result)));
        match tokio::time::timeout(patience, hears).await {
            Err(_) => Err(AuditError::Slow),
            Ok(told) => told.unwrap_or(Err(AuditError::Closed)),
        }
    }

    /// Writes what waits and ends the thread.
    pub fn close(&self) {
        // The thread has gone already if this fails.
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Order {
    fn refuse(self, error: AuditError) {
        if let Self::Append(_, done) = self {
            done(Err(error));
        }
    }
}

struct Writer {
    folder: PathBuf,
    clock: Clock,
    disk: Arc<dyn Disk>,
    /// The last row that is on disk.
    seq: u64,
    /// SHA-256 of its line.
    previous: String,
    /// The file of the month; it never goes back to an earlier one, whatever the clock says.
    name: String,
    /// None: to be opened.
    file: Option<Month>,
    /// Rows that were refused since the disk last worked.
    lost: u64,
}

struct Month {
    file: File,
    /// Bytes that are synced.
    length: u64,
}

impl Writer {
    fn recover(folder: &Path, clock: Clock, disk: Arc<dyn Disk>) -> Result<(Self, Opened), AuditError> {
        let files = file::all(folder).map_err(|source| failed("read", folder, source))?;
        let mut opened = Opened::default();
        let name = files.last().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        let (mut seq, mut previous) = (0, origin());
        // The last one may hold nothing yet, or nothing but a torn line.
        for path in files.iter().rev() {
            let bytes = fs::read(path).map_err(|source| failed("read", path, source))?;
            let (whole, torn) = repair(path, &bytes).map_err(|source| failed("repair", path, source))?;
            opened.torn = opened.torn.or(torn);
            let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
            let Some(last) = text.lines().last() else { continue };
            previous = sum(last);
            opened.damaged = Link::read(last).is_none();
            // Of a damaged row the place is told by those before it.
            let known = text.lines().enumerate().filter_map(|(at, line)| Some((at, Link::read(line)?.seq))).last();
            let lines = text.lines().count();
            seq = known.map_or(0, |(at, seq)| seq.saturating_add((lines - 1 - at) as u64));
            break;
        }
        opened.seq = seq;
        let name = name.unwrap_or_default();
        let writer = Self { folder: folder.to_owned(), clock, disk, seq, previous, name, file: None, lost: 0 };
        Ok((writer, opened))
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        let mut stopping = false;
        while !stopping {
            let Ok(mut order) = inbox.recv() else { return };
            let mut group = Vec::new();
            loop {
                match order {
                    Order::Append(fact, done) => group.push((fact, done)),
                    Order::Stop => stopping = true,
                }
                match inbox.try_recv() {
                    Ok(next) if group.len() < GROUP && !stopping => order = next,
                    Ok(Order::Append(fact, done)) => {
                        group.push((fact, done));
                        break;
                    }
                    Ok(Order::Stop) => {
                        stopping = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<(Fact, Done)>) {
        if group.is_empty() {
            return;
        }
        let (facts, told): (Vec<Fact>, Vec<Done>) = group.into_iter().unzip();
        match self.write(facts) {
            Ok(first) => told.into_iter().zip(first..).for_each(|(done, seq)| done(Ok(seq))),
            Err(error) => {
                // What is in the file behind `length` is unknown now: it is opened anew.
                self.file = None;
                self.lost = self.lost.saturating_add(told.len() as u64);
                told.into_iter().for_each(|done| done(Err(error.clone())));
            }
        }
    }

    /// The place of the first of them.
    fn write(&mut self, facts: Vec<Fact>) -> Result<u64, AuditError> {
        let at = (self.clock)();
        let month = file::name(at);
        if month > self.name {
            self.name = month;
            self.file = None;
        }
        let path = self.folder.join(&self.name);
        let own = (self.lost > 0).then(|| Fact::own(Deed::Lost, format!("{} rows", self.lost)));
        let first = self.seq.saturating_add(1).saturating_add(u64::from(own.is_some()));
        let (mut seq, mut previous, mut bytes) = (self.seq, self.previous.clone(), String::new());
        for fact in own.into_iter().chain(facts) {
            seq = seq.saturating_add(1);
            let unwritable = || failed("write", &path, io::ErrorKind::InvalidData.into());
            let line = Row::of(fact, seq, at, previous).line().ok_or_else(unwritable)?;
            previous = sum(&line);
            bytes.push_str(&line);
            bytes.push('\n');
        }
        let mut month = match self.file.take() {
            Some(month) => month,
            None => self.begin(&path)?,
        };
        self.disk
            .write_at(&month.file, bytes.as_bytes(), month.length)
            .map_err(|source| failed("write", &path, source))?;
        self.disk.sync_data(&month.file).map_err(|source| failed("sync", &path, source))?;
        // A file that somebody removed takes writes for ever and keeps none.
        let links = month.file.metadata().map_err(|source| failed("look at", &path, source))?.nlink();
        if links == 0 {
            return Err(failed("find", &path, io::ErrorKind::NotFound.into()));
        }
        month.length = month.length.saturating_add(bytes.len() as u64);
        self.file = Some(month);
        (self.seq, self.previous, self.lost) = (seq, previous, 0);
        Ok(first)
    }

    /// The file, cut behind the last row that was acknowledged: what a failing disk may have taken of
    /// refused ones is told as lost, and must not stand twice.
    fn begin(&self, path: &Path) -> Result<Month, AuditError> {
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).mode(0o600);
            options
        };
        let (file, length) = match options().create_new(true).open(path) {
            Ok(file) => (file, 0),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let text = fs::read(path).map_err(|source| failed("read", path, source))?;
                let length = self.end_in(&text);
                cut(path, length).map_err(|source| failed("repair", path, source))?;
                (options().open(path).map_err(|source| failed("open", path, source))?, length)
            }
            Err(source) => return Err(failed("create", path, source)),
        };
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", &self.folder, source))?;
        Ok(Month { file, length })
    }

    /// Where the last acknowledged row ends; somebody who took it out leaves the end of what is there.
    fn end_in(&self, text: &[u8]) -> u64 {
        let (mut at, mut end, mut whole) = (0, None, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            at += line.len();
            let Some(line) = line.strip_suffix(b"\n") else { break };
            whole = at;
            if sum(&String::from_utf8_lossy(line)) == self.previous {
                end = Some(at);
            }
        }
        // In a month's first group no row of it was acknowledged yet.
        let none_yet = text.split(|byte| *byte == b'\n').next().is_some_and(|line| self.follows(line));
        end.unwrap_or(if none_yet { 0 } else { whole }) as u64
    }

    fn follows(&self, line: &[u8]) -> bool {
        Link::read(&String::from_utf8_lossy(line)).is_some_and(|link| link.previous == self.previous)
    }
}

/// How far the file holds whole lines once it is repaired, and how many bytes were cut off. A row that
/// lacks nothing but its newline is kept, and gets it.
fn repair(path: &Path, bytes: &[u8]) -> io::Result<(usize, Option<usize>)> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let rest = bytes.get(whole..).unwrap_or_default();
    if rest.is_empty() {
        return Ok((whole, None));
    }
    if Link::read(&String::from_utf8_lossy(rest)).is_some() {
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        return Ok((bytes.len(), Some(0)));
    }
    cut(path, whole as u64)?;
    Ok((whole, Some(rest.len())))
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() > length {
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}

fn failed(deed: &'static str, path: &Path, source: io::Error) -> AuditError {
    AuditError::Disk { deed, path: path.to_owned(), source: Arc::new(source) }
}
