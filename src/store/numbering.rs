//! Ticket numbers, R34: `<prefix>-YYYYMMDD-NNNNNN`. Gaps are allowed, reuse never.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::time::Wall;

/// The last serial given out per prefix and day. Every day is kept for ever, so that a clock that
/// was set back goes on where that day had stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Numbering {
    last: BTreeMap<String, BTreeMap<u32, u64>>,
}

/// The parts of a ticket number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    pub prefix: String,
    /// `20261124`
    pub day: u32,
    pub serial: u64,
}

impl Numbering {
    /// The next number of this prefix on the local day of `at`.
    pub fn allot(&mut self, prefix: &str, at: Wall) -> String {
        let day = day_number(local_day(at));
        let last = self.last.entry(prefix.to_owned()).or_default().entry(day).or_insert(0);
        *last = last.saturating_add(1);
        Number { prefix: prefix.to_owned(), day, serial: *last }.to_string()
    }

    /// This number was given out before: go on above it.
    pub fn given(&mut self, number: &Number) {
        let last = self.last.entry(number.prefix.clone()).or_default().entry(number.day).or_insert(0);
        *last = (*last).max(number.serial);
    }

    /// A number was given that nobody can read any more, perhaps this one: go on above it.
    pub fn skip(&mut self, perhaps: Option<&Number>) {
        for last in self.last.values_mut().filter_map(|days| days.values_mut().next_back()) {
            *last = last.saturating_add(1);
        }
        perhaps.into_iter().for_each(|number| self.given(number));
    }

    /// The greatest number per prefix and day.
    pub fn greatest(&self) -> Vec<Number> {
        let days = self.last.iter().flat_map(|(prefix, days)| days.iter().map(move |day| (prefix, day)));
        days.map(|(prefix, (day, serial))| Number { prefix: prefix.clone(), day: *day, serial: *serial }).collect()
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}-{:08}-{:06}", self.prefix, self.day, self.serial)
    }
}

impl std::str::FromStr for Number {
    type Err = NotATicketNumber;

    /// The prefix may itself hold hyphens.
    fn from_str(text: &str) -> Result<Self, NotATicketNumber> {
        let mut parts = text.rsplitn(3, '-');
        let (serial, day, prefix) = (parts.next(), parts.next(), parts.next());
        match (prefix, day.and_then(|digits| whole(digits, 8)), serial.and_then(|digits| whole(digits, 6))) {
            (Some(prefix), Some(day), Some(serial)) if !prefix.is_empty() => {
                let day = u32::try_from(day).map_err(|_| NotATicketNumber)?;
                Ok(Self { prefix: prefix.to_owned(), day, serial })
            }
            _ => Err(NotATicketNumber),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket number")]
pub struct NotATicketNumber;

/// Asia/Shanghai has kept UTC+8 without summer time since 1991.
const SHANGHAI: Offset = Offset::constant(8);

/// The civil day in Asia/Shanghai.
pub fn local_day(at: Wall) -> Date {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    SHANGHAI.to_datetime(instant).date()
}

/// The first millisecond of a local day.
pub fn day_start(day: Date) -> Wall {
    let midnight = SHANGHAI.to_timestamp(day.to_datetime(Time::midnight()));
    Wall(midnight.map_or(0, Timestamp::as_millisecond))
}

/// `20261124`
pub fn day_number(day: Date) -> u32 {
    let year = u32::try_from(day.year()).unwrap_or(0);
    let (month, date) = (u32::try_from(day.month()).unwrap_or(0), u32::try_from(day.day()).unwrap_or(0));
    year * 10_000 + month * 100 + date
}

fn whole(digits: &str, at_least: usize) -> Option<u64> {
    (digits.len() >= at_least && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}
