//! Whether those who should speak are heard at all: a call without a packet makes no gap, and a
//! recording without sound must not pass for a whole one.

use std::time::Duration;

use super::{Side, Voice};
use crate::call::{Mark, Party, Role};
use crate::time::Mono;

/// Shorter stays say nothing: the peer's media may need a moment.
const LONG: Duration = Duration::from_secs(2);

/// One party's turn on its side.
#[derive(Clone, Debug)]
struct Stay {
    party: Party,
    from: Mono,
    /// Since when it may speak; None while somebody holds.
    open: Option<Mono>,
    spent: Duration,
    heard: bool,
}

/// What is known about a party that has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) side: Side,
    pub(super) party: Party,
    pub(super) from: Mono,
    pub(super) heard: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Hearing {
    left: Option<Stay>,
    /// The first of those who speak with the citizen.
    right: Option<Stay>,
    holders: Vec<Party>,
}

impl Hearing {
    /// Takes a mark; says how it was with a party that leaves.
    pub(super) fn mark(&mut self, at: Mono, mark: &Mark) -> Option<Outcome> {
        match mark {
            Mark::Joined(party) => {
                let open = self.holders.is_empty().then_some(at);
                let stay = Stay { party: party.clone(), from: at, open, spent: Duration::ZERO, heard: false };
                self.stay(side_of(party)).get_or_insert(stay);
            }
            Mark::Left { party, .. } => {
                self.holders.retain(|holder| holder != party);
                self.turn(at);
                let stay = self.stay(side_of(party));
                if stay.as_ref().is_some_and(|stay| stay.party == *party) {
                    return stay.take().and_then(|stay| stay.outcome(at));
                }
            }
            Mark::Held(party) => {
                self.holders.push(party.clone());
                self.turn(at);
            }
            Mark::Resumed(party) => {
                self.holders.retain(|holder| holder != party);
                self.turn(at);
            }
            Mark::Moved(_) | Mark::Briefed(_) | Mark::Consulted(_) | Mark::Led(_) => {}
        }
        None
    }

    /// Packets of this voice have come.
    pub(super) fn hear(&mut self, voice: Voice) {
        let speaks = |stay: &&mut Stay| stay.party.leg == voice.leg() || voice == Voice::Citizen;
        if let Some(stay) = self.stay(voice.side()).as_mut().filter(speaks) {
            stay.heard = true;
        }
    }

    /// The call is over.
    pub(super) fn finish(&mut self, at: Mono) -> impl Iterator<Item = Outcome> + use<> {
        let stays = [self.left.take(), self.right.take()];
        stays.into_iter().flatten().filter_map(move |stay| stay.outcome(at))
    }

    fn stay(&mut self, side: Side) -> &mut Option<Stay> {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    fn turn(&mut self, at: Mono) {
        let held = !self.holders.is_empty();
        for stay in [&mut self.left, &mut self.right].into_iter().flatten() {
            match (held, stay.open) {
                (true, Some(since)) => {
                    stay.spent = stay.spent.saturating_add(at.since(since));
                    stay.open = None;
                }
                (false, None) => stay.open = Some(at),
                (true, None) | (false, Some(_)) => {}
            }
        }
    }
}

impl Stay {
    fn outcome(self, at: Mono) -> Option<Outcome> {
        let spent = self.open.map_or(self.spent, |since| self.spent.saturating_add(at.since(since)));
        let side = side_of(&self.party);
        let told = self.heard || spent >= LONG;
        told.then_some(Outcome { side, party: self.party, from: self.from, heard: self.heard })
    }
}

fn side_of(party: &Party) -> Side {
    if party.role == Role::Citizen { Side::Left } else { Side::Right }
}
