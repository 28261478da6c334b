//! The server runs from any folder, under a low limit of open files, and calls nobody.

use std::fs;
use std::time::Duration;

use crate::baresip::Phone;
use crate::capture::Capture;
use crate::server::{FEW_FILES, Server};
use crate::sound::{self, CITIZEN, SEAT};

#[test]
fn a_server_started_anywhere_raises_its_limit_records_as_it_is_told_and_never_calls_home() {
    let mut server = Server::start();
    assert!(server.ports.alone, "only root has a network in which every packet is known");
    let mut capture = Capture::leaving();
    let process = format!("/proc/{}", server.id());
    assert_eq!(fs::read_link(format!("{process}/cwd")).expect("cwd").to_str(), Some("/"));
    let limits = fs::read_to_string(format!("{process}/limits")).expect("limits");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("open files");
    let soft: u64 = files.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number");
    assert!(soft > FEW_FILES, "{files}");

    server.edit("sip-configs/server.toml", "[server]\n", "[server]\nrecording_format = \"pcm16\"\n");
    server.reload();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    seat.wait("CALL_ESTABLISHED");
    citizen.wait("CALL_ESTABLISHED");
    // Two bytes a sample: as long as A-law would take twice as long.
    server.record_for(Duration::from_secs(6));
    citizen.hang_up();
    seat.wait_closed();

    let call = server.closed(1).remove(0);
    assert_eq!((&call["recording"]["format"], &call["recording"]["verdict"]), (&"pcm16".into(), &"ok".into()));
    let file = server.recording(&call);
    let spec = hound::WavReader::open(&file).expect("a WAV that any player opens").spec();
    assert_eq!((spec.bits_per_sample, spec.channels, spec.sample_rate), (16, 2, 8000));
    let [left, right] = sound::read_recording(&file);
    sound::assert_only("left", &left, CITIZEN, SEAT);
    sound::assert_only("right", &right, SEAT, CITIZEN);
    server.terminate();
    assert!(server.wait_exit().success());
    capture.stop();
    assert_eq!(capture.lines(), Vec::<String>::new(), "packets that would leave the machine");
}
