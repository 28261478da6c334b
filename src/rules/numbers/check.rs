//! What a number table may not say (R2, R3, R5, R7).

use jiff::civil::Date;
use thiserror::Error;

use super::{Mode, NumberRow};

/// Art. 16: the numbers that were cancelled and merged whole. Art. 17: 已经取消的热线不再恢复.
pub const CANCELLED: [&str; 11] =
    ["12396", "12300", "12349", "12336", "12312", "12301", "96119", "12322", "12318", "12385", "12393"];

/// R7: the hotline must never swallow an emergency call.
pub const EMERGENCY: [&str; 4] = ["110", "119", "120", "122"];

/// A row that is refused, by its place in the table (0 is the first).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {reason}")]
pub struct RowFault {
    pub row: usize,
    pub code: String,
    pub reason: RowReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RowReason {
    #[error("a code is three to eleven digits")]
    BadCode,
    #[error("an emergency number is never an inbound code")]
    Emergency,
    #[error("duplicate code: another row holds on the same days")]
    Duplicate,
    #[error("an alias with two primaries, {0} and {1}")]
    TwoPrimaries(String, String),
    #[error("primary {} is not in the table{}", .0, on(*.1))]
    NoPrimary(String, Date),
    #[error("alias cycle through {0}")]
    Cycle(String),
    #[error("an alias of {0}, which is itself an alias: name its primary")]
    AliasOfAlias(String),
    #[error("a cancelled number does not come back as {0} (Art. 17); allow_revive = true overrides")]
    Revived(Mode),
    #[error("valid_from is after valid_to")]
    Backwards,
    #[error("mode own has no primary")]
    OwnWithPrimary,
    #[error("mode merged needs the code it is merged into as its primary, one of mode own")]
    MergedWhere,
    #[error("a merged number is treated as its primary: it has no skill of its own")]
    MergedWithSkill,
    #[error("a primary needs a skill")]
    NoSkill,
    #[error("mode transfer needs a skill, which answers where the target is not reached")]
    TransferWithoutSkill,
    #[error("only mode transfer has a target")]
    NeedlessTarget,
    #[error("greeting {0} is not a code of the table")]
    Greeting(String),
}

pub(super) fn faults(rows: &[NumberRow]) -> Vec<RowFault> {
    let mut found = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let mut refuse = |reason| found.push(RowFault { row: at, code: row.code.clone(), reason });
        alone(row, &mut refuse);
        if row.valid_from.zip(row.valid_to).is_some_and(|(from, to)| from > to) {
            refuse(RowReason::Backwards);
            continue;
        }
        beside(row, rows.get(..at).unwrap_or_default(), &mut refuse);
        revived(row, rows, &mut refuse);
        if let Some(greeting) = row.greeting.as_ref().filter(|code| !rows.iter().any(|row| row.code == **code)) {
            refuse(RowReason::Greeting(greeting.clone()));
        }
        if let Some(primary) = row.alias_of() {
            towards(row, primary, rows, &mut refuse);
        }
    }
    found
}

/// What a row can get wrong by itself.
fn alone(row: &NumberRow, refuse: &mut impl FnMut(RowReason)) {
    if EMERGENCY.contains(&row.code.as_str()) {
        refuse(RowReason::Emergency);
    } else if !(3..=11).contains(&row.code.len()) || !row.code.bytes().all(|byte| byte.is_ascii_digit()) {
        refuse(RowReason::BadCode);
    }
    match row.mode {
        Mode::Own if row.alias_of().is_some() => refuse(RowReason::OwnWithPrimary),
        Mode::Merged if row.alias_of().is_none() => refuse(RowReason::MergedWhere),
        Mode::Merged if row.skill.is_some() => refuse(RowReason::MergedWithSkill),
        Mode::Transfer if row.skill.is_none() => refuse(RowReason::TransferWithoutSkill),
        Mode::Own | Mode::Dual if row.alias_of().is_none() && row.skill.is_none() => refuse(RowReason::NoSkill),
        Mode::Own | Mode::Merged | Mode::Dual | Mode::Transfer => {}
    }
    if row.mode != Mode::Transfer && row.target.is_some() {
        refuse(RowReason::NeedlessTarget);
    }
}

/// Two rows of one code must not hold on the same day.
fn beside(row: &NumberRow, former: &[NumberRow], refuse: &mut impl FnMut(RowReason)) {
    for other in former.iter().filter(|other| other.code == row.code && first(other) <= last(row)) {
        if first(row) > last(other) {
            continue;
        }
        match (other.alias_of(), row.alias_of()) {
            (Some(one), Some(two)) if one != two => refuse(RowReason::TwoPrimaries(one.into(), two.into())),
            (Some(_) | None, Some(_) | None) => refuse(RowReason::Duplicate),
        }
    }
}

/// R3: neither a number of Art. 16 nor one that this table merged earlier comes back.
fn revived(row: &NumberRow, rows: &[NumberRow], refuse: &mut impl FnMut(RowReason)) {
    let merged_before =
        rows.iter().any(|other| other.code == row.code && other.mode == Mode::Merged && first(other) < first(row));
    let cancelled = merged_before || CANCELLED.contains(&row.code.as_str());
    if cancelled && row.mode != Mode::Merged && !row.allow_revive {
        refuse(RowReason::Revived(row.mode));
    }
}

/// A row without `valid_from` holds from the first day there is, which tells a reader nothing.
fn on(day: Date) -> String {
    if day == Date::MIN { String::new() } else { format!(" on {day}") }
}

/// An alias resolves in one step (R5), on every day on which it holds.
fn towards(row: &NumberRow, primary: &str, rows: &[NumberRow], refuse: &mut impl FnMut(RowReason)) {
    let mut day = first(row);
    loop {
        let Some(next) = rows.iter().find(|other| other.code == primary && other.holds_on(day)) else {
            return refuse(RowReason::NoPrimary(primary.into(), day));
        };
        if next.alias_of().is_some() {
            return refuse(match cycle(row, primary, rows) {
                true => RowReason::Cycle(primary.into()),
                false => RowReason::AliasOfAlias(primary.into()),
            });
        }
        if row.mode == Mode::Merged && next.mode != Mode::Own {
            return refuse(RowReason::MergedWhere);
        }
        match last(next).tomorrow() {
            Ok(tomorrow) if tomorrow <= last(row) => day = tomorrow,
            Ok(_) | Err(_) => return,
        }
    }
}

/// Whether following primaries from `primary` comes back to `row`; no longer than the table is.
fn cycle(row: &NumberRow, primary: &str, rows: &[NumberRow]) -> bool {
    let mut code = primary;
    for _ in rows {
        let Some(next) = rows.iter().find(|other| other.code == code).and_then(NumberRow::alias_of) else {
            return false;
        };
        if next == row.code {
            return true;
        }
        code = next;
    }
    false
}

fn first(row: &NumberRow) -> Date {
    row.valid_from.unwrap_or(Date::MIN)
}

fn last(row: &NumberRow) -> Date {
    row.valid_to.unwrap_or(Date::MAX)
}
