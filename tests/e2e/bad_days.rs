//! Crashes, vanished phones, a locked database: what a citizen and the archive see of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::baresip::{self, Phone};
use crate::process::{PATIENCE, eventually};
use crate::server::{DatabaseLock, Server, Setup};
use crate::sound::{self, CITIZEN, SEAT};

#[test]
fn a_killed_server_loses_no_more_than_a_second_and_releases_the_phones_at_its_next_start() {
    let mut server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    let ticket = server.tickets(1).remove(0);
    let file = server.record_for(Duration::from_secs(3));
    server.kill();
    let killed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();

    let [left, right] = sound::read_recording(&file);
    sound::assert_only("left", &left, CITIZEN, SEAT);
    sound::assert_only("right", &right, SEAT, CITIZEN);
    let talked = killed as f64 - ticket["t_answer"].as_f64().expect("time");
    let lost = talked - left.len() as f64 / 8.0;
    assert!(lost <= 1000.0, "{lost} ms are lost of {talked}");

    server.restart();
    citizen.wait_closed();
    seat.wait_closed();
    let call = server.closed(1).remove(0);
    assert_eq!(call["number"], ticket["number"]);
    assert_eq!(call["end_reason"], "restart");
    assert_eq!(call["recording"]["recovered"], true);
    let [after, _] = sound::read_recording(&server.recording(&call));
    assert!(after.len() >= left.len(), "repair shortens nothing");
    assert!(server.live_recordings().is_empty());
}

#[test]
fn a_stopping_server_lets_live_calls_finish_and_ends_them_when_told_twice() {
    let mut server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    let mut late = Phone::citizen(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(1));
    assert_eq!(server.get("/readyz"), 200);
    server.terminate();
    server.wait_for("draining");
    assert_eq!((server.get("/healthz"), server.get("/readyz")), (200, 503));
    late.dial("12345");
    let why = late.wait_closed();
    assert!(why.starts_with("503"), "{why}");
    server.record_more(Duration::from_secs(2));
    assert!(!citizen.has_seen("CALL_CLOSED") && !seat.has_seen("CALL_CLOSED"), "the live call goes on");
    server.terminate();
    citizen.wait_closed();
    seat.wait_closed();
    assert!(server.wait_exit().success());
    let call = server.closed(1).remove(0);
    assert_eq!(call["end_reason"], "shutdown");
    assert_eq!(call["recording"]["verdict"], "ok");
    sound::assert_only("left", &sound::read_recording(&server.recording(&call))[0], CITIZEN, SEAT);
    assert_eq!(server.missed(1)[0]["stage"], "refused");
}

#[test]
fn a_seat_that_vanishes_loses_the_call_but_not_the_caller() {
    let server = Server::with(Setup { server: &[("media_timeout_s", "5")], ..Setup::default() });
    let mut first = Phone::seat(&server, "1001");
    let mut second = Phone::seat(&server, "1002");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    first.wait("CALL_ESTABLISHED");
    citizen.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(2));
    first.kill();
    second.wait_within("CALL_ESTABLISHED", Duration::from_secs(50));
    assert!(!citizen.has_seen("CALL_CLOSED"));
    server.record_more(Duration::from_secs(2));
    citizen.hang_up();
    second.wait_closed();
    // One call, one ticket, one recording; both seats took part.
    let call = server.closed(1).remove(0);
    let names: Vec<_> =
        call["ended"]["participants"].as_array().expect("list").iter().map(|part| part["name"].clone()).collect();
    assert!(names.contains(&"1001 seat".into()) && names.contains(&"1002 seat".into()), "{call}");
    sound::assert_only("the second seat's ear", &sound::read_heard(&second.heard()), CITIZEN, SEAT);
    let [_, right] = sound::read_recording(&server.recording(&call));
    let half = right.len() / 2;
    for part in [&right[..half], &right[half..]] {
        sound::assert_only("right", part, SEAT, CITIZEN);
    }
}

#[test]
fn a_seat_whose_connection_breaks_loses_the_call_at_once() {
    let server = Server::start();
    let over_tcp = baresip::Setup { transport: "tcp", ..Phone::seat_setup(&server, "1001") };
    let mut first = Phone::registered(&server, over_tcp);
    let mut second = Phone::seat(&server, "1002");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    first.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(1));
    first.kill();
    // Long before its silence would be noticed.
    second.wait_within("CALL_ESTABLISHED", Duration::from_secs(10));
    assert_eq!(server.seat_is("1001", "busy"), "transport_lost");
    citizen.hang_up();
    server.closed(1);
}

#[test]
fn a_locked_database_loses_no_ticket_and_makes_no_double() {
    let mut server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    let lock = DatabaseLock::take(&server);
    for _ in 0..2 {
        citizen.dial("12345");
        seat.wait("CALL_ESTABLISHED");
        citizen.wait("CALL_ESTABLISHED");
        server.record_for(Duration::from_millis(500));
        citizen.hang_up();
        seat.wait_closed();
        eventually("the recording is sealed", PATIENCE, || server.live_recordings().is_empty().then_some(()));
    }
    // The journal has them, over a crash too; the database gets them when it is there again.
    server.restart();
    assert!(server.query("SELECT json_array(number) FROM ticket").is_empty());
    drop(lock);
    let calls = server.closed(2);
    assert_ne!(calls[0]["number"], calls[1]["number"]);
    assert!(calls.iter().all(|call| call["end_reason"] == "normal"), "{calls:?}");
}

#[test]
fn a_second_server_on_one_data_folder_is_refused() {
    let mut server = Server::start();
    let mut second = server.second();
    assert!(!second.wait(PATIENCE).success());
    assert!(second.said().contains("cannot start"), "{}", second.said());
    // The first one does not mind.
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    seat.wait("CALL_ESTABLISHED");
    citizen.hang_up();
    server.closed(1);
    server.terminate();
    assert!(server.wait_exit().success());
}
