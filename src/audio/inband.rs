//! Keys as tones in the voice, for phones that send no telephone-event. (ITU-T Q.23, Q.24)

use super::tone::RATE;

/// Samples judged at a time, 12.75 ms: the rows lie 73 Hz apart and more, a block tells 78 apart.
const BLOCK: usize = 102;
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Mean square below which nothing is a key: some 40 dB under full scale.
const FAINT: f32 = 20_000.0;
/// Of all that is heard so much is the two tones: speech is spread wider.
const PURE: f32 = 0.8;
/// The tone of the row may be 8 dB louder than that of the column, and this one 4 dB louder than that.
const ROW_LOUDER: f32 = 6.3;
const COLUMN_LOUDER: f32 = 2.5;
/// A tone stands 8 dB above the others of its group, and that of the column 10 dB above its second harmonic,
/// which voices have.
const ALONE: f32 = 6.3;
const HARMONIC: f32 = 10.0;
/// A key is down once it was heard in so many blocks on end, and up after so many without it.
const DOWN: u8 = 2;
const UP: u8 = 2;

/// Listens to one stream at 8 kHz.
#[derive(Clone, Debug)]
pub struct Detector {
    block: Vec<f32>,
    /// What the last blocks were, and how many on end.
    latest: Option<char>,
    blocks: u8,
    down: Option<char>,
}

impl Default for Detector {
    fn default() -> Self {
        Self { block: Vec::with_capacity(BLOCK), latest: None, blocks: 0, down: None }
    }
}

impl Detector {
    /// Takes the next samples; calls `pressed` with each key that went down in them.
    pub fn hear(&mut self, samples: impl IntoIterator<Item = i16>, mut pressed: impl FnMut(char)) {
        for sample in samples {
            self.block.push(f32::from(sample));
            if self.block.len() == BLOCK {
                let heard = key_in(&self.block);
                self.block.clear();
                if let Some(key) = self.judge(heard) {
                    pressed(key);
                }
            }
        }
    }

    /// A key is down: its tones were in what was heard last, or ended less than two blocks ago.
    pub const fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// The key that went down just now.
    fn judge(&mut self, heard: Option<char>) -> Option<char> {
        self.blocks = if heard == self.latest { self.blocks.saturating_add(1) } else { 1 };
        self.latest = heard;
        match heard {
            Some(key) if self.blocks >= DOWN && self.down != Some(key) => {
                self.down = Some(key);
                Some(key)
            }
            None if self.blocks >= UP => {
                self.down = None;
                None
            }
            Some(_) | None => None,
        }
    }
}

/// The key whose two tones make up this block.
fn key_in(block: &[f32]) -> Option<char> {
    let size = block.len() as f32;
    let energy: f32 = block.iter().map(|sample| sample * sample).sum();
    if energy < FAINT * size {
        return None;
    }
    let (row, low) = strongest(block, ROWS)?;
    let (column, high) = strongest(block, COLUMNS)?;
    // Two tones alone have this power in their two bins.
    let whole = energy * size / 2.0;
    let twisted = low > high * ROW_LOUDER || high > low * COLUMN_LOUDER;
    if twisted || low + high < PURE * whole {
        return None;
    }
    // Twice a row's frequency lies too near to a column's to tell anything.
    let harmonic = power_at(block, 2.0 * COLUMNS.get(column)?);
    if harmonic * HARMONIC > high {
        return None;
    }
    KEYS.get(row)?.get(column).copied()
}

/// The loudest of four tones, where it stands out among them, and its power.
fn strongest(block: &[f32], of: [f32; 4]) -> Option<(usize, f32)> {
    let powers = of.map(|hertz| power_at(block, hertz));
    let (at, power) = powers.into_iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let alone = powers.iter().enumerate().all(|(other, weaker)| other == at || weaker * ALONE < power);
    alone.then_some((at, power))
}

/// Power of one frequency in a block (Goertzel).
fn power_at(block: &[f32], hertz: f32) -> f32 {
    let turn = 2.0 * (std::f32::consts::TAU * hertz / RATE as f32).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in block {
        (last, before) = (sample + turn * last - before, last);
    }
    last * last + before * before - turn * last * before
}
