//! Wrong passwords from outside: what a guesser learns (nothing), and how soon he is stopped.

use hotline::sip::digest::Answerer;
use hotline::sip::message::{Method, Name};
use hotline::sip::registrar::{Account, GuessLimits, Registrar, RegistrarLimits, Verdict};
use hotline::time::Mono;

use crate::registrar::{Phone, at, challenges, is_stale, registrar, udp, with_limits};

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let answers = |user: &str| {
        let (mut registrar, mut phone) = (registrar(), Phone::new(user, "192.0.2.5:5060"));
        phone.password = "wrong".into();
        let mut statuses = Vec::new();
        for round in 0..7 {
            let now = at(round * 60);
            let bare = phone.request(Method::Register, &[]);
            let (challenge, _) = registrar.register(now, phone.flow, &bare);
            statuses.push((challenge.status, challenge.reason.clone(), challenges(&challenge).len(), false));
            if challenge.status == 401 {
                let mut request = phone.request(Method::Register, &[(Name::Contact, "<sip:x@h>")]);
                phone.answerer = Answerer::default();
                phone.prove(&mut request, &challenge);
                let (response, changes) = registrar.register(now, phone.flow, &request);
                assert_eq!(changes, []);
                let stale = is_stale(&response);
                statuses.push((response.status, response.reason.clone(), challenges(&response).len(), stale));
            }
        }
        statuses
    };
    assert_eq!(answers("1001"), answers("9999"));
    assert_eq!(answers("1001").last().unwrap().0, 403, "and are locked alike");
}

/// One wrong guess; true where it was looked at (401), false where it was barred (403).
fn guess(registrar: &mut Registrar, now: Mono, user: &str, remote: &str, password: &str) -> u16 {
    let mut phone = Phone::new(user, remote);
    phone.password = password.into();
    phone.call_id = format!("{now:?}");
    let bare = phone.request(Method::Register, &[]);
    let (challenge, _) = registrar.register(now, phone.flow, &bare);
    if challenge.status != 401 {
        return challenge.status;
    }
    let contact = format!("<sip:1@{remote}>");
    let mut request = phone.request(Method::Register, &[(Name::Contact, contact.as_str())]);
    phone.prove(&mut request, &challenge);
    registrar.register(now, phone.flow, &request).0.status
}

#[test]
fn guesses_are_slowed_and_then_locked() {
    let mut registrar = registrar();
    let mut looked_at = Vec::new();
    for second in 0..=960 {
        if guess(&mut registrar, at(second), "1001", "198.51.100.7:5060", "wrong") == 401 {
            looked_at.push(second);
        }
    }
    assert_eq!(looked_at, [0, 1, 3, 7, 15, 15 + 900, 916, 918, 922, 930], "1, 2, 4, 8 s, then 15 minutes");
    assert_eq!(guess(&mut registrar, at(961), "1001", "198.51.100.7:5060", "secret-1001"), 403, "even the right one");
    assert_eq!(guess(&mut registrar, at(961), "1002", "198.51.100.7:5060", "secret-1002"), 200, "another user");
    assert_eq!(guess(&mut registrar, at(961), "1001", "198.51.100.8:5060", "secret-1001"), 200, "another source");
    assert_eq!(guess(&mut registrar, at(930 + 900), "1001", "198.51.100.7:5061", "secret-1001"), 200, "afterwards");
}

#[test]
fn a_barred_sender_is_told_how_long() {
    let mut registrar = registrar();
    guess(&mut registrar, at(0), "1001", "198.51.100.7:5060", "wrong");
    let mut phone = Phone::new("1001", "198.51.100.7:5060");
    let bare = phone.request(Method::Register, &[]);
    let (response, _) = registrar.register(at(0), phone.flow, &bare);
    assert_eq!((response.status, response.headers.text(&Name::RetryAfter).as_deref()), (403, Some("1")));
    assert!(challenges(&response).is_empty());
}

#[test]
fn few_and_rare_mistakes_lock_nobody() {
    let mut registrar = registrar();
    // Four in ten minutes, again and again.
    for second in (0..6000).step_by(151) {
        assert_eq!(guess(&mut registrar, at(second), "1001", "198.51.100.7:5060", "wrong"), 401, "{second}");
    }
    // The right password wipes the slate.
    for round in 0..10 {
        let second = 10_000 + round * 60;
        for pause in [0, 1, 3, 7] {
            assert_eq!(guess(&mut registrar, at(second + pause), "1002", "198.51.100.7:5060", "wrong"), 401);
        }
        assert_eq!(guess(&mut registrar, at(second + 15), "1002", "198.51.100.7:5060", "secret-1002"), 200);
    }
}

#[test]
fn a_source_that_tries_many_users_is_barred_unless_seats_are_registered_there() {
    let many = |registrar: &mut Registrar, second: u64, remote: &str| {
        let users = (5000..5200).map(|user| user.to_string());
        users.filter(|user| guess(registrar, at(second), user, remote, "wrong") == 401).count()
    };
    let right = |registrar: &mut Registrar, second: u64, user: &str, remote: &str| {
        guess(registrar, at(second), user, remote, &format!("secret-{user}"))
    };
    let mut registrar = registrar();
    assert_eq!(many(&mut registrar, 10, "198.51.100.7:5060"), 20);
    assert_eq!(right(&mut registrar, 11, "1001", "198.51.100.7:6000"), 403, "the whole source");
    assert_eq!(right(&mut registrar, 11, "1001", "198.51.100.8:6000"), 200, "and only it");
    assert_eq!(right(&mut registrar, 909, "1001", "198.51.100.7:6000"), 403);
    assert_eq!(right(&mut registrar, 910, "1001", "198.51.100.7:6000"), 200, "for a time");

    assert_eq!(right(&mut registrar, 912, "1001", "198.51.100.8:6000"), 200);
    // 198.51.100.8 has a seat now, behind the same NAT as the one who guesses.
    assert_eq!(many(&mut registrar, 920, "198.51.100.8:7000"), 200);
    assert_eq!(right(&mut registrar, 920, "1002", "198.51.100.8:7001"), 200, "colleagues register");
    assert_eq!(guess(&mut registrar, at(920), "5000", "198.51.100.8:7001", "wrong"), 403, "the pairs are slowed");
    // When its last seats have gone, the bar holds.
    registrar.set_accounts(vec![Account { user: "1003".into(), password: "secret-1003".into() }]);
    assert_eq!(right(&mut registrar, 921, "1003", "198.51.100.8:7001"), 403);
}

#[test]
fn guessing_costs_a_bounded_memory() {
    let guessing = GuessLimits { capacity: 50, ..GuessLimits::default() };
    let mut registrar = with_limits(RegistrarLimits { guessing, nonces: 50, ..RegistrarLimits::default() });
    for number in 0..2000_u32 {
        let remote = format!("198.51.{}.{}:5060", number / 250, number % 250);
        guess(&mut registrar, at(0), &format!("user-{number}"), &remote, "wrong");
        assert!(registrar.remembered() <= 150);
    }
    for number in 1001..1100 {
        assert_eq!(
            guess(&mut registrar, at(1), &number.to_string(), "192.0.2.5:5060", &format!("secret-{number}")),
            200
        );
        assert!(registrar.remembered() <= 150);
    }
}

#[test]
fn a_registered_phone_is_not_barred_for_the_guesses_of_its_neighbours() {
    let mut registrar = registrar();
    let mut phone = Phone::new("1001", "198.51.100.7:5060");
    phone.contact(&mut registrar, at(0), "<sip:1001@10.0.0.5>");
    for second in [0, 1, 3, 7, 15] {
        assert_eq!(guess(&mut registrar, at(second), "1001", "198.51.100.7:7000", "wrong"), 401);
    }
    let invite = phone.request(Method::Invite, &[]);
    let elsewhere = registrar.authenticate(at(16), udp("198.51.100.7:7000"), &invite);
    assert!(matches!(elsewhere, Verdict::Locked(response) if response.status == 403));
    assert!(matches!(registrar.authenticate(at(16), phone.flow, &invite), Verdict::Challenge(_)));
    let (refreshed, _) = phone.contact(&mut registrar, at(16), "<sip:1001@10.0.0.5>");
    assert_eq!(refreshed.status, 200);
}
