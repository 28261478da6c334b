//! A file of a recording as the WAV that it is, encrypted or not: the one way to read sound.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::cipher::{PAGE, Page, ROOM, place};
use super::keys::{DataKey, MasterKeys};
use super::names::PartName;
use super::pages::Lock;

/// An open file.
#[derive(Debug)]
pub struct Stored {
    file: File,
    /// None: it lies there in the clear.
    lock: Option<Lock>,
    len: u64,
    pages: u64,
}

impl Stored {
    /// The sealed file at `path`, which is told by its name; its key lies beside it. Err where an encrypted one
    /// does not end as it was sealed, or cannot be opened with the keys at hand.
    pub fn open(path: &Path, masters: &MasterKeys) -> io::Result<Self> {
        let stored = Self::of_crash(path, masters)?;
        let Some(lock) = &stored.lock else { return Ok(stored) };
        let len = stored.file.metadata()?.len();
        let cut_off = || io::Error::new(io::ErrorKind::InvalidData, format!("{} was cut off", lock.name));
        let last =
            (len / PAGE as u64).checked_sub(1).filter(|_| len.is_multiple_of(PAGE as u64)).ok_or_else(cut_off)?;
        let pages = lock.read(&stored.file, last, 1)?;
        if pages.first().is_some_and(|page| page.is_last) { Ok(stored) } else { Err(cut_off()) }
    }

    /// The same of a file that may be recorded still, or whose end a crash took.
    pub fn of_crash(path: &Path, masters: &MasterKeys) -> io::Result<Self> {
        let name = path.file_name().and_then(|name| PartName::parse(name.to_str()?));
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let Some(name) = name.filter(|name| name.is_encrypted) else {
            return Ok(Self { file, lock: None, len, pages: 0 });
        };
        let lock = Lock { key: DataKey::read(path.parent().unwrap_or(Path::new("")), masters)?, name };
        let mut pages = len / PAGE as u64;
        // One that never came to disk whole does not count.
        let last = loop {
            let Some(last) = pages.checked_sub(1) else { break Page::default() };
            match lock.read(&file, last, 1) {
                Ok(page) => break page.into_iter().next().unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => pages = last,
                Err(error) => return Err(error),
            }
        };
        let len = pages.saturating_sub(1) * ROOM as u64 + last.sound.len() as u64;
        Ok(Self { file, lock: Some(lock), len, pages })
    }

    /// Bytes of the WAV.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// As much as there is from `at` on; only the pages that it lies in are touched.
    pub fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let Some(lock) = &self.lock else { return self.file.read_at(into, at) };
        let count = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        if count == 0 {
            return Ok(0);
        }
        let (first, within) = place(at);
        let last = place(at + count as u64 - 1).0;
        let pages = lock.read(&self.file, first, last - first + 1)?;
        let mut sound = Vec::with_capacity(pages.len() * ROOM);
        for (number, page) in (first..).zip(&pages) {
            if (page.sound.len() != ROOM || page.is_last) && number + 1 != self.pages {
                return Err(lock.changed(number));
            }
            sound.extend_from_slice(&page.sound);
        }
        let there = sound.get(within..within + count).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.iter_mut().zip(there).for_each(|(place, byte)| *place = *byte);
        Ok(count)
    }

    /// Err at the end of the file.
    pub fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let (mut at, mut rest) = (at, into);
        while !rest.is_empty() {
            match self.read_at(rest, at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    rest = rest.get_mut(count..).unwrap_or_default();
                    at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The `len` bytes from `start` on, as a stream.
    pub fn reading(self, start: u64, len: u64) -> Reading {
        Reading { stored: self, at: start, left: len }
    }
}

/// Part of a file, from its beginning to its end.
#[derive(Debug)]
pub struct Reading {
    stored: Stored,
    at: u64,
    left: u64,
}

impl Reading {
    pub fn into_inner(self) -> Stored {
        self.stored
    }
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.stored.read_at(into.get_mut(..most).unwrap_or_default(), self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
