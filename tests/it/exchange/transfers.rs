//! A seat's phone transfers its call with its own button. (RFC 3515, 3891, 5589)

use hotline::call::SeatState;
use hotline::exchange::Input;
use hotline::sip::message::{Method, Name, Response};

use super::city::{City, LAN, VLAN};
use super::peers::{Caller, Phone, Rung, reply, talking};
use crate::call::seconds;

/// The REFER of a phone in its call.
pub fn refer(city: &mut City, rung: &mut Rung, to: &str) -> Option<Response> {
    let text = rung.text(city, "REFER", "");
    let header = format!("\r\nRefer-To: {to}\r\nReferred-By: <sip:1001@{LAN}>\r\nMax-");
    city.send(rung.flow, text.replace("\r\nMax-", &header));
    city.response_to(rung.flow.remote)
}

fn answer(city: &mut City, rung: &mut Rung, to: &str) -> u16 {
    refer(city, rung, to).expect("an answer").status
}

/// Event, Subscription-State and body of the NOTIFY that waits for the phone; it is answered.
pub fn notified(city: &mut City, rung: &Rung, status: u16) -> Option<[String; 3]> {
    let (flow, notify) = city.request_to(rung.flow.remote, &Method::Notify)?;
    city.send(flow, reply(&notify, status, "", &[], ""));
    let header = |name: &Name| notify.headers.text(name).unwrap_or_default().into_owned();
    let body = String::from_utf8(notify.body.clone()).unwrap();
    Some([header(&Name::Event), header(&Name::SubscriptionState), body])
}

const OVER: &str = "terminated;reason=noresource";
const UNKNOWN: &str = "<sip:2001@10.0.0.1?Replaces=nobody%3Bto-tag%3Da%3Bfrom-tag%3Db>";
/// What the switchboard says to a transfer that it has heard of.
const REFUSED: u16 = 603;

/// The phone has a second call with us.
struct Second {
    phone: Phone,
    to_tag: String,
}

impl Second {
    /// It signs in with a feature code.
    fn new(city: &mut City, mut phone: Phone) -> Self {
        let body = phone.body();
        let response = phone.prove(city, "INVITE", &format!("sip:*11@{LAN}"), &body);
        assert_eq!(response.status, 200);
        Self { phone, to_tag: response.headers.to().unwrap().tag().unwrap().to_owned() }
    }

    fn call_id(&self) -> String {
        format!("INVITE-{}-{}", self.phone.no, self.phone.flow.remote)
    }

    fn its_tag(&self) -> String {
        format!("phone-{}-{}", self.phone.no, self.phone.flow.remote.port())
    }
}

pub fn refer_to(call_id: &str, to_tag: &str, from_tag: &str) -> String {
    let escaped = call_id.replace('@', "%40").replace(':', "%3A");
    format!("<sip:*11@{LAN}?Replaces={escaped}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}&Require=replaces>")
}

#[test]
fn a_seats_refer_reaches_the_switchboard_and_the_call_goes_on() {
    for draining in [false, true] {
        let mut city = City::open();
        let (mut caller, _, mut rung) = talking(&mut city);
        if draining {
            city.input(Input::Drain);
        }
        for to in ["<sip:2001@10.0.0.1>", "<sip:%2A21@10.0.0.1>"] {
            assert_eq!(answer(&mut city, &mut rung, to), REFUSED, "{to}");
        }
        assert!(notified(&mut city, &rung, 200).is_none());
        assert_eq!(answer(&mut city, &mut rung, "nonsense"), 400);
        // A telephone is called through a trunk, and the phone is told how it goes.
        assert_eq!(answer(&mut city, &mut rung, "<tel:0798-8220-0000>"), 202);
        let trying = notified(&mut city, &rung, 200).expect("a NOTIFY at once");
        assert_eq!(trying[2], "SIP/2.0 100 Trying\r\n");
        assert_eq!(city.state("1001"), SeatState::Talking);
        assert_eq!(caller.bye(&mut city), Some(200));
    }
}

#[test]
fn a_dialog_in_replaces_is_found_by_its_tags() {
    let mut city = City::open();
    let (caller, phone, mut rung) = talking(&mut city);
    let second = Second::new(&mut city, phone);
    let (call_id, to, from) = (second.call_id(), second.to_tag.clone(), second.its_tag());
    assert_eq!(answer(&mut city, &mut rung, &refer_to(&call_id, &to, &from)), REFUSED);

    let own = rung.invite.headers.clone();
    let own_tag = own.from().unwrap().tag().unwrap().to_owned();
    let citizens = caller.to_tag.clone().unwrap();
    let citizens_own = caller.from.split("tag=").nth(1).unwrap();
    let strangers = [
        ("another Call-ID", refer_to("other", &to, &from)),
        ("another tag of ours", refer_to(&call_id, "x", &from)),
        ("another tag of theirs", refer_to(&call_id, &to, "x")),
        ("the tags as our side would name them", refer_to(&call_id, &from, &to)),
        ("the same call", refer_to(own.call_id().unwrap(), &own_tag, &rung.tag)),
        ("a citizen's leg", refer_to(&caller.call_id, &citizens, citizens_own)),
        ("nobody's", UNKNOWN.to_owned()),
    ];
    for (what, to) in strangers {
        assert_eq!(answer(&mut city, &mut rung, &to), 202, "{what}");
        let first = notified(&mut city, &rung, 200).expect("a NOTIFY at once");
        assert_eq!(first[1..], ["active;expires=600", "SIP/2.0 100 Trying\r\n"], "{what}");
        assert!(first[0].starts_with("refer;id="), "{what}: not the first REFER of this call");
        let last = notified(&mut city, &rung, 200).expect("a NOTIFY at the end");
        assert_eq!(last[1], OVER, "{what}");
        assert!(last[2].starts_with("SIP/2.0 481 "), "{what}: {last:?}");
    }
    let early_only = refer_to(&call_id, &to, &from).replace("&Require", "%3Bearly-only&Require");
    assert_eq!(answer(&mut city, &mut rung, &early_only), 202);
    notified(&mut city, &rung, 200);
    assert_eq!(notified(&mut city, &rung, 200).unwrap()[2], "SIP/2.0 486 Busy Here\r\n");
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(city.exchange.board().live(), 1);
}

#[test]
fn a_second_call_that_is_over_cannot_be_named() {
    let mut city = City::open();
    let (_, phone, mut rung) = talking(&mut city);
    let second = Second::new(&mut city, phone);
    city.pass(seconds(30));
    assert!(city.request_to(rung.flow.remote, &Method::Bye).is_some(), "a feature code does not last");
    let to = refer_to(&second.call_id(), &second.to_tag, &second.its_tag());
    assert_eq!(answer(&mut city, &mut rung, &to), 202);
    assert_eq!(notified(&mut city, &rung, 200).unwrap()[0], "refer");
    assert!(notified(&mut city, &rung, 200).unwrap()[2].starts_with("SIP/2.0 481 "));
}

#[test]
fn a_citizen_may_not_transfer() {
    let mut city = City::open();
    let (mut caller, ..) = talking(&mut city);
    let text = caller.next("REFER", &mut city, "");
    city.send(caller.flow, text.replace("\r\nMax-", "\r\nRefer-To: <sip:110@carrier.example>\r\nMax-"));
    let refused = city.response_to(caller.flow.remote).unwrap();
    assert_eq!(refused.status, 403);
    assert!(refused.headers.text(&Name::Warning).unwrap().contains("only a seat"));
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(caller.bye(&mut city), Some(200));
}

#[test]
fn outside_of_a_call_nobody_may() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    phone.more = vec!["Refer-To: <sip:2001@10.0.0.1>".into()];
    assert_eq!(phone.prove(&mut city, "REFER", &format!("sip:1001@{LAN}"), "").status, 403);
}

#[test]
fn a_phone_that_does_not_take_its_notify_keeps_its_call() {
    let mut city = City::open();
    let (mut caller, _, mut rung) = talking(&mut city);
    assert_eq!(answer(&mut city, &mut rung, UNKNOWN), 202);
    assert!(notified(&mut city, &rung, 481).is_some());
    assert!(notified(&mut city, &rung, 200).is_none(), "the rest is not told");
    // And one that is silent.
    assert_eq!(answer(&mut city, &mut rung, UNKNOWN), 202);
    city.pass(seconds(40));
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(city.exchange.board().live(), 1);
    assert_eq!(caller.bye(&mut city), Some(200));
}

#[test]
fn a_phone_that_hangs_up_right_after_its_202_leaves_nothing_behind() {
    let mut city = City::open();
    let (mut caller, _, mut rung) = talking(&mut city);
    assert_eq!(answer(&mut city, &mut rung, UNKNOWN), 202);
    assert_eq!(rung.bye(&mut city), Some(200));
    assert!(city.request_to(rung.flow.remote, &Method::Notify).is_some());
    caller.bye(&mut city);
    city.pass(seconds(200));
    let left = city.exchange.holdings();
    assert_eq!((left.legs, left.tags, left.alarms, left.server_transactions), (0, 0, 0, 0), "{left:?}");
    let notifys = std::iter::from_fn(|| city.request_to(rung.flow.remote, &Method::Notify));
    let bodies: Vec<_> = notifys.map(|(_, notify)| notify.body).collect();
    assert!(!bodies.is_empty(), "it is repeated");
    assert!(bodies.iter().all(|body| body == b"SIP/2.0 100 Trying\r\n"), "and nothing else is told");
}

#[test]
fn an_invite_takes_nobodys_place() {
    let mut city = City::open();
    let (caller, ..) = talking(&mut city);
    let theirs = caller.from.split("tag=").nth(1).unwrap().to_owned();
    let ours = caller.to_tag.clone().unwrap();
    let rows = [
        (format!("{};to-tag={ours};from-tag={theirs}", caller.call_id), 403),
        (format!("{};to-tag={ours};from-tag=x", caller.call_id), 481),
        ("nobody;to-tag=a;from-tag=b".into(), 481),
        ("nobody".into(), 400),
    ];
    for (value, status) in rows {
        let mut other = Caller::on(&mut city, caller.flow, &format!("sip:12345@{VLAN}"), "13800000002");
        other.more = vec![format!("Replaces: {value}"), "Require: replaces".into()];
        other.invite(&mut city);
        assert_eq!(other.hear(&mut city).unwrap().status, status, "{value}");
        other.ack_failure(&mut city);
    }
    assert_eq!(city.exchange.board().live(), 1);
    assert_eq!(city.state("1001"), SeatState::Talking);
}
