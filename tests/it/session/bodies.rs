//! Descriptions among other parts: `multipart/mixed` of ISUP gateways. (RFC 2046 §5.1, RFC 3204)

use super::{AGREED, Bench, NOTHING, body, settings, talk};

const MIXED: &str = "Content-Type: multipart/mixed;boundary=edge\r\n";
const ISUP: &str = "Content-Type: application/ISUP; version=itu-t92+\r\n\
                    Content-Disposition: signal; handling=optional\r\n\r\n\u{1}\u{11}--edge-\n\u{2}\r\n";

fn part(headers: &str) -> String {
    format!("--edge\r\n{headers}\r\n{}\r\n", talk())
}

const ALTERNATIVE: &str = "Content-Type: multipart/alternative;boundary=inner\r\n";

/// The same parts, to lie within others.
fn inner(parts: &str) -> String {
    parts.replace("--edge\r", "--inner\r").replace("--edge--", "--inner--")
}

fn with_isup() -> String {
    format!("preamble\r\n--edge\r\n{ISUP}{}--edge--\r\nepilogue", part("Content-Type: application/sdp\r\n"))
}

#[test]
fn the_description_is_found_among_the_parts() {
    let sdp = part("Content-Type: application/sdp\r\n");
    let quoted = "Content-Type: Multipart/Mixed ; charset=x ; Boundary=\"edge\"\r\n";
    let rows = [
        (MIXED, with_isup()),
        (quoted, with_isup()),
        ("c: multipart/alternative;boundary=edge\r\nContent-Type-X: 1\r\n", with_isup()),
        (MIXED, format!("{sdp}--edge\r\n{ISUP}--edge--\r\n")),
        (MIXED, sdp.clone()),
        (MIXED, with_isup().replace("\r\n", "\n")),
        (MIXED, part("content-disposition: session;handling=required\r\nC: Application/SDP;charset=utf-8\r\n")),
        (MIXED, part("Content-Transfer-Encoding: 8bit\r\nContent-Type: application/sdp\r\n")),
        (MIXED, with_isup().replace("handling=optional", "handling=required")),
        (MIXED, format!("--edge\r\n{ALTERNATIVE}\r\n{}--edge--\r\n", inner(&with_isup()))),
        (MIXED, format!("--edge\r\n{ISUP}--edge\r\n{ALTERNATIVE}\r\n{}", inner(&sdp))),
    ];
    for (kind, offer) in rows {
        let mut bench = Bench::new(settings());
        assert_eq!(bench.invite(kind, &offer), [AGREED], "{kind}{offer}");
        bench.answer();
        assert!(body(&bench.response(200)).starts_with("v=0"));
    }
}

#[test]
fn without_one_it_is_415() {
    let rows = [
        (MIXED, format!("--edge\r\n{ISUP}--edge--\r\n")),
        (MIXED, part("")),
        (MIXED, part("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n")),
        (MIXED, part("Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n")),
        (MIXED, part("Content-Type: multipart/mixed;boundary=edge\r\n")),
        (MIXED, "--edge\r\nContent-Type: application/sdp".to_owned()),
        (MIXED, "--edge--".to_owned()),
        (MIXED, "--other\r\n".to_owned()),
        ("Content-Type: multipart/mixed\r\n", with_isup()),
        ("Content-Type: multipart/mixed;boundary=\"\r\n", with_isup()),
        ("Content-Type: application/sdpx\r\n", talk()),
        ("Content-Type: application/sdp\r\nContent-Disposition: early-session\r\n", talk()),
    ];
    for (kind, offer) in rows {
        let mut bench = Bench::new(settings());
        assert_eq!(bench.invite(kind, &offer), ["> 415 INVITE"], "{kind}{offer}");
    }
}

#[test]
fn what_may_be_passed_over_is_as_good_as_nothing() {
    let kind = "Content-Type: application/x-foo\r\nContent-Disposition: ";
    for (disposition, status) in [
        ("render;handling=optional", 200),
        ("icon ; Handling = OPTIONAL", 200),
        ("render;handling=required", 415),
        ("render", 415),
    ] {
        let mut bench = Bench::new(settings());
        let told = bench.invite(&format!("{kind}{disposition}\r\n"), "x");
        if status == 415 {
            assert_eq!(told, ["> 415 INVITE"], "{disposition}");
        } else {
            bench.answer();
            assert!(body(&bench.response(200)).contains("RTP/AVP 8 0 101"), "{disposition}: our offer");
        }
    }
}

#[test]
fn line_ends_alone_are_no_body() {
    for empty in ["\r\n", "\0", " \r\n\r\n"] {
        let mut bench = Bench::called(settings(), "Content-Type: application/sdp\r\n", empty);
        bench.answer();
        assert!(body(&bench.response(200)).contains("RTP/AVP 8 0 101"), "our offer");
    }
}

#[test]
fn answers_come_in_parts_too() {
    let mut bench = Bench::called(settings(), "", "");
    bench.answer();
    bench.peer.branch += 1;
    let ack = bench.write("ACK", (bench.peer.invite.0, bench.peer.branch), ";tag=us", MIXED, &with_isup());
    assert_eq!(bench.receive(hotline::sip::message::Message::Request(ack)), [AGREED, "! Acknowledged"]);
    let held = with_isup().replace("sendrecv", "sendonly");
    assert_eq!(bench.ask("INVITE", MIXED, &held), ["> 200 INVITE", "! Agreed 2 192.0.2.1:4000", "! Held"]);
    bench.ack("");
    assert_eq!(bench.ask("UPDATE", MIXED, &with_isup())[0], "> 200 UPDATE");

    let mut bench = Bench::dialling(settings());
    let expected = ["> ACK", AGREED, "! Answered"];
    assert_eq!(bench.respond("INVITE", 200, "peer", MIXED, &with_isup()), expected);
    assert_eq!(bench.hang_up(), ["> BYE"]);
    assert_eq!(bench.respond("BYE", 200, "", "", ""), NOTHING);
}

/// Cut, doubled and scrambled parts are found or refused, and harm nothing.
#[test]
fn any_body_at_all() {
    let whole = with_isup();
    let mut seed = 88_172_645_463_325_252_u64;
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(sides).unwrap()).unwrap()
    };
    let mut found = [0, 0];
    for _ in 0..3000 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=roll(3) {
            let (from, to) = (roll(bytes.len()), roll(bytes.len()));
            match roll(4) {
                0 => bytes.truncate(from.max(1)),
                1 => drop(bytes.drain(from.min(to)..from.max(to))),
                2 => bytes.insert(from, b"\n-\0:;\xff"[roll(6)]),
                _ => bytes.extend_from_within(from.min(to)..),
            }
            bytes.push(b'\n');
        }
        let mut bench = Bench::new(settings());
        let mut invite = bench.write("INVITE", (1, 1), "", MIXED, "x");
        invite.body = bytes;
        let lines = bench.receive(hotline::sip::message::Message::Request(invite));
        assert!(lines.len() <= 1, "{lines:?}");
        found[usize::from(bench.session.is_some())] += 1;
    }
    assert!(found[0] > 100 && found[1] > 100, "{found:?}");
}
