//! Marked packets: who speaks and the how-manieth packet it is, in the audio itself.
//!
//! A PBX gives packets new sequence numbers and timestamps, so that a packet that comes out cannot be
//! matched by its header to the one that went in. Every 250th packet of a leg therefore carries, in
//! place of the tone, this mark. From a mark on the *step* of the RTP timestamp tells the number of
//! every packet, and the next mark proves that it is still right. So the delay of every packet of every
//! leg is measured, and loss is what was sent and did not come, whatever the sequence numbers say.
//! Only signs are used: they survive A-law, µ-law and transcoding between them.

use super::tone::{self, PACKET};

/// From one mark to the next, in packets.
pub const EVERY: u32 = 250;
/// Which packet of those is marked.
pub const AT: u32 = 25;

const LEAD: usize = 16;
const BITS: usize = 48;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub leg: u16,
    pub packet: u32,
}

pub fn write(mark: Mark, payload: &mut [u8; PACKET]) {
    let bits = (u64::from(mark.leg) << 32) | u64::from(mark.packet);
    for (at, code) in payload.iter_mut().enumerate() {
        let positive = match at {
            0..LEAD => at % 2 == 0,
            _ if at < LEAD + BITS => bits >> (at - LEAD) & 1 == 1,
            _ if at < LEAD + 2 * BITS => bits >> (at - LEAD - BITS) & 1 == 0,
            _ => at % 2 == 0,
        };
        *code = tone::encode(if positive { 16_000 } else { -16_000 });
    }
}

/// None: no mark, which a tone never looks like.
pub fn read(payload: &[u8]) -> Option<Mark> {
    let sign = |at: usize| payload.get(at).is_some_and(|code| code & 0x80 != 0);
    if payload.len() != PACKET || (0..LEAD).any(|at| sign(at) != (at % 2 == 0)) {
        return None;
    }
    let bits = (0..BITS).fold(0u64, |bits, at| bits | u64::from(sign(LEAD + at)) << at);
    let inverse = (0..BITS).all(|at| sign(LEAD + BITS + at) == (bits >> at & 1 == 0));
    inverse.then_some(Mark { leg: (bits >> 32) as u16, packet: bits as u32 })
}
