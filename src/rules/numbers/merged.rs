//! Numbers that have been merged: what is cancelled once does not come back (已经取消的热线不再恢复, Art. 17), whatever
//! the table says later. R3.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Mode, NumberPlan, NumberRow};

/// Each code that a table in force has merged, with its first day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(pub BTreeMap<String, Date>);

impl Merged {
    /// What this table brings back on this day without being told to: code, and since when it was merged.
    pub fn revived_by(&self, plan: &NumberPlan, on: Date) -> Vec<(&str, Date)> {
        let back = |rows: &Vec<NumberRow>| merged(rows).is_none() && !rows.iter().any(|row| row.allow_revive);
        let past = self.0.iter().filter(|(_, since)| **since <= on);
        past.filter(|(code, _)| plan.rows.get(*code).is_some_and(back))
            .map(|(code, since)| (code.as_str(), *since))
            .collect()
    }

    /// This table is in force from this day on. What it revives as it was told to is forgotten, and what
    /// it would have merged later and no longer does.
    pub fn follow(&mut self, plan: &NumberPlan, on: Date) {
        let table = |code: &String| plan.rows.get(code).map(Vec::as_slice);
        self.0.retain(|code, since| match table(code) {
            Some(rows) => merged(rows).is_some() || *since <= on && !rows.iter().any(|row| row.allow_revive),
            None => *since <= on,
        });
        for (code, rows) in &plan.rows {
            let Some(row) = merged(rows) else { continue };
            let first = row.valid_from.unwrap_or(on);
            let since = self.0.entry(code.clone()).or_insert(first);
            // What was to come at another day than before.
            if *since > on {
                *since = first;
            }
        }
    }
}

/// The row that merges the code, the first one where there are several.
fn merged(rows: &[NumberRow]) -> Option<&NumberRow> {
    rows.iter().filter(|row| row.mode == Mode::Merged).min_by_key(|row| row.valid_from)
}
