//! G.722 at 64 kbit/s: two samples at 16 kHz in each byte. (ITU-T G.722)
//!
//! Two filters split the sound into a lower and a higher half of its band; each half is coded as the
//! difference from what its past lets expect, six bits for the lower one and two for the higher. Names of
//! steps are those of the recommendation.

/// Half of the coefficients of both filters; the other half mirrors it.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// What the six and the four upper bits of the lower half stand for, in 32,768ths of the scale.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// The same for the two bits of the higher half.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];

/// Where one code of the lower half ends and the next begins, in 4,096ths of the scale.
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// The one border of the higher half.
const Q2: i32 = 564;

/// By how much a code changes the logarithm of the scale.
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
const WH: [i32; 4] = [798, -214, 798, -214];
/// 2 to the power of 0/32 … 31/32, in 2,048ths.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The receiving end of one stream.
#[derive(Clone, Debug)]
pub struct Decoder {
    low: Band,
    high: Band,
    past: Past,
}

/// The sending end of one stream.
#[derive(Clone, Debug)]
pub struct Encoder {
    low: Band,
    high: Band,
    past: Past,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { low: Band::low(), high: Band::high(), past: Past::default() }
    }
}

impl Decoder {
    /// Adds two samples for each byte. Any byte is a code.
    pub fn decode(&mut self, codes: &[u8], sound: &mut Vec<i16>) {
        sound.extend(codes.iter().flat_map(|code| self.pair(*code)));
    }

    fn pair(&mut self, code: u8) -> [i16; 2] {
        let (low, high) = (code & 0x3F, code >> 6);
        let fine = (self.low.scale * QM6[usize::from(low)]) >> 15;
        let below = within(self.low.expected + fine, 1 << 14);
        self.low.take_low(low >> 2);
        let before = self.high.expected;
        let above = within(before + self.high.take_high(high), 1 << 14);
        let [odd, even] = self.past.filter(below + above, below - above);
        [saturated(odd >> 11) as i16, saturated(even >> 11) as i16]
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self { low: Band::low(), high: Band::high(), past: Past::default() }
    }
}

impl Encoder {
    /// Adds one byte for two samples; an odd last one is left out.
    pub fn encode(&mut self, sound: &[i16], codes: &mut Vec<u8>) {
        codes.extend(sound.as_chunks().0.iter().map(|pair| self.code(*pair)));
    }

    fn code(&mut self, [first, second]: [i16; 2]) -> u8 {
        let [odd, even] = self.past.filter(i32::from(first), i32::from(second));
        let low = self.low.quantized(saturated(((odd + even) >> 14) - self.low.expected));
        self.low.take_low(low >> 2);
        let off = saturated(((odd - even) >> 14) - self.high.expected);
        let is_far = magnitude(off) >= (Q2 * self.high.scale) >> 12;
        let high = u8::from(!is_far) | u8::from(off >= 0) << 1;
        self.high.take_high(high);
        high << 6 | low
    }
}

/// The last 24 samples, or pairs of halves, that a filter looks at.
#[derive(Clone, Debug, Default)]
struct Past([i32; 24]);

impl Past {
    /// The filtered pair behind these two, not yet scaled down.
    fn filter(&mut self, first: i32, second: i32) -> [i32; 2] {
        self.0.copy_within(2.., 0);
        [self.0[22], self.0[23]] = [first, second];
        let pairs = self.0.as_chunks::<2>().0;
        let even = pairs.iter().zip(QMF).map(|([even, _], weight)| even * weight).sum();
        let odd = pairs.iter().zip(QMF.iter().rev()).map(|([_, odd], weight)| odd * weight).sum();
        [odd, even]
    }
}

/// What one half of the band lets expect, and how far off it may be.
#[derive(Clone, Debug)]
struct Band {
    /// The next value (s) and the share of the zeros in it (sz).
    expected: i32,
    by_zeros: i32,
    /// The quantizer's scale (det) and its logarithm (nb).
    scale: i32,
    log: i32,
    /// The last two values as they were put together again (r), and without the poles' share (p).
    values: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    /// The last six differences (d).
    off: [i32; 6],
    zeros: [i32; 6],
}

impl Band {
    const fn new(scale: i32) -> Self {
        Self {
            expected: 0,
            by_zeros: 0,
            scale,
            log: 0,
            values: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            off: [0; 6],
            zeros: [0; 6],
        }
    }

    const fn low() -> Self {
        Self::new(32)
    }

    const fn high() -> Self {
        Self::new(8)
    }

    /// QUANTL: the six bits of a difference.
    fn quantized(&self, off: i32) -> u8 {
        let size = magnitude(off);
        let step = Q6.iter().position(|border| size < (border * self.scale) >> 12).unwrap_or(Q6.len()) as u8;
        match (off >= 0, step) {
            (true, step) => 61 - step,
            (false, step @ 0..=1) => 63 - step,
            (false, step) => 33 - step,
        }
    }

    /// The four bits of the lower half that both ends go by.
    fn take_low(&mut self, code: u8) {
        let code = usize::from(code & 0xF);
        let off = (self.scale * QM4[code]) >> 15;
        self.rescale(WL[code], 18_432, 8);
        self.adapt(off);
    }

    /// The two bits of the higher half; the difference that they stand for.
    fn take_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let off = (self.scale * QM2[code]) >> 15;
        self.rescale(WH[code], 22_528, 10);
        self.adapt(off);
        off
    }

    /// LOGSCL, SCALEL and LOGSCH, SCALEH.
    fn rescale(&mut self, change: i32, most: i32, exponent: i32) {
        self.log = (((self.log * 127) >> 7) + change).clamp(0, most);
        let mantissa = ILB[(self.log >> 6 & 31) as usize];
        let down = exponent - (self.log >> 11);
        self.scale = if down < 0 { mantissa << -down } else { mantissa >> down } << 2;
    }

    /// The coefficients learn from a difference, then the next value is expected.
    fn adapt(&mut self, off: i32) {
        let value = saturated(self.expected + off);
        let partial = saturated(self.by_zeros + off);
        self.adapt_poles(partial);
        self.adapt_zeros(off);
        self.values = [value, self.values[0]];
        self.partial = [partial, self.partial[0]];
        self.off.copy_within(..5, 1);
        self.off[0] = off;
        let by_poles = self.poles.iter().zip(self.values).map(|(pole, value)| share(*pole, value)).sum();
        self.by_zeros = saturated(self.zeros.iter().zip(self.off).map(|(zero, off)| share(*zero, off)).sum());
        self.expected = saturated(saturated(by_poles) + self.by_zeros);
    }

    /// UPPOL2, UPPOL1: by the signs of what came last.
    fn adapt_poles(&mut self, partial: i32) {
        let agrees = self.partial.map(|former| (former < 0) == (partial < 0));
        let first = saturated(self.poles[0] << 2);
        let second = if agrees[0] { -first } else { first }.min(32_767);
        let drift = if agrees[1] { 128 } else { -128 };
        let second = ((second >> 7) + drift + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let drift = if agrees[0] { 192 } else { -192 };
        let most = saturated(15_360 - second);
        let first = saturated(drift + ((self.poles[0] * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO
    fn adapt_zeros(&mut self, off: i32) {
        let step = if off == 0 { 0 } else { 128 };
        for (zero, former) in self.zeros.iter_mut().zip(self.off) {
            let drift = if (former < 0) == (off < 0) { step } else { -step };
            *zero = saturated(drift + ((*zero * 32_640) >> 15));
        }
    }
}

/// A coefficient's share of twice a value.
fn share(coefficient: i32, value: i32) -> i32 {
    (coefficient * saturated(2 * value)) >> 15
}

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

fn within(value: i32, limit: i32) -> i32 {
    value.clamp(-limit, limit - 1)
}

/// Of a difference, so that both signs have as many steps.
fn magnitude(off: i32) -> i32 {
    if off >= 0 { off } else { -(off + 1) }
}
