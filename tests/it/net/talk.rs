//! Calls over real sockets: UDP and TCP, IPv4 and IPv6.

use hotline::call::{SeatAsk, SeatNo, Verb};
use hotline::exchange::Input;
use hotline::net::driver::Event;
use hotline::net::udp::{self, Sent};
use hotline::sip::digest::Answerer;
use hotline::sip::flow::ListenerId;
use hotline::sip::message::{Message, Method, text};

use super::hall::{DEVICE, Datagrams, Hall, Stream, ask, request, within};
use crate::exchange::peers::{reply, sdp};

/// A REGISTER of seat 1001 from there, with or without its proof.
fn register(own: std::net::SocketAddr, transport: &str, cseq: u32, proof: &str) -> String {
    let more = format!("{proof}Contact: <sip:1001@{own};transport={}>\r\n", transport.to_lowercase());
    let uri = "sip:hotline";
    format!(
        "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch=z9hG4bK-r{cseq};rport\r\n\
         From: <sip:1001@hotline>;tag=r\r\nTo: <sip:1001@hotline>\r\nCall-ID: r-{own}\r\nCSeq: {cseq} REGISTER\r\n\
         Max-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn proof(challenge: &hotline::sip::message::Response) -> String {
    let mut answerer = Answerer::default();
    let (name, value) = answerer
        .authorize(challenge, &Method::Register, "sip:hotline", "1001", "secret-1001", "c0ffee")
        .expect("a challenge");
    format!("{}: {}\r\n", name.as_str(), text(&value))
}

#[test]
fn an_ipv4_trunk_talks_to_an_ipv6_seat_over_udp() {
    let hall = Hall::open();
    let phone = Datagrams::new("::1", hall.addresses[2]);
    phone.send(register(phone.own(), "UDP", 1, ""));
    let challenge = phone.answer();
    assert_eq!(challenge.status, 401);
    phone.send(register(phone.own(), "UDP", 2, &proof(&challenge)));
    assert_eq!(phone.answer().status, 200);

    let trunk = Datagrams::new("127.0.0.1", hall.addresses[0]);
    trunk.send(ask("INVITE", trunk.own(), "UDP", 1, &sdp("127.0.0.1", 4000, "sendrecv")));
    let ok = trunk.answer();
    assert_eq!(ok.status, 200);
    trunk.send(within("ACK", 1, trunk.own(), "UDP", &ok));
    let invite = request(&Method::Invite, || phone.hear());
    assert!(String::from_utf8_lossy(&invite.body).contains("c=IN IP6 ::1\r\n"));
    let contact = vec![format!("Contact: <sip:1001@{}>", phone.own())];
    phone.send(reply(&invite, 200, "seat", &contact, &sdp("::1", 6000, "sendrecv")));
    request(&Method::Ack, || phone.hear());
    hall.until("they talk", |exchange| exchange.board().calls().iter().any(|call| call.stage == "talking"));
    trunk.send(within("BYE", 2, trunk.own(), "UDP", &ok));
    assert_eq!(trunk.answer().status, 200);
    let bye = request(&Method::Bye, || phone.hear());
    phone.send(reply(&bye, 200, "", &[], ""));
    hall.until("ports are free", |exchange| exchange.load().1 == 0);
}

#[test]
fn answers_and_requests_use_the_connection_that_the_peer_opened() {
    let hall = Hall::open();
    let mut phone = Stream::open(hall.addresses[3]);
    let own = phone.own();
    phone.send(register(own, "TCP", 1, ""));
    let challenge = phone.answer();
    phone.send(register(own, "TCP", 2, &proof(&challenge)));
    assert_eq!(phone.answer().status, 200);

    let mut trunk = Stream::open(hall.addresses[1]);
    let own = trunk.own();
    trunk.send(ask("INVITE", own, "TCP", 1, &sdp("127.0.0.1", 4000, "sendrecv")));
    let ok = trunk.answer();
    assert_eq!(ok.status, 200);
    trunk.send(within("ACK", 1, own, "TCP", &ok));
    let invite = request(&Method::Invite, || phone.hear());
    let contact = vec![format!("Contact: <sip:1001@{};transport=tcp>", phone.own())];
    phone.send(reply(&invite, 200, "seat", &contact, &sdp("::1", 6000, "sendrecv")));
    request(&Method::Ack, || phone.hear());
    // The seat hangs up; our BYE reaches the trunk on its own connection.
    let Ok(Message::Request(invite)) = Message::parse(&Message::Request(invite).to_bytes()) else { panic!() };
    let line = |name| invite.headers.text(&name).unwrap().into_owned();
    use hotline::sip::message::Name;
    let bye = format!(
        "BYE {} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bK-bye;rport\r\nFrom: {};tag=seat\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        invite.headers.contact().unwrap().unwrap().uri.raw,
        phone.own(),
        line(Name::To),
        line(Name::From),
        line(Name::CallId),
    );
    hall.until("they talk", |exchange| exchange.board().calls().iter().any(|call| call.stage == "talking"));
    phone.send(bye);
    assert_eq!(phone.answer().status, 200);
    let bye = request(&Method::Bye, || trunk.hear());
    trunk.send(reply(&bye, 200, "", &[], ""));
    hall.until("ports are free", |exchange| exchange.load().1 == 0);

    // Its phone closes the connection: the seat cannot be rung any more.
    let is_reachable = |exchange: &hotline::exchange::Exchange| {
        exchange.board().seats().iter().any(|seat| seat.seat.0 == "1001" && seat.reachable)
    };
    assert!(hall.look(is_reachable));
    drop(phone);
    hall.until("the seat is gone", move |exchange| !is_reachable(exchange));
}

/// It has no account and stands where DNS says.
#[test]
fn a_device_of_the_directory_joins_a_call() {
    let hall = Hall::open();
    let phone = Datagrams::new("::1", hall.addresses[2]);
    phone.send(register(phone.own(), "UDP", 1, ""));
    phone.send(register(phone.own(), "UDP", 2, &proof(&phone.answer())));
    assert_eq!(phone.answer().status, 200);
    let device = Datagrams::new("::1", hall.addresses[2]);
    let resolved = Input::Resolved { trunk: DEVICE.into(), addresses: vec![device.own()] };
    hall.inbox.blocking_send(Event::Input(resolved)).ok().unwrap();

    let trunk = Datagrams::new("127.0.0.1", hall.addresses[0]);
    trunk.send(ask("INVITE", trunk.own(), "UDP", 1, &sdp("127.0.0.1", 4000, "sendrecv")));
    let ok = trunk.answer();
    trunk.send(within("ACK", 1, trunk.own(), "UDP", &ok));
    let pick_up = |socket: &Datagrams, port: u16| {
        let invite = request(&Method::Invite, || socket.hear());
        let contact = vec![format!("Contact: <sip:phone@{}>", socket.own())];
        socket.send(reply(&invite, 200, "phone", &contact, &sdp("::1", port, "sendrecv")));
        request(&Method::Ack, || socket.hear());
        invite
    };
    pick_up(&phone, 6000);
    hall.until("they talk", |exchange| exchange.board().calls().iter().any(|call| call.stage == "talking"));
    let direct = SeatAsk::Talk(Verb::Direct("601".into()));
    hall.inbox.blocking_send(Event::Input(Input::Ask { seat: SeatNo("1001".into()), ask: direct })).ok().unwrap();
    let invite = pick_up(&device, 6100);
    assert_eq!(invite.uri, format!("sip:671@{}", device.own()));
    hall.until("all three talk", |exchange| exchange.board().calls().iter().any(|call| call.stage == "three_way"));
    trunk.send(within("BYE", 2, trunk.own(), "UDP", &ok));
    assert_eq!(trunk.answer().status, 200);
    for socket in [&phone, &device] {
        let bye = request(&Method::Bye, || socket.hear());
        socket.send(reply(&bye, 200, "", &[], ""));
    }
    hall.until("ports are free", |exchange| exchange.load().1 == 0);
}

#[test]
fn a_stranger_is_told_so() {
    let hall = Hall::open();
    let stranger = Datagrams::new("127.0.0.2", hall.addresses[0]);
    stranger.send(ask("INVITE", stranger.own(), "UDP", 1, ""));
    assert_eq!(stranger.answer().status, 403);
}

#[test]
fn an_answer_too_long_for_a_datagram_costs_nobody_else_anything() {
    let hall = Hall::open();
    let trunk = Datagrams::new("127.0.0.1", hall.addresses[0]);
    trunk.send(ask("INVITE", trunk.own(), "UDP", 1, &sdp("127.0.0.1", 4000, "sendrecv")));
    assert_eq!(trunk.answer().status, 200);
    // Its answer repeats the name, and adds more than a datagram has room for.
    let options = ask("OPTIONS", trunk.own(), "UDP", 2, "").replace("Max-Forwards: 70\r\n", "");
    let name = "a".repeat(65_507 - options.len() - 3);
    trunk.send(options.replace("From: <", &format!("From: \"{name}\" <")));
    trunk.send(ask("OPTIONS", trunk.own(), "UDP", 3, ""));
    let answered = |answer: &hotline::sip::message::Response| answer.headers.call_id().unwrap().starts_with("3-");
    while !answered(&trunk.answer()) {}
    assert_eq!(hall.look(|exchange| exchange.board().live()), 1);
}

#[tokio::test]
async fn a_datagram_that_finds_no_way_is_as_lost_as_any() {
    let (inbox, _events) = tokio::sync::mpsc::channel(1);
    let socket = udp::listen(ListenerId(0), "127.0.0.1:0".parse().unwrap(), inbox).unwrap();
    socket.writable().await.unwrap();
    let own = socket.local_addr().unwrap();
    for (length, to, sent) in [
        (10, own, Sent::Gone),
        (65_507, own, Sent::Gone),
        (65_508, own, Sent::TooLong),
        // Nothing outside is reached from the loopback's address.
        (10, "192.0.2.1:5060".parse().unwrap(), Sent::Lost),
    ] {
        assert_eq!(udp::send(&socket, &vec![b'x'; length], to), sent, "{length} to {to}");
    }
}
