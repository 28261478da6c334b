//! What one leg hears: which packets of whom, how late, and which tones.

use super::mark::{self, Mark};
use super::tone::{self, Goertzel, PACKET};

/// Every so many packets, so many in a row are listened to: 200 ms of each second.
const ROUND: u32 = 50;
const LISTEN: std::ops::Range<u32> = 30..40;
const TONE_WITHIN_DB: f64 = 1.0;
const OTHER_BELOW_DB: f64 = -40.0;

/// Counts are of the window that is measured.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    wanted: u32,
    other: u32,
    ssrc: Option<u32>,
    anchor: Option<Anchor>,
    listening: Option<(u32, Goertzel, Goertzel)>,
    newest: Option<u32>,
    seen: u64,
    transit: Option<f64>,
    /// RFC 3550 §6.4.1, in nanoseconds.
    pub jitter: f64,
    pub received: u64,
    pub duplicates: u64,
    /// Came after a later one.
    pub reordered: u64,
    /// Something else than a 20 ms A-law packet.
    pub foreign: u64,
    pub ssrc_changes: u64,
    /// A mark contradicted the numbering so far: the PBX moved its clock.
    pub moved: u64,
    /// Packets before the first mark, or off the 20 ms grid.
    pub unplaced: u64,
    pub tone_good: u64,
    pub tone_bad: u64,
    /// The loudest foreign tone, in dB against ours.
    pub loudest_other: f64,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    mark: Mark,
    timestamp: u32,
}

impl Ear {
    /// `wanted`: the tone of the other party, in Hz; `other`: its own.
    pub fn new(wanted: u32, other: u32) -> Self {
        Self { wanted, other, loudest_other: -200.0, ..Self::default() }
    }

    /// Whose packet this is, and the how-manieth of its speaker. `measuring`: whether it is counted.
    pub fn place(&mut self, datagram: &[u8], measuring: bool) -> Option<Mark> {
        let (head, payload) = datagram.split_at_checked(12)?;
        if head[0] != 0x80 || head[1] & 0x7f != 8 || payload.len() != PACKET {
            self.foreign += u64::from(measuring);
            return None;
        }
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (timestamp, ssrc) = (word(4), word(8));
        if self.ssrc.replace(ssrc).is_some_and(|former| former != ssrc) {
            self.ssrc_changes += u64::from(measuring);
            self.anchor = None;
        }
        let marked = mark::read(payload);
        let placed = self.anchor.and_then(|anchor| anchor.place(timestamp));
        if let Some(mark) = marked {
            if self.anchor.is_some() && placed != Some(mark) {
                self.moved += u64::from(measuring);
            }
            self.anchor = Some(Anchor { mark, timestamp });
            return Some(mark);
        }
        self.unplaced += u64::from(measuring && placed.is_none());
        placed
    }

    /// The leg that it hears, once a mark has come.
    pub fn speaker(&self) -> Option<usize> {
        self.anchor.map(|anchor| usize::from(anchor.mark.leg))
    }

    /// Counts a packet of the window. `arrived`: nanoseconds.
    pub fn count(&mut self, packet: u32, arrived: u64) {
        let behind = self.newest.map_or(-1, |newest| i64::from(newest) - i64::from(packet));
        if behind < 0 {
            self.seen = if behind > -64 { self.seen << -behind | 1 } else { 1 };
            self.newest = Some(packet);
        } else if behind < 64 && self.seen >> behind & 1 == 0 {
            self.seen |= 1 << behind;
            self.reordered += 1;
        } else {
            self.duplicates += 1;
            return;
        }
        self.received += 1;
        let transit = arrived as f64 - f64::from(packet) * 20e6;
        let former = self.transit.replace(transit).unwrap_or(transit);
        self.jitter += ((transit - former).abs() - self.jitter) / 16.0;
    }

    /// Listens to a packet's audio; marks lie outside of what is listened to.
    pub fn listen(&mut self, packet: u32, payload: &[u8]) {
        let place = packet % ROUND;
        if place == LISTEN.start {
            self.listening = Some((packet, Goertzel::new(self.wanted), Goertzel::new(self.other)));
        }
        let Some((next, wanted, other)) = self.listening.as_mut().filter(|(next, ..)| *next == packet) else {
            self.listening = None;
            return;
        };
        for code in payload {
            let sample = tone::decode(*code);
            wanted.hear(sample);
            other.hear(sample);
        }
        *next += 1;
        if *next % ROUND == LISTEN.end {
            let (wanted, other) = (wanted.level(), other.level());
            let good = wanted.abs() <= TONE_WITHIN_DB && other <= OTHER_BELOW_DB;
            self.tone_good += u64::from(good);
            self.tone_bad += u64::from(!good);
            self.loudest_other = self.loudest_other.max(other);
            self.listening = None;
        }
    }
}

impl Anchor {
    fn place(&self, timestamp: u32) -> Option<Mark> {
        let samples = timestamp.wrapping_sub(self.timestamp).cast_signed();
        let packets = samples / PACKET as i32;
        let on_grid = samples % PACKET as i32 == 0;
        let packet = self.mark.packet.checked_add_signed(packets)?;
        on_grid.then_some(Mark { packet, ..self.mark })
    }
}
