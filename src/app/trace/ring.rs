//! The files of the trace: `NNNNNN.trace`, of bounded size, the oldest removed for the newest.
//!
//! A segment is a mark and the records behind it. A record that a crash has cut off ends its
//! segment; every start begins a new one, so nothing is ever written behind a torn record.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::record::{LONGEST, Record};

/// At the head of each segment; its last byte is the version.
const MARK: [u8; 8] = *b"hltrace1";
/// Bytes written in one go.
const CHUNK: usize = 256 << 10;
/// A server that is started again and again leaves many small segments.
const MOST_SEGMENTS: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All segments together, bytes.
    pub total: u64,
    /// One segment, bytes; a record that does not fit begins the next.
    pub segment: u64,
}

impl Limits {
    /// So many bytes in sixteen segments.
    pub const fn of(total: u64) -> Self {
        Self { total, segment: total / 16 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(256 << 20)
    }
}

/// The writing end.
#[derive(Debug)]
pub struct Ring {
    dir: PathBuf,
    limits: Limits,
    next: u64,
    /// Closed segments, oldest first, with their sizes.
    closed: VecDeque<(PathBuf, u64)>,
    open: Option<Open>,
    /// Whole records that wait to be written, and how many they are.
    buffer: Vec<u8>,
    buffered: u64,
    lost: u64,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// Bytes that are written for certain.
    written: u64,
}

impl Ring {
    /// Makes the folder where it is missing, for its owner alone; the first segment comes with the
    /// first record.
    pub fn open(dir: &Path, limits: Limits) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let found = segments(dir)?;
        let next = found.last().map_or(1, |(number, _)| number.saturating_add(1));
        let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        let closed = found.into_iter().map(|(_, path)| (size(&path), path)).map(|(size, path)| (path, size)).collect();
        Ok(Self { dir: dir.to_owned(), limits, next, closed, open: None, buffer: Vec::new(), buffered: 0, lost: 0 })
    }

    /// From the next segment on.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes one record, as `Record::to_bytes` gives it. It is in the file after `flush`, or before.
    pub fn push(&mut self, record: &[u8]) -> io::Result<()> {
        let size = bytes(self.buffer.len() + record.len());
        let mut done = Ok(());
        if self.open.as_ref().is_some_and(|open| open.written + size > self.limits.segment) {
            done = self.flush();
            self.closed.extend(self.open.take().map(|open| (open.path, open.written)));
        }
        self.buffer.extend_from_slice(record);
        self.buffered += 1;
        if self.open.is_none() || self.buffer.len() >= CHUNK {
            done = done.and(self.flush());
        }
        done
    }

    /// Writes what waits. Err: it is dropped and counted, and the next records find a whole segment.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let done = self.write();
        if done.is_err() {
            self.lost += self.buffered;
        }
        self.buffer.clear();
        self.buffered = 0;
        done
    }

    /// Records that the disk did not take, since this was last asked.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn write(&mut self) -> io::Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let open = self.open.insert(open);
        match open.file.write_all_at(&self.buffer, open.written) {
            Ok(()) => {
                open.written += bytes(self.buffer.len());
                Ok(())
            }
            Err(error) => {
                // Half a record must not stand between whole ones.
                let _ = open.file.set_len(open.written);
                Err(error)
            }
        }
    }

    /// The next segment, after room has been made for it.
    fn begin(&mut self) -> io::Result<Open> {
        while let Some((oldest, _)) = self.closed.front() {
            let kept: u64 = self.closed.iter().map(|(_, size)| size).sum();
            if kept + self.limits.segment <= self.limits.total && self.closed.len() < MOST_SEGMENTS {
                break;
            }
            match fs::remove_file(oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => drop(self.closed.pop_front()),
            }
        }
        let path = self.dir.join(format!("{:06}.trace", self.next));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        if let Err(error) = file.write_all_at(&MARK, 0) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.next = self.next.saturating_add(1);
        Ok(Open { path, file, written: bytes(MARK.len()) })
    }
}

/// Shows every whole record of the ring, oldest first. A segment that the server removes meanwhile
/// is passed over, and so is whatever cannot be read.
pub fn read(dir: &Path, mut each: impl FnMut(Record<'_>)) -> io::Result<()> {
    for (_, path) in segments(dir)? {
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let Some(mut rest) = content.strip_prefix(&MARK) else { continue };
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let Some((record, behind)) = behind.split_at_checked(length) else { break };
            if length == 0 || length > LONGEST {
                break;
            }
            rest = behind;
            if let Some(record) = Record::read(record) {
                each(record);
            }
        }
    }
    Ok(())
}

/// The segments of a folder with their numbers, oldest first.
fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".trace")?.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
