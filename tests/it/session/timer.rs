//! The session timer, both roles and both methods. (RFC 4028)

use std::time::Duration;

use hotline::sip::message::Name;
use hotline::sip::session::Settings;

use super::{AGREED, Bench, NOTHING, at, settings, talk, text, version};

const UPDATE: &str = "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n";
const NO_UPDATE: &str = "Supported: timer\r\nAllow: INVITE, ACK, BYE\r\n";

fn ours(seconds: u64) -> Settings {
    Settings { session_expires: Some(Duration::from_secs(seconds)), ..settings() }
}

fn expires(bench: &Bench, status: u16) -> String {
    text(&bench.response(status).headers, &Name::SessionExpires)
}

/// RFC 4028 §9 with table 2: what the INVITE asks × what we want → what the 200 grants.
#[test]
fn what_is_granted() {
    let rows: [(&str, Option<u64>, &str, bool); 14] = [
        ("", None, "", false),
        ("Supported: timer\r\n", None, "", false),
        ("", Some(600), "600;refresher=uas", false),
        ("Supported: timer\r\n", Some(600), "600;refresher=uas", true),
        ("Supported: timer\r\nMin-SE: 900\r\n", Some(600), "900;refresher=uas", true),
        ("Supported: timer\r\nSession-Expires: 1800\r\n", None, "1800;refresher=uas", true),
        ("Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n", None, "1800;refresher=uac", true),
        ("k: timer\r\nx: 1800 ; Refresher = UAC\r\n", None, "1800;refresher=uac", true),
        ("Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n", None, "1800;refresher=uas", true),
        // A proxy put it in: its caller cannot refresh.
        ("Session-Expires: 1800;refresher=uac\r\n", None, "1800;refresher=uas", false),
        // We want to know sooner, but never sooner than they allow.
        ("Supported: timer\r\nSession-Expires: 7200;refresher=uac\r\n", Some(600), "600;refresher=uac", true),
        ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 1200\r\n", Some(600), "1200;refresher=uas", true),
        ("Supported: timer\r\nSession-Expires: 300\r\n", Some(600), "300;refresher=uas", true),
        ("Session-Expires: 30\r\n", None, "90;refresher=uas", false),
    ];
    for (extra, wanted, granted, required) in rows {
        let session_expires = wanted.map(Duration::from_secs);
        let mut bench = Bench::called(Settings { session_expires, ..settings() }, extra, &talk());
        bench.answer();
        assert_eq!(expires(&bench, 200), granted, "{extra} {wanted:?}");
        assert_eq!(bench.response(200).headers.has_token(&Name::Require, "timer"), required, "{extra}");
    }
}

#[test]
fn too_small_an_interval() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.invite("Supported: timer\r\nSession-Expires: 89\r\n", &talk()), ["> 422 INVITE"]);
    assert_eq!(text(&bench.response(422).headers, &Name::MinSe), "90");

    let mut bench = Bench::talking(settings(), "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n");
    for method in ["INVITE", "UPDATE"] {
        let brief = bench.ask(method, "Supported: timer\r\nSession-Expires: 5\r\n", "");
        assert_eq!(brief, [format!("> 422 {method}")]);
        assert_eq!(text(&bench.response(422).headers, &Name::MinSe), "90");
        if method == "INVITE" {
            bench.ack_failure();
        }
    }
    assert_eq!(bench.wait(60_000).first(), Some(&(60_000, "> BYE".to_owned())), "and the old one still runs");
}

#[test]
fn the_peer_refreshes_or_is_given_up_early() {
    let extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let mut bench = Bench::talking(settings(), extra);
    assert_eq!(bench.wait(50_000), at(&[], ""));
    assert_eq!(bench.ask("UPDATE", extra, ""), ["> 200 UPDATE"]);
    assert_eq!(expires(&bench, 200), "90;refresher=uac");
    assert_eq!(bench.wait(50_000), at(&[], ""));
    assert_eq!(bench.ask("INVITE", extra, &talk()), ["> 200 INVITE"]);
    bench.ack("");
    // A third of 90 s before its end (§10).
    assert_eq!(bench.wait(61_000)[..2], [(60_000, "> BYE".into()), (60_000, "! Lost Expired".into())]);
    assert!(bench.is_at_rest());
}

#[test]
fn a_refresh_that_is_refused_changes_nothing() {
    let mut bench = Bench::talking(settings(), "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n");
    bench.wait(30_000);
    let other = "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n";
    assert_eq!(bench.ask("INVITE", other, "nonsense"), ["> 400 INVITE"]);
    bench.ack_failure();
    assert_eq!(bench.ask("UPDATE", other, "nonsense"), ["> 400 UPDATE"]);
    assert_eq!(bench.wait(30_000).first(), Some(&(30_000, "> BYE".to_owned())));
}

#[test]
fn a_reinvite_that_says_nothing_leaves_refreshing_to_us() {
    let mut bench =
        Bench::talking(settings(), "Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 90;refresher=uac\r\n");
    bench.ask("INVITE", "", &talk());
    assert_eq!(expires(&bench, 200), "90;refresher=uas");
    bench.ack("");
    assert_eq!(bench.wait(45_000), at(&[45_000], "> UPDATE"));
}

#[test]
fn we_refresh_by_update_where_the_peer_takes_it() {
    let mut bench = Bench::talking(ours(600), UPDATE);
    for turn in 1..=3 {
        assert_eq!(bench.wait(300_000), at(&[300_000], "> UPDATE"), "{turn}");
        let update = bench.request("UPDATE");
        assert_eq!(text(&update.headers, &Name::SessionExpires), "600;refresher=uac");
        assert_eq!(text(&update.headers, &Name::MinSe), "90");
        assert!(update.headers.has_token(&Name::Supported, "timer") && update.body.is_empty());
        let granted = "Session-Expires: 600;refresher=uac\r\nContact: <sip:moved@192.0.2.9:5070>\r\n";
        assert_eq!(bench.respond("UPDATE", 200, "", granted, ""), NOTHING);
    }
    // A 2xx that says nothing leaves it to us as well (§7.2), and the target may have moved.
    bench.wait(300_000);
    assert_eq!(bench.request("UPDATE").uri, "sip:moved@192.0.2.9:5070");
    bench.respond("UPDATE", 200, "", "", "");
    assert_eq!(bench.wait(300_000), at(&[300_000], "> UPDATE"));
    // The peer may take over.
    bench.respond("UPDATE", 200, "", "Session-Expires: 600;refresher=uas\r\n", "");
    assert_eq!(bench.wait(568_000)[0], (568_000, "> BYE".to_owned()));
    assert!(bench.is_at_rest());
}

#[test]
fn we_refresh_by_reinvite_otherwise() {
    let mut bench = Bench::talking(ours(600), NO_UPDATE);
    assert_eq!(bench.wait(300_000), at(&[300_000], "> INVITE"));
    let offer = bench.request("INVITE");
    assert_eq!(version(&offer.body), "2", "both laws again, where our answer took one");
    assert_eq!(text(&offer.headers, &Name::SessionExpires), "600;refresher=uac");
    // Their INVITE now is glare, with or without an offer.
    for offer in [talk(), String::new()] {
        assert_eq!(bench.ask("INVITE", "", &offer), ["> 491 INVITE"]);
        bench.ack_failure();
    }
    let extra = "Session-Expires: 600;refresher=uac\r\n";
    assert_eq!(bench.respond("INVITE", 200, "", extra, &talk()), ["> ACK"]);
    let (ack, number) = (bench.request("ACK"), offer.headers.cseq().unwrap().number);
    assert_eq!(ack.headers.cseq().unwrap().number, number);
    // Its repetition gets the same ACK, and does not start the clock anew.
    bench.wait(5000);
    assert_eq!(bench.respond("INVITE", 200, "", extra, &talk()), ["> ACK"]);
    assert_eq!(bench.request("ACK").headers.cseq().unwrap().number, number);
    assert_eq!(bench.wait(295_000), at(&[295_000], "> INVITE"));
    assert_eq!(bench.request("INVITE").body, offer.body, "an unchanged offer keeps its version");
}

#[test]
fn refusals_of_a_refresh() {
    // Gone, or deaf: the call is over.
    for status in [481, 408] {
        for method in ["UPDATE", "INVITE"] {
            let mut bench = Bench::talking(ours(600), if method == "UPDATE" { UPDATE } else { NO_UPDATE });
            bench.wait(300_000);
            let ended = bench.respond(method, status, "", "", "");
            let expected: &[&str] =
                if method == "UPDATE" { &["> BYE", "! Lost Expired"] } else { &["> ACK", "> BYE", "! Lost Expired"] };
            assert_eq!(ended, expected);
            assert!(bench.is_at_rest());
        }
    }
    // Alive, but unwilling: the call goes on, and we ask again next time.
    for status in [403, 488, 500] {
        let mut bench = Bench::talking(ours(600), UPDATE);
        bench.wait(300_000);
        assert_eq!(bench.respond("UPDATE", status, "", "", ""), NOTHING);
        assert_eq!(bench.wait(300_000), at(&[300_000], "> UPDATE"), "{status}");
    }
    // Not now: soon again, and not at the peer's moment (RFC 3261 §14.1).
    for (status, extra) in [(491, ""), (500, "Retry-After: 1\r\n")] {
        let mut bench = Bench::talking(ours(600), UPDATE);
        bench.wait(300_000);
        bench.respond("UPDATE", status, "", extra, "");
        assert_eq!(bench.wait(1000), at(&[1000], "> UPDATE"), "{status}: who was called waits less");
    }
    let mut bench = Bench::answered(ours(600), "Session-Expires: 600;refresher=uac\r\nAllow: INVITE\r\n");
    bench.wait(300_000);
    bench.respond("INVITE", 491, "", "", "");
    assert_eq!(bench.wait(3000), at(&[3000], "> INVITE"), "who called waits longer");
    // It said it would take UPDATE.
    for status in [405, 501] {
        let mut bench = Bench::talking(ours(600), UPDATE);
        bench.wait(300_000);
        bench.respond("UPDATE", status, "", "", "");
        assert_eq!(bench.wait(1000), at(&[1000], "> INVITE"));
    }
}

#[test]
fn a_422_raises_the_interval_and_is_remembered() {
    let mut bench = Bench::talking(ours(600), UPDATE);
    bench.wait(300_000);
    bench.respond("UPDATE", 422, "", "Min-SE: 1000\r\n", "");
    assert_eq!(bench.wait(1000), at(&[1000], "> UPDATE"));
    let update = bench.request("UPDATE");
    assert_eq!(text(&update.headers, &Name::SessionExpires), "1000;refresher=uac");
    assert_eq!(text(&update.headers, &Name::MinSe), "1000");
    // One that demands no more than it got cannot be pleased: it lives, and that is all.
    bench.respond("UPDATE", 422, "", "Min-SE: 1000\r\n", "");
    assert_eq!(bench.wait(500_000), at(&[500_000], "> UPDATE"));
}

#[test]
fn a_refresh_without_an_answer() {
    let mut bench = Bench::talking(ours(600), UPDATE);
    bench.wait(300_000);
    let happened = bench.wait(32_000);
    assert_eq!(happened[happened.len() - 2..], [(32_000, "> BYE".into()), (32_000, "! Lost Expired".into())]);
    assert!(bench.is_at_rest());
}

#[test]
fn the_end_stops_the_clock() {
    for by_peer in [true, false] {
        let mut bench = Bench::talking(ours(90), UPDATE);
        if by_peer {
            assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "! HungUp"]);
        } else {
            assert_eq!(bench.hang_up(), ["> BYE"]);
        }
        assert_eq!(bench.session().next_timeout(), None);
        assert!(bench.is_at_rest());
    }
    // A refresh that is answered after the end: acknowledged, and that is all.
    let mut bench = Bench::talking(ours(90), NO_UPDATE);
    bench.wait(45_000);
    bench.ask("BYE", "", "");
    assert_eq!(bench.respond("INVITE", 200, "", "Session-Expires: 90;refresher=uac\r\n", &talk()), ["> ACK"]);
    assert_eq!(bench.session().next_timeout(), None);
    let moved = talk().replace("m=audio 4000", "m=audio 4400");
    assert_eq!(bench.respond("INVITE", 200, "", "", &moved), ["> ACK"]);
    assert!(bench.is_at_rest());
    let mut bench = Bench::talking(ours(90), NO_UPDATE);
    bench.wait(45_000);
    bench.hang_up();
    assert_eq!(bench.respond("INVITE", 200, "", "", &moved), ["> ACK"], "nothing is told after the end");
    assert!(bench.is_at_rest());
}

/// RFC 4028 §7.2, the calling side.
#[test]
fn what_the_called_side_grants() {
    // (our interval, its 200, when and how we refresh)
    let rows: [(Option<u64>, &str, Option<u64>); 6] = [
        (None, "", None),
        (None, "Session-Expires: 600;refresher=uac\r\n", Some(300_000)),
        (Some(600), "", Some(300_000)),
        (Some(600), "Session-Expires: 600;refresher=uac\r\n", Some(300_000)),
        (Some(600), "Session-Expires: 400\r\n", Some(200_000)),
        (Some(600), "Session-Expires: 600;refresher=uas\r\n", None),
    ];
    for (wanted, granted, refresh) in rows {
        let session_expires = wanted.map(Duration::from_secs);
        let mut bench = Bench::dialling(Settings { session_expires, ..settings() });
        let invite = bench.request("INVITE");
        assert_eq!(text(&invite.headers, &Name::SessionExpires), wanted.map_or(String::new(), |s| s.to_string()));
        let extra = format!("{granted}Allow: INVITE, UPDATE\r\n");
        assert_eq!(bench.respond("INVITE", 200, "peer", &extra, &talk()), ["> ACK", AGREED, "! Answered"]);
        let times: Vec<u64> = refresh.into_iter().collect();
        assert_eq!(bench.wait(400_000)[..times.len()], at(&times, "> UPDATE"), "{wanted:?} {granted}");
        if refresh.is_none() {
            let lost = bench.wait(400_000).into_iter().any(|(_, line)| line == "! Lost Expired");
            assert_eq!(lost, !granted.is_empty(), "{granted}");
        }
    }
}
