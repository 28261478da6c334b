//! An encrypted file while it is written. What a page is has its place in `cipher`; here pages are read, put
//! together and written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::cipher::{self, NONCE, PAGE, Page, ROOM, place};
use super::disk::Disk;
use super::keys::DataKey;
use super::names::PartName;
use crate::audio::wav::{self, Format, Layout};

/// The key of a file and the name that goes with it.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) key: DataKey,
    pub(super) name: PartName,
}

impl Lock {
    /// None: it is not what was written there.
    pub(super) fn open(&self, number: u64, bytes: &[u8]) -> Option<Page> {
        cipher::open(self.key.gcm(), self.name, number, bytes)
    }

    /// Pages `from..from + count` as they lie in `file`.
    pub(super) fn read(&self, file: &File, from: u64, count: u64) -> io::Result<Vec<Page>> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(PAGE)];
        file.read_exact_at(&mut bytes, from.saturating_mul(PAGE as u64))?;
        let pages = (from..).zip(bytes.chunks_exact(PAGE));
        pages.map(|(number, bytes)| self.open(number, bytes).ok_or_else(|| self.changed(number))).collect()
    }

    pub(super) fn changed(&self, number: u64) -> io::Error {
        let text = format!("page {number} of {} was changed, or never came to disk whole", self.name);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// What is known of the file beside what lies in it.
#[derive(Debug)]
pub(super) struct Pages {
    lock: Lock,
    /// Bytes in the clear.
    len: u64,
    /// Pages that the disk has not taken, or not for certain. They are written with the next that comes.
    owed: BTreeMap<u64, Page>,
    is_closed: bool,
}

impl Pages {
    /// Of a file that is empty.
    pub(super) fn new(lock: Lock) -> Self {
        Self { lock, len: 0, owed: BTreeMap::new(), is_closed: false }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes over what is there, or behind it.
    pub(super) fn write(&mut self, file: &File, disk: &dyn Disk, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.lay(file, at, bytes)?;
        self.pay(file, disk)
    }

    /// Fails at the end of the file.
    pub(super) fn read_exact(&self, file: &File, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (mut at, mut rest) = (at, into);
        while !rest.is_empty() {
            let (number, within) = place(at);
            let page = self.page(file, number)?;
            let there = page.sound.get(within..).filter(|there| !there.is_empty());
            let there = there.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = there.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(there.get(..count).unwrap_or_default());
            (at, rest) = (at + count as u64, later);
        }
        Ok(())
    }

    /// Nothing more will come: the header gets its sizes, the last page says that it is the last.
    pub(super) fn close(&mut self, file: &File, disk: &dyn Disk) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let mut head = vec![0; Format::Alaw.header_len().min(usize::try_from(self.len).unwrap_or(usize::MAX))];
        self.read_exact(file, 0, &mut head)?;
        let repair = wav::repair(&head, self.len, Format::Alaw.stereo());
        self.lay(file, 0, &repair.header)?;
        let last = place(self.len.saturating_sub(1)).0;
        let page = self.page(file, last)?;
        self.owed.insert(last, Page { is_last: true, ..page });
        self.pay(file, disk)?;
        self.is_closed = true;
        Ok(())
    }

    fn lay(&mut self, file: &File, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (number, within) = place(at);
            let (now, later) = bytes.split_at_checked(ROOM - within).unwrap_or((bytes, &[]));
            let end = within + now.len();
            // Written over as a whole, it need not be read; nor where the file ends before it.
            let mut page =
                if within == 0 && (end == ROOM || at >= self.len) { Page::default() } else { self.page(file, number)? };
            page.sound.resize(page.sound.len().max(end), 0);
            if let Some(place) = page.sound.get_mut(within..end) {
                place.copy_from_slice(now);
            }
            self.owed.insert(number, page);
            at += now.len() as u64;
            self.len = self.len.max(at);
            bytes = later;
        }
        Ok(())
    }

    fn page(&self, file: &File, number: u64) -> io::Result<Page> {
        match self.owed.get(&number) {
            Some(page) => Ok(page.clone()),
            None if number >= self.len.div_ceil(ROOM as u64) => Ok(Page::default()),
            None => Ok(self.lock.read(file, number, 1)?.pop().unwrap_or_default()),
        }
    }

    /// Writes what is owed, neighbours at once.
    fn pay(&mut self, file: &File, disk: &dyn Disk) -> io::Result<()> {
        let mut nonces = vec![0; self.owed.len() * NONCE];
        getrandom::fill(&mut nonces).map_err(io::Error::other)?;
        let (mut from, mut bytes) = (0, Vec::with_capacity(self.owed.len() * PAGE));
        for ((number, page), nonce) in self.owed.iter().zip(nonces.as_chunks::<NONCE>().0) {
            let next = from + (bytes.len() / PAGE) as u64;
            if !bytes.is_empty() && next != *number {
                disk.write_at(file, &bytes, from * PAGE as u64)?;
                bytes.clear();
            }
            if bytes.is_empty() {
                from = *number;
            }
            let closed = cipher::close(self.lock.key.gcm(), self.lock.name, *number, nonce, page);
            bytes.extend_from_slice(&closed.ok_or(io::ErrorKind::InvalidInput)?);
        }
        if !bytes.is_empty() {
            disk.write_at(file, &bytes, from * PAGE as u64)?;
        }
        self.owed.clear();
        Ok(())
    }
}

/// What a crash left of a file, made whole.
#[derive(Debug)]
pub(super) struct Rescued {
    pub(super) pages: Pages,
    /// Bytes of the file that are silence now, from and to: they had never come to disk whole.
    pub(super) lost: Vec<(u64, u64)>,
}

impl Rescued {
    /// A file that was closed.
    pub(super) fn sealed(lock: Lock, file: &File) -> io::Result<Self> {
        let last = (file.metadata()?.len() / PAGE as u64).checked_sub(1).ok_or(io::ErrorKind::UnexpectedEof)?;
        let page = lock.read(file, last, 1)?.pop().unwrap_or_default();
        let len = last * ROOM as u64 + page.sound.len() as u64;
        let pages = Pages { lock, len, owed: BTreeMap::new(), is_closed: true };
        Ok(Self { pages, lost: Vec::new() })
    }
}

/// Reads all pages of a file that was cut off. Those at the end that never came to disk are cut off, others
/// become silence of the layout that the head tells, or of `otherwise`. Err, and nothing is changed, where
/// something was written and not one page of it opens: then it is the key that is wrong.
pub(super) fn rescue(lock: Lock, file: &File, disk: &dyn Disk, otherwise: Layout) -> io::Result<Rescued> {
    let count = file.metadata()?.len() / PAGE as u64;
    let (mut found, mut blank) = (BTreeMap::new(), true);
    let mut bytes = vec![0; PAGE];
    for number in 0..count {
        file.read_exact_at(&mut bytes, number * PAGE as u64)?;
        blank = blank && bytes.iter().all(|byte| *byte == 0);
        if let Some(page) = lock.open(number, &bytes) {
            found.insert(number, page);
        }
    }
    let end = found.last_key_value().map_or(0, |(number, _)| number + 1);
    if end == 0 && !blank {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not one page of {} opens", lock.name)));
    }
    let is_whole = found.iter().all(|(number, page)| match (number + 1 == end, page.is_last) {
        (true, is_last) => is_last,
        (false, is_last) => !is_last && page.sound.len() == ROOM,
    });
    if is_whole && end > 0 && found.len() as u64 == end && file.metadata()?.len() == end * PAGE as u64 {
        // It was closed before the crash; its sums may be told already.
        return Rescued::sealed(lock, file);
    }
    let head = found.get(&0).map(|page| page.sound.as_slice()).unwrap_or_default();
    let layout = wav::layout_of(head).unwrap_or(otherwise);
    let header = wav::header(layout, 0);
    let (mut owed, mut lost) = (BTreeMap::new(), Vec::new());
    for number in 0..end {
        let page = found.remove(&number).unwrap_or_default();
        let is_whole = page.sound.len() == ROOM || number + 1 == end;
        if is_whole && !page.is_last {
            continue;
        }
        let (start, known) = (number * ROOM as u64, page.sound.len());
        let mut sound = page.sound;
        if !is_whole {
            sound.resize(ROOM, layout.format.silence());
            lost.push((start + known as u64, start + ROOM as u64));
        }
        if known < header.len() && number == 0 {
            sound.iter_mut().zip(&header).for_each(|(place, byte)| *place = *byte);
        }
        owed.insert(number, Page { sound, is_last: false });
    }
    file.set_len(end * PAGE as u64)?;
    let last = if end > 0 { lock.read(file, end - 1, 1)?.pop().map_or(0, |page| page.sound.len() as u64) } else { 0 };
    let mut pages = Pages { lock, len: end.saturating_sub(1) * ROOM as u64 + last, owed, is_closed: false };
    pages.trim(file, layout)?;
    pages.close(file, disk)?;
    file.sync_all()?;
    Ok(Rescued { pages, lost })
}

impl Pages {
    /// Without a torn last frame, and with a header at least.
    fn trim(&mut self, file: &File, layout: Layout) -> io::Result<()> {
        let header = wav::header(layout, 0);
        if self.len < header.len() as u64 {
            return self.lay(file, 0, &header);
        }
        let whole = header.len() as u64 + layout.frames_in(self.len) * layout.frame_bytes() as u64;
        let (number, within) = place(whole);
        if whole == self.len {
            return Ok(());
        }
        if within > 0 {
            let mut page = self.page(file, number)?;
            page.sound.truncate(within);
            self.owed.insert(number, page);
        } else {
            file.set_len(number * PAGE as u64)?;
            self.owed.remove(&number);
        }
        self.len = whole;
        Ok(())
    }
}
