//! From 8 to 16 kHz and back, by a half-band filter: flat to 3.4 kHz, 70 dB down from 4.6 kHz on. Each
//! way delays by two milliseconds.

/// The filter's taps beside its middle, one side of it; those between are zero. (Kaiser window, β = 6)
const TAPS: [f32; 16] = [
    0.635_091_37,
    -0.207_208_62,
    0.119_081_84,
    -0.079_688_11,
    0.056_753_68,
    -0.041_514_61,
    0.030_619_36,
    -0.022_508_43,
    0.016_349_8,
    -0.011_647_59,
    0.008_075_78,
    -0.005_400_41,
    0.003_440_9,
    -0.002_050_26,
    0.001_104_9,
    -0.000_499_6,
];
const SIDE: usize = TAPS.len();
/// Samples of the past that a new one needs.
const PAST: usize = 2 * SIDE - 1;

/// Makes 16 kHz of 8 kHz, piece by piece.
#[derive(Clone, Debug)]
pub struct Upsampler {
    line: Vec<f32>,
}

impl Default for Upsampler {
    fn default() -> Self {
        Self { line: vec![0.0; PAST] }
    }
}

impl Upsampler {
    /// Of its first samples so many stand before what was given to it, counted at 8 kHz.
    pub const DELAY: u64 = SIDE as u64;

    /// Adds two samples to `wide` for each of `narrow`.
    pub fn run(&mut self, narrow: &[i16], wide: &mut Vec<i16>) {
        self.line.extend(narrow.iter().map(|sample| f32::from(*sample)));
        for window in self.line.windows(2 * SIDE) {
            if let Some(here) = window.get(SIDE - 1) {
                wide.push(rounded(*here));
                wide.push(rounded(between(window)));
            }
        }
        self.line.drain(..narrow.len());
    }
}

/// Makes 8 kHz of 16 kHz, piece by piece.
#[derive(Clone, Debug)]
pub struct Downsampler {
    /// Every second sample, from the first and from the second one on.
    even: Vec<f32>,
    odd: Vec<f32>,
}

impl Default for Downsampler {
    fn default() -> Self {
        Self { even: vec![0.0; SIDE - 1], odd: vec![0.0; PAST] }
    }
}

impl Downsampler {
    /// Adds one sample to `narrow` for two of `wide`; an odd last one is left out.
    pub fn run(&mut self, wide: &[i16], narrow: &mut Vec<i16>) {
        for pair in wide.as_chunks::<2>().0 {
            self.even.push(f32::from(pair[0]));
            self.odd.push(f32::from(pair[1]));
        }
        for (here, window) in self.even.iter().zip(self.odd.windows(2 * SIDE)) {
            narrow.push(rounded((here + between(window)) / 2.0));
        }
        let gone = wide.len() / 2;
        self.even.drain(..gone);
        self.odd.drain(..gone);
    }
}

/// The value in the middle of a window, half-way between two samples.
fn between(window: &[f32]) -> f32 {
    let (before, after) = window.split_at(window.len() / 2);
    let pairs = before.iter().rev().zip(after);
    pairs.zip(TAPS).map(|((before, after), tap)| (before + after) * tap).sum()
}

/// A float that is too large becomes the largest sample.
fn rounded(value: f32) -> i16 {
    (value + if value < 0.0 { -0.5 } else { 0.5 }) as i16
}
