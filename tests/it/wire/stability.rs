//! What holds for every input; the fuzz targets use it too.

use hotline::sip::message::*;
use hotline::sip::refer::ReferTo;

/// What is printed is read again as the same: the message, and each value that can be read.
pub fn assert_printed_as_read(message: &Message) {
    assert_eq!(Message::parse(&message.to_bytes()).as_ref(), Ok(message));
    let headers = message.headers();
    for name in [Name::From, Name::To, Name::Contact, Name::Route, Name::Diversion] {
        for address in headers.addrs(&name) {
            assert_eq!(NameAddr::parse(&address.to_bytes()).as_ref(), Ok(&address));
            assert!(address.uri.same_as(&address.uri), "{address}");
            let _ = (address.uri.socket_addr(), address.uri.unescaped_user(), address.display_text());
        }
    }
    for via in headers.all(&Name::Via).filter_map(|via| Via::parse(via).ok()) {
        assert_eq!(Via::parse(via.to_string().as_bytes()).as_ref(), Ok(&via));
        let mut changed = headers.clone();
        changed.replace_top_via(&via);
        assert_eq!(changed.via(), Ok(via));
    }
    if let Ok(cseq) = headers.cseq() {
        assert_eq!(CSeq::parse(cseq.to_string().as_bytes()).as_ref(), Ok(&cseq));
    }
    let _ = (headers.expires(), headers.max_forwards(), headers.date(), headers.call_id());
    let _ = (headers.tokens(&Name::Supported), headers.routes(&Name::RecordRoute), headers.contacts());
    if let Message::Request(request) = message {
        let _ = request.check();
        let _ = ReferTo::read(&request.headers);
        let answer = request.respond(500);
        assert_eq!(Message::parse(&answer.to_bytes()), Ok(Message::Response(answer)));
    }
}

/// The messages of a stream do not depend on the size of the reads, and each is read as a whole.
pub fn assert_same_in_pieces(stream: &[u8], mut size: impl FnMut() -> usize) {
    let messages = |framer: &mut Framer| -> Vec<Vec<u8>> {
        std::iter::from_fn(|| framer.next())
            .filter_map(|framed| match framed {
                Framed::Message(bytes) => Some(bytes),
                Framed::KeepAlive | Framed::Broken { .. } => None,
            })
            .collect()
    };
    let mut framer = Framer::new();
    framer.push(stream);
    let whole = messages(&mut framer);

    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size().clamp(1, rest.len()));
        framer.push(piece);
        found.extend(messages(&mut framer));
        rest = behind;
    }
    assert_eq!(found, whole);
    for bytes in whole {
        if let Err(unreadable) = Message::parse(&bytes) {
            assert!(unreadable.fault != Fault::ContentLength, "the framer has read the length already");
        }
    }
}
