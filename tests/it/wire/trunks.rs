//! What commodity trunks and telephones send, and what other parsers make of it: see the remarks.

use super::*;

fn from(line: &str) -> NameAddr {
    let invite = request(&changed("From:", line));
    assert_eq!(invite.check(), Ok(()), "{line}");
    invite.headers.from().unwrap()
}

/// The INVITE with a From of bytes that are no UTF-8.
fn from_bytes(value: &[u8]) -> Request {
    let (before, after) = INVITE.split_once("\"Li Si\" <sip:13800000001@192.0.2.1;user=phone>;tag=a1").unwrap();
    request(&[before.as_bytes(), value, after.as_bytes()].concat())
}

#[test]
fn display_names_of_every_make_are_read() {
    #[rustfmt::skip]
    let table = [
        ("quoted UTF-8", "From: \"江西 景德镇\" <sip:1@192.0.2.1>;tag=a", Some("江西 景德镇")),
        ("UTF-8 without quotes", "From: 景德镇 <sip:1@192.0.2.1>;tag=a", Some("景德镇")),
        ("UTF-8 without quotes or blank", "From: 景德镇<sip:1@192.0.2.1>;tag=a", Some("景德镇")),
        ("escaped quote, bracket, comma", r#"From: "a \"b\" <b>, c" <sip:1@192.0.2.1>;tag=a"#, Some(r#"a "b" <b>, c"#)),
        ("semicolon and at", r#"From: "a;tag=x@y" <sip:1@192.0.2.1>;tag=a"#, Some("a;tag=x@y")),
        ("brackets without quotes", "From: Li Si (0798) [2] <sip:1@192.0.2.1>;tag=a", Some("Li Si (0798) [2]")),
        ("empty", r#"From: "" <sip:1@192.0.2.1>;tag=a"#, None),
        ("none, in brackets", "From: <sip:1@192.0.2.1>;tag=a", None),
        ("none, bare", "From: sip:1@192.0.2.1;tag=a", None),
        ("one semicolon too many", "From: <sip:1@192.0.2.1>;tag=a;", None),
        ("upper case", "FROM: <SIP:1@192.0.2.1>;TAG=a", None),
        ("blanks everywhere", "From :\t\"x\"\t<sip:1@192.0.2.1> ; tag = a", Some("x")),
    ];
    for (what, line, display) in table {
        let invite = request(&changed("From:", line));
        let from = invite.headers.from().unwrap_or_else(|fault| panic!("{what}: {fault}"));
        assert_eq!(from.display_text().as_deref(), display, "{what}");
        assert_eq!((from.tag(), from.uri.user.as_deref()), (Some("a"), Some("1")), "{what}");
        assert_eq!(NameAddr::parse(&from.to_bytes()), Ok(from), "{what}");
    }
}

/// rsip refuses the message; rsipstack loses From, To, CSeq and Call-ID without a word.
#[test]
fn gbk_display_names_are_kept_and_read() {
    // 喆 is 86 B4, 乗 is 81 5C: its second byte looks like the backslash that escapes a quote.
    #[rustfmt::skip]
    let table: [(&[u8], &str); 5] = [
        (b"\"\xd5\xc5\xc8\xfd\" <sip:1@192.0.2.1>;tag=a", "张三"),
        (b"\xd5\xc5\xc8\xfd <sip:1@192.0.2.1>;tag=a", "张三"),
        (b"\"\xd5\xc5\x86\xb4\" <sip:1@192.0.2.1>;tag=a", "张喆"),
        (b"\"\xd5\xc5\x81\\\" <sip:1@192.0.2.1>;tag=a", "张乗"),
        (b"\"\x81\\ \\\"\x81\x30\x89\x38,\" <sip:1@192.0.2.1>;tag=a", "乗 \"ß,"),
    ];
    for (value, display) in table {
        let invite = from_bytes(value);
        assert_eq!(invite.check(), Ok(()), "{display}");
        assert_eq!(invite.headers.get(&Name::From), Some(value), "kept byte for byte");
        let from = invite.headers.from().unwrap();
        assert_eq!((from.display_text().as_deref(), from.tag()), (Some(display), Some("a")));
        assert_eq!(NameAddr::parse(&from.to_bytes()), Ok(from));
        assert_eq!(request(&invite.to_bytes()), invite);
    }
}

/// rsip refuses folding and takes compact names for unknown ones.
#[test]
fn folded_compact_and_lf_only_messages_are_the_same_message() {
    let plain = request(INVITE.as_bytes());
    let folded =
        INVITE.replace("Via: SIP", "Via:\r\n\t SIP").replace(";tag", "\r\n ;tag").replace("1 INV", "1\r\n\tINV");
    let folded = request(folded.as_bytes());
    assert_eq!(folded.headers.via(), plain.headers.via());
    assert_eq!(folded.headers.cseq(), plain.headers.cseq());
    assert_eq!(folded.headers.from(), plain.headers.from());
    let compact = [
        ("Via:", "v:"),
        ("From:", "f:"),
        ("To:", "t:"),
        ("Call-ID:", "i:"),
        ("Contact:", "m:"),
        ("Content-Length:", "l:"),
    ];
    let compact = compact.iter().fold(INVITE.to_owned(), |text, (full, short)| text.replace(full, short));
    assert_eq!(request(compact.as_bytes()), plain);
    let lines = INVITE.strip_suffix("v=0\r\n").unwrap().replace("\r\n", "\n") + "v=0\r\n";
    assert_eq!(request(lines.as_bytes()), plain);
    assert_eq!(
        request(INVITE.replace("\r\n", "\r\r\n").replace("\r\r\n\r\r\nv=0\r", "\r\r\n\r\r\nv=0").as_bytes()).headers,
        plain.headers
    );
    assert_eq!(request(format!("\r\n\r\n{INVITE}").as_bytes()), plain);
}

/// rsip reads the number of `tel:+86…` as a port; ezk knows no `tel:` at all.
#[test]
fn tel_uris_are_read_with_their_parameters() {
    let short = from("From: <tel:12345>;tag=a").uri;
    assert_eq!((short.scheme.as_str(), short.user.as_deref(), short.host.as_str()), ("tel", Some("12345"), ""));
    let global = from("From: <tel:+8613800000001;isub=9;phone-context=+86>;tag=a").uri;
    assert_eq!((global.user.as_deref(), global.params.value("phone-context")), (Some("+8613800000001"), Some("+86")));
    let bare = from("From: tel:+8613800000001;tag=a");
    assert_eq!((bare.uri.user.as_deref(), bare.tag()), (Some("+8613800000001"), Some("a")));
    assert_eq!(global.socket_addr(), None);
}

/// rsip refuses IPv6; rvoip cuts `received=2001:db8::9` to `2001`.
#[test]
fn ipv6_stands_in_uri_via_and_received() {
    let bytes = changed("Via:", "Via: SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bK1;received=2001:db8::9");
    let via = request(&bytes).headers.via().unwrap();
    assert_eq!(
        (via.host.as_str(), via.port, via.params.value("received")),
        ("2001:db8::9", Some(5070), Some("2001:db8::9"))
    );
    assert_eq!(via.to_string(), "SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bK1;received=2001:db8::9");
    assert_eq!(
        from("From: <sip:1@[2001:db8::9]:5070>;tag=a").uri.socket_addr().unwrap().to_string(),
        "[2001:db8::9]:5070"
    );
}

/// rsip returns the first Record-Route line only, and drops the second Via of a line.
#[test]
fn several_values_are_found_on_one_line_and_on_several() {
    let invite = request(INVITE.as_bytes());
    assert_eq!(invite.headers.all(&Name::Via).count(), 2);
    let routes = "Contact: \"a, b\" <sip:1@192.0.2.1;x=1,2>, <sip:2@192.0.2.1>\r\n\
        Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p3.example.com;lr>";
    let invite = request(&changed("Contact:", routes));
    let routes = invite.headers.routes(&Name::RecordRoute).unwrap();
    assert_eq!(
        routes.iter().map(|route| route.uri.host.as_str()).collect::<Vec<_>>(),
        ["p1.example.com", "p2.example.com", "p3.example.com"]
    );
    let contacts = invite.headers.contacts().unwrap();
    assert_eq!(contacts.iter().map(|contact| contact.uri.user.as_deref()).collect::<Vec<_>>(), [Some("1"), Some("2")]);
    assert_eq!(contacts.first().unwrap().display_text().as_deref(), Some("a, b"));
}

#[test]
fn diversions_that_cannot_be_read_do_not_hide_the_others() {
    let diversion = "Subject: x\r\nDiversion: <sip:12319@carrier>;reason=unconditional, nonsense, <tel:12315>;counter=1\r\n\
        History-Info: <sip:12333@carrier?Reason=SIP%3Bcause%3D302>;index=1, <sip:12345@pbx>;index=1.1";
    let headers = request(&changed("Timestamp:", diversion)).headers;
    let users = |name| headers.addrs(&name).into_iter().filter_map(|address| address.uri.user).collect::<Vec<_>>();
    assert_eq!(users(Name::Diversion), ["12319", "12315"]);
    assert_eq!(users(Name::HistoryInfo), ["12333", "12345"]);
}

#[test]
fn a_to_with_headers_and_quoted_parameters_is_read() {
    let to = request(&changed("To:", r#"To: <sip:b@pbx;foo=bar?X-A=1>;p=1;q="2;3""#)).headers.to().unwrap();
    assert_eq!((to.uri.params.value("foo"), to.uri.headers()), (Some("bar"), Some("X-A=1")));
    assert_eq!((to.params.value("p"), to.params.value("q")), (Some("1"), Some("2;3")));
}

/// rsip and rsipstack cannot even be asked for the 405.
#[test]
fn an_unknown_method_is_a_request_like_any_other() {
    let ping = request(INVITE.replace("INVITE", "PING").as_bytes());
    assert_eq!((ping.method.as_str(), ping.check()), ("PING", Ok(())));
    assert_eq!(ping.respond(405).headers.0.len(), 5);
}

/// rsipstack doubles the escapes, rsip and ezk refuse one or the other.
#[test]
fn user_parts_stay_as_they_came() {
    for (user, meant) in
        [("%E4%B8%AD", "中"), ("*88#123", "*88#123"), ("%2A88%23", "*88#"), ("100%", "100%"), ("+86-1", "+86-1")]
    {
        let from = from(&format!("From: <sip:{user}@192.0.2.1>;tag=a"));
        assert_eq!((from.uri.user.as_deref(), from.uri.unescaped_user().as_deref()), (Some(user), Some(meant)));
        assert_eq!(from.to_string(), format!("<sip:{user}@192.0.2.1>;tag=a"));
    }
    assert_eq!(from("From: <sip:1@my_gateway>;tag=a").uri.host, "my_gateway");
}

/// rsip knows only "SHA256", and rsip and rsipstack sign another URI than the one that arrived.
#[test]
fn digest_headers_are_the_bytes_that_arrived() {
    let value = r#"Digest username="li",realm="pbx", algorithm=SHA-256, uri="SIP:pbx;transport=udp", response="0""#;
    let headers = request(&changed("Timestamp:", &format!("Authorization: {value}"))).headers;
    assert_eq!(headers.all(&Name::Authorization).collect::<Vec<_>>(), [value.as_bytes()]);
}

/// rsipstack drops a body without Content-Length; rsip keeps what is behind it.
#[test]
fn the_body_of_a_datagram_is_what_content_length_says() {
    #[rustfmt::skip]
    let table = [
        ("Content-Length:", "", Ok("v=0\r\n")),
        ("Content-Length:", "Content-Length: 3", Ok("v=0")),
        ("Content-Length:", "Content-Length: 0", Ok("")),
        ("Content-Length:", "Content-Length: 005", Ok("v=0\r\n")),
        ("Content-Length:", "Content-Length: 5\r\nl: 5", Ok("v=0\r\n")),
        ("Content-Length:", "Content-Length: 5, 5", Ok("v=0\r\n")),
        ("Content-Length:", "Content-Length: 5\r\nl: 4", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: 5, 4", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: 6", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: -5", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: +5", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: 0x5", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: 18446744073709551615", Err(Fault::ContentLength)),
        ("Content-Length:", "Content-Length: 18446744073709551621", Err(Fault::ContentLength)),
    ];
    for (header, line, outcome) in table {
        match (Message::parse(&changed(header, line)), outcome) {
            (Ok(Message::Request(request)), Ok(body)) => assert_eq!(request.body, body.as_bytes(), "{line}"),
            (Err(unreadable), Err(fault)) => {
                assert_eq!((unreadable.fault, unreadable.answerable.is_some()), (fault, true), "{line}");
            }
            (other, _) => panic!("{line}: {other:?}"),
        }
    }
}

/// rsip sends binary bodies through a String.
#[test]
fn binary_bodies_are_byte_exact() {
    let isup: Vec<u8> = (0..=255).collect();
    let mut invite = request(INVITE.as_bytes());
    invite.body = isup.clone();
    let bytes = invite.to_bytes();
    assert!(bytes.ends_with(&isup));
    assert_eq!(request(&bytes).body, isup);
}

/// rsip and rvoip refuse a status line that stops behind the code.
#[test]
fn a_status_line_needs_no_reason() {
    for line in ["SIP/2.0 200", "SIP/2.0 200 ", "sip/2.0 200"] {
        let Ok(Message::Response(ok)) = Message::parse(format!("{line}\r\nCSeq: 1 BYE\r\n\r\n").as_bytes()) else {
            panic!("{line}")
        };
        assert_eq!((ok.status, ok.reason.as_str()), (200, ""));
        assert!(ok.to_bytes().starts_with(b"SIP/2.0 200 \r\n"));
    }
    let gbk = Message::parse(b"SIP/2.0 404 \xb2\xbb\xb4\xe6\xd4\xda\r\n\r\n");
    assert!(matches!(gbk, Ok(Message::Response(response)) if response.reason == "不存在"));
}
