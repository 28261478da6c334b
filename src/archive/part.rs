//! One open file of a recording, in the clear or encrypted: whoever writes sound need not know which.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::pages::{Lock, Pages};
use crate::hex;

/// Read at a time.
const PIECE: u64 = 64 * 1024;

/// One open `….wav.part`.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    pub(super) state: Arc<State>,
}

/// What is known of a file, which outlives its being open.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The disk refused it once: the system tells this one time only.
    unsafe_on_disk: AtomicBool,
    /// None: it lies there in the clear.
    pages: Option<Mutex<Pages>>,
}

impl State {
    pub(super) fn of_pages(pages: Pages) -> Self {
        Self { pages: Some(Mutex::new(pages)), ..Self::default() }
    }

    pub(super) fn is_unsafe(&self) -> bool {
        self.unsafe_on_disk.load(Ordering::Relaxed)
    }

    pub(super) fn set_unsafe(&self) {
        self.unsafe_on_disk.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.pages.is_some()
    }

    fn pages(&self) -> Option<MutexGuard<'_, Pages>> {
        self.pages.as_ref().map(|pages| pages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    pub(super) fn new(file: File, state: State) -> Self {
        Self { file, state: Arc::new(state) }
    }

    /// An empty file, encrypted where there is a key.
    pub(super) fn empty(file: File, lock: Option<Lock>) -> Self {
        Self::new(file, lock.map(Pages::new).map(State::of_pages).unwrap_or_default())
    }

    pub(super) fn write_at(&self, disk: &dyn Disk, bytes: &[u8], at: u64) -> io::Result<()> {
        match self.state.pages() {
            None => disk.write_at(&self.file, bytes, at),
            Some(mut pages) => pages.write(&self.file, disk, at, bytes),
        }
    }

    /// Makes the header true while the file grows. An encrypted one that is cut off tells its length by its pages,
    /// and is read by nobody who does not know that.
    pub(super) fn write_sizes(&self, disk: &dyn Disk, header: &[u8]) -> io::Result<()> {
        if self.state.is_encrypted() { Ok(()) } else { disk.write_at(&self.file, header, 0) }
    }

    pub(super) fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        match self.state.pages() {
            None => self.file.read_exact_at(into, at),
            Some(pages) => pages.read_exact(&self.file, at, into),
        }
    }

    /// Bytes in the clear of an encrypted one.
    pub(super) fn len(&self) -> u64 {
        self.state.pages().map_or(0, |pages| pages.len())
    }

    /// Nothing more will be written.
    pub(super) fn close(&self, disk: &dyn Disk) -> io::Result<()> {
        self.state.pages().map_or(Ok(()), |mut pages| pages.close(&self.file, disk))
    }

    /// SHA-256 of an encrypted file in the clear; None where it lies there so.
    pub(super) fn sha256_in_the_clear(&self) -> io::Result<Option<String>> {
        let Some(pages) = self.state.pages() else { return Ok(None) };
        let (mut sum, mut at) = (Sha256::new(), 0);
        while at < pages.len() {
            let mut piece = vec![0; PIECE.min(pages.len() - at) as usize];
            pages.read_exact(&self.file, at, &mut piece)?;
            sum.update(&piece);
            at += piece.len() as u64;
        }
        Ok(Some(hex::of(&sum.finalize())))
    }
}
