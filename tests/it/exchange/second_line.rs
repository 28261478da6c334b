//! A seat's phone holds the citizen, dials a unit on its second line and transfers, with real messages.
//! (RFC 5359 §2.4–2.5, RFC 5589 §7, RFC 3891)

use hotline::call::SeatState;
use hotline::call::mix_plan::Command;
use hotline::sip::flow::Flow;
use hotline::sip::message::{Method, Request};

use super::city::{CARRIER, City, settings};
use super::peers::{Caller, Phone, Placed, Rung, reply, sdp, talking};
use super::transfers::{notified, refer, refer_to};
use crate::call::seconds;

/// 601 is a unit behind the carrier.
fn city() -> City {
    let mut settings = settings();
    settings.trunks.truncate(1);
    settings.trunks[0].addresses = vec![CARRIER.parse().unwrap()];
    settings.board.directory = crate::call_guest::directory();
    City::new(settings)
}

/// The seat's phone holds the citizen and has dialled.
fn dialled(city: &mut City, whom: &str) -> (Caller, Phone, Rung, Placed) {
    let (caller, mut phone, mut rung) = talking(city);
    let hold = sdp("10.0.0.101", 6000, "sendonly");
    assert_eq!(rung.ask(city, "INVITE", &hold).map(|response| response.status), Some(200));
    let ack = rung.text(city, "ACK", "");
    city.send(rung.flow, ack.replace(&format!("CSeq: {} ACK", rung.cseq), &format!("CSeq: {} ACK", rung.cseq - 1)));
    rung.cseq -= 1;
    let placed = phone.dial(city, whom);
    (caller, phone, rung, placed)
}

/// The unit's phone, as the carrier shows it.
fn unit(city: &mut City) -> (Flow, Request) {
    city.request_to(CARRIER.parse().unwrap(), &Method::Invite).expect("the unit is called")
}

fn answers(city: &mut City, invite: &(Flow, Request), status: u16) {
    let body = if status == 200 { sdp("198.51.100.30", 5000, "sendrecv") } else { String::new() };
    let contact = ["Contact: <sip:gw@198.51.100.9>".to_owned()];
    city.send(invite.0, reply(&invite.1, status, "unit", &contact, &body));
}

/// All three stand: the citizen is held, the seat speaks with the unit.
fn consulting(city: &mut City) -> (Caller, Rung, Placed, (Flow, Request)) {
    let (caller, _, rung, mut placed) = dialled(city, "601");
    assert_eq!(placed.hears(city), [180]);
    let invite = unit(city);
    answers(city, &invite, 200);
    assert!(city.request_to(invite.0.remote, &Method::Ack).is_some());
    assert_eq!(placed.hears(city), [200]);
    placed.ack(city);
    (caller, rung, placed, invite)
}

/// Who hears whom, as media was told last.
fn mix(city: &City) -> Vec<Vec<hotline::call::LegId>> {
    let last = city.media.iter().rev().find_map(|command| match command {
        Command::Mix { hearings, .. } => Some(hearings.clone()),
        _ => None,
    });
    last.unwrap().into_iter().map(|hearing| [vec![hearing.leg], hearing.hears].concat()).collect()
}

#[test]
fn a_unit_dialled_on_the_second_line_is_rung_and_its_answer_is_the_phones() {
    let mut city = city();
    let (mut caller, mut rung, mut placed, _) = consulting(&mut city);
    assert_eq!(city.state("1001"), SeatState::Consulting);
    assert_eq!(mix(&city).len(), 4, "citizen and seat, second line and unit: {:?}", mix(&city));
    assert_eq!(city.standing.len(), 4, "each would be released after a crash");
    // The second line is given up: the unit is released, the citizen stays.
    assert_eq!(placed.bye(&mut city), Some(200));
    assert!(city.request_to(CARRIER.parse().unwrap(), &Method::Bye).is_some());
    assert_eq!(city.state("1001"), SeatState::Held);
    let resume = sdp("10.0.0.101", 6000, "sendrecv");
    assert_eq!(rung.ask(&mut city, "INVITE", &resume).map(|response| response.status), Some(200));
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(caller.bye(&mut city), Some(200));
    city.pass(seconds(200));
    let left = city.exchange.holdings();
    assert_eq!((left.legs, left.tags, left.ports, left.citizens, left.seats), (0, 0, 0, 0, 0), "{left:?}");
}

#[test]
fn a_transfer_by_refer_with_replaces_joins_citizen_and_unit() {
    for on_the_second in [false, true] {
        let mut city = city();
        let (mut caller, mut rung, mut placed, _) = consulting(&mut city);
        let remote = rung.flow.remote;
        let accepted = if on_the_second {
            let headers = &rung.invite.headers;
            let ours = headers.from().unwrap().tag().unwrap().to_owned();
            let to = refer_to(headers.call_id().unwrap(), &ours, &rung.tag);
            let text = placed.next(&mut city, "REFER").replace("\r\nMax-", &format!("\r\nRefer-To: {to}\r\nMax-"));
            city.send(placed.flow, text);
            city.response_to(remote).unwrap().status
        } else {
            let to = refer_to(&placed.call_id(), &placed.tag, &placed.own_tag());
            refer(&mut city, &mut rung, &to).unwrap().status
        };
        assert_eq!(accepted, 202);
        let told = notified(&mut city, &rung, 200).expect("a NOTIFY");
        assert_eq!(told[1..], ["terminated;reason=noresource", "SIP/2.0 200 OK\r\n"]);
        let byes = std::iter::from_fn(|| city.request_to(remote, &Method::Bye)).count();
        assert_eq!(byes, 2, "both lines are released");
        assert_eq!(mix(&city).len(), 2, "citizen and unit: {:?}", mix(&city));
        assert_eq!(city.state("1001"), SeatState::WrapUp);
        assert_eq!(caller.bye(&mut city), Some(200));
        assert!(city.request_to(CARRIER.parse().unwrap(), &Method::Bye).is_some(), "the unit is released");
    }
}

#[test]
fn a_unit_that_is_not_reached_is_told_on_the_second_line() {
    for (status, told) in [(486, 486), (603, 603), (404, 404), (488, 488)] {
        let mut city = city();
        let (.., mut placed) = dialled(&mut city, "601");
        assert_eq!(placed.hears(&mut city), [180]);
        for _ in 0..2 {
            let invite = unit(&mut city);
            answers(&mut city, &invite, status);
        }
        assert_eq!(placed.hears(&mut city), [told], "after {status}");
        placed.ack_failure(&mut city);
        assert_eq!(city.state("1001"), SeatState::Held);
        assert_eq!(city.exchange.board().live(), 1);
    }
}

#[test]
fn a_phone_that_gives_up_dialling_releases_the_unit() {
    let mut city = city();
    let (.., mut placed) = dialled(&mut city, "601");
    placed.hears(&mut city);
    let invite = unit(&mut city);
    answers(&mut city, &invite, 180);
    placed.cancel(&mut city);
    assert_eq!(placed.hears(&mut city), [200, 487]);
    assert!(city.request_to(CARRIER.parse().unwrap(), &Method::Cancel).is_some());
    assert_eq!(city.state("1001"), SeatState::Held);
}

#[test]
fn a_transfer_to_a_unit_that_still_rings_waits_for_its_answer() {
    let mut city = city();
    let (mut caller, _, mut rung, mut placed) = dialled(&mut city, "601");
    placed.hears(&mut city);
    let to = refer_to(&placed.call_id(), &placed.tag, &placed.own_tag());
    assert_eq!(refer(&mut city, &mut rung, &to).unwrap().status, 202);
    assert_eq!(notified(&mut city, &rung, 200).unwrap()[2], "SIP/2.0 100 Trying\r\n");
    let invite = unit(&mut city);
    answers(&mut city, &invite, 200);
    assert_eq!(notified(&mut city, &rung, 200).unwrap()[2], "SIP/2.0 200 OK\r\n");
    assert!(city.request_to(rung.flow.remote, &Method::Bye).is_some());
    assert_eq!(placed.hears(&mut city), [480], "the line that still rang is over");
    assert_eq!(city.state("1001"), SeatState::WrapUp);
    assert_eq!(caller.bye(&mut city), Some(200));
}

#[test]
fn who_cannot_consult_is_told_so() {
    let mut city = city();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut placed = phone.dial(&mut city, "601");
    assert_eq!(placed.hears(&mut city), [404], "a seat in no call");
    placed.ack_failure(&mut city);
    let mut city = self::city();
    let (.., mut nobody) = dialled(&mut city, "999");
    assert_eq!(nobody.hears(&mut city), [404], "nobody is known by this number");
    nobody.ack_failure(&mut city);
    let mut city = self::city();
    let (_, mut phone, _, mut first) = dialled(&mut city, "601");
    first.hears(&mut city);
    let mut second = Phone { flow: phone.flow, ..Phone::new("1001") };
    second.cseq = 50;
    let mut other = second.dial(&mut city, "110");
    assert_eq!(other.hears(&mut city), [486], "one consultation at a time");
    phone.cseq += 1;
}

#[test]
fn a_shift_leader_dials_the_call_of_a_seat() {
    let mut settings = settings();
    settings.board.seats.get_mut(&hotline::call::SeatNo("1002".into())).unwrap().supervisor = true;
    let mut city = City::new(settings);
    let mut leader = Phone::registered(&mut city, "1002");
    let (mut caller, ..) = talking_with_1001(&mut city);
    let mut placed = leader.dial(&mut city, "*811001");
    assert_eq!(placed.hears(&mut city), [200]);
    placed.ack(&mut city);
    assert_eq!(city.state("1002"), SeatState::Talking);
    assert_eq!(mix(&city).len(), 3);
    assert!(city.wishes.iter().any(|wish| matches!(wish, hotline::call::Output::Supervised { .. })), "written down");
    assert_eq!(placed.bye(&mut city), Some(200));
    assert_eq!((city.state("1001"), city.state("1002")), (SeatState::Talking, SeatState::Idle));
    let mut stranger = Phone::registered(&mut city, "1003");
    for (dialled, status) in [("*811001", 403), ("*819999", 404), ("*81", 404)] {
        let mut refused = stranger.dial(&mut city, dialled);
        assert_eq!(refused.hears(&mut city), [status], "{dialled}");
        refused.ack_failure(&mut city);
    }
    assert_eq!(caller.bye(&mut city), Some(200));
}

/// Seat 1002 is signed out meanwhile, so that the caller is 1001's.
fn talking_with_1001(city: &mut City) -> (Caller, Phone, Rung) {
    let ask = |ask| hotline::exchange::Input::Ask { seat: hotline::call::SeatNo("1002".into()), ask };
    city.input(ask(hotline::call::SeatAsk::Busy));
    let talk = talking(city);
    city.input(ask(hotline::call::SeatAsk::Free));
    talk
}

#[test]
fn an_announcement_before_the_answer_is_no_answer() {
    let mut city = city();
    let (.., mut placed) = dialled(&mut city, "601");
    assert_eq!(placed.hears(&mut city), [180]);
    let invite = unit(&mut city);
    let body = sdp("198.51.100.30", 5000, "sendrecv");
    let contact = ["Contact: <sip:gw@198.51.100.9>".to_owned()];
    city.send(invite.0, reply(&invite.1, 183, "unit", &contact, &body));
    assert_eq!(placed.hears(&mut city), [180], "with media, and no 200");
    assert_eq!(mix(&city).last().unwrap().len(), 1, "it hears nobody: {:?}", mix(&city));
    answers(&mut city, &invite, 486);
    let second = unit(&mut city);
    answers(&mut city, &second, 486);
    assert_eq!(placed.hears(&mut city), [486]);
}
