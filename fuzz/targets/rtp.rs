//! RTP, RTCP and telephone-events, as they reach a media thread.
#![no_main]

use hotline::audio::dtmf::Event;
use hotline::media::{rtcp, rtp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((header, payload)) = rtp::read(bytes) {
        let mut again = [0; 65_536];
        if let Some(written) = rtp::write(&header, payload, &mut again) {
            assert_eq!(rtp::read(written).map(|(header, payload)| (header, payload.len())), Some((header, payload.len())));
        }
        let _ = Event::parse(payload);
    }
    let _ = rtcp::read(bytes, 1);
});
