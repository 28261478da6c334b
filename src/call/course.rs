//! The course of a call: who was on the line from when to when, and who spoke with whom (R15, R66,
//! rules.md §8). The ticket and the recording's side-car fold the same marks, so they say the same.

use super::mix_plan::LegFigures;
use super::{LeaderCall, LegId};
use crate::time::Wall;

/// A broken phone that holds and resumes without end fills neither ticket nor side-car.
const MOST_SEGMENTS: usize = 1_000;

/// What somebody on the line is to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Citizen,
    Seat,
    Expert,
    Branch,
    Leader,
    /// A responsible unit, by telephone.
    Unit,
    /// 110, 119 … (R29)
    Platform,
}

/// Somebody on the line.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Party {
    pub role: Role,
    /// Number of a seat; telephone number of anybody else, masked. Empty where it is withheld.
    #[serde(default)]
    pub number: String,
    pub name: String,
    /// None where it was read from disk: legs do not outlive the process.
    #[serde(skip)]
    pub leg: Option<LegId>,
}

/// Something that changes who speaks with whom, or how.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    Joined(Party),
    Left {
        party: Party,
        why: String,
    },
    /// This party holds the others.
    Held(Party),
    Resumed(Party),
    /// Its packets come from another address than before.
    Moved(Party),
    /// It is on the line and hears a briefing; `Joined` follows when it speaks with the others.
    Briefed(Party),
    /// It speaks with whoever holds the citizen, who does not hear it. `Joined` follows where it has just answered.
    Consulted(Party),
    /// A leader is rung in his session, or what came of it (R27).
    Led(LeaderCall),
}

/// What one party's leg received.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MediaFigures {
    /// Packets.
    pub received: u64,
    pub lost: u64,
    /// Interarrival jitter, milliseconds (RFC 3550 §6.4.1).
    pub jitter_ms: f32,
    pub source_changes: u32,
}

impl From<&LegFigures> for MediaFigures {
    fn from(leg: &LegFigures) -> Self {
        Self { received: leg.received, lost: leg.lost, jitter_ms: leg.jitter_ms, source_changes: leg.source_changes }
    }
}

/// One party's stay in a call (R15).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Participant {
    #[serde(flatten)]
    pub party: Party,
    pub joined: Wall,
    pub left: Option<Wall>,
    pub result: String,
    /// None where nothing was told of its media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFigures>,
}

/// What a stretch of a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The citizen is alone with us.
    Waiting,
    /// The citizen speaks with whoever else is there: one, or several (三方).
    Talk,
    /// Somebody holds, and nobody speaks.
    Hold,
    /// The others speak while the citizen is held; no part of what the citizen took part in (R66).
    Consult,
}

/// A stretch of a call in which the same parties spoke.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Segment {
    pub kind: Kind,
    /// Those who speak or are held; in a consultation those who speak.
    pub parties: Vec<Party>,
    pub from: Wall,
    /// None while it goes on.
    pub to: Option<Wall>,
}

/// Participants and segments in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Course {
    participants: Vec<Participant>,
    segments: Vec<Segment>,
    holders: Vec<Party>,
    /// On the line, and not yet among those who speak.
    briefed: Vec<Party>,
    /// Who speak with a holder instead of the citizen.
    consulted: Vec<Party>,
}

impl Course {
    pub fn mark(&mut self, at: Wall, mark: &Mark) {
        match mark {
            Mark::Joined(party) if self.briefed.contains(party) => self.briefed.retain(|other| other != party),
            Mark::Joined(party) => self.comes(at, party),
            Mark::Briefed(party) => {
                self.briefed.push(party.clone());
                self.comes(at, party);
            }
            Mark::Left { party, why } => {
                self.briefed.retain(|other| other != party);
                self.holds_no_more(party);
                let stays = |who: &&mut Participant| who.left.is_none() && who.party == *party;
                if let Some(who) = self.participants.iter_mut().rfind(stays) {
                    who.left = Some(at);
                    why.clone_into(&mut who.result);
                }
            }
            Mark::Held(party) if !self.holders.contains(party) => self.holders.push(party.clone()),
            Mark::Resumed(party) => self.holds_no_more(party),
            Mark::Consulted(party) if self.is_held() => self.consulted.push(party.clone()),
            Mark::Held(_) | Mark::Consulted(_) | Mark::Moved(_) | Mark::Led(_) => {}
        }
        let (kind, parties) = self.doing();
        if self.segments.last().is_none_or(|last| (last.kind, &last.parties) != (kind, &parties)) {
            self.close_segment(at);
            if self.segments.len() < MOST_SEGMENTS {
                self.segments.push(Segment { kind, parties, from: at, to: None });
            }
        }
    }

    /// Whom it consulted is with all the others, or gone too.
    fn holds_no_more(&mut self, party: &Party) {
        self.holders.retain(|holder| holder != party);
        if !self.is_held() {
            self.consulted.clear();
        }
    }

    /// Somebody holds the citizen.
    fn is_held(&self) -> bool {
        self.holders.iter().any(|holder| holder.role != Role::Citizen)
    }

    fn comes(&mut self, at: Wall, party: &Party) {
        let (party, result) = (party.clone(), "joined".to_owned());
        self.participants.push(Participant { party, joined: at, left: None, result, media: None });
    }

    /// The newest figures of a party that is on the line.
    pub fn figures(&mut self, leg: LegId, media: MediaFigures) {
        if let Some(who) = self.participants.iter_mut().rfind(|who| who.party.leg == Some(leg)) {
            who.media = Some(media);
        }
    }

    /// The call is over: whoever is still there leaves.
    pub fn end(&mut self, at: Wall, why: &str) {
        for who in self.participants.iter_mut().filter(|who| who.left.is_none()) {
            who.left = Some(at);
            why.clone_into(&mut who.result);
        }
        self.close_segment(at);
    }

    /// Who is on the line by this leg.
    pub fn party(&self, leg: LegId) -> Option<&Party> {
        let here = |who: &&Participant| who.left.is_none() && who.party.leg == Some(leg);
        self.participants.iter().rfind(here).map(|who| &who.party)
    }

    pub fn participants(&self) -> &[Participant] {
        &self.participants
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub fn into_parts(self) -> (Vec<Participant>, Vec<Segment>) {
        (self.participants, self.segments)
    }

    fn doing(&self) -> (Kind, Vec<Party>) {
        let speaks = |who: &&Participant| who.left.is_none() && !self.briefed.contains(&who.party);
        let mut parties: Vec<Party> = Vec::new();
        for Participant { party, .. } in self.participants.iter().filter(speaks) {
            // A seat on two lines is one party.
            let is_known = |known: &Party| known.role == Role::Seat && known.number == party.number;
            if party.role != Role::Seat || !parties.iter().any(is_known) {
                parties.push(party.clone());
            }
        }
        // Others go on with the citizen while a seat holds, or consults beside them.
        let with_citizen = |party: &Party| !self.holders.contains(party) && !self.consulted.contains(party);
        let citizen_holds = self.holders.iter().any(|holder| holder.role == Role::Citizen);
        if !citizen_holds && parties.iter().any(|party| party.role != Role::Citizen && with_citizen(party)) {
            parties.retain(with_citizen);
            return (Kind::Talk, parties);
        }
        let held = !self.holders.is_empty();
        let kind = match parties.iter().filter(|party| party.role != Role::Citizen).count() {
            0 => Kind::Waiting,
            1 if held => Kind::Hold,
            _ if held => Kind::Consult,
            _ => Kind::Talk,
        };
        parties.retain(|party| kind != Kind::Consult || party.role != Role::Citizen);
        (kind, parties)
    }

    /// What took no time is left out.
    fn close_segment(&mut self, at: Wall) {
        if let Some(last) = self.segments.last_mut().filter(|last| last.to.is_none()) {
            last.to = Some(at);
            if last.from == at {
                self.segments.pop();
            }
        }
    }
}
