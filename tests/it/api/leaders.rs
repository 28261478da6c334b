//! Leaders' calls: their report, and their recordings, which want an extra word.

use hotline::call::CallId;
use hotline::commands::{recordings, sessions};
use hotline::store::entry::Entry;
use serde_json::json;

use super::commands::typed;
use super::house::House;
use crate::facts;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_days_sessions_are_reported_with_those_that_had_no_call() {
    let house = House::start("sessions").await;
    house.edit("dialplan/leaders.toml", "2026-12-01T09:00:00", "2026-11-24T10:00:00");
    house.edit("dialplan/leaders.toml", "2026-12-01T11:00:00", "2026-11-24T12:00:00");
    assert_eq!(house.post("/api/reload", json!({})).status, 200);
    house.record(Entry::Closed(Box::new(facts::led(1, "901@2026-11-24T09:00:00", "taken", 75)))).await;
    let report = house.get("/api/sessions?day=2026-11-24").json();
    let rows = report["rows"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["session"], &row["taken"], &row["on_the_line_ms"])).collect();
    assert_eq!(
        told,
        [
            (&json!("901@2026-11-24T09:00:00"), &json!(1), &json!(75_000)),
            (&json!("951@2026-11-24T10:00:00"), &json!(0), &json!(0)),
        ]
    );
    assert_eq!(rows[0]["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(house.get("/api/sessions?day=2026-11-25").json()["rows"], json!([]));
    assert_eq!(house.get("/api/sessions?day=soon").status, 400);
    let text = sessions::as_text(&sessions::answer(&typed(&house, &["--day", "2026-11-24"])).unwrap());
    assert!(text.lines().count() == 3 && text.contains("1:15") && text.contains("交通"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaders_recording_is_given_out_to_whoever_asks_for_just_that() {
    let call = CallId(7);
    let house = House::with_recording("leader", call).await;
    let mut sealed = house.sealed(call).await;
    sealed.leader = true;
    house.record(Entry::Sealed(Box::new(sealed))).await;
    assert_eq!(house.get("/api/recordings").json()["rows"][0]["leader"], json!(true));
    for path in [format!("/api/recordings/{call}/audio?"), format!("/api/recordings/{call}/export?form=mix&")] {
        let refused = house.get(&format!("{path}purpose=x"));
        assert_eq!((refused.status, refused.code()), (403, "leader"), "{}", refused.text);
        assert_eq!(house.get(&format!("{path}purpose=x&leader=true")).status, 200);
    }
    house.applied().await;
    let accesses = house.get(&format!("/api/recordings/{call}/accesses")).json();
    let purposes: Vec<_> = accesses["rows"].as_array().unwrap().iter().map(|row| row["purpose"].clone()).collect();
    let refused = "refused: a leader is heard in it";
    assert_eq!(purposes, [refused, "x (a leader's call)", refused, "x (mix) (a leader's call)"]);
    let shown = recordings::as_text(&recordings::answer(&typed(&house, &[])).unwrap());
    assert!(shown.contains("leader"), "{shown}");
    house.stop().await;
}
