//! A call that we make, to one phone. (RFC 3261 §13.2, §9, §22)

use std::time::Duration;

use hotline::sip::flow::Transport;
use hotline::sip::message::{Name, NameAddr};
use hotline::sip::session::Settings;

use super::{AGREED, Bench, NOTHING, at, flow, sdp, settings, talk, text};

#[test]
fn the_invite_and_its_answer() {
    let mut bench = Bench::dialling(settings());
    let invite = bench.request("INVITE");
    assert_eq!(invite.uri, "sip:8001@192.0.2.1");
    assert_eq!(text(&invite.headers, &Name::From), "\"12345\" <sip:12345@198.51.100.1>;tag=us");
    assert_eq!(text(&invite.headers, &Name::To), "<sip:8001@192.0.2.1>");
    assert_eq!(text(&invite.headers, &Name::CSeq), "1 INVITE");
    assert_eq!(text(&invite.headers, &Name::Contact), "<sip:hotline@198.51.100.1:5060>");
    assert_eq!(text(&invite.headers, &Name::Supported), "100rel, timer, replaces, norefersub");
    assert_eq!(text(&invite.headers, &Name::MaxForwards), "70");
    assert!(String::from_utf8_lossy(&invite.body).contains("m=audio 20000 RTP/AVP 8 0 101"));
    assert_eq!(bench.respond("INVITE", 100, "", "", ""), NOTHING);
    for status in [180, 182, 183, 199] {
        assert_eq!(bench.respond("INVITE", status, "peer", "", ""), ["! Ringing"]);
    }
    assert!(!bench.session().is_confirmed());
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk()), ["> ACK", AGREED, "! Answered"]);
    let ack = bench.request("ACK");
    assert_eq!(ack.uri, "sip:peer@192.0.2.1:5060");
    assert_eq!(text(&ack.headers, &Name::CSeq), "1 ACK");
    assert_eq!(text(&ack.headers, &Name::To), "<sip:8001@192.0.2.1>;tag=peer");
    assert_eq!(text(&ack.headers, &Name::From), "\"12345\" <sip:12345@198.51.100.1>;tag=us");
    let first = ack.headers.via().unwrap();
    assert_ne!(first.branch(), invite.headers.via().unwrap().branch());
    // The ACK was lost.
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk()), ["> ACK"]);
    let again = bench.request("ACK");
    assert_eq!((again.uri, again.headers.cseq()), (ack.uri, ack.headers.cseq()));
    assert_eq!(bench.hang_up(), ["> BYE"]);
    assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), "2 BYE");
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk()), ["> ACK"], "even after the end");
    assert!(bench.is_at_rest());
}

#[test]
fn an_answer_that_cannot_be_used() {
    let foreign = talk().replace("RTP/AVP 8", "RTP/AVP 3");
    let refused = talk().replace("m=audio 4000", "m=audio 0");
    for answer in ["", "nonsense", &foreign, &refused] {
        let mut bench = Bench::dialling(settings());
        assert_eq!(bench.respond("INVITE", 200, "peer", "", answer), ["> ACK", "> BYE", "! Failed 488"], "{answer}");
        assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), "2 BYE");
        assert_eq!(bench.respond("INVITE", 200, "peer", "", answer), ["> ACK"], "acknowledged again, ended once");
        assert!(bench.is_at_rest());
    }
    let mut bench = Bench::dialling(settings());
    let foreign = "Content-Type: text/plain\r\n";
    assert_eq!(bench.respond("INVITE", 200, "peer", foreign, &talk()), ["> ACK", "> BYE", "! Failed 488"]);
}

#[test]
fn an_answer_that_came_early() {
    // Reliably: it counts, and the 200 need not repeat it.
    let reliably = "Require: 100rel\r\nRSeq: 7\r\n";
    let mut bench = Bench::dialling(settings());
    let early = "! EarlyMedia 192.0.2.1:4000";
    assert_eq!(bench.respond("INVITE", 183, "peer", reliably, &talk()), ["> PRACK", "! Ringing", early]);
    assert_eq!(bench.respond("INVITE", 200, "peer", "", ""), ["> ACK", AGREED, "! Answered"]);
    // Not reliably: some gateways think that it counts.
    let mut bench = Bench::dialling(settings());
    assert_eq!(bench.respond("INVITE", 183, "peer", "", &talk()), ["! Ringing", early]);
    assert_eq!(bench.respond("INVITE", 200, "peer", "", ""), ["> ACK", AGREED, "! Answered"]);
    // An announcement machine first, then the phone: where the 200 speaks, it is right.
    for extra in [reliably, ""] {
        let mut bench = Bench::dialling(settings());
        bench.respond("INVITE", 183, "peer", extra, &talk().replace("m=audio 4000", "m=audio 4400"));
        let answered = bench.respond("INVITE", 200, "peer", "", &talk());
        assert_eq!(answered[0], "> ACK");
        assert!(answered[1].ends_with("192.0.2.1:4000"), "{answered:?}");
    }
    // Held from the first moment.
    let mut bench = Bench::dialling(settings());
    let held = bench.respond("INVITE", 200, "peer", "", &sdp(1, "inactive"));
    assert_eq!(held, ["> ACK", AGREED, "! Held", "! Answered"]);
}

#[test]
fn every_refusal_is_told() {
    for status in [300, 302, 400, 403, 404, 420, 480, 486, 487, 500, 503, 600, 603] {
        let mut bench = Bench::dialling(settings());
        bench.respond("INVITE", 180, "peer", "", "");
        let expected = ["> ACK".to_owned(), format!("! Failed {status}")];
        assert_eq!(bench.respond("INVITE", status, "peer", "", ""), expected);
        assert_eq!(bench.respond("INVITE", status, "peer", "", ""), ["> ACK"]);
        assert!(bench.session().is_ended());
        assert!(bench.is_at_rest());
    }
}

#[test]
fn nobody_answers() {
    let mut bench = Bench::dialling(settings());
    let happened = bench.wait(33_000);
    assert_eq!(happened[..6], at(&[500, 1500, 3500, 7500, 15_500, 31_500], "> INVITE"));
    assert_eq!(happened[6..], [(32_000, "! Failed 408".to_owned())]);
    assert!(bench.is_at_rest());

    let mut bench = Bench::dialling_over(settings(), flow(Transport::Tcp, "192.0.2.1:5060"));
    bench.sip.transport_failed(bench.now, bench.peer.flow);
    assert_eq!(bench.out(), ["! Failed 408"]);
    assert!(bench.is_at_rest());
}

#[test]
fn cancel_before_and_after_the_first_provisional() {
    let mut bench = Bench::dialling(settings());
    assert_eq!(bench.hang_up(), NOTHING, "a CANCEL may not overtake its INVITE");
    assert_eq!(bench.respond("INVITE", 180, "peer", "", ""), ["> CANCEL"]);
    assert_eq!(text(&bench.request("CANCEL").headers, &Name::CSeq), "1 CANCEL");
    assert_eq!(bench.respond("CANCEL", 200, "peer", "", ""), NOTHING);
    assert_eq!(bench.respond("INVITE", 487, "peer", "", ""), ["> ACK", "! Failed 487"]);
    assert!(bench.is_at_rest());

    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 180, "peer", "", "");
    assert_eq!(bench.hang_up(), ["> CANCEL"]);
    assert_eq!(bench.hang_up(), NOTHING, "once is enough");
    assert_eq!(bench.respond("INVITE", 486, "peer", "", ""), ["> ACK", "! Failed 486"]);
    assert!(bench.is_at_rest());

    for rings in [true, false] {
        let mut bench = Bench::dialling(settings());
        if rings {
            bench.respond("INVITE", 180, "peer", "", "");
        }
        bench.hang_up();
        let happened = bench.wait(33_000);
        assert_eq!(happened.last(), Some(&(32_000, "! Failed 487".to_owned())), "nobody says anything any more");
        assert!(bench.is_at_rest());
    }
}

#[test]
fn an_answer_that_crosses_the_cancel() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 180, "peer", "", "");
    bench.hang_up();
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk()), ["> ACK", "> BYE", "! Failed 487"]);
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk()), ["> ACK"]);
    assert!(bench.is_at_rest());
    for status in [401, 407, 422] {
        let mut bench = Bench::dialling(settings());
        bench.respond("INVITE", 180, "peer", "", "");
        bench.hang_up();
        assert_eq!(bench.respond("INVITE", status, "peer", "Min-SE: 900\r\n", ""), ["> ACK", "! Failed 487"]);
    }
}

/// RFC 3261 §16.8, at the calling end: timer C.
#[test]
fn ringing_without_end() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 180, "peer", "", "");
    assert_eq!(bench.wait(180_000), at(&[180_000], "> CANCEL"));
    assert_eq!(bench.respond("INVITE", 487, "peer", "", ""), ["> ACK", "! Failed 487"]);
}

fn credentials() -> (Name, String) {
    (Name::ProxyAuthorization, "Digest username=\"x\"".into())
}

#[test]
fn a_challenge_is_met_with_the_next_number() {
    let mut bench = Bench::dialling(settings());
    let before = bench.request("INVITE");
    let first = bench.session().invite_tx();
    bench.respond("INVITE", 183, "old", "Require: 100rel\r\nRSeq: 5\r\n", "");
    assert_eq!(bench.respond("INVITE", 407, "proxy", "", ""), ["> ACK", "! Challenged 407"]);
    assert_eq!(bench.session().target(), Some("sip:8001@192.0.2.1"));
    let (now, mut session) = (bench.now, bench.session.take().unwrap());
    let second = session.authorize(now, &mut bench.sip, credentials());
    assert!(second.is_some() && second != first && session.invite_tx() == second);
    assert_eq!(session.authorize(now, &mut bench.sip, credentials()), None, "no challenge is open");
    bench.session = Some(session);
    assert_eq!(bench.out(), ["> INVITE"]);
    let invite = bench.request("INVITE");
    assert_eq!(text(&invite.headers, &Name::CSeq), "2 INVITE");
    assert_eq!(text(&invite.headers, &Name::ProxyAuthorization), "Digest username=\"x\"");
    assert_ne!(invite.headers.via().unwrap().branch(), before.headers.via().unwrap().branch());
    assert_eq!((invite.headers.call_id(), invite.body.clone()), (before.headers.call_id(), before.body.clone()));
    // The same tag in a new early dialog: its numbers start anew.
    assert_eq!(bench.respond("INVITE", 183, "old", "Require: 100rel\r\nRSeq: 1\r\n", ""), ["> PRACK", "! Ringing"]);
    assert_eq!(text(&bench.request("PRACK").headers, &Name::RAck), "1 2 INVITE");
    // An answer to the first INVITE after all.
    let late = bench.response_to(&before, 200, "other", "", &talk());
    assert_eq!(bench.receive(hotline::sip::message::Message::Response(late.clone())), ["> ACK", "> BYE"]);
    assert_eq!(text(&bench.request("ACK").headers, &Name::CSeq), "1 ACK");
    assert_eq!(bench.receive(hotline::sip::message::Message::Response(late)), ["> ACK"]);
    assert_eq!(bench.respond("INVITE", 200, "old", "", &talk()), ["> ACK", AGREED, "! Answered"]);
    let ack = bench.request("ACK");
    assert_eq!(text(&ack.headers, &Name::CSeq), "2 ACK");
    assert_eq!(text(&ack.headers, &Name::ProxyAuthorization), "Digest username=\"x\"");
    assert_eq!(bench.hang_up(), ["> BYE"]);
    assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), "4 BYE", "after INVITE 2 and PRACK 3");
    assert!(bench.is_at_rest());
}

#[test]
fn a_challenge_given_up_or_never_satisfied() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 401, "peer", "", "");
    bench.sip.transport_failed(bench.now, bench.peer.flow);
    assert_eq!(bench.out(), NOTHING, "the challenge is known; that its ACK was lost is no news");
    assert!(!bench.session().is_ended());
    assert_eq!(bench.hang_up(), ["! Failed 401"]);
    assert!(bench.is_at_rest());

    let mut bench = Bench::dialling(settings());
    for _ in 0..4 {
        assert_eq!(bench.respond("INVITE", 401, "peer", "", ""), ["> ACK", "! Challenged 401"]);
        let (now, mut session) = (bench.now, bench.session.take().unwrap());
        session.authorize(now, &mut bench.sip, credentials());
        bench.session = Some(session);
        bench.out();
    }
    assert_eq!(bench.respond("INVITE", 401, "peer", "", ""), ["> ACK", "! Failed 401"]);
    assert!(bench.is_at_rest());
}

#[test]
fn a_session_interval_that_is_too_small() {
    let wanted = Settings { session_expires: Some(Duration::from_secs(600)), ..settings() };
    let mut bench = Bench::dialling(wanted.clone());
    assert_eq!(bench.respond("INVITE", 422, "peer", "Min-SE: 1800\r\n", ""), ["> ACK", "> INVITE"]);
    let invite = bench.request("INVITE");
    assert_eq!(text(&invite.headers, &Name::CSeq), "2 INVITE");
    assert_eq!(text(&invite.headers, &Name::SessionExpires), "1800");
    assert_eq!(text(&invite.headers, &Name::MinSe), "1800");
    assert_eq!(bench.respond("INVITE", 200, "peer", "", &talk())[0], "> ACK");

    for extra in ["", "Min-SE: 300\r\n", "Min-SE: lots\r\n"] {
        let mut bench = Bench::dialling(wanted.clone());
        assert_eq!(bench.respond("INVITE", 422, "peer", extra, ""), ["> ACK", "! Failed 422"], "{extra}");
        assert!(bench.is_at_rest());
    }
    // Never content.
    let mut bench = Bench::dialling(wanted);
    for turn in 1..5 {
        let extra = format!("Min-SE: {}\r\n", 1000 * turn);
        assert_eq!(bench.respond("INVITE", 422, "peer", &extra, ""), ["> ACK", "> INVITE"]);
    }
    assert_eq!(bench.respond("INVITE", 422, "peer", "Min-SE: 9000\r\n", ""), ["> ACK", "! Failed 422"]);
}

/// Requests of the peer while our INVITE is unanswered.
#[test]
fn requests_in_an_early_dialog() {
    let mut bench = Bench::dialling(settings());
    assert!(!bench.session().knows("call", Some("peer")));
    bench.respond("INVITE", 180, "peer", "", "");
    assert!(bench.session().knows("call", Some("peer")));
    assert!(!bench.session().knows("call", Some("other")) && !bench.session().knows("other", Some("peer")));
    assert_eq!(bench.ask("OPTIONS", "", ""), ["> 200 OPTIONS"]);
    assert_eq!(bench.ask("INFO", "", ""), ["> 200 INFO"]);
    assert_eq!(bench.ask("UPDATE", "", ""), ["> 200 UPDATE"]);
    assert_eq!(bench.ask("UPDATE", "", &talk()), ["> 491 UPDATE"], "our offer has no answer yet");
    assert_eq!(bench.ask("INVITE", "", &talk()), ["> 491 INVITE"]);
    bench.ack_failure();
    let old = bench.write("INFO", (bench.peer.cseq - 1, 800), ";tag=us", "", "");
    assert_eq!(bench.receive(hotline::sip::message::Message::Request(old)), ["> 500 INFO"]);
    bench.respond("INVITE", 183, "peer", "Require: 100rel\r\nRSeq: 1\r\n", &talk());
    assert_eq!(bench.ask("UPDATE", "", &sdp(2, "sendonly")), ["> 200 UPDATE"]);
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE"], "not its to end");
    let answered = bench.respond("INVITE", 200, "peer", "", "");
    assert_eq!(answered, ["> ACK", "! Agreed 2 192.0.2.1:4000", "! Held", "! Answered"]);
    let old = bench.write("INFO", (bench.peer.cseq - 1, 801), ";tag=us", "", "");
    assert_eq!(bench.receive(hotline::sip::message::Message::Request(old)), ["> 500 INFO"], "the numbers go on");
    assert!(bench.is_at_rest() || bench.session().is_confirmed());
}

#[test]
fn an_answer_without_tag_or_contact() {
    let mut bench = Bench::dialling(settings());
    bench.peer.tag = "";
    let mut answer = bench.response_to(&bench.request("INVITE"), 200, "", "", &talk());
    answer.headers.remove(&Name::Contact);
    let expected = ["> ACK", AGREED, "! Answered"];
    assert_eq!(bench.receive(hotline::sip::message::Message::Response(answer)), expected);
    assert_eq!(bench.request("ACK").uri, "sip:8001@192.0.2.1");
    let to = NameAddr::parse(bench.request("ACK").headers.get(&Name::To).unwrap()).unwrap();
    assert_eq!(to.tag(), None);
}
