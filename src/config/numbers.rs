//! `numbers.toml`: the number table (R2).

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error};
use toml::value::Datetime;

use super::files::Text;
use super::rows::{Reader, Row};
use super::{Fault, values};
use crate::rules::numbers::{AreaCode, Mode, NumberPlan, NumberRow};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRow {
    #[serde(deserialize_with = "values::name")]
    code: String,
    mode: Mode,
    primary: Option<String>,
    #[serde(deserialize_with = "values::name")]
    label: String,
    skill: Option<String>,
    greeting: Option<String>,
    target: Option<String>,
    #[serde(default, deserialize_with = "day")]
    valid_from: Option<Date>,
    #[serde(default, deserialize_with = "day")]
    valid_to: Option<Date>,
    #[serde(default)]
    allow_revive: bool,
}

pub struct NumbersFile {
    /// None where the table is refused.
    pub plan: Option<NumberPlan>,
    pub rows: Vec<Row<NumberRow>>,
}

pub fn read(text: &Text, area: &AreaCode) -> (NumbersFile, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let table: Vec<Row<TableRow>> = reader.tables("number");
    let rows: Vec<Row<NumberRow>> =
        table.into_iter().map(|row| Row { line: row.line, value: row.value.into() }).collect();
    if rows.is_empty() && !reader.is_broken() {
        reader.fault(None, "no [[number]]: every call would be refused");
    }
    let plan = match NumberPlan::new(rows.iter().map(|row| row.value.clone()).collect(), area.clone()) {
        Ok(plan) => Some(plan),
        Err(faults) => {
            for fault in faults {
                reader.fault(rows.get(fault.row).map(|row| row.line), fault.to_string());
            }
            None
        }
    };
    (NumbersFile { plan, rows }, reader.finish())
}

impl From<TableRow> for NumberRow {
    fn from(row: TableRow) -> Self {
        Self {
            code: row.code,
            mode: row.mode,
            primary: row.primary,
            label: row.label,
            skill: row.skill,
            greeting: row.greeting,
            target: row.target,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            allow_revive: row.allow_revive,
        }
    }
}

/// A TOML date: `2025-05-01`, without quotes and without a time.
fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    let wrong = || D::Error::custom("must be a date such as 2025-05-01");
    let Datetime { date: Some(date), time: None, offset: None } = Datetime::deserialize(from)? else {
        return Err(wrong());
    };
    let part = |value: u8| i8::try_from(value).map_err(|_| wrong());
    let year = i16::try_from(date.year).map_err(|_| wrong())?;
    Date::new(year, part(date.month)?, part(date.day)?).map(Some).map_err(|_| wrong())
}
