//! What one party of a room hears: the others, added up by the server.
//!
//! The server cuts the sum into packets of its own, so a mark begins anywhere in a packet; it is looked
//! for at every sample. Its delay is that of its first sample: heard at the arrival of the packet in
//! which it lies plus its place there, spoken when the marked packet was sent. A relay would show 0.

use std::collections::BTreeMap;

use super::mark::{self, Mark};
use super::tone::{self, Goertzel, PACKET};

/// Of every second, in rounds of 20 ms that all legs share: party n of a room marks round `APART` · n,
/// so that marks do not meet in a mix, and what comes in from `LISTEN` on is listened to.
const ROUND: u64 = 50;
const APART: u64 = 4;
const LISTEN: u64 = 30;
/// Packets that are listened to.
const LISTENED: u32 = 10;
const WITHIN_DB: f64 = 1.0;
const OWN_BELOW_DB: f64 = -40.0;
const SAMPLE: u64 = 125_000;

/// Whether a party of this place in its room marks this round.
pub fn marks(round: u64, place: usize) -> bool {
    round % ROUND == APART * place as u64
}

/// Counts are of the window that is measured.
#[derive(Clone, Debug, Default)]
pub struct MixedEar {
    place: usize,
    last: Option<Packet>,
    listening: Option<([Goertzel; 3], u32)>,
    /// The round in which it last began to listen.
    listened: u64,
    pub received: u64,
    /// By sequence numbers.
    pub lost: u64,
    /// Twice, or after a later one.
    pub disordered: u64,
    pub foreign: u64,
    pub ssrc_changes: u64,
    /// How many marks of which leg.
    pub marks: BTreeMap<u16, u64>,
    pub tone_good: u64,
    pub tone_bad: u64,
    /// The loudest that it heard of itself, in dB against what it says.
    pub loudest_own: f64,
    /// The farthest that another was from how loud it should be, in dB.
    pub farthest_other: f64,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    arrived: u64,
    payload: [u8; PACKET],
}

impl MixedEar {
    /// `place`: 0 the citizen, 1 the seat, 2 the third.
    pub fn new(place: usize) -> Self {
        Self { place, loudest_own: -200.0, ..Self::default() }
    }

    /// A mark, if one has now been heard whole, and when it began. `measuring`: whether the packet counts.
    pub fn hear(&mut self, datagram: &[u8], arrived: u64, round: u64, measuring: bool) -> Option<(Mark, u64)> {
        let Some(packet) = Packet::read(datagram, arrived) else {
            self.foreign += u64::from(measuring);
            return None;
        };
        let last = self.last.filter(|last| last.ssrc == packet.ssrc);
        let step = last.map_or(1, |last| packet.sequence.wrapping_sub(last.sequence).cast_signed());
        if measuring {
            self.ssrc_changes += u64::from(self.last.is_some() && last.is_none());
            self.received += u64::from(step > 0);
            self.disordered += u64::from(step <= 0);
            self.lost += u64::from(step.unsigned_abs().saturating_sub(1)) * u64::from(step > 0);
        }
        if step <= 0 {
            return None;
        }
        self.last = Some(packet);
        let last = last.filter(|last| packet.timestamp.wrapping_sub(last.timestamp) == PACKET as u32);
        self.listen(&packet, round, last.is_some(), measuring);
        let last = last?;
        let both = [last.payload, packet.payload].concat();
        let (at, mark) =
            both.windows(PACKET).take(PACKET).enumerate().find_map(|(at, it)| Some((at, mark::read(it)?)))?;
        Some((mark, last.arrived + at as u64 * SAMPLE))
    }

    fn listen(&mut self, packet: &Packet, round: u64, goes_on: bool, measuring: bool) {
        if round % ROUND >= LISTEN && round / ROUND != self.listened {
            self.listened = round / ROUND;
            self.listening = Some(([tone::CITIZEN, tone::SEAT, tone::THIRD].map(Goertzel::new), 0));
        } else if !goes_on {
            self.listening = None;
        }
        let Some((tones, heard)) = &mut self.listening else { return };
        for sample in packet.payload.map(tone::decode) {
            tones.iter_mut().for_each(|tone| tone.hear(sample));
        }
        *heard += 1;
        if *heard < LISTENED {
            return;
        }
        let levels = tones.map(|tone| tone.level());
        self.listening = None;
        if measuring {
            self.judge(levels);
        }
    }

    fn judge(&mut self, levels: [f64; 3]) {
        let own = levels[self.place];
        let others = (0..3).filter(|at| *at != self.place).map(|at| levels[at].abs()).fold(0.0, f64::max);
        let good = own <= OWN_BELOW_DB && others <= WITHIN_DB;
        self.tone_good += u64::from(good);
        self.tone_bad += u64::from(!good);
        self.loudest_own = self.loudest_own.max(own);
        self.farthest_other = self.farthest_other.max(others);
    }
}

impl Packet {
    fn read(datagram: &[u8], arrived: u64) -> Option<Self> {
        let (head, payload) = datagram.split_at_checked(12)?;
        let payload = payload.try_into().ok()?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let is_voice = head[0] == 0x80 && head[1] & 0x7f == 8;
        is_voice.then(|| Self { sequence, timestamp: word(4), ssrc: word(8), arrived, payload })
    }
}
