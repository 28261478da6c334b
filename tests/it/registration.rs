//! Our registration at a carrier, and the ping of its host, in virtual time.

use std::time::Duration;

use hotline::sip::message::{Method, Name, Request, Response};
use hotline::sip::ping::{Health, Ping, PingSettings, PingWish};
use hotline::sip::registration::{DownReason, Registration, RegistrationSettings, RegistrationWish};
use hotline::time::Mono;

const CONTACT: &str = "sip:hotline@192.0.2.10:5060";

fn settings() -> RegistrationSettings {
    RegistrationSettings {
        registrar: "sip:carrier.example;transport=udp".into(),
        aor: "sip:hotline@carrier.example".into(),
        contact: CONTACT.into(),
        user: "hotline".into(),
        password: "geheim".into(),
        expires: RegistrationSettings::EXPIRES,
        first_pause: RegistrationSettings::FIRST_PAUSE,
        longest_pause: RegistrationSettings::LONGEST_PAUSE,
        call_id: "reg-1".into(),
        from_tag: "f1".into(),
        seed: [3; 32],
    }
}

fn at(seconds: u64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

fn sent(registration: &mut Registration) -> Request {
    match registration.poll() {
        Some(RegistrationWish::Send(request)) => *request,
        other => panic!("{other:?}"),
    }
}

fn authorization(request: &Request) -> Option<String> {
    request.headers.text(&Name::Authorization).map(|text| text.into_owned())
}

fn challenge(request: &Request, nonce: &str, more: &str) -> Response {
    let mut response = request.respond(401);
    for algorithm in ["MD5", "SHA-256"] {
        let line = format!(r#"Digest realm="carrier", nonce="{nonce}", qop="auth", algorithm={algorithm}{more}"#);
        response.headers.push(Name::WwwAuthenticate, line);
    }
    response
}

fn grant(request: &Request, contact: &str) -> Response {
    let mut response = request.respond(200);
    response.headers.push(Name::Contact, contact);
    response
}

/// Registered at second 0 for an hour with nonce `n1`.
fn registered() -> Registration {
    let mut registration = Registration::new(settings());
    registration.start();
    let first = sent(&mut registration);
    registration.on_response(at(0), &challenge(&first, "n1", ""));
    let second = sent(&mut registration);
    registration.on_response(at(0), &grant(&second, &format!("<{CONTACT}>;expires=3600")));
    assert_eq!(registration.poll(), Some(RegistrationWish::Up));
    registration
}

#[test]
fn it_registers_answers_the_challenge_and_refreshes_at_four_fifths() {
    let mut registration = Registration::new(settings());
    registration.start();
    registration.start();
    let first = sent(&mut registration);
    assert_eq!(registration.poll(), None, "one REGISTER at a time");
    assert_eq!((first.method.clone(), first.uri.as_str()), (Method::Register, "sip:carrier.example;transport=udp"));
    assert_eq!(first.headers.text(&Name::Contact).unwrap(), format!("<{CONTACT}>;expires=3600"));
    assert_eq!(first.headers.text(&Name::CSeq).unwrap(), "1 REGISTER");
    assert_eq!(authorization(&first), None);

    registration.on_response(at(0), &first.respond(100));
    assert_eq!(registration.poll(), None);
    registration.on_response(at(0), &challenge(&first, "n1", ""));
    let second = sent(&mut registration);
    assert_eq!(second.headers.text(&Name::CSeq).unwrap(), "2 REGISTER");
    assert_eq!(second.headers.call_id(), first.headers.call_id());
    let proof = authorization(&second).unwrap();
    assert!(proof.contains("algorithm=SHA-256") && proof.contains("nc=00000001"), "{proof}");
    assert!(proof.contains(r#"uri="sip:carrier.example;transport=udp""#), "{proof}");
    assert!(!registration.is_up());

    let others = format!("<sip:other@192.0.2.99>;expires=10, <{CONTACT}>;expires=600");
    registration.on_response(at(1), &grant(&second, &others));
    assert_eq!(registration.poll(), Some(RegistrationWish::Up));
    assert!(registration.is_up());
    assert_eq!(registration.next_timeout(), Some(at(1 + 480)));

    registration.handle_timeout(at(480));
    assert_eq!(registration.poll(), None);
    registration.handle_timeout(at(481));
    let refresh = sent(&mut registration);
    let again = authorization(&refresh).unwrap();
    assert!(again.contains(r#"nonce="n1""#) && again.contains("nc=00000002"), "{again}");
    registration.on_response(at(481), &challenge(&refresh, "n2", ", stale=true"));
    let fresh = sent(&mut registration);
    let proof = authorization(&fresh).unwrap();
    assert!(proof.contains(r#"nonce="n2""#) && proof.contains("nc=00000001"), "{proof}");
    registration.on_response(at(482), &grant(&fresh, &others));
    assert_eq!(registration.poll(), None, "still up: nothing to tell");
}

#[test]
fn what_the_carrier_grants_is_read_from_wherever_it_says_it() {
    for (contacts, expires, seconds) in [
        (vec![format!("<{CONTACT}>;expires=100")], None, 100),
        (vec![format!("<{CONTACT}>")], Some("200"), 200),
        (vec!["<sip:rewritten@203.0.113.1:40000>;expires=300".to_owned()], Some("9"), 300),
        (vec!["<sip:a@203.0.113.1>;expires=1".into(), "<sip:b@203.0.113.1>;expires=2".into()], Some("400"), 400),
        (vec![], None, 3600),
        (vec!["<<<".to_owned()], Some("500"), 500),
    ] {
        let mut registration = Registration::new(settings());
        registration.start();
        let mut response = sent(&mut registration).respond(200);
        for contact in &contacts {
            response.headers.push(Name::Contact, contact.clone());
        }
        if let Some(expires) = expires {
            response.headers.push(Name::Expires, expires);
        }
        registration.on_response(at(0), &response);
        assert_eq!(registration.next_timeout(), Some(at(seconds * 4 / 5)), "{contacts:?}");
    }
}

#[test]
fn a_refused_password_is_not_tried_again_soon() {
    let mut registration = Registration::new(settings());
    registration.start();
    let first = sent(&mut registration);
    registration.on_response(at(0), &challenge(&first, "n1", ""));
    let second = sent(&mut registration);
    registration.on_response(at(0), &challenge(&second, "n2", ""));
    assert_eq!(registration.poll(), None);
    let due = registration.next_timeout().unwrap();
    assert!(due > at(480) && due <= at(600), "the longest pause: {due:?}");
    assert_eq!((registration.is_up(), registration.trouble()), (false, Some(DownReason::Credentials)));
    registration.handle_timeout(due);
    assert_eq!(authorization(&sent(&mut registration)), None, "asks for a new challenge first");
}

#[test]
fn an_endless_challenge_ends() {
    let mut registration = Registration::new(settings());
    registration.start();
    let mut requests = 0;
    while let Some(RegistrationWish::Send(request)) = registration.poll() {
        requests += 1;
        assert!(requests < 20, "a loop");
        registration.on_response(at(0), &challenge(&request, &format!("n{requests}"), ", stale=true"));
    }
    assert!(registration.next_timeout().unwrap() > at(480));
}

#[test]
fn pauses_double_up_to_ten_minutes_and_differ_by_seed() {
    let pauses = |seed: u8| {
        let mut registration = Registration::new(RegistrationSettings { seed: [seed; 32], ..settings() });
        registration.start();
        let (mut now, mut pauses) = (at(0), Vec::new());
        for _ in 0..8 {
            sent(&mut registration);
            registration.on_failure(now);
            let due = registration.next_timeout().unwrap();
            pauses.push(due.since(now));
            now = due;
            registration.handle_timeout(now);
        }
        pauses
    };
    for (pause, step) in pauses(1).into_iter().zip([30, 60, 120, 240, 480, 600, 600, 600]) {
        let step = Duration::from_secs(step);
        assert!(pause <= step && pause >= step * 4 / 5, "{pause:?} for {step:?}");
    }
    assert_eq!(pauses(1), pauses(1));
    assert_ne!(pauses(1), pauses(2));
}

#[test]
fn retry_after_is_heeded_and_success_starts_over() {
    let mut registration = registered();
    registration.handle_timeout(at(2880));
    let refresh = sent(&mut registration);
    let mut busy = refresh.respond(503);
    busy.headers.push(Name::RetryAfter, "300 (too many);duration=10");
    registration.on_response(at(2880), &busy);
    assert!(registration.is_up(), "what was granted still stands");
    assert_eq!(registration.next_timeout(), Some(at(3180)));
    registration.handle_timeout(at(3180));
    let retry = sent(&mut registration);
    assert_eq!(registration.trouble(), Some(DownReason::Refused(503)));
    registration.on_response(at(3180), &grant(&retry, &format!("<{CONTACT}>;expires=3600")));
    assert_eq!((registration.poll(), registration.trouble()), (None, None));
    registration.handle_timeout(at(3180 + 2880));
    sent(&mut registration);
    registration.on_failure(at(3180 + 2880));
    assert!(registration.next_timeout().unwrap() <= at(3180 + 2880 + 30), "the first pause again");
}

#[test]
fn it_goes_down_when_nobody_answers_until_the_end_and_at_once_when_refused() {
    let mut registration = registered();
    let mut now = at(2880);
    registration.handle_timeout(now);
    let mut down_at = None;
    while down_at.is_none() {
        match registration.poll() {
            Some(RegistrationWish::Send(_)) => registration.on_failure(now),
            Some(RegistrationWish::Down(why)) => {
                assert_eq!(why, DownReason::NoAnswer);
                down_at = Some(now);
            }
            Some(RegistrationWish::Up) => panic!("up"),
            None => {
                now = registration.next_timeout().unwrap();
                registration.handle_timeout(now);
            }
        }
    }
    assert_eq!(down_at, Some(at(3600)));
    assert!(registration.next_timeout().is_some(), "it goes on trying");

    let mut registration = registered();
    registration.handle_timeout(at(2880));
    let refresh = sent(&mut registration);
    registration.on_response(at(2880), &refresh.respond(403));
    assert_eq!(registration.poll(), Some(RegistrationWish::Down(DownReason::Refused(403))));
}

#[test]
fn too_brief_is_asked_again_with_min_expires() {
    let mut registration = Registration::new(RegistrationSettings { expires: 60, ..settings() });
    registration.start();
    let first = sent(&mut registration);
    let mut brief = first.respond(423);
    brief.headers.push(Name::MinExpires, "1800");
    registration.on_response(at(0), &brief);
    let second = sent(&mut registration);
    assert_eq!(second.headers.expires(), Some(1800));
    // A carrier that then wants no more than that is not reasoned with.
    registration.on_response(at(0), &brief);
    assert_eq!(registration.poll(), None);
    assert!(registration.next_timeout().is_some());
}

#[test]
fn it_unregisters_on_shutdown() {
    let mut registration = registered();
    registration.stop();
    let bye = sent(&mut registration);
    assert_eq!(bye.headers.text(&Name::Contact).unwrap(), format!("<{CONTACT}>;expires=0"));
    assert_eq!(bye.headers.expires(), Some(0));
    assert!(authorization(&bye).unwrap().contains("nc=00000002"));
    registration.on_response(at(5), &challenge(&bye, "n9", ", stale=true"));
    let proved = sent(&mut registration);
    assert_eq!(proved.headers.expires(), Some(0));
    assert!(!registration.is_ended());
    registration.on_response(at(5), &proved.respond(200));
    assert_eq!(registration.poll(), Some(RegistrationWish::Down(DownReason::Stopped)));
    assert!(registration.is_ended() && registration.next_timeout().is_none());
}

#[test]
fn stopping_waits_for_what_is_under_way_and_for_nothing_else() {
    // Never registered: nothing to take back.
    let mut idle = Registration::new(settings());
    idle.stop();
    assert!(idle.is_ended());
    assert_eq!(idle.poll(), None);

    // A REGISTER under way may still succeed: then it is taken back.
    let mut asking = Registration::new(settings());
    asking.start();
    let first = sent(&mut asking);
    asking.stop();
    assert_eq!(asking.poll(), None);
    asking.on_response(at(0), &grant(&first, &format!("<{CONTACT}>;expires=3600")));
    assert_eq!(asking.poll(), Some(RegistrationWish::Up));
    assert_eq!(sent(&mut asking).headers.expires(), Some(0));
    asking.on_failure(at(32));
    assert_eq!(asking.poll(), Some(RegistrationWish::Down(DownReason::Stopped)));
    assert!(asking.is_ended());

    // And a late answer to nothing changes nothing.
    asking.on_response(at(40), &first.respond(200));
    assert!(!asking.is_up());
    asking.start();
    sent(&mut asking);
}

fn ping() -> Ping {
    let settings = PingSettings {
        target: "sip:192.0.2.1:5060".into(),
        from: "sip:hotline@192.0.2.10".into(),
        interval: Duration::from_secs(60),
        misses: 2,
        id: "x1".into(),
    };
    Ping::new(settings, at(10))
}

fn pinged(ping: &mut Ping) -> Request {
    match ping.poll() {
        Some(PingWish::Send(request)) => *request,
        other => panic!("{other:?}"),
    }
}

/// Sends the OPTIONS that is due now.
fn due(ping: &mut Ping) -> (Mono, Request) {
    let now = ping.next_timeout().unwrap();
    ping.handle_timeout(now);
    assert_eq!(ping.next_timeout(), None, "one at a time");
    (now, pinged(ping))
}

#[test]
fn any_answer_but_408_and_503_means_up() {
    for (status, health) in [
        (200, Health::Up),
        (302, Health::Up),
        (404, Health::Up),
        (405, Health::Up),
        (408, Health::Down),
        (481, Health::Up),
        (500, Health::Up),
        (503, Health::Down),
        (603, Health::Up),
    ] {
        let mut ping = ping();
        assert_eq!(ping.health(), Health::Unknown);
        let (now, request) = due(&mut ping);
        ping.answered(now, &request.respond(100));
        assert_eq!(ping.health(), Health::Unknown);
        ping.answered(now + Duration::from_secs(1), &request.respond(status));
        assert_eq!(ping.health(), health, "{status}");
        assert_eq!(ping.poll(), Some(if health == Health::Up { PingWish::Up } else { PingWish::Down }));
        assert_eq!(ping.next_timeout(), Some(now + Duration::from_secs(60)), "from one OPTIONS to the next");
    }
}

#[test]
fn two_misses_mean_down_and_one_answer_up_again() {
    let mut ping = ping();
    let (now, request) = due(&mut ping);
    assert_eq!(now, at(10));
    assert_eq!((request.method.clone(), request.uri.as_str()), (Method::Options, "sip:192.0.2.1:5060"));
    let first_id = request.headers.call_id().unwrap().to_owned();
    ping.answered(now, &request.respond(200));
    assert_eq!(ping.poll(), Some(PingWish::Up));

    let (now, request) = due(&mut ping);
    assert_eq!(now, at(70));
    assert_ne!(request.headers.call_id().unwrap(), first_id);
    ping.missed(at(102));
    ping.missed(at(102));
    assert_eq!((ping.health(), ping.poll()), (Health::Up, None), "one miss, told twice, is one miss");
    assert_eq!(ping.next_timeout(), Some(at(102)), "checked at once");
    due(&mut ping);
    ping.missed(at(134));
    assert_eq!((ping.health(), ping.poll()), (Health::Down, Some(PingWish::Down)));

    let (now, _) = due(&mut ping);
    assert_eq!(now, at(162));
    ping.missed(at(194));
    assert_eq!(ping.poll(), None, "down is told once");
    let (now, request) = due(&mut ping);
    ping.answered(now, &request.respond(200));
    assert_eq!((ping.health(), ping.poll()), (Health::Up, Some(PingWish::Up)));
    // The misses before count no more.
    let (now, _) = due(&mut ping);
    ping.missed(now + Duration::from_secs(32));
    assert_eq!(ping.health(), Health::Up);
}

#[test]
fn a_transport_that_fails_at_once_is_not_asked_without_end() {
    let mut ping = ping();
    let mut sent = 0;
    while ping.next_timeout().unwrap() < at(10 + 600) {
        let (now, _) = due(&mut ping);
        ping.missed(now);
        sent += 1;
        while ping.poll().is_some() {}
    }
    assert_eq!(sent, 11);
}
