//! The chain of manifests as values: which day is due, and where a chain is broken.
//!
//! A clock that was ahead has made manifests for days to come. They stay, and hinder nobody: the chain
//! goes by its numbers, a day may have further manifests (`2026-11-25-2.jsonl`), and what such a day lists
//! no other lists again.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

use super::{Head, Link, day_of};

/// `2026-11-24`, or `2026-11-24-2` for the second of a day. Names the file `<name>.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub day: Date,
    /// From 1.
    pub part: u32,
}

impl Name {
    /// None for any other spelling.
    pub fn parse(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(".jsonl")?;
        let (day, rest) = stem.split_at_checked(10)?;
        let part = match rest {
            "" => 1,
            rest => rest.strip_prefix('-')?.parse().ok().filter(|part| *part > 1)?,
        };
        Some(Self { day: day_of(day)?, part }).filter(|name| name.to_string() == stem)
    }

    /// `2026/2026-11-24.jsonl`, below `manifests/`.
    pub fn file(self) -> String {
        format!("{:04}/{self}.jsonl", self.day.year())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            1 => write!(to, "{}", self.day),
            part => write!(to, "{}-{part}", self.day),
        }
    }
}

/// The last manifest of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    pub name: Name,
    pub link: Link,
    /// Its day has more recordings than it lists.
    pub more: bool,
}

/// The day whose manifest is to be made now, if any: each day that has ended gets one, in their order.
/// `today` is the local day of a moment before now by the grace that seals are given.
///
/// A last manifest of today or later was made by a clock that was ahead: yesterday gets another one.
pub fn due(last: Option<&Last>, today: Date) -> Option<Date> {
    let yesterday = today.yesterday().ok()?;
    match last {
        None => Some(yesterday),
        Some(last) if last.link.day >= today => Some(yesterday),
        Some(last) if last.more => Some(last.link.day),
        Some(last) => last.link.day.tomorrow().ok().filter(|next| *next <= yesterday),
    }
}

/// What a verifier has found of one manifest.
#[derive(Clone, Debug)]
pub struct Found {
    pub name: Name,
    pub sha256: String,
    pub head: Head,
}

/// A break in the chain: the manifest that it is about, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    pub name: Name,
    /// It should be there and is not.
    pub missing: bool,
    pub why: String,
}

/// In the order of their numbers.
pub fn sort(found: &mut [Found]) {
    found.sort_by_key(|one| (one.head.number, one.name));
}

/// Every break of a sorted chain.
pub fn breaks(found: &[Found]) -> Vec<Break> {
    let mut all = Vec::new();
    let mut told = BTreeSet::new();
    let mut tell = |name: Name, missing: bool, why: String| {
        if told.insert((name, missing)) {
            all.push(Break { name, missing, why });
        }
    };
    let mut before: Option<&Found> = None;
    for one in found {
        if one.head.day != one.name.day {
            tell(one.name, false, format!("it is the manifest of {}", one.head.day));
        }
        let stands = before.map(|before| Link {
            number: before.head.number,
            day: before.head.day,
            sha256: before.sha256.clone(),
        });
        match (&one.head.previous, stands) {
            (None, None) if one.head.number == 1 => {}
            (Some(said), Some(stands)) if *said == stands && said.number.checked_add(1) == Some(one.head.number) => {}
            (Some(said), Some(stands)) if said.number == stands.number => {
                let name = before.map_or(one.name, |before| before.name);
                tell(name, false, format!("it is not the one that {} follows", one.name));
            }
            (Some(said), _) => {
                tell(
                    Name { day: said.day, part: 1 },
                    true,
                    format!("number {}, which {} follows", said.number, one.name),
                );
            }
            (None, _) => tell(one.name, false, "it claims to be the first of the chain".to_owned()),
        }
        before = Some(one);
    }
    let days: BTreeSet<Date> = found.iter().map(|one| one.name.day).collect();
    for (day, next) in days.iter().zip(days.iter().skip(1)) {
        let hole = day.tomorrow().ok().filter(|hole| hole < next);
        if let Some(hole) = hole {
            let last = next.yesterday().unwrap_or(hole);
            let until = if last == hole { String::new() } else { format!(" until {last}") };
            tell(Name { day: hole, part: 1 }, true, format!("no manifest of this day{until}"));
        }
    }
    all
}
