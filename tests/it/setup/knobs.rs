//! What a carrier asks for, from its row in `trunks.toml` to the message that it gets.

use hotline::sip::flow::Transport;
use hotline::sip::message::{Name, Response};

use super::{HOST, callback, set_up, trunk};
use crate::exchange::city::{City, flow};
use crate::exchange::peers::{Caller, Phone, sdp};

const CODE: &str = "default_code = \"12345\"\n";

fn line<'a>(body: &'a str, start: &str) -> &'a str {
    body.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {body}"))
}

/// The carrier's call for this number, with both laws in its offer; the first answer, and the 200 of a seat.
fn called(row: &str, dialled: &str) -> (Response, Option<Response>) {
    let mut city = City::new(set_up("knobs-in", "", &trunk(&format!("{CODE}{row}")), ""));
    let mut phone = Phone::at("1001", flow(0, Transport::Udp, "127.0.0.5:5060"));
    phone.register(&mut city);
    let uri = format!("sip:{dialled}@127.0.0.1");
    let mut caller = Caller::on(&mut city, flow(0, Transport::Udp, HOST), &uri, "13800000001");
    caller.more = vec!["Supported: timer".into()];
    caller.invite_with(&mut city, &sdp("127.0.0.9", 4000, "sendrecv"));
    let first = caller.hear(&mut city).expect("an answer");
    let rung = phone.is_rung(&mut city);
    if let Some(rung) = &rung {
        rung.answer(&mut city);
    }
    (first, rung.and_then(|_| caller.hear(&mut city)))
}

#[test]
fn an_answer_has_the_codec_ptime_and_session_timer_of_its_trunk() {
    for (row, media, ptime, expires) in [
        ("", "8 101", "20", Some("1800;refresher=uas")),
        ("codecs = [\"pcmu\", \"pcma\"]", "0 101", "20", Some("1800;refresher=uas")),
        ("codecs = [\"pcma\", \"pcmu\"]", "8 101", "20", Some("1800;refresher=uas")),
        ("codecs = [\"pcmu\"]", "0 101", "20", Some("1800;refresher=uas")),
        ("ptime = 30", "8 101", "30", Some("1800;refresher=uas")),
        ("session_expires_s = 900", "8 101", "20", Some("900;refresher=uas")),
        ("session_expires_s = 0", "8 101", "20", None),
    ] {
        let (early, answer) = called(row, "12345");
        let answer = answer.expect("a seat has answered");
        assert_eq!((early.status, answer.status), (183, 200), "{row}");
        let body = String::from_utf8_lossy(&early.body).into_owned();
        assert!(line(&body, "m=audio ").ends_with(&format!(" RTP/AVP {media}")), "{row}: {body}");
        assert_eq!(line(&body, "a=ptime:"), format!("a=ptime:{ptime}"), "{row}");
        assert_eq!(answer.headers.text(&Name::SessionExpires).as_deref(), expires, "{row}");
    }
}

#[test]
fn an_offer_has_the_codecs_ptime_and_session_timer_of_its_trunk() {
    for (row, media, ptime, expires) in [
        ("", "8 0 9 107 101 102", "20", Some("1800")),
        ("codecs = [\"pcmu\", \"pcma\"]", "0 8 101", "20", Some("1800")),
        ("codecs = [\"pcmu\"]", "0 101", "20", Some("1800")),
        ("ptime = 40", "8 0 9 107 101 102", "40", Some("1800")),
        ("session_expires_s = 900", "8 0 9 107 101 102", "20", Some("900")),
        ("session_expires_s = 0", "8 0 9 107 101 102", "20", None),
    ] {
        let (_, _, invite) = callback(set_up("knobs-out", "", &trunk(&format!("{CODE}{row}\n")), ""));
        let body = String::from_utf8_lossy(&invite.body).into_owned();
        assert!(line(&body, "m=audio ").ends_with(&format!(" RTP/AVP {media}")), "{row}: {body}");
        assert_eq!(line(&body, "a=ptime:"), format!("a=ptime:{ptime}"), "{row}");
        assert_eq!(invite.headers.text(&Name::SessionExpires).as_deref(), expires, "{row}");
    }
}

#[test]
fn a_carriers_prefix_is_taken_from_the_dialled_number() {
    for (row, dialled, status) in [
        ("", "912345", 404),
        ("strip_prefix = \"9\"", "912345", 183),
        ("strip_prefix = \"9\"", "12345", 183),
        ("strip_prefix = \"8\"", "912345", 404),
    ] {
        assert_eq!(called(row, dialled).0.status, status, "{row} {dialled}");
    }
}
