//! A flood from strangers while a call goes on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hotline::net::connection::pair;
use hotline::net::tcp::{Connections, MOST};
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::Method;

use super::hall::{Datagrams, Hall, ask, within};
use crate::exchange::peers::sdp;

#[test]
fn a_flood_of_invites_from_a_stranger_does_no_harm_to_a_live_call() {
    let hall = Hall::open();
    let trunk = Datagrams::new("127.0.0.1", hall.addresses[0]);
    trunk.send(ask("INVITE", trunk.own(), "UDP", 1, &sdp("127.0.0.1", 4000, "sendrecv")));
    let ok = trunk.answer();
    trunk.send(within("ACK", 1, trunk.own(), "UDP", &ok));

    let stranger = Datagrams::new("127.0.0.2", hall.addresses[0]);
    let mut worst = Duration::ZERO;
    for round in 0..100_u32 {
        for count in 0..200 {
            stranger.send(ask("INVITE", stranger.own(), "UDP", 10 + round * 200 + count, ""));
        }
        let start = Instant::now();
        let options = within("OPTIONS", 2 + round, trunk.own(), "UDP", &ok);
        // As any SIP peer over UDP, it asks again when no answer comes.
        trunk.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let answered = (0..8).any(|_| {
            trunk.send(&options);
            let mut buffer = [0; 4096];
            trunk.socket.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(b"SIP/2.0 200"))
        });
        assert!(answered, "round {round}");
        worst = worst.max(start.elapsed());
    }
    let counters = hall.look(|exchange| exchange.counters());
    assert!(counters.unknown_dropped > 1_000, "{counters:?}");
    assert!(counters.unknown_answered < 1_000, "{counters:?}");
    assert!(*hall.traced.lock().unwrap() < 1_500, "what is dropped is not traced");
    assert_eq!(hall.look(|exchange| exchange.board().live()), 1);
    trunk.send(within("BYE", 500, trunk.own(), "UDP", &ok));
    trunk.socket.set_read_timeout(Some(super::hall::PATIENCE)).unwrap();
    let bye = loop {
        let answer = trunk.answer();
        if answer.headers.cseq().unwrap().method == Method::Bye {
            break answer;
        }
    };
    assert_eq!(bye.status, 200);
    println!("slowest answer in the flood: {worst:?}");
}

#[test]
fn strangers_connections_give_way_to_those_of_trunks_and_seats() {
    let mut connections = Connections::default();
    let mut tasks = Vec::new();
    let at = |listener: u16, number: usize| Flow {
        listener: ListenerId(listener),
        transport: Transport::Tcp,
        remote: SocketAddr::from(([10, 0, (number / 250) as u8, (number % 250) as u8], 40_000)),
    };
    let knows = |flow: Flow| flow.listener == ListenerId(0);
    let mut connect = |flow: Flow| {
        let (connection, task) = pair();
        tasks.push(task);
        connections.accepted(flow, connection, knows);
        (0..MOST + 10).filter(|number| connections.has(at(1, *number))).count()
    };
    connect(at(0, 0));
    for number in 1..MOST {
        assert_eq!(connect(at(1, number)), number);
    }
    let left = connect(at(0, 1));
    assert!((MOST / 2..MOST - 1).contains(&left), "{left}");
    let left = connect(at(1, MOST));
    assert!(connections.has(at(0, 0)) && connections.has(at(0, 1)), "whoever is known stays");
    assert!(!connections.has(at(1, 1)) && connections.has(at(1, MOST - 1)), "the oldest have gone");
    assert!(connections.has(at(1, MOST)), "{left}");
}
