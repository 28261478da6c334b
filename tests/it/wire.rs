//! The wire layer from outside: what arrives, what is kept, what is refused, what is printed.

use hotline::sip::message::*;

mod addresses;
pub mod mutations;
mod oracle;
mod stability;
mod streams;
mod trunks;

const INVITE: &str = "INVITE sip:12345@pbx.example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport, SIP/2.0/TCP [2001:db8::9];branch=z9hG4bK0\r\n\
    From: \"Li Si\" <sip:13800000001@192.0.2.1;user=phone>;tag=a1\r\n\
    To: <sip:12345@pbx.example.com>\r\n\
    Call-ID: call-1@192.0.2.1\r\n\
    CSeq: 1 INVITE\r\n\
    Max-Forwards: 70\r\n\
    Timestamp: 54\r\n\
    Contact: <sip:192.0.2.1:5060>\r\n\
    Content-Length: 5\r\n\r\nv=0\r\n";

fn request(bytes: &[u8]) -> Request {
    match Message::parse(bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// The INVITE above with one line replaced: `change("To:", "")` leaves it out.
fn changed(header: &str, line: &str) -> Vec<u8> {
    let mut found = false;
    let lines = INVITE.split_inclusive("\r\n").map(|old| match old.starts_with(header) {
        true => {
            found = true;
            if line.is_empty() { String::new() } else { format!("{line}\r\n") }
        }
        false => old.to_owned(),
    });
    let text: String = lines.collect();
    assert!(found, "no {header}");
    text.into_bytes()
}

#[test]
fn what_is_missing_or_bad_is_named() {
    #[rustfmt::skip]
    let table = [
        ("Via:", "", "missing Via"),
        ("Via:", "Via: 192.0.2.1", "bad Via"),
        ("Via:", "Via: SIP/2.0/UDP", "bad Via"),
        ("Via:", "Via: SIP/2.0/UDP [192.0.2.1];branch=z9hG4bK1", "bad Via"),
        ("Via:", "Via: SIP/2.0/UDP 192.0.2.1:70000;branch=z9hG4bK1", "bad Via"),
        ("From:", "", "missing From"),
        ("From:", "From: Li", "bad From"),
        ("From:", "From: <sip:1@192.0.2.1>;tag=a b", "bad From"),
        ("From:", "From: <sip:1@192.0.2.1>;;tag=a", "bad From"),
        ("From:", "From: <sip:1@192.0.2.1;tag=a", "bad From"),
        ("From:", "From: <sip:1@192.0.2.1>tag=a", "bad From"),
        ("From:", "From: <sip:1@>;tag=a", "bad From"),
        ("From:", "From: <sip:@192.0.2.1>;tag=a", "bad From"),
        ("From:", "From: <sip:1@192.0.2.1>;tag=a\r\nf: <sip:1@192.0.2.1>;tag=b", "more than one From"),
        ("To:", "", "missing To"),
        ("To:", "To:", "bad To"),
        ("To:", "To: <sip:12345@pbx>\r\nT: <sip:12345@pbx>", "more than one To"),
        ("Call-ID:", "", "missing Call-ID"),
        ("Call-ID:", "Call-ID: a b", "bad Call-ID"),
        ("CSeq:", "", "missing CSeq"),
        ("CSeq:", "CSeq: 1", "bad CSeq"),
        ("CSeq:", "CSeq: -1 INVITE", "bad CSeq"),
        ("CSeq:", "CSeq: 4294967296 INVITE", "bad CSeq"),
        ("CSeq:", "CSeq: 1 BYE", "bad CSeq"),
        ("CSeq:", "CSeq: 1 invite", "bad CSeq"),
        ("Max-Forwards:", "Max-Forwards: 256", "bad Max-Forwards"),
        ("Max-Forwards:", "Max-Forwards: +7", "bad Max-Forwards"),
        ("Contact:", "Contact: *", "bad Contact"),
        ("Contact:", "Contact: <sip:a@192.0.2.1>, b", "bad Contact"),
        ("Contact:", "Contact: <sip:192.0.2.1>\r\nRecord-Route: <sip:p1;lr>, p2", "bad Record-Route"),
        ("INVITE", "INVITE 12345 SIP/2.0", "bad Request-URI"),
        ("INVITE", "INVITE sip:12345@pbx:99999 SIP/2.0", "bad Request-URI"),
    ];
    assert_eq!(request(INVITE.as_bytes()).check(), Ok(()));
    for (header, line, fault) in table {
        let checked = request(&changed(header, line)).check();
        assert_eq!(checked.expect_err(line).to_string(), fault, "{line}");
    }
}

#[test]
fn what_need_not_be_there_is_not_asked_for() {
    assert_eq!(request(&changed("Max-Forwards:", "")).check(), Ok(()));
    assert_eq!(request(&changed("Contact:", "")).check(), Ok(()));
    let bye = String::from_utf8(changed("Contact:", "Contact: junk")).unwrap().replace("INVITE", "BYE");
    assert_eq!(request(bye.as_bytes()).check(), Ok(()), "a BYE ends its call whatever its Contact");
    let register = String::from_utf8(changed("Contact:", "Contact: *")).unwrap().replace("INVITE", "REGISTER");
    assert_eq!(request(register.as_bytes()).check(), Ok(()));
    assert!(request(register.as_bytes()).headers.is_contact_star());
}

#[test]
fn unreadable_messages_are_answered_where_they_can_be() {
    #[rustfmt::skip]
    let table: [(&str, Vec<u8>, Fault, bool); 20] = [
        ("nothing", Vec::new(), Fault::NotSip, false),
        ("keep-alive", b"\r\n\r\n".to_vec(), Fault::NotSip, false),
        ("zero bytes", vec![0; 4], Fault::NotSip, false),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n".to_vec(), Fault::NotSip, false),
        ("a word", b"hello".to_vec(), Fault::NotSip, false),
        ("STUN", b"\0\x01\0\0\x21\x12\xa4\x42 SIP/2.0\n\n".to_vec(), Fault::Bad("request line"), false),
        ("version 3", changed("INVITE", "INVITE sip:1@pbx SIP/3.0"), Fault::Version, true),
        ("version 2.00", changed("INVITE", "INVITE sip:1@pbx SIP/2.00"), Fault::Version, true),
        ("response of version 3", b"SIP/3.0 200 OK\r\n\r\n".to_vec(), Fault::Version, false),
        ("no version", changed("INVITE", "INVITE sip:1@pbx"), Fault::NotSip, false),
        ("no URI", changed("INVITE", "INVITE SIP/2.0"), Fault::Bad("request line"), true),
        ("status 99", b"SIP/2.0 099 Low\r\n\r\n".to_vec(), Fault::Bad("status code"), false),
        ("status 700", b"SIP/2.0 700 High\r\n\r\n".to_vec(), Fault::Bad("status code"), false),
        ("status +20", b"SIP/2.0 +20 Plus\r\n\r\n".to_vec(), Fault::Bad("status code"), false),
        ("no colon", changed("To:", "To: <sip:1@pbx>\r\nnonsense"), Fault::Bad("header line"), true),
        ("no colon, no Via", changed("Via:", "nonsense"), Fault::Bad("header line"), false),
        ("no colon in an ACK", String::from_utf8(changed("Timestamp:", "nonsense")).unwrap().replace("INVITE", "ACK").into(),
            Fault::Bad("header line"), false),
        ("folded from nowhere", changed("INVITE", "INVITE sip:1@pbx SIP/2.0\r\n folded"), Fault::Bad("header line"), true),
        ("blank in a name", changed("To:", "To: <sip:1@pbx>\r\nX Y: z"), Fault::Bad("header line"), true),
        ("empty Content-Length", changed("Content-Length:", "Content-Length:"), Fault::ContentLength, true),
    ];
    for (name, bytes, fault, answered) in table {
        let unreadable = Message::parse(&bytes).expect_err(name);
        assert_eq!((unreadable.fault, unreadable.answerable.is_some()), (fault, answered), "{name}");
    }
}

#[test]
fn an_answer_to_the_unreadable_names_the_fault() {
    let unreadable = Message::parse(&changed("Content-Length:", "Content-Length: 99999")).unwrap_err();
    let answer = unreadable.answerable.unwrap().respond_because(400, &unreadable.fault.to_string());
    let text = String::from_utf8(answer.to_bytes()).unwrap();
    assert!(text.starts_with("SIP/2.0 400 bad Content-Length\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;"), "{text}");
    assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{text}");
}

#[test]
fn a_message_too_large_is_refused() {
    let mut large = INVITE.as_bytes().to_vec();
    large.resize(MAX_MESSAGE, b'x');
    assert!(Message::parse(&large).is_ok(), "what is behind Content-Length is dropped");
    large.push(b'x');
    let unreadable = Message::parse(&large).unwrap_err();
    assert_eq!((unreadable.fault, unreadable.answerable.is_some()), (Fault::TooLarge, true));
}

#[test]
fn a_response_copies_what_it_must_as_it_arrived() {
    let invite = request(&changed("To:", "t:  \"A, B\"<sip:12345@pbx.example.com>"));
    let trying = invite.respond(100);
    let names: Vec<_> = trying.headers.0.iter().map(|header| header.name.as_str()).collect();
    assert_eq!(names, ["Via", "From", "To", "Call-ID", "CSeq", "Timestamp"]);
    let busy = invite.respond(486);
    assert_eq!(busy.headers.get(&Name::Timestamp), None);
    assert_eq!(busy.headers.get(&Name::Via), invite.headers.get(&Name::Via));
    assert_eq!(busy.headers.get(&Name::To), Some(&b"\"A, B\"<sip:12345@pbx.example.com>"[..]));
    assert_eq!(busy.headers.to().unwrap().tag(), None);
    assert_eq!(Message::parse(&busy.to_bytes()), Ok(Message::Response(busy)));
}

#[test]
fn reason_phrases_are_those_of_the_standard() {
    #[rustfmt::skip]
    let table = [
        (100, "Trying"), (180, "Ringing"), (182, "Queued"), (183, "Session Progress"), (200, "OK"), (202, ""),
        (302, "Moved Temporarily"), (400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"),
        (405, "Method Not Allowed"), (407, "Proxy Authentication Required"), (408, "Request Timeout"),
        (414, "Request URI Too Long"), (415, "Unsupported Media Type"), (416, "Unsupported URI Scheme"),
        (420, "Bad Extension"), (422, "Session Interval Too Small"), (423, "Interval Too Brief"),
        (480, "Temporarily Unavailable"), (481, "Call/Transaction Does Not Exist"), (482, "Loop Detected"),
        (483, "Too Many Hops"), (484, "Address Incomplete"), (486, "Busy Here"), (487, "Request Terminated"),
        (488, "Not Acceptable Here"), (491, "Request Pending"), (500, "Server Internal Error"), (503, "Service Unavailable"),
        (504, "Server Time-out"), (505, "Version Not Supported"), (513, "Message Too Large"), (603, "Decline"),
        (606, "Not Acceptable"),
    ];
    for (status, reason) in table {
        assert_eq!(request(INVITE.as_bytes()).respond(status).reason, reason);
    }
}

#[test]
fn statuses_fall_into_classes() {
    for (status, provisional, success) in
        [(100, true, false), (199, true, false), (200, false, true), (300, false, false)]
    {
        let response = request(INVITE.as_bytes()).respond(status);
        assert_eq!((response.is_provisional(), response.is_success()), (provisional, success), "{status}");
        assert_eq!(response.is_final(), !provisional, "{status}");
    }
}

#[test]
fn no_value_smuggles_in_a_header() {
    let mut options = Request::new(Method::Options, "sip:pbx");
    options.headers.push(Name::Subject, "a\r\nContact: <sip:evil@192.0.2.66>\r\n\r\nbody");
    options.headers.push(Name::ContentLength, "99");
    options.body = b"yes".to_vec();
    let text = String::from_utf8(options.to_bytes()).unwrap();
    assert_eq!(
        text,
        "OPTIONS sip:pbx SIP/2.0\r\nSubject: a  Contact: <sip:evil@192.0.2.66>    body\r\nContent-Length: 3\r\n\r\nyes"
    );
    let reason = request(INVITE.as_bytes()).respond_because(400, "bad\r\nX: y").to_bytes();
    assert!(reason.starts_with(b"SIP/2.0 400 bad  X: y\r\nVia:"));
    let bare = request(&changed("Timestamp:", "Subject: a\rContact: <sip:evil@192.0.2.66>"));
    assert_eq!(bare.headers.text(&Name::Subject).unwrap(), "a Contact: <sip:evil@192.0.2.66>");
}

#[test]
fn headers_are_changed_in_their_place() {
    let mut headers = request(INVITE.as_bytes()).headers;
    headers.push(Name::Supported, "100rel, Timer");
    headers.push(Name::parse(b"K"), "replaces");
    assert_eq!(headers.tokens(&Name::Supported), ["100rel", "Timer", "replaces"]);
    assert!(headers.has_token(&Name::Supported, "timer") && !headers.has_token(&Name::Supported, "100"));
    headers.set(Name::Supported, "timer");
    assert_eq!(headers.tokens(&Name::Supported), ["timer"]);
    headers.set(Name::Subject, "new");
    assert_eq!(headers.0.last().unwrap().name, Name::Subject);
    headers.remove(&Name::Supported);
    assert_eq!(headers.get(&Name::Supported), None);
    headers.push_front(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9");
    assert_eq!(headers.via().unwrap().host, "192.0.2.9");
    assert_eq!(headers.all(&Name::Via).count(), 3);
}

#[test]
fn the_top_via_is_replaced_alone() {
    let mut headers = request(INVITE.as_bytes()).headers;
    let mut via = headers.via().unwrap();
    via.params.set("rport", Some("5071"));
    via.params.set("received", Some("2001:db8::7"));
    headers.replace_top_via(&via);
    assert_eq!(
        headers.text(&Name::Via).unwrap(),
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport=5071;received=2001:db8::7, \
         SIP/2.0/TCP [2001:db8::9];branch=z9hG4bK0"
    );
    assert_eq!(headers.via(), Ok(via));
}

#[test]
fn expires_is_a_number_of_seconds_or_nothing() {
    #[rustfmt::skip]
    let table = [("3600", Some(3600)), ("0", Some(0)), ("99999999999", Some(u32::MAX)), ("-1", None), ("", None), ("1h", None)];
    for (value, seconds) in table {
        let mut headers = Headers::default();
        headers.push(Name::Expires, value);
        assert_eq!(headers.expires(), seconds, "{value}");
    }
}

#[test]
fn a_date_is_read_in_gmt_only() {
    let mut headers = Headers::default();
    headers.push(Name::Date, "Sat, 13 Nov 2010 23:29:00 GMT");
    assert_eq!(headers.date().unwrap().unwrap().as_second(), 1_289_690_940);
}

#[test]
fn names_are_known_in_every_spelling() {
    #[rustfmt::skip]
    let table = [
        ("VIA", "Via"), ("v", "Via"), ("F", "From"), ("t", "To"), ("i", "Call-ID"), ("call-id", "Call-ID"), ("m", "Contact"),
        ("L", "Content-Length"), ("c", "Content-Type"), ("k", "Supported"), ("x", "Session-Expires"), ("r", "Refer-To"),
        ("b", "Referred-By"), ("s", "Subject"), ("o", "Event"), ("u", "Allow-Events"), ("e", "Content-Encoding"),
        ("y", "Identity"), ("min-se", "Min-SE"), ("rack", "RAck"), ("RSEQ", "RSeq"), ("replaces", "Replaces"),
        ("p-asserted-identity", "P-Asserted-Identity"), ("P-PREFERRED-IDENTITY", "P-Preferred-Identity"),
        ("privacy", "Privacy"), ("diversion", "Diversion"), ("history-info", "History-Info"), ("reason", "Reason"),
        ("path", "Path"), ("www-authenticate", "WWW-Authenticate"), ("X-Line", "X-Line"), ("cseq", "CSeq"),
    ];
    for (word, name) in table {
        assert_eq!(Name::parse(word.as_bytes()).as_str(), name);
        assert_eq!(Name::parse(word.as_bytes()), Name::parse(name.as_bytes()), "{word}");
    }
    assert_eq!(Name::parse(b"X-Line"), Name::parse(b"x-LINE"));
    assert_ne!(Name::parse(b"X-Line"), Name::parse(b"X-Lines"));
    assert_eq!(Method::parse("invite"), Method::Other("invite".to_owned()), "methods have case");
}
