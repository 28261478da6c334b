//! How loud a recording is along its time: what a player draws under the course of the call.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::export::{Rendition, clamped};

/// Most buckets that are asked for at a time.
pub const MOST: usize = 10_000;
/// Frames of the call looked at together.
const BLOCK: u64 = 64 << 10;
/// Pictures that are kept.
const KEPT: usize = 32;
/// Frames of a bucket below which a picture is not kept: finer ones come near to being the sound.
const COARSE: u64 = 800;

/// One channel of a rendition: the lowest and the highest sample of each bucket, of 16 bits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Lane {
    /// From 1, as the side-car lists them; None of all voices together.
    pub participant: Option<usize>,
    pub min: Vec<i16>,
    pub max: Vec<i16>,
}

/// Pictures that were drawn of late, so that a long call is read once and not at each look. They hold no sound.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<(String, Arc<Vec<Lane>>)>>);

impl Recent {
    /// As `peaks`; `name` is the same for the same sound and no other.
    pub fn peaks(&self, name: &str, rendition: &Rendition, buckets: usize) -> io::Result<Arc<Vec<Lane>>> {
        let name = format!("{name} {buckets}");
        let known = self.kept(|kept| kept.iter().find(|(of, _)| *of == name).map(|(_, lanes)| Arc::clone(lanes)));
        if let Some(lanes) = known {
            return Ok(lanes);
        }
        let lanes = Arc::new(peaks(rendition, buckets)?);
        if rendition.frames() / buckets.max(1) as u64 >= COARSE {
            self.kept(|kept| {
                kept.truncate(KEPT - 1);
                kept.push_front((name, Arc::clone(&lanes)));
            });
        }
        Ok(lanes)
    }

    fn kept<T>(&self, look: impl FnOnce(&mut VecDeque<(String, Arc<Vec<Lane>>)>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The lanes of a rendition, of so many buckets of the same length, or of as many as it has frames. Takes as
/// long as reading all of it.
pub fn peaks(rendition: &Rendition, buckets: usize) -> io::Result<Vec<Lane>> {
    let frames = rendition.frames();
    let buckets = (buckets.clamp(1, MOST) as u64).min(frames);
    let lane = |participant: &Option<usize>| Lane { participant: *participant, min: Vec::new(), max: Vec::new() };
    let mut lanes: Vec<Lane> = rendition.participants.iter().map(lane).collect();
    for bucket in 0..buckets {
        let of = frames * bucket / buckets..frames * (bucket + 1) / buckets;
        for (lane, (min, max)) in lanes.iter_mut().zip(extremes(rendition, &of)?) {
            lane.min.push(min);
            lane.max.push(max);
        }
    }
    Ok(lanes)
}

fn extremes(rendition: &Rendition, of: &Range<u64>) -> io::Result<Vec<(i16, i16)>> {
    let mut found: Vec<(i32, i32)> = vec![(i32::MAX, i32::MIN); rendition.participants.len()];
    let mut at = of.start;
    while at < of.end {
        let block = at..of.end.min(at + BLOCK);
        for ((min, max), sum) in found.iter_mut().zip(rendition.sums(&block)?) {
            *min = sum.iter().copied().fold(*min, i32::min);
            *max = sum.iter().copied().fold(*max, i32::max);
        }
        at = block.end;
    }
    Ok(found.into_iter().map(|(min, max)| (clamped(min), clamped(max))).collect())
}
