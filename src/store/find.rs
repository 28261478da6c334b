//! How a recording of three years is found (R72): what can be asked, and what is known of each to answer it by.

use std::collections::BTreeSet;

use super::query::{Cursor, PageAsk, Recording, Span};
use super::wording::{Wanted, words};
use crate::archive::{Sealed, Verdict};
use crate::call::{CallId, DutyCall, Ended, OpenTicket, Role, SeatNo};
use crate::privacy::{Private, mask};
use crate::time::Wall;

/// Conditions all of which hold; what is empty asks nothing.
#[derive(Clone, Debug)]
pub struct FindQuery {
    /// Of the start of the recording.
    pub span: Span,
    pub call: Option<CallId>,
    /// A ticket's number or how it begins, up to the day at least. Calls to duty phones on its behalf are found too.
    pub ticket: Option<String>,
    pub number: Option<Digits>,
    pub code: Option<String>,
    /// Only those of calls of this centre, and of calls to duty phones for its tickets (R13).
    pub centre: Option<String>,
    pub seat: Option<SeatNo>,
    /// Code or name of a unit, expert, branch or emergency service.
    pub unit: Option<String>,
    /// Code or name of a leader who was on the line.
    pub leader: Option<String>,
    /// Number, code or name of anybody on the line but the citizen.
    pub party: Option<String>,
    pub verdict: Option<Verdict>,
    pub length: Length,
    /// Of the ticket.
    pub text: Option<Wanted>,
    /// Only those that are not as they were sealed.
    pub quarantined: bool,
    pub page: PageAsk,
}

impl Default for FindQuery {
    fn default() -> Self {
        Self {
            span: Span::ALL,
            call: None,
            ticket: None,
            number: None,
            code: None,
            centre: None,
            seat: None,
            unit: None,
            leader: None,
            party: None,
            verdict: None,
            length: Length::default(),
            text: None,
            quarantined: false,
            page: PageAsk::default(),
        }
    }
}

/// Whether a ticket's number begins so, up to its day at least: with less, it would be a year's tickets.
pub fn names_a_day(begin: &str) -> bool {
    let is_day = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit());
    begin.split('-').skip(1).any(is_day)
}

/// The citizen's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digits {
    /// As `rules::dialling::e164` writes it.
    Whole(Private<String>),
    /// How it ends.
    Last(Private<String>),
}

impl Digits {
    /// Fewer would be thousands of citizens.
    pub const FEWEST: usize = 4;
    /// Of a mobile, and of others with their area's code; fewer are the end of one.
    const WHOLE: usize = 11;

    /// Of what somebody typed, and the same as a whole number. None: too short, or no number.
    pub fn of(typed: &str, whole: impl FnOnce(&str) -> String) -> Option<Self> {
        let bare: String = typed.chars().filter(|sign| !matches!(sign, '-' | '.' | '(' | ')' | ' ')).collect();
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        if digits.len() < Self::FEWEST || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let is_whole = bare.starts_with('+') || digits.len() >= Self::WHOLE;
        Some(if is_whole { Self::Whole(Private::new(whole(&bare))) } else { Self::Last(Private::new(bare)) })
    }

    fn fits(&self, caller: &str) -> bool {
        match self {
            Self::Whole(number) => number.reveal() == caller,
            Self::Last(digits) => caller.ends_with(digits.reveal()),
        }
    }
}

/// Of the recording, milliseconds, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    pub least: Option<u64>,
    pub most: Option<u64>,
}

impl Length {
    pub fn holds(&self, ms: u64) -> bool {
        self.least.is_none_or(|least| ms >= least) && self.most.is_none_or(|most| ms <= most)
    }
}

/// A recording, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub recording: Recording,
    pub ticket: Option<String>,
    /// None where it was withheld.
    pub caller: Option<Private<String>>,
    pub code: Option<String>,
    pub centre: Option<String>,
    pub seat: Option<SeatNo>,
}

impl Found {
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { at: self.recording.sealed.started, call: self.recording.sealed.call }
    }
}

/// Where a recording stands in the order of all of them: by its start, then by its call as far as its last
/// hex digit tells.
pub(super) fn place(started: Wall, call: CallId) -> i64 {
    let last = i64::try_from(call.0 % PER_MS).unwrap_or(0);
    started.0.saturating_mul(PER_MS as i64).saturating_add(last)
}

pub(super) const PER_MS: u64 = 16;

/// What the tables know of a recording's call.
#[derive(Default)]
pub(super) struct Known<'a> {
    pub opened: Option<&'a OpenTicket>,
    pub ended: Option<&'a Ended>,
    /// It is a call to a duty phone; all else is then of the ticket for which that was made.
    pub duty: Option<&'a DutyCall>,
    pub ticket: Option<&'a str>,
    pub site: Option<&'a str>,
    pub text: Option<&'a str>,
}

/// What a recording is looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub call: CallId,
    pub ticket: Option<String>,
    pub caller: Option<Private<String>>,
    pub code: Option<String>,
    pub centre: Option<String>,
    pub seat: Option<SeatNo>,
    pub length_ms: u64,
    pub verdict: Verdict,
    /// Number, code or name of each, and what it was to the call.
    pub parties: BTreeSet<(String, &'static str)>,
    pub words: Vec<String>,
}

impl Finding {
    pub(super) fn of(sealed: &Sealed, known: &Known<'_>) -> Self {
        let opened = known.opened;
        let seat = match known.duty {
            Some(duty) => Some(&duty.seat),
            None => opened.map(|opened| &opened.seat).filter(|seat| !seat.0.is_empty()),
        };
        let mut parties = BTreeSet::new();
        let mut add = |role: Role, name: &str| {
            if role != Role::Citizen && !name.is_empty() {
                parties.insert((name.to_owned(), role_word(role)));
            }
        };
        seat.into_iter().for_each(|seat| add(Role::Seat, &seat.0));
        match known.duty {
            Some(duty) => [&duty.to, &duty.name].into_iter().for_each(|name| add(Role::Unit, name)),
            None => known.ended.into_iter().flat_map(|ended| &ended.participants).for_each(|who| {
                [&who.party.number, &who.party.name].into_iter().for_each(|name| add(who.party.role, name));
            }),
        }
        let text = [known.site, known.text].into_iter().flatten().flat_map(words).collect();
        Self {
            call: sealed.call,
            ticket: known.ticket.map(str::to_owned),
            caller: opened.and_then(|opened| opened.caller.key()).cloned(),
            code: opened.map(|opened| opened.original_code.clone()),
            centre: opened.map(|opened| opened.centre.clone()),
            seat: seat.cloned(),
            length_ms: sealed.duration_ms,
            verdict: sealed.verdict,
            parties,
            words: text,
        }
    }
}

impl FindQuery {
    /// Those who must have been on the line: by whichever of these words, in whichever of these roles.
    pub(super) fn parties(&self) -> Vec<Somebody> {
        let one = |who: &Option<String>, roles: &'static [Role]| {
            who.iter().map(|who| Somebody { words: vec![who.clone()], roles }).collect::<Vec<_>>()
        };
        let anybody = self.party.iter().map(|typed| {
            let mut words = vec![typed.clone()];
            // A telephone number that is in no directory was kept masked.
            if typed.len() >= 7 && typed.bytes().all(|byte| byte.is_ascii_digit()) {
                words.push(mask(typed));
            }
            Somebody { words, roles: &[] }
        });
        let seat = self.seat.as_ref().map(|seat| seat.0.clone());
        let mut all = one(&self.leader, &[Role::Leader]);
        all.extend(one(&self.unit, &[Role::Unit, Role::Expert, Role::Branch, Role::Platform]));
        all.extend(anybody);
        all.extend(one(&seat, &[Role::Seat]));
        all
    }

    /// All but time, page and quarantine, which a finding does not know.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        self.call.is_none_or(|call| call == finding.call)
            && self.ticket.as_ref().is_none_or(|begin| finding.ticket.as_ref().is_some_and(|it| it.starts_with(begin)))
            && self
                .number
                .as_ref()
                .is_none_or(|number| finding.caller.as_ref().is_some_and(|caller| number.fits(caller.reveal())))
            && same(&self.code, &finding.code)
            && same(&self.centre, &finding.centre)
            && self.parties().iter().all(|somebody| somebody.is_among(&finding.parties))
            && self.verdict.is_none_or(|verdict| verdict == finding.verdict)
            && self.length.holds(finding.length_ms)
            && self.text.as_ref().is_none_or(|text| text.is_in(&finding.words))
    }
}

/// One of those who were on the line.
pub(super) struct Somebody {
    pub words: Vec<String>,
    /// Empty: any.
    pub roles: &'static [Role],
}

impl Somebody {
    fn is_among(&self, parties: &BTreeSet<(String, &'static str)>) -> bool {
        let role_fits =
            |role: &str| self.roles.is_empty() || self.roles.iter().any(|wanted| role_word(*wanted) == role);
        parties.iter().any(|(who, role)| self.words.contains(who) && role_fits(role))
    }
}

/// As it stands in the tables and in JSON.
pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Citizen => "citizen",
        Role::Seat => "seat",
        Role::Expert => "expert",
        Role::Branch => "branch",
        Role::Leader => "leader",
        Role::Unit => "unit",
        Role::Platform => "platform",
    }
}
