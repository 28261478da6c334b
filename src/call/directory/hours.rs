//! Weekly opening hours, in local civil time.

use std::fmt;

use jiff::civil::Weekday;

/// Minutes of a day.
pub const DAY: u16 = 24 * 60;

/// When an entry is open, week by week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours(pub Vec<Opening>);

/// On one day from this minute after midnight until before that one, at most `DAY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub day: Weekday,
    pub from: u16,
    pub to: u16,
}

/// A time of the week. Prints as `Mon 08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub day: Weekday,
    /// After midnight.
    pub minutes: u16,
}

impl Hours {
    pub fn hold(&self, day: Weekday, minutes: u16) -> bool {
        self.0.iter().any(|opening| opening.day == day && (opening.from..opening.to).contains(&minutes))
    }

    /// When it opens next after that time; None where it never does.
    pub fn next(&self, day: Weekday, minutes: u16) -> Option<Moment> {
        let week = 7 * i32::from(DAY);
        let ahead = |opening: &&Opening| {
            let minutes = i32::from(opening.from) - i32::from(minutes);
            match (i32::from(day.until(opening.day)) * i32::from(DAY) + minutes).rem_euclid(week) {
                0 => week,
                ahead => ahead,
            }
        };
        self.0.iter().min_by_key(ahead).map(|opening| Moment { day: opening.day, minutes: opening.from })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = match self.day {
            Weekday::Monday => "Mon",
            Weekday::Tuesday => "Tue",
            Weekday::Wednesday => "Wed",
            Weekday::Thursday => "Thu",
            Weekday::Friday => "Fri",
            Weekday::Saturday => "Sat",
            Weekday::Sunday => "Sun",
        };
        write!(out, "{day} {:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}
