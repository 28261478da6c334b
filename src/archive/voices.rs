//! The people beside the citizen: each has a timeline of its own, so that no voice waits for another
//! and none is mixed before it is recorded. What the citizen hears of them is added up in the right
//! channel. From the moment that there are two of them, each has a track of its own as well.

use super::names::{Class, TrackName};
use super::reel::Reel;
use super::tape::Stroke;
use super::{Batch, RIGHT};
use crate::audio::g711::Law;
use crate::audio::timeline::{Timeline, sample_at};
use crate::call::LegId;
use crate::time::Mono;

/// Frames.
const MILLISECOND: u64 = 8;
/// Numbers above this one are of voices that are no participants: shift leaders who whisper.
const STRANGERS: usize = 100;
/// Changes of class that are remembered; later gaps are of the last one's.
const MOST_TURNS: usize = 1_000;

#[derive(Debug)]
pub(super) struct Voices {
    opened: Mono,
    persons: Vec<Person>,
    /// Since which frame there have been three parties and more.
    crowded: Option<u64>,
    /// What of the place of a packet is the same voice's.
    own: Vec<i16>,
}

#[derive(Debug)]
pub(super) struct Person {
    leg: LegId,
    /// Its place among the participants, from 1; None before it was told to have joined, or where it never is.
    pub(super) participant: Option<usize>,
    /// In the names of its tracks.
    number: usize,
    joined: u64,
    is_gone: bool,
    pub(super) timeline: Timeline,
    /// From which frame on it is heard by the citizen, and from which not.
    turns: Vec<(u64, Class)>,
    heard: Option<Track>,
    private: Option<Track>,
}

/// A mono track, from `offset` on.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) name: TrackName,
    /// Frame of the call at which it begins; whole milliseconds.
    pub(super) offset: u64,
    pub(super) reel: Reel,
}

impl Voices {
    pub(super) fn new(opened: Mono) -> Self {
        Self { opened, persons: Vec::new(), crowded: None, own: Vec::new() }
    }

    pub(super) fn persons(&self) -> &[Person] {
        &self.persons
    }

    pub(super) fn tracks(&self) -> impl Iterator<Item = &Track> {
        self.persons.iter().flat_map(|person| person.heard.iter().chain(&person.private))
    }

    pub(super) fn tracks_mut(&mut self) -> impl Iterator<Item = &mut Track> {
        self.persons.iter_mut().flat_map(|person| person.heard.iter_mut().chain(&mut person.private))
    }

    /// Somebody joined, as the participant of this number.
    pub(super) fn join(&mut self, leg: LegId, at: Mono, participant: usize, primary: &Reel) {
        let at = self.frame(at);
        let taken = self.persons.iter().any(|person| person.leg != leg && person.number == participant);
        let number = if taken { self.free_number(participant) } else { participant };
        let person = self.person(leg, at);
        person.is_gone = false;
        if person.participant.is_none() {
            person.participant = Some(participant);
            if person.heard.is_none() && person.private.is_none() {
                person.number = number;
            }
        }
        self.count(at, primary);
    }

    /// Somebody left: its track ends.
    pub(super) fn leave(&mut self, leg: LegId, at: Mono) {
        let at = self.frame(at);
        if let Some(person) = self.persons.iter_mut().find(|person| person.leg == leg) {
            person.is_gone = true;
            if let Some(track) = &mut person.heard {
                track.extend(at);
            }
        }
    }

    /// The timeline of one voice.
    pub(super) fn timeline(&mut self, leg: LegId, at: Mono) -> &mut Timeline {
        let at = self.frame(at);
        &mut self.person(leg, at).timeline
    }

    /// Audio of one voice. The right channel of `primary` gets it where the citizen hears it.
    pub(super) fn hear(&mut self, leg: LegId, class: Class, batch: &Batch, primary: &mut Reel) {
        let Some(first) = batch.heard.first() else { return };
        let at = self.frame(first.arrival);
        let stranger = self.free_number(STRANGERS);
        let person = self.person(leg, at);
        let is_new = person.participant.is_none() && person.heard.is_none() && person.private.is_none();
        if class == Class::Private && is_new && person.number <= STRANGERS {
            person.number = stranger;
        }
        // Before it counts as one who has spoken.
        self.count(at, primary);
        let Self { persons, own, .. } = self;
        let Some(person) = persons.iter_mut().find(|person| person.leg == leg) else { return };
        let Person { timeline, heard, private, number, turns, .. } = person;
        if turns.last().is_none_or(|(_, last)| *last != class) && turns.len() < MOST_TURNS {
            turns.push((at, class));
        }
        lay_out(timeline, batch, |at, codes, law| {
            match (class, &mut *heard) {
                (Class::Heard, None) => {
                    primary.put(at, Stroke { channel: RIGHT, codes, law, instead_of: None });
                }
                (Class::Heard, Some(track)) => {
                    own.clear();
                    own.extend((at..).take(codes.len()).map(|at| track.sample(at)));
                    primary.put(at, Stroke { channel: RIGHT, codes, law, instead_of: Some(own) });
                    track.put(at, codes, law);
                }
                (Class::Private, _) => {
                    // As long as the call, whoever speaks.
                    primary.extend(at.saturating_add(codes.len() as u64));
                    let name = TrackName { participant: *number, class };
                    private.get_or_insert_with(|| Track::private(name, at, primary)).put(at, codes, law);
                }
            }
        });
    }

    /// Nothing comes any more; the recording has `end` frames.
    pub(super) fn finish(&mut self, end: u64) {
        for person in &mut self.persons {
            person.timeline.finish();
            if let Some(track) = person.heard.as_mut().filter(|_| !person.is_gone) {
                track.extend(end);
            }
        }
    }

    fn person(&mut self, leg: LegId, joined: u64) -> &mut Person {
        let at = self.persons.iter().position(|person| person.leg == leg).unwrap_or(self.persons.len());
        if at == self.persons.len() {
            let person = Person::new(leg, self.free_number(1), joined, self.opened);
            self.persons.push(person);
        }
        #[allow(clippy::indexing_slicing, reason = "it was found there, or has just been put there")]
        &mut self.persons[at]
    }

    /// Beyond all that are taken, and beyond `least`.
    fn free_number(&self, least: usize) -> usize {
        self.persons.iter().map(|person| person.number).fold(least, usize::max).saturating_add(1)
    }

    /// From the second person on, everybody who is there has a track. What the first one has just said
    /// is taken over: until now the right channel was its alone.
    fn count(&mut self, at: u64, primary: &Reel) {
        let here = self.persons.iter().filter(|person| !person.is_gone).count();
        if self.crowded.is_none() && here < 2 {
            return;
        }
        let crowded = *self.crowded.get_or_insert(at);
        for person in self.persons.iter_mut().filter(|person| !person.is_gone && person.heard.is_none()) {
            let name = TrackName { participant: person.number, class: Class::Heard };
            let offset = crowded.max(person.joined) / MILLISECOND * MILLISECOND;
            let spoke = !person.turns.is_empty();
            let start = if spoke { offset } else { u64::MAX };
            person.heard = Some(Track { name, offset, reel: primary.track(name, RIGHT, start) });
        }
    }

    fn frame(&self, at: Mono) -> u64 {
        sample_at(self.opened, at).max(0).unsigned_abs()
    }
}

impl Person {
    fn new(leg: LegId, number: usize, joined: u64, opened: Mono) -> Self {
        Self {
            leg,
            participant: None,
            number,
            joined,
            is_gone: false,
            timeline: Timeline::new(opened),
            turns: Vec::new(),
            heard: None,
            private: None,
        }
    }

    /// Whether the citizen heard it at this frame.
    pub(super) fn class_at(&self, frame: u64) -> Class {
        let before = self.turns.iter().rev().find(|(from, _)| *from <= frame);
        before.or(self.turns.first()).map_or(Class::Heard, |(_, class)| *class)
    }
}

impl Track {
    fn private(name: TrackName, at: u64, primary: &Reel) -> Self {
        Self { name, offset: at / MILLISECOND * MILLISECOND, reel: primary.track(name, RIGHT, u64::MAX) }
    }

    fn put(&mut self, at: u64, codes: &[u8], law: Law) {
        let stroke = Stroke { channel: 0, codes, law, instead_of: None };
        let before = usize::try_from(self.offset.saturating_sub(at)).unwrap_or(usize::MAX);
        self.reel.put(at.max(self.offset) - self.offset, stroke.split(before).1);
    }

    fn sample(&self, at: u64) -> i16 {
        at.checked_sub(self.offset).map_or(0, |at| self.reel.sample(at))
    }

    fn extend(&mut self, end: u64) {
        self.reel.extend(end.saturating_sub(self.offset));
    }
}

/// Places the packets of a batch; calls `put` with the frame and the codes of each.
pub(super) fn lay_out(timeline: &mut Timeline, batch: &Batch, mut put: impl FnMut(u64, &[u8], Law)) {
    let (mut packet, mut payload) = (0, 0);
    timeline.place(&batch.heard, |placed| {
        for before in batch.heard.get(packet..placed.packet).unwrap_or_default() {
            payload += usize::from(before.len);
        }
        packet = placed.packet;
        let from = payload + placed.skip;
        let Some(codes) = batch.bytes.get(from..from + placed.len) else { return };
        let Some(law) = batch.heard.get(packet).map(|heard| heard.law) else { return };
        if let (Some(first), Some(lead)) = (codes.first(), placed.at.checked_sub(placed.lead as u64)) {
            for at in lead..placed.at {
                put(at, &[*first], law);
            }
        }
        put(placed.at, codes, law);
    });
}
