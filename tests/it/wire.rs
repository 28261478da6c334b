//! The wire layer from outside: what arrives, what is kept, what is refused, what is printed.

use hotline::sip::message::*;

const INVITE: &str = "INVITE sip:12345@pbx.example.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport, SIP/2.0/TCP [2001:db8::9];branch=z9hG4bK0\r\n\
    f: \"Li, \\\"Si\\\" <x>\" <sip:13800000001@192.0.2.1;user=phone>;TAG=a1\r\n\
    To: <tel:12345;phone-context=+86>\r\n\
    i: call-1@192.0.2.1\r\n\
    CSeq: 1\r\n INVITE\r\n\
    Content-Length: 4\r\n\r\nv=0\n";

fn request(bytes: &[u8]) -> Request {
    match Message::parse(bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_is_read_and_printed() {
    let invite = request(INVITE.as_bytes());
    assert_eq!(invite.check(), Ok(()));
    assert_eq!(invite.headers.from().unwrap().tag(), Some("a1"));
    assert_eq!(invite.headers.from().unwrap().display_text().unwrap(), "Li, \"Si\" <x>");
    assert_eq!(invite.headers.to().unwrap().uri.user.as_deref(), Some("12345"));
    assert_eq!(invite.headers.all(&Name::Via).count(), 2);
    assert_eq!(invite.body, b"v=0\n");
    assert_eq!(request(&invite.to_bytes()), invite);
    let busy = invite.respond(486);
    assert_eq!(busy.reason, "Busy Here");
    assert_eq!(busy.headers.0.len(), 5);
}
