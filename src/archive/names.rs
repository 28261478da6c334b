//! Names of the files in a call's folder: the primary file `call.wav`, tracks of single persons
//! `p3.wav` and `p3-private.wav`, and their further parts `call-2.wav`, `p3-2.wav` …; where they are
//! encrypted, `.enc` behind it.

use std::fmt;

/// At the end of the name of an encrypted file.
pub const ENCRYPTED: &str = ".enc";

/// What a track of one person holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// What the person said while the citizen heard it.
    Heard,
    /// What it said while the citizen did not: consultation, whisper, briefing.
    Private,
}

/// The track of one person: its place in the side-car's `participants`, from 1, and the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackName {
    pub participant: usize,
    pub class: Class,
}

/// One file. In the order of the seal: the primary file first, then persons, then parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartName {
    /// None: the primary file.
    pub track: Option<TrackName>,
    /// From 0.
    pub index: usize,
    /// `call.wav.enc`: its pages are encrypted.
    pub is_encrypted: bool,
}

impl PartName {
    pub const fn is_primary(self) -> bool {
        self.track.is_none()
    }

    /// The name of a file, sealed or not; None for any other file.
    pub fn parse(name: &str) -> Option<Self> {
        let sealed = name.strip_suffix(".part").unwrap_or(name);
        let is_encrypted = sealed.ends_with(ENCRYPTED);
        let stem = sealed.strip_suffix(ENCRYPTED).unwrap_or(sealed).strip_suffix(".wav")?;
        let (track, rest) = match stem.strip_prefix("call") {
            Some(rest) => (None, rest),
            None => {
                let stem = stem.strip_prefix('p')?;
                let digits = stem.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(stem.len());
                let (participant, rest) = stem.split_at_checked(digits)?;
                let participant = participant.parse().ok().filter(|number| *number > 0)?;
                match rest.strip_prefix("-private") {
                    Some(rest) => (Some(TrackName { participant, class: Class::Private }), rest),
                    None => (Some(TrackName { participant, class: Class::Heard }), rest),
                }
            }
        };
        let index = match rest {
            "" => 0,
            number => number.strip_prefix('-')?.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index > 0)?,
        };
        // No other spelling of the same.
        Some(Self { track, index, is_encrypted }).filter(|part| part.to_string() == sealed)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.track {
            None => to.write_str("call")?,
            Some(TrackName { participant, class: Class::Heard }) => write!(to, "p{participant}")?,
            Some(TrackName { participant, class: Class::Private }) => write!(to, "p{participant}-private")?,
        }
        match self.index {
            0 => to.write_str(".wav")?,
            index => write!(to, "-{}.wav", index.saturating_add(1))?,
        }
        to.write_str(if self.is_encrypted { ENCRYPTED } else { "" })
    }
}
