//! `queues.toml`: skill groups and their overflow (R8, R10).

use std::time::Duration;

use jiff::civil::Time;
use serde::{Deserialize, Deserializer, de::Error};

pub use crate::call::settings::Night;

use super::files::Text;
use super::rows::{Reader, Row};
use super::{Fault, values};

/// `[[group]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    #[serde(deserialize_with = "values::name")]
    pub skill: String,
    #[serde(deserialize_with = "values::name")]
    pub label: String,
    /// Id of the centre whose queue this is; None: tickets are of the centre of the answering seat.
    #[serde(default)]
    pub centre: Option<String>,
    /// Callers who speak one of these wait here, whichever number they dialled (R10).
    #[serde(default, deserialize_with = "values::languages")]
    pub languages: Vec<String>,
    /// Groups that are asked as well once `overflow_after` has passed, in this order.
    #[serde(default)]
    pub overflow: Vec<String>,
    /// In its place at night; None: `overflow` holds at night too.
    pub night_overflow: Option<Vec<String>>,
    #[serde(default = "eight_seconds", rename = "overflow_after_s", deserialize_with = "values::seconds::<0, 600, _>")]
    pub overflow_after: Duration,
    /// 0 to 9; the higher one is served first.
    #[serde(default = "middle", deserialize_with = "priority")]
    pub priority: u8,
}

impl QueueSettings {
    pub fn overflow_at(&self, night: bool) -> &[String] {
        match &self.night_overflow {
            Some(groups) if night => groups,
            Some(_) | None => &self.overflow,
        }
    }
}

/// `[night]`, local time; may run over midnight.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NightRow {
    #[serde(deserialize_with = "time")]
    from: Time,
    #[serde(deserialize_with = "time")]
    to: Time,
}

pub struct QueuesFile {
    pub night: Option<Night>,
    pub groups: Vec<Row<QueueSettings>>,
}

pub fn read(text: &Text) -> (QueuesFile, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let night = reader.table::<NightRow>("night").map(|row| Night { from: row.value.from, to: row.value.to });
    let groups: Vec<Row<QueueSettings>> = reader.tables("group");
    for (at, Row { line, value: group }) in groups.iter().enumerate() {
        let mut refuse = |reason: String| reader.fault(Some(*line), format!("group {}: {reason}", group.skill));
        if groups.iter().take(at).any(|former| former.value.skill == group.skill) {
            refuse("duplicate group".into());
        }
        for language in &group.languages {
            if let Some(former) = groups.iter().take(at).find(|former| former.value.languages.contains(language)) {
                refuse(format!("language {language} is spoken by the group {}", former.value.skill));
            }
        }
        for (key, overflow) in [("overflow", Some(&group.overflow)), ("night_overflow", group.night_overflow.as_ref())]
        {
            for skill in overflow.into_iter().flatten() {
                if *skill == group.skill {
                    refuse(format!("{key} into itself"));
                } else if !groups.iter().any(|other| other.value.skill == *skill) {
                    refuse(format!("{key} names the unknown group {skill}"));
                }
            }
        }
    }
    (QueuesFile { night, groups }, reader.finish())
}

fn eight_seconds() -> Duration {
    Duration::from_secs(8)
}

fn middle() -> u8 {
    5
}

fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    match u8::deserialize(from)? {
        priority @ 0..=9 => Ok(priority),
        other => Err(D::Error::custom(format!("{other} is not between 0 and 9"))),
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no time such as 20:00")))
}
