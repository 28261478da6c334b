//! What can go wrong on a TCP connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use hotline::exchange::Input;
use hotline::net::driver::Event;
use hotline::sip::message::{Message, Method};

use super::hall::{Hall, PATIENCE, Stream, ask, request};
use crate::exchange::peers::reply;

#[test]
fn a_double_crlf_is_answered_with_a_single_one() {
    let hall = Hall::open();
    let mut trunk = Stream::open(hall.addresses[1]);
    for _ in 0..3 {
        trunk.send("\r\n\r\n");
        let mut pong = [0; 2];
        trunk.stream.read_exact(&mut pong).unwrap();
        assert_eq!(&pong, b"\r\n");
    }
    let own = trunk.own();
    trunk.send(ask("OPTIONS", own, "TCP", 1, ""));
    assert_eq!(trunk.answer().status, 200, "and messages go on");
}

#[test]
fn messages_that_come_in_pieces_or_together_are_told_apart() {
    let hall = Hall::open();
    let mut trunk = Stream::open(hall.addresses[1]);
    let own = trunk.own();
    for byte in ask("OPTIONS", own, "TCP", 1, "").as_bytes().chunks(7) {
        trunk.send(byte);
    }
    assert_eq!(trunk.answer().headers.call_id().unwrap(), format!("1-{own}"));
    let together: String = (2..6).map(|serial| ask("OPTIONS", own, "TCP", serial, "")).collect();
    trunk.send(together);
    for serial in 2..6 {
        assert_eq!(trunk.answer().headers.call_id().unwrap(), format!("{serial}-{own}"));
    }
}

#[test]
fn a_stream_that_cannot_be_followed_gets_400_and_is_closed() {
    let hall = Hall::open();
    for (bad, word) in [
        ("Content-Length: 0", "Content-Length: 0\r\nContent-Length: 7"),
        ("Content-Length: 0", "Content-Length: -1"),
        ("Content-Length: 0", "Content-Length: 99999999"),
        ("Content-Length: 0\r\n", ""),
    ] {
        let mut trunk = Stream::open(hall.addresses[1]);
        let own = trunk.own();
        trunk.send(ask("OPTIONS", own, "TCP", 1, "").replace(bad, word));
        // More is on its way when we close: the answer arrives all the same.
        let _ = trunk.stream.write_all(&[b'x'; 100]);
        let rest = trunk.rest();
        let Ok(Message::Response(response)) = Message::parse(&rest) else {
            panic!("{word}: {}", String::from_utf8_lossy(&rest))
        };
        assert_eq!(response.status, 400, "{word}");
        assert!(response.reason.len() > "Bad Request: ".len(), "{word}: {}", response.reason);
    }
    // What is no SIP at all is closed without a word.
    let mut trunk = Stream::open(hall.addresses[1]);
    trunk.send([0x16, 3, 1, 2, 0]);
    assert!(trunk.rest().is_empty());
}

#[test]
fn a_message_that_ends_in_the_middle_is_forgotten_with_its_connection() {
    let hall = Hall::open();
    let mut trunk = Stream::open(hall.addresses[1]);
    let own = trunk.own();
    let whole = ask("INVITE", own, "TCP", 1, &crate::exchange::peers::sdp("127.0.0.1", 4000, "sendrecv"));
    trunk.send(&whole[..whole.len() - 20]);
    trunk.stream.shutdown(Shutdown::Write).unwrap();
    assert!(trunk.rest().is_empty());
    assert_eq!(hall.look(|exchange| exchange.counters().received), 0);
    let mut trunk = Stream::open(hall.addresses[1]);
    let own = trunk.own();
    trunk.send(ask("OPTIONS", own, "TCP", 2, ""));
    assert_eq!(trunk.answer().status, 200);
}

#[test]
fn a_connection_that_is_needed_and_not_there_is_opened_from_the_listeners_address() {
    let hall = Hall::open();
    // A trunk that we have a word for, without its having connected.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let flow = hotline::sip::flow::Flow {
        listener: hotline::sip::flow::ListenerId(1),
        transport: hotline::sip::flow::Transport::Tcp,
        remote: to,
    };
    let bye = ask("BYE", to, "TCP", 1, "");
    // The journal's text has no Via of its own.
    let bye: String = bye.split_inclusive("\r\n").filter(|line| !line.starts_with("Via")).collect();
    hall.inbox.blocking_send(Event::Input(Input::Orphan { flow, bye: bye.into_bytes() })).ok().unwrap();
    let (mut stream, from) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(from.ip(), hall.addresses[1].ip());
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    let bye = request(&Method::Bye, || Message::parse(&bytes[..length]).unwrap());
    assert_eq!(bye.headers.via().unwrap().port, Some(hall.addresses[1].port()));
    stream.write_all(reply(&bye, 200, "x", &[], "").as_bytes()).unwrap();

    // Nobody listens there: the transaction fails, and nothing stays.
    drop((listener, stream));
    hall.inbox
        .blocking_send(Event::Input(Input::Orphan { flow, bye: ask("BYE", to, "TCP", 2, "").into() }))
        .ok()
        .unwrap();
    hall.until("all is over", |exchange| exchange.holdings().transactions == 0);
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    use hotline::net::connection::{Unsent, pair};
    let (connection, served) = pair();
    let sent = (0..).take_while(|_| connection.send(vec![0; 64 * 1024]).is_ok()).count();
    assert_eq!(sent, 16, "a mebibyte");
    assert_eq!(connection.send(vec![0; 64 * 1024]), Err(Unsent::Full));
    let (small, _served) = pair();
    let sent = (0..).take_while(|_| small.send(vec![0; 10]).is_ok()).count();
    assert_eq!(sent, 256, "messages");
    drop(served);
    assert_eq!(connection.send(vec![1]), Err(Unsent::Ended(vec![1])));
}
