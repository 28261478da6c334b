//! One sender's clock: which packet follows which, and what is a jump.

use super::Heard;
use super::delay::LeastDelay;
use crate::audio::wav::RATE;
use crate::time::Mono;

const SECOND: i64 = RATE as i64;
const NANOS_PER_SAMPLE: i128 = 1_000_000_000 / RATE as i128;
/// A packet arrives when its last sample has been spoken. 20 ms are granted on top, so that the
/// packet during which the recording opened is kept whole.
const LEEWAY: i64 = SECOND / 50;
/// Earlier or later than this, with timestamps that do not follow from the sequence, is no jitter.
const TOLERANCE: i64 = SECOND * 60 / 1000;
/// A path that stalls may deliver this much late and in order; beyond, the sender's clock had stopped.
const LONGEST_STALL: i64 = 10 * SECOND;
/// RFC 3550 appendix A.1: further back than this, a sequence number is a restart.
const MAX_MISORDER: i64 = 100;
/// Missing packets that are believed across a restart of the timestamps.
const MAX_DROPOUT: i64 = 50;
/// 300 ms. A longer payload is cut: no phone packs one.
const LONGEST_PACKET: u16 = 2400;

/// What is known of the sender that is heard now. Its clocks are counted on beyond 16 and 32 bits.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    /// Call clock minus timestamp, as used.
    pub(super) offset: i64,
    /// Samples of its newest packet.
    pub(super) len: i64,
    sequence: i64,
    timestamp: i64,
    /// Bit n: packet `sequence - n` has come.
    seen: u128,
    /// By how much the newest packet was later than the quickest.
    late: i64,
    delay: LeastDelay,
}

/// What a packet is to the one before.
pub(super) enum Step {
    Duplicate,
    /// Overtaken by others, this many behind the newest.
    Overtaken {
        behind: u32,
    },
    Next {
        missing: i64,
    },
    Restart {
        missing: i64,
        why: &'static str,
    },
}

impl Source {
    /// Sets a new clock by the first packet of `rest`. `epoch` keeps its sequence numbers apart from
    /// those of other sources.
    pub(super) fn anchor(rest: &[Heard], opened: Mono, epoch: i64) -> Option<Self> {
        let packet = rest.first()?;
        let mut source = Self {
            ssrc: packet.ssrc,
            offset: 0,
            len: samples(packet),
            sequence: (epoch << 32) + i64::from(packet.sequence),
            timestamp: i64::from(packet.timestamp),
            seen: 1,
            late: 0,
            delay: LeastDelay::default(),
        };
        let now = sample_at(opened, packet.arrival);
        source.offset = source.quickest(rest, opened)?;
        source.delay.push(now, source.offset);
        source.late = source.delay_of(packet, opened) - source.offset;
        Some(source)
    }

    pub(super) fn judge(&self, rest: &[Heard], opened: Mono) -> Step {
        let Some(packet) = rest.first() else { return Step::Duplicate };
        let step = i64::from(packet.sequence.wrapping_sub(self.sequence as u16).cast_signed());
        let timestamp = self.long(packet.timestamp);
        if step <= 0 && step > -MAX_MISORDER {
            let behind = step.unsigned_abs() as u32;
            // Neither a copy nor an overtaken packet was spoken after the newest.
            return if timestamp > self.timestamp {
                Step::Restart { missing: 0, why: "sequence restarted" }
            } else if self.seen & (1 << behind) != 0 {
                Step::Duplicate
            } else {
                Step::Overtaken { behind }
            };
        }
        if step < 0 {
            return Step::Restart { missing: 0, why: "sequence restarted" };
        }
        let missing = step - 1;
        let expected = self.timestamp.saturating_add(step.saturating_mul(self.len));
        let jumped = timestamp != expected;
        let back = timestamp < self.timestamp.saturating_add(self.len);
        let late = self.delay_of(packet, opened).saturating_sub(self.offset);
        let stalled = !jumped && late < LONGEST_STALL && (self.draining(late) || bursting(rest));
        let wrong = packet.len > 0
            && (late < -SECOND
                || (late > SECOND && !stalled)
                || (jumped && late < -TOLERANCE)
                || (back && late > TOLERANCE));
        if wrong {
            let missing = if missing <= MAX_DROPOUT { missing } else { 0 };
            Step::Restart { missing, why: "timestamp jumped" }
        } else {
            Step::Next { missing }
        }
    }

    /// Goes on to the next packet but `missing`; the number of the first of those.
    pub(super) fn advance(&mut self, missing: i64) -> i64 {
        let first = self.sequence + 1;
        self.sequence = first + missing;
        let shift = u32::try_from(missing + 1).unwrap_or(u32::MAX);
        self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
        first
    }

    /// Notes an overtaken packet; its number.
    pub(super) fn catch_up(&mut self, behind: u32) -> i64 {
        self.seen |= 1u128.checked_shl(behind).unwrap_or(0);
        self.sequence - i64::from(behind)
    }

    /// By how much the offset in use is too small, now that `packet` is here.
    pub(super) fn error(&mut self, packet: &Heard, opened: Mono) -> i64 {
        let now = sample_at(opened, packet.arrival);
        self.delay.push(now, self.delay_of(packet, opened));
        self.delay.estimate(now).map_or(0, |least| least.saturating_sub(self.offset))
    }

    /// The packet is the newest now.
    pub(super) fn remember(&mut self, packet: &Heard, opened: Mono) {
        self.timestamp = self.long(packet.timestamp);
        self.len = samples(packet);
        self.late = self.delay_of(packet, opened).saturating_sub(self.offset);
    }

    /// Sample of the call's clock at which the packet begins.
    pub(super) fn position(&self, packet: &Heard) -> i64 {
        self.long(packet.timestamp).saturating_add(self.offset)
    }

    /// By how many samples a timestamp lies later than `old` would have put it.
    pub(super) fn shift_from(&self, old: &Self) -> i64 {
        let same = old.long(self.timestamp as u32);
        self.timestamp.saturating_add(self.offset).saturating_sub(same.saturating_add(old.offset))
    }

    pub(super) fn report(&mut self, ntp: u64, timestamp: u32) {
        let timestamp = self.long(timestamp);
        self.delay.report(ntp, timestamp);
    }

    /// The least delay among the leading packets of `rest` that are of this source and this clock.
    fn quickest(&self, rest: &[Heard], opened: Mono) -> Option<i64> {
        let first = self.delay_of(rest.first()?, opened);
        rest.iter()
            .take_while(|packet| packet.ssrc == self.ssrc)
            .filter(|packet| packet.len > 0)
            .map(|packet| self.delay_of(packet, opened))
            .filter(|delay| delay.abs_diff(first) <= SECOND as u64)
            .min()
    }

    fn delay_of(&self, packet: &Heard, opened: Mono) -> i64 {
        let begun = sample_at(opened, packet.arrival) - samples(packet) + LEEWAY;
        begun.saturating_sub(self.long(packet.timestamp))
    }

    /// Whether a stall is ending: the packet before was late as well, and more so.
    fn draining(&self, late: i64) -> bool {
        self.late > SECOND && late < self.late
    }

    /// The timestamp beyond 32 bits that is nearest to the newest one.
    fn long(&self, timestamp: u32) -> i64 {
        self.timestamp + i64::from(timestamp.wrapping_sub(self.timestamp as u32).cast_signed())
    }
}

/// Whether the packets come in faster than they were spoken.
fn bursting(rest: &[Heard]) -> bool {
    let Some((first, others)) = rest.split_first() else { return false };
    let Some(last) = others.iter().take_while(|packet| packet.ssrc == first.ssrc).last() else { return false };
    let spoken = i64::from(last.timestamp.wrapping_sub(first.timestamp).cast_signed());
    2 * (sample_at(first.arrival, last.arrival)) < spoken
}

/// Samples of audio in the packet.
pub(super) fn samples(packet: &Heard) -> i64 {
    i64::from(packet.len.min(LONGEST_PACKET))
}

/// Samples from `opened` to `at`; negative before.
pub fn sample_at(opened: Mono, at: Mono) -> i64 {
    let nanos = i128::from(at.0) - i128::from(opened.0);
    i64::try_from(nanos.div_euclid(NANOS_PER_SAMPLE)).unwrap_or(i64::MAX)
}
