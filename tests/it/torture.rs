//! RFC 4475 and RFC 5118, message by message: what is accepted, what is refused, and in which words.

use hotline::sip::message::*;

mod invalid;
mod ipv6;
mod meaning;
mod valid;

/// As it goes over the wire: CRLF, and the placeholders of the texts filled in.
pub fn wire(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n").replace("{LONG}", &"long".repeat(50));
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
    let body = match body.split_once("{BINARY}") {
        Some((before, after)) => [before.as_bytes(), &(0..=255).collect::<Vec<u8>>(), after.as_bytes()].concat(),
        None => body.as_bytes().to_vec(),
    };
    let head = head.replace("{LENGTH}", &body.len().to_string());
    [head.as_bytes(), b"\r\n\r\n", &body].concat()
}

fn read(text: &str) -> Message {
    Message::parse(&wire(text)).expect("readable")
}

fn request(text: &str) -> Request {
    match read(text) {
        Message::Request(request) => request,
        Message::Response(response) => panic!("a response: {response:?}"),
    }
}

/// What becomes of a message.
enum Outcome {
    /// Read, checked, every address in it readable.
    Accepted,
    /// The bytes are no message; whether a 400 (or 505) can be sent all the same.
    NotRead { fault: Fault, answered: bool },
    /// A message with which nothing can be done but answer 400.
    Refused(Fault),
    /// Worked on, but this value is not used.
    ValueUnused(fn(&Headers) -> Option<Fault>, Fault),
}

use Outcome::*;

#[rustfmt::skip]
const TABLE: [(&str, &str, Outcome); 49] = [
    ("3.1.1.1 wsinv", valid::WSINV, Accepted),
    ("3.1.1.2 intmeth", valid::INTMETH, Accepted),
    ("3.1.1.3 esc01", valid::ESC01, Accepted),
    ("3.1.1.4 escnull", valid::ESCNULL, Accepted),
    ("3.1.1.5 esc02", valid::ESC02, Accepted),
    ("3.1.1.6 lwsdisp", valid::LWSDISP, Accepted),
    ("3.1.1.7 longreq", valid::LONGREQ, Accepted),
    ("3.1.1.8 dblreq", valid::DBLREQ, Accepted),
    ("3.1.1.9 semiuri", valid::SEMIURI, Accepted),
    ("3.1.1.10 transports", valid::TRANSPORTS, Accepted),
    ("3.1.1.11 mpart01", valid::MPART01, Accepted),
    ("3.1.1.12 unreason", valid::UNREASON, Accepted),
    ("3.1.1.13 noreason", valid::NOREASON, Accepted),
    ("3.1.2.1 badinv01", invalid::BADINV01, Refused(Fault::Bad("Via"))),
    ("3.1.2.2 clerr", invalid::CLERR, NotRead { fault: Fault::ContentLength, answered: true }),
    ("3.1.2.3 ncl", invalid::NCL, NotRead { fault: Fault::ContentLength, answered: true }),
    ("3.1.2.4 scalar02", invalid::SCALAR02, Refused(Fault::Bad("CSeq"))),
    ("3.1.2.5 scalarlg", invalid::SCALARLG, ValueUnused(|headers| headers.cseq().err(), Fault::Bad("CSeq"))),
    ("3.1.2.6 quotbal", invalid::QUOTBAL, Refused(Fault::Bad("To"))),
    ("3.1.2.7 ltgtruri", invalid::LTGTRURI, Refused(Fault::Bad("Request-URI"))),
    ("3.1.2.8 lwsruri", invalid::LWSRURI, NotRead { fault: Fault::Bad("request line"), answered: true }),
    ("3.1.2.9 lwsstart", invalid::LWSSTART, NotRead { fault: Fault::Bad("request line"), answered: true }),
    ("3.1.2.10 trws", invalid::TRWS, NotRead { fault: Fault::Bad("request line"), answered: true }),
    ("3.1.2.11 escruri", invalid::ESCRURI, Refused(Fault::Bad("Request-URI"))),
    // A gateway with a wrong clock still brings a caller: the date is not believed, the call is taken.
    ("3.1.2.12 baddate", invalid::BADDATE, ValueUnused(|headers| headers.date()?.err(), Fault::Bad("Date"))),
    ("3.1.2.13 regbadct", invalid::REGBADCT, Refused(Fault::Bad("Contact"))),
    ("3.1.2.14 badaspec", invalid::BADASPEC, Refused(Fault::Bad("To"))),
    ("3.1.2.15 baddn", invalid::BADDN, Refused(Fault::Bad("From"))),
    ("3.1.2.16 badvers", invalid::BADVERS, NotRead { fault: Fault::Version, answered: true }),
    ("3.1.2.17 mismatch01", invalid::MISMATCH01, Refused(Fault::Bad("CSeq"))),
    ("3.1.2.18 mismatch02", invalid::MISMATCH02, Refused(Fault::Bad("CSeq"))),
    ("3.1.2.19 bigcode", invalid::BIGCODE, NotRead { fault: Fault::Bad("status code"), answered: false }),
    // Matched to transactions by the rules of RFC 2543.
    ("3.2.1 badbranch", meaning::BADBRANCH, Accepted),
    ("3.3.1 insuf", meaning::INSUF, Refused(Fault::Missing("From"))),
    // 416 and the like are for who works on the request.
    ("3.3.2 unkscm", meaning::UNKSCM, Accepted),
    ("3.3.3 novelsc", meaning::NOVELSC, Accepted),
    ("3.3.4 unksm2", meaning::UNKSM2, Accepted),
    ("3.3.5 bext01", meaning::BEXT01, Accepted),
    ("3.3.6 invut", meaning::INVUT, Accepted),
    ("3.3.7 regaut01", meaning::REGAUT01, Accepted),
    ("3.3.8 multi01", meaning::MULTI01, Refused(Fault::Repeated("From"))),
    ("3.3.9 mcl01", meaning::MCL01, NotRead { fault: Fault::ContentLength, answered: true }),
    ("3.3.10 bcast", meaning::BCAST, Accepted),
    ("3.3.11 zeromf", meaning::ZEROMF, Accepted),
    ("3.3.12 cparam01", meaning::CPARAM01, Accepted),
    ("3.3.13 cparam02", meaning::CPARAM02, Accepted),
    ("3.3.14 regescrt", meaning::REGESCRT, Accepted),
    ("3.3.15 sdp01", meaning::SDP01, Accepted),
    ("3.4.1 inv2543", meaning::INV2543, Accepted),
];

/// Every message of both RFCs, as seeds for mutation.
pub fn corpus() -> Vec<Vec<u8>> {
    TABLE.iter().chain(&IPV6_TABLE).map(|(_, text, _)| wire(text)).collect()
}

#[test]
fn each_message_of_rfc_4475_has_its_outcome() {
    for (name, text, outcome) in TABLE {
        assert_outcome(name, &wire(text), outcome);
    }
}

#[rustfmt::skip]
const IPV6_TABLE: [(&str, &str, Outcome); 12] = [
    ("4.1 in URI, Via and Contact", ipv6::GOOD, Accepted),
    ("4.2 without brackets", ipv6::NO_BRACKETS, Refused(Fault::Bad("Request-URI"))),
    ("4.3 port inside the brackets", ipv6::PORT_AMBIGUOUS, Accepted),
    ("4.4 port behind the brackets", ipv6::PORT_UNAMBIGUOUS, Accepted),
    ("4.5 received in brackets", ipv6::VIA_RECEIVED_IN_BRACKETS, Accepted),
    ("4.5 received without brackets", ipv6::VIA_RECEIVED_BARE, Accepted),
    ("4.6 in SDP", ipv6::IN_SDP, Accepted),
    ("4.7 both kinds in headers", ipv6::MIXED_HEADERS, Accepted),
    ("4.8 both kinds in SDP", ipv6::MIXED_SDP, Accepted),
    ("4.9 IPv4-mapped", ipv6::MAPPED, Accepted),
    ("4.10 two colons before IPv4", ipv6::TWO_COLONS, Accepted),
    ("4.10 three colons before IPv4", ipv6::THREE_COLONS, Accepted),
];

#[test]
fn each_message_of_rfc_5118_has_its_outcome() {
    for (name, text, outcome) in IPV6_TABLE {
        assert_outcome(name, &wire(text), outcome);
    }
}

fn assert_outcome(name: &str, bytes: &[u8], outcome: Outcome) {
    let message = match (Message::parse(bytes), &outcome) {
        (Err(unreadable), NotRead { fault, answered }) => {
            assert_eq!((&unreadable.fault, unreadable.answerable.is_some()), (fault, *answered), "{name}");
            return;
        }
        (Err(unreadable), _) => panic!("{name}: {unreadable:?}"),
        (Ok(message), _) => message,
    };
    assert_eq!(Message::parse(&message.to_bytes()).as_ref(), Ok(&message), "{name}: printed and read again");
    let checked = match &message {
        Message::Request(request) => request.check(),
        Message::Response(_) => Ok(()),
    };
    match outcome {
        NotRead { .. } => panic!("{name}: was read"),
        Refused(fault) => assert_eq!(checked, Err(fault), "{name}"),
        ValueUnused(value, fault) => {
            assert_eq!((checked, value(message.headers())), (Ok(()), Some(fault)), "{name}");
        }
        Accepted => {
            assert_eq!(checked, Ok(()), "{name}");
            assert_eq!(faults_of_values(message.headers()), [], "{name}");
        }
    }
}

fn faults_of_values(headers: &Headers) -> Vec<Fault> {
    let vias = headers.all(&Name::Via).map(Via::parse).filter_map(Result::err);
    let others = [
        headers.from().err(),
        headers.to().err(),
        headers.cseq().err(),
        headers.call_id().err(),
        headers.contacts().err(),
        headers.routes(&Name::Route).err(),
        headers.routes(&Name::RecordRoute).err(),
        headers.max_forwards().err(),
    ];
    vias.chain(others.into_iter().flatten()).collect()
}

#[test]
fn valid_messages_say_what_they_mean() {
    let wsinv = request(valid::WSINV);
    assert_eq!(wsinv.headers.from().unwrap().display_text().unwrap(), r#"V Rosen \""#);
    assert_eq!(wsinv.headers.from().unwrap().tag(), Some("98asjd8"));
    assert_eq!(wsinv.headers.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(wsinv.headers.cseq().unwrap(), CSeq { number: 9, method: Method::Invite });
    assert_eq!(wsinv.headers.max_forwards(), Ok(Some(68)));
    assert_eq!(wsinv.headers.get(&Name::Subject), Some(&b""[..]));
    assert_eq!(
        wsinv.headers.get(&Name::parse(b"newfangledheader")).unwrap(),
        b"newfangled value continued newfangled value"
    );
    let vias: Vec<_> = wsinv.headers.all(&Name::Via).map(|via| Via::parse(via).unwrap()).collect();
    assert_eq!(
        vias.iter().map(|via| (via.transport.as_str(), via.host.as_str(), via.branch())).collect::<Vec<_>>(),
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spool.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    let contact = wsinv.headers.contact().unwrap().unwrap();
    assert_eq!(contact.display_text().unwrap(), r#"Quoted string """#);
    assert_eq!((contact.params.value("q"), contact.params.get("secondparam")), (Some("0.33"), Some(None)));
    assert!(wsinv.headers.routes(&Name::Route).unwrap()[0].uri.params.get("lr").is_some());
    assert!(wsinv.body.ends_with(b"RTP/AVP 0 12\r\n"));

    let intmeth = request(valid::INTMETH);
    let uri = Uri::parse(&intmeth.uri).unwrap();
    assert_eq!(uri.user.as_deref(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!((uri.host.as_str(), uri.headers()), ("example.com", None));
    assert_eq!(intmeth.headers.to().unwrap().display.unwrap(), b"BEL:\x07 NUL:\0 DEL:\x7f");
    assert_eq!(intmeth.headers.from().unwrap().display_text().unwrap(), "token1~` token2'+_ token3*%!.-");
    assert_eq!(intmeth.headers.from().unwrap().params.value("fromParam''~+*_!.-%"), Some("работающий"));
    assert_eq!(intmeth.headers.text(&Name::parse(b"EXTENSIONHEADER-!.%*+_`'~")).unwrap(), "大停電");

    let esc01 = request(valid::ESC01);
    assert_eq!(Uri::parse(&esc01.uri).unwrap().unescaped_user().unwrap(), "sips:user@example.com");
    assert_eq!(esc01.headers.from().unwrap().uri.unescaped_user().unwrap(), "I have spaces");
    assert!(esc01.headers.to().unwrap().uri.same_as(&Uri::parse("sip:user@example.com").unwrap()));

    let escnull = request(valid::ESCNULL);
    let users: Vec<_> = escnull.headers.contacts().unwrap().iter().map(|c| c.uri.unescaped_user().unwrap()).collect();
    assert_eq!(users, ["\0", "\0\0"]);

    let esc02 = request(valid::ESC02);
    assert_eq!(esc02.method, Method::Other("RE%47IST%45R".to_owned()));
    assert_eq!(esc02.headers.contacts().unwrap().len(), 2);

    let longreq = request(valid::LONGREQ);
    assert_eq!(longreq.headers.all(&Name::Via).count(), 7);
    assert_eq!(longreq.headers.to().unwrap().uri.port, Some(6000));

    let dblreq = request(valid::DBLREQ);
    assert_eq!((dblreq.body.len(), dblreq.headers.call_id()), (0, Ok("dblreq.0ha0isndaksdj99sdfafnl3lk233412")));

    let semiuri = Uri::parse(&request(valid::SEMIURI).uri).unwrap();
    assert_eq!(semiuri.unescaped_user().unwrap(), "user;par=u@example.net");
    assert!(semiuri.params.0.is_empty());

    let mpart01 = request(valid::MPART01);
    assert!(mpart01.body.windows(256).any(|window| window.iter().copied().eq(0..=255)));

    let Message::Response(unreason) = read(valid::UNREASON) else { panic!("a request") };
    assert_eq!((unreason.status, unreason.reason.as_str()), (200, "= 2**3 * 5**2 но сто девяносто девять - простое"));
    let Message::Response(noreason) = read(valid::NOREASON) else { panic!("a request") };
    assert_eq!((noreason.status, noreason.reason.as_str()), (100, ""));
}

#[test]
fn messages_of_odd_meaning_carry_what_their_reader_needs() {
    assert_eq!(request(meaning::BADBRANCH).headers.via().unwrap().branch(), Some("z9hG4bK"));
    assert_eq!(Uri::parse(&request(meaning::UNKSCM).uri).unwrap().scheme, "nobodyknowsthisscheme");
    assert_eq!(Uri::parse(&request(meaning::NOVELSC).uri).unwrap().scheme, "soap.beep");
    assert_eq!(
        request(meaning::BEXT01).headers.tokens(&Name::Require),
        ["nothingSupportsThis", "nothingSupportsThisEither"]
    );
    assert_eq!(request(meaning::ZEROMF).headers.max_forwards(), Ok(Some(0)));
    let contact = |text| request(text).headers.contact().unwrap().unwrap();
    assert_eq!(contact(meaning::CPARAM01).params.get("unknownparam"), Some(None));
    assert_eq!(contact(meaning::CPARAM02).params.get("unknownparam"), None);
    assert_eq!(contact(meaning::CPARAM02).uri.params.get("unknownparam"), Some(None));
    assert_eq!(contact(meaning::REGESCRT).uri.headers(), Some("Route=%3Csip:sip.example.com%3E"));
    assert_eq!(request(meaning::INV2543).body, b"v=0\r\n");
    let expires = request(invalid::SCALAR02).headers.expires();
    assert_eq!(expires, Some(u32::MAX));
}

#[test]
fn addresses_of_rfc_5118_are_the_ones_meant() {
    let target = |text: &str| Uri::parse(&request(text).uri).unwrap().socket_addr().unwrap().to_string();
    assert_eq!(target(ipv6::GOOD), "[2001:db8::10]:5060");
    assert_eq!(target(ipv6::PORT_AMBIGUOUS), "[2001:db8::10:5070]:5060");
    assert_eq!(target(ipv6::PORT_UNAMBIGUOUS), "[2001:db8::10]:5070");
    assert_eq!(target(ipv6::TWO_COLONS), "[2001:db8::c000:201]:5060");
    assert_eq!(target(ipv6::THREE_COLONS), "[2001:db8::c000:201]:5060");
    let received = |text: &str| request(text).headers.via().unwrap().params.value("received").unwrap().to_owned();
    assert_eq!(received(ipv6::VIA_RECEIVED_IN_BRACKETS), "[2001:db8::9:255]");
    assert_eq!(received(ipv6::VIA_RECEIVED_BARE), "2001:db8::9:255");
    let hosts: Vec<_> =
        request(ipv6::MIXED_HEADERS).headers.all(&Name::Via).map(|via| Via::parse(via).unwrap().host).collect();
    assert_eq!(hosts, ["2001:db8::9:1", "192.0.2.1", "2001:db8::9"]);
    let mapped = request(ipv6::MAPPED).headers.contact().unwrap().unwrap().uri.socket_addr().unwrap();
    assert_eq!(mapped.ip().to_canonical().to_string(), "192.0.2.10");
}

/// Why the wire layer is ours: of the 13 valid messages rsip reads these, headers and all.
#[test]
fn rsip_reads_only_some_of_the_valid_messages() {
    use rsip::headers::ToTypedHeader;
    use rsip::message::HeadersExt;

    let reads = |text: &str| -> Option<()> {
        let message = rsip::SipMessage::try_from(wire(text)).ok()?;
        message.via_header().ok()?.typed().ok()?;
        message.from_header().ok()?.typed().ok()?;
        message.to_header().ok()?.typed().ok()?;
        message.cseq_header().ok()?.typed().ok()?;
        message.call_id_header().ok()?;
        Some(())
    };
    let read: Vec<&str> = TABLE.iter().take(13).filter(|(_, text, _)| reads(text).is_some()).map(|row| row.0).collect();
    let known = ["escnull", "lwsdisp", "transports", "mpart01", "unreason", "noreason"];
    assert!(read.iter().map(|row| row.rsplit(' ').next().unwrap_or_default()).eq(known), "{read:?}");
}
