//! A phone with a UDP socket of its own, which registers, and answers that it is there.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use hotline::sip::digest::Answerer;
use hotline::sip::message::{Message, Method, Request, Response, text};

use crate::exchange::peers::{message, reply};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Handset {
    socket: UdpSocket,
    server: SocketAddr,
    seat: String,
    answers: Receiver<Response>,
    /// Whatever it is asked but OPTIONS.
    pub asked: Receiver<Request>,
    answerer: Answerer,
    cseq: u32,
}

impl Handset {
    pub fn new(seat: &str, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (heard, (answer, answers), (ask, asked)) = (socket.try_clone().unwrap(), mpsc::channel(), mpsc::channel());
        std::thread::spawn(move || {
            let mut bytes = [0; 65_536];
            // A server that has been killed refuses what we send meanwhile; a test that is over hears nothing.
            loop {
                let Ok(length) = heard.recv(&mut bytes) else { continue };
                let open = match Message::parse(&bytes[..length]) {
                    Ok(Message::Request(options)) if options.method == Method::Options => {
                        heard.send_to(reply(&options, 200, "pong", &[], "").as_bytes(), server).is_ok()
                    }
                    Ok(Message::Request(request)) => ask.send(request).is_ok(),
                    Ok(Message::Response(response)) => answer.send(response).is_ok(),
                    Err(unreadable) => panic!("{unreadable:?}"),
                };
                if !open {
                    return;
                }
            }
        });
        Self { socket, server, seat: seat.to_owned(), answers, asked, answerer: Answerer::default(), cseq: 0 }
    }

    pub fn own(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// With this password, answering the challenge.
    pub fn register(&mut self, password: &str) -> Response {
        let challenge = self.ask(None);
        assert_eq!(challenge.status, 401, "{}", challenge.reason);
        let (uri, seat) = (format!("sip:{}", self.server), self.seat.clone());
        let proof = self.answerer.authorize(&challenge, &Method::Register, &uri, &seat, password, "c0ffee");
        let (name, value) = proof.expect("a challenge that can be answered");
        self.answerer.accepted();
        self.ask(Some(format!("{}: {}", name.as_str(), text(&value))))
    }

    fn ask(&mut self, proof: Option<String>) -> Response {
        self.cseq += 1;
        let (own, server, seat, cseq) = (self.own(), self.server, &self.seat, self.cseq);
        let mut headers = vec![
            format!("Via: SIP/2.0/UDP {own};branch=z9hG4bK-{cseq}-{};rport", own.port()),
            format!("From: <sip:{seat}@{server}>;tag={cseq}"),
            format!("To: <sip:{seat}@{server}>"),
            format!("Call-ID: {own}"),
            format!("CSeq: {cseq} REGISTER"),
            "Max-Forwards: 70".into(),
            format!("Contact: <sip:{seat}@{own};ob>;q=0.5"),
        ];
        headers.extend(proof);
        self.socket
            .send_to(message(&format!("REGISTER sip:{server} SIP/2.0"), &headers, "").as_bytes(), server)
            .unwrap();
        self.answers.recv_timeout(PATIENCE).expect("an answer")
    }
}
