//! A call in which somebody hears two others or more: everybody's voice comes into a jitter buffer,
//! and every 20 ms each party gets the sum of those whom it hears, never of itself (R19).
//!
//! Each party is mixed for at the rate of its own codec. A voice is brought to the other rate once, and
//! only where somebody hears it there: two wideband phones hear each other at 16 kHz while the line of
//! the citizen beside them is mixed at 8, and nothing changes for anybody when one more joins.
//!
//! A call that has become a room stays one to its end, so that nobody is moved between relaying and
//! mixing when a party joins or leaves: what changes then is faded over one frame. When it becomes one it is given
//! the last packets that were relayed, so that nobody who spoke is missing for a moment.

use crate::audio::codec::Rate;
use crate::audio::ear::{Ear, Figures};
use crate::audio::mixing::{Limiter, fade};
use crate::audio::resample::{Downsampler, Upsampler};
use crate::call::{Hearing, LegId};
use crate::media::rtp::Header;
use crate::time::Mono;

/// Ticks of the RTP clock in a frame of 20 ms.
pub const TICKS: u32 = 160;
/// Samples of the longest frame.
const FRAME: usize = 320;

/// The parties of one call.
#[derive(Debug, Default)]
pub struct Room {
    parties: Vec<Party>,
}

#[derive(Debug)]
struct Party {
    leg: LegId,
    ear: Ear,
    /// At which it speaks.
    rate: Rate,
    /// At which it is mixed for.
    listens: Rate,
    /// What it says in this frame.
    narrow: Vec<i16>,
    wide: Vec<i16>,
    up: Upsampler,
    down: Downsampler,
    hears: Vec<LegId>,
    /// Whom it heard in the last frame.
    heard: Vec<LegId>,
    limiter: Limiter,
    /// Its leg is closed; what it said last is faded out.
    is_gone: bool,
}

impl Room {
    /// Of a call in which these heard each other until now, without it. `give` gives it the last packets of them.
    pub fn taking_over(hearings: &[Hearing], give: impl FnOnce(&mut Self)) -> Self {
        let mut room = Self::default();
        room.arrange(hearings);
        give(&mut room);
        for party in &mut room.parties {
            party.heard.clone_from(&party.hears);
            party.ear.turn();
        }
        room
    }

    /// Who hears whom from the next frame on. A party that is not named hears nobody.
    pub fn arrange(&mut self, hearings: &[Hearing]) {
        for party in &mut self.parties {
            party.hears.clear();
        }
        for Hearing { leg, hears } in hearings {
            if let Some(party) = self.party(*leg) {
                party.hears.clone_from(hears);
            }
        }
    }

    /// Also of who is not named yet: when he joins, his voice has gone through his jitter buffer.
    fn party(&mut self, leg: LegId) -> Option<&mut Party> {
        let at = self.parties.iter().position(|party| party.leg == leg).unwrap_or_else(|| {
            self.parties.push(Party::new(leg));
            self.parties.len() - 1
        });
        self.parties.get_mut(at)
    }

    /// The rate of a party's codec; 8 kHz until it is told.
    pub fn listen(&mut self, leg: LegId, rate: Rate) {
        if let Some(party) = self.party(leg) {
            party.listens = rate;
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
    pub fn hear(&mut self, now: Mono, leg: LegId, rate: Rate, header: &Header, samples: impl IntoIterator<Item = i16>) {
        if let Some(party) = self.party(leg) {
            if party.rate != rate {
                party.rate = rate;
                let figures = party.ear.figures;
                party.ear = Ear::new(rate.hertz());
                party.ear.figures = figures;
            }
            let timestamp = header.timestamp.wrapping_mul(rate.per_tick());
            party.ear.hear(now, header.ssrc, timestamp, samples);
        }
    }

    /// Takes what the codec of a party knows of packets that were lost, after the one behind them.
    pub fn recover(&mut self, leg: LegId, header: &Header, samples: &[i16]) {
        if let Some(party) = self.parties.iter_mut().find(|party| party.leg == leg) {
            let timestamp = header.timestamp.wrapping_mul(party.rate.per_tick());
            party.ear.recover(header.ssrc, timestamp, samples);
        }
    }

    /// What became of a party's voice so far.
    pub fn figures(&self, leg: LegId) -> Option<Figures> {
        self.parties.iter().find(|party| party.leg == leg).map(|party| party.ear.figures)
    }

    /// The next 20 ms: calls `send` with the sound of each party that hears somebody.
    pub fn mix(&mut self, now: Mono, mut send: impl FnMut(LegId, Rate, &[i16])) {
        let listens = |rate| self.parties.iter().any(|party| party.listens == rate && party.is_listening());
        let (narrow, wide) = (listens(Rate::Narrow), listens(Rate::Wide));
        for party in &mut self.parties {
            party.speak(now, narrow, wide);
        }
        for at in 0..self.parties.len() {
            let mut sum = [0; FRAME];
            let Some(sum) = self.parties.get(at).and_then(|hearer| self.add_up(hearer, &mut sum)) else { continue };
            let Some(hearer) = self.parties.get_mut(at) else { continue };
            let mut out = [0; FRAME];
            let out = out.get_mut(..sum.len()).unwrap_or_default();
            hearer.limiter.limit(sum, out);
            hearer.heard.clone_from(&hearer.hears);
            send(hearer.leg, hearer.listens, out);
        }
        self.parties.retain(|party| !party.is_gone);
    }

    /// None where the party hears nobody and heard nobody.
    fn add_up<'a>(&self, hearer: &Party, sum: &'a mut [i32; FRAME]) -> Option<&'a [i32]> {
        if hearer.is_gone || !hearer.is_listening() {
            return None;
        }
        let sum = sum.get_mut(..frame(hearer.listens))?;
        for party in self.parties.iter().filter(|party| party.leg != hearer.leg) {
            let (before, after) = (hearer.heard.contains(&party.leg), hearer.hears.contains(&party.leg));
            let voice = party.at(hearer.listens);
            if before && after {
                add(sum, voice);
            } else if before || after {
                let mut faded = [0; FRAME];
                let faded = faded.get_mut(..voice.len())?;
                faded.copy_from_slice(voice);
                fade(faded, f32::from(u8::from(before)), f32::from(u8::from(after)));
                add(sum, faded);
            }
        }
        Some(sum)
    }
}

impl Party {
    fn new(leg: LegId) -> Self {
        Self {
            leg,
            ear: Ear::new(Rate::Narrow.hertz()),
            rate: Rate::Narrow,
            listens: Rate::Narrow,
            narrow: vec![0; frame(Rate::Narrow)],
            wide: Vec::new(),
            up: Upsampler::default(),
            down: Downsampler::default(),
            hears: Vec::new(),
            heard: Vec::new(),
            limiter: Limiter::default(),
            is_gone: false,
        }
    }

    fn is_listening(&self) -> bool {
        !(self.hears.is_empty() && self.heard.is_empty())
    }

    /// What it says now, at the rates that are wanted.
    fn speak(&mut self, now: Mono, narrow: bool, wide: bool) {
        let own = match self.rate {
            Rate::Narrow => &mut self.narrow,
            Rate::Wide => &mut self.wide,
        };
        own.resize(frame(self.rate), 0);
        self.ear.play(now, own);
        if self.rate == Rate::Narrow && wide {
            self.wide.clear();
            self.up.run(&self.narrow, &mut self.wide);
        }
        if self.rate == Rate::Wide && narrow {
            self.narrow.clear();
            self.down.run(&self.wide, &mut self.narrow);
        }
    }

    fn at(&self, rate: Rate) -> &[i16] {
        match rate {
            Rate::Narrow => &self.narrow,
            Rate::Wide => &self.wide,
        }
    }
}

/// Samples of 20 ms.
const fn frame(rate: Rate) -> usize {
    (TICKS * rate.per_tick()) as usize
}

fn add(sum: &mut [i32], voice: &[i16]) {
    sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += i32::from(*sample));
}
