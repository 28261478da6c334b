//! Ranges, tables and the reckoning of the disk, without a server.

use std::time::Duration;

use hotline::commands::table::{duration, since, table};
use hotline::time::Wall;
use hotline::web::metrics::days_left;
use hotline::web::range::Wanted::{self, Beyond, Whole};
use hotline::web::range::wanted;
use serde_json::json;

const fn part(first: u64, last: u64) -> Wanted {
    Wanted::Part { first, last }
}

/// RFC 9110 §14.1.2, of a file of 100 bytes.
#[test]
fn every_form_of_a_range() {
    for (header, is) in [
        ("bytes=0-0", part(0, 0)),
        ("bytes=0-99", part(0, 99)),
        ("bytes=10-", part(10, 99)),
        ("bytes=90-1000", part(90, 99)),
        ("bytes=-1", part(99, 99)),
        ("bytes=-1000", part(0, 99)),
        ("bytes=100-", Beyond),
        ("bytes=100-200", Beyond),
        ("bytes=-0", Beyond),
        ("bytes=5-4", Whole),
        ("bytes=0-1,5-6", Whole),
        ("bytes=+1-5", Whole),
        ("bytes=a-b", Whole),
        ("bytes=", Whole),
        ("bytes=-", Whole),
        ("items=0-1", Whole),
        ("bytes=99999999999999999999-", Whole),
    ] {
        assert_eq!(wanted(Some(header), 100), is, "{header}");
    }
    assert_eq!(wanted(None, 100), Whole);
    assert_eq!(wanted(Some("bytes=0-"), 0), Beyond);
    assert_eq!(wanted(Some("bytes=-5"), 0), Beyond);
}

#[test]
fn days_left_are_told_only_where_they_can_be() {
    let half_a_day = Duration::from_secs(43_200);
    assert_eq!(days_left(1_000, 50, half_a_day), Some(10.0));
    assert_eq!(days_left(1_000, 0, half_a_day), None);
    assert_eq!(days_left(1_000, 50, Duration::from_secs(300)), None);
}

#[test]
fn chinese_names_do_not_shift_the_columns() {
    let rows = [vec!["一号坐席", "idle"], vec!["ab", "busy"]];
    let text = table(&["NAME", "STATE"], rows.iter().map(|row| row.iter().map(ToString::to_string).collect()));
    assert_eq!(text, "NAME      STATE\n一号坐席  idle\nab        busy");
}

#[test]
fn durations_read_as_on_a_clock() {
    for (millis, text) in [(json!(65_000), "1:05"), (json!(3_600_000), "1:00:00"), (json!(null), "-")] {
        assert_eq!(duration(&json!({ "x": millis }), "/x"), text);
    }
    assert_eq!(since(&json!({ "x": 5_000 }), "/x", Wall(4_000)), "0:00", "the server's clock is ahead");
}
