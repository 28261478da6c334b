//! Three years by the calendar (R69).

use hotline::rules::retention::{anchor, erasable_from, last_kept_day, local_day, local_text};
use hotline::time::Wall;
use jiff::civil::{Date, date};

/// 2022-12-31T15:59:59.999Z: the last moment of the year in China.
const LAST_OF_2022: Wall = Wall(1_672_502_399_999);

#[test]
fn kept_for_three_years_and_erasable_the_day_after() {
    // anchor, last kept day, erasable from
    let vectors: [(Date, Date, Date); 8] = [
        (date(2023, 5, 10), date(2026, 5, 10), date(2026, 5, 11)),
        (date(2024, 2, 29), date(2027, 2, 28), date(2027, 3, 1)),
        (date(2025, 2, 28), date(2028, 2, 28), date(2028, 2, 29)),
        (date(2022, 12, 31), date(2025, 12, 31), date(2026, 1, 1)),
        // Into a leap year, out of one, and over the ends of months.
        (date(2021, 2, 28), date(2024, 2, 28), date(2024, 2, 29)),
        (date(2024, 3, 1), date(2027, 3, 1), date(2027, 3, 2)),
        (date(2096, 2, 29), date(2099, 2, 28), date(2099, 3, 1)),
        (date(2023, 1, 31), date(2026, 1, 31), date(2026, 2, 1)),
    ];
    for (from, kept, erasable) in vectors {
        assert_eq!(last_kept_day(from), kept, "{from}");
        assert_eq!(erasable_from(from), erasable, "{from}");
    }
}

#[test]
fn never_a_day_less_than_three_years_whatever_the_day() {
    let mut day = date(2023, 1, 1);
    while day < date(2031, 1, 1) {
        let kept = last_kept_day(day).since(day).unwrap().get_days();
        assert!((1095..=1096).contains(&kept), "{day}: {kept}");
        let next = day.tomorrow().unwrap();
        assert!(erasable_from(next) >= erasable_from(day), "{day}");
        day = next;
    }
}

#[test]
fn the_calendar_has_an_end_and_no_panic() {
    assert_eq!(erasable_from(Date::MAX), Date::MAX);
    assert_eq!(local_day(Wall(i64::MAX)).year(), 9999);
    assert_eq!(local_day(Wall(i64::MIN)).year(), -9999);
}

#[test]
fn the_day_is_the_one_in_china() {
    assert_eq!(local_day(LAST_OF_2022), date(2022, 12, 31));
    assert_eq!(local_day(Wall(LAST_OF_2022.0 + 1)), date(2023, 1, 1));
    assert_eq!(local_text(LAST_OF_2022), "2022-12-31T23:59:59.999+08:00");
}

#[test]
fn runs_from_the_later_of_hang_up_and_archiving() {
    let (ended, archived) = (Wall(1_000), Wall(2_000));
    assert_eq!(anchor(ended, None), ended);
    assert_eq!(anchor(ended, Some(archived)), archived);
    // A ticket archived before its last callback ended does not shorten anything.
    assert_eq!(anchor(archived, Some(ended)), archived);
}
