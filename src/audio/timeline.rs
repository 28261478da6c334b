//! At which sample of the call's clock each packet was spoken.
//!
//! Two voices on one recording stay together only if both are placed on one clock: ours. A sender's
//! RTP timestamps count its own crystal, begin anywhere and sometimes begin again; arrival times are
//! ours and full of jitter. So a packet lies at its timestamp plus an offset, and the offset follows
//! the least delay between the two, slowly: a sample at a time while somebody speaks, at once where
//! there is silence anyway.

mod delay;
mod gaps;
mod source;

pub use gaps::{Gap, Missing};
pub use source::sample_at;

use crate::audio::g711::Law;
use crate::audio::wav::RATE;
use crate::time::Mono;
use gaps::Gaps;
use source::{Source, Step, samples};

/// One RTP packet as the recorder needs it; its payload lies in the batch's `bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub arrival: Mono,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub law: Law,
    /// Bytes of payload; one byte is one sample at 8 kHz. 0 for a packet that carries no audio
    /// (comfort noise, telephone-event): it proves that the source lives, and is silence on file.
    pub len: u16,
}

/// Where the payload of one packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Index in the slice that was placed.
    pub packet: usize,
    /// Sample of the call's clock; 0 is the moment at which the recording opened.
    pub at: u64,
    /// Leading samples of the payload that lie before the recording opened.
    pub skip: usize,
    /// Samples to write, after `skip`.
    pub len: usize,
    /// Samples just before `at` that the drift correction left open: repeat the first one there.
    pub lead: usize,
}

/// A change of the offset between a sender's clock and the call's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Sample of the call's clock.
    pub at: u64,
    pub why: &'static str,
    /// Samples by which later packets lie later than before; 0 for a new sender, whose clock has
    /// nothing to do with the last one's.
    pub shift: i64,
}

const SECOND: i64 = RATE as i64;
/// Silence before a packet in which a correction cannot be heard.
const PAUSE: i64 = SECOND * 30 / 1000;
/// The estimate trembles by less than this; 1 ms.
const STILL: i64 = SECOND / 1000;
/// Drift is listed each time it has come to this much.
const LISTED_DRIFT: i64 = SECOND / 50;
const MOST_CORRECTIONS: usize = 2_000;

/// Places the packets of one side of a call.
#[derive(Clone, Debug)]
pub struct Timeline {
    opened: Mono,
    source: Option<Source>,
    sources: i64,
    /// Why the next packet starts a new source, where we were told.
    turned: Option<&'static str>,
    /// Sample behind the last one placed.
    end: i64,
    /// Drift corrected and not yet listed.
    slewed: i64,
    dropped: u32,
    dropped_at: Mono,
    gaps: Gaps,
    corrections: Vec<Correction>,
}

struct Placed {
    at: i64,
    len: i64,
    lead: i64,
}

impl Timeline {
    /// The timeline of a recording that opened at `opened`.
    pub fn new(opened: Mono) -> Self {
        Self {
            opened,
            source: None,
            sources: 0,
            turned: None,
            end: 0,
            slewed: 0,
            dropped: 0,
            dropped_at: opened,
            gaps: Gaps::default(),
            corrections: Vec::new(),
        }
    }

    /// Places packets in the order of their arrival; calls `put` for each that carries audio and is
    /// no duplicate. A whole batch at once places better than single packets: a new source is set by
    /// the quickest packet of its first batch.
    pub fn place(&mut self, heard: &[Heard], mut put: impl FnMut(Placement)) {
        for packet in 0..heard.len() {
            let rest = heard.get(packet..).unwrap_or_default();
            if let Some(Placed { at, len, lead }) = self.place_first(rest) {
                let skip = (-at).clamp(0, len);
                if skip < len {
                    put(Placement {
                        packet,
                        at: at.max(0) as u64,
                        skip: skip as usize,
                        len: (len - skip) as usize,
                        lead: lead as usize,
                    });
                }
            }
        }
    }

    /// Takes an RTCP sender report: `timestamp` was sampled when the sender's clock showed `ntp`
    /// (32.32 s). Helps against drift after a minute.
    pub fn sender_report(&mut self, ssrc: u32, ntp: u64, timestamp: u32) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            source.report(ntp, timestamp);
        }
    }

    /// Another party, or the same from another place: the next packet starts a new clock.
    pub fn new_source(&mut self, why: &'static str) {
        self.turned = self.source.take().map(|_| why).or(self.turned);
    }

    /// `packets` packets were heard around `at` and did not get here.
    pub fn dropped(&mut self, at: Mono, packets: u32) {
        self.dropped = self.dropped.saturating_add(packets);
        self.dropped_at = at;
    }

    /// Lists what no later packet gave occasion to list; to be called once, at the end.
    pub fn finish(&mut self) {
        self.list_dropped();
    }

    /// What is missing on this side, oldest first.
    pub fn gaps(&self) -> &[Gap] {
        self.gaps.list()
    }

    /// Number of gaps, those included that are too many to be listed.
    pub fn gap_count(&self) -> u32 {
        self.gaps.count()
    }

    pub fn corrections(&self) -> &[Correction] {
        &self.corrections
    }

    /// The sample of the call's clock at `at`, negative before the recording opened.
    pub fn sample_at(&self, at: Mono) -> i64 {
        sample_at(self.opened, at)
    }

    /// Places the first packet of `rest`; the others are only looked at.
    fn place_first(&mut self, rest: &[Heard]) -> Option<Placed> {
        let packet = rest.first()?;
        let step = match &self.source {
            Some(source) if source.ssrc == packet.ssrc => source.judge(rest, self.opened),
            Some(_) | None => Step::Restart { missing: 0, why: "new SSRC" },
        };
        match step {
            Step::Duplicate => None,
            Step::Overtaken { behind } => self.catch_up(packet, behind),
            Step::Next { missing } if packet.len == 0 => self.pass_over(packet, missing),
            Step::Next { missing } => self.follow(packet, missing),
            Step::Restart { .. } if packet.len == 0 => None,
            Step::Restart { missing, why } => self.restart(rest, missing, why),
        }
    }

    fn catch_up(&mut self, packet: &Heard, behind: u32) -> Option<Placed> {
        let source = self.source.as_mut()?;
        let at = source.position(packet);
        let len = samples(packet);
        self.gaps.fill(source.catch_up(behind), at.max(0) as u64, len as u64);
        self.end = self.end.max(at.saturating_add(len));
        Some(Placed { at, len, lead: 0 })
    }

    /// A packet without audio: it counts in the sequence and nowhere else.
    fn pass_over(&mut self, packet: &Heard, missing: i64) -> Option<Placed> {
        let first = self.source.as_mut()?.advance(missing);
        self.list_missing(first, missing, sample_at(self.opened, packet.arrival));
        None
    }

    fn follow(&mut self, packet: &Heard, missing: i64) -> Option<Placed> {
        let source = self.source.as_mut()?;
        let first = source.advance(missing);
        let error = source.error(packet, self.opened);
        let hole = source.position(packet).saturating_sub(self.end);
        let shift = if error.abs() <= STILL {
            0
        } else if hole >= PAUSE {
            error.max(-hole)
        } else {
            // One sample in a packet is 6 ms a second and cannot be heard; a far way goes faster.
            (error.abs() / 128).clamp(1, 4) * error.signum()
        };
        source.offset = source.offset.saturating_add(shift);
        let at = source.position(packet);
        source.remember(packet, self.opened);
        self.list_missing(first, missing, at);
        self.list_drift(at, shift);
        let len = samples(packet);
        self.end = self.end.max(at.saturating_add(len));
        Some(Placed { at, len, lead: if hole == 0 { shift.max(0) } else { 0 } })
    }

    fn restart(&mut self, rest: &[Heard], missing: i64, why: &'static str) -> Option<Placed> {
        let packet = rest.first()?;
        self.list_dropped();
        let old = self.source.take();
        self.sources += 1;
        let source = Source::anchor(rest, self.opened, self.sources)?;
        let at = source.position(packet);
        let told = self.turned.take();
        if let Some(why) = told.or(old.as_ref().map(|_| why)) {
            // By how much the same sender's clock moved against its own past; no sense across senders.
            let shift = old.as_ref().filter(|old| old.ssrc == source.ssrc).map_or(0, |old| source.shift_from(old));
            self.correct(Correction { at: at.max(0) as u64, why, shift });
        }
        if let Some(old) = old {
            self.source = Some(old);
            let first = self.source.as_mut()?.advance(missing);
            self.list_missing(first, missing, at);
        }
        self.source = Some(source);
        let len = samples(packet);
        self.end = at.saturating_add(len).max(0);
        Some(Placed { at, len, lead: 0 })
    }

    /// Lists `missing` packets from number `first` on, which lie before sample `until`.
    fn list_missing(&mut self, first: i64, missing: i64, until: i64) {
        if missing == 0 {
            return;
        }
        let packet = self.source.as_ref().map_or(0, |source| source.len);
        let len = until.saturating_sub(self.end).clamp(0, missing.saturating_mul(packet));
        let why = if std::mem::take(&mut self.dropped) > 0 { Missing::Dropped } else { Missing::Lost };
        let packets = u32::try_from(missing).unwrap_or(u32::MAX);
        self.gaps.add(first, Gap { start: self.end as u64, len: len as u64, packets, why });
    }

    fn list_dropped(&mut self) {
        let packets = std::mem::take(&mut self.dropped);
        if packets > 0 {
            let packet = self.source.as_ref().map_or(SECOND / 50, |source| source.len);
            let len = i64::from(packets).saturating_mul(packet) as u64;
            let start = sample_at(self.opened, self.dropped_at).max(0) as u64;
            self.gaps.add(i64::MAX, Gap { start, len, packets, why: Missing::Dropped });
        }
    }

    fn list_drift(&mut self, at: i64, shift: i64) {
        self.slewed += shift;
        if self.slewed.abs() >= LISTED_DRIFT {
            let shift = std::mem::take(&mut self.slewed);
            self.correct(Correction { at: at.max(0) as u64, why: "clock drift", shift });
        }
    }

    fn correct(&mut self, line: Correction) {
        if self.corrections.len() < MOST_CORRECTIONS {
            self.corrections.push(line);
        }
    }
}
