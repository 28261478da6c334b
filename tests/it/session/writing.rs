//! What the peer writes, and what we wrote to it.

use hotline::sip::message::{Message, Name, Request, Response};

use super::{Bench, NOTHING, Peer};

impl Bench {
    /// A request of the peer as it stands on the wire. `extra`: further header lines, each with CRLF.
    pub(super) fn write(
        &self,
        method: &str,
        (cseq, branch): (u32, u32),
        to_tag: &str,
        extra: &str,
        body: &str,
    ) -> Request {
        let Peer { flow, tag, contact, .. } = &self.peer;
        let kind =
            if body.is_empty() || extra.contains("Content-Type") { "" } else { "Content-Type: application/sdp\r\n" };
        let contact = if extra.contains("Contact:") { String::new() } else { format!("Contact: {contact}\r\n") };
        let text = format!(
            "{method} sip:12345@198.51.100.1 SIP/2.0\r\n\
             Via: SIP/2.0/{} {};branch=z9hG4bK{branch};rport\r\nFrom: <sip:13800000001@192.0.2.1>{tag}\r\n\
             To: <sip:12345@198.51.100.1>{to_tag}\r\nCall-ID: call\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\n{contact}{kind}{extra}\r\n{body}",
            flow.transport.via_name(),
            std::net::SocketAddr::new(flow.remote.ip(), flow.remote.port())
        );
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a response"),
        }
    }

    pub(super) fn receive(&mut self, message: Message) -> Vec<String> {
        // By way of the wire, as the exchange gets it.
        self.sip.receive(self.now, self.peer.flow, Message::parse(&message.to_bytes()).unwrap());
        self.out()
    }

    fn next(&mut self) -> (u32, u32) {
        self.peer.cseq += 1;
        self.peer.branch += 1;
        (self.peer.cseq, self.peer.branch)
    }

    pub(super) fn invite(&mut self, extra: &str, body: &str) -> Vec<String> {
        let numbers = self.next();
        self.peer.invite = numbers;
        let invite = self.write("INVITE", numbers, "", extra, body);
        self.receive(Message::Request(invite))
    }

    /// The next request inside the dialog.
    pub(super) fn ask(&mut self, method: &str, extra: &str, body: &str) -> Vec<String> {
        let numbers = self.next();
        if method == "INVITE" {
            self.peer.invite = numbers;
        }
        let request = self.write(method, numbers, ";tag=us", extra, body);
        self.receive(Message::Request(request))
    }

    /// The ACK of our 2xx to the peer's last INVITE.
    pub(super) fn ack(&mut self, body: &str) -> Vec<String> {
        self.peer.branch += 1;
        let ack = self.write("ACK", (self.peer.invite.0, self.peer.branch), ";tag=us", "", body);
        self.receive(Message::Request(ack))
    }

    /// The ACK of our failure: part of the INVITE's transaction.
    pub(super) fn ack_failure(&mut self) {
        let ack = self.write("ACK", self.peer.invite, ";tag=us", "", "");
        assert_eq!(self.receive(Message::Request(ack)), NOTHING);
    }

    pub(super) fn cancel(&mut self) -> Vec<String> {
        let cancel = self.write("CANCEL", self.peer.invite, "", "", "");
        self.receive(Message::Request(cancel))
    }

    /// The peer answers our last request of that method.
    pub(super) fn respond(&mut self, method: &str, status: u16, tag: &str, extra: &str, body: &str) -> Vec<String> {
        let request = self.request(method);
        let response = self.response_to(&request, status, tag, extra, body);
        self.receive(Message::Response(response))
    }

    pub(super) fn response_to(&self, request: &Request, status: u16, tag: &str, extra: &str, body: &str) -> Response {
        let mut response = request.respond(status);
        let mut to = response.headers.to().unwrap();
        if to.tag().is_none() && !tag.is_empty() {
            to.set_tag(tag);
            response.headers.set(Name::To, to.to_bytes());
        }
        if !extra.contains("Contact:") {
            response.headers.push(Name::Contact, self.peer.contact);
        }
        for line in extra.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            response.headers.push(Name::parse(name.as_bytes()), value);
        }
        if !body.is_empty() {
            if !extra.contains("Content-Type") {
                response.headers.push(Name::ContentType, "application/sdp");
            }
            response.body = body.as_bytes().to_vec();
        }
        response
    }

    pub(super) fn last(&self) -> &Message {
        &self.sent.last().expect("something was sent").1
    }

    /// Our last request of that method.
    pub(super) fn request(&self, method: &str) -> Request {
        let found = self.sent.iter().rev().find_map(|(_, message)| match message {
            Message::Request(request) if request.method.as_str() == method => Some(request.clone()),
            Message::Request(_) | Message::Response(_) => None,
        });
        found.unwrap_or_else(|| panic!("no {method} was sent"))
    }

    /// Our last response, which has this status.
    pub(super) fn response(&self, status: u16) -> Response {
        match self.last() {
            Message::Response(response) if response.status == status => response.clone(),
            other => panic!("not {status}: {other:?}"),
        }
    }
}
