//! Adding voices without a wrap, a clip or a click.

/// The sum stays below this: 0.4 dB under full scale.
const CEILING: i32 = 31_300;
/// Added to the gain in each frame: at 20 ms a frame it comes back from nothing in 0.4 s.
const RECOVERY: f32 = 0.05;
/// The gain goes down over so many samples.
const ATTACK: usize = 16;

/// Keeps the sum that one party hears below full scale without a wrap and, but for the first two
/// milliseconds of a sudden shout, without clipping: it is made quieter, and louder again bit by bit.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Writes a sum of voices into `out`; both have the same number of samples.
    pub fn limit(&mut self, sum: &[i32], out: &mut [i16]) {
        let peak = sum.iter().map(|sample| sample.abs()).max().unwrap_or(0);
        let from = self.gain;
        let allowed = if peak > CEILING { CEILING as f32 / peak as f32 } else { 1.0 };
        let to = allowed.min(from + RECOVERY);
        let ramp = if to < from { ATTACK } else { out.len() };
        for (place, (out, sample)) in out.iter_mut().zip(sum).enumerate() {
            let way = if place < ramp { place as f32 / ramp as f32 } else { 1.0 };
            let gain = from + (to - from) * way;
            *out = if gain < 1.0 { (*sample as f32 * gain) as i16 } else { saturated(*sample) };
        }
        self.gain = to;
    }
}

fn saturated(sample: i32) -> i16 {
    i16::try_from(sample).unwrap_or(if sample < 0 { i16::MIN } else { i16::MAX })
}

/// Brings one voice in or out over a frame, so that nobody hears a click.
pub fn fade(frame: &mut [i16], from: f32, to: f32) {
    let size = frame.len().max(1) as f32;
    for (place, sample) in frame.iter_mut().enumerate() {
        // Half a cosine: no corner at either end.
        let way = 0.5 - 0.5 * (std::f32::consts::PI * (place as f32 + 0.5) / size).cos();
        *sample = (f32::from(*sample) * (from + (to - from) * way)) as i16;
    }
}
