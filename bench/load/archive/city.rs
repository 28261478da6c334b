//! Calls of a city over three years: more by day than by night, on weekdays than on Sundays; some citizens call every
//! week, most once; most dial 12345, few the old numbers.

use std::collections::BTreeMap;

use hotline::rules::retention::local_day;
use hotline::time::Wall;

use super::dice::Dice;
use super::wording;

/// 2023-11-25T00:00:00+08:00, and so many days on.
const BEGIN: i64 = 1_700_841_600_000;
const DAYS: usize = 1_096;
const HOUR: i64 = 3_600_000;
/// Calls of an hour against the others: most at ten and at half past two.
const HOURS: [f64; 24] = [
    0.6, 0.4, 0.3, 0.3, 0.3, 0.5, 1.2, 2.5, 6.5, 10.0, 12.0, 8.5, 4.5, 5.0, 10.5, 9.5, 7.5, 5.5, 4.0, 3.5, 3.0, 2.4,
    1.5, 0.9,
];
/// From Monday.
const WEEK: [f64; 7] = [1.2, 1.1, 1.05, 1.05, 1.05, 0.8, 0.7];
/// 12345, the eleven doubled numbers with their aliases, the merged ones; the first ones most often.
const CODES: [&str; 27] = [
    "12345", "12315", "12333", "12329", "12319", "12328", "12369", "12348", "12320", "12350", "12316", "12331",
    "12358", "12365", "12330", "12317", "12393", "12396", "12300", "12349", "12336", "12312", "12301", "96119",
    "12322", "12318", "12385",
];
const CITIZENS: usize = 900_000;
const REGULARS: usize = 20_000;
const SEATS: usize = 60;
const UNITS: usize = 48;
const LEADERS: usize = 10;
/// Texts with a rare word, of all.
const RARE_TEXTS: f64 = 600.0;

/// What is invented of one call.
#[derive(Clone)]
pub struct Call {
    /// From 1, in the order of the answer.
    pub n: u64,
    pub at: i64,
    /// Empty where it was withheld. No number of China begins so.
    pub caller: String,
    pub code: &'static str,
    pub centre: &'static str,
    pub prefix: &'static str,
    pub day: u32,
    pub serial: u64,
    pub ticket: String,
    pub seat: hotline::call::SeatNo,
    /// Role, code and name of those who were brought in.
    pub others: Vec<(hotline::call::Role, String, String)>,
    pub length_ms: u64,
    /// 0 whole, 1 with gaps, 2 failed.
    pub fault: u8,
    /// None: the seat wrote nothing.
    pub said: Option<(String, String)>,
}

pub struct City {
    dice: Dice,
    rows: u64,
    n: u64,
    /// Hour since the beginning, calls of it yet to come, and what the rounding left.
    hour: usize,
    left: u64,
    rest: f64,
    at: i64,
    per_weight: f64,
    serials: BTreeMap<(&'static str, u32), u64>,
}

impl City {
    pub fn new(rows: usize, seed: u64) -> Self {
        let whole: f64 = (0..DAYS * 24).map(weight).sum();
        Self {
            dice: Dice::new(seed),
            rows: rows as u64,
            n: 0,
            hour: 0,
            left: 0,
            rest: 0.0,
            at: BEGIN,
            per_weight: rows as f64 / whole,
            serials: BTreeMap::new(),
        }
    }

    fn next_time(&mut self) -> i64 {
        while self.left == 0 && self.hour < DAYS * 24 {
            self.rest += weight(self.hour) * self.per_weight;
            self.left = self.rest as u64;
            self.rest -= self.left as f64;
            self.at = BEGIN + self.hour as i64 * HOUR;
            self.hour += 1;
        }
        // As long to the next one as is left of the hour, shared among those to come.
        let end = BEGIN + self.hour as i64 * HOUR;
        let share = (end - self.at) as f64 / (self.left as f64 + 1.0);
        self.at += ((share * 2.0 * self.dice.share()) as i64).clamp(1, (end - self.at).max(1));
        self.left = self.left.saturating_sub(1);
        self.at
    }
}

fn weight(hour: usize) -> f64 {
    let day = hour / 24;
    // The first day was a Saturday.
    let season = 1.0 + 0.15 * ((day as f64 / 365.25) * std::f64::consts::TAU).sin();
    HOURS[hour % 24] * WEEK[(day + 5) % 7] * season
}

impl Iterator for City {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        if self.n == self.rows {
            return None;
        }
        self.n += 1;
        let at = self.next_time();
        let dice = &mut self.dice;
        let (centre, prefix) = match dice.share() {
            share if share < 0.85 => ("jdz", "JDZ"),
            share if share < 0.94 => ("leping", "LP"),
            _ => ("fuliang", "FL"),
        };
        let date = local_day(Wall(at));
        let day = date.year() as u32 * 10_000 + date.month() as u32 * 100 + date.day() as u32;
        let serial = self.serials.entry((prefix, day)).or_insert(0);
        *serial += 1;
        let rare = RARE_TEXTS / self.rows as f64;
        Some(Call {
            n: self.n,
            at,
            caller: caller(dice),
            code: if dice.chance(0.6) { CODES[0] } else { CODES[dice.zipf(CODES.len())] },
            centre,
            prefix,
            day,
            serial: *serial,
            ticket: format!("{prefix}-{day}-{serial:06}"),
            seat: hotline::call::SeatNo(format!("{}", 1001 + dice.below(SEATS))),
            others: others(dice),
            length_ms: ((110.0 * (0.8 * dice.normal()).exp()).clamp(2.0, 4_751.0) * 1000.0) as u64,
            fault: if dice.chance(0.985) { 0 } else { 1 + u8::from(dice.chance(0.07)) },
            said: dice.chance(0.85).then(|| wording::ticket(dice, rare)),
        })
    }
}

/// One in seven calls is of somebody who calls often.
fn caller(dice: &mut Dice) -> String {
    if dice.chance(0.005) {
        return String::new();
    }
    let who = if dice.chance(0.14) { dice.zipf(REGULARS) } else { (dice.share().powf(1.5) * CITIZENS as f64) as usize };
    let digits = (who as u64).wrapping_mul(7_654_321) % 100_000_000;
    if who % 11 == 0 { format!("+867980{:07}", digits % 10_000_000) } else { format!("+86100{digits:08}") }
}

fn others(dice: &mut Dice) -> Vec<(hotline::call::Role, String, String)> {
    use hotline::call::Role;
    let mut others = Vec::new();
    if dice.chance(0.05) {
        let code = any_unit(dice);
        others.push((Role::Unit, code.clone(), format!("示例市第{code}局")));
    }
    if dice.chance(0.004) {
        others.push((Role::Expert, "951".to_owned(), "政策专家".to_owned()));
    }
    if dice.chance(0.002) {
        let code = format!("{}", 901 + dice.zipf(LEADERS));
        others.push((Role::Leader, code.clone(), format!("示例领导{code}")));
    }
    // Passed on to another seat.
    if dice.chance(0.02) {
        let seat = 1001 + dice.below(SEATS);
        others.push((Role::Seat, seat.to_string(), format!("坐席{seat}")));
    }
    others
}

/// Some are asked in far more often than others.
pub fn any_unit(dice: &mut Dice) -> String {
    format!("{}", 601 + dice.zipf(UNITS))
}
