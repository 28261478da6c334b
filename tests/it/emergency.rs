//! The two hours of an emergency ticket (Art. 13, R28).

use hotline::rules::emergency::{Category, due, is_on_time, may_be};
use hotline::rules::ticket::Type;
use hotline::time::Wall;

fn china(text: &str) -> Wall {
    let at: jiff::Timestamp = format!("{text}+08:00").parse().expect("a time");
    Wall(at.as_millisecond())
}

/// Wall time, over midnight, the weekend and the year's end; 120:00 is in time.
#[test]
fn two_hours_from_the_acceptance_are_in_time_to_the_last_instant() {
    for (accepted, ends) in [
        ("2026-11-28T23:30:00", "2026-11-29T01:30:00"),
        ("2026-02-17T03:00:00", "2026-02-17T05:00:00"),
        ("2026-12-31T22:30:00", "2027-01-01T00:30:00"),
    ] {
        let (accepted, ends) = (china(accepted), china(ends));
        assert_eq!(due(accepted), ends);
        for (after_ms, on_time) in [(-1_000, true), (-1, true), (0, true), (1, false), (1_000, false)] {
            assert_eq!(is_on_time(accepted, Wall(ends.0 + after_ms)), on_time, "{after_ms} ms after the two hours");
        }
    }
}

#[test]
fn only_help_and_reports_are_emergencies() {
    let may: Vec<&str> = Type::ALL.into_iter().filter(|kind| may_be(*kind)).map(Type::term).collect();
    assert_eq!(may, ["求助", "举报"]);
    let words: Vec<&str> = Category::ALL.iter().map(|category| category.as_str()).collect();
    assert_eq!(words, ["water", "power", "gas", "road", "fire", "flood", "debris_flow", "other"]);
}
