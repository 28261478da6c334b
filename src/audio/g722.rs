//! G.722 at 64 kbit/s: two samples at 16 kHz in each byte. Only this file names its crate. (ITU-T G.722)

use std::fmt;

use ezk_g722::libg722::{Bitrate, decoder, encoder};

/// The receiving end of one stream.
pub struct Decoder(decoder::Decoder);

/// The sending end of one stream.
pub struct Encoder(encoder::Encoder);

impl Default for Decoder {
    fn default() -> Self {
        Self(decoder::Decoder::new(Bitrate::Mode1_64000, false, false))
    }
}

impl Decoder {
    /// Adds two samples for each byte. Any byte is a code.
    pub fn decode(&mut self, codes: &[u8], sound: &mut Vec<i16>) {
        sound.extend(self.0.decode(codes));
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self(encoder::Encoder::new(Bitrate::Mode1_64000, false, false))
    }
}

impl Encoder {
    /// Adds one byte for two samples; an odd last one is left out.
    pub fn encode(&mut self, sound: &[i16], codes: &mut Vec<u8>) {
        let pairs = sound.len() / 2 * 2;
        codes.extend(self.0.encode(sound.get(..pairs).unwrap_or(sound)));
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g722::Decoder")
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("g722::Encoder")
    }
}
