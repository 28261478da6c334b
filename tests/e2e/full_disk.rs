//! The disk for recordings fills up while a citizen speaks.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::baresip::Phone;
use crate::process::{PATIENCE, eventually};
use crate::server::{Server, Setup};
use crate::sound::{self, CITIZEN, SEAT};

/// What would show that a file was written, replaced or given away.
fn state(path: &Path) -> (Vec<u8>, u64, i64, u32) {
    let meta = fs::metadata(path).expect("it is there");
    (fs::read(path).expect("it can be read"), meta.ino(), meta.mtime_nsec(), meta.mode())
}

#[test]
fn a_disk_that_fills_up_costs_the_recording_and_not_the_call() {
    let server = Server::with(Setup { recordings_kib: Some(1024), ..Setup::default() });
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    seat.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(1));
    citizen.hang_up();
    citizen.wait_closed();
    seat.wait_closed();
    let older = server.recording(&server.closed(1).remove(0));
    let before = state(&older);

    citizen.dial("12345");
    seat.wait("CALL_ESTABLISHED");
    citizen.wait("CALL_ESTABLISHED");
    let part = server.record_for(Duration::from_secs(1));
    let ballast = server.data().join("recordings/ballast");
    let mut file = fs::File::create(&ballast).expect("ballast");
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    // The ticket is marked and the alarm raised while they speak.
    let failed = server.rows(1, "SELECT json_array(call, error) FROM recording_failure").remove(0);
    let alarms = "SELECT json_array(subject, severity) FROM alarm WHERE name = 'recording' AND subject <> 'disk'";
    assert_eq!(server.rows(1, alarms)[0], serde_json::json!([failed[0], "critical"]));
    let standing = server.ask(&["alarms"]);
    let standing = standing["rows"].as_array().expect("rows");
    assert!(standing.iter().any(|alarm| alarm["subject"] == failed[0] && alarm["name"] == "recording"), "{standing:?}");
    let full = fs::metadata(&part).expect("it is there").len();

    // Both still hear each other: what the citizen's phone got grows by a second of speech.
    let size = || citizen_bytes(&citizen);
    let heard = size();
    eventually("they speak on", PATIENCE, || (size() >= heard + 16_000).then_some(()));
    assert!(!citizen.has_seen("CALL_CLOSED") && !seat.has_seen("CALL_CLOSED"));
    assert_eq!(fs::metadata(&part).expect("it is there").len(), full, "there was no room meanwhile");
    citizen.hang_up();
    seat.wait_closed();
    let calls = server.rows(2, "SELECT json_array(end_reason) FROM call WHERE t_end IS NOT NULL");
    assert!(calls.iter().all(|call| call[0] == "normal"), "{calls:?}");
    assert_eq!(marks(&server), ["missing", "sealed"], "newest first");
    assert_eq!(state(&older), before, "nothing older is touched");

    // With room again the recording is sealed as far as it goes; the ticket still says that it had failed.
    fs::remove_file(&ballast).expect("removed");
    let sealed = server.closed(2);
    let late = sealed.iter().find(|call| server.recording(call) != older).expect("the second");
    sound::assert_only("the late one", &sound::read_recording(&server.recording(late))[0], CITIZEN, SEAT);
    assert_eq!(marks(&server), ["degraded", "sealed"]);
    assert_eq!(state(&older), before);
    sound::assert_only("the older one", &sound::read_recording(&older)[0], CITIZEN, SEAT);
}

/// Of what the phone wrote down.
fn citizen_bytes(citizen: &Phone) -> u64 {
    citizen.heard().iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum()
}

/// What each ticket says of its recording.
fn marks(server: &Server) -> Vec<String> {
    let list = server.ask(&["tickets"]);
    let rows = list["rows"].as_array().expect("rows");
    rows.iter().map(|ticket| ticket["recording"].as_str().expect("a mark").to_owned()).collect()
}
