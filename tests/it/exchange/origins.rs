//! Who sends: a trunk, a seat, or a stranger.

use std::time::Duration;

use hotline::call::SeatState;
use hotline::exchange::settings::FixedPhone;
use hotline::sip::flow::Transport;
use hotline::sip::message::{Method, Name};

use super::city::{BOTH, City, LAN, carrier, flow, settings};
use super::peers::{Caller, Phone, sdp};
use crate::call::{SECOND, seconds};

/// On the listener for both: inside the trunk's range, and outside it.
const MIXED: &str = "192.0.2.17:5060";
const ELSEWHERE: &str = "192.0.2.99:5060";

fn both(remote: &str) -> hotline::sip::flow::Flow {
    flow(3, Transport::Udp, remote)
}

#[test]
fn a_trunk_is_known_by_listener_and_source() {
    let mut city = City::open();
    let mut caller = Caller::on(&mut city, both(MIXED), &format!("sip:12345@{BOTH}"), "13800000002");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183]);
    // The carrier's own address, but on the seats' listener.
    let mut caller = Caller::on(&mut city, flow(1, Transport::Udp, "198.51.100.9:5060"), "sip:12345@10.0.0.1", "139");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [403]);
}

#[test]
fn strangers_are_answered_within_a_budget_and_the_trunk_is_unharmed() {
    let mut city = City::open();
    let mut live = super::peers::talking(&mut city).0;
    let mut answered = 0;
    for count in 0..2_000 {
        let stranger = both(&format!("203.0.113.{}:{}", count % 200, 5060 + count / 200));
        let mut caller = Caller::on(&mut city, stranger, &format!("sip:12345@{BOTH}"), "13800000003");
        caller.invite(&mut city);
        answered += caller.hears(&mut city).iter().filter(|status| **status == 403).count();
    }
    let counters = city.exchange.counters();
    assert_eq!((counters.unknown_answered, counters.unknown_dropped), (600, 1_402), "the burst for all strangers");
    assert_eq!(answered, 598, "two went to the phone before it was registered");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183], "a trunk is not a stranger");
    assert_eq!(live.ask(&mut city, "OPTIONS", "").unwrap().status, 200);
    assert_eq!(live.bye(&mut city), Some(200));

    // One source alone has less.
    let mut city = City::open();
    for _ in 0..100 {
        Caller::on(&mut city, both(ELSEWHERE), &format!("sip:12345@{BOTH}"), "13800000003").invite(&mut city);
    }
    assert_eq!(city.exchange.counters().unknown_answered, 60);
    city.pass(SECOND);
    let mut caller = Caller::on(&mut city, both(ELSEWHERE), &format!("sip:12345@{BOTH}"), "13800000003");
    city.mail(caller.flow.remote);
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [403], "and it comes back");
}

#[test]
fn a_seats_from_user_is_challenged_and_never_a_trunk() {
    let mut city = City::open();
    let mut caller = Caller::on(&mut city, both(MIXED), &format!("sip:12345@{BOTH}"), "1001");
    caller.invite(&mut city);
    let challenge = caller.hear(&mut city).unwrap();
    assert_eq!(challenge.status, 401);
    assert!(challenge.headers.get(&Name::WwwAuthenticate).is_some());
    assert_eq!(city.exchange.board().live(), 0);

    // Who proves it, dials feature codes and nothing else.
    let mut phone = Phone::at("1001", both(MIXED));
    let body = phone.body();
    assert_eq!(phone.prove(&mut city, "INVITE", &format!("sip:12345@{BOTH}"), &body).status, 404);
    assert_eq!(phone.prove(&mut city, "INVITE", &format!("sip:*11@{BOTH}"), &body).status, 200);
    // With somebody else's password it is nobody.
    let mut phone = Phone::at("1002", both("192.0.2.18:5060"));
    phone.password = "secret-1001".into();
    assert_eq!(phone.prove(&mut city, "INVITE", &format!("sip:*11@{BOTH}"), &body).status, 401);
}

#[test]
fn a_registered_contact_calls_as_a_seat_whatever_its_from_says() {
    let mut city = City::open();
    let mut phone = Phone::at("1001", both("192.0.2.18:5060"));
    phone.register(&mut city);
    let mut caller = Caller::on(&mut city, phone.flow, &format!("sip:12345@{BOTH}"), "13800000001");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [401]);
    assert_eq!(city.exchange.board().live(), 0);
    // Its neighbour in the trunk's range is the trunk still.
    let mut caller = Caller::on(&mut city, both(MIXED), &format!("sip:12345@{BOTH}"), "13800000001");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183]);
}

#[test]
fn feature_codes_turn_a_seat_and_say_so() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    let body = phone.body();
    for (code, state) in [("*21", SeatState::Busy), ("*20", SeatState::Idle), ("*10", SeatState::SignedOut)] {
        city.story();
        let response = phone.prove(&mut city, "INVITE", &format!("sip:{code}@{LAN}"), &body);
        assert_eq!((response.status, city.state("1001")), (200, state), "{code}");
        let story = city.story();
        assert!(story.iter().any(|line| line.starts_with("Play c") && line.ends_with(" Done")), "{story:?}");
        city.pass(seconds(15));
        assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some(), "we hang up");
        city.mail(phone.flow.remote);
        city.pass(seconds(60));
        city.mail(phone.flow.remote);
    }
    assert_eq!(city.exchange.load(), (0, 0));
    // Signed out, a seat is not rung.
    Caller::new(&mut city, "12345").invite(&mut city);
    assert!(phone.is_rung(&mut city).is_none());
}

#[test]
fn a_register_on_a_listener_for_trunks_is_refused() {
    let mut city = City::open();
    let mut phone = Phone::at("1001", carrier());
    let response = phone.prove(&mut city, "REGISTER", "sip:198.51.100.1", "");
    assert_eq!(response.status, 403);
}

#[test]
fn a_fixed_phone_is_rung_once_it_has_answered_options() {
    let mut settings = settings();
    let remote = flow(1, Transport::Udp, "10.0.0.150:5060");
    settings.seats[0].fixed = Some(FixedPhone { flow: remote, user: "1001".into() });
    let mut city = City::new(settings);
    assert!(!city.seat("1001").reachable);
    let mut phone = Phone::at("1001", remote);
    city.pass(Duration::ZERO);
    assert!(phone.pong(&mut city), "it is asked at once");
    assert!(city.seat("1001").reachable);
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let rung = phone.rung(&mut city);
    assert_eq!(rung.invite.uri, "sip:1001@10.0.0.150:5060");
    rung.answer(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200]);

    // From there it dials feature codes without a password.
    let body = sdp("10.0.0.150", 6000, "sendrecv");
    let mut city = City::new({
        let mut again = super::city::settings();
        again.seats[0].fixed = Some(FixedPhone { flow: remote, user: "1001".into() });
        again
    });
    city.pass(Duration::ZERO);
    phone.pong(&mut city);
    assert_eq!(phone.prove(&mut city, "INVITE", &format!("sip:*21@{LAN}"), &body).status, 200);
    assert_eq!(city.state("1001"), SeatState::Busy);
}

#[test]
fn a_phone_that_no_longer_answers_is_not_rung_until_it_does() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    city.pass(seconds(31));
    assert!(phone.pong(&mut city), "kept alive by OPTIONS");
    city.pass(seconds(150));
    assert!(!city.seat("1001").reachable, "two of them unanswered");
    city.mail(phone.flow.remote);
    Caller::new(&mut city, "12345").invite(&mut city);
    assert!(phone.is_rung(&mut city).is_none());
    city.pass(seconds(40));
    assert!(phone.pong(&mut city));
    assert!(city.seat("1001").reachable);
    assert!(phone.is_rung(&mut city).is_some(), "and gets the caller who waits");
}

#[test]
fn a_phone_over_tcp_is_gone_when_its_connection_is() {
    let mut city = City::open();
    let mut phone = Phone::at("1002", flow(4, Transport::Tcp, "10.0.0.102:49152"));
    phone.register(&mut city);
    assert!(city.seat("1002").reachable);
    city.input(hotline::exchange::Input::TransportFailed { flow: phone.flow });
    assert!(!city.seat("1002").reachable);
    let mut phone = Phone::at("1002", flow(4, Transport::Tcp, "10.0.0.102:49153"));
    phone.register(&mut city);
    assert!(city.seat("1002").reachable, "by a new connection");
}

#[test]
fn seats_behind_one_gateway_are_each_asked_rung_and_heard_as_themselves() {
    let gateway = flow(1, Transport::Udp, "10.0.0.150:5060");
    let mut settings = settings();
    for (seat, user) in [(0, "8001"), (1, "8002")] {
        settings.seats[seat].fixed = Some(FixedPhone { flow: gateway, user: user.into() });
    }
    let mut city = City::new(settings);
    city.pass(Duration::from_millis(10));
    let mut asked = Vec::new();
    while let Some((flow, options)) = city.request_to(gateway.remote, &Method::Options) {
        city.send(flow, super::peers::reply(&options, 200, "pong", &[], ""));
        asked.push(options.uri);
    }
    assert_eq!(asked, ["sip:8001@10.0.0.150:5060", "sip:8002@10.0.0.150:5060"]);
    assert!(city.seat("1001").reachable && city.seat("1002").reachable);
    let mut rung = Vec::new();
    for _ in 0..2 {
        Caller::new(&mut city, "12345").invite(&mut city);
        rung.push(city.request_to(gateway.remote, &Method::Invite).expect("a port of the gateway").1.uri);
    }
    rung.sort();
    assert_eq!(rung, asked);

    // What a port of it dials turns its own seat, by its own number or the seat's.
    let mut city = City::new({
        let mut again = super::city::settings();
        again.seats[0].fixed = Some(FixedPhone { flow: gateway, user: "8001".into() });
        again.seats[1].fixed = Some(FixedPhone { flow: gateway, user: "8002".into() });
        again
    });
    city.pass(Duration::from_millis(10));
    while let Some((flow, options)) = city.request_to(gateway.remote, &Method::Options) {
        city.send(flow, super::peers::reply(&options, 200, "pong", &[], ""));
    }
    for (from, busy, idle) in [("8002", "1002", "1001"), ("1001", "1001", "1003"), ("7000", "", "1003")] {
        let mut phone = Phone::at(from, gateway);
        let body = sdp("10.0.0.150", 6000, "sendrecv");
        let status = phone.prove(&mut city, "INVITE", &format!("sip:*21@{LAN}"), &body).status;
        assert_eq!(status, if busy.is_empty() { 403 } else { 200 }, "{from}");
        if !busy.is_empty() {
            assert_eq!(city.state(busy), SeatState::Busy, "{from}");
        }
        assert_ne!(city.state(idle), SeatState::Busy, "{from}");
    }
}

#[test]
fn whoever_proves_a_password_calls_as_that_seat_among_several_at_one_place() {
    // A softphone with two accounts, or a border controller before the seats.
    let place = flow(1, Transport::Udp, "10.0.0.140:5060");
    let mut city = City::open();
    let mut one = Phone::at("1001", place);
    let mut two = Phone::at("1002", place);
    one.register(&mut city);
    two.register(&mut city);
    let body = one.body();
    assert_eq!(two.prove(&mut city, "INVITE", &format!("sip:*21@{LAN}"), &body).status, 200);
    assert_eq!((city.state("1001"), city.state("1002")), (SeatState::Idle, SeatState::Busy));
    // One that is registered elsewhere, or nowhere, is known by its From and its password.
    let mut three = Phone::at("1003", place);
    assert_eq!(three.prove(&mut city, "INVITE", &format!("sip:*11@{LAN}"), &body).status, 200);
    // From says who it likes, as long as the account is one of those there.
    let mut caller = Phone::at("13800000001", place);
    caller.password = "secret-1002".into();
    caller.account = Some("1002".into());
    assert_eq!(caller.prove(&mut city, "INVITE", &format!("sip:*20@{LAN}"), &body).status, 200);
    assert_eq!(city.state("1002"), SeatState::Idle);
    let mut stranger = Phone::at("1001", place);
    stranger.password = "secret-1003".into();
    stranger.account = Some("1003".into());
    assert_eq!(stranger.prove(&mut city, "INVITE", &format!("sip:*21@{LAN}"), &body).status, 403);
}
