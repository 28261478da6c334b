//! Reliable provisional responses of ours. (RFC 3262 §3, §5)

use hotline::sip::message::{Message, Name};
use hotline::sip::session::Reliable;

use super::{AGREED, Bench, NOTHING, at, body, reliable, sdp, settings, talk, text};

const CAN: &str = "Supported: 100rel\r\n";
const MUST: &str = "Require: 100rel\r\n";

fn prack(bench: &mut Bench, rack: &str, offer: &str) -> Vec<String> {
    bench.ask("PRACK", &format!("RAck: {rack}\r\n"), offer)
}

/// What the caller says × what the trunk is set to.
#[test]
fn who_gets_reliable_provisionals() {
    let rows = [
        ("", Reliable::Off, "180"),
        ("", Reliable::Supported, "180"),
        ("", Reliable::Required, "421"),
        (CAN, Reliable::Off, "180"),
        (CAN, Reliable::Supported, "180 reliably"),
        (CAN, Reliable::Required, "180 reliably"),
        (MUST, Reliable::Off, "180 reliably"),
        (MUST, Reliable::Supported, "180 reliably"),
        (MUST, Reliable::Required, "180 reliably"),
    ];
    for (caller, ours, expected) in rows {
        let mut bench = Bench::new(reliable(ours));
        bench.invite(caller, &talk());
        if bench.session.is_none() {
            assert_eq!(text(&bench.response(421).headers, &Name::Require), "100rel");
            assert_eq!(expected, "421", "{caller} {ours:?}");
            continue;
        }
        bench.progress(180, false);
        let ringing = bench.response(180);
        let sent = ringing.headers.get(&Name::RSeq).is_some();
        assert_eq!(ringing.headers.has_token(&Name::Require, "100rel"), sent);
        assert_eq!(if sent { "180 reliably" } else { "180" }, expected, "{caller} {ours:?}");
    }
}

#[test]
fn each_waits_for_the_prack_of_the_one_before() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    assert_eq!(bench.progress(180, false), ["> 180 INVITE"]);
    assert_eq!(text(&bench.response(180).headers, &Name::RSeq), "1");
    assert_eq!(bench.progress(182, false), NOTHING);
    assert_eq!(bench.progress(183, true), NOTHING, "and the last word counts");
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 200 PRACK", "> 183 INVITE"]);
    let early = bench.response(183);
    assert_eq!(text(&early.headers, &Name::RSeq), "2");
    assert!(body(&early).contains("m=audio 20000"));
    assert_eq!(bench.answer(), NOTHING, "the 200 waits");
    assert_eq!(prack(&mut bench, "2 101 INVITE", ""), ["> 200 PRACK", "> 200 INVITE"]);
    assert_eq!(body(&bench.response(200)), "", "the description has been sent and proved");
    assert_eq!(bench.ack(""), ["! Acknowledged"]);
    assert_eq!(bench.wait(100_000), at(&[], ""));
}

#[test]
fn a_prack_that_names_nothing_is_refused() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 481 PRACK"], "nothing was sent reliably");
    bench.progress(180, false);
    for rack in ["2 101 INVITE", "1 100 INVITE", "1 101 BYE", "1 101", "", "x y INVITE", "1 101 INVITE 4"] {
        assert_eq!(prack(&mut bench, rack, ""), ["> 481 PRACK"], "{rack}");
    }
    assert_eq!(bench.ask("PRACK", "", ""), ["> 481 PRACK"], "no RAck at all");
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 200 PRACK"]);
    // The same PRACK again is answered from its transaction, a new one is not.
    let again = bench.write("PRACK", (bench.peer.cseq, bench.peer.branch), ";tag=us", "RAck: 1 101 INVITE\r\n", "");
    assert_eq!(bench.receive(Message::Request(again)), ["> 200 PRACK"]);
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 481 PRACK"]);
    bench.answer();
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 481 PRACK"]);
}

#[test]
fn repeated_with_doubled_waits_and_given_up_after_32_seconds() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    bench.progress(183, true);
    bench.answer();
    let mut happened = bench.wait(32_000);
    let end = happened.split_off(6);
    assert_eq!(happened, at(&[500, 1500, 3500, 7500, 15_500, 31_500], "> 183 INVITE"));
    assert_eq!(end, [(32_000, "> 504 INVITE".to_owned()), (32_000, "! HungUp".to_owned())]);
    bench.ack_failure();
    assert!(bench.is_at_rest());
}

#[test]
fn each_minute_a_new_number_and_no_description_twice() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    bench.progress(183, true);
    prack(&mut bench, "1 101 INVITE", "");
    assert_eq!(bench.wait(50_000), at(&[50_000], "> 183 INVITE"));
    let second = bench.response(183);
    assert_eq!((text(&second.headers, &Name::RSeq).as_str(), body(&second).as_str()), ("2", ""));
    assert_eq!(bench.wait(600), at(&[500], "> 183 INVITE"));
    assert_eq!(prack(&mut bench, "2 101 INVITE", ""), ["> 200 PRACK"]);
    assert_eq!(bench.wait(49_400), at(&[49_400], "> 183 INVITE"));
}

#[test]
fn our_offer_in_a_183_is_answered_in_its_prack() {
    for media in [true, false] {
        // The first reliable response carries the offer, whatever it says (RFC 3261 §13.2.1).
        let mut bench = Bench::called(reliable(Reliable::Supported), CAN, "");
        bench.progress(if media { 183 } else { 180 }, media);
        assert!(body(&bench.response(if media { 183 } else { 180 })).contains("m=audio 20000 RTP/AVP 8 0 101"));
        assert_eq!(prack(&mut bench, "1 101 INVITE", &talk()), ["> 200 PRACK", AGREED]);
        assert_eq!(body(&bench.response(200)), "");
        assert_eq!(bench.wait(50_000), at(&[50_000], if media { "> 183 INVITE" } else { "> 180 INVITE" }));
        assert_eq!(body(&bench.response(if media { 183 } else { 180 })), "", "the offer is not made again");
        prack(&mut bench, "2 101 INVITE", "");
        assert_eq!(bench.answer(), ["> 200 INVITE"]);
        assert_eq!(body(&bench.response(200)), "");
        assert_eq!(bench.ack(""), ["! Acknowledged"]);
        assert!(bench.session().is_confirmed());
    }
}

#[test]
fn an_offer_that_the_prack_did_not_answer_goes_out_again_in_the_200() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, "");
    bench.progress(183, true);
    let offer = body(&bench.response(183));
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 200 PRACK"]);
    bench.answer();
    assert_eq!(body(&bench.response(200)), offer);
    assert_eq!(bench.ack(&talk()), [AGREED, "! Acknowledged"]);
}

#[test]
fn a_new_offer_in_a_prack() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    bench.progress(183, true);
    let expected = ["> 200 PRACK", "! Agreed 2 192.0.2.1:4000", "! Held"];
    assert_eq!(prack(&mut bench, "1 101 INVITE", &sdp(2, "sendonly")), expected);
    assert!(body(&bench.response(200)).contains("a=recvonly"));
    bench.progress(180, false);
    assert_eq!(prack(&mut bench, "2 101 INVITE", "nonsense"), ["> 400 PRACK"]);
    bench.progress(180, false);
    assert_eq!(bench.ask("PRACK", "RAck: 3 101 INVITE\r\nContent-Type: text/plain\r\n", "hi"), ["> 415 PRACK"]);
    assert_eq!(bench.answer(), ["> 200 INVITE"]);

    // Before the first offer has its answer there can be no second one.
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    bench.progress(180, false);
    assert_eq!(prack(&mut bench, "1 101 INVITE", &sdp(2, "sendonly")), ["> 500 PRACK"]);
    bench.answer();
    assert!(body(&bench.response(200)).contains("a=sendrecv"));
}

#[test]
fn cancel_while_unproven() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    bench.progress(183, true);
    bench.answer();
    assert_eq!(bench.cancel(), ["> 200 CANCEL", "> 487 INVITE", "! HungUp"]);
    bench.ack_failure();
    assert_eq!(prack(&mut bench, "1 101 INVITE", ""), ["> 481 PRACK"]);
    assert!(bench.is_at_rest());
}

/// RFC 3311 §5.2 and §5.1: an early UPDATE may offer once the first exchange is proved.
#[test]
fn update_before_the_answer() {
    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, &talk());
    assert_eq!(bench.ask("UPDATE", "", ""), ["> 200 UPDATE"]);
    assert_eq!(bench.ask("UPDATE", "", &sdp(2, "sendonly")), ["> 500 UPDATE"]);
    assert!(bench.response(500).headers.get(&Name::RetryAfter).is_some());
    bench.progress(183, true);
    prack(&mut bench, "1 101 INVITE", "");
    let expected = ["> 200 UPDATE", "! Agreed 2 192.0.2.1:4000", "! Held"];
    assert_eq!(bench.ask("UPDATE", "Session-Expires: 90\r\nSupported: timer\r\n", &sdp(2, "sendonly")), expected);
    assert_eq!(bench.response(200).headers.get(&Name::SessionExpires), None, "no session timer before the answer");
    assert_eq!(bench.session().next_timeout().map(|due| due.since(bench.now).as_secs()), Some(50));

    let mut bench = Bench::called(reliable(Reliable::Supported), CAN, "");
    bench.progress(183, true);
    assert_eq!(bench.ask("UPDATE", "", &talk()), ["> 491 UPDATE"], "our own offer is out");

    let mut bench = Bench::called(settings(), "", &talk());
    assert_eq!(bench.ask("INVITE", "", &talk()), ["> 500 INVITE"], "a second INVITE before the answer");
    assert!(bench.response(500).headers.get(&Name::RetryAfter).is_some());
}
