//! Trunks: are they there, where are they, and are we registered with them?

use hotline::exchange::Input;
use hotline::exchange::settings::{Settings, Trunk};
use hotline::sip::message::{Method, Name, Request};

use super::city::{City, settings};
use super::peers::{Caller, reply};
use crate::call::seconds;

const FIRST: &str = "198.51.100.9:5060";
const SECOND: &str = "198.51.100.10:5060";

fn addresses(list: &[&str]) -> Vec<std::net::SocketAddr> {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

/// One trunk, with these hosts.
fn with(hosts: &[&str], change: impl FnOnce(&mut Trunk)) -> Settings {
    let mut settings = settings();
    settings.trunks.truncate(1);
    settings.trunks[0].addresses = addresses(hosts);
    change(&mut settings.trunks[0]);
    settings
}

fn pinged(trunk: &mut Trunk) {
    trunk.options_interval = Some(seconds(30));
}

fn registered(trunk: &mut Trunk) {
    trunk.register = true;
    trunk.credentials = Some(("jdz12345".into(), "secret".into()));
}

/// Answers what waits at this address; the statuses in order, the last one again and again.
fn answer(city: &mut City, remote: &str, method: &Method, status: u16) -> Option<Request> {
    let remote: std::net::SocketAddr = remote.parse().unwrap();
    let all = std::iter::from_fn(|| city.request_to(remote, method)).last();
    let (flow, request) = all?;
    let more = match status {
        401 => {
            vec!["WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5".to_string()]
        }
        200 if *method == Method::Register => {
            vec![format!("Contact: {}", request.headers.text(&Name::Contact).unwrap())]
        }
        _ => Vec::new(),
    };
    city.send(flow, reply(&request, status, "x", &more, ""));
    Some(request)
}

fn waits(city: &mut City, remote: &str, method: &Method) -> bool {
    city.request_to(remote.parse().unwrap(), method).is_some()
}

fn alarms(city: &mut City) -> Vec<String> {
    let mut story = city.story();
    story.retain(|line| line.starts_with("Alarm"));
    story
}

fn is_up(city: &City) -> bool {
    city.exchange.trunk_states()[0].1
}

#[test]
fn a_trunk_that_answers_no_options_is_down_until_it_does() {
    let mut city = City::new(with(&[FIRST], pinged));
    city.pass(seconds(0));
    let options = answer(&mut city, FIRST, &Method::Options, 404).expect("asked at once");
    assert_eq!(options.uri, format!("sip:{FIRST}"));
    assert!(is_up(&city), "any answer proves that somebody is there");
    city.pass(seconds(100));
    assert_eq!(alarms(&mut city), ["Alarm trunk_down carrier on"]);
    assert!(!is_up(&city));
    city.pass(seconds(40));
    answer(&mut city, FIRST, &Method::Options, 200).expect("asked on");
    assert_eq!(alarms(&mut city), ["Alarm trunk_down carrier off"]);
    assert!(is_up(&city));
    city.pass(seconds(31));
    answer(&mut city, FIRST, &Method::Options, 503);
    assert_eq!(alarms(&mut city), ["Alarm trunk_down carrier on"], "503 says that calls would fail");
    // Calls from there are taken all the same.
    let mut caller = Caller::new(&mut city, "12345");
    city.mail(FIRST.parse().unwrap());
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183]);
}

#[test]
fn a_trunk_with_two_hosts_is_up_while_one_of_them_is() {
    let mut city = City::new(with(&[FIRST, SECOND], pinged));
    city.pass(seconds(0));
    answer(&mut city, FIRST, &Method::Options, 503).unwrap();
    answer(&mut city, SECOND, &Method::Options, 200).unwrap();
    assert_eq!(alarms(&mut city), [format!("Alarm trunk_host_down carrier {FIRST} on")]);
    assert!(is_up(&city));
    city.pass(seconds(31));
    answer(&mut city, FIRST, &Method::Options, 503).unwrap();
    answer(&mut city, SECOND, &Method::Options, 503).unwrap();
    let down = [format!("Alarm trunk_host_down carrier {SECOND} on"), "Alarm trunk_down carrier on".into()];
    assert_eq!(alarms(&mut city), down);
    city.pass(seconds(31));
    answer(&mut city, FIRST, &Method::Options, 200).unwrap();
    let up = [format!("Alarm trunk_host_down carrier {FIRST} off"), "Alarm trunk_down carrier off".into()];
    assert_eq!(alarms(&mut city), up);
}

#[test]
fn a_trunk_is_registered_with_a_digest_and_again_in_time() {
    let mut city = City::new(with(&[FIRST], registered));
    let register = answer(&mut city, FIRST, &Method::Register, 401).expect("at once");
    assert_eq!(register.uri, "sip:carrier.example");
    assert_eq!(register.headers.contact().unwrap().unwrap().uri.raw, "sip:jdz12345@198.51.100.1:5060");
    assert!(!is_up(&city));
    let proved = answer(&mut city, FIRST, &Method::Register, 200).unwrap();
    assert!(proved.headers.text(&Name::Authorization).unwrap().contains("username=\"jdz12345\""));
    assert!(is_up(&city));
    assert!(alarms(&mut city).is_empty());
    city.pass(seconds(3600 * 4 / 5 - 1));
    assert!(!waits(&mut city, FIRST, &Method::Register));
    city.pass(seconds(2));
    answer(&mut city, FIRST, &Method::Register, 403).unwrap();
    assert_eq!(alarms(&mut city), ["Alarm trunk_unregistered carrier on"]);
    assert!(!is_up(&city));
    let again = (0..40).any(|_| {
        city.pass(seconds(20));
        answer(&mut city, FIRST, &Method::Register, 200).is_some()
    });
    assert!(again, "tried again after a pause");
    assert_eq!(alarms(&mut city), ["Alarm trunk_unregistered carrier off"]);
}

#[test]
fn a_registration_that_never_succeeds_is_told() {
    let mut city = City::new(with(&[FIRST], registered));
    answer(&mut city, FIRST, &Method::Register, 403).unwrap();
    assert_eq!(alarms(&mut city), ["Alarm trunk_unregistered carrier on"]);
}

#[test]
fn a_registrar_that_is_silent_or_unavailable_gives_way_to_the_next() {
    let mut city = City::new(with(&[FIRST, SECOND], registered));
    assert!(waits(&mut city, FIRST, &Method::Register));
    city.pass(seconds(5));
    answer(&mut city, SECOND, &Method::Register, 401).expect("after five seconds of silence");
    answer(&mut city, SECOND, &Method::Register, 200).expect("the proof goes to whom asked for it");
    city.mail(FIRST.parse().unwrap());
    assert!(is_up(&city));
    city.pass(seconds(2881));
    answer(&mut city, SECOND, &Method::Register, 503).expect("it stays there while that works");
    answer(&mut city, FIRST, &Method::Register, 200).expect("and goes on from there");
    assert!(is_up(&city));
    assert!(alarms(&mut city).is_empty());
    city.pass(seconds(2881));
    answer(&mut city, FIRST, &Method::Register, 503).unwrap();
    answer(&mut city, SECOND, &Method::Register, 503).unwrap();
    assert!(!waits(&mut city, FIRST, &Method::Register), "both have been tried");
    city.pass(seconds(60));
    let again = waits(&mut city, FIRST, &Method::Register) || waits(&mut city, SECOND, &Method::Register);
    assert!(again, "after a pause");

    // Where OPTIONS has found out that the first is down, it is not even tried.
    let both = |trunk: &mut Trunk| {
        pinged(trunk);
        registered(trunk);
    };
    let mut city = City::new(with(&[FIRST, SECOND], both));
    answer(&mut city, FIRST, &Method::Register, 200).unwrap();
    city.pass(seconds(0));
    answer(&mut city, SECOND, &Method::Options, 200).unwrap();
    answer(&mut city, FIRST, &Method::Options, 503).unwrap();
    for _ in 0..100 {
        city.pass(seconds(29));
        answer(&mut city, SECOND, &Method::Options, 200);
        answer(&mut city, FIRST, &Method::Options, 503);
    }
    city.mail(FIRST.parse().unwrap());
    answer(&mut city, SECOND, &Method::Register, 200).expect("the refresh goes to the host that lives");
}

#[test]
fn a_trunk_whose_host_is_a_name_starts_when_its_addresses_are_known() {
    let both = |trunk: &mut Trunk| {
        pinged(trunk);
        registered(trunk);
        trunk.sources.clear();
    };
    let mut city = City::new(with(&[], both));
    city.pass(seconds(5));
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [403], "nobody knows it yet");
    let resolved = |city: &mut City, list: &[&str]| {
        city.input(Input::Resolved { trunk: "carrier".into(), addresses: addresses(list) });
        city.pass(seconds(0));
    };
    resolved(&mut city, &[FIRST, "[2001:db8::9]:5060"]);
    answer(&mut city, FIRST, &Method::Register, 200).expect("registered now");
    answer(&mut city, FIRST, &Method::Options, 200).expect("and asked");
    assert!(!waits(&mut city, "[2001:db8::9]:5060", &Method::Options), "an IPv4 listener reaches no IPv6");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183], "calls from there are the trunk's");

    // The same again changes nothing; another host takes the place of one that is gone.
    resolved(&mut city, &[FIRST]);
    assert!(!waits(&mut city, FIRST, &Method::Options) && !waits(&mut city, FIRST, &Method::Register));
    resolved(&mut city, &[SECOND]);
    assert!(waits(&mut city, SECOND, &Method::Options));
    city.pass(seconds(60));
    assert!(!waits(&mut city, FIRST, &Method::Options));
    // A look-up that finds nothing takes nothing away.
    resolved(&mut city, &[]);
    city.pass(seconds(60));
    assert!(waits(&mut city, SECOND, &Method::Options));
}

#[test]
fn a_reload_keeps_what_stays_the_same_and_takes_back_what_is_gone() {
    let both = |trunk: &mut Trunk| {
        pinged(trunk);
        registered(trunk);
    };
    let mut city = City::new(with(&[FIRST, SECOND], both));
    city.pass(seconds(0));
    answer(&mut city, FIRST, &Method::Register, 200).unwrap();
    answer(&mut city, FIRST, &Method::Options, 503).unwrap();
    answer(&mut city, SECOND, &Method::Options, 503).unwrap();
    assert_eq!(alarms(&mut city).len(), 3);
    city.input(Input::Reload(Box::new(with(&[FIRST, SECOND], both))));
    city.pass(seconds(0));
    assert!(!waits(&mut city, FIRST, &Method::Register) && !waits(&mut city, FIRST, &Method::Options));
    assert!(alarms(&mut city).is_empty());

    // Another password: registered anew, in the place of the old one.
    let other = |trunk: &mut Trunk| {
        both(trunk);
        trunk.credentials = Some(("jdz12345".into(), "other".into()));
    };
    city.input(Input::Reload(Box::new(with(&[FIRST, SECOND], other))));
    let register = answer(&mut city, FIRST, &Method::Register, 200).unwrap();
    assert_eq!(register.headers.expires(), Some(3600));
    city.pass(seconds(0));
    answer(&mut city, FIRST, &Method::Options, 200).unwrap();
    answer(&mut city, SECOND, &Method::Options, 503).unwrap();
    city.story();

    let mut gone = with(&[], |_| {});
    gone.trunks.clear();
    city.input(Input::Reload(Box::new(gone)));
    let register = answer(&mut city, FIRST, &Method::Register, 200).expect("unregistered");
    assert_eq!(register.headers.expires(), Some(0));
    assert_eq!(alarms(&mut city), [format!("Alarm trunk_host_down carrier {SECOND} off")]);
    city.pass(seconds(4_000));
    assert!(city.addressees().is_empty(), "{:?}", city.addressees());
    assert_eq!(city.exchange.holdings().lines, 0);
}

#[test]
fn a_draining_server_takes_its_registrations_back() {
    let mut city = City::new(with(&[FIRST], registered));
    answer(&mut city, FIRST, &Method::Register, 200).expect("registered");
    city.input(Input::Drain);
    let leave = answer(&mut city, FIRST, &Method::Register, 200).expect("unregistered");
    assert!(leave.headers.expires() == Some(0) || leave.headers.text(&Name::Contact).unwrap().contains("expires=0"));
}
