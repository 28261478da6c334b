//! The lines of the directory on the wire: through which trunks, with whose number, to which device.

use hotline::call::directory::{AfterSeat, AnswerPolicy, Directory, Entry, Kind, Line, LineTo, Service, Shown};
use hotline::call::mix_plan::Command;
use hotline::call::{Failure, SeatAsk, SeatNo, SeatState, ThirdState, Verb};
use hotline::exchange::Input;
use hotline::exchange::settings::{AssertedIdentity, Device, Settings};
use hotline::privacy::Private;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Method, Name, Request};

use super::city::{City, flow, settings, trunk};
use super::peers::{Caller, Phone, Rung, reply, sdp, talking};
use crate::call::seconds;

const FIRST: &str = "198.51.100.9:5060";
const SECOND: &str = "198.51.100.40:5060";

pub fn number(number: &str, trunks: &[&str], shown: Option<Shown>) -> LineTo {
    let trunks = trunks.iter().map(|name| (*name).to_owned()).collect();
    LineTo::Number { number: Private::new(number.to_owned()), trunks, shown }
}

/// An entry that is always open.
pub fn entry(code: &str, kind: Kind, lines: Vec<LineTo>) -> Entry {
    Entry {
        code: code.to_owned(),
        name: format!("单位 {code}"),
        pinyin: None,
        after_seat_leaves: AfterSeat::EndAll,
        kind,
        lines: lines.into_iter().map(|to| Line { to, duty: true }).collect(),
        hours: None,
        answer: AnswerPolicy::Announced,
        competence: Vec::new(),
    }
}

/// Trunks `carrier` and `second`, both with a host, and these who can be brought in.
pub fn with(entries: Vec<Entry>) -> Settings {
    let mut settings = settings();
    settings.trunks.truncate(1);
    settings.trunks.push(trunk("second", 0, "198.51.100.40"));
    settings.trunks[0].addresses = vec![FIRST.parse().unwrap()];
    settings.trunks[1].addresses = vec![SECOND.parse().unwrap()];
    settings.board.directory = Directory::new(entries, Vec::new());
    settings
}

/// Seat 1001 talks to whoever calls with these headers and brings 601 in.
fn brought_in(settings: Settings, more: &[String]) -> City {
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.more = more.to_vec();
    caller.invite(&mut city);
    phone.rung(&mut city).answer(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200]);
    caller.ack(&mut city);
    bring_in(&mut city, "601");
    city
}

pub fn bring_in(city: &mut City, whom: &str) {
    let ask = SeatAsk::Talk(Verb::Direct(whom.to_owned()));
    city.input(Input::Ask { seat: SeatNo("1001".into()), ask });
}

pub fn invited(city: &mut City, host: &str) -> Option<(Flow, Request)> {
    city.request_to(host.parse().unwrap(), &Method::Invite)
}

fn users(request: &Request, name: &Name) -> Option<String> {
    request.headers.addrs(name).first().and_then(|address| address.uri.unescaped_user())
}

/// R14, R29; a trunk that knows our own numbers alone has `from = "pilot"`.
#[test]
fn a_third_party_is_shown_the_number_that_its_line_says_and_the_trunk_allows() {
    use AssertedIdentity::{Caller, Off, Ours};
    const CITIZEN: &str = "13800000001";
    const OURS: &str = "12345";
    let table = [
        // by the line, by the kind; the trunk shows callers in From, and what in P-Asserted-Identity
        (Some(Shown::Citizen), Kind::Unit, true, Off, CITIZEN, None),
        (Some(Shown::Citizen), Kind::Unit, true, Ours, CITIZEN, Some(OURS)),
        (Some(Shown::Citizen), Kind::Unit, true, Caller, CITIZEN, Some(CITIZEN)),
        (Some(Shown::Citizen), Kind::Unit, false, Caller, OURS, Some(CITIZEN)),
        (Some(Shown::Citizen), Kind::Unit, false, Ours, OURS, Some(OURS)),
        (Some(Shown::Ours), Kind::Branch, true, Caller, OURS, Some(OURS)),
        (None, Kind::Branch, true, Off, CITIZEN, None),
        (None, Kind::Expert, true, Off, CITIZEN, None),
        (None, Kind::Unit, true, Off, OURS, None),
        (None, Kind::DutyPhone, true, Caller, OURS, Some(OURS)),
    ];
    for (shown, kind, in_from, asserted, from, pai) in table {
        let case = format!("{shown:?} {kind:?} {in_from} {asserted:?}");
        for withheld in [false, true] {
            let mut settings = with(vec![entry("601", kind.clone(), vec![number("07980000101", &[], shown)])]);
            (settings.trunks[0].shows_caller, settings.trunks[0].asserted_identity) = (in_from, asserted);
            settings.trunks[0].diversion = true;
            let more = if withheld { vec!["Privacy: id".to_owned()] } else { Vec::new() };
            let mut city = brought_in(settings, &more);
            let (_, invite) = invited(&mut city, FIRST).expect("the carrier is asked");
            let (from, pai) = if withheld { (OURS, pai.map(|_| OURS)) } else { (from, pai) };
            assert_eq!(users(&invite, &Name::From).as_deref(), Some(from), "{case} {withheld}");
            assert_eq!(users(&invite, &Name::PAssertedIdentity).as_deref(), pai, "{case} {withheld}");
            assert_eq!(users(&invite, &Name::Diversion).as_deref(), Some("12345"), "{case}: which hotline it was");
            let said = String::from_utf8_lossy(&invite.to_bytes()).contains(CITIZEN);
            assert_eq!(said, from == CITIZEN || pai == Some(CITIZEN), "{case} {withheld}");
        }
    }
}

#[test]
fn a_number_without_an_entry_is_called_with_our_own_number() {
    let mut city = brought_in(with(Vec::new()), &[]);
    bring_in(&mut city, "07980000777");
    let (_, invite) = invited(&mut city, FIRST).expect("the carrier is asked");
    assert_eq!(users(&invite, &Name::From).as_deref(), Some("12345"));
}

#[test]
fn a_line_is_called_through_its_own_trunks_in_their_order() {
    let table: [(&[&str], &[&str]); 5] = [
        (&[], &[FIRST, SECOND]),
        (&["carrier", "second"], &[FIRST, SECOND]),
        (&["second", "carrier"], &[SECOND, FIRST]),
        (&["second"], &[SECOND]),
        (&["second", "gone since a reload"], &[SECOND]),
    ];
    for (trunks, asked) in table {
        let lines = vec![number("07980000101", trunks, None), number("07980000102", &[], None)];
        let mut city = brought_in(with(vec![entry("601", Kind::Unit, lines)]), &[]);
        for host in asked {
            let (flow, invite) = invited(&mut city, host).unwrap_or_else(|| panic!("{trunks:?}: {host}"));
            assert!(invite.uri.contains("07980000101@"), "{trunks:?}: {}", invite.uri);
            city.send(flow, reply(&invite, 503, "callee", &[], ""));
        }
        let next = [FIRST, SECOND].iter().find_map(|host| invited(&mut city, host)).expect("the next number");
        assert!(next.1.uri.contains("07980000102@"), "{trunks:?}: {}", next.1.uri);
    }
}

#[test]
fn a_trunk_without_a_free_channel_is_passed_over() {
    let lines = vec![number("07980000101", &["second", "carrier"], None)];
    let mut settings = with(vec![entry("601", Kind::Unit, lines)]);
    (settings.trunks[1].channels, settings.trunks[1].reserved_channels) = (2, 2);
    let mut city = brought_in(settings, &[]);
    assert!(invited(&mut city, SECOND).is_none() && invited(&mut city, FIRST).is_some());
}

/// On the LAN of the seats, without an account.
const DEVICE: &str = "10.0.0.71:5060";
const SPARE: &str = "10.0.0.72:5060";

/// 601: a branch's device, then a telephone.
fn with_device(addresses: &[&str]) -> Settings {
    let uri = "sip:671@phone.example".to_owned();
    let lines = vec![LineTo::Device(uri.clone()), number("07980000671", &[], None)];
    let mut settings = with(vec![entry("601", Kind::Branch, lines)]);
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    settings.devices = vec![Device { uri, listener: ListenerId(1), user: Some("671".into()), addresses }];
    settings
}

/// The device answers its INVITE as a seat's phone would.
fn picked_up(city: &mut City, host: &str) -> Rung {
    let (flow, invite) = invited(city, host).expect("the device is called");
    let rung = Rung { flow, invite, tag: "device".into(), body: sdp("10.0.0.71", 6000, "sendrecv"), cseq: 0 };
    rung.reply(city, 180);
    rung.answer(city);
    rung
}

#[test]
fn a_device_is_called_at_its_address_and_speaks_in_its_dialog() {
    let mut city = brought_in(with_device(&[DEVICE]), &[]);
    let mut device = picked_up(&mut city, DEVICE);
    assert_eq!(device.flow.listener, ListenerId(1), "out of the listener of the seats");
    assert_eq!(device.invite.uri, format!("sip:671@{DEVICE}"));
    let from = device.invite.headers.from().unwrap();
    assert_eq!(from.uri.unescaped_user().as_deref(), Some("13800000001"));
    assert!(device.invite.headers.text(&Name::From).unwrap().contains("13800000001\""), "a branch sees who calls");
    assert!(String::from_utf8_lossy(&device.invite.body).contains("c=IN IP4 10.0.0.1\r\n"));
    assert_eq!(city.state("1001"), SeatState::ThreeWay);

    let hold = sdp("10.0.0.71", 6000, "sendonly");
    assert_eq!(device.ask(&mut city, "INVITE", &hold).map(|response| response.status), Some(200));
    let ack = device.text(&mut city, "ACK", "").replace("CSeq: 2 ACK", "CSeq: 1 ACK");
    city.send(device.flow, ack);
    let refer = device.text(&mut city, "REFER", "").replace("Max-Forwards: 70", "Refer-To: <sip:602@10.0.0.1>");
    city.send(device.flow, refer);
    assert_eq!(city.response_to(device.flow.remote).map(|response| response.status), Some(403), "it is no seat");
    assert_eq!(device.bye(&mut city), Some(200));
    assert_eq!(city.state("1001"), SeatState::Talking, "the citizen goes on with the seat");
}

#[test]
fn a_device_that_is_not_there_costs_the_citizen_nothing() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Says {
        Final(u16),
        Challenge,
        Nothing,
        NoAddress,
    }
    for says in [Says::Final(486), Says::Final(404), Says::Final(503), Says::Challenge, Says::Nothing, Says::NoAddress]
    {
        let mut city = brought_in(with_device(if says == Says::NoAddress { &[] } else { &[DEVICE] }), &[]);
        if let Some((flow, invite)) = invited(&mut city, DEVICE) {
            let challenge = ["WWW-Authenticate: Digest realm=\"device\", nonce=\"n1\", qop=\"auth\"".to_owned()];
            match says {
                Says::Final(status) => city.send(flow, reply(&invite, status, "device", &[], "")),
                Says::Challenge => city.send(flow, reply(&invite, 401, "device", &challenge, "")),
                Says::Nothing | Says::NoAddress => city.pass(seconds(33)),
            }
        }
        let (_, next) = invited(&mut city, FIRST).unwrap_or_else(|| panic!("{says:?}: the next line"));
        assert!(next.uri.contains("07980000671@"), "{says:?}");
        assert_eq!(city.state("1001"), SeatState::Talking, "{says:?}");
    }
}

#[test]
fn a_device_with_a_name_is_called_where_dns_says_and_elsewhere_if_it_is_silent() {
    let mut settings = with_device(&[]);
    let mut city = City::new(settings.clone());
    let uri = "sip:671@phone.example".to_owned();
    let both = ["[2001:db8::71]:5060", DEVICE, SPARE].map(|address| address.parse().unwrap()).to_vec();
    city.input(Input::Resolved { trunk: uri, addresses: both });
    // What DNS said outlives a reload.
    settings.user_agent = "hotline/again".into();
    city.input(Input::Reload(Box::new(settings)));
    talking(&mut city);
    bring_in(&mut city, "601");
    assert!(invited(&mut city, DEVICE).is_some());
    city.pass(seconds(6));
    picked_up(&mut city, SPARE);
    assert_eq!(city.state("1001"), SeatState::ThreeWay);
}

#[test]
fn a_device_is_no_stranger_and_may_call_nobody() {
    let mut city = City::new(with_device(&[DEVICE]));
    let device = flow(1, Transport::Udp, DEVICE);
    assert!(city.exchange.knows(device));
    let mut caller = Caller::on(&mut city, device, "sip:12345@10.0.0.1", "671");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [403]);
    city.input(Input::Reload(Box::new(with(Vec::new()))));
    assert!(!city.exchange.knows(device));
}

/// R31: two of four channels are kept.
#[test]
fn emergencies_are_called_where_all_other_channels_are_taken_and_nobody_else_is() {
    let emergency = entry(
        "110",
        Kind::Emergency(Service::Police),
        vec![number("110", &[], None), number("07980000110", &[], None)],
    );
    let unit = |code: &str| entry(code, Kind::Unit, vec![number("07980000101", &[], None)]);
    let mut settings = with(vec![emergency, unit("601"), unit("602")]);
    settings.trunks.truncate(1);
    (settings.trunks[0].channels, settings.trunks[0].reserved_channels) = (4, 2);
    let mut city = brought_in(settings, &[]);
    let (flow, invite) = invited(&mut city, FIRST).expect("the second channel is a unit's");
    city.send(
        flow,
        reply(&invite, 200, "unit", &[format!("Contact: <sip:gw@{FIRST}>")], &sdp("198.51.100.20", 4002, "sendrecv")),
    );
    assert_eq!(city.state("1001"), SeatState::ThreeWay);

    let mut late = Caller::new(&mut city, "12345");
    late.invite(&mut city);
    assert_eq!(late.hears(&mut city), [503], "no citizen takes a reserved channel");
    bring_in(&mut city, "602");
    assert!(invited(&mut city, FIRST).is_none(), "nor does a unit");
    let failures = city.exchange.board().calls().remove(0).thirds.remove(0).failures;
    assert_eq!(failures, [Failure::NoWay]);

    // 110 does, and its other number after it.
    bring_in(&mut city, "110");
    let (flow, invite) = invited(&mut city, FIRST).expect("110 is called");
    assert!(invite.uri.starts_with("sip:110@"), "{}", invite.uri);
    assert_eq!(users(&invite, &Name::From).as_deref(), Some("13800000001"), "110 sees who calls");
    city.send(flow, reply(&invite, 486, "110", &[], ""));
    city.request_to(flow.remote, &Method::Ack);
    let (_, next) = invited(&mut city, FIRST).expect("its other number");
    assert!(next.uri.starts_with("sip:07980000110@"), "{}", next.uri);
}

/// A busy announcement or a ringing tone of the carrier's own is no answer (rules.md §6.2).
#[test]
fn early_media_of_a_third_party_is_not_an_answer() {
    for says_486 in [true, false] {
        let lines = vec![number("07980000101", &[], None), number("07980000102", &[], None)];
        let mut city = brought_in(with(vec![entry("601", Kind::Unit, lines)]), &[]);
        let (flow, invite) = invited(&mut city, FIRST).expect("the first number");
        let contact = format!("Contact: <sip:gw@{FIRST}>");
        let early = reply(&invite, 183, "early", &[contact], &sdp("198.51.100.20", 4002, "sendrecv"));
        city.send(flow, early);
        city.story();
        city.pass(seconds(10));
        assert_eq!(city.state("1001"), SeatState::Talking, "the citizen talks to the seat");
        let third = city.exchange.board().calls().remove(0).thirds.remove(0);
        assert_eq!(third.state, ThirdState::Ringing, "nobody has answered");
        let mixed = city.media.iter().rev().find_map(|command| match command {
            Command::Mix { hearings, .. } => Some(hearings.len()),
            _ => None,
        });
        assert_eq!(mixed, Some(2), "the announcement is in no mix");
        if says_486 {
            city.send(flow, reply(&invite, 486, "early", &[], ""));
        } else {
            city.pass(seconds(20));
            assert!(city.request_to(flow.remote, &Method::Cancel).is_some(), "T_third is not stopped by it");
        }
        let next = std::iter::from_fn(|| invited(&mut city, FIRST)).last().expect("the next number");
        assert!(next.1.uri.contains("07980000102@"), "{}", next.1.uri);
        let third = city.exchange.board().calls().remove(0).thirds.remove(0);
        let why = if says_486 { Failure::Busy } else { Failure::NoAnswer };
        assert_eq!((third.attempt, third.failures), (2, vec![why]));
    }
}

/// The second trunk had a channel when the first one was asked, and has none when its turn comes.
#[test]
fn a_call_that_goes_on_to_the_next_trunk_takes_no_reserved_channel_there() {
    let lines = vec![number("07980000101", &["carrier", "second"], None)];
    let mut settings = with(vec![entry("601", Kind::Unit, lines)]);
    (settings.trunks[1].channels, settings.trunks[1].reserved_channels) = (2, 1);
    let mut city = brought_in(settings, &[]);
    let (flow, invite) = invited(&mut city, FIRST).expect("the first trunk");
    Caller::on(&mut city, super::city::flow(0, Transport::Udp, SECOND), "sip:12345@198.51.100.1", "13800000002")
        .invite(&mut city);
    city.send(flow, reply(&invite, 503, "callee", &[], ""));
    assert!(invited(&mut city, SECOND).is_none());
}

/// OPTIONS may be wrong, and there is nothing to lose.
#[test]
fn an_emergency_also_tries_a_trunk_that_is_believed_to_be_down() {
    let emergency = entry("110", Kind::Emergency(Service::Police), vec![number("110", &["second"], None)]);
    let unit = entry("601", Kind::Unit, vec![number("07980000101", &["second"], None)]);
    let mut settings = with(vec![emergency, unit]);
    settings.trunks[1].options_interval = Some(seconds(30));
    let mut city = City::new(settings);
    city.pass(seconds(80));
    talking(&mut city);
    bring_in(&mut city, "601");
    assert!(invited(&mut city, SECOND).is_none(), "it has not answered for a minute");
    bring_in(&mut city, "110");
    assert!(invited(&mut city, SECOND).is_some());
}

#[test]
fn an_emergency_without_a_way_out_is_an_alarm_until_one_finds_one() {
    let emergency = entry("110", Kind::Emergency(Service::Police), vec![number("110", &[], None)]);
    let unit = entry("601", Kind::Unit, vec![number("07980000101", &[], None)]);
    let mut settings = with(vec![emergency, unit]);
    let hosts: Vec<_> = settings.trunks.iter_mut().map(|trunk| std::mem::take(&mut trunk.addresses)).collect();
    let mut city = City::new(settings);
    talking(&mut city);
    let brings = |city: &mut City, whom: &str| {
        bring_in(city, whom);
        city.story().into_iter().filter(|line| line.starts_with("Alarm")).collect::<Vec<_>>()
    };
    assert_eq!(brings(&mut city, "601"), [""; 0]);
    assert_eq!(brings(&mut city, "110"), ["Alarm no_way_out emergency on"]);
    assert_eq!(brings(&mut city, "110"), [""; 0], "it stands");
    for (name, addresses) in ["carrier", "second"].into_iter().zip(hosts) {
        city.input(Input::Resolved { trunk: name.into(), addresses });
    }
    assert_eq!(brings(&mut city, "110"), ["Alarm no_way_out emergency off"]);
}
