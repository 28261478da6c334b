//! What callers hear from us: WAV files of the `prompts` folder (its README has the table of
//! names), and the sound that `audio::tone` makes. Only this file reads with hound.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::audio::g711::Law;
use crate::audio::tone;
use crate::call::{NotReached, Prompt};
use crate::time::Mono;

/// The files of a whole set; `greeting-<code>.wav` may be added.
pub const FILES: [&str; 30] = [
    "greeting",
    "notice",
    "position-prefix",
    "position-suffix",
    "comfort",
    "returning",
    "press-1",
    "briefing-prefix",
    "briefing-suffix",
    "third-busy",
    "third-no-answer",
    "third-refused",
    "third-unreachable",
    "third-closed",
    "seat-prefix",
    "seat-suffix",
    "digit-0",
    "digit-1",
    "digit-2",
    "digit-3",
    "digit-4",
    "digit-5",
    "digit-6",
    "digit-7",
    "digit-8",
    "digit-9",
    "yao",
    "ten",
    "hundred",
    "thousand",
];

/// One piece of sound, ready to send in either law.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    a: Box<[u8]>,
    mu: Box<[u8]>,
}

/// All clips, shared by the media threads.
#[derive(Clone, Debug)]
pub struct PromptShelf {
    clips: Arc<BTreeMap<String, Arc<Clip>>>,
    music: Arc<Clip>,
    ringback: Arc<Clip>,
    done: Arc<Clip>,
    refused: Arc<Clip>,
    /// Stands in for a file that is missing.
    pause: Arc<Clip>,
}

impl Clip {
    pub fn new(samples: &[i16]) -> Self {
        let encode = |law: Law| samples.iter().map(|sample| law.encode(*sample)).collect();
        Self { a: encode(Law::A), mu: encode(Law::Mu) }
    }

    pub fn codes(&self, law: Law) -> &[u8] {
        match law {
            Law::A => &self.a,
            Law::Mu => &self.mu,
        }
    }

    /// Samples at 8 kHz.
    pub fn len(&self) -> usize {
        self.a.len()
    }

    pub fn is_empty(&self) -> bool {
        self.a.is_empty()
    }
}

impl PromptShelf {
    /// Loads `name.wav` of each embedded pair, then the `*.wav` of the folder, which win. A file
    /// that is missing or is no mono 16-bit WAV at 8 kHz is a pause of 200 ms and a warning.
    pub fn load(embedded: &[(&str, &[u8])], folder: Option<&Path>) -> Self {
        let mut clips = BTreeMap::new();
        let mut add = |file: &str, samples: Result<Vec<i16>, String>| match samples {
            Ok(samples) => {
                clips.insert(file.trim_end_matches(".wav").to_owned(), Arc::new(Clip::new(&samples)));
            }
            Err(why) => tracing::warn!(file, why, "prompt not used"),
        };
        for (file, bytes) in embedded {
            add(file, read_wav(*bytes));
        }
        for path in folder.into_iter().flat_map(wav_files) {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(|error| error.to_string());
            add(&file, bytes.and_then(|bytes| read_wav(bytes.as_slice())));
        }
        let missing: Vec<&str> = FILES.into_iter().filter(|name| !clips.contains_key(*name)).collect();
        if !missing.is_empty() {
            tracing::warn!(missing = missing.join(" "), "prompts missing: callers hear a short silence instead");
        }
        Self {
            clips: Arc::new(clips),
            music: Arc::new(Clip::new(&tone::music())),
            ringback: Arc::new(Clip::new(&tone::ringback())),
            done: Arc::new(Clip::new(&tone::confirm())),
            refused: Arc::new(Clip::new(&tone::refuse())),
            pause: Arc::new(Clip::new(&tone::silence(200))),
        }
    }

    /// The clips of these prompts in their order.
    pub fn clips(&self, prompts: &[Prompt]) -> Vec<Arc<Clip>> {
        prompts.iter().flat_map(|prompt| self.spoken(prompt)).collect()
    }

    fn spoken(&self, prompt: &Prompt) -> Vec<Arc<Clip>> {
        match prompt {
            Prompt::Greeting(code) => {
                let own = self.clips.get(&format!("greeting-{code}")).cloned();
                vec![own.unwrap_or_else(|| self.named("greeting"))]
            }
            Prompt::Notice => vec![self.named("notice")],
            Prompt::Position(place) => {
                let number = count(*place);
                let names = ["position-prefix"].into_iter().chain(number).chain(["position-suffix"]);
                names.map(|name| self.named(name)).collect()
            }
            Prompt::Comfort => vec![self.named("comfort")],
            Prompt::Music => vec![self.music.clone()],
            Prompt::Returning => vec![self.named("returning")],
            Prompt::Press1 => vec![self.named("press-1")],
            Prompt::Briefing { code, topic } => {
                let names = ["briefing-prefix"].into_iter().chain(digits(code));
                let number = names.map(|name| self.named(name));
                // A recording that is not there is left out: what is said is whole without it.
                let topic = topic.as_ref().and_then(|name| self.clips.get(name).cloned());
                number.chain(topic).chain([self.named("briefing-suffix")]).collect()
            }
            Prompt::Ringback => vec![self.ringback.clone()],
            Prompt::NotReached(why) => vec![self.named(match why {
                NotReached::Busy => "third-busy",
                NotReached::NoAnswer => "third-no-answer",
                NotReached::Refused => "third-refused",
                NotReached::Unreachable => "third-unreachable",
                NotReached::Closed => "third-closed",
            })],
            Prompt::SeatNumber(seat) => {
                let names = ["seat-prefix"].into_iter().chain(digits(seat)).chain(["seat-suffix"]);
                names.map(|name| self.named(name)).collect()
            }
            Prompt::Done => vec![self.done.clone()],
            Prompt::Refused => vec![self.refused.clone()],
        }
    }

    /// The clip of a file, by its name without `.wav`; a short pause where there is none.
    pub fn named(&self, name: &str) -> Arc<Clip> {
        self.clips.get(name).unwrap_or(&self.pause).clone()
    }
}

fn wav_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).inspect_err(|error| {
        tracing::warn!(folder = %folder.display(), %error, "prompts folder not read");
    });
    let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "wav")).collect();
    files.sort();
    files
}

fn read_wav(bytes: impl Read) -> Result<Vec<i16>, String> {
    let mut reader = hound::WavReader::new(bytes).map_err(|error| error.to_string())?;
    let spec = reader.spec();
    let wanted =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    if spec != wanted {
        return Err(format!("{} channels, {} Hz, {} bits", spec.channels, spec.sample_rate, spec.bits_per_sample));
    }
    reader.samples().collect::<Result<_, _>>().map_err(|error| error.to_string())
}

const DIGITS: [&str; 10] =
    ["digit-0", "digit-1", "digit-2", "digit-3", "digit-4", "digit-5", "digit-6", "digit-7", "digit-8", "digit-9"];

fn digit(value: u32) -> &'static str {
    usize::try_from(value).ok().and_then(|value| DIGITS.get(value)).copied().unwrap_or("digit-0")
}

/// The digits of a number of a person or thing.
fn digits(number: &str) -> impl Iterator<Item = &'static str> {
    number.chars().filter_map(|digit| digit.to_digit(10)).map(spelt)
}

/// A digit as it is read in a number of a person or thing: 一 is said 幺.
fn spelt(value: u32) -> &'static str {
    if value == 1 { "yao" } else { digit(value) }
}

/// A count as it is read in Mandarin: 10 十, 12 十二, 20 二十, 105 一百零五, 110 一百一十; at most 9999.
fn count(number: u32) -> Vec<&'static str> {
    let number = number.min(9999);
    if number < 10 {
        return vec![digit(number)];
    }
    let mut words = Vec::new();
    let mut hole = false;
    for (unit, name) in [(1000, Some("thousand")), (100, Some("hundred")), (10, Some("ten")), (1, None)] {
        let value = number / unit % 10;
        if value == 0 {
            hole = !words.is_empty();
            continue;
        }
        if std::mem::take(&mut hole) {
            words.push("digit-0");
        }
        // 十二, not 一十二.
        if !(unit == 10 && value == 1 && words.is_empty()) {
            words.push(digit(value));
        }
        words.extend(name);
    }
    words
}

/// Clips that one leg hears, cut into packets.
#[derive(Debug)]
pub struct Playing {
    clips: Vec<Arc<Clip>>,
    clip: usize,
    offset: usize,
    repeat: bool,
    /// Comes back in `Played`.
    pub token: u64,
    /// What is said to this one person is part of the record, and nobody else hears it.
    pub recorded: bool,
    /// Which prompt of this leg it is, and where it stands in its own numbers.
    pub serial: u64,
    pub sequence: u16,
    pub timestamp: u32,
    /// When the next packet is due.
    pub due: Mono,
}

impl Playing {
    pub fn new(clips: Vec<Arc<Clip>>, repeat: bool, token: u64, serial: u64, due: Mono) -> Self {
        let repeat = repeat && clips.iter().any(|clip| !clip.is_empty());
        Self { clips, clip: 0, offset: 0, repeat, token, recorded: false, serial, sequence: 0, timestamp: 0, due }
    }

    pub fn recorded(self, recorded: bool) -> Self {
        Self { recorded, ..self }
    }

    /// Fills `packet` with the next samples, and with silence behind the end. False where nothing is left.
    pub fn fill(&mut self, law: Law, packet: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < packet.len() {
            let Some(clip) = self.clips.get(self.clip) else {
                if self.repeat {
                    self.clip = 0;
                    continue;
                }
                break;
            };
            let codes = clip.codes(law).get(self.offset..).unwrap_or_default();
            let rest = packet.get_mut(filled..).unwrap_or_default();
            let taken = codes.len().min(rest.len());
            for (to, from) in rest.iter_mut().zip(codes) {
                *to = *from;
            }
            filled += taken;
            self.offset += taken;
            if taken == codes.len() {
                self.clip += 1;
                self.offset = 0;
            }
        }
        packet.iter_mut().skip(filled).for_each(|code| *code = law.silence());
        filled > 0
    }
}
