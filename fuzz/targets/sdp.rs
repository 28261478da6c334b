//! Session descriptions: read, answered, and offered again.
#![no_main]

use hotline::audio::codec::Codec;
use hotline::sip::sdp::{Direction, Ours, accept, answer, offer_again, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(theirs) = parse(bytes) else { return };
    let ours = Ours {
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 20_000,
        codecs: &Codec::ALL,
        ordered: false,
        ptime: 20,
        session: 1,
        version: 1,
        user: "hotline",
        events: true,
        direction: Direction::SendRecv,
    };
    let _ = accept(&ours, &theirs);
    if let Ok((body, _)) = answer(&theirs, &ours) {
        assert_eq!(parse(&body).map(|answered| answered.media_lines()), Ok(theirs.media_lines()));
    }
    assert!(parse(&offer_again(&ours, &theirs)).is_ok());
});
