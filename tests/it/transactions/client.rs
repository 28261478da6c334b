//! Requests of ours: retransmissions, ACK and CANCEL, forks, responses of nobody's, broken flows.

use hotline::sip::flow::Transport;
use hotline::sip::message::{Method, Name};
use hotline::sip::transactions::{ClientState, ServerState};
use hotline::sip::{invite_client, invite_server, request_client};

use super::{BACKED_OFF, Bench, LONG, NOTHING, at, flow, invite, outgoing, tagged, tcp, udp};

// ---- The INVITE client ----

#[test]
fn an_unanswered_invite_is_repeated_ever_slower_and_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.call(udp(), Method::Invite);
    let mut expected = at(&[500, 1500, 3500, 7500, 15500, 31500], "> INVITE");
    expected.push((LONG, "TimedOut".to_owned()));
    assert_eq!(bench.wait(LONG), expected);
    assert_eq!((bench.sip.len(), bench.sip.next_timeout()), (0, None));

    bench.call(tcp(), Method::Invite);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
}

#[test]
fn a_request_of_ours_carries_our_via_and_the_same_one_each_time() {
    let mut bench = Bench::new();
    let (_, first) = bench.call(udp(), Method::Invite);
    let via = first.headers.via().unwrap();
    assert_eq!((via.host.as_str(), via.port, via.transport.as_str()), ("198.51.100.1", Some(5060), "UDP"));
    assert!(via.branch().unwrap().starts_with("z9hG4bK") && via.params.get("rport") == Some(None));
    bench.wait(500);
    assert_eq!(bench.sent_request(), first);
    let (_, second) = bench.call(tcp(), Method::Options);
    assert_ne!(second.headers.via().unwrap().branch(), via.branch());
    assert_eq!(second.headers.via().unwrap().transport, "TCP");
}

#[test]
fn a_failure_is_acknowledged_inside_each_time_it_comes() {
    for (transport, lingers) in [(udp(), 32_000), (tcp(), 0)] {
        let mut bench = Bench::new();
        let (_, invite) = bench.call(transport, Method::Invite);
        let busy = tagged(&invite, 486, "busy");
        let elsewhere = flow(transport.transport, "192.0.2.77:5060");
        assert_eq!(bench.take_response(elsewhere, &tagged(&invite, 180, "busy")), ["Response 180"]);
        assert_eq!(bench.take_response(elsewhere, &busy), ["> ACK", "Response 486"]);
        assert_eq!(bench.sent.clone().unwrap().0, transport, "on the flow of the INVITE");
        let ack = bench.sent_request();
        assert_eq!(ack.uri, invite.uri);
        for name in [Name::Via, Name::From, Name::CallId, Name::Route, Name::MaxForwards] {
            assert_eq!(ack.headers.get(&name), invite.headers.get(&name), "{name:?}");
        }
        assert_eq!(ack.headers.get(&Name::To), busy.headers.get(&Name::To));
        assert_eq!(ack.headers.text(&Name::CSeq).unwrap(), "3 ACK");
        assert_eq!((ack.headers.all(&Name::Via).count(), ack.body.len()), (1, 0));
        if lingers > 0 {
            assert_eq!(bench.take_response(transport, &busy), ["> ACK"]);
            assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "busy")), NOTHING);
            assert!(bench.wait(lingers - 1).is_empty());
            assert_eq!(bench.sip.len(), 1);
            bench.wait(1);
        }
        assert_eq!(bench.sip.len(), 0);
        assert_eq!(bench.take_response(transport, &busy), ["StrayResponse"]);
    }
}

#[test]
fn every_2xx_of_every_fork_reaches_the_user_for_32_s() {
    for transport in [udp(), tcp()] {
        let mut bench = Bench::new();
        let (tx, invite) = bench.call(transport, Method::Invite);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "a")), ["Response 180"]);
        for tag in ["a", "b", "a"] {
            assert_eq!(bench.take_response(transport, &tagged(&invite, 200, tag)), ["Response 200"]);
        }
        assert_eq!(bench.take_response(transport, &tagged(&invite, 486, "c")), NOTHING);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "c")), NOTHING);
        assert_eq!(bench.cancel(tx), NOTHING);
        bench.sip.transport_failed(bench.now, transport);
        assert_eq!(bench.out(), NOTHING);
        assert!(bench.wait(LONG - 1).is_empty());
        assert_eq!(bench.take_response(transport, &tagged(&invite, 200, "b")), ["Response 200"]);
        bench.wait(1);
        assert_eq!(bench.sip.len(), 0);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 200, "b")), ["StrayResponse"]);
    }
}

#[test]
fn the_ack_of_a_2xx_has_a_branch_of_its_own_and_no_transaction() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(udp(), Method::Invite);
    bench.take_response(udp(), &tagged(&invite, 200, "a"));
    let mut ack = outgoing(Method::Ack);
    ack.body = Vec::new();
    bench.sip.send_ack(bench.now, udp(), "198.51.100.1:5060", ack);
    assert_eq!(bench.out(), ["> ACK"]);
    assert_ne!(bench.sent_request().headers.via().unwrap().branch(), invite.headers.via().unwrap().branch());
    assert_eq!(bench.sip.len(), 1);
}

#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let mut bench = Bench::new();
    let (tx, invite) = bench.call(udp(), Method::Invite);
    assert_eq!(bench.cancel(tx), NOTHING);
    assert_eq!(bench.wait(500), at(&[500], "> INVITE"));
    assert_eq!(bench.take_response(udp(), &invite.respond(100)), ["> CANCEL", "Response 100"]);
    let cancel = bench.sent_request();
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::Route] {
        assert_eq!(cancel.headers.get(&name), invite.headers.get(&name), "{name:?}");
    }
    assert_eq!(cancel.headers.text(&Name::CSeq).unwrap(), "3 CANCEL");
    assert_eq!((cancel.uri.as_str(), cancel.body.len()), (invite.uri.as_str(), 0));
    assert_eq!(bench.wait(1500), at(&[500, 1500], "> CANCEL"));
    assert_eq!(bench.take_response(udp(), &cancel.respond(200)), NOTHING);
    assert_eq!(bench.cancel(tx), NOTHING, "once is enough");
    assert_eq!(bench.take_response(udp(), &tagged(&invite, 487, "a")), ["> ACK", "Response 487"]);
    assert!(bench.wait(2 * LONG).is_empty());
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_delivered() {
    for provisional_first in [true, false] {
        let mut bench = Bench::new();
        let (tx, invite) = bench.call(udp(), Method::Invite);
        if provisional_first {
            bench.take_response(udp(), &tagged(&invite, 180, "a"));
        }
        let sent: &[&str] = if provisional_first { &["> CANCEL"] } else { &[] };
        assert_eq!(bench.cancel(tx), sent);
        assert_eq!(bench.take_response(udp(), &tagged(&invite, 200, "a")), ["Response 200"]);
        let state = bench.sip.client_state(tx);
        assert_eq!(state, Some(ClientState::Invite(invite_client::State::Accepted)));
    }
}

#[test]
fn a_cancelled_invite_is_given_up_32_s_after_its_cancel() {
    let mut bench = Bench::new();
    let (tx, invite) = bench.call(tcp(), Method::Invite);
    bench.take_response(tcp(), &tagged(&invite, 180, "a"));
    bench.wait(10_000);
    assert_eq!(bench.cancel(tx), ["> CANCEL"]);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn an_invite_that_rings_too_long_is_cancelled_by_timer_c() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(tcp(), Method::Invite);
    for _ in 0..3 {
        assert_eq!(bench.take_response(tcp(), &tagged(&invite, 180, "a")), ["Response 180"]);
        assert!(bench.wait(179_999).is_empty());
    }
    let expected = [(1, "> CANCEL".to_owned()), (1 + LONG, "TimedOut".to_owned())];
    assert_eq!(bench.wait(60_000), expected);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_2xx_after_a_failure_still_reaches_the_user() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(udp(), Method::Invite);
    bench.take_response(udp(), &tagged(&invite, 486, "a"));
    assert_eq!(bench.take_response(udp(), &tagged(&invite, 200, "b")), ["Response 200"]);
}

// ---- The client of other requests ----

#[test]
fn an_unanswered_request_is_repeated_at_most_every_4_s_and_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.call(udp(), Method::Bye);
    let mut expected = at(&BACKED_OFF, "> BYE");
    expected.push((LONG, "TimedOut".to_owned()));
    assert_eq!(bench.wait(60_000), expected);
    bench.call(tcp(), Method::Bye);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_request_that_is_being_worked_on_is_repeated_every_4_s() {
    let mut bench = Bench::new();
    let (tx, options) = bench.call(udp(), Method::Options);
    assert_eq!(bench.take_response(udp(), &options.respond(100)), ["Response 100"]);
    assert_eq!(bench.wait(9000), at(&[500, 4500, 8500], "> OPTIONS"));
    assert_eq!(bench.cancel(tx), NOTHING, "only an INVITE can be cancelled");
    assert_eq!(bench.take_response(udp(), &options.respond(200)), ["Response 200"]);
    assert_eq!(bench.take_response(udp(), &options.respond(200)), NOTHING);
    assert!(bench.wait(4999).is_empty());
    assert_eq!(bench.sip.len(), 1);
    bench.wait(1);
    assert_eq!(bench.sip.len(), 0);
    let (_, options) = bench.call(tcp(), Method::Options);
    assert_eq!(bench.take_response(tcp(), &options.respond(200)), ["Response 200"]);
    assert_eq!(bench.sip.len(), 0, "timer K is zero");
}

#[test]
fn responses_that_are_not_ours_are_dropped_and_counted() {
    let mut bench = Bench::new();
    let (_, options) = bench.call(udp(), Method::Options);
    let ok = options.respond(200);
    let mut two_vias = ok.clone();
    two_vias.headers.push(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9");
    let mut two_on_a_line = ok.clone();
    let via = format!("{}, SIP/2.0/UDP 192.0.2.9", ok.headers.text(&Name::Via).unwrap());
    two_on_a_line.headers.set(Name::Via, via);
    let mut other_method = ok.clone();
    other_method.headers.set(Name::CSeq, "3 BYE");
    let mut other_branch = ok.clone();
    other_branch.headers.set(Name::Via, "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0");
    let mut no_via = ok.clone();
    no_via.headers.remove(&Name::Via);
    for (response, expected) in [
        (two_vias, None),
        (two_on_a_line, None),
        (no_via, None),
        (other_method, Some("StrayResponse")),
        (other_branch, Some("StrayResponse")),
    ] {
        assert_eq!(bench.take_response(udp(), &response), expected.as_slice());
    }
    let counters = bench.sip.counters();
    assert_eq!((counters.bad_responses, counters.stray_responses), (3, 2));
    assert_eq!(bench.take_response(udp(), &ok), ["Response 200"]);
}

#[test]
fn a_broken_flow_fails_what_waits_for_it_and_nothing_else() {
    let mut bench = Bench::new();
    let (_, ringing) = bench.call(tcp(), Method::Invite);
    bench.take_response(tcp(), &tagged(&ringing, 180, "a"));
    bench.call(tcp(), Method::Invite);
    bench.call(tcp(), Method::Options);
    let (other, _) = bench.call(udp(), Method::Options);
    bench.take(tcp(), &invite());
    bench.sip.transport_failed(bench.now, tcp());
    assert_eq!(bench.out(), ["Failed", "Failed", "Failed"]);
    bench.sip.transport_failed(bench.now, flow(Transport::Tcp, "192.0.2.1:5060"));
    assert_eq!(bench.out(), ["ServerFailed"], "nor can its answers go over another connection");
    assert_eq!(bench.sip.client_state(other), Some(ClientState::Request(request_client::State::Trying)));
    assert_eq!(bench.server_state(), Some(ServerState::Invite(invite_server::State::Proceeding)), "RFC 6026 §7.1");
    assert_eq!(bench.answer(&invite(), 480), ["> 480 INVITE"]);
    assert_eq!(bench.sip.len(), 2);
}
