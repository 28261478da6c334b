//! Everything over IPv6 alone: SIP over UDP and TCP, RTP, HTTP. R108.

use std::net::Ipv6Addr;

use hotline::sip::message::Method;

use super::town::Town;
use crate::api::house::Files;
use crate::exchange::peers::{reply, sdp};
use crate::net::hall::{Stream, ask, within};

/// The device of a unit that no listener could reach.
fn without_ipv4(files: &Files) {
    files.edit("dialplan/units.toml", "sip:671@192.0.2.71:5060", "sip:671@[2001:db8::71]:5060");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_and_a_seat_on_ipv6_talk_and_the_api_is_asked_there() {
    let town = Town::open("ipv6", Ipv6Addr::LOCALHOST.into(), |files| {
        without_ipv4(files);
        files.edit("sip-configs/server.toml", "http = \"127.0.0.1:0\"", "http = \"[::1]:0\"");
    })
    .await;
    let mut talk = town.talk();
    let mut last = talk.exchange();
    for _ in 0..50 {
        let heard = talk.exchange();
        assert_eq!(heard, last.map(|number| number.wrapping_add(1)));
        last = heard;
    }
    assert!(town.house.server.office.http.is_ipv6());
    let calls = town.house.get("/api/calls").json();
    assert_eq!((&calls["rows"][0]["stage"], &calls["rows"][0]["trunk"]), (&"talking".into(), &"loopback".into()));
    town.hang_up(&mut talk);
    town.house.settle(|| town.house.get("/api/tickets").json()["rows"][0]["t_end"].is_i64()).await;
    town.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_calls_over_tcp_on_ipv6() {
    let town = Town::open("ipv6-tcp", Ipv6Addr::LOCALHOST.into(), without_ipv4).await;
    let mut trunk = Stream::open(town.sip);
    let own = trunk.own();
    trunk.send(ask("INVITE", own, "TCP", 1, &sdp("::1", 4000, "sendrecv")));
    let invite = town.seat_hears(&Method::Invite);
    let contact = [format!("Contact: <sip:1001@{}>", town.seat.own())];
    town.seat.send(reply(&invite, 200, "seat", &contact, &sdp("::1", 6000, "sendrecv")));
    town.seat_hears(&Method::Ack);
    let ok = trunk.answer();
    assert_eq!(ok.status, 200);
    assert!(String::from_utf8_lossy(&ok.body).contains("c=IN IP6 ::1\r\n"));
    let contact = ok.headers.contact().unwrap().unwrap().uri.raw;
    assert!(contact.contains("@[::1]:") && contact.contains("transport=tcp"), "{contact}");
    trunk.send(within("ACK", 1, own, "TCP", &ok));
    trunk.send(within("BYE", 2, own, "TCP", &ok));
    assert_eq!(trunk.answer().status, 200);
    let bye = town.seat_hears(&Method::Bye);
    town.seat.send(reply(&bye, 200, "", &[], ""));
    town.house.stop().await;
}
