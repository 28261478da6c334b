//! Tape and files of one recording together: what comes in goes to disk, late or not, or is listed.

use std::io;

use super::files::Files;
use super::names::TrackName;
use super::tape::{Stroke, Tape};
use crate::audio::timeline::{Gap, Missing};
use crate::audio::wav::{Layout, RATE};

/// Most frames held in memory: beyond, they are written out of turn, or given up where the disk
/// takes none.
const LONGEST: u64 = 4 * RATE as u64;

#[derive(Debug)]
pub(super) struct Reel {
    tape: Tape,
    files: Files,
    lost: Vec<Gap>,
}

impl Reel {
    pub(super) fn new(files: Files) -> Self {
        Self { tape: Tape::new(files.layout()), files, lost: Vec::new() }
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    pub(super) fn files_mut(&mut self) -> &mut Files {
        &mut self.files
    }

    /// Frames of the recording so far, on disk or not.
    pub(super) fn end(&self) -> u64 {
        self.tape.end()
    }

    /// What the disk did not take.
    pub(super) fn lost(&self) -> &[Gap] {
        &self.lost
    }

    /// Writes into one channel from frame `at` on.
    pub(super) fn put(&mut self, at: u64, stroke: Stroke<'_>) {
        self.make_room(at, at.saturating_add(stroke.len() as u64));
        if at < self.tape.base() {
            let (below, _) = stroke.split(usize::try_from(self.tape.base() - at).unwrap_or(usize::MAX));
            // Later than the tape remembers. An error here shows again with the next flush.
            let _ = self.files.patch(at, below);
        }
        self.tape.put(at, stroke);
    }

    /// A new mono track beside this one, with what memory holds of a channel from frame `start` on.
    pub(super) fn track(&self, name: TrackName, layout: Layout, channel: usize, start: u64) -> Self {
        let mut track = Self::new(self.files.of_track(name, layout));
        track.tape.take_over(&self.tape, channel, start);
        track
    }

    /// Adds `count` frames of a mono track from `at` on, as 16-bit linear; 0 where they are long on disk.
    pub(super) fn read(&self, at: u64, count: usize, into: &mut Vec<i16>) {
        self.tape.read(at, count, into);
    }

    /// Silence up to frame `end`.
    pub(super) fn extend(&mut self, end: u64) {
        self.make_room(end, end);
        self.tape.extend(end);
    }

    /// All that came in goes to disk, with headers that tell so.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.tape.is_dirty() || self.files.written() < self.tape.base() {
            let (at, bytes) = self.tape.dirty();
            self.files.write(at, bytes)?;
            self.tape.written();
        }
        Ok(())
    }

    /// What is not on disk will not come there: it is listed as missing.
    pub(super) fn give_up(&mut self) {
        let (start, end) = (self.tape.dirty().0, self.tape.end());
        if start < end {
            match self.lost.last_mut() {
                Some(gap) if gap.start + gap.len == start => gap.len = end - gap.start,
                Some(_) | None => self.lost.push(Gap { start, len: end - start, packets: 0, why: Missing::Disk }),
            }
        }
        self.tape.cut(end);
    }

    fn make_room(&mut self, at: u64, end: u64) {
        if end.saturating_sub(self.tape.base()) <= LONGEST {
            return;
        }
        if self.flush().is_err() {
            self.give_up();
        }
        if end.saturating_sub(self.tape.base()) > LONGEST {
            // Far ahead: the silence between is written straight to the file.
            self.tape.cut(at);
        }
    }
}
