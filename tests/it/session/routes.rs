//! Which way requests inside the dialog go, and what they say. (RFC 3261 §12.1, §12.2.1.1)

use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Message, Name, Request};
use hotline::sip::session::Settings;

use super::{AGREED, Bench, flow, settings, talk, text};

const ROUTES: &str = "Record-Route: <sip:10.0.0.1;lr>, \"x\" <sip:10.0.0.2:5070;lr;r2=on>;ftag=1\r\n\
                      Record-Route: <sip:10.0.0.3;lr>\r\n";

fn routes(request: &Request) -> Vec<String> {
    request.headers.all(&Name::Route).map(|route| String::from_utf8_lossy(route).into_owned()).collect()
}

fn way(bench: &Bench) -> String {
    bench.sent.last().unwrap().0.remote.to_string()
}

#[test]
fn the_called_side_keeps_the_order() {
    let mut bench = Bench::talking(settings(), ROUTES);
    let answer = bench.sent.iter().rev().find_map(|(_, message)| match message {
        Message::Response(response) if response.status == 200 => Some(response.clone()),
        Message::Response(_) | Message::Request(_) => None,
    });
    let recorded: Vec<Vec<u8>> =
        answer.unwrap().headers.0.into_iter().filter(|h| h.name == Name::RecordRoute).map(|h| h.value).collect();
    let expected: Vec<&[u8]> =
        vec![b"<sip:10.0.0.1;lr>, \"x\" <sip:10.0.0.2:5070;lr;r2=on>;ftag=1", b"<sip:10.0.0.3;lr>"];
    assert_eq!(recorded, expected, "byte for byte");
    bench.hang_up();
    let bye = bench.request("BYE");
    assert_eq!(bye.uri, "sip:peer@192.0.2.1:5060");
    assert_eq!(routes(&bye), ["<sip:10.0.0.1;lr>", "\"x\" <sip:10.0.0.2:5070;lr;r2=on>;ftag=1", "<sip:10.0.0.3;lr>"]);
    assert_eq!(way(&bench), "10.0.0.1:5060");
}

#[test]
fn the_calling_side_turns_it_round() {
    let mut bench = Bench::dialling(settings());
    assert_eq!(bench.respond("INVITE", 200, "peer", ROUTES, &talk()), ["> ACK", AGREED, "! Answered"]);
    for method in ["ACK", "BYE"] {
        if method == "BYE" {
            bench.hang_up();
        }
        let request = bench.request(method);
        assert_eq!(request.uri, "sip:peer@192.0.2.1:5060");
        assert_eq!(
            routes(&request),
            ["<sip:10.0.0.3;lr>", "\"x\" <sip:10.0.0.2:5070;lr;r2=on>;ftag=1", "<sip:10.0.0.1;lr>"]
        );
        assert_eq!(way(&bench), "10.0.0.3:5060");
    }
}

#[test]
fn a_strict_router_gets_itself_as_request_uri() {
    let strict =
        "Record-Route: <sip:strict@10.0.0.1:5080;method=INVITE?Subject=x>\r\nRecord-Route: <sip:10.0.0.2;lr>\r\n";
    let mut bench = Bench::talking(settings(), strict);
    bench.hang_up();
    let bye = bench.request("BYE");
    assert_eq!(bye.uri, "sip:strict@10.0.0.1:5080", "without what a Request-URI may not have");
    assert_eq!(routes(&bye), ["<sip:10.0.0.2;lr>", "<sip:peer@192.0.2.1:5060>"]);
    assert_eq!(way(&bench), "10.0.0.1:5080");
}

#[test]
fn the_answers_route_set_and_target_count() {
    let mut bench = Bench::dialling(settings());
    let early = "Record-Route: <sip:10.0.0.9;lr>\r\nContact: <sip:early@192.0.2.9>\r\n";
    bench.respond("INVITE", 180, "peer", early, "");
    bench.respond("INVITE", 200, "peer", "Record-Route: <sip:10.0.0.4;lr>\r\n", &talk());
    assert_eq!(routes(&bench.request("ACK")), ["<sip:10.0.0.4;lr>"]);
    assert_eq!(bench.request("ACK").uri, "sip:peer@192.0.2.1:5060");
    // A PRACK goes the early dialog's way.
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 183, "peer", &format!("Require: 100rel\r\nRSeq: 1\r\n{ROUTES}"), "");
    let prack = bench.request("PRACK");
    assert_eq!(
        (prack.uri.as_str(), routes(&prack).len(), way(&bench).as_str()),
        ("sip:peer@192.0.2.1:5060", 3, "10.0.0.3:5060")
    );
    // A 200 without Contact leaves the early one.
    let mut bench = Bench::dialling(settings());
    bench.respond("INVITE", 180, "peer", early, "");
    let mut answer = bench.response_to(&bench.request("INVITE"), 200, "peer", "", &talk());
    answer.headers.remove(&Name::Contact);
    bench.receive(Message::Response(answer));
    assert_eq!((bench.request("ACK").uri.as_str(), way(&bench).as_str()), ("sip:early@192.0.2.9", "192.0.2.9:5060"));
    // A Record-Route that cannot be read must not leave the answer without its ACK.
    let mut bench = Bench::dialling(settings());
    let odd = "Record-Route: <<>\r\nRecord-Route: <sip:10.0.0.4;lr>\r\n";
    assert_eq!(bench.respond("INVITE", 200, "peer", odd, &talk())[0], "> ACK");
    assert_eq!(routes(&bench.request("ACK")), ["<sip:10.0.0.4;lr>"]);
}

#[test]
fn the_target_moves_with_reinvite_and_update() {
    let mut bench = Bench::talking(settings(), "");
    bench.ask("UPDATE", "Contact: <sip:moved@192.0.2.7:5090>\r\n", "");
    bench.probe();
    assert_eq!(
        (bench.request("OPTIONS").uri.as_str(), way(&bench).as_str()),
        ("sip:moved@192.0.2.7:5090", "192.0.2.7:5090")
    );
    bench.ask("INVITE", "Contact: <sip:again@192.0.2.8>\r\n", &talk());
    bench.ack("");
    // Not with anything else, and not with what is refused.
    bench.ask("INFO", "Contact: <sip:no@192.0.2.66>\r\n", "");
    bench.ask("INVITE", "Contact: <sip:no@192.0.2.66>\r\n", "nonsense");
    bench.ack_failure();
    bench.hang_up();
    assert_eq!(bench.request("BYE").uri, "sip:again@192.0.2.8");
}

/// (`follow_contact`, transport, contact of a peer at 192.0.2.1:5066, where our BYE goes)
#[test]
fn contact_or_source() {
    let rows = [
        (true, Transport::Udp, "<sip:peer@192.0.2.50:5090>", "192.0.2.50:5090"),
        (false, Transport::Udp, "<sip:peer@10.1.1.1:5090>", "192.0.2.1:5066"),
        // A name is not looked up in the middle of a call; what came from there came from the source.
        (true, Transport::Udp, "<sip:peer@carrier.example>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<tel:13800000001>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<sip:peer@0.0.0.0:5060>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<sip:peer@[2001:db8::1]:5060>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<sip:peer@192.0.2.50:5090;transport=TCP>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<sip:peer@192.0.2.50:5090;transport=UDP>", "192.0.2.50:5090"),
        (true, Transport::Tcp, "<sip:peer@192.0.2.50:5090;transport=tcp>", "192.0.2.1:5066"),
        (false, Transport::Tcp, "<sip:peer@192.0.2.50:5090>", "192.0.2.1:5066"),
        (true, Transport::Udp, "<sip:peer@[fe80::1]:5090>", "[fe80::1%3]:5090"),
    ];
    for (follow_contact, transport, contact, expected) in rows {
        let source = if expected.contains("fe80") { "[fe80::1%3]:5066" } else { "192.0.2.1:5066" };
        let mut bench = Bench::new(Settings { follow_contact, ..settings() });
        bench.peer.flow = flow(transport, source);
        bench.peer.contact = contact;
        bench.invite("", &talk());
        bench.answer();
        bench.ack("");
        bench.hang_up();
        assert_eq!(way(&bench), expected, "{follow_contact} {transport:?} {contact}");
        assert_eq!(bench.sent.last().unwrap().0.transport, transport);
    }
}

#[test]
fn the_source_moves() {
    // A NAT opened another port; a carrier's contact stays what it is; a connection was made anew.
    let rows = [
        (false, Transport::Udp, "192.0.2.1:6666"),
        (true, Transport::Udp, "192.0.2.1:5060"),
        (false, Transport::Tcp, "192.0.2.1:6666"),
        (true, Transport::Tcp, "192.0.2.1:6666"),
    ];
    for (follow_contact, transport, expected) in rows {
        let mut bench = Bench::new(Settings { follow_contact, ..settings() });
        bench.peer.flow = flow(transport, "192.0.2.1:5066");
        bench.invite("", &talk());
        bench.answer();
        bench.ack("");
        bench.peer.flow = flow(transport, "192.0.2.1:6666");
        bench.ask("INFO", "", "");
        bench.probe();
        assert_eq!(way(&bench), expected, "{follow_contact} {transport:?}");
        // Another listener has another address, which our Via and Contact do not name.
        bench.peer.flow = Flow { listener: hotline::sip::flow::ListenerId(7), ..flow(transport, "192.0.2.1:7777") };
        bench.ask("INFO", "", "");
        bench.hang_up();
        assert_eq!(way(&bench), expected);
    }
}

#[test]
fn a_broken_connection_is_opened_again_to_the_contact() {
    let over = flow(Transport::Tcp, "192.0.2.1:40000");
    let mut bench = Bench::new(settings());
    bench.peer.flow = over;
    bench.invite("", &talk());
    bench.answer();
    bench.ack("");
    bench.session().on_transport_failed(flow(Transport::Tcp, "192.0.2.1:40001"));
    assert_eq!(bench.session().flow(), over);
    bench.session().on_transport_failed(over);
    bench.hang_up();
    assert_eq!(way(&bench), "192.0.2.1:5060");
    // A datagram that could not be delivered moves nothing.
    let mut bench = Bench::talking(Settings { follow_contact: false, ..settings() }, "Contact: <sip:a@10.0.0.9>\r\n");
    let here = bench.session().flow();
    bench.session().on_transport_failed(here);
    bench.hang_up();
    assert_eq!(way(&bench), "192.0.2.1:5060");
}

#[test]
fn names_go_back_as_they_came() {
    let mut bench = Bench::new(settings());
    let mut invite = bench.write("INVITE", (101, 1), "", "", &talk());
    bench.peer.invite = (101, 1);
    invite.headers.set(Name::From, b"\"\xd6\xd0\xb9\xfa\" <sip:13800000001@192.0.2.1>;tag=peer;y=\"a,b\"".to_vec());
    bench.receive(Message::Request(invite));
    bench.answer();
    bench.ack("");
    bench.hang_up();
    let bye = bench.request("BYE");
    assert_eq!(
        bye.headers.get(&Name::To).unwrap(),
        b"\"\xd6\xd0\xb9\xfa\" <sip:13800000001@192.0.2.1>;tag=peer;y=\"a,b\""
    );
    assert_eq!(text(&bye.headers, &Name::CSeq), "1 BYE");
    assert_eq!(text(&bye.headers, &Name::MaxForwards), "70");
    assert_eq!(bye.headers.get(&Name::Contact), None);
}
