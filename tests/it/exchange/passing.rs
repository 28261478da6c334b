//! A number that leads to a service behind a trunk: bytes in and bytes out. R6, R14.

use hotline::call::SeatState;
use hotline::call::directory::Directory;
use hotline::exchange::settings::Settings;
use hotline::sip::message::Method;

use super::city::{City, settings};
use super::peers::{Caller, Phone, Rung, reply, sdp};
use crate::call_passing::{number, plan, service};

/// Where the service's telephone is reached.
const SERVICE: &str = "198.51.100.10:5060";

fn passing() -> Settings {
    let mut settings = settings();
    settings.trunks[0].addresses = vec![SERVICE.parse().unwrap()];
    settings.trunks[0].shows_caller = true;
    settings.board.directory = Directory::new([service(vec![number("13800000652")])], Vec::new());
    settings.plan = plan();
    settings
}

/// The citizen has called, and the service's telephone rings.
fn rings(city: &mut City) -> (Caller, Phone, Rung) {
    let mut phone = Phone::registered(city, "1001");
    let mut caller = Caller::new(city, "12356");
    caller.invite(city);
    assert!(phone.is_rung(city).is_none(), "no seat before the service");
    let (flow, invite) = city.request_to(SERVICE.parse().unwrap(), &Method::Invite).expect("the service is rung");
    assert!(invite.uri.starts_with("sip:13800000652@"), "{}", invite.uri);
    let rung = Rung { flow, invite, tag: "service".into(), body: sdp("198.51.100.20", 4000, "sendrecv"), cseq: 0 };
    (caller, phone, rung)
}

#[test]
fn the_service_answers_the_citizen_in_place_of_a_seat() {
    let mut city = City::new(passing());
    let (mut caller, mut phone, service) = rings(&mut city);
    service.reply(&mut city, 180);
    assert!(!caller.hears(&mut city).contains(&200), "nobody has answered");
    service.answer(&mut city);
    assert!(caller.hears(&mut city).contains(&200), "the service has");
    caller.ack(&mut city);
    assert!(phone.is_rung(&mut city).is_none());
    assert_eq!(caller.bye(&mut city), Some(200));
    assert!(city.request_to(service.flow.remote, &Method::Bye).is_some());
    assert!(city.standing.is_empty(), "{:?}", city.standing);
}

#[test]
fn a_busy_service_leaves_the_call_to_a_seat() {
    let mut city = City::new(passing());
    let (mut caller, mut phone, service) = rings(&mut city);
    city.send(service.flow, reply(&service.invite, 486, "service", &[], ""));
    let seat = phone.rung(&mut city);
    seat.answer(&mut city);
    assert!(caller.hears(&mut city).contains(&200));
    caller.ack(&mut city);
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(caller.bye(&mut city), Some(200));
}
