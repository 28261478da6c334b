//! One INVITE, several phones. (RFC 3261 §13.2.2.4, RFC 3262 §4)

use hotline::sip::message::{Message, Name, Request};

use super::{AGREED, Bench, settings, talk, text};

fn reliably(rseq: u32) -> String {
    format!("Require: 100rel\r\nRSeq: {rseq}\r\n")
}

fn rack(bench: &Bench) -> String {
    let prack = bench.request("PRACK");
    format!("{} in {}", text(&prack.headers, &Name::RAck), text(&prack.headers, &Name::CSeq))
}

fn tag(request: &Request) -> String {
    request.headers.to().unwrap().tag().unwrap_or_default().to_owned()
}

#[test]
fn pracks_in_order_and_once_per_early_dialog() {
    let mut bench = Bench::dialling(settings());
    // (To tag, RSeq, is acknowledged)
    let rows = [
        ("a", 5, true),
        ("a", 5, false),
        ("a", 7, false),
        ("a", 4, false),
        ("b", 100, true),
        ("a", 6, true),
        ("a", 7, true),
        ("b", 100, false),
        ("b", 101, true),
        ("c", u32::MAX, true),
        ("c", 0, true),
    ];
    for (tag, rseq, acknowledged) in rows {
        let heard = bench.respond("INVITE", 183, tag, &reliably(rseq), "");
        let expected: &[&str] = if acknowledged { &["> PRACK", "! Ringing"] } else { &["! Ringing"] };
        assert_eq!(heard, expected, "{tag} {rseq}");
        if acknowledged {
            assert!(rack(&bench).starts_with(&format!("{rseq} 1 INVITE")), "{}", rack(&bench));
            assert_eq!(super::forks::tag(&bench.request("PRACK")), tag);
        }
    }
    // Each dialog counts for itself.
    bench.respond("INVITE", 183, "b", &reliably(102), "");
    assert_eq!(rack(&bench), "102 1 INVITE in 4 PRACK");
    // Neither half alone makes a response reliable.
    for half in ["RSeq: 8\r\n", "Require: 100rel\r\n", "Require: 100rel\r\nRSeq: x\r\n"] {
        assert_eq!(bench.respond("INVITE", 183, "a", half, ""), ["! Ringing"]);
    }
    // A PRACK that is refused or unanswered is the peer's to notice.
    assert_eq!(bench.respond("PRACK", 481, "", "", ""), super::NOTHING);
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK", AGREED, "! Answered"]);
    bench.hang_up();
    assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), "5 BYE", "after four of ours");
    assert!(bench.is_at_rest());
}

#[test]
fn the_first_answer_wins_and_the_others_are_released() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 180, "a", "", "");
    bench.respond("INVITE", 183, "b", &reliably(1), "");
    bench.respond("INVITE", 183, "b", &reliably(2), "");
    assert_eq!(bench.respond("INVITE", 200, "a", "", &talk()), ["> ACK", AGREED, "! Answered"]);
    bench.peer.contact = "<sip:second@192.0.2.2:5062>";
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK", "> BYE"]);
    let (ack, bye) = (bench.request("ACK"), bench.request("BYE"));
    assert_eq!((ack.uri.as_str(), bye.uri.as_str()), ("sip:second@192.0.2.2:5062", "sip:second@192.0.2.2:5062"));
    assert_eq!((tag(&ack), tag(&bye)), ("b".to_owned(), "b".to_owned()));
    assert_eq!(text(&ack.headers, &Name::CSeq), "1 ACK");
    // The PRACKs of that dialog were 2 and 3: a BYE numbered 2 would be out of order there.
    assert_eq!(text(&bye.headers, &Name::CSeq), "4 BYE");
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK"], "ended once");
    assert_eq!(tag(&bench.request("ACK")), "b");
    assert_eq!(bench.respond("INVITE", 200, "c", "", &talk()), ["> ACK", "> BYE"], "one that never rang");
    assert_eq!(bench.respond("INVITE", 200, "a", "", &talk()), ["> ACK"]);
    assert_eq!(
        (tag(&bench.request("ACK")), bench.request("ACK").uri.as_str()),
        ("a".into(), "sip:peer@192.0.2.1:5060")
    );
    assert!(bench.session().is_confirmed());
    bench.hang_up();
    assert_eq!(
        (tag(&bench.request("BYE")), text(&bench.request("BYE").headers, &Name::CSeq)),
        ("a".into(), "2 BYE".into())
    );
    assert!(bench.is_at_rest());
}

#[test]
fn answers_after_the_cancel_are_all_released() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 183, "a", &reliably(1), "");
    bench.respond("INVITE", 180, "b", "", "");
    bench.hang_up();
    assert_eq!(bench.respond("INVITE", 200, "a", "", &talk()), ["> ACK", "> BYE", "! Failed 487"]);
    assert_eq!(text(&bench.request("BYE").headers, &Name::CSeq), "3 BYE");
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK", "> BYE"]);
    assert!(bench.is_at_rest());
}

/// A proxy forwards every 2xx, even after a failure (RFC 3261 §16.7).
#[test]
fn an_answer_after_the_failure() {
    let mut bench = Bench::dialling(settings());
    assert_eq!(bench.respond("INVITE", 603, "a", "", ""), ["> ACK", "! Failed 603"]);
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK", "> BYE"]);
    assert_eq!(bench.respond("INVITE", 200, "b", "", &talk()), ["> ACK"]);
    assert!(bench.is_at_rest());
}

#[test]
fn each_fork_answers_for_itself() {
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 183, "a", &reliably(1), &talk().replace("m=audio 4000", "m=audio 4400"));
    bench.respond("INVITE", 183, "b", &reliably(1), &talk());
    assert_eq!(bench.respond("INVITE", 200, "b", "", ""), ["> ACK", AGREED, "! Answered"]);
    // What one fork said early is no answer of another.
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 183, "a", &reliably(1), &talk());
    bench.respond("INVITE", 183, "a", "", &talk());
    assert_eq!(bench.respond("INVITE", 200, "b", "", ""), ["> ACK", "> BYE", "! Failed 488"]);
}

/// A peer that makes up tags without end costs neither memory nor requests without end.
#[test]
fn endless_tags() {
    let mut bench = Bench::dialling(settings());
    let invite = bench.request("INVITE");
    let mut pracks = 0;
    for turn in 0..500 {
        let ringing = bench.response_to(&invite, 183, &format!("t{turn}"), &reliably(1), "");
        pracks += bench.receive(Message::Response(ringing)).iter().filter(|line| *line == "> PRACK").count();
    }
    assert_eq!(pracks, 16);
    let mut byes = 0;
    for turn in 0..500 {
        let answer = bench.response_to(&invite, 200, &format!("t{turn}"), "", &talk());
        byes += bench.receive(Message::Response(answer)).iter().filter(|line| *line == "> BYE").count();
    }
    assert_eq!(byes, 15);
    assert!(bench.session().is_confirmed());
    bench.hang_up();
    assert!(bench.is_at_rest());
}
