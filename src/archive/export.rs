//! One playable WAV of a sealed recording, PCM 16 bit at 8 kHz, or at 16 where a voice in it was recorded
//! so, on the call's clock from its first sample to its last. What the citizen did not hear is left out unless it is asked for.
//!
//! It lies nowhere: each piece is rendered from the files when it is read, and is the same wherever a reader
//! begins and ends (R111).

use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use super::Sealed;
use super::names::Class;
use super::shelf::{Shelf, ShelfError};
use super::sidecar::{SideCar, TrackLine};
use super::stored::Stored;
use super::tape::linear;
use super::{LEFT, RIGHT};
use crate::audio::resample::Upsampler;
use crate::audio::wav::{self, Layout, RATE, WIDE_RATE};
use crate::call::Role;

/// Bytes rendered at a time for a reader that takes more.
const PIECE: usize = 128 << 10;

/// What is wanted of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All voices in one channel.
    Mix,
    /// A channel for each participant, in their order.
    Channels,
    /// One participant, from 1, in one channel.
    Participant(usize),
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("the recording has {0} participants, counted from 1")]
    NoParticipant(usize),
    #[error("that is more than a WAV file holds")]
    TooLong,
    #[error("cannot render the recording: {0}")]
    Io(#[from] io::Error),
}

/// A WAV file that is not there.
pub struct Rendition {
    primary: Sound,
    channels: Vec<Sources>,
    /// Frames of the call, and how many of the rendition go into one.
    frames: u64,
    scale: u64,
    head: Vec<u8>,
    /// Whose voice each channel is, from 1; None of several together, or of nobody known.
    pub participants: Vec<Option<usize>>,
    /// Something was said that the citizen did not hear, and it is not in here.
    pub leaves_out: bool,
}

impl Rendition {
    /// Opens the files; renders nothing yet.
    pub fn open(shelf: &Shelf, sealed: &Sealed, form: Form, private: bool) -> Result<Self, ExportError> {
        let folder = sealed.path.parent().unwrap_or(Path::new(""));
        let side_car = shelf.side_car(folder)?;
        let primary = Sound::open(shelf, sealed.parts.iter().map(AsRef::as_ref), 0)?;
        let frames = primary.frames();
        let channels = channels(shelf, folder, &side_car, form, private, frames)?;
        let is_wide = channels.iter().flat_map(|sources| &sources.tracks).any(|track| track.scale() > 1);
        let scale = if is_wide { u64::from(WIDE_RATE / RATE) } else { 1 };
        let count = u16::try_from(channels.len()).map_err(|_| ExportError::TooLong)?;
        let head = wav::pcm_header(count, RATE * scale as u32, frames.saturating_mul(scale));
        let head = head.ok_or(ExportError::TooLong)?;
        let leaves_out = !private && side_car.tracks.iter().any(|line| line.class == Class::Private);
        let people = side_car.participants.len();
        let participants = match form {
            Form::Channels if people > 0 => (1..=people).map(Some).collect(),
            Form::Participant(number) => vec![Some(number)],
            Form::Mix | Form::Channels => vec![None; channels.len()],
        };
        Ok(Self { primary, channels, frames, scale, head, participants, leaves_out })
    }

    /// Of the whole file, its header included.
    pub fn bytes(&self) -> u64 {
        self.head.len() as u64 + self.frames * self.frame_bytes()
    }

    /// Frames of the call, of which 8000 make a second.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes `at..at + len` of the file, fewer at its end only. Costs what they cost, wherever they lie.
    pub fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let end = at.saturating_add(len as u64).min(self.bytes());
        let head = self.head.len() as u64;
        let known = at.min(head) as usize..end.min(head).max(at.min(head)) as usize;
        let mut out = self.head.get(known).unwrap_or_default().to_vec();
        let (from, to) = (at.max(head) - head, end.saturating_sub(head));
        if from < to {
            let frame_bytes = self.frame_bytes();
            let block = from / frame_bytes..to.div_ceil(frame_bytes);
            let skipped = (from - block.start * frame_bytes) as usize;
            let samples = interleaved(&self.sums(&block)?);
            out.extend(samples.into_iter().skip(skipped).take((to - from) as usize));
        }
        Ok(out)
    }

    /// Bytes `at..at + len` of the file, as they are read.
    pub fn part(self, at: u64, len: u64) -> Part {
        let end = at.saturating_add(len).min(self.bytes());
        Part { rendition: self, at, end }
    }

    /// What each channel is in so many frames of the call, before it is cut to 16 bits.
    pub(super) fn sums(&self, block: &Range<u64>) -> io::Result<Vec<Vec<i32>>> {
        let count = ((block.end - block.start) * self.scale) as usize;
        let sum = |sources: &Sources| {
            let mut sum = vec![0; count];
            sources.add(&self.primary, block, &mut sum).map(|()| sum)
        };
        self.channels.iter().map(sum).collect()
    }

    /// Bytes of what is one frame of the call.
    fn frame_bytes(&self) -> u64 {
        2 * self.scale * (self.channels.len() as u64).max(1)
    }
}

pub(super) fn clamped(sum: i32) -> i16 {
    sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// Channels side by side, little end first.
fn interleaved(sums: &[Vec<i32>]) -> Vec<u8> {
    let frames = sums.first().map_or(0, Vec::len);
    let mut bytes = vec![0; 2 * frames * sums.len()];
    for (channel, sum) in sums.iter().enumerate() {
        let places = bytes.as_chunks_mut::<2>().0.iter_mut().skip(channel).step_by(sums.len());
        places.zip(sum).for_each(|(place, sample)| *place = clamped(*sample).to_le_bytes());
    }
    bytes
}

/// Part of a rendition.
pub struct Part {
    rendition: Rendition,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at.min(self.end)).unwrap_or(usize::MAX);
        let bytes = self.rendition.read(self.at, into.len().min(left).min(PIECE))?;
        into.iter_mut().zip(&bytes).for_each(|(place, byte)| *place = *byte);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

/// What one channel of the export is the sum of.
#[derive(Default)]
struct Sources {
    /// Channels of the primary file, and which frames of them.
    primary: Vec<(usize, Range<u64>)>,
    tracks: Vec<Sound>,
}

impl Sources {
    fn add(&self, primary: &Sound, block: &Range<u64>, sum: &mut [i32]) -> io::Result<()> {
        for (channel, frames) in &self.primary {
            primary.add(*channel, block, frames, sum)?;
        }
        for track in &self.tracks {
            track.add(0, block, &(0..u64::MAX), sum)?;
        }
        Ok(())
    }
}

fn channels(
    shelf: &Shelf,
    folder: &Path,
    side_car: &SideCar,
    form: Form,
    private: bool,
    frames: u64,
) -> Result<Vec<Sources>, ExportError> {
    let people = side_car.participants.len();
    match form {
        Form::Mix => {
            let mut all = Sources { primary: vec![(LEFT, 0..frames), (RIGHT, 0..frames)], tracks: Vec::new() };
            for line in side_car.tracks.iter().filter(|line| private && line.class == Class::Private) {
                all.tracks.push(Sound::of_track(shelf, folder, line)?);
            }
            Ok(vec![all])
        }
        // Nobody knows who it was: the two channels as they are.
        Form::Channels if people == 0 => {
            Ok([LEFT, RIGHT].map(|channel| Sources { primary: vec![(channel, 0..frames)], tracks: Vec::new() }).into())
        }
        Form::Channels => (1..=people).map(|one| participant(shelf, folder, side_car, one, private, frames)).collect(),
        Form::Participant(one) => Ok(vec![participant(shelf, folder, side_car, one, private, frames)?]),
    }
}

/// One participant: the citizen is the left channel. Of the others each has the right one from when it
/// joined until the next one did, and has its own tracks once there are three parties.
fn participant(
    shelf: &Shelf,
    folder: &Path,
    side_car: &SideCar,
    number: usize,
    private: bool,
    frames: u64,
) -> Result<Sources, ExportError> {
    let people = &side_car.participants;
    let place = number.checked_sub(1).filter(|place| *place < people.len());
    let place = place.ok_or(ExportError::NoParticipant(people.len()))?;
    let is_citizen = people.get(place).is_some_and(|who| who.party.role == Role::Citizen);
    if is_citizen {
        return Ok(Sources { primary: vec![(LEFT, 0..frames)], tracks: Vec::new() });
    }
    let joined = |place: usize| {
        let who = people.get(place).filter(|who| who.party.role != Role::Citizen)?;
        u64::try_from(who.joined.0.saturating_sub(side_car.started.0)).ok().map(|ms| ms.saturating_mul(8))
    };
    let from = joined(place).unwrap_or(0);
    let next = (place + 1..people.len()).find_map(joined);
    let heard = side_car.tracks.iter().filter(|line| line.class == Class::Heard);
    let crowded = heard.map(|line| line.offset_ms.saturating_mul(8)).min();
    let to = [Some(frames), next, crowded].into_iter().flatten().min().unwrap_or(frames);
    let mut sources = Sources { primary: vec![(RIGHT, from..to.max(from))], tracks: Vec::new() };
    let own = side_car.tracks.iter().filter(|line| line.participant == number);
    for line in own.filter(|line| private || line.class == Class::Heard) {
        sources.tracks.push(Sound::of_track(shelf, folder, line)?);
    }
    Ok(sources)
}

/// The parts of one file or track.
struct Sound {
    /// With the frames of each.
    parts: Vec<(Stored, Layout, u64)>,
    /// Frame of the call at which it begins.
    offset: u64,
}

impl Sound {
    fn of_track(shelf: &Shelf, folder: &Path, line: &TrackLine) -> Result<Self, ExportError> {
        let parts: Vec<_> = line.parts.iter().map(|part| folder.join(&part.file)).collect();
        Self::open(shelf, parts.iter().map(AsRef::as_ref), line.offset_ms.saturating_mul(8))
    }

    fn open<'a>(shelf: &Shelf, paths: impl Iterator<Item = &'a Path>, offset: u64) -> Result<Self, ExportError> {
        let mut parts = Vec::new();
        for path in paths {
            let range = shelf.open(path, 0, None)?;
            let file = range.reader.into_inner();
            let mut head = [0; 58];
            let known = head.len().min(usize::try_from(range.whole).unwrap_or(usize::MAX));
            let head = head.get_mut(..known).unwrap_or_default();
            file.read_exact_at(head, 0)?;
            let layout = wav::layout_of(head).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            parts.push((file, layout, layout.frames_in(range.whole)));
        }
        Ok(Self { parts, offset })
    }

    /// Frames of the call.
    fn frames(&self) -> u64 {
        self.parts.iter().map(|(_, _, frames)| frames).sum::<u64>() / self.scale()
    }

    /// Frames of it in one of the call.
    fn scale(&self) -> u64 {
        self.parts.first().map_or(1, |(_, layout, _)| u64::from(layout.rate / RATE).max(1))
    }

    /// Adds what of `within` lies in `block`, both in frames of the call, at the rate of `sum`.
    fn add(&self, channel: usize, block: &Range<u64>, within: &Range<u64>, sum: &mut [i32]) -> io::Result<()> {
        let own = (block.end - block.start) * self.scale();
        let sound = if sum.len() as u64 == own {
            self.read(channel, block, 0, within)?
        } else {
            // What lies beside the block bends its edges.
            let narrow = self.read(channel, block, Upsampler::DELAY, within)?;
            let mut wide = Vec::with_capacity(2 * narrow.len());
            Upsampler::default().run(&narrow, &mut wide);
            let lead = 2 * 2 * Upsampler::DELAY as usize;
            wide.split_off(lead.min(wide.len()))
        };
        sum.iter_mut().zip(sound).for_each(|(place, sample)| *place += i32::from(sample));
        Ok(())
    }

    /// Its own frames of `block`, and of so many frames of the call on either side; 0 outside of `within`.
    fn read(&self, channel: usize, block: &Range<u64>, beside: u64, within: &Range<u64>) -> io::Result<Vec<i16>> {
        let own = |frame: u64| i64::try_from(frame.saturating_mul(self.scale())).unwrap_or(i64::MAX);
        let (start, end) = (own(block.start) - own(beside), own(block.end) + own(beside));
        let mut sound = vec![0; usize::try_from(end - start).unwrap_or(0)];
        let mut begin = own(self.offset);
        for (file, layout, frames) in &self.parts {
            let part_end = begin.saturating_add_unsigned(*frames);
            let from = begin.max(start).max(own(within.start));
            let to = part_end.min(end).min(own(within.end));
            if from < to {
                let frame_bytes = layout.frame_bytes();
                let mut bytes = vec![0; (to - from) as usize * frame_bytes];
                let at = layout.format.header_len() as u64 + (from - begin) as u64 * frame_bytes as u64;
                file.read_exact_at(&mut bytes, at)?;
                let places = sound.get_mut((from - start) as usize..).unwrap_or_default();
                for (place, frame) in places.iter_mut().zip(bytes.chunks_exact(frame_bytes)) {
                    let sample = frame.get(channel * layout.format.sample_bytes()..).unwrap_or_default();
                    *place = linear(layout.format, sample);
                }
            }
            begin = part_end;
        }
        Ok(sound)
    }
}
