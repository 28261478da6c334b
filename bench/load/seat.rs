//! A seat's phone: rings, answers at once, and waits for the other side to hang up.

use std::io;
use std::net::SocketAddr;

use super::socket::{self, Udp};
use super::wire::{self, Message};

pub struct Seat {
    pub socket: Udp,
    address: SocketAddr,
    /// The server has asked whether it is there.
    pub found: bool,
    /// Calls so far.
    pub dialogs: u64,
    call_id: String,
    tag: String,
    phase: Phase,
    /// The last answer to an INVITE, and where it goes.
    answer: Option<(String, SocketAddr)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Answered,
    Talking,
}

impl Seat {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: Udp::bind(address, 64 * 1024)?,
            address,
            found: false,
            dialogs: 0,
            call_id: String::new(),
            tag: String::new(),
            phase: Phase::Idle,
            answer: None,
        })
    }

    pub fn is_new(&self, invite: &Message) -> bool {
        invite.header("Call-ID") != self.call_id
    }

    pub fn is_in_call(&self) -> bool {
        self.phase != Phase::Idle
    }

    pub fn is_waiting_for_ack(&self) -> bool {
        self.phase == Phase::Answered
    }

    pub fn refuse(&self, invite: &Message, from: SocketAddr) {
        self.send(&wire::reply(invite, "486 Busy Here", "busy", "", ""), from);
    }

    /// Rings and answers; when the 200 left.
    pub fn answer(&mut self, invite: &Message, from: SocketAddr, media: SocketAddr) -> u64 {
        self.dialogs += 1;
        invite.header("Call-ID").clone_into(&mut self.call_id);
        self.tag = format!("s{}", self.dialogs);
        self.phase = Phase::Answered;
        self.send(&wire::reply(invite, "180 Ringing", &self.tag, &self.contact(), ""), from);
        let answer = wire::reply(invite, "200 OK", &self.tag, &self.contact(), &wire::description(media));
        let left = socket::wall();
        self.send(&answer, from);
        self.answer = Some((answer, from));
        left
    }

    pub fn answer_again(&self) {
        if let Some((answer, to)) = &self.answer {
            self.send(answer, *to);
        }
    }

    /// Everything but a new INVITE. True: the call has ended.
    pub fn on_request(&mut self, message: &Message, from: SocketAddr, media: SocketAddr) -> bool {
        let known = message.header("Call-ID") == self.call_id;
        let was_in_call = self.is_in_call();
        let (status, body) = match message.method() {
            "ACK" => {
                if known && self.phase == Phase::Answered {
                    self.phase = Phase::Talking;
                }
                return false;
            }
            "INVITE" if known && !message.has_to_tag() => {
                self.answer_again();
                return false;
            }
            "INVITE" if known => ("200 OK", wire::description(media)),
            "OPTIONS" => {
                self.found = true;
                ("200 OK", String::new())
            }
            "BYE" if known => {
                self.phase = Phase::Idle;
                ("200 OK", String::new())
            }
            "UPDATE" | "INFO" if known => ("200 OK", String::new()),
            // The answer has always gone before it.
            "CANCEL" if known => ("200 OK", String::new()),
            _ => ("481 Call/Transaction Does Not Exist", String::new()),
        };
        let tag = if self.tag.is_empty() { "s" } else { &self.tag };
        self.send(&wire::reply(message, status, tag, &self.contact(), &body), from);
        was_in_call && !self.is_in_call()
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:{}>\r\n", self.address)
    }

    fn send(&self, text: &str, to: SocketAddr) {
        self.socket.send(text.as_bytes(), to);
    }
}
