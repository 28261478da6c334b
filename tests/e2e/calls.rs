//! A citizen calls and a seat answers, or not.

use std::process::Command;
use std::time::Duration;

use crate::baresip::Phone;
use crate::capture::Capture;
use crate::process::run;
use crate::server::{Server, Setup};
use crate::sound::{self, CITIZEN, SEAT};

#[test]
fn an_answered_call_is_heard_recorded_and_has_its_ticket() {
    let server = Server::start();
    let mut capture = Capture::start(server.rtp);
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12331");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    // The ticket is there while they speak.
    let ticket = server.tickets(1).remove(0);
    assert_eq!(ticket["t_end"], serde_json::Value::Null);
    server.record_for(Duration::from_secs(5));
    citizen.hang_up();
    seat.wait_closed();

    let call = server.closed(1).remove(0);
    capture.stop();
    assert_eq!(call["number"], ticket["number"]);
    assert_eq!(call["original_code"], "12331");
    assert_eq!(call["opened"]["hotline_primary"], "12315");
    assert_eq!(call["opened"]["caller"]["number"], crate::baresip::CITIZEN);
    assert_eq!(call["seat"], "1001");

    let recording = server.recording(&call);
    assert_eq!(call["recording"]["verdict"], "ok");
    let sum = run(Command::new("sha256sum").arg(&recording));
    assert_eq!(call["recording"]["sha256"], sum.split_whitespace().next().expect("sum"));

    let [left, right] = sound::read_recording(&recording);
    sound::assert_only("recording, left", &left, CITIZEN, SEAT);
    sound::assert_only("recording, right", &right, SEAT, CITIZEN);
    sound::assert_only("the seat's ear", &sound::read_heard(&seat.heard()), CITIZEN, SEAT);
    sound::assert_only("the citizen's ear", &sound::read_heard(&citizen.heard()), SEAT, CITIZEN);

    // What the wire says of when each of them spoke is what the recording says.
    let wire = capture.spoken_to(server.rtp, [CITIZEN, SEAT]);
    let lags = [(&wire[0], &left, CITIZEN), (&wire[1], &right, SEAT)]
        .map(|(said, recorded, hz)| sound::lag_ms(&sound::envelope(said, hz), &sound::envelope(recorded, hz)));
    let apart = (lags[0] - lags[1]).abs();
    assert!(apart <= 40.0, "the recording's sides are {apart} ms off each other");
}

#[test]
fn who_gives_up_in_the_queue_is_missed_and_has_no_ticket() {
    let server = Server::with(Setup { trunk: &[("queue_answer", "\"early_then_connect(2)\"")], ..Setup::default() });
    let mut citizen = Phone::citizen(&server);
    // Nobody is there: by CANCEL while it rings, and by BYE once the call stands to wait on.
    citizen.dial("12345");
    citizen.wait("CALL_PROGRESS");
    citizen.hang_up();
    citizen.wait_closed();
    server.missed(1);
    citizen.dial("12345");
    citizen.wait("CALL_PROGRESS");
    citizen.wait("CALL_ESTABLISHED");
    citizen.hang_up();
    let missed = server.missed(2);
    for call in &missed {
        assert_eq!((&call["stage"], &call["original_code"]), (&"queue".into(), &"12345".into()), "{call}");
    }
    assert!(missed[1]["wait_ms"].as_u64() >= Some(2000), "{missed:?}");
    server.tickets(0);
    assert!(server.live_recordings().is_empty());
}

#[test]
fn a_seat_that_does_not_pick_up_loses_the_call_to_the_next() {
    let server = Server::with(Setup { server: &[("ring_no_answer_s", "3")], ..Setup::default() });
    let mut first =
        Phone::registered(&server, crate::baresip::Setup { answers: false, ..Phone::seat_setup(&server, "1001") });
    let mut second = Phone::seat(&server, "1002");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    first.wait("CALL_INCOMING");
    assert!(!second.has_seen("CALL_INCOMING"), "one seat at a time");
    first.wait_closed();
    second.wait("CALL_ESTABLISHED");
    citizen.wait("CALL_ESTABLISHED");
    assert_eq!(server.seat_is("1001", "busy"), "no_answer");
    citizen.hang_up();
    let call = server.closed(1).remove(0);
    assert_eq!(call["seat"], "1002");
    assert!(call["opened"]["wait_ms"].as_u64() >= Some(3000), "{call}");
}

#[test]
fn either_side_may_hang_up() {
    let server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    for by_seat in [true, false] {
        citizen.dial("12345");
        seat.wait("CALL_ESTABLISHED");
        citizen.wait("CALL_ESTABLISHED");
        let (goes, stays) = if by_seat { (&mut seat, &mut citizen) } else { (&mut citizen, &mut seat) };
        goes.hang_up();
        stays.wait_closed();
        server.closed(if by_seat { 1 } else { 2 });
    }
    let by: Vec<_> = server.closed(2).into_iter().map(|call| call["ended"]["released_by"].clone()).collect();
    assert_eq!(by, ["seat", "caller"]);
}

#[test]
fn a_held_citizen_hears_music_that_is_not_recorded() {
    let server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(2));
    seat.command("hold", "");
    server.seat_is("1001", "held");
    server.record_more(Duration::from_secs(3));
    seat.command("resume", "");
    server.seat_is("1001", "talking");
    server.record_more(Duration::from_secs(2));
    seat.hang_up();
    citizen.wait_closed();

    let call = server.closed(1).remove(0);
    assert!(call["ended"]["hold_ms"].as_u64() >= Some(2000), "{call}");
    let side_car = std::fs::read_to_string(server.recording(&call).with_extension("json")).expect("side-car");
    let side_car: serde_json::Value = serde_json::from_str(&side_car).expect("JSON");
    let mark = |what: &str| {
        let marks = side_car["marks"].as_array().expect("marks");
        let at = marks.iter().find(|mark| mark["what"][what].is_object()).and_then(|mark| mark["at_ms"].as_u64());
        usize::try_from(at.unwrap_or_else(|| panic!("no {what} in {side_car}"))).expect("short") * sound::RATE / 1000
    };
    let (hold, resume) = (mark("held"), mark("resumed"));
    let [_, right] = sound::read_recording(&server.recording(&call));
    // A packet may be on its way when the seat presses the key, and its first word after the hold may begin
    // in the packet before the mark.
    let held = &right[hold + sound::RATE / 5..resume - sound::RATE / 50];
    assert!(sound::rms(held) < 0.001, "music on the recording: {}", sound::rms(held));
    sound::assert_only("before", &right[..hold], SEAT, CITIZEN);
    sound::assert_only("after", &right[resume..], SEAT, CITIZEN);

    let heard = sound::read_heard(&citizen.heard());
    let tone = sound::envelope(&heard, SEAT);
    let music =
        tone.iter().zip(heard.windows(400).step_by(40)).filter(|(tone, part)| **tone < 0.01 && sound::rms(part) > 0.01);
    assert!(music.count() > 300, "less than 1.5 s of music were heard");
}

#[test]
fn a_seat_goes_busy_and_free_from_its_phone() {
    let server = Server::start();
    let mut first = Phone::seat(&server, "1001");
    let mut second = Phone::seat(&server, "1002");
    let mut citizen = Phone::citizen(&server);
    first.dial("*21");
    first.wait_closed();
    server.seat_is("1001", "busy");
    citizen.dial("12345");
    second.wait("CALL_ESTABLISHED");
    citizen.hang_up();
    citizen.wait_closed();
    second.wait_closed();
    first.dial("*20");
    first.wait_closed();
    server.seat_is("1001", "idle");
    second.dial("*21");
    second.wait_closed();
    server.seat_is("1002", "busy");
    citizen.dial("12345");
    first.wait("CALL_ESTABLISHED");
    citizen.hang_up();
    let seats: Vec<_> = server.closed(2).into_iter().map(|call| call["seat"].clone()).collect();
    assert_eq!(seats, ["1002", "1001"]);
}
