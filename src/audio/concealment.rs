//! What an ear hears where a packet is missing: the last pitch period, repeated and faded out.
//! (After ITU-T G.711 Appendix I.)

/// Milliseconds of what was heard last that are remembered.
const MEMORY_MS: usize = 50;
/// Shortest and longest pitch period: 400 Hz down to 66 Hz, tenths of a millisecond.
const SHORTEST: usize = 25;
const LONGEST: usize = 150;
/// The window in which periods are compared, milliseconds.
const WINDOW_MS: usize = 20;
/// Full level so long, then fading to nothing so long, milliseconds.
const FULL_MS: usize = 10;
const FADE_MS: usize = 50;
/// Real and invented sound are blended over so many milliseconds where they meet.
const BLEND_MS: usize = 4;
/// The same where more than a packet was invented, or silence: the two have little in common, and a voice that is
/// there at once is heard as a click.
const RISE_MS: usize = 20;
const PACKET_MS: usize = 20;

/// Invents sound for one stream. Samples are 16-bit linear at one fixed rate.
#[derive(Clone, Debug)]
pub struct Concealment {
    /// Samples in a millisecond.
    per_ms: usize,
    heard: Vec<i16>,
    gap: Option<Gap>,
}

#[derive(Clone, Debug)]
struct Gap {
    /// One pitch period, repeated for as long as the gap lasts; its end is blended into its beginning.
    period: Vec<i16>,
    /// Samples invented so far.
    done: usize,
    /// Of the blend into real sound: its length, and what has passed of it.
    blend: Option<(usize, usize)>,
}

impl Concealment {
    /// `rate` in samples per second.
    pub fn new(rate: u32) -> Self {
        let per_ms = usize::try_from(rate / 1000).unwrap_or(8).max(1);
        Self { per_ms, heard: vec![0; MEMORY_MS * per_ms], gap: None }
    }

    /// What was heard last, real and invented.
    pub fn heard(&self) -> &[i16] {
        &self.heard
    }

    /// Takes real sound; after a gap its beginning is blended with what would have been invented.
    pub fn hear(&mut self, samples: &mut [i16]) {
        let (short, long) = (BLEND_MS * self.per_ms, RISE_MS * self.per_ms);
        if let Some(gap) = &mut self.gap {
            let (whole, passed) =
                gap.blend.unwrap_or((if gap.done > PACKET_MS * self.per_ms { long } else { short }, 0));
            for (place, sample) in (passed..whole).zip(&mut *samples) {
                *sample = mix(gap.invent(self.per_ms), *sample, place, whole);
            }
            gap.blend = Some((whole, passed + samples.len()));
            self.gap.take_if(|_| passed + samples.len() >= whole);
        }
        self.remember(samples);
    }

    /// Fills `samples` with what might have been said.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        self.gap.take_if(|gap| gap.blend.is_some());
        let gap = self.gap.get_or_insert_with(|| Gap::after(&self.heard, self.per_ms));
        samples.fill_with(|| gap.invent(self.per_ms));
        self.remember(samples);
    }

    /// What comes next does not follow what was heard last: it is blended with what would have followed.
    pub fn turn(&mut self) {
        let blend = Some((RISE_MS * self.per_ms, 0));
        self.gap = Some(Gap { blend, ..Gap::after(&self.heard, self.per_ms) });
    }

    /// What was invented has faded to nothing, or there was nothing to begin with.
    pub fn is_silent(&self) -> bool {
        self.gap.as_ref().is_some_and(|gap| gap.blend.is_none() && gap.done >= (FULL_MS + FADE_MS) * self.per_ms)
    }

    fn remember(&mut self, samples: &[i16]) {
        let size = self.heard.len();
        let new = samples.get(samples.len().saturating_sub(size)..).unwrap_or(samples);
        self.heard.rotate_left(new.len());
        if let Some(end) = self.heard.get_mut(size - new.len()..) {
            end.copy_from_slice(new);
        }
    }
}

impl Gap {
    fn after(heard: &[i16], per_ms: usize) -> Self {
        let is_silence = heard.iter().all(|sample| *sample == 0);
        let done = if is_silence { (FULL_MS + FADE_MS) * per_ms } else { 0 };
        Self { period: period(heard, per_ms), done, blend: None }
    }

    /// The next sample.
    fn invent(&mut self, per_ms: usize) -> i16 {
        let (full, fade) = (FULL_MS * per_ms, FADE_MS * per_ms);
        let raw = self.period.get(self.done % self.period.len().max(1)).copied().unwrap_or(0);
        let faded = self.done.saturating_sub(full).min(fade);
        self.done += 1;
        scale(raw, fade - faded, fade)
    }
}

/// The last pitch period of `heard`, made to repeat without a step.
fn period(heard: &[i16], per_ms: usize) -> Vec<i16> {
    let size = best_lag(heard, SHORTEST * per_ms / 10, LONGEST * per_ms / 10, WINDOW_MS * per_ms);
    let from = |back: usize| heard.get(heard.len().saturating_sub(back)..).unwrap_or(heard);
    let mut period = from(size).to_vec();
    // The end of the period before the last leads into its beginning: blended over the last quarter,
    // so that the end of each repetition meets the beginning of the next.
    let quarter = size / 4;
    let before: Vec<i16> = from(size + quarter).iter().take(quarter).copied().collect();
    let start = size - quarter;
    if let Some(end) = period.get_mut(start..) {
        for (place, (sample, lead)) in end.iter_mut().zip(before).enumerate() {
            *sample = mix(*sample, lead, place, quarter);
        }
    }
    period
}

/// The distance, from `shortest` to `longest`, at which the last `window` samples resemble the ones
/// before them most: the greatest normalised correlation.
pub fn best_lag(heard: &[i16], shortest: usize, longest: usize, window: usize) -> usize {
    let end = heard.len();
    let window = window.min(end.saturating_sub(longest));
    let last = heard.get(end - window..).unwrap_or(heard);
    let score = |lag: usize| {
        let earlier = heard.get(end - window - lag..end - lag).unwrap_or(&[]);
        let (mut product, mut energy) = (0_i64, 1_i64);
        for (now, then) in last.iter().zip(earlier) {
            product += i64::from(*now) * i64::from(*then);
            energy += i64::from(*then) * i64::from(*then);
        }
        product as f64 / (energy as f64).sqrt()
    };
    let all = shortest.max(1)..=longest.min(end.saturating_sub(window));
    all.max_by(|one, other| score(*one).total_cmp(&score(*other))).unwrap_or(shortest.max(1))
}

/// Goes over from `from` to what `to` begins with, in place.
pub fn blend(from: &[i16], to: &mut [i16]) {
    let size = from.len().min(to.len());
    for (place, (new, old)) in to.iter_mut().zip(from).enumerate() {
        *new = mix(*old, *new, place, size);
    }
}

/// `place` of `size` on the way from `old` to `new`.
fn mix(old: i16, new: i16, place: usize, size: usize) -> i16 {
    scale(old, size.saturating_sub(place), size).saturating_add(scale(new, place, size))
}

fn scale(sample: i16, part: usize, whole: usize) -> i16 {
    let (part, whole) = (i64::try_from(part).unwrap_or(0), i64::try_from(whole).unwrap_or(1).max(1));
    i16::try_from(i64::from(sample) * part / whole).unwrap_or(0)
}
