//! What the server left on disk: WAV files and, where it writes them, side-cars.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tone::{self, Goertzel};

/// A length may differ from the talk by this much, in seconds.
const WITHIN: f64 = 0.15;
/// So many files are listened to.
const SAMPLE: usize = 10;
/// So many pieces in a row of so many samples.
const PIECES: usize = 5;
const LISTEN: usize = 1600;

/// What is to be heard in a recording; on its left, the citizen.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    /// Tones on its right, in Hz.
    pub right: &'static [u32],
    /// So many pieces may have marks in them.
    pub marked: usize,
    /// So many people have tracks of their own.
    pub tracks: usize,
}

/// Recordings that are complete, and those that are not.
#[derive(Default)]
pub struct Found {
    pub sealed: BTreeSet<PathBuf>,
    pub open: usize,
}

#[derive(Debug, Default)]
pub struct Checked {
    pub files: usize,
    /// Longer or shorter than the talk.
    pub wrong_length: usize,
    pub unreadable: usize,
    /// By the side-cars.
    pub with_gaps: usize,
    pub gaps: u64,
    pub not_ok: usize,
    pub without_tracks: usize,
    pub shortest: f64,
    pub longest: f64,
    /// Of those that were listened to.
    pub tones_right: usize,
    pub tones_wrong: usize,
    /// The first gap, as the side-car has it.
    pub example: Option<String>,
}

pub fn find(folder: &Path) -> Found {
    let mut found = Found::default();
    walk(folder, &mut found);
    found
}

/// `talks`: seconds from answer to BYE of all complete calls. Recordings do not say whose they are in
/// words that every PBX shares, so the sorted lengths are held against the sorted talks.
pub fn check(files: &BTreeSet<PathBuf>, mut talks: Vec<f64>, spoken: Option<Spoken>) -> Checked {
    let mut checked = Checked { files: files.len(), ..Checked::default() };
    let mut lengths = Vec::new();
    for (at, path) in files.iter().enumerate() {
        let listen = spoken.filter(|_| at % files.len().div_ceil(SAMPLE) == 0);
        match Wav::read(path, listen.is_some()) {
            Some(wav) => {
                lengths.push(wav.seconds);
                if let Some(spoken) = listen {
                    let right = wav.tones_are_right(spoken);
                    checked.tones_right += usize::from(right);
                    checked.tones_wrong += usize::from(!right);
                }
            }
            None => checked.unreadable += 1,
        }
        let tracks = spoken.map_or(0, |spoken| spoken.tracks);
        read_side_car(&path.with_extension("json"), tracks, &mut checked);
    }
    lengths.sort_by(f64::total_cmp);
    talks.sort_by(f64::total_cmp);
    checked.shortest = lengths.first().copied().unwrap_or(0.0);
    checked.longest = lengths.last().copied().unwrap_or(0.0);
    checked.wrong_length =
        lengths.iter().zip(&talks).filter(|(length, talk)| (**length - **talk).abs() > WITHIN).count();
    checked
}

fn walk(folder: &Path, found: &mut Found) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, found);
        } else if path.to_string_lossy().ends_with(".wav.part") {
            found.open += 1;
        } else if path.extension().is_some_and(|extension| extension == "wav") && !is_track(&path) {
            found.sealed.insert(path);
        }
    }
}

/// `p3.wav`: one person of a call, beside `call.wav`.
fn is_track(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix('p').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

fn read_side_car(path: &Path, tracks: usize, checked: &mut Checked) {
    let Ok(text) = fs::read(path) else { return };
    let Ok(value) = serde_json::from_slice::<Value>(&text) else {
        checked.unreadable += 1;
        return;
    };
    let gaps = value["gap_count"].as_u64().unwrap_or(0);
    checked.gaps += gaps;
    checked.with_gaps += usize::from(gaps > 0);
    checked.not_ok += usize::from(value["seal"]["verdict"] != "ok");
    checked.without_tracks += usize::from(value["tracks"].as_array().map_or(0, Vec::len) < tracks);
    if gaps > 0 && checked.example.is_none() {
        checked.example = Some(format!(
            "{} of {} s: {}",
            path.display(),
            value["seal"]["duration_ms"].as_f64().unwrap_or(0.0) / 1000.0,
            value["gaps"]
        ));
    }
}

struct Wav {
    seconds: f64,
    format: u16,
    channels: usize,
    /// From its middle, where it was asked for.
    samples: Vec<u8>,
}

impl Wav {
    fn read(path: &Path, listen: bool) -> Option<Self> {
        use std::os::unix::fs::FileExt;
        let file = fs::File::open(path).ok()?;
        let mut head = [0; 512];
        let length = file.read_at(&mut head, 0).ok()?;
        let head = &head[..length];
        if head.get(..4)? != b"RIFF" || head.get(8..12)? != b"WAVE" {
            return None;
        }
        let short = |at: usize| Some(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
        let long = |at: usize| Some(u32::from(short(at)?) | u32::from(short(at + 2)?) << 16);
        let (mut at, mut format) = (12, None);
        loop {
            let size = long(at + 4)?;
            match head.get(at..at + 4)? {
                b"fmt " => format = Some((short(at + 8)?, short(at + 10)?, long(at + 12)?, short(at + 20)?)),
                b"data" => {
                    let (tag, channels, rate, frame) = format?;
                    let start = at as u64 + 8;
                    let there = file.metadata().ok()?.len().checked_sub(start)?;
                    if u64::from(size) > there {
                        return None;
                    }
                    let seconds = f64::from(size) / f64::from(frame) / f64::from(rate);
                    let mut samples = Vec::new();
                    if listen {
                        samples = vec![0; PIECES * LISTEN * usize::from(frame)];
                        let middle = u64::from(size) / 2 / u64::from(frame) * u64::from(frame);
                        file.read_exact_at(&mut samples, start + middle).ok()?;
                    }
                    return Some(Self { seconds, format: tag, channels: channels.into(), samples });
                }
                _ => {}
            }
            at += 8 + size as usize + size as usize % 2;
        }
    }

    /// The citizen on the left, the others on the right.
    fn tones_are_right(&self, spoken: Spoken) -> bool {
        let frame = self.frame();
        let pieces = self.samples.chunks_exact(LISTEN * frame);
        self.channels == 2
            && pieces.filter(|piece| self.piece_is_right(piece, spoken.right)).count() + spoken.marked >= PIECES
    }

    fn piece_is_right(&self, piece: &[u8], others: &[u32]) -> bool {
        let bytes = self.frame() / self.channels;
        let level = |channel: usize, hertz: u32| {
            let mut tone = Goertzel::new(hertz);
            for sample in piece.chunks_exact(bytes).skip(channel).step_by(self.channels) {
                tone.hear(if bytes == 1 {
                    tone::decode(sample[0])
                } else {
                    i16::from_le_bytes([sample[0], sample[1]])
                });
            }
            tone.level()
        };
        let heard = |channel, hertz| level(channel, hertz).abs() < 1.0;
        let unheard = |channel, hertz| level(channel, hertz) < -40.0;
        heard(0, tone::CITIZEN)
            && unheard(1, tone::CITIZEN)
            && others.iter().all(|other| heard(1, *other) && unheard(0, *other))
    }

    fn frame(&self) -> usize {
        self.channels * if self.format == 6 { 1 } else { 2 }
    }
}
