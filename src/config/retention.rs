//! `retention.toml`: how long recordings are kept (R69, R70).

use serde::{Deserialize, Deserializer, de::Error};

use super::Fault;
use super::files::Text;
use super::rows::{Reader, Row};
use super::values;
use crate::rules::retention::schedule::{Class, ORDINARY, Schedule};
use crate::rules::ticket::Type;

/// No law asks for more.
const LONGEST: u32 = 12 * 100;

/// What the archive is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    pub schedule: Schedule,
    /// An alarm where the disk lasts for fewer days; 0: none.
    pub forecast_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleRow {
    #[serde(deserialize_with = "values::name")]
    version: String,
    #[serde(default = "sixty", deserialize_with = "values::bounded_u32::<0, 3650, _>")]
    forecast_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassRow {
    #[serde(deserialize_with = "values::name")]
    id: String,
    #[serde(deserialize_with = "values::name")]
    label: String,
    years: Option<u32>,
    months: Option<u32>,
    #[serde(deserialize_with = "values::name")]
    basis: String,
    statute: Option<String>,
    #[serde(default)]
    approved_by: Vec<String>,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default, deserialize_with = "types")]
    types: Vec<Type>,
}

pub fn read(text: &Text) -> (RetentionSettings, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let schedule = reader.table::<ScheduleRow>("schedule");
    if schedule.is_none() && !reader.is_broken() {
        reader.fault(None, "missing [schedule]");
    }
    let rows: Vec<Row<ClassRow>> = reader.tables("class");
    let mut classes: Vec<Class> = Vec::new();
    for Row { line, value: row } in rows {
        let id = row.id.clone();
        let fault = if row.id == ORDINARY || row.id.contains(char::is_whitespace) {
            Some("is no id for a class".to_owned())
        } else if classes.iter().any(|class| class.id == row.id) {
            Some("duplicate class".to_owned())
        } else {
            match class(row) {
                Ok(class) => {
                    let fault = class.fault().map(str::to_owned);
                    classes.push(class);
                    fault
                }
                Err(fault) => Some(fault),
            }
        };
        if let Some(fault) = fault {
            reader.fault(Some(line), format!("class {id}: {fault}"));
        }
    }
    let row = schedule.map(|row| row.value);
    let forecast_days = row.as_ref().map_or(0, |row| row.forecast_days);
    let version = row.map(|row| row.version).unwrap_or_default();
    (RetentionSettings { schedule: Schedule { version, classes }, forecast_days }, reader.finish())
}

fn class(row: ClassRow) -> Result<Class, String> {
    let months = match (row.years, row.months) {
        (Some(years), None) => years.saturating_mul(12),
        (None, Some(months)) => months,
        (None, None) | (Some(_), Some(_)) => return Err("write either years or months".to_owned()),
    };
    if !(1..=LONGEST).contains(&months) {
        return Err(format!("{months} months is not between 1 and {LONGEST}"));
    }
    let ClassRow { id, label, basis, statute, approved_by, codes, types, .. } = row;
    Ok(Class { id, label, months, basis, statute, approved_by, codes, types })
}

fn sixty() -> u32 {
    60
}

fn types<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Type>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read =
        |text: String| Type::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no type of ticket")));
    texts.into_iter().map(read).collect()
}
