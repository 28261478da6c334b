//! How long a recording is kept: three years by the calendar, never a day less.
//!
//! Art. 11(9): 电话录音应至少保存3年. Civil Code art. 202: a period of years ends on the same calendar
//! day, or on the last day of the month where that day is missing. Rule R69. Classes: `schedule` (R70).

pub mod schedule;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

use crate::time::Wall;

/// China has one time and no summer time: UTC+8 the year round.
const CHINA: Offset = Offset::constant(8);

/// In months: what Art. 11(9) asks for at least.
pub const THREE_YEARS: u32 = 36;

/// First local day on which a recording may be erased: the day after the last kept day.
///
/// Where the calendar ends (year 9999) the last day there is, which no clock reaches.
pub fn erasable_from(anchor: Date) -> Date {
    last_kept_day(anchor).tomorrow().unwrap_or(Date::MAX)
}

/// The same calendar day three years after `anchor`, or the last day of that month.
pub fn last_kept_day(anchor: Date) -> Date {
    last_kept_day_of(anchor, THREE_YEARS)
}

/// The same after so many months.
pub fn last_kept_day_of(anchor: Date, months: u32) -> Date {
    let months = i32::try_from(months).unwrap_or(i32::MAX);
    ToSpan::months(1)
        .checked_mul(i64::from(months))
        .ok()
        .and_then(|span| anchor.checked_add(span).ok())
        .unwrap_or(Date::MAX)
}

/// The moment from which the three years run: the later of the call's end and the archiving of its
/// ticket (or of the ticket that it was merged into). Rule R69.
pub fn anchor(call_ended: Wall, ticket_archived: Option<Wall>) -> Wall {
    ticket_archived.map_or(call_ended, |archived| archived.max(call_ended))
}

/// The day that a calendar on the wall in Jingdezhen shows.
pub fn local_day(at: Wall) -> Date {
    CHINA.to_datetime(timestamp(at)).date()
}

/// `2026-11-24T08:30:00.250+08:00`, for people who read a side-car.
pub fn local_text(at: Wall) -> String {
    format!("{:.3}+08:00", CHINA.to_datetime(timestamp(at)))
}

fn timestamp(at: Wall) -> Timestamp {
    let nearest = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(at.0).unwrap_or(nearest)
}
