//! Peers whose dialog is lost while the wire still works: a session timer that runs out (RFC 4028 §10),
//! a 200 that is never acknowledged (RFC 3261 §13.3.1.4).

use hotline::call::{Output as Wish, SeatState};
use hotline::sip::message::Method;

use super::city::City;
use super::peers::{Caller, Phone, Rung, reply};
use crate::call::seconds;

/// Citizen and seat 1001, whose 200 has this line too.
fn talking(city: &mut City, line: &str) -> (Caller, Phone, Rung) {
    let mut phone = Phone::registered(city, "1001");
    let mut caller = Caller::new(city, "12345");
    caller.invite(city);
    let rung = phone.rung(city);
    let more = [format!("Contact: <sip:phone@{}>", rung.flow.remote), line.to_owned()];
    city.send(rung.flow, reply(&rung.invite, 200, &rung.tag, &more, &rung.body));
    assert!(city.request_to(rung.flow.remote, &Method::Ack).is_some());
    assert_eq!(caller.hears(city), [183, 200]);
    caller.ack(city);
    city.story();
    city.wishes.clear();
    (caller, phone, rung)
}

/// The citizen is first in the queue and goes to the next seat, in one call, one recording, one ticket.
fn is_back_in_the_queue(city: &mut City, caller: &mut Caller, phone: &Phone, reason: &str) {
    let story = city.story();
    let heard: Vec<&String> = story.iter().filter(|line| line.starts_with("Mix") || line.starts_with("Play")).collect();
    assert_eq!(heard[..2], ["Mix c1 + [] recorded", "Play c1 Returning"], "{reason}");
    assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some(), "{reason}: its dialog may still stand");
    let seat = city.seat("1001");
    assert_eq!((seat.state, seat.reason.as_deref()), (SeatState::Busy, Some(reason)));
    let mut other = Phone::registered(city, "1002");
    other.rung(city).answer(city);
    assert_eq!(city.state("1002"), SeatState::Talking, "{reason}");
    let again =
        |wish: &Wish| matches!(wish, Wish::OpenRecording { .. } | Wish::OpenTicket(_) | Wish::SealRecording { .. });
    assert!(!city.wishes.iter().any(again), "{reason}");
    assert!(caller.hears(city).is_empty(), "{reason}: its caller hears of it by the prompt alone");
    assert_eq!(caller.bye(city), Some(200));
}

#[test]
fn a_seat_that_never_refreshes_its_session_gives_its_citizen_back() {
    let mut city = City::open();
    let (mut caller, phone, _) = talking(&mut city, "Session-Expires: 90;refresher=uas");
    city.pass(seconds(59));
    assert_eq!(city.state("1001"), SeatState::Talking);
    city.story();
    city.pass(seconds(2));
    is_back_in_the_queue(&mut city, &mut caller, &phone, "session_lost");
}

#[test]
fn a_seat_that_does_not_answer_our_refresh_gives_its_citizen_back() {
    for status in [Some(481), Some(408), None] {
        let mut city = City::open();
        let (mut caller, phone, _) = talking(&mut city, "Session-Expires: 90;refresher=uac\r\nAllow: INVITE, UPDATE");
        city.pass(seconds(45));
        let (flow, update) = city.request_to(phone.flow.remote, &Method::Update).expect("our refresh");
        city.story();
        match status {
            Some(status) => city.send(flow, reply(&update, status, "", &[], "")),
            None => city.pass(seconds(33)),
        }
        is_back_in_the_queue(&mut city, &mut caller, &phone, "session_lost");
    }
}

#[test]
fn a_seat_that_refreshes_in_time_talks_on() {
    let mut city = City::open();
    let (_, _, mut rung) = talking(&mut city, "Session-Expires: 90;refresher=uas");
    for _ in 0..4 {
        city.pass(seconds(45));
        let timer = "\r\nSupported: timer\r\nSession-Expires: 90;refresher=uac\r\nMax-";
        let update = rung.text(&mut city, "UPDATE", "").replace("\r\nMax-", timer);
        city.send(rung.flow, update);
        assert_eq!(city.response_to(rung.flow.remote).map(|answer| answer.status), Some(200));
    }
    assert_eq!(city.state("1001"), SeatState::Talking);
}

#[test]
fn a_caller_who_never_acknowledges_the_answer_is_released() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    phone.rung(&mut city).answer(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200]);
    city.pass(seconds(31));
    assert_eq!(city.exchange.board().live(), 1);
    city.pass(seconds(2));
    assert!(city.request_to(caller.flow.remote, &Method::Bye).is_some());
    assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some(), "the seat goes with its citizen");
    let closed = city.story().into_iter().find(|line| line.starts_with("CloseCall"));
    assert_eq!(closed.as_deref(), Some("CloseCall no_ack"), "the ticket stays");
}

#[test]
fn a_seat_that_never_acknowledges_our_answer_to_its_reinvite_gives_its_citizen_back() {
    let mut city = City::open();
    let (mut caller, phone, mut rung) = talking(&mut city, "Supported: timer");
    let body = phone.body();
    assert_eq!(rung.ask(&mut city, "INVITE", &body).map(|answer| answer.status), Some(200));
    city.story();
    city.pass(seconds(33));
    is_back_in_the_queue(&mut city, &mut caller, &phone, "no_ack");
}
