//! The codecs that a leg may speak, and the state of one stream in each of them.

use super::g711::Law;
use super::{g722, opus};

/// One of the codecs that we negotiate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    G711(Law),
    /// ITU-T G.722 at 64 kbit/s.
    G722,
    /// RFC 6716, mono at 16 kHz.
    Opus,
}

/// At how many samples a second sound is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// 8 kHz, as every telephone line.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Rate {
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }

    /// Samples in one tick of the RTP clock of 8 kHz by which all packets are numbered here.
    pub const fn per_tick(self) -> u32 {
        self.hertz() / 8_000
    }
}

impl From<Law> for Codec {
    fn from(law: Law) -> Self {
        Self::G711(law)
    }
}

impl Codec {
    pub const PCMA: Self = Self::G711(Law::A);
    pub const PCMU: Self = Self::G711(Law::Mu);
    /// All of them, in the order in which they are offered unless configured: the cheapest first.
    pub const ALL: [Self; 4] = [Self::PCMA, Self::PCMU, Self::G722, Self::Opus];

    /// As the configuration has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::G711(Law::A) => "pcma",
            Self::G711(Law::Mu) => "pcmu",
            Self::G722 => "g722",
            Self::Opus => "opus",
        }
    }

    /// The static RTP payload type (RFC 3551 §6); for Opus, which has none, the one of our offers.
    pub const fn payload(self) -> u8 {
        match self {
            Self::G711(law) => law.payload(),
            Self::G722 => 9,
            Self::Opus => 107,
        }
    }

    /// Whether the RTP payload type is the same for everybody.
    pub const fn is_static(self) -> bool {
        !matches!(self, Self::Opus)
    }

    /// Encoding, clock and channels of `a=rtpmap`. Opus says 48 kHz and two channels whatever it sends
    /// (RFC 7587 §4.1). G.722 counts at 8 kHz although it samples at 16 kHz: an old
    /// mistake that has to stay (RFC 3551 §4.5.2).
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::G711(Law::A) => "PCMA/8000",
            Self::G711(Law::Mu) => "PCMU/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
        }
    }

    /// What `a=fmtp` says of how we take it: no more than what we play, and repaired.
    pub const fn format(self) -> Option<&'static str> {
        match self {
            Self::G711(_) | Self::G722 => None,
            Self::Opus => Some("maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1"),
        }
    }

    /// Ticks of its RTP clock in one of 8 kHz, by which packets are numbered here.
    pub const fn ticks(self) -> u32 {
        match self {
            Self::G711(_) | Self::G722 => 1,
            Self::Opus => 6,
        }
    }

    pub const fn rate(self) -> Rate {
        match self {
            Self::G711(_) => Rate::Narrow,
            Self::G722 | Self::Opus => Rate::Wide,
        }
    }

    /// None where it is not G.711.
    pub const fn law(self) -> Option<Law> {
        match self {
            Self::G711(law) => Some(law),
            Self::G722 | Self::Opus => None,
        }
    }

    pub const fn is_g711(self) -> bool {
        self.law().is_some()
    }
}

/// Turns the packets of one stream into linear sound, in the order in which they come.
#[derive(Debug)]
pub enum Decoder {
    G711(Law),
    G722(Box<g722::Decoder>),
    Opus(Box<opus::Decoder>),
}

impl Decoder {
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::G711(law) => Self::G711(law),
            Codec::G722 => Self::G722(Box::default()),
            Codec::Opus => Self::Opus(Box::default()),
        }
    }

    pub const fn codec(&self) -> Codec {
        match self {
            Self::G711(law) => Codec::G711(*law),
            Self::G722(_) => Codec::G722,
            Self::Opus(_) => Codec::Opus,
        }
    }

    /// Puts the sound of a payload into `sound`, at the codec's rate; none where it cannot be read.
    pub fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        sound.clear();
        match self {
            Self::G711(law) => sound.extend(payload.iter().map(|code| law.decode(*code))),
            Self::G722(decoder) => decoder.decode(payload, sound),
            Self::Opus(decoder) => decoder.decode(payload, sound),
        }
    }

    /// Adds to `sound` what stands in for the `samples` that were lost before the packet `next`, where the
    /// codec knows better than a jitter buffer; to be called before `next` is decoded.
    pub fn recover(&mut self, next: &[u8], samples: usize, sound: &mut Vec<i16>) {
        match self {
            Self::G711(_) | Self::G722(_) => {}
            Self::Opus(decoder) => decoder.recover(next, samples, sound),
        }
    }
}

/// Turns linear sound into the payloads of one stream.
#[derive(Debug)]
pub enum Encoder {
    G711(Law),
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
}

impl Encoder {
    pub fn new(codec: Codec) -> Self {
        match codec {
            Codec::G711(law) => Self::G711(law),
            Codec::G722 => Self::G722(Box::default()),
            Codec::Opus => Self::Opus(Box::default()),
        }
    }

    pub const fn codec(&self) -> Codec {
        match self {
            Self::G711(law) => Codec::G711(*law),
            Self::G722(_) => Codec::G722,
            Self::Opus(_) => Codec::Opus,
        }
    }

    /// Puts the payload of a packet's sound, at the codec's rate, into `payload`; none where the codec has no
    /// packet of that length.
    pub fn encode(&mut self, sound: &[i16], payload: &mut Vec<u8>) {
        payload.clear();
        match self {
            Self::G711(law) => payload.extend(sound.iter().map(|sample| law.encode(*sample))),
            Self::G722(encoder) => encoder.encode(sound, payload),
            Self::Opus(encoder) => encoder.encode(sound, payload),
        }
    }
}
