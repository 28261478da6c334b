//! A call that comes to us. (RFC 3261 §13.3)

use hotline::sip::flow::Transport;
use hotline::sip::message::{Message, Name};

use super::{AGREED, Bench, NOTHING, at, body, flow, sdp, settings, talk, text};

/// 200 after T1, doubled up to T2, for 64 · T1 (RFC 3261 §13.3.1.4).
const REPEATED: [u64; 10] = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];

#[test]
fn an_offer_is_answered_in_the_200() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.invite("", &talk()), [AGREED]);
    assert_eq!(bench.progress(180, false), ["> 180 INVITE"]);
    let ringing = bench.response(180);
    assert_eq!(body(&ringing), "");
    assert_eq!(text(&ringing.headers, &Name::To), "<sip:12345@198.51.100.1>;tag=us");
    assert_eq!(text(&ringing.headers, &Name::Contact), "<sip:hotline@198.51.100.1:5060>");
    assert_eq!(ringing.headers.get(&Name::RSeq), None);
    assert_eq!(bench.progress(183, true), ["> 183 INVITE"]);
    let early = body(&bench.response(183));
    assert!(early.contains("m=audio 20000 RTP/AVP 8 101"), "{early}");
    assert_eq!(bench.answer(), ["> 200 INVITE"]);
    let answer = bench.response(200);
    assert_eq!(body(&answer), early, "183 and 200 say the same");
    assert_eq!(text(&answer.headers, &Name::ContentType), "application/sdp");
    assert!(answer.headers.has_token(&Name::Allow, "UPDATE") && answer.headers.has_token(&Name::Supported, "timer"));
    assert_eq!(answer.headers.get(&Name::RecordRoute), None);
    assert_eq!(answer.headers.get(&Name::SessionExpires), None);
    assert_eq!(bench.ack(""), ["! Acknowledged"]);
    assert!(bench.session().is_confirmed());
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "! HungUp"]);
    assert!(bench.session().is_ended());
    assert!(bench.is_at_rest());
}

#[test]
fn without_an_offer_ours_goes_out_in_the_200_and_the_ack_answers_it() {
    let mut bench = Bench::called(settings(), "", "");
    assert_eq!(bench.progress(183, true), ["> 183 INVITE"]);
    assert_eq!(body(&bench.response(183)), "", "an unreliable provisional carries no offer");
    assert_eq!(bench.answer(), ["> 200 INVITE"]);
    assert!(body(&bench.response(200)).contains("m=audio 20000 RTP/AVP 8 0 101"));
    assert_eq!(bench.ack(&talk()), [AGREED, "! Acknowledged"]);
    assert!(bench.session().is_confirmed());
}

#[test]
fn an_ack_that_does_not_answer_our_offer_ends_the_call() {
    for answer in ["", "v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 3\r\n"] {
        let mut bench = Bench::called(settings(), "", "");
        bench.answer();
        assert_eq!(bench.ack(answer), ["> BYE", "! Lost NoAck"]);
        assert!(bench.is_at_rest());
    }
}

#[test]
fn a_provisional_is_repeated_so_that_no_proxy_gives_up() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.progress(183, true);
    let first = body(&bench.response(183));
    assert_eq!(bench.wait(160_000), at(&[50_000, 100_000, 150_000], "> 183 INVITE"));
    assert_eq!(body(&bench.response(183)), first);
    // A new word of progress starts the minute anew, and is what is repeated.
    assert_eq!(bench.progress(180, false), ["> 180 INVITE"]);
    assert_eq!(bench.wait(60_000), at(&[50_000], "> 180 INVITE"));
    bench.answer();
    bench.ack("");
    assert_eq!(bench.wait(200_000), at(&[], ""));
}

#[test]
fn the_200_is_repeated_until_its_ack_over_every_transport() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut bench = Bench::new(settings());
        bench.peer.flow = flow(transport, "192.0.2.1:5060");
        bench.invite("", &talk());
        bench.answer();
        assert_eq!(bench.wait(8000), at(&REPEATED[..4], "> 200 INVITE"));
        // The INVITE again is absorbed, the ACK of something else is not ours.
        let again = bench.write("INVITE", bench.peer.invite, "", "", &talk());
        assert_eq!(bench.receive(Message::Request(again)), NOTHING);
        let other = bench.write("ACK", (bench.peer.cseq - 1, 900), ";tag=us", "", "");
        assert_eq!(bench.receive(Message::Request(other)), NOTHING);
        assert_eq!(bench.ack(""), ["! Acknowledged"]);
        assert_eq!(bench.ack(""), NOTHING);
        assert_eq!(bench.wait(100_000), at(&[], ""));
    }
}

#[test]
fn a_200_never_acknowledged_ends_with_bye() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.answer();
    let mut happened = bench.wait(33_000);
    let end = happened.split_off(REPEATED.len());
    assert_eq!(happened, at(&REPEATED, "> 200 INVITE"));
    assert_eq!(end[..2], [(32_000, "> BYE".to_owned()), (32_000, "! Lost NoAck".to_owned())]);
    assert_eq!(bench.request("BYE").headers.cseq().unwrap().number, 1);
    assert_eq!(bench.respond("BYE", 200, "", "", ""), NOTHING);
    assert!(bench.is_at_rest());
}

/// RFC 3261 §15: the called side says no BYE before the ACK.
#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.answer();
    assert_eq!(bench.hang_up(), NOTHING);
    assert!(bench.session().is_ended());
    assert_eq!(bench.wait(1000), at(&[500], "> 200 INVITE"));
    assert_eq!(bench.ack(""), ["> BYE"]);
    assert!(bench.is_at_rest());

    let mut silent = Bench::called(settings(), "", &talk());
    silent.answer();
    silent.hang_up();
    let happened = silent.wait(32_000);
    assert_eq!(happened.last(), Some(&(32_000, "> BYE".to_owned())), "its peer is told at last");
    assert!(!happened.iter().any(|(_, line)| line.starts_with('!')), "{happened:?}");
    assert!(silent.is_at_rest());

    let mut crossing = Bench::called(settings(), "", &talk());
    crossing.answer();
    crossing.hang_up();
    assert_eq!(crossing.ask("BYE", "", ""), ["> 200 BYE"]);
    assert_eq!(crossing.wait(40_000), at(&[], ""));
    assert!(crossing.is_at_rest());
}

#[test]
fn cancel_and_bye_before_the_answer() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.progress(180, false);
    assert_eq!(bench.cancel(), ["> 200 CANCEL", "> 487 INVITE", "! HungUp"]);
    assert_eq!(text(&bench.response(487).headers, &Name::To), "<sip:12345@198.51.100.1>;tag=us");
    bench.ack_failure();
    assert_eq!(bench.answer(), NOTHING, "an answer that comes too late");
    assert!(bench.is_at_rest());

    let mut bench = Bench::called(settings(), "", &talk());
    bench.progress(180, false);
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "> 487 INVITE", "! HungUp"]);
    bench.ack_failure();
    assert!(bench.is_at_rest());
}

#[test]
fn a_cancel_that_crosses_the_200_changes_nothing() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.answer();
    assert_eq!(bench.cancel(), ["> 200 CANCEL"]);
    assert_eq!(bench.ack(""), ["! Acknowledged"]);
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "! HungUp"]);
    assert!(bench.is_at_rest());
}

#[test]
fn a_rejected_call_is_over_without_a_word_to_the_user() {
    let mut bench = Bench::called(settings(), "", &talk());
    assert_eq!(bench.reject(486), ["> 486 INVITE"]);
    bench.ack_failure();
    assert_eq!(bench.progress(180, false), NOTHING);
    assert!(bench.is_at_rest());
    let mut bench = Bench::called(settings(), "", &talk());
    assert_eq!(bench.hang_up(), ["> 480 INVITE"]);
    bench.ack_failure();
    assert!(bench.is_at_rest());
}

/// RFC 6026 §7.1: the transaction waits for its answer even then.
#[test]
fn a_broken_way_back_ends_the_call_and_frees_its_transaction() {
    let mut bench = Bench::new(settings());
    bench.peer.flow = flow(Transport::Tcp, "192.0.2.1:40000");
    bench.invite("", &talk());
    bench.sip.transport_failed(bench.now, bench.peer.flow);
    assert!(bench.out().is_empty(), "the answers would take another connection");
    bench.sip.transport_failed(bench.now, bench.peer.flow);
    assert_eq!(bench.out(), ["> 480 INVITE", "! HungUp"]);
    assert!(bench.is_at_rest());
}

#[test]
fn what_is_turned_away_at_once() {
    let foreign = "v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 3\r\n";
    let video = "v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=video 4000 RTP/AVP 31\r\n";
    let named = "v=0\r\no=x 1 1 IN IP4 a.example\r\nc=IN IP4 192.0.2.999\r\nm=audio 4000 RTP/AVP 8\r\n";
    let rows: [(&str, &str, u16, Name); 8] = [
        ("", "not a description", 400, Name::Warning),
        ("", foreign, 488, Name::Warning),
        ("", video, 488, Name::Warning),
        ("", named, 488, Name::Warning),
        ("Content-Type: application/isup\r\n", "\u{1}\u{2}", 415, Name::Accept),
        ("Content-Encoding: gzip\r\n", &talk(), 415, Name::Accept),
        ("Session-Expires: 60\r\nSupported: timer\r\n", &talk(), 422, Name::MinSe),
        ("Contact: \r\n", &talk(), 400, Name::Warning),
    ];
    for (extra, offer, status, header) in rows {
        let mut bench = Bench::new(settings());
        assert_eq!(bench.invite(extra, offer), [format!("> {status} INVITE")], "{extra}{offer}");
        let refusal = bench.response(status);
        assert!(refusal.headers.get(&header).is_some(), "{status} explains itself");
        assert_eq!(text(&refusal.headers, &Name::To), "<sip:12345@198.51.100.1>;tag=us");
        assert_eq!(refusal.headers.get(&Name::Contact), None);
        assert!(bench.session.is_none());
        bench.peer.tag = ";tag=peer";
        let ack = bench.write("ACK", bench.peer.invite, ";tag=us", "", "");
        assert_eq!(bench.receive(Message::Request(ack)), NOTHING);
        assert!(bench.is_at_rest());
    }
}

#[test]
fn fax_and_video_are_refused_by_port_0_in_their_place() {
    let offer = format!(
        "{}m=video 5000 RTP/AVP 31\r\nm=image 5002 udptl t38\r\n",
        sdp(1, "sendrecv").replacen("m=audio", "m=image 4998 udptl t38\r\nm=audio", 1)
    );
    let mut bench = Bench::called(settings(), "", &offer);
    bench.answer();
    let answer = body(&bench.response(200));
    let lines: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    let expected =
        ["m=image 0 udptl t38", "m=audio 20000 RTP/AVP 8 101", "m=video 0 RTP/AVP 31", "m=image 0 udptl t38"];
    assert_eq!(lines, expected);
}

#[test]
fn a_call_that_starts_on_hold_is_told_so() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.invite("", &sdp(1, "sendonly")), [AGREED, "! Held"]);
    bench.answer();
    assert!(body(&bench.response(200)).contains("a=recvonly"));
    bench.ack("");
    assert_eq!(
        bench.ask("INVITE", "", &sdp(2, "sendrecv")),
        ["> 200 INVITE", "! Agreed 2 192.0.2.1:4000", "! Resumed"]
    );
}

/// RFC 2543 had no tags: such a peer is known by its Call-ID alone.
#[test]
fn a_peer_without_tags() {
    let mut bench = Bench::new(settings());
    bench.peer.tag = "";
    bench.invite("", &talk());
    assert!(bench.session().knows("call", None) && bench.session().knows("call", Some("any")));
    assert!(!bench.session().knows("other", None));
    bench.answer();
    bench.ack("");
    assert_eq!(bench.hang_up(), ["> BYE"]);
    assert_eq!(text(&bench.request("BYE").headers, &Name::To), "<sip:13800000001@192.0.2.1>");
    assert_eq!(text(&bench.request("BYE").headers, &Name::From), "<sip:12345@198.51.100.1>;tag=us");
}
