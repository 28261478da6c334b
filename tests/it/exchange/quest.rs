//! Calling a number through a trunk: a seat calls a missed citizen back (R18).

use hotline::call::mix_plan::{Command, Report};
use hotline::call::{CallBack, CallId, LegId, Output as Wish, SeatNo, SeatState};
use hotline::exchange::Input;
use hotline::exchange::settings::{AssertedIdentity, Settings, Trunk};
use hotline::privacy::Private;
use hotline::rules::dialling::NumberForm;
use hotline::sip::flow::Flow;
use hotline::sip::message::{Method, Name, Request};

use super::city::{City, settings};
use super::peers::{Phone, reply, sdp};
use crate::call::seconds;

const FIRST: &str = "198.51.100.9:5060";
const SECOND: &str = "198.51.100.10:5060";

/// One trunk with these hosts.
fn carried_by(hosts: &[&str], change: impl FnOnce(&mut Trunk)) -> Settings {
    let mut settings = settings();
    settings.trunks.truncate(1);
    settings.trunks[0].addresses = hosts.iter().map(|host| host.parse().unwrap()).collect();
    change(&mut settings.trunks[0]);
    settings
}

/// Seat 1001 has taken the callback to 13800000077 and its phone has answered.
fn seat_waits(settings: Settings) -> City {
    let mut city = City::new(settings);
    wait_for_a_seat(&mut city);
    city
}

fn wait_for_a_seat(city: &mut City) {
    let mut phone = Phone::registered(city, "1001");
    let wish = CallBack {
        seat: SeatNo("1001".into()),
        task: CallId(7),
        number: Private::new("13800000077".into()),
        code: "12315".into(),
    };
    city.input(Input::CallBack(vec![wish]));
    let rung = phone.rung(city);
    rung.answer(city);
    city.story();
}

fn invited(city: &mut City, host: &str) -> Option<(Flow, Request)> {
    city.request_to(host.parse().unwrap(), &Method::Invite)
}

fn replies(city: &mut City, invite: &(Flow, Request), status: u16, more: &[String]) {
    let body = if status == 200 { sdp("198.51.100.20", 4000, "sendrecv") } else { String::new() };
    city.send(invite.0, reply(&invite.1, status, "callee", more, &body));
}

fn attempts(city: &City) -> Vec<bool> {
    let told = city.wishes.iter().filter_map(|wish| match wish {
        Wish::CalledBack { reached, .. } => Some(*reached),
        _ => None,
    });
    told.collect()
}

#[test]
fn the_citizen_who_answers_is_in_a_call_with_a_ticket() {
    let mut city = seat_waits(carried_by(&[FIRST], |trunk| {
        trunk.add_prefix = Some("9".into());
        trunk.user_phone = true;
        trunk.number_form = NumberForm::E164;
        trunk.asserted_identity = AssertedIdentity::Ours;
        trunk.shown = Some("0798-8000000".into());
    }));
    let invite = invited(&mut city, FIRST).expect("the carrier is asked");
    assert_eq!(invite.1.uri, format!("sip:9+8613800000077@{FIRST};user=phone"));
    let from = invite.1.headers.from().unwrap();
    assert_eq!(from.uri.unescaped_user().as_deref(), Some("+867988000000"));
    assert_eq!(invite.1.headers.addrs(&Name::PAssertedIdentity)[0].uri, from.uri);
    replies(&mut city, &invite, 180, &["Contact: <sip:gw@198.51.100.9>".into()]);
    city.story();
    replies(&mut city, &invite, 200, &["Contact: <sip:gw@198.51.100.9>".into()]);
    assert!(city.request_to(FIRST.parse().unwrap(), &Method::Ack).is_some());
    let story = city.story();
    let order: Vec<usize> = ["OpenRecording", "OpenTicket 12315", "Mix "]
        .iter()
        .map(|deed| story.iter().position(|line| line.starts_with(deed)).unwrap_or_else(|| panic!("{deed}: {story:?}")))
        .collect();
    assert!(order.is_sorted(), "{story:?}");
    assert_eq!((attempts(&city), city.state("1001")), (vec![true], SeatState::Talking));
}

#[test]
fn the_next_host_is_tried_where_one_is_silent_or_cannot() {
    for refusal in [Some(503), Some(500), Some(408), None] {
        let mut city = seat_waits(carried_by(&[FIRST, SECOND], |_| {}));
        let first = invited(&mut city, FIRST).expect("the first host");
        match refusal {
            Some(status) => replies(&mut city, &first, status, &[]),
            None => city.pass(seconds(6)),
        }
        let second = invited(&mut city, SECOND).unwrap_or_else(|| panic!("after {refusal:?}"));
        replies(&mut city, &second, 200, &["Contact: <sip:gw@198.51.100.10>".into()]);
        assert_eq!(attempts(&city), [true], "after {refusal:?}");
    }
}

#[test]
fn a_host_that_rings_is_not_left_for_the_next() {
    let mut city = seat_waits(carried_by(&[FIRST, SECOND], |_| {}));
    let first = invited(&mut city, FIRST).unwrap();
    replies(&mut city, &first, 100, &[]);
    city.pass(seconds(20));
    assert!(invited(&mut city, SECOND).is_none());
}

#[test]
fn what_the_called_party_says_is_final() {
    for status in [486, 404, 603] {
        let mut city = seat_waits(carried_by(&[FIRST, SECOND], |_| {}));
        let first = invited(&mut city, FIRST).unwrap();
        replies(&mut city, &first, status, &[]);
        assert!(invited(&mut city, SECOND).is_none(), "{status}");
        assert_eq!(attempts(&city), [false], "{status}");
        assert!(city.standing.is_empty(), "no crash would say BYE to the seat that had waited");
    }
}

#[test]
fn a_challenge_is_answered_with_the_trunks_password() {
    let challenge = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";
    let mut city = seat_waits(carried_by(&[FIRST], |trunk| {
        trunk.credentials = Some(("jdz12345".into(), "secret".into()));
    }));
    let bare = invited(&mut city, FIRST).unwrap();
    replies(&mut city, &bare, 401, &[challenge.to_string()]);
    let proved = invited(&mut city, FIRST).expect("the same call with credentials");
    let authorization = proved.1.headers.text(&Name::Authorization).expect("credentials").into_owned();
    assert!(authorization.contains("username=\"jdz12345\"") && authorization.contains("SHA-256"), "{authorization}");
    assert_eq!(proved.1.headers.cseq().unwrap().number, bare.1.headers.cseq().unwrap().number + 1);
    replies(&mut city, &proved, 200, &["Contact: <sip:gw@198.51.100.9>".into()]);
    assert_eq!(attempts(&city), [true]);

    // Without a password there is no way to answer it.
    let mut city = seat_waits(carried_by(&[FIRST], |_| {}));
    let bare = invited(&mut city, FIRST).unwrap();
    replies(&mut city, &bare, 401, &[challenge.to_string()]);
    assert_eq!(attempts(&city), [false]);
}

#[test]
fn reserved_channels_are_left_for_emergencies() {
    let mut city = seat_waits(carried_by(&[FIRST], |trunk| (trunk.channels, trunk.reserved_channels) = (2, 2)));
    assert!(invited(&mut city, FIRST).is_none());
    assert_eq!((attempts(&city), city.state("1001")), (vec![], SeatState::Idle), "nobody was called");
}

#[test]
fn a_trunk_without_a_host_carries_nothing() {
    let city = seat_waits(carried_by(&[], |_| {}));
    assert_eq!((attempts(&city), city.state("1001")), (vec![], SeatState::Idle), "nobody was called");
    assert_eq!(city.exchange.load().1, 0);
    assert!(city.standing.is_empty());
}

/// On the listener for both, with its own address for RTP.
const ELSEWHERE: &str = "192.0.2.17:5060";

#[test]
fn a_carrier_on_another_listener_backs_the_first_one_up_with_media_of_its_own() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Why {
        Refused,
        Silent,
        NoRoute,
        Down,
        NoSocket,
    }
    for why in [Why::Refused, Why::Silent, Why::NoRoute, Why::Down, Why::NoSocket] {
        let mut settings = settings();
        settings.trunks[0].addresses = vec![FIRST.parse().unwrap()];
        settings.trunks[0].options_interval = (why == Why::Down).then(|| seconds(30));
        settings.trunks[1].addresses = vec![ELSEWHERE.parse().unwrap()];
        let mut city = City::new(settings);
        if why == Why::Down {
            city.pass(seconds(80));
        }
        wait_for_a_seat(&mut city);
        let first = invited(&mut city, FIRST);
        assert_eq!(first.is_some(), why != Why::Down, "{why:?}");
        match (why, first) {
            (Why::Refused, Some(first)) => replies(&mut city, &first, 503, &[]),
            (Why::NoRoute, Some(first)) => city.input(Input::TransportFailed { flow: first.0 }),
            (Why::NoSocket, Some(first)) => {
                // The news comes late: the host has been left before.
                city.willing = false;
                replies(&mut city, &first, 503, &[]);
                let local = "198.51.100.1:20000".parse().unwrap();
                let error = "address in use".to_string();
                city.input(Input::Media(Report::NotOpened { leg: LegId(1 << 63 | 2), local, error }));
                city.willing = true;
            }
            (Why::Silent, Some(_)) => city.pass(seconds(6)),
            (_, _) => {}
        }
        let second = invited(&mut city, ELSEWHERE).unwrap_or_else(|| panic!("{why:?}"));
        let body = String::from_utf8_lossy(&second.1.body).into_owned();
        assert!(body.contains("c=IN IP4 192.0.2.1\r\n") && body.contains("m=audio 34000 "), "{why:?}: {body}");
        let opened = city.media.iter().rev().find_map(|command| match command {
            Command::Open { leg, local, .. } if *leg == LegId(1 << 63 | 2) => Some(local.to_string()),
            _ => None,
        });
        assert_eq!(opened.as_deref(), Some("192.0.2.1:34000"), "{why:?}");
        replies(&mut city, &second, 200, &[format!("Contact: <sip:gw@{ELSEWHERE}>")]);
        assert_eq!(attempts(&city), [true], "{why:?}");
        assert_eq!(
            (city.exchange.load().1, city.exchange.holdings().ports),
            (2, 2),
            "{why:?}: the seat's and the citizen's"
        );
        let talk = city.exchange.holdings().calls;
        assert_eq!(talk, 1, "{why:?}: a channel of the second trunk alone");
        let bye = city.request_to(FIRST.parse().unwrap(), &Method::Bye);
        assert!(bye.is_none(), "{why:?}");
    }
}

#[test]
fn a_challenged_bye_is_said_again_with_the_trunks_password() {
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\"".to_string();
    let mut settings = settings();
    settings.trunks[0].credentials = Some(("jdz12345".into(), "secret".into()));
    let mut city = City::new(settings);
    let (caller, _, mut rung) = super::peers::talking(&mut city);
    assert_eq!(rung.bye(&mut city), Some(200));
    let bye = city.request_to(caller.flow.remote, &Method::Bye).expect("the caller is released");
    city.send(bye.0, reply(&bye.1, 407, "", &[challenge], ""));
    let again = city.request_to(caller.flow.remote, &Method::Bye).expect("with credentials");
    assert!(again.1.headers.text(&Name::ProxyAuthorization).unwrap().contains("jdz12345"));
    city.send(again.0, reply(&again.1, 200, "", &[], ""));
    city.pass(seconds(60));
    assert!(city.request_to(caller.flow.remote, &Method::Bye).is_none());
    assert_eq!(city.exchange.holdings().legs, 0);
}

#[test]
fn an_answer_long_after_we_gave_up_is_acknowledged_and_ended() {
    let mut settings = settings();
    settings.trunks[0].addresses = vec![FIRST.parse().unwrap()];
    let mut city = City::new(settings);
    wait_for_a_seat(&mut city);
    let invite = invited(&mut city, FIRST).unwrap();
    city.pass(seconds(45));
    assert_eq!(attempts(&city), [false]);
    city.mail(FIRST.parse().unwrap());
    for again in [false, true] {
        replies(&mut city, &invite, 200, &[format!("Contact: <sip:gw@{FIRST}>")]);
        assert!(city.request_to(FIRST.parse().unwrap(), &Method::Ack).is_some());
        assert_eq!(city.request_to(FIRST.parse().unwrap(), &Method::Bye).is_some(), !again, "ended once");
    }
}
