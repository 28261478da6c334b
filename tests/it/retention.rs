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

mod classes {
    use hotline::rules::retention::schedule::{About, Class, ORDINARY, Schedule, Ticket, erasable_from};
    use hotline::rules::ticket::Type;
    use hotline::time::Wall;
    use jiff::civil::{Date, date};

    /// Noon in China.
    fn noon(day: Date) -> Wall {
        Wall(jiff::tz::Offset::constant(8).to_timestamp(day.at(12, 0, 0, 0)).map_or(i64::MAX, |at| at.as_millisecond()))
    }

    #[test]
    fn the_months_run_from_the_later_of_the_calls_end_and_the_archiving() {
        use Ticket::{Archived, None as NoTicket, Open};
        let archived = |day| Archived(noon(day));
        // months, end of the call, ticket, erasable from
        let table: [(u32, Date, Ticket, Option<Date>); 14] = [
            (36, date(2023, 5, 10), NoTicket, Some(date(2026, 5, 11))),
            (36, date(2024, 2, 29), NoTicket, Some(date(2027, 3, 1))),
            (36, date(2025, 2, 28), NoTicket, Some(date(2028, 2, 29))),
            (36, date(2022, 12, 31), NoTicket, Some(date(2026, 1, 1))),
            (36, date(2023, 5, 10), Open, None),
            (36, date(2023, 5, 10), archived(date(2023, 6, 30)), Some(date(2026, 7, 1))),
            (36, date(2023, 5, 10), archived(date(2023, 5, 9)), Some(date(2026, 5, 11))),
            (60, date(2024, 2, 29), NoTicket, Some(date(2029, 3, 1))),
            (120, date(2024, 2, 29), archived(date(2024, 8, 31)), Some(date(2034, 9, 1))),
            (37, date(2024, 1, 31), NoTicket, Some(date(2027, 3, 1))),
            (6, date(2024, 8, 31), NoTicket, Some(date(2025, 3, 1))),
            (0, date(2024, 8, 31), NoTicket, Some(date(2024, 9, 1))),
            (u32::MAX, date(2024, 8, 31), NoTicket, Some(Date::MAX)),
            (36, date(9999, 12, 31), NoTicket, Some(Date::MAX)),
        ];
        for (months, ended, ticket, day) in table {
            assert_eq!(erasable_from(months, noon(ended), ticket), day, "{months} {ended} {ticket:?}");
        }
    }

    fn class(id: &str, months: u32) -> Class {
        Class {
            id: id.into(),
            label: id.into(),
            months,
            basis: format!("basis of {id}"),
            statute: None,
            approved_by: Vec::new(),
            codes: Vec::new(),
            types: Vec::new(),
        }
    }

    #[test]
    fn the_longest_class_counts_and_a_shorter_one_only_by_statute_and_two_people() {
        let short = Class {
            statute: Some("某法第一条".into()),
            approved_by: vec!["甲".into(), "乙".into()],
            codes: vec!["12328".into()],
            ..class("short", 12)
        };
        let bare = |id: &str, code: &str| Class { codes: vec![code.into()], ..class(id, 12) };
        let alone = Class {
            statute: short.statute.clone(),
            approved_by: vec!["甲".into(), " 甲 ".into()],
            ..bare("alone", "12345")
        };
        let schedule = Schedule {
            version: "1".into(),
            classes: vec![
                Class { types: vec![Type::Report], ..class("report", 120) },
                Class { codes: vec!["12315".into()], types: vec![Type::Complaint], ..class("market", 60) },
                short,
                bare("no_statute", "12333"),
                alone,
                class("court", 360),
            ],
        };
        assert_eq!(schedule.shortest(), 12);
        // code, type, assigned; months, class
        let table = [
            (Some("12348"), None, None, 36, ORDINARY),
            (None, None, None, 36, ORDINARY),
            (Some("12345"), Some("report"), None, 120, "report"),
            (Some("12315"), None, None, 60, "market"),
            (Some("12345"), Some("complaint"), None, 60, "market"),
            (Some("12315"), Some("report"), None, 120, "report"),
            (Some("12328"), None, None, 12, "short"),
            (Some("12328"), Some("report"), None, 120, "report"),
            (Some("12328"), None, Some(ORDINARY), 36, ORDINARY),
            (Some("12328"), None, Some("court"), 360, "court"),
            (Some("12345"), Some("report"), Some("short"), 120, "report"),
            (Some("12333"), None, None, 36, "no_statute"),
            (Some("12345"), None, None, 36, "alone"),
            (Some("12345"), None, Some("forgotten"), u32::MAX, "unknown"),
        ];
        for (code, kind, assigned, months, class) in table {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let about = About { code: owned(code), kind: owned(kind), class: owned(assigned) };
            let term = schedule.term(&about);
            assert_eq!((term.months, term.class), (months, class), "{about:?}");
        }
        let about = About { code: Some("12328".into()), ..About::default() };
        assert_eq!(schedule.term(&about).basis, "某法第一条");
        let faults: Vec<_> = schedule.classes.iter().map(|class| class.fault().is_some()).collect();
        assert_eq!(faults, [false, false, false, true, true, false]);
    }
}

mod clock {
    use std::time::Duration;

    use hotline::rules::watermark::{AHEAD, Mark};
    use hotline::time::Wall;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    const START: Wall = Wall(1_795_478_400_000);

    #[test]
    fn a_clock_set_a_year_ahead_makes_nothing_a_minute_older() {
        let mut mark = Mark::first(START, None);
        assert_eq!(mark.now(START), Ok(START));
        for hour in 1..=48 {
            mark = mark.passed(START + YEAR + HOUR * hour, HOUR);
            assert!(mark.at.0 - START.0 <= i64::from(hour) * 3_603_600, "hour {hour}");
            assert!(mark.now(START + YEAR + HOUR * hour).is_err());
        }
        // Set right again, it goes on as if nothing had been.
        let right = START + HOUR * 48;
        assert_eq!(mark.now(right), Ok(right));
        // By a few days only: it is no later for that.
        assert_eq!(mark.now(right + DAY * 5), Ok(mark.at));
    }

    #[test]
    fn a_clock_set_a_year_back_only_postpones() {
        let mark = Mark { at: START };
        let back = Wall(START.0 - 366 * 24 * 3_600_000);
        assert_eq!(mark.passed(back, HOUR).at, START, "the mark does not go back");
        assert_eq!(mark.now(back), Ok(back));
        assert_eq!(mark.passed(START + HOUR, HOUR).now(START + HOUR), Ok(START + HOUR));
    }

    #[test]
    fn downtime_postpones_until_the_clock_is_confirmed() {
        let mark = Mark { at: START };
        assert_eq!(mark.now(START + AHEAD), Ok(START));
        let later = START + AHEAD + HOUR;
        assert_eq!(mark.now(later).map_err(|ahead| (ahead.clock, ahead.mark)), Err((later, START)));
        assert_eq!(mark.confirmed(later).now(later), Ok(later));
        assert_eq!(mark.confirmed(Wall(0)).at, START);
    }

    #[test]
    fn an_archive_without_a_mark_begins_at_the_newest_thing_on_record() {
        assert_eq!(Mark::first(START + YEAR, Some(START)).now(START + YEAR).ok(), None);
        assert_eq!(Mark::first(START, Some(START + YEAR)).at, START);
    }
}

mod destruction {
    use hotline::rules::destruction::{Approval, Standing, Stays, judge};
    use jiff::civil::date;

    #[test]
    fn nobody_destroys_alone_early_or_under_a_hold() {
        let approval = |by: &[&str]| Approval {
            proposed_by: "wang".into(),
            approved_by: by.iter().map(|name| (*name).to_owned()).collect(),
        };
        let due = Standing {
            erasable_from: Some(date(2029, 11, 25)),
            holds: Vec::new(),
            listed: true,
            quarantined: false,
            changed: false,
        };
        let (today, both) = (date(2029, 11, 25), approval(&["li", "zhao"]));
        assert!(judge(&both, &due, today).is_ok());
        for few in [&[][..], &["li"], &["li", "li"], &["li", " LI "], &["li", "wang"], &["li", ""], &["wang", "Wang"]] {
            assert_eq!(judge(&approval(few), &due, today).err(), Some(Stays::NotApproved), "{few:?}");
        }
        let table = [
            (
                Standing { erasable_from: Some(date(2029, 11, 26)), ..due.clone() },
                Stays::NotBefore("2029-11-26".into()),
            ),
            (Standing { erasable_from: None, ..due.clone() }, Stays::TicketOpen),
            (Standing { holds: vec!["2028-17".into()], ..due.clone() }, Stays::Held("2028-17".into())),
            (Standing { listed: false, ..due.clone() }, Stays::NotListed),
            (Standing { quarantined: true, ..due.clone() }, Stays::Quarantined),
            (Standing { changed: true, ..due.clone() }, Stays::Changed),
        ];
        for (standing, stays) in table {
            assert_eq!(judge(&both, &standing, today).err(), Some(stays), "{standing:?}");
        }
        assert!(both.takes("sun") && !both.takes("Li") && !both.takes("wang") && !both.takes(" "));
    }
}
