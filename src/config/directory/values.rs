//! Codes, hours and times as the directory's files write them.

use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Deserializer, de::Error};
use toml::value::Datetime;

use crate::call::directory::{DAY, Hours, Opening};
use crate::call::feature_codes;

/// Two to six digits that no feature code has after its star: one key would make the difference.
pub fn code<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if let Some((feature, _)) = feature_codes().iter().find(|(feature, _)| feature.trim_start_matches('*') == text) {
        return Err(D::Error::custom(format!("`{text}` is the feature code {feature}")));
    }
    if (2..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text)
    } else {
        Err(D::Error::custom(format!("`{text}` is not two to six digits")))
    }
}

pub fn pinyin<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(D::Error::custom(format!("`{text}` is not initials such as szlsgs")));
    }
    Ok(Some(text))
}

/// `["mon-fri 08:30-12:00", "sat 09:00-24:00"]`.
pub struct OpeningHours(pub Hours);

impl<'de> Deserialize<'de> for OpeningHours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut openings = Vec::new();
        for text in Vec::<String>::deserialize(from)? {
            openings.extend(spans(&text).map_err(|why| D::Error::custom(format!("`{text}` {why}")))?);
        }
        if openings.is_empty() {
            return Err(D::Error::custom("never open; what is always open has no hours"));
        }
        Ok(Self(Hours(openings)))
    }
}

/// One opening for each day of the text.
fn spans(text: &str) -> Result<Vec<Opening>, &'static str> {
    let read = || {
        let (days, times) = text.split_once(' ')?;
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (from, to) = times.split_once('-')?;
        Some((weekday(first)?, weekday(last)?, minutes(from)?, minutes(to)?))
    };
    let (first, last, from, to) = read().ok_or("is no time such as mon-fri 08:30-12:00")?;
    if to <= from {
        return Err("ends before it begins; one over midnight is written as two");
    }
    let days = first.cycle_forward().take(usize::from(first.until(last).unsigned_abs()).saturating_add(1));
    Ok(days.map(|day| Opening { day, from, to }).collect())
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// `08:30`, up to `24:00`, in minutes after midnight.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse());
    let (hours, minutes): (u16, u16) = (part(hours)?.ok()?, part(minutes)?.ok()?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}

/// A TOML date and time without an offset: `2026-12-01T09:00:00`, Chinese time.
pub fn local_time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime, D::Error> {
    let wrong = || D::Error::custom("must be a local time such as 2026-12-01T09:00:00");
    let Datetime { date: Some(day), time: Some(time), offset: None } = Datetime::deserialize(from)? else {
        return Err(wrong());
    };
    // Its own writing is what jiff reads; a day that no calendar has is refused there.
    format!("{day}T{time}").parse().map_err(|_| wrong())
}

/// A file of the prompts folder, without its `.wav`: no path leads out of it.
pub fn wav_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || !text.bytes().all(is_name) {
        return Err(D::Error::custom(format!("`{text}` is not the name of a prompt, such as topic-taxi")));
    }
    Ok(Some(text))
}
