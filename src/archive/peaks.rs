//! How loud a recording is along its time: what a player draws under the course of the call.

use std::io;
use std::ops::Range;

use super::export::{Rendition, clamped};

/// Most buckets that are asked for at a time.
pub const MOST: usize = 10_000;
/// Frames of the call looked at together.
const BLOCK: u64 = 64 << 10;

/// One channel of a rendition: the lowest and the highest sample of each bucket, of 16 bits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Lane {
    /// From 1, as the side-car lists them; None of all voices together.
    pub participant: Option<usize>,
    pub min: Vec<i16>,
    pub max: Vec<i16>,
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
