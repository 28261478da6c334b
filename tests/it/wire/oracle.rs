//! rsip as a second opinion: where it accepts a message that we accept too, both must read the same
//! dialog out of it. Where it is known to be wrong is said here, not hidden.

use rsip::headers::UntypedHeader;
use rsip::message::HeadersExt;

use super::mutations::{Dice, mutate, seeds};
use super::*;

#[derive(Debug, PartialEq, Eq)]
struct Opinion {
    from_tag: String,
    to_tag: String,
    call_id: String,
    cseq: (u32, String),
}

fn ours(message: &Message) -> Option<Opinion> {
    let headers = message.headers();
    let cseq = headers.cseq().ok()?;
    Some(Opinion {
        from_tag: rsips_tag(headers.from().ok()?.tag()),
        to_tag: rsips_tag(headers.to().ok()?.tag()),
        call_id: headers.call_id().ok()?.to_owned(),
        cseq: (cseq.number, cseq.method.as_str().to_ascii_uppercase()),
    })
}

/// rsip cuts a tag at the first character that is no token's, and takes an empty tag for one.
fn rsips_tag(tag: Option<&str>) -> String {
    let is_token = |sign: &char| sign.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(*sign);
    tag.unwrap_or_default().chars().take_while(is_token).collect()
}

fn theirs(bytes: &[u8]) -> Option<Opinion> {
    let message = rsip::SipMessage::try_from(bytes).ok()?;
    let cseq = message.cseq_header().ok()?;
    let tag = |tag: Option<rsip::param::Tag>| tag.map(|tag| tag.to_string()).unwrap_or_default();
    Some(Opinion {
        from_tag: tag(message.from_header().ok()?.tag().ok()?),
        to_tag: tag(message.to_header().ok()?.tag().ok()?),
        call_id: message.call_id_header().ok()?.value().to_owned(),
        // rsip reads methods without case.
        cseq: (cseq.seq().ok()?, cseq.method().ok()?.to_string()),
    })
}

/// rsip takes a lone CR, LF or tab for a letter, and the last of several headers for the only one.
fn is_fair(bytes: &[u8], message: &Message) -> bool {
    let bare = bytes.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n')) || bytes.contains(&b'\t');
    let once =
        [Name::From, Name::To, Name::CallId, Name::CSeq].iter().all(|name| message.headers().all(name).count() == 1);
    !bare && once
}

#[test]
fn what_rsip_accepts_we_read_alike() {
    let seeds = seeds();
    let mut dice = Dice(42);
    let mut agreed = 0;
    let damaged = (0..20_000).map(|_| mutate(&mut dice, &seeds));
    for bytes in seeds.iter().cloned().chain(damaged) {
        let Ok(message) = Message::parse(&bytes) else { continue };
        let (Some(ours), Some(theirs)) = (ours(&message), theirs(&bytes)) else { continue };
        if is_fair(&bytes, &message) {
            assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&bytes));
            agreed += 1;
        }
    }
    assert!(agreed > 500, "too few to mean anything: {agreed}");
}

/// A message that rsip must be able to read for the test above to be worth anything.
#[test]
fn an_ordinary_message_is_read_alike() {
    let plain = changed("Via:", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport");
    assert_eq!(ours(&Message::parse(&plain).unwrap()), theirs(&plain));
    assert!(theirs(&plain).is_some());
}
