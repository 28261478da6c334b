//! What every request is answered, in and out of dialogs.

use hotline::sip::message::{Message, Name, Response};

use super::city::{City, VLAN, carrier};
use super::peers::{Caller, message, talking};
use crate::call::seconds;

/// A request of the carrier outside of dialogs, with a line replaced or left out.
fn ask(
    city: &mut City,
    method: &str,
    uri: &str,
    change: impl Fn(String) -> Option<String>,
    body: &str,
) -> Option<Response> {
    let serial = city.serial();
    let headers: Vec<String> = [
        format!("Via: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK-a{serial}"),
        format!("From: <sip:13800000001@carrier.example>;tag=a{serial}"),
        format!("To: <{uri}>"),
        format!("Call-ID: a{serial}@carrier.example"),
        format!("CSeq: 1 {method}"),
        "Max-Forwards: 70".into(),
        "Contact: <sip:citizen@198.51.100.9:5060>".into(),
    ]
    .into_iter()
    .filter_map(change)
    .collect();
    city.send(carrier(), message(&format!("{method} {uri} SIP/2.0"), &headers, body));
    city.response_to(carrier().remote)
}

fn plain(city: &mut City, method: &str) -> Response {
    ask(city, method, &format!("sip:12345@{VLAN}"), Some, "").expect("an answer")
}

#[test]
fn every_method_is_answered() {
    let mut city = City::open();
    for (method, status) in [
        ("OPTIONS", 200),
        ("BYE", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("INFO", 481),
        ("CANCEL", 481),
        ("REGISTER", 403),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("NOTIFY", 405),
        ("REFER", 403),
        ("PUBLISH", 405),
        ("PING", 405),
    ] {
        let response = plain(&mut city, method);
        assert_eq!(response.status, status, "{method}");
        assert!(response.headers.to().unwrap().tag().is_some(), "{method}: a final answer has a tag in To");
        if status == 405 || method == "OPTIONS" {
            for allowed in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER"] {
                assert!(response.headers.has_token(&Name::Allow, allowed), "{method}: {allowed}");
            }
        }
    }
    let options = plain(&mut city, "OPTIONS");
    assert_eq!(options.headers.text(&Name::Accept).as_deref(), Some("application/sdp, multipart/mixed"));
    for extension in ["timer", "100rel", "replaces", "norefersub"] {
        assert!(options.headers.has_token(&Name::Supported, extension), "{extension}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let mut city = City::open();
    let number = format!("sip:12345@{VLAN}");
    let require = |line: String| {
        Some(if line.starts_with("Max-") { format!("{line}\r\nRequire: 100rel, teleportation, x-y") } else { line })
    };
    let response = ask(&mut city, "INVITE", &number, require, "").unwrap();
    assert_eq!(response.status, 420);
    assert_eq!(response.headers.text(&Name::Unsupported).as_deref(), Some("teleportation, x-y"));
    assert_eq!(ask(&mut city, "INVITE", "http://hotline.example", Some, "").unwrap().status, 416);
    for uri in ["tel:12345", "sips:12345@198.51.100.1"] {
        let response = ask(&mut city, "INVITE", uri, Some, &super::peers::sdp("198.51.100.20", 4000, "sendrecv"));
        assert_eq!(response.unwrap().status, 183, "{uri}");
    }
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let without = |line: String| Some(line).filter(|line| !line.starts_with(&format!("{name}:")));
        match ask(&mut city, "OPTIONS", &number, without, "") {
            Some(response) => {
                assert_eq!(response.status, 400, "{name}");
                assert!(response.reason.contains(name), "{name}: {}", response.reason);
            }
            None => panic!("{name}: no answer"),
        }
    }
    let bad = |line: String| Some(if line.starts_with("CSeq") { "CSeq: 1 BYE".into() } else { line });
    assert_eq!(ask(&mut city, "OPTIONS", &number, bad, "").unwrap().status, 400);
    // An unreadable Via is counted and dropped.
    let via = |line: String| Some(if line.starts_with("Via") { "Via: nonsense".into() } else { line });
    let before = city.exchange.sip_counters().unanswerable;
    assert!(ask(&mut city, "OPTIONS", &number, via, "").is_none());
    assert_eq!(city.exchange.sip_counters().unanswerable, before + 1);
    let body = "v=0\r\nnonsense";
    let response = ask(&mut city, "INVITE", &number, Some, body).unwrap();
    assert!([400, 488].contains(&response.status), "{}", response.status);
    assert!(response.headers.get(&Name::Warning).is_some());
    let contact = |line: String| Some(line).filter(|line| !line.starts_with("Contact"));
    assert_eq!(ask(&mut city, "INVITE", &number, contact, "").unwrap().status, 400);
    city.pass(seconds(60));
    city.pass(seconds(200));
}

#[test]
fn an_unknown_dialog_is_answered_481() {
    let mut city = City::open();
    let mut caller = Caller::new(&mut city, "12345");
    caller.to_tag = Some("nobody".into());
    for method in ["INVITE", "BYE", "UPDATE", "INFO", "OPTIONS", "PRACK"] {
        assert_eq!(caller.ask(&mut city, method, "").unwrap().status, 481, "{method}");
    }
    let (caller, _, _) = talking(&mut city);
    // The right tags in another Call-ID, and a wrong tag of the peer.
    let mut other = caller.clone();
    other.call_id = "other".into();
    assert_eq!(other.ask(&mut city, "BYE", "").unwrap().status, 481);
    let mut other = caller.clone();
    other.from = other.from.replace("tag=", "tag=x");
    assert_eq!(other.ask(&mut city, "BYE", "").unwrap().status, 481);
    assert_eq!(city.exchange.board().live(), 1);
}

#[test]
fn a_merged_or_repeated_invite_makes_no_second_call() {
    let mut city = City::open();
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let (flow, bytes) = city.heard.last().cloned().unwrap();
    city.send(flow, bytes.clone());
    let again = String::from_utf8(bytes).unwrap().replace("branch=z9hG4bK-", "branch=z9hG4bK-other");
    assert_eq!(caller.hears(&mut city), [183, 183], "the last provisional again");
    city.send(flow, again);
    assert_eq!(caller.hear(&mut city).unwrap().status, 482);
    assert_eq!(city.exchange.board().live(), 1);
}

#[test]
fn a_call_without_an_offer_gets_ours_in_the_200() {
    let mut city = City::open();
    let mut phone = super::peers::Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite_with(&mut city, "");
    phone.rung(&mut city).answer(&mut city);
    let answers: Vec<Message> = city.mail(carrier().remote);
    let Some(Message::Response(ok)) = answers.last() else { panic!("{answers:?}") };
    assert_eq!(ok.status, 200);
    assert!(String::from_utf8_lossy(&ok.body).contains("m=audio 20000 RTP/AVP 8 0"));
    caller.to_tag = ok.headers.to().unwrap().tag().map(str::to_string);
    let body = super::peers::sdp("198.51.100.20", 4000, "sendrecv");
    let ack = caller.text("ACK", &format!("sip:hotline@{VLAN}"), 1, &[], &body);
    city.story();
    city.send(caller.flow, ack);
    assert_eq!(city.story(), ["Agree c1 198.51.100.20:4000"]);
}

#[test]
fn options_are_answered_alike_inside_and_outside_of_a_dialog() {
    let mut city = City::open();
    let (mut caller, ..) = talking(&mut city);
    let inside = caller.ask(&mut city, "OPTIONS", "").unwrap();
    let outside = plain(&mut city, "OPTIONS");
    for name in [Name::Allow, Name::Accept, Name::Supported] {
        let texts = [&inside, &outside].map(|response| response.headers.text(&name).unwrap_or_default().into_owned());
        assert!(!texts[0].is_empty() && texts[0] == texts[1], "{texts:?}");
    }
}
