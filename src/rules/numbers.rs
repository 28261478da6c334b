//! The 28 hotline numbers (R1–R7): which code a caller meant, whatever form the carrier sent, and
//! where that code leads on a given day.

pub mod check;
pub mod form;
pub mod merged;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use thiserror::Error;

use super::language;
pub use check::{CANCELLED, EMERGENCY, RowFault, RowReason};
pub use form::AreaCode;
pub use merged::Merged;

/// What the INVITE said about the number that was dialled, and in which language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialled {
    /// Request-URI and To as they arrived.
    pub request_uri: String,
    pub to: String,
    /// User parts of History-Info, oldest first, then of Diversion, newest first.
    pub history: Vec<String>,
    pub diversion: Vec<String>,
    /// `Accept-Language` as it came; empty where there was none.
    pub accept_language: String,
}

/// How a code belongs to the hotline (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// 12345 itself.
    Own,
    /// 整体并入, Art. 16: the public number is cancelled; what still arrives is treated as 12345.
    Merged,
    /// 双号并行, Art. 17: the number stays, its calls go to the hotline's seats.
    Dual,
    /// Passed on to a service of its own (R6, R14); `skill` answers where that is not reached.
    Transfer,
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Own => "own",
            Self::Merged => "merged",
            Self::Dual => "dual",
            Self::Transfer => "transfer",
        })
    }
}

/// One row of the number table: a code, and what it means from one day to another (R2, R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRow {
    pub code: String,
    pub mode: Mode,
    /// The code that this one is an alias of; None for a primary.
    pub primary: Option<String>,
    /// What the number is for, shown on the seat's phone.
    pub label: String,
    /// Skill group; an alias may leave it to its primary. Of a transfer row: who answers instead.
    pub skill: Option<String>,
    /// Code whose greeting is played; an alias leaves it to its primary, None is the general one.
    pub greeting: Option<String>,
    /// Where a transfer row leads: an entry of the directory, by its code. None: to its skill alone.
    pub target: Option<String>,
    /// First day on which the row holds; None: since ever.
    pub valid_from: Option<Date>,
    /// Last day on which it holds; None: for good.
    pub valid_to: Option<Date>,
    /// R3: the owner insists on bringing a cancelled number back.
    pub allow_revive: bool,
}

impl NumberRow {
    pub fn holds_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }

    /// The code this row is an alias of, if it is one.
    pub fn alias_of(&self) -> Option<&str> {
        self.primary.as_deref().filter(|primary| *primary != self.code)
    }
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Route {
    /// The code that was dialled; reports show it beside the primary (R5).
    pub original_code: String,
    pub hotline_primary: String,
    pub mode: Mode,
    pub skill: String,
    pub label: String,
    /// Code whose greeting is played; None: the general one.
    pub greeting: Option<String>,
    /// Of `Mode::Transfer`: whom the call is passed on to, by the code in the directory.
    pub target: Option<String>,
    /// What the caller speaks, where pilot, trunk or INVITE say it: `en`, `zh-hant`.
    pub language: Option<String>,
    /// The reasons, one step a line.
    pub why: Vec<String>,
}

impl Route {
    /// The group that speaks the caller's language answers in place of the code's (R10); `group` finds it by
    /// its language.
    pub fn spoken(mut self, group: impl Fn(&str) -> Option<String>) -> Self {
        let Some(language) = self.language.clone() else { return self };
        if let Some(skill) = language::fallbacks(&language).find_map(group) {
            self.why.push(format!("the caller speaks {language}: skill {skill} in place of {}", self.skill));
            self.skill = skill;
        }
        self
    }
}

/// What a trunk's configuration says about the numbers it delivers (R1).
#[derive(Clone, Copy, Debug, Default)]
pub struct TrunkNumbers<'a> {
    pub pilots: &'a [String],
    pub default_code: Option<&'a str>,
    pub strip_prefix: Option<&'a str>,
    /// What whoever calls speaks, by the pilot that he dialled; and whoever dialled another number.
    pub pilot_languages: &'a [(String, String)],
    pub language: Option<&'a str>,
}

/// No such hotline number (R7): 404, a call-attempt record, no ticket. `why` names no number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a hotline number: {}", why.join("; "))]
pub struct UnknownNumber {
    pub why: Vec<String>,
}

/// The checked number table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberPlan {
    area: AreaCode,
    /// Rows of one code hold on different days.
    rows: BTreeMap<String, Vec<NumberRow>>,
}

impl NumberPlan {
    /// Checks the rows (R2, R3, R5, R7); every fault names its row by its place in `rows`.
    pub fn new(rows: Vec<NumberRow>, area: AreaCode) -> Result<Self, Vec<RowFault>> {
        let faults = check::faults(&rows);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut by_code: BTreeMap<String, Vec<NumberRow>> = BTreeMap::new();
        for row in rows {
            by_code.entry(row.code.clone()).or_default().push(row);
        }
        Ok(Self { area, rows: by_code })
    }

    /// What becomes of a call that dialled this on this local day, and what its caller speaks.
    pub fn route(&self, dialled: &Dialled, trunk: &TrunkNumbers<'_>, on: Date) -> Result<Route, UnknownNumber> {
        let language = self.language(dialled, trunk);
        self.destination(dialled, trunk, on).map(|route| Route { language, ..route })
    }

    /// The owner's word goes before that of the caller's phone.
    fn language(&self, dialled: &Dialled, trunk: &TrunkNumbers<'_>) -> Option<String> {
        let is_dialled = |pilot: &str| self.is_pilot(&dialled.request_uri, pilot, trunk.strip_prefix);
        let by_pilot = trunk.pilot_languages.iter().find(|(pilot, _)| is_dialled(pilot)).map(|(_, tag)| tag.as_str());
        let told = by_pilot.or(trunk.language).map(str::to_owned);
        told.or_else(|| language::preferred(&dialled.accept_language))
    }

    /// The Request-URI decides; only a
    /// pilot number looks further: oldest History-Info, oldest Diversion, To, the trunk's default (R1).
    fn destination(&self, dialled: &Dialled, trunk: &TrunkNumbers<'_>, on: Date) -> Result<Route, UnknownNumber> {
        let read = |text: &str| self.read(text, trunk.strip_prefix, on);
        if let Some(row) = read(&dialled.request_uri) {
            return Ok(self.resolve(row, on, vec![format!("Request-URI reads {}", row.code)]));
        }
        if !trunk.pilots.iter().any(|pilot| self.is_pilot(&dialled.request_uri, pilot, trunk.strip_prefix)) {
            return Err(UnknownNumber {
                why: vec!["the Request-URI is neither a code nor a pilot of the trunk".into()],
            });
        }
        let pilot = || "Request-URI is a pilot of the trunk".to_owned();
        let history = dialled.history.iter().map(|user| ("History-Info", user));
        let diversion = dialled.diversion.iter().rev().map(|user| ("Diversion", user));
        for (header, text) in history.chain(diversion).chain([("To", &dialled.to)]) {
            if let Some(row) = read(text) {
                return Ok(self.resolve(row, on, vec![pilot(), format!("{header} reads {}", row.code)]));
            }
        }
        let Some(code) = trunk.default_code else {
            let nowhere = "no code in History-Info, Diversion or To, and the trunk has no default_code";
            return Err(UnknownNumber { why: vec![pilot(), nowhere.into()] });
        };
        match self.row(code, on) {
            Some(row) => Ok(self.resolve(row, on, vec![pilot(), format!("the trunk's default_code is {code}")])),
            None => Err(UnknownNumber { why: vec![pilot(), format!("default_code {code} is not valid on {on}")] }),
        }
    }

    /// The row of a code on a day.
    pub fn row(&self, code: &str, on: Date) -> Option<&NumberRow> {
        self.rows.get(code)?.iter().find(|row| row.holds_on(on))
    }

    /// Every row, by code.
    pub fn rows(&self) -> impl Iterator<Item = &NumberRow> {
        self.rows.values().flatten()
    }

    pub fn area(&self) -> &AreaCode {
        &self.area
    }

    fn read(&self, text: &str, strip_prefix: Option<&str>, on: Date) -> Option<&NumberRow> {
        form::readings(text, &self.area, strip_prefix).iter().find_map(|code| self.row(code, on))
    }

    /// A pilot is compared in its local form, so that the table may write it in any of the carrier's
    /// forms; a pilot that is a name (a registered Contact) is compared as text.
    fn is_pilot(&self, text: &str, pilot: &str, strip_prefix: Option<&str>) -> bool {
        let dialled = form::readings(text, &self.area, strip_prefix);
        form::user(text).as_deref() == Some(pilot)
            || form::readings(pilot, &self.area, None).iter().any(|reading| dialled.contains(reading))
    }

    fn resolve(&self, row: &NumberRow, on: Date, mut why: Vec<String>) -> Route {
        if row.valid_from.is_some() || row.valid_to.is_some() {
            let day = |day: Option<Date>| day.map_or("…".to_owned(), |day| day.to_string());
            why.push(format!("the row of {} for {} – {}", row.code, day(row.valid_from), day(row.valid_to)));
        }
        // `check` has seen that a primary holds on every day on which its alias does.
        let primary = row.alias_of().and_then(|primary| self.row(primary, on)).unwrap_or(row);
        if primary.code != row.code {
            let kind = match row.mode {
                Mode::Merged => "merged into",
                Mode::Own | Mode::Dual | Mode::Transfer => "an alias of",
            };
            why.push(format!("{} is {kind} {}", row.code, primary.code));
        }
        let skill = row.skill.as_ref().or(primary.skill.as_ref()).cloned().unwrap_or_default();
        match (row.mode, &row.target) {
            (Mode::Transfer, Some(to)) => {
                why.push(format!("passed on to {to}; where that is not reached skill {skill} answers"))
            }
            (Mode::Transfer, None) => why.push(format!("no target is named: skill {skill} answers")),
            (Mode::Own | Mode::Merged | Mode::Dual, _) => {}
        }
        Route {
            original_code: row.code.clone(),
            hotline_primary: primary.code.clone(),
            mode: row.mode,
            skill,
            label: row.label.clone(),
            greeting: row.greeting.as_ref().or(primary.greeting.as_ref()).cloned(),
            target: row.target.clone(),
            language: None,
            why,
        }
    }
}
