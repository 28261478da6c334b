//! REFER and its NOTIFYs. (RFC 3515, 3891, 4488, 5589)

use hotline::sip::message::{Message, Name, Request};
use hotline::sip::refer::Replaces;
use hotline::sip::session::ReferId;

use super::{Bench, NOTHING, settings, text};

const TO_A_UNIT: &str = "Refer-To: <sip:2001@198.51.100.1>\r\n";

impl Bench {
    fn refer(&mut self, extra: &str) -> Vec<String> {
        self.ask("REFER", extra, "")
    }

    /// The last one that the user heard of.
    fn id(&self) -> ReferId {
        self.referred.last().expect("a REFER").0
    }

    fn accept(&mut self, id: ReferId) -> Vec<String> {
        self.session.as_mut().unwrap().accept_refer(self.now, &mut self.sip, id);
        self.out()
    }

    fn refuse(&mut self, id: ReferId, status: u16) -> Vec<String> {
        self.session.as_mut().unwrap().refuse_refer(self.now, &mut self.sip, id, status, "it is not to be");
        self.out()
    }

    fn finish(&mut self, id: ReferId, status: u16) -> Vec<String> {
        self.session.as_mut().unwrap().finish_refer(self.now, &mut self.sip, id, status);
        self.out()
    }

    /// A REFER that has been accepted, its first NOTIFY answered.
    fn under_way() -> (Self, ReferId) {
        let mut bench = Self::talking(settings(), "");
        assert_eq!(bench.refer(TO_A_UNIT), ["! Referred"]);
        let id = bench.id();
        assert_eq!(bench.accept(id), ["> 202 REFER", "> NOTIFY"]);
        assert_eq!(bench.respond("NOTIFY", 200, "", "", ""), NOTHING);
        (bench, id)
    }
}

/// Event, Subscription-State and the status line in the body.
fn told(notify: &Request) -> [String; 3] {
    assert_eq!(text(&notify.headers, &Name::ContentType), "message/sipfrag;version=2.0");
    assert!(notify.headers.contact().unwrap().is_ok());
    let line = String::from_utf8(notify.body.clone()).unwrap();
    let line = line.strip_suffix("\r\n").expect("a whole line").to_owned();
    [text(&notify.headers, &Name::Event), text(&notify.headers, &Name::SubscriptionState), line]
}

const TRYING: [&str; 3] = ["refer", "active;expires=600", "SIP/2.0 100 Trying"];
const OVER: &str = "terminated;reason=noresource";

#[test]
fn whom_a_refer_means() {
    let replaces = |call_id: &str, to: &str, from: &str, early_only| {
        let (call_id, to_tag, from_tag) = (call_id.to_owned(), to.to_owned(), from.to_owned());
        Some(Replaces { call_id, to_tag, from_tag, early_only })
    };
    let rows = [
        ("<sip:2001@198.51.100.1>", "2001", None),
        ("sip:2001@198.51.100.1", "2001", None),
        ("\"火警, 市\" <sip:119@198.51.100.1;transport=udp>;x=1", "119", None),
        ("<sip:%2A21%23@198.51.100.1>", "*21#", None),
        ("<sip:*21@198.51.100.1;method=INVITE>", "*21", None),
        ("<tel:0798-8220-0000>", "079882200000", None),
        ("<tel:+86(798)8220.0000;phone-context=example>", "+8679882200000", None),
        ("<sip:1380000-0001@198.51.100.1;user=phone>", "13800000001", None),
        ("<sip:110;phone-context=0798@198.51.100.1>", "110", None),
        ("<sip:fire-watch@198.51.100.1?Subject=urgent>", "fire-watch", None),
        (
            "<sip:2001@198.51.100.1?Replaces=12%40hotline%3Bto-tag%3Da1%3Bfrom-tag%3Db2>",
            "2001",
            replaces("12@hotline", "a1", "b2", false),
        ),
        (
            "<sip:hotline@198.51.100.1:5060?Require=replaces&replaces=c%3bfrom-tag%3Db%3Bearly-only%3Bto-tag%3D0>",
            "hotline",
            replaces("c", "0", "b", true),
        ),
        ("<sip:198.51.100.1?Replaces=c;to-tag=a;from-tag=b>", "", replaces("c", "a", "b", false)),
    ];
    for (value, number, replaces) in rows {
        let mut bench = Bench::talking(settings(), "");
        let more = "Referred-By: <sip:1001@198.51.100.1>;cid=\"x\"\r\n";
        assert_eq!(bench.refer(&format!("Refer-To: {value}\r\n{more}")), ["! Referred"], "{value}");
        let (id, to) = bench.referred.pop().unwrap();
        assert_eq!((to.number.as_str(), to.replaces), (number, replaces), "{value}");
        assert_eq!(bench.accept(id), ["> 202 REFER", "> NOTIFY"], "{value}");
    }
}

#[test]
fn what_cannot_be_referred_to_is_refused_with_its_reason() {
    let rows = [
        ("", 400, "missing Refer-To"),
        ("Refer-To: <sip:1@h>\r\nr: <sip:2@h>\r\n", 400, "more than one Refer-To"),
        ("Refer-To: <sip:1@h>, <sip:2@h>\r\n", 400, "bad Refer-To"),
        ("Refer-To: nonsense\r\n", 400, "bad Refer-To"),
        ("Refer-To: <sip:2001@h\r\n", 400, "bad Refer-To"),
        // A question mark wants brackets (RFC 3515 §2.1).
        ("Refer-To: sip:2001@h?Replaces=c%3Bto-tag%3Da%3Bfrom-tag%3Db\r\n", 400, "bad Refer-To"),
        ("Refer-To: <sip:198.51.100.1>\r\n", 400, "bad Refer-To"),
        ("Refer-To: <sip:20%0D%0A01@h>\r\n", 400, "bad Refer-To"),
        ("Refer-To: <http://hotline.example/>\r\n", 400, "bad Refer-To"),
        ("Refer-To: <sip:2001@h?Replaces=c>\r\n", 400, "bad Replaces"),
        ("Refer-To: <sip:2001@h?Replaces>\r\n", 400, "bad Replaces"),
        ("Refer-To: <sip:2001@h?Replaces=c%3Bto-tag%3Da>\r\n", 400, "bad Replaces"),
        ("Refer-To: <sip:2001@h?Replaces=%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n", 400, "bad Replaces"),
        ("Refer-To: <sip:2001@h?Replaces=c%20c%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n", 400, "bad Replaces"),
        ("Refer-To: <sip:2001@h?Replaces=c%3Bto-tag%3Da%3Bto-tag%3Dx%3Bfrom-tag%3Db>\r\n", 400, "bad Replaces"),
        (
            "Refer-To: <sip:2001@h?Replaces=c;to-tag=a;from-tag=b&Replaces=d;to-tag=a;from-tag=b>\r\n",
            400,
            "more than one Replaces",
        ),
        ("Refer-To: <sip:2001@h;method=BYE>\r\n", 403, ""),
        ("Refer-To: <sip:2001@h;method=SUBSCRIBE?Event=dialog>\r\n", 403, ""),
    ];
    for (header, status, reason) in rows {
        let mut bench = Bench::talking(settings(), "");
        assert_eq!(bench.refer(header), [format!("> {status} REFER")], "{header}");
        let said = text(&bench.response(status).headers, &Name::Warning);
        assert!(said.contains(reason), "{header}: {said}");
        assert!(bench.session().is_confirmed());
        assert_eq!(bench.refer(TO_A_UNIT), ["! Referred"], "{header}");
    }
}

#[test]
fn an_accepted_refer_is_told_of_at_once_and_at_its_end() {
    for (status, line) in [
        (200, "SIP/2.0 200 OK"),
        (486, "SIP/2.0 486 Busy Here"),
        (480, "SIP/2.0 480 Temporarily Unavailable"),
        (603, "SIP/2.0 603 Decline"),
    ] {
        let (mut bench, id) = Bench::under_way();
        assert_eq!(told(&bench.request("NOTIFY")), TRYING);
        assert_eq!(bench.finish(id, status), ["> NOTIFY"]);
        assert_eq!(told(&bench.request("NOTIFY")), ["refer", OVER, line]);
        assert_eq!(bench.respond("NOTIFY", 200, "", "", ""), NOTHING);
        assert_eq!(bench.finish(id, 200), NOTHING, "it ends once");
        assert!(bench.session().is_confirmed());
        bench.hang_up();
        bench.respond("BYE", 200, "", "", "");
        assert!(bench.is_at_rest());
    }
}

#[test]
fn the_answer_names_our_contact_and_what_we_can() {
    let (bench, _) = Bench::under_way();
    let accepted = bench.sent.iter().find_map(|(_, message)| match message {
        Message::Response(response) if response.status == 202 => Some(response.headers.clone()),
        _ => None,
    });
    let accepted = accepted.unwrap();
    for headers in [&accepted, &bench.request("NOTIFY").headers] {
        assert_eq!(headers.contact().unwrap().unwrap().uri.raw, "sip:hotline@198.51.100.1:5060");
        assert!(headers.has_token(&Name::Allow, "REFER"));
        assert!(headers.has_token(&Name::Supported, "replaces") && headers.has_token(&Name::Supported, "norefersub"));
    }
}

#[test]
fn the_last_notify_waits_for_the_answer_to_the_first() {
    let mut bench = Bench::talking(settings(), "");
    bench.refer(TO_A_UNIT);
    let id = bench.id();
    assert_eq!(bench.accept(id), ["> 202 REFER", "> NOTIFY"]);
    assert_eq!(bench.finish(id, 200), NOTHING);
    assert_eq!(bench.finish(id, 603), NOTHING, "the first word counts");
    assert_eq!(bench.respond("NOTIFY", 200, "", "", ""), ["> NOTIFY"]);
    assert_eq!(told(&bench.request("NOTIFY")), ["refer", OVER, "SIP/2.0 200 OK"]);
}

#[test]
fn a_second_refer_is_named_in_its_notifys() {
    // RFC 3515 §2.4.6: whatever became of the first one.
    for refused in [false, true] {
        let mut bench = Bench::talking(settings(), "");
        bench.refer(TO_A_UNIT);
        let first = bench.id();
        if refused {
            assert_eq!(bench.refuse(first, 603), ["> 603 REFER"]);
            assert!(text(&bench.response(603).headers, &Name::Warning).contains("not to be"));
        } else {
            bench.accept(first);
        }
        assert_eq!(bench.refer("Refer-To: <sip:2002@198.51.100.1>\r\n"), ["! Referred"]);
        let (second, number) = (bench.id(), bench.peer.cseq);
        assert_ne!(first, second);
        assert_eq!(bench.accept(second), ["> 202 REFER", "> NOTIFY"]);
        assert_eq!(told(&bench.request("NOTIFY"))[0], format!("refer;id={number}"));
        bench.respond("NOTIFY", 200, "", "", "");
        assert_eq!(bench.finish(second, 486), ["> NOTIFY"]);
        assert_eq!(told(&bench.request("NOTIFY"))[..2], [format!("refer;id={number}"), OVER.to_owned()]);
    }
}

#[test]
fn a_repeated_refer_is_heard_once() {
    let mut bench = Bench::talking(settings(), "");
    let numbers = (bench.peer.cseq + 1, 500);
    let refer = Message::Request(bench.write("REFER", numbers, ";tag=us", TO_A_UNIT, ""));
    assert_eq!(bench.receive(refer.clone()), ["! Referred"]);
    assert_eq!(bench.receive(refer.clone()), NOTHING);
    let id = bench.id();
    bench.accept(id);
    assert_eq!(bench.receive(refer), ["> 202 REFER"], "the same answer again, and no second NOTIFY");
}

#[test]
fn a_peer_that_wants_no_subscription_gets_none() {
    for (value, silent) in [("false", true), ("False ; x=1", true), ("true", false), ("", false)] {
        let mut bench = Bench::talking(settings(), "");
        bench.refer(&format!("{TO_A_UNIT}Require: norefersub\r\nRefer-Sub: {value}\r\n"));
        let id = bench.id();
        let expected: &[&str] = if silent { &["> 202 REFER"] } else { &["> 202 REFER", "> NOTIFY"] };
        assert_eq!(bench.accept(id), expected, "{value}");
        if silent {
            assert_eq!(text(&bench.response(202).headers, &Name::ReferSub), "false");
            assert_eq!(bench.finish(id, 200), NOTHING);
        }
    }
}

#[test]
fn a_notify_that_is_not_taken_ends_the_subscription_and_not_the_call() {
    for status in [481, 405, 500, 603] {
        let mut bench = Bench::talking(settings(), "");
        bench.refer(TO_A_UNIT);
        let id = bench.id();
        bench.accept(id);
        assert_eq!(bench.respond("NOTIFY", status, "", "", ""), NOTHING);
        assert_eq!(bench.finish(id, 200), NOTHING, "{status}");
        assert!(bench.session().is_confirmed(), "{status}");
    }
    // Nor does silence; what came of it meanwhile is not told any more.
    let mut bench = Bench::talking(settings(), "");
    bench.refer(TO_A_UNIT);
    let id = bench.id();
    bench.accept(id);
    bench.finish(id, 200);
    let happened = bench.wait(60_000);
    assert!(happened.iter().all(|(_, what)| what == "> NOTIFY"), "{happened:?}");
    assert!(bench.session().is_confirmed());
    assert_eq!(bench.finish(id, 200), NOTHING);
    let (mut bench, id) = Bench::under_way();
    bench.finish(id, 486);
    bench.wait(60_000);
    assert!(bench.session().is_confirmed());
    assert_eq!(bench.refer(TO_A_UNIT), ["! Referred"], "and it may ask again");
}

#[test]
fn a_bye_after_the_202_drops_the_notifys() {
    let (mut bench, id) = Bench::under_way();
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "! HungUp"]);
    assert_eq!(bench.finish(id, 200), NOTHING);
    assert!(bench.is_at_rest());

    // While the first NOTIFY is on its way.
    let mut bench = Bench::talking(settings(), "");
    bench.refer(TO_A_UNIT);
    let id = bench.id();
    bench.accept(id);
    bench.ask("BYE", "", "");
    bench.finish(id, 200);
    assert_eq!(bench.respond("NOTIFY", 481, "", "", ""), NOTHING);
    assert!(bench.is_at_rest());
}

#[test]
fn a_refer_without_an_answer_gets_one_when_the_call_ends() {
    let mut bench = Bench::talking(settings(), "");
    bench.refer(TO_A_UNIT);
    let id = bench.id();
    assert_eq!(bench.ask("BYE", "", ""), ["> 200 BYE", "> 487 REFER", "! HungUp"]);
    assert_eq!(bench.accept(id), NOTHING);

    let mut bench = Bench::talking(settings(), "");
    bench.refer(TO_A_UNIT);
    assert_eq!(bench.hang_up(), ["> 487 REFER", "> BYE"]);
    bench.respond("BYE", 200, "", "", "");
    assert_eq!(bench.refer(TO_A_UNIT), ["> 481 REFER"]);
    assert!(bench.is_at_rest());
}

#[test]
fn before_the_answer_and_in_a_heap_it_is_not_the_time() {
    let mut bench = Bench::called(settings(), "", &super::talk());
    assert_eq!(bench.refer(TO_A_UNIT), ["> 500 REFER"]);
    assert!(bench.response(500).headers.get(&Name::RetryAfter).is_some());

    let mut bench = Bench::talking(settings(), "");
    for _ in 0..4 {
        assert_eq!(bench.refer(TO_A_UNIT), ["! Referred"]);
    }
    assert_eq!(bench.refer(TO_A_UNIT), ["> 500 REFER"]);
    let id = bench.id();
    bench.refuse(id, 403);
    assert_eq!(bench.refer(TO_A_UNIT), ["! Referred"]);
}
