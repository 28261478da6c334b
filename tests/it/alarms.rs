//! Alarms stand as long as their reason does.

use std::fs;
use std::sync::Arc;

use hotline::app::alarms::Alarms;
use hotline::app::recorder_news;
use hotline::archive::{Done, Sealed, Verdict};
use hotline::call::CallId;
use hotline::net::clock::Clock;
use hotline::store::journal::{self, Journal};
use hotline::time::Wall;

fn sealed(call: CallId, verdict: Verdict) -> Done {
    Done::Sealed(Box::new(Sealed {
        call,
        path: "2026/11/24/1/call.wav".into(),
        parts: Vec::new(),
        tracks: Vec::new(),
        started: Wall(0),
        ended: Wall(1000),
        duration_ms: 1000,
        bytes: 16_058,
        sha256: String::new(),
        sm3: None,
        sealed_at: None,
        files: Vec::new(),
        format: "alaw".into(),
        verdict,
        keep_until: "2029-11-25".into(),
        gaps: 1,
        recovered: false,
        leader: false,
    }))
}

#[test]
fn a_call_without_its_whole_recording_has_an_alarm_until_it_is_sealed_after_all() {
    let folder = std::env::temp_dir().join(format!("hotline-alarms-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let clock = Clock::start();
    let (journal, _) = Journal::open(&folder, Arc::new(move || clock.wall()), journal::Options::default()).unwrap();
    let alarms = Alarms::new(clock, journal.clone(), None);
    let news = recorder_news(journal.clone(), Arc::clone(&alarms), Arc::default(), clock);
    let failed = |call| Done::Failed { call, error: "no space left".into() };
    // Each row: what the recorder says, and whose alarms stand afterwards.
    for (says, stand) in [
        (failed(CallId(1)), &[1][..]),
        (failed(CallId(2)), &[1, 2]),
        (sealed(CallId(1), Verdict::Degraded), &[2]),
        (sealed(CallId(3), Verdict::Ok), &[2]),
        (sealed(CallId(4), Verdict::Failed), &[2, 4]),
        (sealed(CallId(2), Verdict::Failed), &[2, 4]),
        (sealed(CallId(4), Verdict::Ok), &[2]),
    ] {
        let told = format!("{says:?}");
        news(says);
        let stand: Vec<String> = stand.iter().map(|call| CallId(*call).to_string()).collect();
        let mut stands: Vec<String> = alarms.standing().into_iter().map(|alarm| alarm.subject).collect();
        stands.sort_unstable();
        assert_eq!(stands, stand, "{told}");
    }
    journal.close();
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn an_alarm_that_stands_shows_its_newest_detail_and_is_written_once() {
    let folder = crate::facts::Folder::new("alarm-detail");
    let clock = Clock::start();
    let (journal, _) = Journal::open(&folder.0, Arc::new(move || clock.wall()), journal::Options::default()).unwrap();
    let alarms = Alarms::new(clock, journal.clone(), None);
    for detail in [Some("900 MiB free"), Some("20 MiB free"), None] {
        alarms.now("disk_full", "recordings", true, detail.map(str::to_owned));
    }
    let details: Vec<_> = alarms.standing().into_iter().map(|alarm| alarm.detail).collect();
    assert_eq!(details, [Some("20 MiB free".to_owned())]);
    journal.close();
    assert_eq!(journal.health().entries, 1);
}
