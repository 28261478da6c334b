//! Wrong passwords from outside: what a guesser learns (nothing), and how soon he is stopped.

use hotline::sip::digest::Answerer;
use hotline::sip::message::{Method, Name};
use hotline::sip::registrar::{Account, GuessLimits, Registrar, RegistrarLimits, Verdict, WrongPassword};
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

/// One guess; 401 where it is wrong, or comes too soon to be looked at, 403 where it is locked out.
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
        let before = registrar.wrong_passwords();
        let status = guess(&mut registrar, at(second), "1001", "198.51.100.7:5060", "wrong");
        assert_eq!(status, if (16..15 + 900).contains(&second) || second > 930 { 403 } else { 401 }, "{second}");
        if registrar.wrong_passwords() > before {
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
fn a_phone_that_tries_again_at_once_is_challenged_and_one_that_is_locked_out_told_how_long() {
    let mut registrar = registrar();
    guess(&mut registrar, at(0), "1001", "198.51.100.7:5060", "wrong");
    let mut phone = Phone::new("1001", "198.51.100.7:5060");
    let mut again = |registrar: &mut Registrar, second: u64| {
        let bare = phone.request(Method::Register, &[]);
        let (response, _) = registrar.register(at(second), phone.flow, &bare);
        let after = response.headers.text(&Name::RetryAfter).map(|text| text.into_owned());
        (response.status, after, challenges(&response).len())
    };
    assert_eq!(again(&mut registrar, 0), (401, None, 2));
    let right = guess(&mut registrar, at(0), "1001", "198.51.100.7:5060", "secret-1001");
    assert_eq!(right, 401, "within the pause nobody learns whether it was right");
    assert_eq!(registrar.wrong_passwords(), 1);
    for second in [1, 3, 7, 15] {
        guess(&mut registrar, at(second), "1001", "198.51.100.7:5060", "wrong");
    }
    assert_eq!(again(&mut registrar, 15), (403, Some("900".into()), 0));
}

#[test]
fn wrong_passwords_are_told_once_a_while_and_locks_as_long_as_they_hold() {
    let mut registrar = registrar();
    let source = std::net::IpAddr::from([198, 51, 100, 7]);
    let news = |user: Option<&str>, locks| WrongPassword { source, user: user.map(str::to_owned), locks };
    let told = |registrar: &mut Registrar, second: u64, user: &str| {
        guess(registrar, at(second), user, "198.51.100.7:5060", "wrong");
        registrar.take_news()
    };
    assert_eq!(told(&mut registrar, 0, "1001"), [news(Some("1001"), false)]);
    for second in [1, 3, 7] {
        assert_eq!(told(&mut registrar, second, "1001"), []);
    }
    assert_eq!(registrar.take_locks(at(7)), []);
    assert_eq!(told(&mut registrar, 15, "1001"), [news(Some("1001"), true)]);
    assert_eq!(told(&mut registrar, 16, "1001"), [], "it is locked out");
    assert_eq!(registrar.take_locks(at(16)), [("1001".to_owned(), true)]);
    // A name that nobody has may be anything.
    assert_eq!(told(&mut registrar, 20, "13800000001"), [news(None, false)]);
    let others = (0..100).flat_map(|user| told(&mut registrar, 30, &format!("x{user}")));
    assert_eq!(others.filter(|news| news.locks).count(), 1, "the source is locked out");
    assert_eq!(registrar.next_unlock(), Some(at(915)));
    assert_eq!(registrar.take_locks(at(915)), [("1001".to_owned(), false), ("unknown".to_owned(), true)]);
    assert_eq!(registrar.take_locks(at(930)), [("unknown".to_owned(), false)]);
    assert_eq!((registrar.take_locks(at(931)), registrar.next_unlock()), (vec![], None));
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
    let before = registrar.wrong_passwords();
    assert_eq!(guess(&mut registrar, at(920), "5000", "198.51.100.8:7001", "wrong"), 401);
    assert_eq!(registrar.wrong_passwords(), before, "the pairs are slowed");
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
