//! Other phones on other roads: TCP, IPv6, another make, a carrier's border in between.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::baresip::{self, Phone};
use crate::kamailio::Sbc;
use crate::linphone::Linphone;
use crate::server::{Server, Setup};
use crate::sound::{self, CITIZEN, SEAT};

/// Both sides of the last call were heard by the other and recorded.
fn assert_heard(server: &Server, calls: usize, citizen: &[PathBuf], seat: &[PathBuf]) {
    let call = server.closed(calls).pop().expect("a call");
    let [left, right] = sound::read_recording(&server.recording(&call));
    sound::assert_only("left", &left, CITIZEN, SEAT);
    sound::assert_only("right", &right, SEAT, CITIZEN);
    sound::assert_only("the citizen's ear", &sound::read_heard(citizen), SEAT, CITIZEN);
    sound::assert_only("the seat's ear", &sound::read_heard(seat), CITIZEN, SEAT);
}

/// Calls, talks for two seconds, and one of the two hangs up.
fn talk(server: &Server, citizen: &mut Phone, seat: &mut Phone, seat_ends: bool) {
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(2));
    let (goes, stays) = if seat_ends { (seat, citizen) } else { (citizen, seat) };
    goes.hang_up();
    stays.wait_closed();
}

#[test]
fn a_seat_registers_and_talks_over_tcp() {
    let server = Server::start();
    let mut seat =
        Phone::registered(&server, baresip::Setup { transport: "tcp", ..Phone::seat_setup(&server, "1001") });
    let mut citizen = Phone::citizen(&server);
    for seat_ends in [true, false] {
        talk(&server, &mut citizen, &mut seat, seat_ends);
        server.closed(if seat_ends { 1 } else { 2 });
    }
    assert_heard(&server, 2, &citizen.heard(), &seat.heard());
}

#[test]
fn a_citizen_in_mu_law_talks_with_a_seat_in_a_law() {
    let server = Server::start();
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::start(&server, baresip::Setup { codec: "PCMU", ..Phone::citizen_setup(server.sip) });
    talk(&server, &mut citizen, &mut seat, false);
    assert_heard(&server, 1, &citizen.heard(), &seat.heard());
}

#[test]
fn a_citizen_on_ipv4_talks_with_a_seat_on_ipv6() {
    let server = Server::start();
    let setup = Phone::seat_setup(&server, "1001");
    let setup = baresip::Setup { server: server.sip6, local: Ipv6Addr::LOCALHOST.into(), ..setup };
    let mut seat = Phone::registered(&server, setup);
    let mut citizen = Phone::citizen(&server);
    talk(&server, &mut citizen, &mut seat, true);
    assert_heard(&server, 1, &citizen.heard(), &seat.heard());
}

#[test]
fn a_carriers_border_stays_in_the_way_of_both_byes() {
    let server = Server::with(Setup { behind_sbc: true, ..Setup::default() });
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, server.sbc));
    let sbc = Sbc::start(at, server.sip);
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::start(&server, Phone::citizen_setup(at));
    for (calls, seat_ends) in [(1, true), (2, false)] {
        talk(&server, &mut citizen, &mut seat, seat_ends);
        server.closed(calls);
    }
    assert_heard(&server, 2, &citizen.heard(), &seat.heard());
    assert_eq!(sbc.seen("BYE", server.sip), 1, "ours, after the seat's");
    assert_eq!(sbc.seen("BYE", citizen.address), 1, "the citizen's");
    assert!(sbc.seen("ACK", citizen.address) >= 2);
}

#[test]
fn linphone_is_a_seat_and_a_citizen() {
    let server = Server::start();
    let mut seat = Linphone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait_established();
    server.record_for(Duration::from_secs(3));
    citizen.hang_up();
    seat.wait_closed();
    assert_heard(&server, 1, &citizen.heard(), &[seat.heard()]);
    seat.quit();

    let mut seat = Phone::seat(&server, "1002");
    let mut citizen = Linphone::citizen(&server);
    citizen.dial("12331");
    citizen.wait_established();
    seat.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(3));
    citizen.hang_up();
    seat.wait_closed();
    citizen.wait_closed();
    assert_heard(&server, 2, &[citizen.heard()], &seat.heard());
}
