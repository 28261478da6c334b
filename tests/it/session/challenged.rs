//! A carrier that wants credentials for requests inside the dialog too. (RFC 3261 §22.2)

use std::time::Duration;

use hotline::sip::digest::Login;
use hotline::sip::message::Name;
use hotline::sip::session::Settings;

use super::{AGREED, Bench, settings, talk, text};

const UPDATES: &str = "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";
const NO_UPDATES: &str = "Supported: timer\r\nAllow: INVITE, ACK, BYE\r\n";
const PROXY: &str = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";
const PEER: &str = "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n";

fn with_login() -> Settings {
    let login = Login { user: "jdz12345".into(), password: "secret".into(), cnonce: "c0ffee".into() };
    Settings { login: Some(login), session_expires: Some(Duration::from_secs(600)), ..settings() }
}

/// Our request of this method is out and challenged; what is sent then, and the number of both.
fn challenged(bench: &mut Bench, method: &str, status: u16) -> (Vec<String>, u32, u32) {
    let number = |bench: &Bench| bench.request(method).headers.cseq().unwrap().number;
    let before = number(bench);
    let challenge = if status == 407 { PROXY } else { PEER };
    let sent = bench.respond(method, status, "", challenge, "");
    (sent, before, number(bench))
}

#[test]
fn every_request_in_the_dialog_is_repeated_with_credentials() {
    for (status, name) in [(401, Name::Authorization), (407, Name::ProxyAuthorization)] {
        for method in ["BYE", "UPDATE", "INVITE", "PRACK"] {
            let mut bench = match method {
                "PRACK" => Bench::dialling(with_login()),
                "INVITE" => Bench::answered(with_login(), NO_UPDATES),
                _ => Bench::answered(with_login(), UPDATES),
            };
            match method {
                "PRACK" => {
                    bench.respond("INVITE", 183, "peer", "Require: 100rel\r\nRSeq: 5\r\n", &talk());
                }
                "BYE" => {
                    bench.hang_up();
                }
                _ => {
                    bench.wait(300_000);
                }
            }
            let (sent, before, after) = challenged(&mut bench, method, status);
            let expected = match method {
                "INVITE" => vec!["> ACK".to_owned(), "> INVITE".to_owned()],
                _ => vec![format!("> {method}")],
            };
            assert_eq!((sent, after), (expected, before + 1), "{method} {status}");
            let proof = text(&bench.request(method).headers, &name);
            assert!(proof.contains("username=\"jdz12345\"") && proof.contains("nonce=\"n1\""), "{method}: {proof}");
            match method {
                "BYE" => {
                    bench.respond("BYE", 200, "", "", "");
                    assert!(bench.is_at_rest());
                }
                "PRACK" => {
                    assert_eq!(text(&bench.request("PRACK").headers, &Name::RAck), "5 1 INVITE");
                    bench.respond("PRACK", 200, "", "", "");
                    assert_eq!(bench.respond("INVITE", 200, "peer", "", ""), ["> ACK", AGREED, "! Answered"]);
                    bench.hang_up();
                    assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), format!("{} BYE", after + 1));
                }
                _ => {
                    let body = if method == "INVITE" { talk() } else { String::new() };
                    let acknowledged = bench.respond(method, 200, "", "Session-Expires: 600;refresher=uac\r\n", &body);
                    if method == "INVITE" {
                        assert_eq!(acknowledged, ["> ACK"]);
                        assert_eq!(text(&bench.request("ACK").headers, &name), proof, "with its INVITE's credentials");
                    }
                    assert_eq!(bench.wait(300_000), [(300_000, format!("> {method}"))], "the call goes on");
                    bench.hang_up();
                }
            }
        }
    }
}

#[test]
fn a_challenge_that_cannot_be_met_ends_no_call() {
    let without = Settings { login: None, ..with_login() };
    for (settings, rounds) in [(without, 0), (with_login(), 1)] {
        let mut bench = Bench::answered(settings, UPDATES);
        for _ in 0..3 {
            assert_eq!(bench.wait(300_000), [(300_000, "> UPDATE".to_owned())], "{rounds}");
            for _ in 0..rounds {
                assert_eq!(challenged(&mut bench, "UPDATE", 407).0, ["> UPDATE"]);
            }
            assert_eq!(challenged(&mut bench, "UPDATE", 407).0, [""; 0], "the password was refused, or there is none");
        }
    }
}
