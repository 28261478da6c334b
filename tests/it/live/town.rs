//! A server with a trunk and one seat of fixed address; citizen and seat are sockets of the test.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hotline::audio::g711::Law;
use hotline::sip::message::{Message, Method, Request, Response};

use crate::api::house::{Files, House};
use crate::exchange::peers::{reply, sdp};
use crate::media::peer::Phone;
use crate::net::hall::{Datagrams, PATIENCE, ask, request, within};
use crate::serve::program::free_port;

const CITIZEN: [u8; 160] = [0x34; 160];
const SEAT: [u8; 160] = [0x21; 160];

pub struct Town {
    pub house: House,
    pub sip: SocketAddr,
    pub citizen: Datagrams,
    /// Another socket of the same carrier.
    pub carrier: Datagrams,
    pub seat: Datagrams,
}

/// Citizen and seat in the middle of their talk.
pub struct Talk {
    /// What the citizen's INVITE was answered.
    ok: Response,
    citizen: Voice,
    seat: Voice,
    cseq: u32,
}

struct Voice {
    phone: Phone,
    /// Where the server hears it.
    to: SocketAddr,
    says: [u8; 160],
}

impl Town {
    /// Prompts are left out, so that only people are heard.
    pub async fn open(name: &str, host: IpAddr, change: impl FnOnce(&Files)) -> Self {
        let sip = free_port(host);
        let [citizen, carrier, seat] = [(); 3].map(|()| Datagrams::new(&host.to_string(), sip));
        let files = House::prepare(&format!("live-{name}"));
        files.edit("sip-configs/server.toml", "bind = \"127.0.0.1:0\"", &format!("bind = \"{sip}\""));
        // Ports that towns beside this one have not: one that is taken costs a caller its call.
        let rtp = 24_000 + (sip.port() / 16 + sip.port()) % 40 * 200;
        files.edit("sip-configs/server.toml", "21000-21399", &format!("{rtp}-{}", rtp + 199));
        files.edit("sip-configs/trunks.toml", "channels = 40", "channels = 20");
        for prompt in ["greeting", "notice", "say_seat_number"] {
            files.edit("sip-configs/server.toml", &format!("{prompt} = true"), &format!("{prompt} = false"));
        }
        // With their ports, since the seat is on the same host; over TCP nobody can say which it will be.
        let sources = format!("[\"{}\", \"{}\"] #", citizen.own(), carrier.own());
        files.edit("sip-configs/trunks.toml", "[\"127.0.0.0/8\"]          #", &sources);
        files.edit("sip-configs/trunks.toml", "[\"127.0.0.0/8\"]", &format!("[\"{host}\"]"));
        let at = format!("no = \"1001\"\ncontact = \"sip:1001@{}\"", seat.own());
        files.edit("sip-configs/seats.toml", "no = \"1001\"", &at);
        change(&files);
        Self { house: House::run(files, None).await, sip, citizen, carrier, seat }
    }

    /// What the seat's phone is told; it says to OPTIONS that it is there.
    pub fn seat_hears(&self, method: &Method) -> Request {
        request(method, || {
            let message = self.seat.hear();
            if let Message::Request(options @ Request { method: Method::Options, .. }) = &message {
                self.seat.send(reply(options, 200, "pong", &[], ""));
            }
            message
        })
    }

    /// The citizen calls and the seat answers.
    pub fn talk(&self) -> Talk {
        let host = self.sip.ip();
        let (citizen, seat) = (Phone::new(host, 1), Phone::new(host, 2));
        let body = |phone: &Phone| sdp(&host.to_string(), phone.address().port(), "sendrecv");
        self.citizen.send(ask("INVITE", self.citizen.own(), "UDP", 1, &body(&citizen)));
        let invite = self.seat_hears(&Method::Invite);
        let contact = [format!("Contact: <sip:1001@{}>", self.seat.own())];
        self.seat.send(reply(&invite, 200, "seat", &contact, &body(&seat)));
        self.seat_hears(&Method::Ack);
        let ok = self.citizen.answer();
        assert_eq!(ok.status, 200, "{}", ok.reason);
        self.citizen.send(within("ACK", 1, self.citizen.own(), "UDP", &ok));
        let citizen = Voice { phone: citizen, to: SocketAddr::new(host, audio_port(&ok.body)), says: CITIZEN };
        let seat = Voice { phone: seat, to: SocketAddr::new(host, audio_port(&invite.body)), says: SEAT };
        let mut talk = Talk { ok, citizen, seat, cseq: 1 };
        talk.begin();
        talk
    }

    /// The status of what the server says to a request of the citizen in its dialog, which is repeated as
    /// over UDP it must be.
    pub fn ask(&self, talk: &mut Talk, method: &str) -> u16 {
        talk.cseq += 1;
        let request = within(method, talk.cseq, self.citizen.own(), "UDP", &talk.ok);
        let socket = &self.citizen.socket;
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let is_mine = |answer: &Response| answer.headers.cseq().is_ok_and(|cseq| cseq.number == talk.cseq);
        for _ in 0..20 {
            self.citizen.send(&request);
            let mut bytes = [0; 4096];
            while let Ok(length) = socket.recv(&mut bytes) {
                match Message::parse(&bytes[..length]) {
                    Ok(Message::Response(answer)) if is_mine(&answer) => return answer.status,
                    Ok(Message::Response(_) | Message::Request(_)) | Err(_) => {}
                }
            }
        }
        panic!("{method} is not answered");
    }

    /// The citizen hangs up, and so does the seat.
    pub fn hang_up(&self, talk: &mut Talk) {
        assert_eq!(self.ask(talk, "BYE"), 200);
        let bye = self.seat_hears(&Method::Bye);
        self.seat.send(reply(&bye, 200, "", &[], ""));
    }
}

impl Talk {
    /// Until each hears the other, and no music any more.
    fn begin(&mut self) {
        let Self { citizen, seat, .. } = self;
        citizen.is_heard_by(seat);
        seat.is_heard_by(citizen);
    }

    /// A packet each way, which must arrive; the sequence numbers with which it did, citizen first.
    pub fn exchange(&mut self) -> [u16; 2] {
        let Self { citizen, seat, .. } = self;
        citizen.say();
        let at_seat = seat.phone.hear();
        assert_eq!(at_seat.payload, citizen.says);
        seat.say();
        let at_citizen = citizen.phone.hear();
        assert_eq!(at_citizen.payload, seat.says);
        [at_citizen.header.sequence, at_seat.header.sequence]
    }
}

impl Voice {
    fn is_heard_by(&mut self, other: &Self) {
        let socket = &other.phone.rtp;
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut packet = [0; 1500];
        let mut next = || socket.recv_from(&mut packet).ok().map(|(length, _)| packet[..length].to_vec());
        let heard = (0..100).any(|_| {
            self.say();
            std::iter::from_fn(&mut next).any(|packet| packet.ends_with(&self.says))
        });
        assert!(heard, "they never hear each other");
        // What was said before they were joined may still come in.
        while next().is_some() {}
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn say(&mut self) {
        self.phone.say(self.to, Law::A.payload(), &self.says);
    }
}

fn audio_port(body: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("audio");
    line.split(' ').next().unwrap().parse().unwrap()
}
