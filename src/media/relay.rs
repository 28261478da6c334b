//! The one stream that a leg hears from us, whoever speaks: its SSRC never changes, its sequence
//! and its 8 kHz timeline go on across holds, prompts and seat changes.

use crate::call::LegId;
use crate::media::rtcp;
use crate::media::rtp::Header;
use crate::time::Mono;

/// Who speaks. A peer that begins a new stream counts as another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Leg {
        leg: LegId,
        ssrc: u32,
    },
    Prompt(u64),
    /// Everybody whom the leg hears in its room.
    Room,
}

/// A source's timestamp that strays further than this from the wall clock is a new timeline.
const STRAY: i64 = 8000;

/// A source that begins this much after the end of the last one, 10 ms, leaves no hole: prompts and rooms begin on
/// a grid.
const HOLE: i64 = 80;

/// A source's sequence that jumps further than this begins anew.
const JUMP: i32 = 1000;

/// RFC 3550 appendix A.1: so does one that goes back further than this.
const MAX_MISORDER: i32 = 100;

#[derive(Clone, Debug)]
pub struct Outgoing {
    ssrc: u32,
    source: Option<Speaking>,
    /// The newest sequence number sent, with its wraps counted above.
    newest: u64,
    /// Packets of the current source at or below this number would repeat the last source's.
    floor: u64,
    timestamp: u32,
    /// When that timestamp was first sent; None before the first packet.
    stamped: Option<Mono>,
    /// Samples in the newest packet.
    samples: u32,
    packets: u32,
    octets: u32,
    /// Packets at the last report.
    reported: u32,
}

#[derive(Clone, Copy, Debug)]
struct Speaking {
    source: Source,
    /// The source's newest numbers, and what to add to them.
    sequence: u16,
    timestamp: u32,
    sequence_shift: u16,
    timestamp_shift: u32,
}

impl Outgoing {
    /// A stream that begins at these random numbers.
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        // One wrap in hand: a late packet of the first source lies below.
        let newest = 0x1_0000 + u64::from(sequence);
        Self {
            ssrc,
            source: None,
            newest,
            floor: newest,
            timestamp,
            stamped: None,
            samples: 0,
            packets: 0,
            octets: 0,
            reported: 0,
        }
    }

    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Gives a packet of `source` its place in the stream; the caller sets the payload type. None
    /// for a packet so late that its place is taken.
    pub fn place(&mut self, now: Mono, source: Source, packet: &Header, payload: usize) -> Option<Header> {
        let going_on = self.source.filter(|speaking| speaking.source == source && self.goes_on(now, speaking, packet));
        let (mut speaking, switched) = match going_on {
            Some(speaking) => (speaking, false),
            None => (self.switch(now, source, packet), true),
        };
        let sequence = packet.sequence.wrapping_add(speaking.sequence_shift);
        let timestamp = packet.timestamp.wrapping_add(speaking.timestamp_shift);
        let ahead = i64::from(sequence.wrapping_sub(self.newest as u16).cast_signed());
        let number = self.newest.saturating_add_signed(ahead);
        if number <= self.floor {
            return None;
        }
        if ahead > 0 {
            self.newest = number;
            if timestamp != self.timestamp || self.stamped.is_none() {
                self.timestamp = timestamp;
                self.stamped = Some(now);
            }
            self.samples = u32::try_from(payload).unwrap_or(0);
            speaking.sequence = packet.sequence;
            speaking.timestamp = packet.timestamp;
        }
        self.source = Some(speaking);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload).unwrap_or(0));
        Some(Header { marker: packet.marker || switched, sequence, timestamp, ssrc: self.ssrc, ..*packet })
    }

    /// A packet of `source` that is not passed on leaves no hole in the sequence.
    pub fn skip(&mut self, source: Source, packet: &Header) {
        if let Some(speaking) = self.source.as_mut().filter(|speaking| speaking.source == source)
            && packet.sequence == speaking.sequence.wrapping_add(1)
        {
            speaking.sequence = packet.sequence;
            speaking.sequence_shift = speaking.sequence_shift.wrapping_sub(1);
        }
    }

    /// The source was cut off (hold, prompt): what it sends next is placed anew.
    pub fn interrupt(&mut self) {
        self.source = None;
    }

    /// What a sender report says; None where nothing was sent since the last one.
    pub fn report(&mut self, now: Mono, ntp: u64) -> Option<rtcp::Sent> {
        let stamped = self.stamped?;
        if self.reported == self.packets {
            return None;
        }
        self.reported = self.packets;
        let timestamp = self.timestamp.wrapping_add(samples_between(stamped, now) as u32);
        Some(rtcp::Sent { ntp, timestamp, packets: self.packets, octets: self.octets })
    }

    /// Whether the packet lies on the timeline that its source was given.
    fn goes_on(&self, now: Mono, speaking: &Speaking, packet: &Header) -> bool {
        let ahead = i32::from(packet.sequence.wrapping_sub(speaking.sequence).cast_signed());
        let spoken = i64::from(packet.timestamp.wrapping_sub(speaking.timestamp).cast_signed());
        let elapsed = self.stamped.map_or(0, |stamped| samples_between(stamped, now));
        // A packet that was overtaken was also spoken before; any other that goes back begins anew.
        let in_order = if ahead > 0 { ahead <= JUMP } else { ahead > -MAX_MISORDER && spoken <= 0 };
        // All packets of a pressed key carry the timestamp of its beginning.
        in_order && (spoken == 0 || (spoken - elapsed).abs() <= STRAY)
    }

    /// Another source speaks: the sequence goes on, the timestamp moves by the time that passed, and
    /// at least by what was sent last.
    fn switch(&mut self, now: Mono, source: Source, packet: &Header) -> Speaking {
        let last = i64::from(self.samples).max(1);
        let moved = match self.stamped.map(|stamped| samples_between(stamped, now)) {
            Some(passed) if passed < last + HOLE => last as u32,
            Some(passed) => passed as u32,
            None => 0,
        };
        self.floor = self.newest;
        let sequence = (self.newest as u16).wrapping_add(1);
        let timestamp = self.timestamp.wrapping_add(moved);
        Speaking {
            source,
            sequence: packet.sequence.wrapping_sub(1),
            timestamp: packet.timestamp,
            sequence_shift: sequence.wrapping_sub(packet.sequence),
            timestamp_shift: timestamp.wrapping_sub(packet.timestamp),
        }
    }
}

/// Samples at 8 kHz between two moments.
fn samples_between(from: Mono, to: Mono) -> i64 {
    i64::try_from(to.0.saturating_sub(from.0) / 125_000).unwrap_or(i64::MAX)
}
