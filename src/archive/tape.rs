//! The newest half second or so of one recording, both channels, as it will lie in the file.

use super::Side;
use crate::audio::g711::Law;
use crate::audio::wav::{Format, RATE};

/// Frames kept after they were written, for packets that come late.
const KEPT: u64 = RATE as u64 / 2;

/// Frames from `base` on; what is below lies on disk, what is above does not exist yet.
#[derive(Debug)]
pub(super) struct Tape {
    format: Format,
    base: u64,
    bytes: Vec<u8>,
    /// First frame that differs from the disk.
    dirty: u64,
}

impl Tape {
    pub(super) fn new(format: Format) -> Self {
        Self { format, base: 0, bytes: Vec::new(), dirty: 0 }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn end(&self) -> u64 {
        self.base + (self.bytes.len() / self.format.frame_bytes()) as u64
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty < self.end()
    }

    /// What is to be written, and the frame at which it begins.
    pub(super) fn dirty(&self) -> (u64, &[u8]) {
        let from = (self.dirty.saturating_sub(self.base) as usize).saturating_mul(self.format.frame_bytes());
        (self.dirty, self.bytes.get(from..).unwrap_or_default())
    }

    /// Writes codes of `law` into one channel from frame `at` on; frames below `base` are left out.
    pub(super) fn put(&mut self, side: Side, at: u64, codes: &[u8], law: Law) {
        let outside = usize::try_from(self.base.saturating_sub(at)).unwrap_or(usize::MAX);
        let codes = codes.get(outside..).unwrap_or_default();
        if codes.is_empty() {
            return;
        }
        let at = at.max(self.base);
        self.extend(at + codes.len() as u64);
        self.dirty = self.dirty.min(at);
        let from = ((at - self.base) as usize).saturating_mul(self.format.frame_bytes());
        lay(self.format, self.bytes.get_mut(from..).unwrap_or_default(), side, codes, law);
    }

    /// Silence up to frame `end`.
    pub(super) fn extend(&mut self, end: u64) {
        let frames = usize::try_from(end.saturating_sub(self.base)).unwrap_or(0);
        let len = frames.saturating_mul(self.format.frame_bytes());
        if len > self.bytes.len() {
            self.bytes.resize(len, self.format.silence());
        }
    }

    /// All is on disk: only the newest frames stay.
    pub(super) fn written(&mut self) {
        self.dirty = self.end();
        self.cut(self.end().saturating_sub(KEPT));
    }

    /// Forgets what lies before `frame`, which may be beyond the end.
    pub(super) fn cut(&mut self, frame: u64) {
        if frame <= self.base {
            return;
        }
        let frames = usize::try_from(frame - self.base).unwrap_or(usize::MAX);
        let gone = frames.saturating_mul(self.format.frame_bytes()).min(self.bytes.len());
        self.bytes.drain(..gone);
        self.base = frame;
        self.dirty = self.dirty.max(frame);
    }
}

/// Lays codes of `law` into one channel of interleaved frames.
pub(super) fn lay(format: Format, frames: &mut [u8], side: Side, codes: &[u8], law: Law) {
    let channel = match side {
        Side::Left => 0,
        Side::Right => 1,
    };
    match (format, law) {
        (Format::Alaw, Law::A) => {
            for (frame, code) in frames.as_chunks_mut::<2>().0.iter_mut().zip(codes) {
                frame[channel] = *code;
            }
        }
        (Format::Alaw, Law::Mu) => {
            let mut codes = codes.to_vec();
            Law::Mu.transcode(&mut codes);
            lay(format, frames, side, &codes, Law::A);
        }
        (Format::Pcm16, _) => {
            for (frame, code) in frames.as_chunks_mut::<4>().0.iter_mut().zip(codes) {
                let [low, high] = law.decode(*code).to_le_bytes();
                (frame[2 * channel], frame[2 * channel + 1]) = (low, high);
            }
        }
    }
}
