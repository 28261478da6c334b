//! What the archive decides about recordings: their class, holds, and the batches that are destroyed (R70).
//! Facts of the journal, and what the tables hold of them.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::archive::Sealed;
use crate::archive::shelf::Condition;
use crate::call::CallId;
use crate::privacy::Private;
use crate::rules::destruction::{Approval, Standing, Stays};
use crate::rules::retention::schedule::{About, Schedule, Term, Ticket, erasable_from};
use crate::time::Wall;
use crate::words::words;

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A recording was put into a class; None: taken out of it again.
    Classed {
        call: CallId,
        class: Option<String>,
        reason: String,
        by: String,
        at: Wall,
    },
    /// The matter of a ticket is over: the three years of its recordings begin (R69). The first one counts.
    Archived {
        ticket: String,
        by: String,
        at: Wall,
    },
    Held(Hold),
    Lifted {
        case: String,
        reason: String,
        by: String,
        at: Wall,
    },
    /// Lines of a batch that is about to be proposed.
    Lines {
        batch: String,
        lines: Vec<Line>,
    },
    Proposed(Box<Proposed>),
    /// It will not be destroyed: its recordings are free for another one.
    Withdrawn {
        batch: String,
        reason: String,
        by: String,
        at: Wall,
    },
    /// Of the list with this sum.
    Approved {
        batch: String,
        sha256: String,
        by: String,
        at: Wall,
    },
    /// It is being carried out, from here until `Done`.
    Begun {
        batch: String,
        by: String,
        at: Wall,
    },
    /// What became of some of its recordings.
    Carried {
        batch: String,
        outcomes: Vec<Outcome>,
    },
    /// All is carried out, and the record of it lies signed among the manifests.
    Done {
        batch: String,
        sha256: String,
        at: Wall,
    },
}

/// A hold on whatever it names, now and later, until its case is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub case: String,
    pub kind: SubjectKind,
    /// A call's id, a ticket's number, a citizen's number as the tables have it.
    pub subject: Private<String>,
    pub reason: String,
    pub by: String,
    pub at: Wall,
}

words! {
    pub enum SubjectKind {
        Call = "call",
        /// Every recording of the ticket.
        Ticket = "ticket",
        /// Every call of this number, later ones too.
        Number = "number",
    }
}

/// A recording on the list of a batch, as it stood when that was made. Its JSON is what is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub path: String,
    pub call: CallId,
    pub ticket: Option<String>,
    pub ended: Wall,
    pub bytes: u64,
    pub sha256: String,
    /// First local day on which it may be erased.
    pub keep_until: String,
    pub class: String,
    pub basis: String,
}

/// A list that was made, and is the same from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    pub batch: String,
    /// Due up to this day.
    pub day: String,
    /// Of the classes.
    pub schedule: String,
    pub recordings: usize,
    pub bytes: u64,
    /// Of the lines.
    pub sha256: String,
    pub by: String,
    pub at: Wall,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub path: String,
    pub at: Wall,
    /// None: destroyed.
    pub stays: Option<Stays>,
}

/// A hold with its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HoldRow {
    #[serde(flatten)]
    pub hold: Hold,
    pub lifted: Option<Lifted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    pub reason: String,
    pub by: String,
    pub at: Wall,
}

words! {
    pub enum State {
        Proposed = "proposed",
        Withdrawn = "withdrawn",
        /// It is being carried out.
        Begun = "begun",
        Done = "done",
    }
}

/// A batch as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Batch {
    #[serde(flatten)]
    pub proposed: Proposed,
    pub state: State,
    pub approvals: Vec<ApprovedBy>,
    pub begun_by: Option<String>,
    /// Of its recordings.
    pub destroyed: u64,
    pub kept: u64,
    /// SHA-256 of the signed record.
    pub record: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedBy {
    pub by: String,
    pub at: Wall,
}

impl Batch {
    pub fn approval(&self) -> Approval {
        Approval {
            proposed_by: self.proposed.by.clone(),
            approved_by: self.approvals.iter().map(|one| one.by.clone()).collect(),
        }
    }
}

/// Everything that decides about one recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub sealed: Sealed,
    pub condition: Option<Condition>,
    /// Some manifest lists it.
    pub listed: bool,
    pub ticket: Option<String>,
    pub archived: Option<Wall>,
    pub about: About,
    /// Cases that hold it.
    pub holds: Vec<String>,
    /// The batch that has it on its list, and is not withdrawn.
    pub batch: Option<String>,
    /// It was destroyed.
    pub destroyed: bool,
}

impl Kept {
    pub fn term<'a>(&self, schedule: &'a Schedule) -> Term<'a> {
        schedule.term(&self.about)
    }

    pub fn erasable_from(&self, schedule: &Schedule) -> Option<Date> {
        let ticket = match (&self.ticket, self.archived) {
            (None, _) => Ticket::None,
            (Some(_), None) => Ticket::Open,
            (Some(_), Some(at)) => Ticket::Archived(at),
        };
        erasable_from(self.term(schedule).months, self.sealed.ended, ticket)
    }

    /// `approved`: how it stood on the list, if it comes from one.
    pub fn standing(&self, schedule: &Schedule, approved: Option<&Line>) -> Standing {
        Standing {
            erasable_from: self.erasable_from(schedule),
            holds: self.holds.clone(),
            listed: self.listed,
            quarantined: self.condition.is_some_and(|condition| condition != Condition::Verified),
            changed: approved.is_some_and(|line| line.sha256 != self.sealed.sha256 || line.call != self.sealed.call),
        }
    }

    /// None: no day is known on which it may be erased.
    pub fn line(&self, schedule: &Schedule) -> Option<Line> {
        let term = self.term(schedule);
        Some(Line {
            path: self.sealed.path.display().to_string(),
            call: self.sealed.call,
            ticket: self.ticket.clone(),
            ended: self.sealed.ended,
            bytes: self.sealed.bytes,
            sha256: self.sealed.sha256.clone(),
            keep_until: self.erasable_from(schedule)?.to_string(),
            class: term.class.to_owned(),
            basis: term.basis.to_owned(),
        })
    }
}

/// A place in the list of what may be due: what was sealed with the earliest day first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub keep_until: String,
    pub path: String,
}
