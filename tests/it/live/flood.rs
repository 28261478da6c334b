//! A flood of INVITEs, from strangers and from the trunk itself, while a call with sound goes on.

use std::sync::atomic::Ordering;

use super::town::Town;
use crate::net::hall::{Datagrams, ask};

const HOST: [u8; 4] = [127, 0, 0, 1];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invites_costs_a_live_call_no_packet_and_its_requests_are_answered() {
    let town = Town::open("flood", HOST.into(), |_| {}).await;
    let mut talk = town.talk();
    let stranger = Datagrams::new("127.0.0.2", town.sip);
    let mut last = talk.exchange();
    let mut serial = 100;
    for round in 0..400_u32 {
        for (from, count) in [(&stranger, 20), (&town.carrier, 4)] {
            for _ in 0..count {
                serial += 1;
                from.send(ask("INVITE", from.own(), "UDP", serial, ""));
            }
        }
        let heard = talk.exchange();
        assert_eq!(heard, last.map(|number| number.wrapping_add(1)), "round {round}: a packet is missing");
        last = heard;
        if round % 40 == 0 {
            assert_eq!(town.ask(&mut talk, "OPTIONS"), 200, "round {round}");
        }
    }
    let counters = town.house.server.office.look(|_, exchange| exchange.counters()).await.unwrap();
    assert!(counters.unknown_dropped > 1_000 && counters.unknown_answered < 1_000, "{counters:?}");
    let figures = &town.house.server.office.figures;
    assert!(figures.refused.load(Ordering::Relaxed) > 100, "the trunk's channels were full");
    town.hang_up(&mut talk);
    town.house.settle(|| town.house.get("/api/recordings").json()["rows"][0].is_object()).await;
    town.house.stop().await;
}
