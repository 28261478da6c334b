//! Channels and ports: what is turned away when there is no room, and that nothing is left half open.

use hotline::call::mix_plan::{Command, LegFigures, Report};
use hotline::call::{LegId, SeatState};
use hotline::exchange::Input;
use hotline::sip::message::{Method, Name};

use super::city::{City, settings};
use super::peers::{Caller, Phone, reply};
use crate::call::seconds;

#[test]
fn a_trunk_beyond_its_channels_hears_its_overload_code() {
    for (status, after) in [(503, None), (486, None), (503, Some(30))] {
        let mut settings = settings();
        // Two for citizens, and two that are kept for emergencies (R31).
        (settings.trunks[0].channels, settings.trunks[0].reserved_channels) = (4, 2);
        settings.trunks[0].overload_status = status;
        settings.trunks[0].overload_retry_after = after;
        let mut city = City::new(settings);
        let mut callers: Vec<Caller> = (0..3).map(|_| Caller::new(&mut city, "12345")).collect();
        for caller in &mut callers[..2] {
            caller.invite(&mut city);
            assert_eq!(caller.hears(&mut city), [183]);
        }
        city.story();
        callers[2].invite(&mut city);
        let refusal = callers[2].hear(&mut city).unwrap();
        assert_eq!(refusal.status, status);
        let retry = refusal.headers.text(&Name::RetryAfter).map(|text| text.into_owned());
        assert_eq!(retry, after.map(|after: u32| after.to_string()), "a Retry-After makes a carrier bar the trunk");
        assert!(refusal.headers.to().unwrap().tag().is_some());
        assert!(refusal.headers.get(&Name::Server).is_some());
        callers[2].ack_failure(&mut city);
        let deeds = city.deeds();
        let refused = format!("198.51.100.9:5060 < {status} INVITE");
        assert_eq!(deeds, ["Alarm overload carrier on", "Missed refused overload", &refused]);
        let missed = city.missed();
        assert_eq!(missed.original_code.as_deref(), Some("12345"), "a call to a number of ours was offered");
        assert_eq!((missed.trunk.as_str(), missed.sip_call_id.as_str()), ("carrier", callers[2].call_id.as_str()));
        assert_eq!(city.exchange.load(), (2, 2));

        callers[0].cancel(&mut city);
        callers[0].ack_failure(&mut city);
        assert_eq!(callers[0].hears(&mut city), [200, 487]);
        let mut next = Caller::new(&mut city, "12345");
        next.invite(&mut city);
        assert_eq!(next.hears(&mut city), [183], "a channel is free again");
        city.story();
        city.pass(seconds(61));
        assert!(city.story().contains(&"Alarm overload carrier off".to_string()));
    }
}

#[test]
fn a_call_is_let_in_only_where_its_seat_will_have_a_port_too() {
    let mut settings = settings();
    // The seats' range carries two legs, the trunk's a hundred.
    settings.pools[1] = (30_000, 30_003);
    let mut city = City::new(settings);
    let mut callers: Vec<Caller> = (0..3).map(|_| Caller::new(&mut city, "12345")).collect();
    let heard: Vec<Vec<u16>> = callers
        .iter_mut()
        .map(|caller| {
            caller.invite(&mut city);
            caller.hears(&mut city)
        })
        .collect();
    assert_eq!(heard, [vec![183], vec![183], vec![503]]);
    assert_eq!(city.exchange.counters().no_port, 1);
    // A feature code takes none of the ports that calls will need.
    let mut phone = Phone::registered(&mut city, "1001");
    let rung = phone.rung(&mut city);
    let mut other = Phone::registered(&mut city, "1003");
    let body = other.body();
    assert_eq!(other.prove(&mut city, "INVITE", "sip:*21@10.0.0.1", &body).status, 503);

    // The seat rings out, and its port is still being closed: the next seat waits for that, and nobody is blamed.
    city.willing = false;
    rung.reply(&mut city, 180);
    let mut second = Phone::registered(&mut city, "1002");
    let two = second.rung(&mut city);
    two.reply(&mut city, 180);
    city.pass(seconds(12));
    assert_eq!((city.state("1001"), city.state("1002")), (SeatState::Busy, SeatState::Busy));
    let response = other.prove(&mut city, "INVITE", "sip:*20@10.0.0.1", &body);
    assert_eq!(response.status, 503, "no port for a feature code now");
    city.input(Input::Ask { seat: hotline::call::SeatNo("1001".into()), ask: hotline::call::SeatAsk::Free });
    assert_eq!(city.state("1001"), SeatState::Reserved);
    for (phone, rung) in [(&phone, &rung), (&second, &two)] {
        let (flow, cancel) = city.request_to(phone.flow.remote, &Method::Cancel).unwrap();
        city.send(flow, reply(&cancel, 200, "", &[], ""));
        rung.reply(&mut city, 487);
    }
    assert!(phone.is_rung(&mut city).is_none());
    let figures = Box::new(LegFigures::default());
    city.input(Input::Media(Report::Closed { leg: LegId(1 << 63 | 1), figures }));
    assert!(phone.is_rung(&mut city).is_some(), "as soon as a port is closed");
    assert_eq!(city.state("1001"), SeatState::Reserved);
}

#[test]
fn a_port_is_free_when_its_socket_is_closed_and_not_before() {
    let mut settings = settings();
    settings.pools[0] = (20_000, 20_001);
    let mut city = City::new(settings);
    city.willing = false;
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    caller.cancel(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200, 487]);
    caller.ack_failure(&mut city);
    let mut next = Caller::new(&mut city, "12345");
    next.invite(&mut city);
    assert_eq!(next.hears(&mut city), [503]);
    assert_eq!(city.missed().reason, "overload", "no port is a lack of room too");
    next.ack_failure(&mut city);
    // However long the media thread takes.
    city.pass(seconds(120));
    assert_eq!(city.exchange.load(), (0, 1));
    city.closed(LegId(1));
    assert_eq!(city.exchange.load(), (0, 0));
    let mut next = Caller::new(&mut city, "12345");
    next.invite(&mut city);
    assert_eq!(next.hears(&mut city), [183]);
}

#[test]
fn a_call_that_is_refused_leaves_no_half_open_leg() {
    let mut city = City::open();
    for (number, body, status) in [
        ("99999", super::peers::sdp("198.51.100.20", 4000, "sendrecv"), 404),
        ("12345", "v=0\r\nnonsense\r\n".to_string(), 0),
        ("12345", super::peers::sdp("198.51.100.20", 4000, "sendrecv").replace("RTP/AVP 8 0 101", "RTP/AVP 18"), 488),
    ] {
        let mut caller = Caller::new(&mut city, number);
        caller.invite_with(&mut city, &body);
        let heard = caller.hears(&mut city);
        assert!(heard.len() == 1 && heard[0] >= 400 && (status == 0 || heard[0] == status), "{heard:?}");
        caller.ack_failure(&mut city);
    }
    assert!(!city.media.iter().any(|command| matches!(command, Command::Open { .. })));
    assert_eq!(city.exchange.load().1, 0);
    city.pass(seconds(60));
    let holdings = city.exchange.holdings();
    assert_eq!(holdings, hotline::exchange::Holdings { lines: 2, ..Default::default() });
}

#[test]
fn a_seat_that_calls_somebody_back_takes_no_port_that_a_waiting_call_will_need() {
    let mut settings = settings();
    settings.pools[1] = (30_000, 30_003);
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    let wish = hotline::call::CallBack {
        seat: hotline::call::SeatNo("1001".into()),
        task: hotline::call::CallId(1),
        number: hotline::privacy::Private::new("13800000009".to_string()),
        code: "12345".into(),
    };
    city.input(Input::CallBack(vec![wish]));
    phone.rung(&mut city).reply(&mut city, 180);
    let mut first = Caller::new(&mut city, "12345");
    first.invite(&mut city);
    assert_eq!(first.hears(&mut city), [183]);
    let mut second = Caller::new(&mut city, "12345");
    second.invite(&mut city);
    assert_eq!(second.hears(&mut city), [503], "one port rings, the other is kept for the first caller");
    second.ack_failure(&mut city);
    let mut other = Phone::registered(&mut city, "1002");
    other.rung(&mut city).answer(&mut city);
    assert_eq!(first.hears(&mut city), [200]);
}
