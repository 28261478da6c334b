//! The newest half second or so of one recording, all channels, as it will lie in the file.

use crate::audio::g711::Law;
use crate::audio::resample::Upsampler;
use crate::audio::wav::{Format, Layout};

/// Milliseconds kept after they were written, for packets that come late.
const KEPT_MS: u64 = 500;

/// Frames from `base` on; what is below lies on disk, what is above does not exist yet.
#[derive(Debug)]
pub(super) struct Tape {
    layout: Layout,
    base: u64,
    bytes: Vec<u8>,
    /// First frame that differs from the disk.
    dirty: u64,
}

impl Tape {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, base: 0, bytes: Vec::new(), dirty: 0 }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn end(&self) -> u64 {
        self.base + (self.bytes.len() / self.layout.frame_bytes()) as u64
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty < self.end()
    }

    /// What is to be written, and the frame at which it begins.
    pub(super) fn dirty(&self) -> (u64, &[u8]) {
        let from = (self.dirty.saturating_sub(self.base) as usize).saturating_mul(self.layout.frame_bytes());
        (self.dirty, self.bytes.get(from..).unwrap_or_default())
    }

    /// Writes into one channel from frame `at` on; frames below `base` are left out.
    pub(super) fn put(&mut self, at: u64, stroke: Stroke<'_>) {
        let (_, stroke) = stroke.split(usize::try_from(self.base.saturating_sub(at)).unwrap_or(usize::MAX));
        if stroke.len() == 0 {
            return;
        }
        let at = at.max(self.base);
        self.extend(at + stroke.len() as u64);
        self.dirty = self.dirty.min(at);
        let from = ((at - self.base) as usize).saturating_mul(self.layout.frame_bytes());
        lay(self.layout, self.bytes.get_mut(from..).unwrap_or_default(), stroke);
    }

    /// Adds `count` frames of a tape of one channel, from `at` on, as 16-bit linear: 0 where there is
    /// nothing, or it is known to the disk only.
    pub(super) fn read(&self, at: u64, count: usize, into: &mut Vec<i16>) {
        let end = into.len().saturating_add(count);
        let (format, frame_bytes) = (self.layout.format, self.layout.frame_bytes());
        let before = usize::try_from(self.base.saturating_sub(at)).unwrap_or(usize::MAX).min(count);
        into.resize(into.len() + before, 0);
        let from = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX).saturating_mul(frame_bytes);
        let frames = self.bytes.get(from..).unwrap_or_default().chunks_exact(frame_bytes);
        into.extend(frames.take(count - before).map(|frame| linear(format, frame)));
        into.resize(end, 0);
    }

    /// Takes over one channel of another tape, at 8 kHz, from its frame `start` on, to where this mono tape
    /// begins.
    pub(super) fn take_over(&mut self, from: &Self, channel: usize, start: u64) {
        let first = start.max(from.base);
        if (self.layout.format, self.layout.rate) != (from.layout.format, from.layout.rate) {
            return self.translate(from, channel, first, first - start);
        }
        let (Some(frames), sample) = (from.end().checked_sub(first), self.layout.format.sample_bytes()) else { return };
        self.extend(first - start + frames);
        let skipped = |frames: u64, layout: Layout| (frames as usize).saturating_mul(layout.frame_bytes());
        let theirs = from.bytes.get(skipped(first - from.base, from.layout)..).unwrap_or_default();
        let ours = self.bytes.get_mut(skipped(first - start, self.layout)..).unwrap_or_default();
        for (place, frame) in ours.chunks_exact_mut(sample).zip(theirs.chunks_exact(from.layout.frame_bytes())) {
            if let Some(own) = frame.get(channel * sample..(channel + 1) * sample) {
                place.copy_from_slice(own);
            }
        }
    }

    /// The same from another format or rate, from its frame `first` on, which comes `after` the beginning.
    fn translate(&mut self, from: &Self, channel: usize, first: u64, after: u64) {
        let skipped = ((first - from.base) as usize).saturating_mul(from.layout.frame_bytes());
        let frames = from.bytes.get(skipped..).unwrap_or_default().chunks_exact(from.layout.frame_bytes());
        let sample_bytes = from.layout.format.sample_bytes();
        let samples =
            frames.map(|frame| linear(from.layout.format, frame.get(channel * sample_bytes..).unwrap_or(&[])));
        let narrow: Vec<i16> = samples.collect();
        if self.layout.rate == from.layout.rate {
            self.put(after, Stroke { channel: 0, piece: Piece::Linear(&narrow), instead_of: None });
        } else {
            let mut wide = Vec::with_capacity(2 * narrow.len());
            Upsampler::default().run(&narrow, &mut wide);
            self.put(2 * after, Stroke { channel: 0, piece: Piece::Linear(&wide), instead_of: None });
        }
    }

    /// Silence up to frame `end`.
    pub(super) fn extend(&mut self, end: u64) {
        let frames = usize::try_from(end.saturating_sub(self.base)).unwrap_or(0);
        let len = frames.saturating_mul(self.layout.frame_bytes());
        if len > self.bytes.len() {
            self.bytes.resize(len, self.layout.format.silence());
        }
    }

    /// All is on disk: only the newest frames stay.
    pub(super) fn written(&mut self) {
        self.dirty = self.end();
        self.forget_old();
    }

    /// Only the newest frames stay.
    pub(super) fn forget_old(&mut self) {
        self.cut(self.end().saturating_sub(u64::from(self.layout.rate) * KEPT_MS / 1000));
    }

    /// Forgets what lies before `frame`, which may be beyond the end.
    pub(super) fn cut(&mut self, frame: u64) {
        if frame <= self.base {
            return;
        }
        let frames = usize::try_from(frame - self.base).unwrap_or(usize::MAX);
        let gone = frames.saturating_mul(self.layout.frame_bytes()).min(self.bytes.len());
        self.bytes.drain(..gone);
        self.base = frame;
        self.dirty = self.dirty.max(frame);
    }
}

/// Sound as it came, or as it was decoded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Codes(&'a [u8], Law),
    /// 16-bit, at the rate of the tape.
    Linear(&'a [i16]),
}

/// Sound for one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke<'a> {
    /// From 0.
    pub(super) channel: usize,
    pub(super) piece: Piece<'a>,
    /// None: nobody else speaks in this channel, what lies there is replaced. Some: others may, and
    /// of what lies there this much is the same voice's (16-bit linear): it is taken out first, so
    /// that a voice that is put twice is not heard twice.
    pub(super) instead_of: Option<&'a [i16]>,
}

impl Stroke<'_> {
    /// Samples.
    pub(super) fn len(&self) -> usize {
        match self.piece {
            Piece::Codes(codes, _) => codes.len(),
            Piece::Linear(samples) => samples.len(),
        }
    }

    /// The first `samples` and the rest.
    pub(super) fn split(self, samples: usize) -> (Self, Self) {
        let (now, later) = match self.piece {
            Piece::Codes(codes, law) => {
                let (now, later) = codes.split_at_checked(samples).unwrap_or((codes, &[]));
                (Piece::Codes(now, law), Piece::Codes(later, law))
            }
            Piece::Linear(all) => {
                let (now, later) = all.split_at_checked(samples).unwrap_or((all, &[]));
                (Piece::Linear(now), Piece::Linear(later))
            }
        };
        let own = self.instead_of.map(|own| own.split_at_checked(samples).unwrap_or((own, &[])));
        let (own_now, own_later) = own.unzip();
        (Self { piece: now, instead_of: own_now, ..self }, Self { piece: later, instead_of: own_later, ..self })
    }
}

/// Lays a stroke over interleaved frames.
pub(super) fn lay(layout: Layout, frames: &mut [u8], stroke: Stroke<'_>) {
    let Stroke { channel, piece, instead_of } = stroke;
    let (codes, law) = match piece {
        Piece::Codes(codes, law) => (codes, law),
        Piece::Linear(samples) => return lay_linear(layout, frames, channel, samples),
    };
    if (layout, law, instead_of) == (Format::Alaw.stereo(), Law::A, None) && channel < 2 {
        // What nearly every call needs, fifty times a second for each of its voices.
        for (frame, code) in frames.as_chunks_mut::<2>().0.iter_mut().zip(codes) {
            frame[channel] = *code;
        }
        return;
    }
    let (format, sample) = (layout.format, layout.format.sample_bytes());
    let places = frames.chunks_exact_mut(layout.frame_bytes());
    let places = places.filter_map(|frame| frame.get_mut(channel * sample..)).zip(codes);
    match instead_of {
        None => places.for_each(|(place, code)| write(format, place, law, *code)),
        Some(own) => places.zip(own).for_each(|((place, code), own)| {
            let lies = linear(format, place);
            if lies == *own {
                // Nobody else: not a bit is changed by adding.
                return write(format, place, law, *code);
            }
            let voice = law.decode(*code);
            let sum = i32::from(lies) - i32::from(*own) + if is_silence(law, *code) { 0 } else { i32::from(voice) };
            let sum = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            match format {
                Format::Alaw => write(format, place, Law::A, Law::A.encode(sum)),
                Format::Mulaw => write(format, place, Law::Mu, Law::Mu.encode(sum)),
                Format::Pcm16 => write_linear(place, sum),
            }
        }),
    }
}

/// Decoded sound is one voice's alone, on a track of its own.
fn lay_linear(layout: Layout, frames: &mut [u8], channel: usize, samples: &[i16]) {
    let (format, sample_bytes) = (layout.format, layout.format.sample_bytes());
    let places = frames.chunks_exact_mut(layout.frame_bytes());
    for (place, sample) in places.filter_map(|frame| frame.get_mut(channel * sample_bytes..)).zip(samples) {
        match format {
            Format::Alaw => write(format, place, Law::A, Law::A.encode(*sample)),
            Format::Mulaw => write(format, place, Law::Mu, Law::Mu.encode(*sample)),
            Format::Pcm16 => write_linear(place, *sample),
        }
    }
}

/// A-law has no zero: its code of silence decodes to 8 and must not add up.
fn is_silence(law: Law, code: u8) -> bool {
    code == law.silence()
}

/// One code as it comes to lie in a file, read back as 16-bit linear; silence is 0.
pub(super) fn linear(format: Format, place: &[u8]) -> i16 {
    match (format, place) {
        (Format::Alaw, [code, ..]) if is_silence(Law::A, *code) => 0,
        (Format::Alaw, [code, ..]) => Law::A.decode(*code),
        (Format::Mulaw, [code, ..]) => Law::Mu.decode(*code),
        (Format::Pcm16, [low, high, ..]) => i16::from_le_bytes([*low, *high]),
        (Format::Alaw | Format::Mulaw | Format::Pcm16, _) => 0,
    }
}

fn write(format: Format, place: &mut [u8], law: Law, code: u8) {
    match (format, law) {
        (Format::Alaw, Law::A) | (Format::Mulaw, Law::Mu) => {
            if let [byte, ..] = place {
                *byte = code;
            }
        }
        (Format::Alaw, Law::Mu) | (Format::Mulaw, Law::A) => {
            if let [byte, ..] = place {
                *byte = code;
                law.transcode(std::slice::from_mut(byte));
            }
        }
        (Format::Pcm16, _) => write_linear(place, law.decode(code)),
    }
}

fn write_linear(place: &mut [u8], sample: i16) {
    if let [low, high, ..] = place {
        [*low, *high] = sample.to_le_bytes();
    }
}
