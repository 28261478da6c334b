//! Messages cut out of a TCP stream.

use super::*;

fn all(framer: &mut Framer) -> Vec<Framed> {
    std::iter::from_fn(|| framer.next()).collect()
}

fn framed(bytes: &[u8]) -> Vec<Framed> {
    let mut framer = Framer::new();
    framer.push(bytes);
    all(&mut framer)
}

fn message() -> Framed {
    Framed::Message(INVITE.as_bytes().to_vec())
}

#[test]
fn the_size_of_the_reads_does_not_matter() {
    let stream = format!("{INVITE}\r\n\r\n{INVITE}\r\n{INVITE}");
    let whole = framed(stream.as_bytes());
    assert_eq!(whole, [message(), Framed::KeepAlive, message(), message()]);
    for size in 1..stream.len() {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            framer.push(piece);
            found.extend(all(&mut framer));
        }
        assert_eq!(found, whole, "reads of {size} bytes");
    }
}

#[test]
fn a_truncated_message_waits() {
    for end in 0..INVITE.len() {
        let mut framer = Framer::new();
        framer.push(&INVITE.as_bytes()[..end]);
        assert_eq!(framer.next(), None, "{end}");
        framer.push(&INVITE.as_bytes()[end..]);
        assert_eq!(all(&mut framer), [message()], "{end}");
    }
}

#[test]
fn keep_alives_are_pings_of_four_bytes() {
    #[rustfmt::skip]
    let table: [(&[u8], usize); 7] = [
        (b"", 0), (b"\r", 0), (b"\r\n", 0), (b"\r\n\r", 0), (b"\r\n\r\n", 1), (b"\r\n\r\n\r\n\r\n", 2), (b"\n\n\n", 0),
    ];
    for (bytes, pings) in table {
        assert_eq!(framed(bytes), vec![Framed::KeepAlive; pings], "{bytes:?}");
        let then = framed(&[bytes, INVITE.as_bytes()].concat());
        assert_eq!(then.last(), Some(&message()), "{bytes:?} and then a message");
    }
}

#[test]
fn a_message_may_use_lf_and_compact_or_folded_lengths() {
    for length in ["l: 5", "CONTENT-LENGTH :\n 5", "Content-Length: 5\nl: 05"] {
        let text = format!("BYE sip:a@b SIP/2.0\n{length}\n\nv=0\r\nBYE sip:a@b SIP/2.0\nl: 0\n\n");
        let found = framed(text.as_bytes());
        assert_eq!(found.len(), 2, "{length}: {found:?}");
        let Some(Framed::Message(first)) = found.first() else { panic!("{found:?}") };
        assert_eq!(request(first).body, b"v=0\r\n");
    }
}

#[test]
fn a_stream_whose_messages_have_no_end_is_broken_for_good() {
    #[rustfmt::skip]
    let table = [
        ("", Fault::Missing("Content-Length")),
        ("Content-Length: 5\r\nl: 4", Fault::ContentLength),
        ("Content-Length: -1", Fault::ContentLength),
        ("Content-Length: 99999999999999999999", Fault::ContentLength),
        ("Content-Length: 18446744073709551615", Fault::TooLarge),
        ("Content-Length: 65536", Fault::TooLarge),
    ];
    for (line, fault) in table {
        let mut framer = Framer::new();
        framer.push(&changed("Content-Length:", line));
        let Some(Framed::Broken { fault: found, head }) = framer.next() else { panic!("{line}") };
        assert_eq!(found, fault, "{line}");
        let request = match Message::parse(&head) {
            Ok(Message::Request(request)) => request,
            Err(Unreadable { answerable: Some(request), .. }) => *request,
            other => panic!("{line}: cannot be answered: {other:?}"),
        };
        assert_eq!(request.method, Method::Invite);
        framer.push(INVITE.as_bytes());
        assert_eq!(framer.next(), None, "{line}");
    }
}

#[test]
fn a_stream_that_is_no_sip_is_broken_early() {
    let broken = framed(b"\x16\x03\x01\x02\x00\x01");
    assert!(matches!(broken.as_slice(), [Framed::Broken { fault: Fault::NotSip, .. }]), "{broken:?}");
    let http = framed(b"GET / HTTP/1.1\r\nHost: pbx\r\n\r\n");
    assert!(matches!(http.as_slice(), [Framed::Broken { .. }]), "{http:?}");
}

#[test]
fn a_head_without_end_is_not_kept_for_ever() {
    let mut framer = Framer::new();
    framer.push(b"INVITE sip:a@b SIP/2.0\r\n");
    let line = [b"X-Line: ".as_slice(), &[b'x'; 990], b"\r\n"].concat();
    let broken = (0..66).find_map(|_| {
        framer.push(&line);
        framer.next()
    });
    let Some(Framed::Broken { fault: Fault::TooLarge, head }) = broken else { panic!("{broken:?}") };
    assert!(head.len() <= MAX_MESSAGE);
}

#[test]
fn the_largest_message_passes() {
    let mut message = request(INVITE.as_bytes());
    message.body = vec![b'x'; MAX_MESSAGE];
    let over = message.to_bytes().len() - MAX_MESSAGE;
    message.body.truncate(MAX_MESSAGE - over);
    let bytes = message.to_bytes();
    assert_eq!(bytes.len(), MAX_MESSAGE);
    assert_eq!(framed(&bytes), [Framed::Message(bytes.clone())]);
    assert_eq!(request(&bytes), message);
}
