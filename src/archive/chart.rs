//! The course of a recorded call as a player draws it: all times in milliseconds of the recording.

use super::names::Class;
use super::sidecar::{GapLine, Mark, SideCar, What};
use crate::call::{self, CallId, Kind, Party, Role};
use crate::time::Wall;

/// What somebody may see of it (R101).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// When and by whom was spoken what the citizen did not hear.
    pub private: bool,
    /// Which leader was on the line.
    pub leader: bool,
}

/// From the side-car alone.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Chart {
    pub call: CallId,
    pub started: Wall,
    pub duration_ms: u64,
    /// In the order of the side-car, which the channels of an export have too.
    pub participants: Vec<Stay>,
    /// Without a hole from the first join on.
    pub stretches: Vec<Stretch>,
    pub marks: Vec<Mark>,
    pub gaps: Vec<GapLine>,
    /// Tracks of what the citizen did not hear.
    pub private: Vec<Private>,
    /// `private`, `leader`: what there is and is not shown, for want of that right.
    pub left_out: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Stay {
    /// From 1.
    pub participant: usize,
    #[serde(flatten)]
    pub party: Party,
    pub from_ms: u64,
    pub to_ms: u64,
    pub result: String,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Stretch {
    pub kind: Kind,
    pub parties: Vec<Party>,
    pub from_ms: u64,
    pub to_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Private {
    pub participant: usize,
    pub from_ms: u64,
    pub to_ms: u64,
}

impl Chart {
    pub fn of(side_car: &SideCar, sight: Sight) -> Self {
        let duration_ms = side_car.seal.as_ref().map_or(0, |seal| seal.duration_ms);
        let at = |wall: Wall| u64::try_from(wall.0.saturating_sub(side_car.started.0)).unwrap_or(0).min(duration_ms);
        let until = |end: Option<Wall>| end.map_or(duration_ms, at);
        let shown = |party: &Party| match party.role {
            Role::Leader if !sight.leader => Party { number: String::new(), name: String::new(), ..party.clone() },
            _ => party.clone(),
        };
        let stays = side_car.participants.iter().zip(1..).map(|(who, participant)| Stay {
            participant,
            party: shown(&who.party),
            from_ms: at(who.joined),
            to_ms: until(who.left),
            result: who.result.clone(),
        });
        let stretches = side_car.segments.iter().map(|segment| {
            let hidden = segment.kind == Kind::Consult && !sight.private;
            let parties = if hidden { Vec::new() } else { segment.parties.iter().map(shown).collect() };
            Stretch { kind: segment.kind, parties, from_ms: at(segment.from), to_ms: until(segment.to) }
        });
        let marks = side_car.marks.iter().filter(|mark| is_seen(&mark.what, sight));
        let tracks = side_car.tracks.iter().filter(|line| line.class == Class::Private);
        let has_private = tracks.clone().next().is_some();
        let private = tracks.filter(|_| sight.private).map(|line| Private {
            participant: line.participant,
            from_ms: line.offset_ms,
            to_ms: line.offset_ms.saturating_add(line.length_ms),
        });
        let without = [("private", has_private && !sight.private), ("leader", side_car.leader && !sight.leader)];
        Self {
            call: side_car.call,
            started: side_car.started,
            duration_ms,
            participants: stays.collect(),
            stretches: stretches.collect(),
            marks: marks.map(|mark| Mark { at_ms: mark.at_ms, what: shown_mark(&mark.what, shown) }).collect(),
            gaps: side_car.gaps.iter().filter(|gap| sight.private || !gap.private).cloned().collect(),
            private: private.collect(),
            left_out: without.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect(),
        }
    }
}

/// A briefing and a consultation the citizen does not hear.
fn is_seen(what: &What, sight: Sight) -> bool {
    match what {
        What::Call(call::Mark::Briefed(_) | call::Mark::Consulted(_)) => sight.private,
        What::Call(call::Mark::Led(_)) => sight.leader,
        What::Call(_) | What::Recorder(_) | What::Text(_) => true,
    }
}

fn shown_mark(what: &What, shown: impl Fn(&Party) -> Party) -> What {
    use call::Mark::{Briefed, Consulted, Held, Joined, Led, Left, Moved, Resumed};
    let What::Call(mark) = what else { return what.clone() };
    What::Call(match mark {
        Joined(party) => Joined(shown(party)),
        Left { party, why } => Left { party: shown(party), why: why.clone() },
        Held(party) => Held(shown(party)),
        Resumed(party) => Resumed(shown(party)),
        Moved(party) => Moved(shown(party)),
        Briefed(party) => Briefed(shown(party)),
        Consulted(party) => Consulted(shown(party)),
        Led(call) => Led(call.clone()),
    })
}
