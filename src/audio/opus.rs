//! Opus, mono at 16 kHz, over libopus. Only this file names its crate. (RFC 6716, RFC 7587)

use std::fmt;

use opus::{Application, Bitrate, Channels};

use super::codec::Rate;

/// Samples of the longest packet there may be, 120 ms.
const LONGEST: usize = 1920;
/// Bytes of the longest payload that we make.
const PAYLOAD: usize = 1275;
/// Samples in 2.5 ms, of which every length is a multiple.
const GRAIN: usize = 40;
/// Lengths of one frame, in samples.
const FRAMES: [usize; 6] = [40, 80, 160, 320, 640, 960];
/// Samples in 10 ms.
const SHORT: usize = 160;
/// Bits a second: speech in 16 kHz is clear at it, with room for what repairs a lost packet.
const SPEED: i32 = 28_000;
/// Per cent of loss against which packets repair each other.
const EXPECTED_LOSS: i32 = 5;
/// Of 10: half the work for what nobody hears on a telephone.
const COMPLEXITY: i32 = 5;

/// The receiving end of one stream; None where the library has no memory left.
pub struct Decoder(Option<opus::Decoder>);

/// The sending end of one stream.
pub struct Encoder(Option<opus::Encoder>);

impl Default for Decoder {
    fn default() -> Self {
        Self(opus::Decoder::new(Rate::Wide.hertz(), Channels::Mono).ok())
    }
}

impl Decoder {
    /// Adds the sound of a payload; nothing where it is no Opus.
    pub fn decode(&mut self, payload: &[u8], sound: &mut Vec<i16>) {
        if !payload.is_empty() {
            self.run(payload, LONGEST, false, sound);
        }
    }

    /// Adds what stands in for the `samples` that were lost before the packet `next`: its redundancy for the
    /// last of them where it has some, for those before what might have been said.
    pub fn recover(&mut self, next: &[u8], samples: usize, sound: &mut Vec<i16>) {
        let samples = samples.min(LONGEST) / GRAIN * GRAIN;
        let held = opus::packet::get_nb_samples(next, Rate::Wide.hertz()).unwrap_or(0).min(samples);
        for (payload, samples, redundant) in [([].as_slice(), samples - held, false), (next, held, true)] {
            if samples > 0 {
                self.run(payload, samples, redundant, sound);
            }
        }
    }

    fn run(&mut self, payload: &[u8], samples: usize, redundant: bool, sound: &mut Vec<i16>) {
        let Some(decoder) = &mut self.0 else { return };
        let before = sound.len();
        sound.resize(before + samples, 0);
        let room = sound.get_mut(before..).unwrap_or_default();
        let decoded = decoder.decode(payload, room, redundant).unwrap_or(0);
        sound.truncate(before + decoded);
    }
}

impl Default for Encoder {
    fn default() -> Self {
        let encoder = opus::Encoder::new(Rate::Wide.hertz(), Channels::Mono, Application::Voip).ok();
        Self(encoder.and_then(|mut encoder| {
            encoder.set_bitrate(Bitrate::Bits(SPEED)).ok()?;
            encoder.set_inband_fec(true).ok()?;
            encoder.set_packet_loss_perc(EXPECTED_LOSS).ok()?;
            encoder.set_complexity(COMPLEXITY).ok()?;
            Some(encoder)
        }))
    }
}

impl Encoder {
    /// Adds the payload of this sound. Nothing where its length is neither one of a frame nor a multiple
    /// of 10 ms up to 120.
    pub fn encode(&mut self, sound: &[i16], payload: &mut Vec<u8>) {
        let encoded = if FRAMES.contains(&sound.len()) { self.frame(sound) } else { self.several(sound) };
        payload.extend(encoded.unwrap_or_default());
    }

    fn frame(&mut self, sound: &[i16]) -> Option<Vec<u8>> {
        self.0.as_mut()?.encode_vec(sound, PAYLOAD).ok()
    }

    /// A packet of 30 ms, say, has three frames of 10.
    fn several(&mut self, sound: &[i16]) -> Option<Vec<u8>> {
        if sound.is_empty() || sound.len() > LONGEST || !sound.len().is_multiple_of(SHORT) {
            return None;
        }
        let frames: Vec<_> = sound.chunks(SHORT).map(|frame| self.frame(frame)).collect::<Option<_>>()?;
        let mut packet = vec![0; PAYLOAD];
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let length = opus::Repacketizer::new().ok()?.combine(&frames, &mut packet).ok()?;
        packet.truncate(length);
        Some(packet)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Decoder")
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Encoder")
    }
}
