//! The people beside the citizen: each has a timeline of its own, so that no voice waits for another
//! and none is mixed before it is recorded. What the citizen hears of them is added up in the right
//! channel. From the moment that there are two of them, each has a track of its own as well.

use super::names::{Class, TrackName};
use super::reel::Reel;
use super::tape::{Piece, Stroke, Tape};
use super::{Batch, RIGHT};
use crate::audio::g711::Law;
use crate::audio::timeline::{Timeline, sample_at};
use crate::audio::wav::{Format, Layout, RATE, WIDE_RATE};
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
    /// How its packets came last.
    coding: Coding,
}

/// What a track is to hold without loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    /// Nothing came yet.
    #[default]
    Unknown,
    G711(Law),
    Wide,
}

/// A mono track, from `offset` on.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) name: TrackName,
    /// Frame of the call at which it begins; whole milliseconds.
    pub(super) offset: u64,
    pub(super) reel: Reel,
    /// What of a wide voice lies in the right channel, as long as it may come again.
    narrow: Option<Tape>,
    /// Its format is no guess.
    is_settled: bool,
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
        let Person { timeline, heard, private, number, turns, coding, .. } = person;
        if let Some(now) = Coding::of(batch) {
            *coding = now;
        }
        if let Some(track) = heard {
            track.settle(*coding, primary);
        }
        if turns.last().is_none_or(|(_, last)| *last != class) && turns.len() < MOST_TURNS {
            turns.push((at, class));
        }
        lay_out(timeline, batch, |at, piece| match (class, &mut *heard) {
            (Class::Heard, None) => {
                primary.put(at, Stroke { channel: RIGHT, piece: piece.narrow(), instead_of: None });
            }
            (Class::Heard, Some(track)) => {
                own.clear();
                track.read(at, piece.codes.len(), own);
                primary.put(at, Stroke { channel: RIGHT, piece: piece.narrow(), instead_of: Some(own) });
                track.put(at, piece);
            }
            (Class::Private, _) => {
                // As long as the call, whoever speaks.
                primary.extend(at.saturating_add(piece.codes.len() as u64));
                let name = TrackName { participant: *number, class };
                private.get_or_insert_with(|| Track::private(name, at, *coding, primary)).put(at, piece);
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
            person.heard = Some(Track::new(name, offset, person.coding, primary, start));
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
            coding: Coding::Unknown,
        }
    }

    /// Whether the citizen heard it at this frame.
    pub(super) fn class_at(&self, frame: u64) -> Class {
        let before = self.turns.iter().rev().find(|(from, _)| *from <= frame);
        before.or(self.turns.first()).map_or(Class::Heard, |(_, class)| *class)
    }
}

impl Coding {
    fn of(batch: &Batch) -> Option<Self> {
        let law = batch.heard.iter().find(|heard| heard.len > 0)?.law;
        Some(if batch.wide.is_empty() { Self::G711(law) } else { Self::Wide })
    }

    /// Where the recording is PCM its tracks are.
    const fn layout(self, recording: Layout) -> Layout {
        match (self, recording.format) {
            (Self::Wide, _) => Format::Pcm16.mono().at(WIDE_RATE),
            (Self::G711(Law::Mu), Format::Alaw | Format::Mulaw) => Format::Mulaw.mono(),
            (Self::Unknown | Self::G711(_), format) => format.mono(),
        }
    }
}

impl Track {
    /// With what memory holds of the right channel from frame `start` on.
    fn new(name: TrackName, offset: u64, coding: Coding, primary: &Reel, start: u64) -> Self {
        let layout = coding.layout(primary.files().layout());
        let narrow = (layout.rate == WIDE_RATE).then(|| Tape::new(Format::Alaw.mono()));
        let reel = primary.track(name, layout, RIGHT, start);
        Self { name, offset, reel, narrow, is_settled: coding != Coding::Unknown }
    }

    fn private(name: TrackName, at: u64, coding: Coding, primary: &Reel) -> Self {
        Self::new(name, at / MILLISECOND * MILLISECOND, coding, primary, u64::MAX)
    }

    /// The first packet tells what the track is made of.
    fn settle(&mut self, coding: Coding, primary: &Reel) {
        if !self.is_settled && coding != Coding::Unknown {
            *self = Self::new(self.name, self.offset, coding, primary, u64::MAX);
        }
    }

    /// Frames of the track in one of the call.
    pub(super) fn scale(&self) -> u64 {
        u64::from(self.reel.files().layout().rate / RATE)
    }

    fn put(&mut self, at: u64, piece: Lain<'_>) {
        let before = usize::try_from(self.offset.saturating_sub(at)).unwrap_or(usize::MAX);
        let within = at.max(self.offset) - self.offset;
        let stroke = |piece| Stroke { channel: 0, piece, instead_of: None };
        match &mut self.narrow {
            None => self.reel.put(within, stroke(piece.narrow()).split(before).1),
            Some(narrow) => {
                narrow.put(within, stroke(piece.narrow()).split(before).1);
                narrow.forget_old();
                let repeated: Vec<i16>;
                let wide = match piece.wide {
                    Some(wide) => wide,
                    // It has gone over to G.711 since.
                    None => {
                        let twice = |code: &u8| [piece.law.decode(*code); 2];
                        repeated = piece.codes.iter().flat_map(twice).collect();
                        &repeated
                    }
                };
                self.reel.put(2 * within, stroke(Piece::Linear(wide)).split(before.saturating_mul(2)).1);
            }
        }
    }

    /// Adds what it holds of so many frames of the call from `at` on.
    fn read(&self, at: u64, count: usize, into: &mut Vec<i16>) {
        let before = usize::try_from(self.offset.saturating_sub(at)).unwrap_or(usize::MAX).min(count);
        into.resize(into.len() + before, 0);
        let (within, count) = (at.max(self.offset) - self.offset, count - before);
        match &self.narrow {
            None => self.reel.read(within, count, into),
            Some(narrow) => narrow.read(within, count, into),
        }
    }

    fn extend(&mut self, end: u64) {
        self.reel.extend(end.saturating_sub(self.offset) * self.scale());
    }
}

/// Sound that has got its place.
#[derive(Clone, Copy)]
pub(super) struct Lain<'a> {
    codes: &'a [u8],
    law: Law,
    /// The same at 16 kHz, where it was spoken so.
    wide: Option<&'a [i16]>,
}

impl<'a> Lain<'a> {
    pub(super) const fn narrow(self) -> Piece<'a> {
        Piece::Codes(self.codes, self.law)
    }
}

/// Places the packets of a batch; calls `put` with the frame and the sound of each.
pub(super) fn lay_out(timeline: &mut Timeline, batch: &Batch, mut put: impl FnMut(u64, Lain<'_>)) {
    let (mut packet, mut payload) = (0, 0);
    timeline.place(&batch.heard, |placed| {
        for before in batch.heard.get(packet..placed.packet).unwrap_or_default() {
            payload += usize::from(before.len);
        }
        packet = placed.packet;
        let from = payload + placed.skip;
        let Some(codes) = batch.bytes.get(from..from + placed.len) else { return };
        let Some(law) = batch.heard.get(packet).map(|heard| heard.law) else { return };
        let wide = batch.wide.get(2 * from..2 * (from + placed.len));
        if let (Some(first), Some(lead)) = (codes.get(..1), placed.at.checked_sub(placed.lead as u64)) {
            for at in lead..placed.at {
                put(at, Lain { codes: first, law, wide: wide.and_then(|wide| wide.get(..2)) });
            }
        }
        put(placed.at, Lain { codes, law, wide });
    });
}
