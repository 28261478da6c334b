//! What the peer asks inside the dialog. (RFC 3261 §12.2.2, §14; RFC 3311; RFC 3264 §8)

use hotline::sip::message::{Message, Name};

use super::{Bench, NOTHING, at, body, sdp, settings, talk, text, version};

#[test]
fn hold_and_resume_once_each() {
    for hold in ["sendonly", "inactive", "0.0.0.0"] {
        let on_hold = |version| match hold {
            "0.0.0.0" => sdp(version, "sendrecv").replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"),
            direction => sdp(version, direction),
        };
        let mut bench = Bench::talking(settings(), "");
        let held = bench.ask("INVITE", "", &on_hold(2));
        assert_eq!((held.len(), held[0].as_str(), held[2].as_str()), (3, "> 200 INVITE", "! Held"), "{held:?}");
        let answer = body(&bench.response(200));
        let ours = match hold {
            "sendonly" => "a=recvonly",
            "inactive" => "a=inactive",
            _ => "a=sendrecv",
        };
        assert!(answer.contains(ours), "{answer}");
        bench.ack("");
        // Held again, by a phone that repeats itself.
        assert_eq!(bench.ask("INVITE", "", &on_hold(2)), ["> 200 INVITE"]);
        assert_eq!(body(&bench.response(200)), answer, "unchanged, version and all");
        bench.ack("");
        let resumed = bench.ask("UPDATE", "", &sdp(3, "sendrecv"));
        assert_eq!(resumed, ["> 200 UPDATE", "! Agreed 3 192.0.2.1:4000", "! Resumed"]);
        assert_eq!(bench.ask("UPDATE", "", &sdp(3, "sendrecv")), ["> 200 UPDATE"]);
    }
}

#[test]
fn the_version_rises_with_each_change_and_only_then() {
    let mut bench = Bench::called(settings(), "", &talk());
    bench.answer();
    assert_eq!(version(&bench.response(200).body), "1");
    bench.ack("");
    let rows = [("sendrecv", "1"), ("sendonly", "2"), ("sendonly", "2"), ("inactive", "3"), ("sendrecv", "4")];
    for (place, (direction, expected)) in rows.into_iter().enumerate() {
        bench.ask("INVITE", "", &sdp(u32::try_from(place).unwrap() + 5, direction));
        assert_eq!(version(&bench.response(200).body), expected, "{place}");
        bench.ack("");
    }
    // The peer moves its media: we stay where we are, and so does our version.
    bench.ask("INVITE", "", &sdp(20, "sendrecv").replace("m=audio 4000", "m=audio 4400"));
    assert_eq!(version(&bench.response(200).body), "4");
}

#[test]
fn a_reinvite_without_offer_gets_ours() {
    let mut bench = Bench::talking(settings(), "");
    assert_eq!(bench.ask("INVITE", "", ""), ["> 200 INVITE"]);
    assert!(body(&bench.response(200)).contains("a=sendrecv"));
    // Our offer is out: whatever offers or invites now is glare.
    assert_eq!(bench.ask("UPDATE", "", &talk()), ["> 491 UPDATE"]);
    assert_eq!(bench.ask("UPDATE", "", ""), ["> 200 UPDATE"]);
    let offered = bench.peer.invite;
    assert_eq!(bench.ask("INVITE", "", &talk()), ["> 491 INVITE"]);
    bench.ack_failure();
    bench.peer.invite = offered;
    let moved = sdp(2, "sendrecv").replace("m=audio 4000", "m=audio 4400");
    assert_eq!(bench.ack(&moved), ["! Agreed 2 192.0.2.1:4400", "! Acknowledged"]);
    // An ACK that does not answer leaves what was agreed.
    bench.ask("INVITE", "", "");
    assert_eq!(bench.ack(""), ["! Acknowledged"]);
    assert_eq!(bench.ask("UPDATE", "", &moved), ["> 200 UPDATE"]);
    assert!(bench.session().is_confirmed());
}

#[test]
fn a_reinvite_that_cannot_be_met_leaves_the_call_alone() {
    let mut bench = Bench::talking(settings(), "");
    let foreign = talk().replace("RTP/AVP 8", "RTP/AVP 3");
    assert_eq!(bench.ask("INVITE", "", &foreign), ["> 488 INVITE"]);
    assert!(text(&bench.response(488).headers, &Name::Warning).starts_with("399 hotline"));
    bench.ack_failure();
    assert_eq!(bench.ask("INVITE", "", "nonsense"), ["> 400 INVITE"]);
    bench.ack_failure();
    assert_eq!(bench.ask("INVITE", "Content-Type: text/plain\r\n", "hello"), ["> 415 INVITE"]);
    assert_eq!(text(&bench.response(415).headers, &Name::Accept), "application/sdp, multipart/mixed");
    bench.ack_failure();
    assert_eq!(bench.ask("UPDATE", "", &foreign), ["> 488 UPDATE"]);
    assert!(bench.response(488).headers.get(&Name::Warning).is_some());
    assert_eq!(bench.ask("UPDATE", "Content-Type: text/plain\r\n", "hello"), ["> 415 UPDATE"]);
    assert_eq!(bench.ask("UPDATE", "", &talk()), ["> 200 UPDATE"]);
    assert!(bench.session().is_confirmed());
}

#[test]
fn a_reinvites_200_is_repeated_and_lost_like_the_first() {
    let mut bench = Bench::talking(settings(), "");
    bench.ask("INVITE", "", &talk());
    let happened = bench.wait(32_000);
    assert_eq!(happened[..2], at(&[500, 1500], "> 200 INVITE"));
    assert_eq!(happened[happened.len() - 2..], [(32_000, "> BYE".into()), (32_000, "! Lost NoAck".into())]);
    assert!(bench.is_at_rest());

    // Where the first ACK was lost, the next re-INVITE proves that the 200 came.
    let mut bench = Bench::called(settings(), "", &talk());
    bench.answer();
    bench.ask("INVITE", "", &talk());
    bench.ack("");
    assert_eq!(bench.wait(100_000), at(&[], ""));

    // Hanging up does not wait for the ACK of a re-INVITE.
    let mut bench = Bench::talking(settings(), "");
    bench.ask("INVITE", "", &talk());
    assert_eq!(bench.hang_up(), ["> BYE"]);
    assert!(bench.is_at_rest());
}

#[test]
fn a_number_that_goes_back_is_out_of_order() {
    let mut bench = Bench::talking(settings(), "");
    bench.ask("INFO", "", "");
    let old = bench.write("BYE", (bench.peer.cseq - 1, 700), ";tag=us", "", "");
    assert_eq!(bench.receive(Message::Request(old)), ["> 500 BYE"]);
    assert!(bench.response(500).headers.get(&Name::RetryAfter).is_some());
    assert!(bench.session().is_confirmed());
    bench.peer.cseq += 5;
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "! HungUp"], "gaps are no fault");
}

#[test]
fn everything_else_is_answered_too() {
    let mut bench = Bench::talking(settings(), "");
    assert_eq!(bench.ask("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=1"), ["> 200 INFO"]);
    assert_eq!(bench.ask("OPTIONS", "", ""), ["> 200 OPTIONS"]);
    let about = bench.response(200).headers;
    assert!(about.has_token(&Name::Allow, "PRACK") && about.has_token(&Name::Supported, "100rel"));
    assert!(about.has_token(&Name::Accept, "application/sdp") && about.has_token(&Name::Accept, "multipart/mixed"));
    for method in ["MESSAGE", "NOTIFY", "SUBSCRIBE", "PUBLISH", "DANCE"] {
        assert_eq!(bench.ask(method, "", ""), [format!("> 405 {method}")]);
        assert!(bench.response(405).headers.has_token(&Name::Allow, "UPDATE"));
    }
    assert_eq!(bench.ask("PRACK", "RAck: 1 101 INVITE\r\n", ""), ["> 481 PRACK"]);
    assert!(bench.session().is_confirmed());
}

#[test]
fn after_the_end_only_bye_is_welcome() {
    let mut bench = Bench::talking(settings(), "");
    bench.hang_up();
    for method in ["INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER"] {
        assert_eq!(bench.ask(method, "", ""), [format!("> 481 {method}")]);
    }
    bench.ack_failure();
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE"], "a BYE that crossed ours");
    assert!(bench.is_at_rest());
}

#[test]
fn probing_the_peer() {
    for (status, alive) in [(200, true), (405, true), (481, false), (408, false)] {
        let mut bench = Bench::talking(settings(), "");
        assert_eq!(bench.probe(), ["> OPTIONS"]);
        assert_eq!(bench.probe(), NOTHING, "one at a time");
        assert_eq!(bench.respond("OPTIONS", status, "", "", ""), [format!("! Probed {alive}")]);
        assert_eq!(bench.probe(), ["> OPTIONS"]);
    }
    let mut bench = Bench::talking(settings(), "");
    bench.probe();
    assert_eq!(bench.wait(32_000).last(), Some(&(32_000, "! Probed false".to_owned())));
    bench.probe();
    bench.hang_up();
    assert_eq!(bench.respond("OPTIONS", 200, "", "", ""), NOTHING, "nothing is told after the end");
    assert_eq!(bench.probe(), NOTHING);
}
