//! A-law tones, and how loud a tone is in what was heard (Goertzel).

use std::f64::consts::TAU;
use std::sync::LazyLock;

/// Samples of a 20 ms packet.
pub const PACKET: usize = 160;
/// What the citizen says, in Hz.
pub const CITIZEN: u32 = 440;
/// What the seat says.
pub const SEAT: u32 = 1000;
/// What a third party says.
pub const THIRD: u32 = 1600;
/// Peak of every tone, of 32767: −12 dBm0 or so, as speech.
pub const PEAK: f64 = 8000.0;

/// One second of a tone. All tones have whole periods in it, so that it can be repeated.
pub fn second(hertz: u32) -> Vec<u8> {
    (0..8000).map(|at| encode((PEAK * (TAU * f64::from(hertz * at) / 8000.0).sin()) as i16)).collect()
}

/// Adds up what one packet after the other says about one frequency.
#[derive(Clone, Copy, Debug)]
pub struct Goertzel {
    turn: f64,
    last: f64,
    before: f64,
    samples: u32,
}

impl Goertzel {
    pub fn new(hertz: u32) -> Self {
        Self { turn: 2.0 * (TAU * f64::from(hertz) / 8000.0).cos(), last: 0.0, before: 0.0, samples: 0 }
    }

    pub fn hear(&mut self, sample: i16) {
        let next = f64::from(sample) + self.turn * self.last - self.before;
        (self.before, self.last) = (self.last, next);
        self.samples += 1;
    }

    /// Decibels against a tone of `PEAK`.
    pub fn level(&self) -> f64 {
        let power = self.last * self.last + self.before * self.before - self.turn * self.last * self.before;
        let peak = 2.0 * power.max(0.0).sqrt() / f64::from(self.samples.max(1));
        20.0 * (peak / PEAK).max(1e-9).log10()
    }
}

/// Linear value of an A-law byte (G.711).
pub fn decode(code: u8) -> i16 {
    static TABLE: LazyLock<[i16; 256]> = LazyLock::new(|| std::array::from_fn(|code| expand(code as u8)));
    TABLE[usize::from(code)]
}

fn expand(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 15));
    let value = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -value } else { value }
}

/// The A-law byte nearest to a linear value.
pub fn encode(value: i16) -> u8 {
    let sign = if value >= 0 { 0x80 } else { 0 };
    let value = (value.unsigned_abs().min(32_767)) >> 4;
    let code = if value < 32 {
        value as u8
    } else {
        let segment = 12 - value.leading_zeros() as u8;
        (segment << 4) | ((value >> (segment - 1)) & 15) as u8
    };
    (code | sign) ^ 0x55
}
