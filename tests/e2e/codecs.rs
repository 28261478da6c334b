//! Phones that speak nothing but a wideband codec.

use std::time::Duration;

use crate::baresip::{Phone, Setup};
use crate::server::Server;
use crate::sound::{self, CITIZEN, SEAT};

#[test]
fn a_seat_that_has_one_wideband_codec_alone_talks_to_a_line() {
    for codec in ["G722/16000/1", "opus/48000/2"] {
        let server = Server::start();
        let mut seat = Phone::registered(&server, Setup { codec, ..Phone::seat_setup(&server, "1001") });
        let mut citizen = Phone::citizen(&server);
        citizen.dial("12345");
        citizen.wait("CALL_ESTABLISHED");
        seat.wait("CALL_ESTABLISHED");
        server.record_for(Duration::from_secs(5));
        citizen.hang_up();
        seat.wait_closed();
        let call = server.closed(1).remove(0);
        assert_eq!(call["recording"]["verdict"], "ok", "{codec}");
        let [left, right] = sound::read_recording(&server.recording(&call));
        for (what, samples, own, other) in [
            ("recording, left", left, CITIZEN, SEAT),
            ("recording, right", right, SEAT, CITIZEN),
            ("the seat's ear", sound::read_heard(&seat.heard()), CITIZEN, SEAT),
            ("the citizen's ear", sound::read_heard(&citizen.heard()), SEAT, CITIZEN),
        ] {
            // baresip changes the rate by itself, and not without loss.
            let off = 20.0 * (sound::loudest(&samples, own) / sound::LEVEL).log10();
            let strange = sound::loudest_tenth(&samples, other) / sound::LEVEL;
            assert!(off.abs() < 3.0, "{codec}: {what}: {own} Hz is {off:+.1} dB off its level");
            assert!(strange < 0.1, "{codec}: {what}: {other} Hz is heard too, {strange:.3} of its level");
        }
    }
}
