//! A clock that was a year ahead hinders nobody: nothing true is blocked, written over or listed twice.

use hotline::archive::manifest::chain::{Last, Name, due};
use hotline::archive::manifest::verify::Scope;
use hotline::archive::manifest::{self, Link, Read};
use hotline::call::CallId;

use super::town::{DAY, HOUR, MIDNIGHT, Town};

#[test]
fn each_day_that_has_ended_is_due_in_its_order() {
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    // Day of the last manifest, whether it holds all; today; the day that is due.
    for (last, more, today, expected) in [
        (None, false, "2026-11-24", Some("2026-11-23")),
        (Some("2026-11-23"), false, "2026-11-24", None),
        (Some("2026-11-23"), true, "2026-11-24", Some("2026-11-23")),
        (Some("2026-11-22"), false, "2026-11-24", Some("2026-11-23")),
        (Some("2026-10-31"), false, "2026-11-24", Some("2026-11-01")),
        (Some("2028-02-28"), false, "2028-03-01", Some("2028-02-29")),
        // Made by a clock that was ahead.
        (Some("2026-11-24"), false, "2026-11-24", Some("2026-11-23")),
        (Some("2027-11-24"), true, "2026-11-24", Some("2026-11-23")),
        (Some("9999-12-31"), false, "2026-11-24", Some("2026-11-23")),
        (Some("9999-12-30"), false, "9999-12-31", None),
    ] {
        let last = last.map(|text| Last {
            name: Name { day: day(text), part: 1 },
            link: Link { number: 4, day: day(text), sha256: String::new() },
            more,
        });
        assert_eq!(due(last.as_ref(), day(today)), expected.map(day), "{last:?} {today}");
    }
}

#[test]
fn a_name_has_one_spelling() {
    for name in ["2026-11-24.jsonl", "2026-11-24-2.jsonl", "2028-02-29-17.jsonl"] {
        assert_eq!(Name::parse(name).map(|name| format!("{name}.jsonl")).as_deref(), Some(name));
    }
    for name in [
        "2026-11-24",
        "2026-11-24-1.jsonl",
        "2026-11-24-02.jsonl",
        "2026-11-24-.jsonl",
        "2026-02-30.jsonl",
        "2026-1-24.jsonl",
        "..jsonl",
        "2026-11-24-99999999999.jsonl",
        "２026-11-24.jsonl",
        "-026-11-24.jsonl",
        "",
    ] {
        assert_eq!(Name::parse(name), None, "{name}");
    }
}

fn calls(town: &Town, name: &str) -> Vec<CallId> {
    let text = std::fs::read(town.root().join(format!("manifests/{}/{name}.jsonl", &name[..4]))).unwrap();
    manifest::read(&text).unwrap().lines.iter().map(|line| Read::recording(line).unwrap().call).collect()
}

#[tokio::test]
async fn a_clock_a_year_ahead_and_back_blocks_and_overwrites_nothing() {
    let mut town = Town::new("ahead");
    assert_eq!(town.makes(MIDNIGHT + HOUR).await.len(), 1);
    town.record(1, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    // For a while it is 2027-11-24; manifests are made a second apart, so that not all of them are.
    let year = 365 * DAY;
    town.set(MIDNIGHT + year + 3 * HOUR);
    for expected in ["2026-11-24", "2026-11-25", "2026-11-26"] {
        assert_eq!(town.round().await.unwrap().unwrap().name.to_string(), expected);
    }
    town.record(2, "2027/11/24", MIDNIGHT + year + 3 * HOUR).await;
    let before = std::fs::read(town.root().join("manifests/2026/2026-11-25.jsonl")).unwrap();

    // It is set back: the day before is written once more, with what was sealed in the year to come.
    let made = town.makes(MIDNIGHT + 4 * HOUR).await;
    assert_eq!(made.iter().map(|last| last.name.to_string()).collect::<Vec<_>>(), ["2026-11-23-2"]);
    assert_eq!((calls(&town, "2026-11-24"), calls(&town, "2026-11-23-2")), (vec![CallId(1)], vec![CallId(2)]));
    town.record(3, "2026/11/24", MIDNIGHT + 5 * HOUR).await;
    let mut town = town.restart().await;
    for (at, name, listed) in [
        (MIDNIGHT + DAY + HOUR, "2026-11-24-2", vec![CallId(3)]),
        (MIDNIGHT + 2 * DAY + HOUR, "2026-11-25-2", vec![]),
        (MIDNIGHT + 3 * DAY + HOUR, "2026-11-26-2", vec![]),
        (MIDNIGHT + 4 * DAY + HOUR, "2026-11-27", vec![]),
    ] {
        let made = town.makes(at).await;
        assert_eq!(made.iter().map(|last| last.name.to_string()).collect::<Vec<_>>(), [name]);
        assert_eq!(calls(&town, name), listed, "{name}");
    }
    assert_eq!(std::fs::read(town.root().join("manifests/2026/2026-11-25.jsonl")).unwrap(), before);
    let report = town.verify(&Scope::Everything);
    assert_eq!((report.faults.as_slice(), report.recordings, report.manifests), (&[][..], 3, 9));
    assert_eq!(town.manifests().last().unwrap().unwrap().link.number, 9);
}
