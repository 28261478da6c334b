//! Sealed recordings are compared with their seals for as long as the server runs (R68).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hotline::app::verifier::{Verifier, early};
use hotline::archive::shelf::Condition;
use hotline::call::CallId;
use hotline::store::entry::{Entry, Verified};
use serde_json::json;

use super::house::House;

fn verify(house: &House) -> tokio::task::JoinHandle<()> {
    let office = &house.server.office;
    let verifier = Verifier {
        store: Arc::clone(&office.store),
        journal: office.journal.clone(),
        progress: office.progress.clone(),
        shelf: Arc::clone(&office.shelf),
        alarms: Arc::clone(&office.alarms),
        clock: office.clock,
        rate: Arc::new(AtomicU64::new(1 << 30)),
        ending: Arc::default(),
    };
    tokio::spawn(verifier.run())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_recording_is_alarmed_and_under_quarantine_and_nothing_goes() {
    let call = CallId(0x0193_5d2e_8a00_0001);
    let house = House::with_recording("quarantine", call).await;
    let whole = house.recording.clone().expect("sealed");
    let sealed = house.get(&format!("/api/recordings?call={call}")).json()["rows"][0].clone();
    let file = house.data().join("recordings").join(sealed["path"].as_str().unwrap());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let mut changed = whole.clone();
    changed[1_000] ^= 1;
    fs::write(&file, &changed).unwrap();

    let verifier = verify(&house);
    let standing = || house.get("/api/alarms").json()["standing"].to_string();
    let condition = || house.get(&format!("/api/recordings?call={call}")).json()["rows"][0]["condition"].clone();
    house.settle(|| condition() == "changed").await;
    assert!(
        house.get("/metrics").text.contains(&format!("name=\"recording_changed\",subject=\"{call}\"")),
        "{}",
        standing()
    );
    let held = house.get("/api/recordings?quarantined=true").json();
    assert_eq!(held["rows"][0]["call"], json!(call.to_string()));
    let audio = format!("/api/recordings/{call}/audio?purpose=case%209");
    let refused = house.get(&audio);
    assert_eq!((refused.status, refused.code()), (409, "quarantined"), "{}", refused.text);
    let given = house.get(&format!("{audio}&quarantined=true"));
    assert!(given.status == 200 && given.bytes == changed, "by name it is given as it is");
    assert_eq!(fs::read(&file).unwrap(), changed, "no file moves or goes");
    verifier.abort();

    // An earlier run found it: the alarm stands again. Then the file is back from a backup.
    house.server.office.alarms.now("recording_changed", &call.to_string(), false, None);
    let verifier = verify(&house);
    house.settle(|| house.get("/metrics").text.contains("recording_changed")).await;
    verifier.abort();
    fs::write(&file, &whole).unwrap();
    let at = house.server.office.clock.wall();
    house.record(Entry::Verified(Verified { call, at, condition: Condition::Verified })).await;
    assert_eq!(house.get(&audio).status, 200);
    assert_eq!(house.get("/api/recordings?quarantined=true").json()["rows"], json!([]));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_condition_is_found() {
    for (name, condition) in [("verified", "verified"), ("missing", "missing"), ("unreadable", "unreadable")] {
        let call = CallId(0x0193_5d2e_8a00_0002);
        let house = House::with_recording(&format!("condition-{name}"), call).await;
        let path = house.get(&format!("/api/recordings?call={call}")).json()["rows"][0]["path"].clone();
        let file = house.data().join("recordings").join(path.as_str().unwrap());
        match name {
            "missing" => fs::rename(&file, file.with_extension("elsewhere")).unwrap(),
            // A folder is there, and gives no bytes.
            "unreadable" => {
                fs::rename(&file, file.with_extension("elsewhere")).unwrap();
                fs::create_dir(&file).unwrap();
            }
            _ => {}
        }
        let verifier = verify(&house);
        let now = || house.get(&format!("/api/recordings?call={call}")).json()["rows"][0]["condition"].clone();
        house.settle(|| !now().is_null()).await;
        assert_eq!(now(), condition);
        assert_eq!(house.get("/metrics").text.contains("recording_changed"), condition != "verified");
        verifier.abort();
        house.stop().await;
    }
}

#[test]
fn the_walk_keeps_its_pace() {
    let second = Duration::from_secs(1);
    // Bytes read, bytes a second, time since the begin; how long is to be waited.
    for (bytes, rate, elapsed, wait) in [
        (0, 1_000, Duration::ZERO, None),
        (1_000, 1_000, Duration::ZERO, Some(second)),
        (1_000, 1_000, second, None),
        (3_000, 1_000, second, Some(2 * second)),
        (1_000, 1_000, 5 * second, None),
        (2, 0, second, Some(second)),
    ] {
        assert_eq!(early(bytes, rate, elapsed), wait, "{bytes} {rate} {elapsed:?}");
    }
}
