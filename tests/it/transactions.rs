//! RFC 3261 §17 with RFC 6026, from outside and in virtual time: a peer, our side, and the time between them.

mod chaos;
mod client;
mod figures;
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Message, Method, Name, Request, Response};
use hotline::sip::transactions::{ClientTx, Event, Output, ServerState, ServerTx, Timers, Transactions};
use hotline::time::Mono;

const T1: u64 = 500;
const LONG: u64 = 64 * T1;

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow { listener: ListenerId(0), transport, remote: remote.parse::<SocketAddr>().unwrap() }
}

fn udp() -> Flow {
    flow(Transport::Udp, "192.0.2.1:5060")
}

fn tcp() -> Flow {
    flow(Transport::Tcp, "192.0.2.1:40000")
}

/// A request of the peer; `via` stands behind `SIP/2.0/UDP `.
fn incoming(method: &str, via: &str, to_tag: &str) -> Request {
    let text = format!(
        "{method} sip:12345@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:13800000001@192.0.2.1>;tag=peer\r\n\
         To: <sip:12345@198.51.100.1>{to_tag}\r\nCall-ID: call-1\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:13800000001@192.0.2.1>\r\n\r\n"
    );
    request_of(text.as_bytes())
}

fn request_of(bytes: &[u8]) -> Request {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

/// A request of ours, before it has a Via.
fn outgoing(method: Method) -> Request {
    let mut request = Request::new(method.clone(), "sip:8001@192.0.2.1");
    request.headers.push(Name::Route, "<sip:proxy.example;lr>");
    request.headers.push(Name::MaxForwards, "69");
    request.headers.push(Name::From, "<sip:12345@198.51.100.1>;tag=us");
    request.headers.push(Name::To, "<sip:8001@192.0.2.1>");
    request.headers.push(Name::CallId, "call-2");
    request.headers.push(Name::CSeq, format!("3 {}", method.as_str()));
    request.headers.push(Name::Contact, "<sip:12345@198.51.100.1>");
    request.body = b"v=0\r\n".to_vec();
    request
}

fn tagged(request: &Request, status: u16, tag: &str) -> Response {
    let mut response = request.respond(status);
    let mut to = response.headers.to().unwrap();
    to.set_tag(tag);
    response.headers.set(Name::To, to.to_bytes());
    response
}

struct Bench {
    sip: Transactions,
    now: Mono,
    /// The last message that was sent, and where to.
    sent: Option<(Flow, Message)>,
    server: Option<ServerTx>,
}

impl Bench {
    fn new() -> Self {
        Self { sip: Transactions::new(Timers::default(), 1), now: Mono::from_millis(1000), sent: None, server: None }
    }

    /// What came out, in short: `> 200 INVITE` was sent, everything else is an event.
    fn out(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(output) = self.sip.poll() {
            found.push(match output {
                Output::Send { flow, bytes } => {
                    let message = Message::parse(&bytes).unwrap();
                    let line = match &message {
                        Message::Request(request) => format!("> {}", request.method.as_str()),
                        Message::Response(response) => {
                            format!("> {} {}", response.status, response.headers.cseq().unwrap().method.as_str())
                        }
                    };
                    self.sent = Some((flow, message));
                    line
                }
                Output::Event(event) => match event {
                    Event::Request { tx, request, .. } => {
                        self.server = Some(tx);
                        format!("Request {}", request.method.as_str())
                    }
                    Event::Cancel { .. } => "Cancel".to_owned(),
                    Event::Ack { .. } => "Ack".to_owned(),
                    Event::Response { response, .. } => format!("Response {}", response.status),
                    Event::TimedOut { .. } => "TimedOut".to_owned(),
                    Event::Failed { .. } => "Failed".to_owned(),
                    Event::ServerTimedOut { .. } => "ServerTimedOut".to_owned(),
                    Event::ServerFailed { .. } => "ServerFailed".to_owned(),
                    Event::StrayResponse { .. } => "StrayResponse".to_owned(),
                },
            });
        }
        found
    }

    fn take(&mut self, flow: Flow, request: &Request) -> Vec<String> {
        self.sip.receive(self.now, flow, Message::Request(request.clone()));
        self.out()
    }

    fn take_response(&mut self, flow: Flow, response: &Response) -> Vec<String> {
        self.sip.receive(self.now, flow, Message::Response(response.clone()));
        self.out()
    }

    /// The user answers the last request that arrived.
    fn answer(&mut self, request: &Request, status: u16) -> Vec<String> {
        self.sip.respond(self.now, self.server.unwrap(), tagged(request, status, "us"));
        self.out()
    }

    /// The user sends a request; what goes out, Via included, comes back.
    fn call(&mut self, flow: Flow, method: Method) -> (ClientTx, Request) {
        let sent = format!("> {}", method.as_str());
        let tx = self.sip.request(self.now, flow, "198.51.100.1:5060", outgoing(method));
        assert_eq!(self.out(), [sent]);
        (tx, self.sent_request())
    }

    fn cancel(&mut self, tx: ClientTx) -> Vec<String> {
        self.sip.cancel(self.now, tx);
        self.out()
    }

    fn sent_request(&self) -> Request {
        match self.sent.clone().unwrap().1 {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a response"),
        }
    }

    fn sent_response(&self) -> (Flow, Response) {
        match self.sent.clone().unwrap() {
            (flow, Message::Response(response)) => (flow, response),
            (_, Message::Request(_)) => panic!("a request"),
        }
    }

    /// Lets time pass; what happens comes back with its milliseconds.
    fn wait(&mut self, millis: u64) -> Vec<(u64, String)> {
        let (start, end) = (self.now, self.now + Duration::from_millis(millis));
        let mut found = Vec::new();
        while let Some(at) = self.sip.next_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now, "timers fire in order");
            self.now = at;
            self.sip.handle_timeout(at);
            let after = u64::try_from(at.since(start).as_millis()).unwrap();
            found.extend(self.out().into_iter().map(|line| (after, line)));
        }
        self.now = end;
        found
    }

    fn server_state(&self) -> Option<ServerState> {
        self.sip.server_state(self.server.unwrap())
    }
}

fn at(times: &[u64], what: &str) -> Vec<(u64, String)> {
    times.iter().map(|&time| (time, what.to_owned())).collect()
}

fn invite() -> Request {
    incoming("INVITE", "192.0.2.1:5060;branch=z9hG4bK1;rport", "")
}

const NOTHING: [&str; 0] = [];
const BACKED_OFF: [u64; 10] = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
