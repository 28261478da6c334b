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

fn sealed(call: CallId) -> Done {
    Done::Sealed(Box::new(Sealed {
        call,
        path: "2026/11/24/1/call.wav".into(),
        parts: Vec::new(),
        started: Wall(0),
        ended: Wall(1000),
        duration_ms: 1000,
        bytes: 16_058,
        sha256: String::new(),
        format: "alaw".into(),
        verdict: Verdict::Degraded,
        keep_until: "2029-11-25".into(),
        gaps: 1,
        recovered: false,
    }))
}

#[test]
fn a_recording_that_is_sealed_after_all_clears_its_alarm_and_no_other() {
    let folder = std::env::temp_dir().join(format!("hotline-alarms-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let clock = Clock::start();
    let (journal, _) = Journal::open(&folder, Arc::new(move || clock.wall()), journal::Options::default()).unwrap();
    let alarms = Alarms::new(clock, journal.clone(), None);
    let news = recorder_news(journal.clone(), Arc::clone(&alarms), Arc::default(), clock);
    let subjects = || alarms.standing().into_iter().map(|alarm| alarm.subject).collect::<Vec<_>>();
    for call in [CallId(1), CallId(2)] {
        news(Done::Failed { call, error: "no space left".into() });
    }
    assert_eq!(subjects().len(), 2);
    news(sealed(CallId(1)));
    news(sealed(CallId(3)));
    assert_eq!(subjects(), [CallId(2).to_string()]);
    journal.close();
    let _ = fs::remove_dir_all(&folder);
}
