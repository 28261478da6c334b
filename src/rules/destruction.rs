//! When a recording may be destroyed: never before its day, never under a hold, never by one person (R70).

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

/// Who wants a batch destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    pub proposed_by: String,
    pub approved_by: Vec<String>,
}

impl Approval {
    /// Two different people beside the one who proposed it.
    pub fn is_whole(&self) -> bool {
        self.people().len() >= 2
    }

    /// Whether this one's approval would count. Names differ by more than case and blanks.
    pub fn takes(&self, who: &str) -> bool {
        let who = plain(who);
        !who.is_empty() && who != plain(&self.proposed_by) && !self.people().contains(&who)
    }

    fn people(&self) -> BTreeSet<String> {
        let names = self.approved_by.iter().map(|name| plain(name));
        let proposer = plain(&self.proposed_by);
        names.filter(|name| !name.is_empty() && *name != proposer).collect()
    }
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}

/// How it stands with a recording, at the moment of its destruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// None: its ticket is not archived, and nobody knows the day.
    pub erasable_from: Option<Date>,
    /// Cases of the holds on it.
    pub holds: Vec<String>,
    /// Some manifest lists it.
    pub listed: bool,
    /// Its last check found it other than it was sealed.
    pub quarantined: bool,
    /// It is no more what was approved.
    pub changed: bool,
}

/// Why it stays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stays {
    NotApproved,
    NotBefore(String),
    TicketOpen,
    Held(String),
    NotListed,
    Quarantined,
    Changed,
    /// It is not where it should be, and no tombstone either.
    Missing,
    /// It is no more in the database.
    Unknown,
}

impl fmt::Display for Stays {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotApproved => to.write_str("two people have not approved it"),
            Self::NotBefore(day) => write!(to, "not before {day}"),
            Self::TicketOpen => to.write_str("its ticket is not archived"),
            Self::Held(case) => write!(to, "held for {case}"),
            Self::NotListed => to.write_str("no manifest lists it"),
            Self::Quarantined => to.write_str("it is not as it was sealed, which must be looked into"),
            Self::Changed => to.write_str("it is not the one that was approved"),
            Self::Missing => to.write_str("it is not where it should be"),
            Self::Unknown => to.write_str("the database does not know it"),
        }
    }
}

/// Leave to destroy one recording; made only by `judge`, asked for by whatever removes its files.
#[derive(Debug)]
pub struct Warrant(
    // Nobody else can make one.
    (),
);

/// `today` is a day that two sources of time agree on (`rules::watermark`).
pub fn judge(approval: &Approval, standing: &Standing, today: Date) -> Result<Warrant, Stays> {
    if !approval.is_whole() {
        return Err(Stays::NotApproved);
    }
    match stays(standing, today) {
        None => Ok(Warrant(())),
        Some(why) => Err(why),
    }
}

/// What keeps it here; None: it is due.
pub fn stays(standing: &Standing, today: Date) -> Option<Stays> {
    if let Some(case) = standing.holds.first() {
        return Some(Stays::Held(case.clone()));
    }
    match standing.erasable_from {
        None => return Some(Stays::TicketOpen),
        Some(day) if day > today => return Some(Stays::NotBefore(day.to_string())),
        Some(_) => {}
    }
    if standing.changed {
        Some(Stays::Changed)
    } else if standing.quarantined {
        Some(Stays::Quarantined)
    } else if !standing.listed {
        Some(Stays::NotListed)
    } else {
        None
    }
}
