//! Accounts without a server: passwords, one-time codes, guessing and sessions, in virtual time.

use std::net::IpAddr;
use std::time::Duration;

use hotline::accounts::{AccountError, Accounts, IDLE, LONGEST, New, SignInRefused, totp};
use hotline::call::SeatNo;
use hotline::rules::access::{Role, Scope};
use hotline::time::{Mono, Now, Wall};

use crate::facts::{Folder, MORNING};

const DESK: &str = "192.0.2.7";
const PASSWORD: &str = "correct horse";

fn at(seconds: u64) -> Now {
    let millis = 1_000_000 + seconds * 1000;
    Now { mono: Mono::from_millis(millis), wall: Wall(MORNING.0 + i64::try_from(seconds * 1000).unwrap()) }
}

fn new(name: &str, role: Role) -> New {
    let seat = role.has_own_seat().then(|| SeatNo("1001".into()));
    New { name: name.to_owned(), role, centre: None, seat, password: PASSWORD.to_owned() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// With `li`, who is in quality assurance.
fn accounts(folder: &Folder) -> Accounts {
    let accounts = Accounts::open(&folder.0).unwrap();
    assert_eq!(accounts.add(new("li", Role::Qa)).unwrap(), None);
    accounts
}

/// What stands behind `secret=` in the link, as bytes. (RFC 4648 §6)
pub fn secret(link: &str) -> Vec<u8> {
    let text = link.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let value = |letter: u8| if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
    let bits: String = text.bytes().map(|letter| format!("{:05b}", value(letter))).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

/// RFC 6238, appendix B, the last six of the eight digits there.
#[test]
fn codes_are_those_of_the_rfc() {
    for (seconds, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(totp::code_at(b"12345678901234567890", Wall(seconds * 1000)).as_deref(), Some(code), "{seconds}");
    }
    // RFC 4648 §10
    for (text, coded) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
        assert_eq!(totp::base32(text.as_bytes()), coded);
    }
}

#[test]
fn an_account_is_checked_and_kept_without_its_password() {
    let folder = Folder::new("accounts");
    let accounts = accounts(&folder);
    let county = |new: New| New { centre: Some("leping".into()), ..new };
    for (wrong, why) in [
        (new("li", Role::Qa), "there is an account"),
        (new("", Role::Qa), "a name has"),
        (new("Wu", Role::Qa), "a name has"),
        (new("../wu", Role::Qa), "a name has"),
        (New { password: "short".into(), ..new("wu", Role::Qa) }, "a password has"),
        (county(new("wu", Role::Admin)), "the city's"),
        (county(new("wu", Role::Auditor)), "the city's"),
        (New { seat: None, ..new("wu", Role::Seat) }, "its seat"),
        (New { seat: Some(SeatNo("1001".into())), ..new("wu", Role::Qa) }, "its seat"),
    ] {
        let error = accounts.add(wrong).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    accounts.add(county(new("wu", Role::Seat))).unwrap();
    let file = folder.join("accounts.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(PASSWORD) && text.contains("memory_kib = 19456"), "{text}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let again = Accounts::open(&folder.0).unwrap();
    assert_eq!(again.list(at(0).mono), accounts.list(at(0).mono));
    let session = again.sign_in(at(0), ip(DESK), "wu", PASSWORD, "").unwrap();
    let signed = again.signed(at(1).mono, &session).unwrap();
    assert_eq!((signed.scope, signed.seat), (Scope::Centre("leping".into()), Some(SeatNo("1001".into()))));
    assert!(matches!(again.disable("nobody", true), Err(AccountError::Unknown)));
    assert!(Accounts::open(&folder.join("nowhere")).unwrap().is_empty());
    std::fs::write(&file, "account = 7").unwrap();
    assert!(Accounts::open(&folder.0).unwrap_err().to_string().contains("accounts.toml"));
}

#[test]
fn a_code_is_needed_and_works_once() {
    let folder = Folder::new("totp");
    let accounts = Accounts::open(&folder.0).unwrap();
    let secret = secret(&accounts.add(new("dang", Role::Archivist)).unwrap().expect("a link"));
    let code = |seconds| totp::code_at(&secret, at(seconds).wall).unwrap();
    let sign_in = |accounts: &Accounts, seconds, code: &str| {
        accounts.sign_in(at(seconds), ip(DESK), "dang", PASSWORD, code).map(drop)
    };
    assert_eq!(sign_in(&accounts, 0, ""), Err(SignInRefused::Wrong));
    assert_eq!(sign_in(&accounts, 10, &code(100)), Err(SignInRefused::Wrong), "three periods ahead");
    assert_eq!(sign_in(&accounts, 20, &code(0)), Ok(()));
    assert_eq!(sign_in(&accounts, 21, &code(0)), Err(SignInRefused::Wrong), "used");
    let again = Accounts::open(&folder.0).unwrap();
    assert_eq!(sign_in(&again, 25, &code(0)), Err(SignInRefused::Wrong), "used before the restart");
    assert_eq!(sign_in(&again, 40, &code(60)), Ok(()), "a phone whose clock is ahead");
    assert_eq!(sign_in(&again, 41, &code(30)), Err(SignInRefused::Wrong), "older than the last one used");
    let renewed = crate::accounts::secret(&again.renew_totp("dang").unwrap());
    assert_eq!(sign_in(&again, 80, &code(80)), Err(SignInRefused::Wrong), "of the former authenticator");
    assert_eq!(sign_in(&again, 100, &totp::code_at(&renewed, at(100).wall).unwrap()), Ok(()));
}

#[test]
fn whoever_guesses_is_barred_and_the_owner_is_not() {
    let folder = Folder::new("guessing");
    let accounts = accounts(&folder);
    let guess = |seconds, from: &str, name: &str| accounts.sign_in(at(seconds), ip(from), name, "wrong password", "");
    let right = |seconds, from: &str| accounts.sign_in(at(seconds), ip(from), "li", PASSWORD, "").map(drop);
    let is_barred = |seconds, from: &str| matches!(right(seconds, from), Err(SignInRefused::Barred { .. }));
    right(0, DESK).unwrap();
    // Pauses of 1, 2, 4, 8 seconds, then the pair is barred for a quarter of an hour.
    for second in [1, 2, 4, 8, 16] {
        assert_eq!(guess(second, "198.51.100.1", "li"), Err(SignInRefused::Wrong), "{second}");
        assert!(is_barred(second, "198.51.100.1"), "{second}: the right password is not even looked at");
    }
    assert!(is_barred(16 + 899, "198.51.100.1"));
    right(17, DESK).unwrap();
    right(16 + 900, "198.51.100.1").unwrap();
    assert_eq!(guess(16, "198.51.100.9", &"x".repeat(60_000)), Err(SignInRefused::Wrong));
    // Twenty for whatever names bar the address.
    for n in 0..20 {
        assert_eq!(guess(1000, "198.51.100.2", &format!("name{n}")), Err(SignInRefused::Wrong), "{n}");
    }
    assert!(is_barred(1001, "198.51.100.2"));
    // Many addresses that guess together bar the account for those whom it does not know.
    for n in 0..50 {
        assert_eq!(guess(3000, &format!("203.0.113.{n}"), "li"), Err(SignInRefused::Wrong), "{n}");
    }
    assert!(is_barred(3001, "203.0.113.200"));
    right(3001, DESK).unwrap();
    accounts.unlock();
    right(3002, "203.0.113.200").unwrap();
    // And nobody for ever.
    for n in 0..50 {
        assert_eq!(guess(4000, &format!("203.0.113.{n}"), "li"), Err(SignInRefused::Wrong), "{n}");
    }
    assert!(is_barred(4000 + 899, "198.51.100.3"));
    right(4000 + 900, "198.51.100.3").unwrap();
}

#[test]
fn a_session_ends_by_idleness_age_and_by_whatever_takes_something_away() {
    let folder = Folder::new("sessions");
    let accounts = accounts(&folder);
    let sign_in = |seconds| accounts.sign_in(at(seconds), ip(DESK), "li", PASSWORD, "").unwrap();
    let lives = |seconds, id: &str| accounts.signed(at(seconds).mono, id).is_some();
    let (idle, longest) = (IDLE.as_secs(), LONGEST.as_secs());

    let id = sign_in(0);
    assert_eq!(id.len(), 64);
    assert!(lives(idle - 1, &id) && lives(2 * idle - 2, &id), "use keeps it");
    assert!(!lives(3 * idle, &id));
    let id = sign_in(0);
    assert!((1..longest / 1800).all(|half_hour| lives(half_hour * 1800, &id)));
    assert!(!lives(longest, &id), "used all the time");
    assert!(!lives(0, "") && !lives(0, &id.to_uppercase()));

    let (one, other) = (sign_in(10), sign_in(10));
    accounts.sign_out(&one);
    assert!(!lives(11, &one) && lives(11, &other));
    type Take = fn(&Accounts);
    let takes: [(&str, Take); 4] = [
        ("sign-out", |accounts| assert!(accounts.sign_out_all("li") > 0)),
        ("password", |accounts| accounts.set_password("li", PASSWORD).unwrap()),
        ("disable", |accounts| accounts.disable("li", true).unwrap()),
        ("totp", |accounts| drop(accounts.renew_totp("li").unwrap())),
    ];
    for (what, take) in takes {
        accounts.disable("li", false).unwrap();
        let id = sign_in(20);
        assert!(lives(21, &id));
        take(&accounts);
        assert!(!lives(22, &id), "{what}");
        if what == "disable" {
            let refused = accounts.sign_in(at(23), ip(DESK), "li", PASSWORD, "");
            assert_eq!(refused, Err(SignInRefused::Wrong));
            accounts.unlock();
        }
    }
}

#[test]
fn of_many_sessions_the_oldest_ends() {
    let folder = Folder::new("many");
    let accounts = accounts(&folder);
    let ids: Vec<String> = (0..17).map(|n| accounts.sign_in(at(n), ip(DESK), "li", PASSWORD, "").unwrap()).collect();
    let now = at(20).mono + Duration::from_secs(1);
    assert!(accounts.signed(now, &ids[0]).is_none());
    assert!(ids[1..].iter().all(|id| accounts.signed(now, id).is_some()));
    assert_eq!(accounts.list(now)[0].sessions, 16);
}
