//! A call in which somebody hears two others or more: everybody's voice comes into a jitter buffer,
//! and every 20 ms each party gets the sum of those whom it hears, never of itself (R19).
//!
//! A call that has become a room stays one to its end, so that nobody is moved between relaying and
//! mixing when a party joins or leaves: what changes then is faded over one frame.

use crate::audio::ear::Ear;
use crate::audio::g711::Law;
use crate::audio::mixing::{Limiter, fade};
use crate::call::{Hearing, LegId};
use crate::media::rtp::Header;
use crate::time::Mono;

/// Samples of a frame of 20 ms at 8 kHz.
pub const FRAME: usize = 160;
const RATE: u32 = 8000;

/// The parties of one call.
#[derive(Debug, Default)]
pub struct Room {
    parties: Vec<Party>,
}

#[derive(Debug)]
struct Party {
    leg: LegId,
    ear: Ear,
    /// What it says in this frame.
    frame: [i16; FRAME],
    hears: Vec<LegId>,
    /// Whom it heard in the last frame.
    heard: Vec<LegId>,
    limiter: Limiter,
    /// Its leg is closed; what it said last is faded out.
    is_gone: bool,
}

impl Room {
    /// Who hears whom from the next frame on. A party that is not named hears nobody.
    pub fn arrange(&mut self, hearings: &[Hearing]) {
        for party in &mut self.parties {
            party.hears.clear();
        }
        for Hearing { leg, hears } in hearings {
            match self.parties.iter_mut().find(|party| party.leg == *leg) {
                Some(party) => party.hears.clone_from(hears),
                None => self.parties.push(Party::new(*leg, hears.clone())),
            }
        }
    }

    /// The leg is closed: it says and hears nothing more.
    pub fn leave(&mut self, leg: LegId) {
        for party in &mut self.parties {
            party.hears.retain(|heard| *heard != leg);
            party.is_gone |= party.leg == leg;
        }
    }

    /// Takes a packet that a party spoke.
    pub fn hear(&mut self, now: Mono, leg: LegId, law: Law, header: &Header, codes: &[u8]) {
        if let Some(party) = self.parties.iter_mut().find(|party| party.leg == leg) {
            let samples = codes.iter().map(|code| law.decode(*code)).collect();
            party.ear.hear(now, header.ssrc, header.timestamp, samples);
        }
    }

    /// The next 20 ms: calls `send` with the sound of each party that hears somebody.
    pub fn mix(&mut self, now: Mono, mut send: impl FnMut(LegId, &[i16; FRAME])) {
        for party in &mut self.parties {
            party.ear.play(now, &mut party.frame);
        }
        for at in 0..self.parties.len() {
            let Some(sum) = self.parties.get(at).and_then(|hearer| self.sum_for(hearer)) else { continue };
            let Some(hearer) = self.parties.get_mut(at) else { continue };
            let mut out = [0; FRAME];
            hearer.limiter.limit(&sum, &mut out);
            hearer.heard.clone_from(&hearer.hears);
            send(hearer.leg, &out);
        }
        self.parties.retain(|party| !party.is_gone);
    }

    /// None where the party hears nobody and heard nobody.
    fn sum_for(&self, hearer: &Party) -> Option<[i32; FRAME]> {
        if hearer.is_gone || (hearer.hears.is_empty() && hearer.heard.is_empty()) {
            return None;
        }
        let mut sum = [0; FRAME];
        for party in self.parties.iter().filter(|party| party.leg != hearer.leg) {
            let (before, after) = (hearer.heard.contains(&party.leg), hearer.hears.contains(&party.leg));
            let mut faded;
            let frame = match (before, after) {
                (false, false) => continue,
                (true, true) => &party.frame,
                (before, after) => {
                    faded = party.frame;
                    fade(&mut faded, f32::from(u8::from(before)), f32::from(u8::from(after)));
                    &faded
                }
            };
            sum.iter_mut().zip(frame).for_each(|(sum, sample)| *sum += i32::from(*sample));
        }
        Some(sum)
    }
}

impl Party {
    fn new(leg: LegId, hears: Vec<LegId>) -> Self {
        Self {
            leg,
            ear: Ear::new(RATE),
            frame: [0; FRAME],
            hears,
            heard: Vec::new(),
            limiter: Limiter::default(),
            is_gone: false,
        }
    }
}
