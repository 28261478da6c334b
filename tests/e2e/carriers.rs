//! What carriers send: sipp's scenarios and ours.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::baresip::Phone;
use crate::capture::{Capture, Packet};
use crate::server::{Server, Setup};
use crate::sipp::Sipp;

#[test]
fn sipps_own_caller_is_served_over_udp_and_tcp() {
    let server = Server::start();
    let _seat = Phone::seat(&server, "1001");
    Sipp::start(&server, "uac", &["-d", "500"]).finish();
    Sipp::start(&server, "uac", &["-d", "500", "-t", "t1"]).finish();
    let calls = server.closed(2);
    let trunks: Vec<_> = calls.iter().map(|call| call["opened"]["trunk"].clone()).collect();
    assert_eq!(trunks, ["udp", "tcp"]);
}

#[test]
fn lost_messages_lose_no_call() {
    let server = Server::start();
    let _seats = [Phone::seat(&server, "1001"), Phone::seat(&server, "1002")];
    Sipp::start(&server, "uac", &["-m", "12", "-r", "4", "-l", "4", "-d", "300", "-lost", "5"]).finish();
    server.closed(12);
}

#[test]
fn a_cancel_in_the_queue_leaves_a_missed_call() {
    let server = Server::start();
    Sipp::start(&server, "cancel.xml", &[]).finish();
    assert_eq!(server.missed(1)[0]["stage"], "queue");
    server.tickets(0);
}

#[test]
fn a_citizen_holds_and_resumes() {
    let server = Server::start();
    let _seat = Phone::seat(&server, "1001");
    Sipp::start(&server, "hold.xml", &[]).finish();
    let call = server.closed(1).remove(0);
    assert_eq!(call["ended"]["released_by"], "caller");
}

#[test]
fn provisional_responses_are_reliable_for_who_insists() {
    let server = Server::start();
    let _seat = Phone::seat(&server, "1001");
    Sipp::start(&server, "prack.xml", &[]).finish();
    server.closed(1);
}

#[test]
fn a_long_session_is_refreshed() {
    let server = Server::with(Setup { server: &[("media_timeout_s", "600")], ..Setup::default() });
    let _seat = Phone::seat(&server, "1001");
    Sipp::start(&server, "session_timer.xml", &[]).finish();
    let call = server.closed(1).remove(0);
    assert!(call["ended"]["talk_ms"].as_u64() >= Some(40_000), "{call}");
}

#[test]
fn an_answer_is_repeated_until_its_ack_comes() {
    let server = Server::start();
    let _seat = Phone::seat(&server, "1001");
    let messages = Sipp::start(&server, "late_ack.xml", &[]).finish();
    let answers = messages.matches("SIP/2.0 200 OK").count();
    assert!(answers >= 4, "two repeated answers and that to BYE: {answers}\n{messages}");
    let call = server.closed(1).remove(0);
    assert_eq!(call["end_reason"], "normal");
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let server = Server::with(Setup { server: &[("media_timeout_s", "600")], ..Setup::default() });
    let mut seat = Phone::seat(&server, "1001");
    Sipp::start(&server, "no_ack.xml", &[]).finish();
    seat.wait_closed();
    let call = server.closed(1).remove(0);
    assert_eq!(call["end_reason"], "no_ack");
}

#[test]
fn dialled_digits_pass_between_different_payload_types() {
    let server = Server::start();
    let mut capture = Capture::start(server.rtp);
    let mut seat = Phone::seat(&server, "1001");
    let sipp = Sipp::start(&server, "dtmf.xml", &[]);
    let digit = seat.wait("CALL_DTMF_START");
    assert_eq!(digit["param"], "5");
    seat.command("sndcode", "7");
    server.record_more(Duration::from_secs(1));
    seat.hang_up();
    let media = sipp.media;
    sipp.finish();
    server.closed(1);
    capture.stop();
    let packets = capture.rtp();
    // (towards the citizen, payload type, digit, whether its end was told)
    let digit = |packet: &Packet| {
        let (digit, flags) = (*packet.payload.first()?, *packet.payload.get(1)?);
        Some((packet.to == media, packet.payload_type, digit, flags & 0x80 != 0))
    };
    let ours = packets.iter().filter(|packet| (server.rtp.0..=server.rtp.1).contains(&packet.from));
    let told: BTreeSet<_> = ours.filter(|packet| packet.payload_type >= 96).filter_map(digit).collect();
    let (to_seat, to_citizen) = (false, true);
    let wanted =
        [(to_seat, 101, 5, false), (to_seat, 101, 5, true), (to_citizen, 96, 7, false), (to_citizen, 96, 7, true)];
    assert_eq!(told, wanted.into());
}
