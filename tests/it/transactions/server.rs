//! Requests that arrive: answers, retransmissions, ACK and CANCEL, matching, the way back, faults and floods.

use hotline::sip::flow::Transport;
use hotline::sip::invite_server;
use hotline::sip::message::{Fault, Message, Name, Unreadable};
use hotline::sip::transactions::{Event, Output, ServerState};

use super::{BACKED_OFF, Bench, LONG, NOTHING, at, flow, incoming, invite, tagged, tcp, udp};

// ---- The INVITE server ----

#[test]
fn an_invite_is_answered_100_at_once_and_repeated_answers_follow_repeated_invites() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(udp(), &invite()), ["> 100 INVITE", "Request INVITE"]);
    assert_eq!(bench.take(udp(), &invite()), ["> 100 INVITE"]);
    assert_eq!(bench.answer(&invite(), 180), ["> 180 INVITE"]);
    assert_eq!(bench.take(udp(), &invite()), ["> 180 INVITE"]);
    assert!(bench.wait(3_600_000).is_empty());
    assert_eq!(bench.server_state(), Some(ServerState::Invite(invite_server::State::Proceeding)));
}

#[test]
fn a_refusal_is_repeated_until_its_ack_comes() {
    let ack = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1;rport", ";tag=us");
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    assert_eq!(bench.answer(&invite(), 486), ["> 486 INVITE"]);
    assert_eq!(bench.wait(1500), at(&[500, 1500], "> 486 INVITE"));
    assert_eq!(bench.take(udp(), &invite()), ["> 486 INVITE"]);
    assert_eq!(bench.answer(&invite(), 200), NOTHING, "one final only");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    assert_eq!(bench.take(udp(), &ack), NOTHING, "absorbed for timer I");
    assert_eq!(bench.take(udp(), &invite()), NOTHING);
    assert!(bench.wait(4999).is_empty());
    assert_eq!(bench.sip.len(), 1);
    assert!(bench.wait(1).is_empty());
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_refusal_that_nobody_acknowledges_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    bench.answer(&invite(), 503);
    let mut expected = at(&BACKED_OFF, "> 503 INVITE");
    expected.push((LONG, "ServerTimedOut".to_owned()));
    assert_eq!(bench.wait(LONG), expected);
    assert_eq!((bench.sip.len(), bench.sip.next_timeout()), (0, None));
}

#[test]
fn over_tcp_a_refusal_is_sent_once_and_is_over_with_its_ack() {
    let mut bench = Bench::new();
    bench.take(tcp(), &invite());
    bench.answer(&invite(), 486);
    assert!(bench.wait(LONG - 1).is_empty());
    assert_eq!(bench.take(tcp(), &incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", ";tag=us")), NOTHING);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn an_accepted_invite_absorbs_its_repetitions_and_hands_over_every_ack() {
    for transport in [udp(), tcp()] {
        let mut bench = Bench::new();
        bench.take(transport, &invite());
        assert_eq!(bench.answer(&invite(), 200), ["> 200 INVITE"]);
        assert_eq!(bench.take(transport, &invite()), NOTHING);
        assert!(bench.wait(1000).is_empty(), "a 2xx is repeated by the user alone");
        assert_eq!(bench.answer(&invite(), 200), ["> 200 INVITE"]);
        assert_eq!(bench.answer(&invite(), 486), NOTHING);
        let same_branch = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", ";tag=us");
        assert_eq!(bench.take(transport, &same_branch), ["Ack"]);
        assert_eq!(bench.take(transport, &incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK2", ";tag=us")), ["Ack"]);
        assert!(bench.wait(LONG - 1001).is_empty());
        assert_eq!(bench.sip.len(), 1);
        bench.wait(1);
        assert_eq!(bench.sip.len(), 0, "timer L");
        assert_eq!(bench.answer(&invite(), 200), NOTHING);
        assert_eq!(bench.take(transport, &same_branch), ["Ack"], "a late ACK is never lost");
    }
}

#[test]
fn answers_take_another_connection_when_theirs_has_ended_and_fail_with_that() {
    let mut bench = Bench::new();
    let from = flow(Transport::Tcp, "192.0.2.1:40001");
    bench.take(from, &invite());
    bench.sip.transport_failed(bench.now, from);
    assert_eq!(bench.out(), NOTHING, "the caller waits on");
    assert_eq!(bench.answer(&invite(), 183), ["> 183 INVITE"]);
    // RFC 3261 §18.2.2: to the address it came from, at the port of its Via.
    let anew = flow(Transport::Tcp, "192.0.2.1:5060");
    assert_eq!(bench.sent_response().0, anew);
    bench.sip.transport_failed(bench.now, anew);
    assert_eq!(bench.out(), ["ServerFailed"]);
}

// ---- The server of other requests ----

#[test]
fn a_repeated_request_gets_the_last_answer_for_32_s() {
    let bye = incoming("BYE", "192.0.2.1:5060;branch=z9hG4bK3", ";tag=us");
    let mut bench = Bench::new();
    assert_eq!(bench.take(udp(), &bye), ["Request BYE"]);
    assert_eq!(bench.take(udp(), &bye), NOTHING);
    assert_eq!(bench.answer(&bye, 100), ["> 100 BYE"]);
    assert_eq!(bench.take(udp(), &bye), ["> 100 BYE"]);
    assert_eq!(bench.answer(&bye, 200), ["> 200 BYE"]);
    assert_eq!(bench.answer(&bye, 500), NOTHING);
    assert_eq!(bench.take(udp(), &bye), ["> 200 BYE"]);
    assert!(bench.wait(LONG - 1).is_empty());
    assert_eq!(bench.take(udp(), &bye), ["> 200 BYE"]);
    bench.wait(1);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn over_tcp_an_answered_request_is_over_at_once_and_an_unanswered_one_after_32_s() {
    let bye = incoming("BYE", "192.0.2.1:5060;branch=z9hG4bK3", ";tag=us");
    let mut bench = Bench::new();
    bench.take(tcp(), &bye);
    assert_eq!(bench.answer(&bye, 200), ["> 200 BYE"]);
    assert_eq!(bench.sip.len(), 0);
    assert_eq!(bench.take(tcp(), &bye), ["Request BYE"], "the key is free again");
    assert!(bench.wait(LONG).is_empty());
    assert_eq!(bench.sip.len(), 0);
    assert_eq!(bench.answer(&bye, 200), NOTHING, "RFC 4320: nobody waits for it any more");
}

// ---- CANCEL and merged requests, as server ----

#[test]
fn a_cancel_is_answered_and_told_only_while_its_invite_is_unanswered() {
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK1;rport", "");
    for (answer, cancelled, told) in
        [(None, 200, true), (Some(180), 200, true), (Some(200), 200, false), (Some(486), 200, false)]
    {
        let mut bench = Bench::new();
        bench.take(udp(), &invite());
        if let Some(status) = answer {
            bench.answer(&invite(), status);
        }
        let mut expected = vec![format!("> {cancelled} CANCEL")];
        expected.extend(told.then(|| "Cancel".to_owned()));
        assert_eq!(bench.take(udp(), &cancel), expected, "{answer:?}");
        let to = bench.sent_response().1.headers.to().unwrap();
        assert!(to.tag().is_some());
        assert!(answer.is_none() || to.tag() == Some("us"), "RFC 3261 §9.2: the tag of the INVITE's answers");
        assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL"], "repeated, not told twice");
        if told {
            assert_eq!(bench.answer(&invite(), 487), ["> 487 INVITE"]);
        }
        bench.wait(2 * LONG);
        assert_eq!(bench.sip.len(), 0);
    }
}

#[test]
fn a_cancel_for_nothing_is_answered_481() {
    let mut bench = Bench::new();
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK9", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 481 CANCEL"]);
    let first = bench.sent.clone();
    assert_eq!(bench.take(udp(), &cancel), ["> 481 CANCEL"]);
    assert_eq!(bench.sent, first);
    bench.wait(LONG);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_request_that_came_over_two_ways_is_refused_482_on_the_second() {
    let second = incoming("INVITE", "192.0.2.2:5060;branch=z9hG4bKother", "");
    let ack = incoming("ACK", "192.0.2.2:5060;branch=z9hG4bKother", ";tag=x");
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    let first = bench.server.unwrap();
    assert_eq!(bench.take(udp(), &second), ["> 482 INVITE"]);
    assert!(bench.sent_response().1.headers.to().unwrap().tag().is_some());
    assert_eq!(bench.wait(500), at(&[500], "> 482 INVITE"));
    let cancel = incoming("CANCEL", "192.0.2.2:5060;branch=z9hG4bKother", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL"], "the user has never seen this INVITE");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    let in_dialog = incoming("INVITE", "192.0.2.2:5060;branch=z9hG4bKmore", ";tag=us");
    assert_eq!(
        bench.take(udp(), &in_dialog),
        ["> 100 INVITE", "Request INVITE"],
        "only requests without a To tag merge"
    );
    bench.answer(&in_dialog, 200);
    bench.wait(LONG);
    assert_eq!(bench.sip.len(), 1, "the first INVITE still waits");
    bench.sip.respond(bench.now, first, tagged(&invite(), 200, "us"));
    bench.out();
    bench.wait(LONG);
    assert_eq!(bench.sip.len(), 0);
    assert_eq!(bench.take(udp(), &second), ["> 100 INVITE", "Request INVITE"], "there is nothing left to merge with");
}

// ---- Matching, and the way back ----

#[test]
fn requests_without_the_magic_cookie_match_by_the_rules_of_rfc_2543() {
    for branch in [";branch=1", "", ";branch=z9hG4bK"] {
        let via = format!("192.0.2.1:5060{branch}");
        let mut bench = Bench::new();
        let invite = incoming("INVITE", &via, "");
        assert_eq!(bench.take(udp(), &invite), ["> 100 INVITE", "Request INVITE"]);
        assert_eq!(bench.take(udp(), &invite), ["> 100 INVITE"]);
        assert_eq!(bench.take(udp(), &incoming("CANCEL", &via, "")), ["> 200 CANCEL", "Cancel"]);
        assert_eq!(bench.answer(&invite, 487), ["> 487 INVITE"]);
        assert_eq!(bench.take(udp(), &incoming("ACK", &via, ";tag=another")), ["Ack"], "not of this transaction");
        assert_eq!(bench.take(udp(), &incoming("ACK", &via, ";tag=us")), NOTHING);
        assert!(bench.wait(LONG).is_empty());
        assert_eq!(bench.sip.len(), 0);
    }
}

#[test]
fn a_branch_counts_with_the_host_that_made_it_and_without_case() {
    let mut bench = Bench::new();
    bench.take(udp(), &incoming("OPTIONS", "Gate.example:5060;branch=z9hG4bKa", ""));
    assert_eq!(bench.take(udp(), &incoming("OPTIONS", "gate.example:5060;BRANCH=Z9HG4BKA", "")), NOTHING);
    for other in ["gate.example:5070;branch=z9hG4bKa", "gate2.example:5060;branch=z9hG4bKa"] {
        assert_eq!(bench.take(udp(), &incoming("OPTIONS", other, ";tag=us")), ["Request OPTIONS"], "{other}");
    }
}

#[test]
fn an_answer_goes_where_rfc_3261_18_2_2_and_rfc_3581_say() {
    // Source, Via as it came; where the answer goes, received and rport in it.
    let rows = [
        ("192.0.2.1:5060", "192.0.2.1:5060", "192.0.2.1:5060", None, None),
        ("192.0.2.1:40000", "192.0.2.1:5070", "192.0.2.1:5070", None, None),
        ("192.0.2.1:40000", "192.0.2.1", "192.0.2.1:5060", None, None),
        ("192.0.2.1:40000", "gate.example", "192.0.2.1:5060", Some("192.0.2.1"), None),
        ("192.0.2.1:40000", "10.0.0.9:5062", "192.0.2.1:5062", Some("192.0.2.1"), None),
        ("192.0.2.1:40000", "10.0.0.9:5062;rport", "192.0.2.1:40000", Some("192.0.2.1"), Some("40000")),
        ("192.0.2.1:40000", "192.0.2.1:5062;RPORT=1", "192.0.2.1:40000", Some("192.0.2.1"), Some("40000")),
        ("192.0.2.1:5060", "192.0.2.1:5060;received=10.0.0.1", "192.0.2.1:5060", Some("192.0.2.1"), None),
        ("192.0.2.1:5060", "192.0.2.1:5060;maddr=10.0.0.1", "192.0.2.1:5060", None, None),
        ("[2001:db8::1]:40000", "[2001:db8::1]:5070", "[2001:db8::1]:5070", None, None),
        ("[2001:db8::1]:40000", "[2001:db8::2]:5070;rport", "[2001:db8::1]:40000", Some("2001:db8::1"), Some("40000")),
        ("[::ffff:192.0.2.1]:5060", "192.0.2.1:5060", "[::ffff:192.0.2.1]:5060", None, None),
    ];
    for (source, via, back, received, rport) in rows {
        let request = incoming("OPTIONS", &format!("{via};branch=z9hG4bKx, SIP/2.0/UDP far.example"), "");
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut bench = Bench::new();
            let came = flow(transport, source);
            bench.sip.receive(bench.now, came, Message::Request(request.clone()));
            let Some(Output::Event(Event::Request { tx, request, .. })) = bench.sip.poll() else { panic!("{via}") };
            bench.sip.respond(bench.now, tx, request.respond(200));
            assert_eq!(bench.out(), ["> 200 OPTIONS"]);
            let (went, response) = bench.sent_response();
            let expected = if transport == Transport::Tcp { came } else { flow(transport, back) };
            assert_eq!(went, expected, "{source} {via}");
            let top = response.headers.via().unwrap();
            assert_eq!((top.params.value("received"), top.params.value("rport")), (received, rport), "{source} {via}");
            assert_eq!(response.headers.all(&Name::Via).count(), 2);
        }
    }
}

// ---- Faults and floods ----

#[test]
fn a_request_with_a_fault_is_answered_400_that_names_it_but_for_ack() {
    let mut bench = Bench::new();
    let mut broken = incoming("INVITE", "192.0.2.1:40000;branch=z9hG4bK1;rport", "");
    broken.headers.remove(&Name::CallId);
    bench.sip.receive(bench.now, udp(), Message::Request(broken.clone()));
    let Some(Output::Send { bytes, .. }) = bench.sip.poll() else { panic!("no answer") };
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("SIP/2.0 400 Bad Request: missing Call-ID\r\n"), "{text}");
    assert!(text.contains("\r\nTo: <sip:12345@198.51.100.1>;tag="), "{text}");
    assert_eq!(bench.sip.poll(), None);
    let mut ack = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", "");
    ack.headers.set(Name::CSeq, "7 INVITE");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    let mut lost = invite();
    lost.headers.set(Name::Via, "rubbish");
    assert_eq!(bench.take(udp(), &lost), NOTHING);
    let counters = bench.sip.counters();
    assert_eq!((counters.malformed, counters.unanswerable, bench.sip.len()), (2, 1, 0));
}

#[test]
fn what_cannot_be_read_is_answered_where_enough_of_it_can() {
    let mut bench = Bench::new();
    let answerable = || Some(Box::new(invite()));
    for (fault, expected) in [(Fault::Version, "> 505 INVITE"), (Fault::ContentLength, "> 400 INVITE")] {
        bench.sip.receive_unreadable(udp(), Unreadable { fault, answerable: answerable() });
        assert_eq!(bench.out(), [expected]);
        assert_eq!(bench.sent_response().1.headers.via().unwrap().params.value("rport"), Some("5060"));
    }
    assert_eq!(bench.sent_response().1.reason, "Bad Request: bad Content-Length");
    bench.sip.receive_unreadable(udp(), Unreadable { fault: Fault::NotSip, answerable: None });
    assert_eq!(bench.out(), NOTHING);
    assert_eq!((bench.sip.counters().malformed, bench.sip.counters().unanswerable), (2, 1));
}

#[test]
fn over_the_limit_new_requests_get_503_and_calls_in_progress_go_on() {
    let mut bench = Bench::new();
    bench.sip.limit = 4;
    for branch in 0..4 {
        let mut request = incoming("INVITE", &format!("192.0.2.1:5060;branch=z9hG4bK{branch}"), "");
        request.headers.set(Name::CallId, format!("call-{branch}"));
        assert_eq!(bench.take(udp(), &request), ["> 100 INVITE", "Request INVITE"]);
    }
    let mut refused = incoming("INVITE", "192.0.2.1:5060;branch=z9hG4bKa", "");
    refused.headers.set(Name::CallId, "call-a");
    assert_eq!(bench.take(udp(), &refused), ["> 503 INVITE"]);
    assert_eq!(bench.sent_response().1.headers.get(&Name::RetryAfter), None);
    assert_eq!((bench.sip.len(), bench.sip.counters().over_limit), (4, 1));
    let bye = |branch: &str| incoming("BYE", &format!("192.0.2.1:5060;branch=z9hG4bK{branch}"), ";tag=us");
    assert_eq!(bench.take(udp(), &bye("b")), ["Request BYE"], "the reserve");
    assert_eq!(bench.take(udp(), &bye("c")), ["> 503 BYE"], "is bounded too");
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK1", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL", "Cancel"]);
    assert_eq!(bench.take(udp(), &incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bKz", "")), ["> 481 CANCEL"]);
    assert_eq!(bench.sip.len(), 6);
}
