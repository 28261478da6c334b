//! Sound between two codecs. Nothing here runs, and nothing is kept, while everybody in a call speaks
//! G.711: then codes are passed on as they are.

use crate::audio::codec::{Codec, Decoder, Encoder, Rate};
use crate::audio::g711::Law;
use crate::audio::resample::{Downsampler, Upsampler};
use crate::media::leg::{Kind, Spoken};
use crate::media::rtp::Header;
use crate::media::tap::Recorded;

/// Ticks of 8 kHz, 120 ms, beyond which nothing stands in for what was lost.
const MOST_LOST: u32 = 960;

/// What is kept of a leg's voice from one packet to the next, where somebody needs it as sound.
#[derive(Debug)]
pub struct Mouth {
    ssrc: u32,
    decoder: Decoder,
    down: Downsampler,
    /// The sound of one packet, as it was spoken, at 8 kHz where that was not it, and in A-law.
    sound: Vec<i16>,
    narrow: Vec<i16>,
    codes: Vec<u8>,
    /// Number of the newest packet, and the timestamp behind it.
    newest: Option<(u16, u32)>,
    /// What stands in for those that were lost before this one, and where it begins.
    lost: Vec<i16>,
    lost_at: u32,
}

impl Mouth {
    fn new(codec: Codec, ssrc: u32) -> Self {
        Self {
            ssrc,
            decoder: Decoder::new(codec),
            down: Downsampler::default(),
            sound: Vec::new(),
            narrow: Vec::new(),
            codes: Vec::new(),
            newest: None,
            lost: Vec::new(),
            lost_at: 0,
        }
    }

    fn decode(&mut self, header: &Header, payload: &[u8]) {
        self.lost.clear();
        let per_tick = self.decoder.codec().rate().per_tick();
        let newest = self.newest.filter(|(sequence, _)| header.sequence.wrapping_sub(*sequence).cast_signed() > 0);
        if let Some((sequence, end)) = newest {
            let missing = header.timestamp.wrapping_sub(end);
            if header.sequence != sequence.wrapping_add(1) && (1..=MOST_LOST).contains(&missing) {
                self.lost_at = end;
                self.decoder.recover(payload, (missing * per_tick) as usize, &mut self.lost);
            }
        }
        self.decoder.decode(payload, &mut self.sound);
        if newest.is_some() || self.newest.is_none() {
            let ticks = u32::try_from(self.sound.len()).unwrap_or(0) / per_tick;
            self.newest = Some((header.sequence, header.timestamp.wrapping_add(ticks)));
        }
    }

    fn mute(&mut self) {
        self.lost.clear();
        self.sound.fill(0);
        self.narrow.fill(0);
    }
}

/// One packet on its way to all who need it. It is decoded once, and only where somebody asks.
#[derive(Debug)]
pub struct Sound<'a> {
    pub spoken: &'a Spoken<'a>,
    mouth: Option<Box<Mouth>>,
    decoded: bool,
    narrowed: bool,
    muted: bool,
}

impl<'a> Sound<'a> {
    /// `mouth` is what `into_mouth` gave of the same leg's last packet.
    pub const fn new(spoken: &'a Spoken<'a>, mouth: Option<Box<Mouth>>) -> Self {
        Self { spoken, mouth, decoded: false, narrowed: false, muted: false }
    }

    /// Silence of the same length takes its place.
    pub fn mute(&mut self) {
        self.muted = true;
        if let Some(mouth) = self.mouth.as_deref_mut().filter(|_| self.decoded) {
            mouth.mute();
        }
    }

    pub const fn is_muted(&self) -> bool {
        self.muted
    }

    pub fn into_mouth(self) -> Option<Box<Mouth>> {
        self.mouth
    }

    /// The sound at this rate, or at the one at which it was spoken where that is lower. None for a
    /// packet without audio.
    pub fn at_most(&mut self, rate: Rate) -> Option<(Rate, &[i16])> {
        let Kind::Audio(codec) = self.spoken.kind else { return None };
        self.decode(codec);
        let narrow = rate == Rate::Narrow && codec.rate() == Rate::Wide;
        if narrow && !self.narrowed {
            self.narrowed = true;
            let Mouth { down, sound, narrow, .. } = self.mouth.as_deref_mut()?;
            narrow.clear();
            down.run(sound, narrow);
        }
        let mouth = self.mouth.as_deref()?;
        Some(if narrow { (Rate::Narrow, &mouth.narrow) } else { (codec.rate(), &mouth.sound) })
    }

    /// The packet as a recording holds it: its own codes, or A-law and what that leaves out.
    pub fn recorded(&mut self) -> Option<Recorded<'_>> {
        let Kind::Audio(codec) = self.spoken.kind else { return None };
        if let Some(law) = codec.law().filter(|_| !self.muted) {
            return Some(Recorded { law, codes: self.spoken.payload, wide: &[] });
        }
        self.at_most(Rate::Narrow)?;
        let Mouth { sound, narrow, codes, .. } = self.mouth.as_deref_mut()?;
        let (law, narrow, wide) = match codec.law() {
            Some(law) => (law, &*sound, &[][..]),
            None => (Law::A, &*narrow, sound.as_slice()),
        };
        codes.clear();
        codes.extend(narrow.iter().map(|sample| law.encode(*sample)));
        Some(Recorded { law, codes, wide })
    }

    /// What the codec knows of packets that were lost before this one, at its rate, and its timestamp.
    pub fn recovered(&self) -> Option<(u32, &[i16])> {
        let mouth = self.mouth.as_deref().filter(|mouth| self.decoded && !mouth.lost.is_empty())?;
        Some((mouth.lost_at, &mouth.lost))
    }

    fn decode(&mut self, codec: Codec) {
        if self.decoded {
            return;
        }
        self.decoded = true;
        let ssrc = self.spoken.header.ssrc;
        let mouth = self.mouth.get_or_insert_with(|| Box::new(Mouth::new(codec, ssrc)));
        if (mouth.decoder.codec(), mouth.ssrc) != (codec, ssrc) {
            **mouth = Mouth::new(codec, ssrc);
        }
        mouth.decode(&self.spoken.header, self.spoken.payload);
        if self.muted {
            mouth.mute();
        }
    }
}

/// Puts linear sound into the codec of the peer that hears it.
#[derive(Debug, Default)]
pub struct Speaker {
    encoder: Option<Encoder>,
    up: Upsampler,
    wide: Vec<i16>,
    payload: Vec<u8>,
}

impl Speaker {
    /// The payload of a packet's sound, which is sampled at `rate`: the codec's or a lower one.
    pub fn encode(&mut self, codec: Codec, rate: Rate, sound: &[i16]) -> &[u8] {
        let Self { encoder, up, wide, payload } = self;
        let encoder = match encoder {
            Some(encoder) if encoder.codec() == codec => encoder,
            other => other.insert(Encoder::new(codec)),
        };
        let sound = if rate < codec.rate() {
            wide.clear();
            up.run(sound, wide);
            wide.as_slice()
        } else {
            sound
        };
        encoder.encode(sound, payload);
        payload
    }
}
