//! URIs: what is one, when two are the same, and how ours are written.

use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// RFC 3261 §19.1.4 with its own examples, RFC 5954 §3 for addresses, RFC 3966 §5 for `tel:`.
#[test]
fn uris_are_the_same_by_the_rules_of_the_standard() {
    #[rustfmt::skip]
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
        ("sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
        ("sip:bob@[2001:db8::9:1]", "sip:bob@[2001:DB8:0::9:01]"),
        ("SIP:bob@biloxi.com", "sip:bob@biloxi.com"),
        ("tel:+86-798-1234", "tel:+867981234"),
        ("tel:12345;phone-context=+86;isub=1", "tel:12345;ISUB=1;phone-context=+86"),
        ("urn:service:sos", "urn:service:sos"),
    ];
    #[rustfmt::skip]
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com:6000;transport=tcp", "sip:bob@biloxi.com"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com;user=phone", "sip:carol@chicago.com"),
        ("sip:a@chicago.com", "sips:a@chicago.com"),
        ("sip:a:secret@chicago.com", "sip:a@chicago.com"),
        ("sip:chicago.com", "sip:a@chicago.com"),
        ("sip:a%3Bb@chicago.com", "sip:a;b@chicago.com"),
        ("tel:12345", "tel:12345;phone-context=+86"),
        ("tel:12345", "sip:12345@chicago.com"),
        ("urn:service:sos", "urn:service:SOS"),
    ];
    for (a, b, verdict) in same.map(|(a, b)| (a, b, true)).into_iter().chain(different.map(|(a, b)| (a, b, false))) {
        assert_eq!(uri(a).same_as(&uri(b)), verdict, "{a} and {b}");
        assert_eq!(uri(b).same_as(&uri(a)), verdict, "{b} and {a}");
        assert!(uri(a).same_as(&uri(a)), "{a}");
    }
}

#[test]
fn what_is_no_uri_is_refused() {
    #[rustfmt::skip]
    let table = [
        "", "sip", "sip:", ":1", "1sip:a@b", "s ip:a@b", "sip:a b@c", "sip:a@b c", "sip:a@", "sip:@b", "sip:a@b@c", "sip:a@b:",
        "sip:a@b:0", "sip:a@b:65536", "sip:a@b:x", "sip:a@[::1", "sip:a@[::g]", "sip:a@[::1]x", "sip:a@::1", "sip:a@b,c", "sip:a@b;;lr",
        "sip:a@b;=x", "<sip:a@b>", "\"sip:a@b\"", "sip:a@b\0", "sip:a@b\r\n", "tel:", "tel:;phone-context=+86", "sip:a@中",
    ];
    for text in table {
        assert_eq!(Uri::parse(text), Err(Fault::Bad("URI")), "{text:?}");
    }
}

#[test]
fn our_own_uris_escape_what_a_user_part_cannot_hold() {
    let (v4, v6) = ("192.0.2.1:5060".parse().unwrap(), "[2001:db8::9]:5070".parse().unwrap());
    #[rustfmt::skip]
    let table = [
        (Uri::sip(Some("12345"), v4), "sip:12345@192.0.2.1:5060"),
        (Uri::sip(None, v6), "sip:[2001:db8::9]:5070"),
        (Uri::sip(Some("*88#@中%"), v6), "sip:*88%23%40%E4%B8%AD%25@[2001:db8::9]:5070"),
        (Uri::sip(Some("a:b"), v4), "sip:a%3Ab@192.0.2.1:5060"),
    ];
    for (ours, text) in table {
        assert_eq!(ours.to_string(), text);
        assert_eq!(uri(text), ours);
    }
    assert_eq!(Uri::sip(Some("*88#@中%"), v4).unescaped_user().unwrap(), "*88#@中%");
}

#[test]
fn a_uri_points_to_an_address_when_its_host_is_one() {
    #[rustfmt::skip]
    let table = [
        ("sip:a@192.0.2.1", Some("192.0.2.1:5060")),
        ("sip:a@192.0.2.1:5070;transport=tcp", Some("192.0.2.1:5070")),
        ("sips:a@192.0.2.1", Some("192.0.2.1:5061")),
        ("sip:[::1]", Some("[::1]:5060")),
        ("sip:a@pbx.example.com;maddr=192.0.2.9", Some("192.0.2.9:5060")),
        ("sip:a@pbx.example.com", None),
        ("sip:a@192.0.2.256", None),
        ("tel:12345", None),
        ("http://192.0.2.1", None),
    ];
    for (text, address) in table {
        assert_eq!(uri(text).socket_addr().map(|address| address.to_string()).as_deref(), address, "{text}");
    }
}

#[test]
fn parameters_are_changed_in_their_place() {
    let mut via = Via::parse(b"SIP/2.0/udp pbx ; Branch=z9 ; rport").unwrap();
    via.params.set("RPORT", Some("5071"));
    via.params.set("comment", Some("a \"b\"; c"));
    via.params.remove("branch");
    assert_eq!(via.to_string(), r#"SIP/2.0/UDP pbx;rport=5071;comment="a \"b\"; c""#);
    assert_eq!(Via::parse(via.to_string().as_bytes()), Ok(via));
    let mut to = NameAddr::new(uri("sip:a@b"));
    assert_eq!(to.tag(), None);
    to.set_tag("x1");
    assert_eq!(to.to_string(), "<sip:a@b>;tag=x1");
    assert_eq!(NameAddr::parse(b"<sip:a@b>;tag=").unwrap().tag(), None, "an empty tag is none");
}

#[test]
fn cseq_is_printed_as_it_is_read() {
    let cseq = CSeq::parse(b" 007 \t INVITE ").unwrap();
    assert_eq!(cseq.to_string(), "7 INVITE");
}
