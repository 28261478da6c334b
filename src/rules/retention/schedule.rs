//! Retention classes: 法律法规另有规定的，从其规定 (Art. 11(9), R70). A class keeps longer than three years; or
//! shorter, where a statute is cited and two people have approved it.

use jiff::civil::Date;

use super::{THREE_YEARS, anchor, last_kept_day_of, local_day};
use crate::rules::ticket::Type;
use crate::time::Wall;

/// What everything belongs to that no class claims.
pub const ORDINARY: &str = "ordinary";
const ORDINARY_BASIS: &str = "景府办发〔2022〕7号 第十一条（九）";

/// `[[class]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub id: String,
    pub label: String,
    pub months: u32,
    /// The law or rule that asks for it.
    pub basis: String,
    /// The statute that allows less than three years.
    pub statute: Option<String>,
    /// Who has approved that.
    pub approved_by: Vec<String>,
    /// Hotline codes that were dialled.
    pub codes: Vec<String>,
    /// Types of the ticket.
    pub types: Vec<Type>,
}

impl Class {
    /// Why it may not shorten; None: it may, or does not.
    pub fn fault(&self) -> Option<&'static str> {
        let mut people = self.approved_by.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let first = people.next();
        if self.months >= THREE_YEARS {
            None
        } else if self.statute.as_ref().is_none_or(|statute| statute.trim().is_empty()) {
            Some("less than three years needs the statute that allows it")
        } else if !people.any(|name| Some(name) != first) {
            Some("less than three years needs the names of two people in approved_by")
        } else {
            None
        }
    }

    /// How long it keeps, whatever was written into it.
    fn term(&self) -> u32 {
        if self.fault().is_some() { THREE_YEARS } else { self.months }
    }

    fn claims(&self, about: &About) -> bool {
        let code = about.code.as_ref().is_some_and(|code| self.codes.contains(code));
        let kind = about.kind.as_deref().and_then(Type::parse).is_some_and(|kind| self.types.contains(&kind));
        code || kind || about.class.as_ref() == Some(&self.id)
    }
}

/// All classes, as of a version of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    pub version: String,
    pub classes: Vec<Class>,
}

/// What decides about a recording's class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Hotline code that was dialled.
    pub code: Option<String>,
    /// The ticket's type.
    pub kind: Option<String>,
    /// Assigned by the archivist.
    pub class: Option<String>,
}

/// How long, and by which class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    pub months: u32,
    pub class: &'a str,
    pub basis: &'a str,
}

/// The ticket that a recording belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// None was ever made.
    None,
    /// The three years have not begun to run (R69).
    Open,
    Archived(Wall),
}

impl Schedule {
    pub fn class(&self, id: &str) -> Option<&Class> {
        self.classes.iter().find(|class| class.id == id)
    }

    /// Of several classes the longest counts. A class that was assigned and is no more in the file keeps
    /// for ever: nobody knows what it asked for.
    pub fn term(&self, about: &About) -> Term<'_> {
        if about.class.as_deref().is_some_and(|id| id != ORDINARY && self.class(id).is_none()) {
            return Term { months: u32::MAX, class: "unknown", basis: "assigned to a class that is no more" };
        }
        let mut claims: Vec<Term<'_>> = self.classes.iter().filter(|class| class.claims(about)).map(term_of).collect();
        let asked_for = about.class.as_deref() == Some(ORDINARY);
        if claims.is_empty() || asked_for {
            claims.push(Term { months: THREE_YEARS, class: ORDINARY, basis: ORDINARY_BASIS });
        }
        let longest = claims.into_iter().reduce(|one, other| if other.months > one.months { other } else { one });
        longest.unwrap_or(Term { months: u32::MAX, class: ORDINARY, basis: ORDINARY_BASIS })
    }

    /// The shortest that any class keeps.
    pub fn shortest(&self) -> u32 {
        self.classes.iter().map(Class::term).fold(THREE_YEARS, u32::min)
    }
}

fn term_of(class: &Class) -> Term<'_> {
    let months = class.term();
    let basis = class.statute.as_deref().filter(|_| months < THREE_YEARS).unwrap_or(&class.basis);
    Term { months, class: &class.id, basis }
}

/// First local day on which it may be erased, holds aside. None: its ticket is not archived.
pub fn erasable_from(months: u32, ended: Wall, ticket: Ticket) -> Option<Date> {
    let archived = match ticket {
        Ticket::None => None,
        Ticket::Open => return None,
        Ticket::Archived(at) => Some(at),
    };
    let last = last_kept_day_of(local_day(anchor(ended, archived)), months);
    Some(last.tomorrow().unwrap_or(Date::MAX))
}
