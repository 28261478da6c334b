//! RFC 3261 §17 with RFC 6026, from outside and in virtual time.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Fault, Message, Method, Name, Request, Response, Unreadable};
use hotline::sip::timers::{Timer, TimerTable};
use hotline::sip::transactions::{ClientState, ClientTx, Event, Output, ServerState, ServerTx, Timers, Transactions};
use hotline::sip::{invite_client, invite_server, request_client, request_server};
use hotline::time::Mono;

// The figures: every arrow of RFC 3261 figures 5–8 as changed by RFC 6026 figures 1–2, and of RFC 3261 §9.1 and
// RFC 4320 §4.2. A pair of state and input without a row must change nothing.

const INVITE_SERVER: &str = "
Proceeding Invite          Proceeding Send
Proceeding Provisional     Proceeding Send
Proceeding Success         Accepted   Send Start(L)
Proceeding Failure         Completed  Send Start(G) Start(H)
Proceeding TransportFailed Proceeding TellFailed
Completed  Invite          Completed  Send
Completed  TimerG          Completed  Send Again(G)
Completed  Ack             Confirmed  Stop(G) Stop(H) Start(I)
Completed  TimerH          Terminated TellTimedOut
Completed  TransportFailed Completed  TellFailed
Accepted   Success         Accepted   Send
Accepted   Ack             Accepted   TellAck
Accepted   TransportFailed Accepted   TellFailed
Accepted   TimerL          Terminated
Confirmed  TimerI          Terminated
";

const REQUEST_SERVER: &str = "
Trying     Provisional     Proceeding Send
Trying     Final           Completed  Send Stop(TooLate) Start(J)
Trying     TimerTooLate    Terminated
Proceeding Request         Proceeding Send
Proceeding Provisional     Proceeding Send
Proceeding Final           Completed  Send Stop(TooLate) Start(J)
Proceeding TimerTooLate    Terminated
Proceeding TransportFailed Terminated TellFailed
Completed  Request         Completed  Send
Completed  TransportFailed Terminated TellFailed
Completed  TimerJ          Terminated
";

const INVITE_CLIENT: &str = "
Calling    TimerA          Calling    Send Again(A)
Calling    TimerB          Terminated TellTimedOut
Calling    TransportFailed Terminated TellFailed
Calling    Provisional     Proceeding Stop(A) Stop(B) Start(C) Deliver
Calling    Success         Accepted   Stop(A) Stop(B) Start(M) Deliver
Calling    Failure         Completed  Stop(A) Stop(B) Acknowledge Deliver Start(D)
Calling    Cancel          CancelHeld
CancelHeld TimerA          CancelHeld Send Again(A)
CancelHeld TimerB          Terminated TellTimedOut
CancelHeld TransportFailed Terminated TellFailed
CancelHeld Provisional     Cancelled  Stop(A) Stop(B) SendCancel Start(Cancel) Deliver
CancelHeld Success         Accepted   Stop(A) Stop(B) Start(M) Deliver
CancelHeld Failure         Completed  Stop(A) Stop(B) Acknowledge Deliver Start(D)
Proceeding Provisional     Proceeding Start(C) Deliver
Proceeding Success         Accepted   Stop(C) Start(M) Deliver
Proceeding Failure         Completed  Stop(C) Acknowledge Deliver Start(D)
Proceeding Cancel          Cancelled  Stop(C) SendCancel Start(Cancel)
Proceeding TimerC          Cancelled  SendCancel Start(Cancel)
Proceeding TransportFailed Terminated TellFailed
Cancelled  Provisional     Cancelled  Deliver
Cancelled  Success         Accepted   Stop(Cancel) Start(M) Deliver
Cancelled  Failure         Completed  Stop(Cancel) Acknowledge Deliver Start(D)
Cancelled  TimerCancel     Terminated TellTimedOut
Cancelled  TransportFailed Terminated TellFailed
Completed  Failure         Completed  Acknowledge
Completed  Success         Completed  Deliver
Completed  TransportFailed Terminated TellFailed
Completed  TimerD          Terminated
Accepted   Success         Accepted   Deliver
Accepted   TimerM          Terminated
";

const REQUEST_CLIENT: &str = "
Trying     TimerE          Trying     Send Again(E)
Trying     TimerF          Terminated TellTimedOut
Trying     TransportFailed Terminated TellFailed
Trying     Provisional     Proceeding Deliver
Trying     Final           Completed  Stop(E) Stop(F) Deliver Start(K)
Proceeding TimerE          Proceeding Send AgainAtT2(E)
Proceeding TimerF          Terminated TellTimedOut
Proceeding TransportFailed Terminated TellFailed
Proceeding Provisional     Proceeding Deliver
Proceeding Final           Completed  Stop(E) Stop(F) Deliver Start(K)
Completed  TimerK          Terminated
";

fn walk<S: Copy + Debug, I: Copy + Debug, A: Copy + Debug + 'static>(
    figure: &str,
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I) -> (S, &'static [A]),
) {
    let rows: Vec<Vec<&str>> =
        figure.lines().filter(|line| !line.is_empty()).map(|line| line.split_whitespace().collect()).collect();
    let mut met = 0;
    for state in states {
        for input in inputs {
            let (state_name, input_name) = (format!("{state:?}"), format!("{input:?}"));
            let (next, acts) = step(*state, *input);
            let mut found = vec![format!("{next:?}")];
            found.extend(acts.iter().map(|act| format!("{act:?}")));
            let row = rows.iter().find(|row| row[0] == state_name && row[1] == input_name);
            met += usize::from(row.is_some());
            let expected = row.map_or(vec![state_name.as_str()], |row| row[2..].to_vec());
            assert_eq!(found, expected, "{state_name} {input_name}");
        }
    }
    assert_eq!(met, rows.len(), "every row was met");
}

#[test]
fn the_invite_server_follows_figure_7_and_rfc_6026() {
    use invite_server::{Input::*, State::*};
    let inputs = [Invite, Ack, Provisional, Success, Failure, TimerG, TimerH, TimerI, TimerL, TransportFailed];
    walk(INVITE_SERVER, &[Proceeding, Completed, Accepted, Confirmed, Terminated], &inputs, invite_server::step);
}

#[test]
fn the_request_server_follows_figure_8() {
    use request_server::{Input::*, State::*};
    let inputs = [Request, Provisional, Final, TimerJ, TimerTooLate, TransportFailed];
    walk(REQUEST_SERVER, &[Trying, Proceeding, Completed, Terminated], &inputs, request_server::step);
}

#[test]
fn the_invite_client_follows_figure_5_and_rfc_6026() {
    use invite_client::{Input::*, State::*};
    let inputs =
        [Provisional, Success, Failure, Cancel, TimerA, TimerB, TimerC, TimerD, TimerM, TimerCancel, TransportFailed];
    let states = [Calling, CancelHeld, Proceeding, Cancelled, Completed, Accepted, Terminated];
    walk(INVITE_CLIENT, &states, &inputs, invite_client::step);
}

#[test]
fn the_request_client_follows_figure_6() {
    use request_client::{Input::*, State::*};
    let inputs = [Provisional, Final, TimerE, TimerF, TimerK, TransportFailed];
    walk(REQUEST_CLIENT, &[Trying, Proceeding, Completed, Terminated], &inputs, request_client::step);
}

// ---- A peer, our side, and the time between them ----

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
                    Event::StrayResponse => "StrayResponse".to_owned(),
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

// ---- The INVITE server ----

#[test]
fn an_invite_is_answered_100_at_once_and_repeated_answers_follow_repeated_invites() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(udp(), &invite()), ["> 100 INVITE", "Request INVITE"]);
    assert_eq!(bench.take(udp(), &invite()), ["> 100 INVITE"]);
    assert_eq!(bench.answer(&invite(), 180), ["> 180 INVITE"]);
    assert_eq!(bench.take(udp(), &invite()), ["> 180 INVITE"]);
    assert!(bench.wait(3_600_000).is_empty());
    assert_eq!(bench.server_state(), Some(ServerState::Invite(invite_server::State::Proceeding)));
}

#[test]
fn a_refusal_is_repeated_until_its_ack_comes() {
    let ack = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1;rport", ";tag=us");
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    assert_eq!(bench.answer(&invite(), 486), ["> 486 INVITE"]);
    assert_eq!(bench.wait(1500), at(&[500, 1500], "> 486 INVITE"));
    assert_eq!(bench.take(udp(), &invite()), ["> 486 INVITE"]);
    assert_eq!(bench.answer(&invite(), 200), NOTHING, "one final only");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    assert_eq!(bench.take(udp(), &ack), NOTHING, "absorbed for timer I");
    assert_eq!(bench.take(udp(), &invite()), NOTHING);
    assert!(bench.wait(4999).is_empty());
    assert_eq!(bench.sip.len(), 1);
    assert!(bench.wait(1).is_empty());
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_refusal_that_nobody_acknowledges_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    bench.answer(&invite(), 503);
    let mut expected = at(&BACKED_OFF, "> 503 INVITE");
    expected.push((LONG, "ServerTimedOut".to_owned()));
    assert_eq!(bench.wait(60_000), expected);
    assert_eq!((bench.sip.len(), bench.sip.next_timeout()), (0, None));
}

#[test]
fn over_tcp_a_refusal_is_sent_once_and_is_over_with_its_ack() {
    let mut bench = Bench::new();
    bench.take(tcp(), &invite());
    bench.answer(&invite(), 486);
    assert!(bench.wait(LONG - 1).is_empty());
    assert_eq!(bench.take(tcp(), &incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", ";tag=us")), NOTHING);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn an_accepted_invite_absorbs_its_repetitions_and_hands_over_every_ack() {
    for transport in [udp(), tcp()] {
        let mut bench = Bench::new();
        bench.take(transport, &invite());
        assert_eq!(bench.answer(&invite(), 200), ["> 200 INVITE"]);
        assert_eq!(bench.take(transport, &invite()), NOTHING);
        assert!(bench.wait(1000).is_empty(), "a 2xx is repeated by the user alone");
        assert_eq!(bench.answer(&invite(), 200), ["> 200 INVITE"]);
        assert_eq!(bench.answer(&invite(), 486), NOTHING);
        let same_branch = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", ";tag=us");
        assert_eq!(bench.take(transport, &same_branch), ["Ack"]);
        assert_eq!(bench.take(transport, &incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK2", ";tag=us")), ["Ack"]);
        assert!(bench.wait(LONG - 1001).is_empty());
        assert_eq!(bench.sip.len(), 1);
        bench.wait(1);
        assert_eq!(bench.sip.len(), 0, "timer L");
        assert_eq!(bench.answer(&invite(), 200), NOTHING);
        assert_eq!(bench.take(transport, &same_branch), ["Ack"], "a late ACK is never lost");
    }
}

// ---- The server of other requests ----

#[test]
fn a_repeated_request_gets_the_last_answer_for_32_s() {
    let bye = incoming("BYE", "192.0.2.1:5060;branch=z9hG4bK3", ";tag=us");
    let mut bench = Bench::new();
    assert_eq!(bench.take(udp(), &bye), ["Request BYE"]);
    assert_eq!(bench.take(udp(), &bye), NOTHING);
    assert_eq!(bench.answer(&bye, 100), ["> 100 BYE"]);
    assert_eq!(bench.take(udp(), &bye), ["> 100 BYE"]);
    assert_eq!(bench.answer(&bye, 200), ["> 200 BYE"]);
    assert_eq!(bench.answer(&bye, 500), NOTHING);
    assert_eq!(bench.take(udp(), &bye), ["> 200 BYE"]);
    assert!(bench.wait(LONG - 1).is_empty());
    assert_eq!(bench.take(udp(), &bye), ["> 200 BYE"]);
    bench.wait(1);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn over_tcp_an_answered_request_is_over_at_once_and_an_unanswered_one_after_32_s() {
    let bye = incoming("BYE", "192.0.2.1:5060;branch=z9hG4bK3", ";tag=us");
    let mut bench = Bench::new();
    bench.take(tcp(), &bye);
    assert_eq!(bench.answer(&bye, 200), ["> 200 BYE"]);
    assert_eq!(bench.sip.len(), 0);
    bench.take(tcp(), &bye);
    assert!(bench.wait(LONG).is_empty());
    assert_eq!(bench.sip.len(), 0);
    assert_eq!(bench.answer(&bye, 200), NOTHING, "RFC 4320: nobody waits for it any more");
}

// ---- CANCEL and merged requests, as server ----

#[test]
fn a_cancel_is_answered_and_told_only_while_its_invite_is_unanswered() {
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK1;rport", "");
    for (answer, cancelled, told) in
        [(None, 200, true), (Some(180), 200, true), (Some(200), 200, false), (Some(486), 200, false)]
    {
        let mut bench = Bench::new();
        bench.take(udp(), &invite());
        if let Some(status) = answer {
            bench.answer(&invite(), status);
        }
        let mut expected = vec![format!("> {cancelled} CANCEL")];
        expected.extend(told.then(|| "Cancel".to_owned()));
        assert_eq!(bench.take(udp(), &cancel), expected, "{answer:?}");
        let to = bench.sent_response().1.headers.to().unwrap();
        assert!(to.tag().is_some());
        assert!(answer.is_none() || to.tag() == Some("us"), "RFC 3261 §9.2: the tag of the INVITE's answers");
        assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL"], "repeated, not told twice");
        if told {
            assert_eq!(bench.answer(&invite(), 487), ["> 487 INVITE"]);
        }
        bench.wait(2 * LONG);
        assert_eq!(bench.sip.len(), 0);
    }
}

#[test]
fn a_cancel_for_nothing_is_answered_481() {
    let mut bench = Bench::new();
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK9", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 481 CANCEL"]);
    let first = bench.sent.clone();
    assert_eq!(bench.take(udp(), &cancel), ["> 481 CANCEL"]);
    assert_eq!(bench.sent, first);
    bench.wait(LONG);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_request_that_came_over_two_ways_is_refused_482_on_the_second() {
    let second = incoming("INVITE", "192.0.2.2:5060;branch=z9hG4bKother", "");
    let ack = incoming("ACK", "192.0.2.2:5060;branch=z9hG4bKother", ";tag=x");
    let mut bench = Bench::new();
    bench.take(udp(), &invite());
    assert_eq!(bench.take(udp(), &second), ["> 482 INVITE"]);
    assert!(bench.sent_response().1.headers.to().unwrap().tag().is_some());
    assert_eq!(bench.wait(500), at(&[500], "> 482 INVITE"));
    let cancel = incoming("CANCEL", "192.0.2.2:5060;branch=z9hG4bKother", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL"], "the user has never seen this INVITE");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    let in_dialog = incoming("INVITE", "192.0.2.2:5060;branch=z9hG4bKmore", ";tag=us");
    assert_eq!(
        bench.take(udp(), &in_dialog),
        ["> 100 INVITE", "Request INVITE"],
        "only requests without a To tag merge"
    );
    bench.answer(&in_dialog, 200);
    bench.wait(LONG);
    assert_eq!(bench.sip.len(), 1, "the first INVITE still waits");
}

// ---- Matching, and the way back ----

#[test]
fn requests_without_the_magic_cookie_match_by_the_rules_of_rfc_2543() {
    for branch in [";branch=1", "", ";branch=z9hG4bK"] {
        let via = format!("192.0.2.1:5060{branch}");
        let mut bench = Bench::new();
        let invite = incoming("INVITE", &via, "");
        assert_eq!(bench.take(udp(), &invite), ["> 100 INVITE", "Request INVITE"]);
        assert_eq!(bench.take(udp(), &invite), ["> 100 INVITE"]);
        assert_eq!(bench.take(udp(), &incoming("CANCEL", &via, "")), ["> 200 CANCEL", "Cancel"]);
        assert_eq!(bench.answer(&invite, 487), ["> 487 INVITE"]);
        assert_eq!(bench.take(udp(), &incoming("ACK", &via, ";tag=another")), ["Ack"], "not of this transaction");
        assert_eq!(bench.take(udp(), &incoming("ACK", &via, ";tag=us")), NOTHING);
        assert!(bench.wait(LONG).is_empty());
        assert_eq!(bench.sip.len(), 0);
    }
}

#[test]
fn a_branch_counts_with_the_host_that_made_it_and_without_case() {
    let mut bench = Bench::new();
    bench.take(udp(), &incoming("OPTIONS", "Gate.example:5060;branch=z9hG4bKa", ""));
    assert_eq!(bench.take(udp(), &incoming("OPTIONS", "gate.example:5060;BRANCH=Z9HG4BKA", "")), NOTHING);
    for other in ["gate.example:5070;branch=z9hG4bKa", "gate2.example:5060;branch=z9hG4bKa"] {
        assert_eq!(bench.take(udp(), &incoming("OPTIONS", other, ";tag=us")), ["Request OPTIONS"], "{other}");
    }
}

#[test]
fn an_answer_goes_where_rfc_3261_18_2_2_and_rfc_3581_say() {
    // Source, Via as it came; where the answer goes, received and rport in it.
    let rows = [
        ("192.0.2.1:5060", "192.0.2.1:5060", "192.0.2.1:5060", None, None),
        ("192.0.2.1:40000", "192.0.2.1:5070", "192.0.2.1:5070", None, None),
        ("192.0.2.1:40000", "192.0.2.1", "192.0.2.1:5060", None, None),
        ("192.0.2.1:40000", "gate.example", "192.0.2.1:5060", Some("192.0.2.1"), None),
        ("192.0.2.1:40000", "10.0.0.9:5062", "192.0.2.1:5062", Some("192.0.2.1"), None),
        ("192.0.2.1:40000", "10.0.0.9:5062;rport", "192.0.2.1:40000", Some("192.0.2.1"), Some("40000")),
        ("192.0.2.1:40000", "192.0.2.1:5062;RPORT=1", "192.0.2.1:40000", Some("192.0.2.1"), Some("40000")),
        ("192.0.2.1:5060", "192.0.2.1:5060;received=10.0.0.1", "192.0.2.1:5060", Some("192.0.2.1"), None),
        ("192.0.2.1:5060", "192.0.2.1:5060;maddr=10.0.0.1", "192.0.2.1:5060", None, None),
        ("[2001:db8::1]:40000", "[2001:db8::1]:5070", "[2001:db8::1]:5070", None, None),
        ("[2001:db8::1]:40000", "[2001:db8::2]:5070;rport", "[2001:db8::1]:40000", Some("2001:db8::1"), Some("40000")),
        ("[::ffff:192.0.2.1]:5060", "192.0.2.1:5060", "[::ffff:192.0.2.1]:5060", None, None),
    ];
    for (source, via, back, received, rport) in rows {
        let request = incoming("OPTIONS", &format!("{via};branch=z9hG4bKx, SIP/2.0/UDP far.example"), "");
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut bench = Bench::new();
            let came = flow(transport, source);
            bench.sip.receive(bench.now, came, Message::Request(request.clone()));
            let Some(Output::Event(Event::Request { tx, request, .. })) = bench.sip.poll() else { panic!("{via}") };
            bench.sip.respond(bench.now, tx, request.respond(200));
            assert_eq!(bench.out(), ["> 200 OPTIONS"]);
            let (went, response) = bench.sent_response();
            let expected = if transport == Transport::Tcp { came } else { flow(transport, back) };
            assert_eq!(went, expected, "{source} {via}");
            let top = response.headers.via().unwrap();
            assert_eq!((top.params.value("received"), top.params.value("rport")), (received, rport), "{source} {via}");
            assert_eq!(response.headers.all(&Name::Via).count(), 2);
        }
    }
}

// ---- Faults and floods ----

#[test]
fn a_request_with_a_fault_is_answered_400_that_names_it_but_for_ack() {
    let mut bench = Bench::new();
    let mut broken = incoming("INVITE", "192.0.2.1:40000;branch=z9hG4bK1;rport", "");
    broken.headers.remove(&Name::CallId);
    bench.sip.receive(bench.now, udp(), Message::Request(broken.clone()));
    let Some(Output::Send { bytes, .. }) = bench.sip.poll() else { panic!("no answer") };
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("SIP/2.0 400 Bad Request: missing Call-ID\r\n"), "{text}");
    assert!(text.contains("\r\nTo: <sip:12345@198.51.100.1>;tag="), "{text}");
    assert_eq!(bench.sip.poll(), None);
    let mut ack = incoming("ACK", "192.0.2.1:5060;branch=z9hG4bK1", "");
    ack.headers.set(Name::CSeq, "7 INVITE");
    assert_eq!(bench.take(udp(), &ack), NOTHING);
    let mut lost = invite();
    lost.headers.set(Name::Via, "rubbish");
    assert_eq!(bench.take(udp(), &lost), NOTHING);
    let counters = bench.sip.counters();
    assert_eq!((counters.malformed, counters.unanswerable, bench.sip.len()), (2, 1, 0));
}

#[test]
fn what_cannot_be_read_is_answered_where_enough_of_it_can() {
    let mut bench = Bench::new();
    let answerable = || Some(Box::new(invite()));
    for (fault, expected) in [(Fault::Version, "> 505 INVITE"), (Fault::ContentLength, "> 400 INVITE")] {
        bench.sip.receive_unreadable(udp(), Unreadable { fault, answerable: answerable() });
        assert_eq!(bench.out(), [expected]);
        assert_eq!(bench.sent_response().1.headers.via().unwrap().params.value("rport"), Some("5060"));
    }
    assert_eq!(bench.sent_response().1.reason, "Bad Request: bad Content-Length");
    bench.sip.receive_unreadable(udp(), Unreadable { fault: Fault::NotSip, answerable: None });
    assert_eq!(bench.out(), NOTHING);
    assert_eq!((bench.sip.counters().malformed, bench.sip.counters().unanswerable), (2, 1));
}

#[test]
fn over_the_limit_new_requests_get_503_and_calls_in_progress_go_on() {
    let mut bench = Bench::new();
    bench.sip.limit = 4;
    for branch in 0..4 {
        let mut request = incoming("INVITE", &format!("192.0.2.1:5060;branch=z9hG4bK{branch}"), "");
        request.headers.set(Name::CallId, format!("call-{branch}"));
        assert_eq!(bench.take(udp(), &request), ["> 100 INVITE", "Request INVITE"]);
    }
    let mut refused = incoming("INVITE", "192.0.2.1:5060;branch=z9hG4bKa", "");
    refused.headers.set(Name::CallId, "call-a");
    assert_eq!(bench.take(udp(), &refused), ["> 503 INVITE"]);
    assert_eq!(bench.sent_response().1.headers.get(&Name::RetryAfter), None);
    assert_eq!((bench.sip.len(), bench.sip.counters().over_limit), (4, 1));
    let bye = |branch: &str| incoming("BYE", &format!("192.0.2.1:5060;branch=z9hG4bK{branch}"), ";tag=us");
    assert_eq!(bench.take(udp(), &bye("b")), ["Request BYE"], "the reserve");
    assert_eq!(bench.take(udp(), &bye("c")), ["> 503 BYE"], "is bounded too");
    let cancel = incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bK1", "");
    assert_eq!(bench.take(udp(), &cancel), ["> 200 CANCEL", "Cancel"]);
    assert_eq!(bench.take(udp(), &incoming("CANCEL", "192.0.2.1:5060;branch=z9hG4bKz", "")), ["> 481 CANCEL"]);
    assert_eq!(bench.sip.len(), 6);
}

// ---- The INVITE client ----

#[test]
fn an_unanswered_invite_is_repeated_ever_slower_and_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.call(udp(), Method::Invite);
    let mut expected = at(&[500, 1500, 3500, 7500, 15500, 31500], "> INVITE");
    expected.push((LONG, "TimedOut".to_owned()));
    assert_eq!(bench.wait(60_000), expected);
    assert_eq!(bench.sip.len(), 0);

    bench.call(tcp(), Method::Invite);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
}

#[test]
fn a_request_of_ours_carries_our_via_and_the_same_one_each_time() {
    let mut bench = Bench::new();
    let (_, first) = bench.call(udp(), Method::Invite);
    let via = first.headers.via().unwrap();
    assert_eq!((via.host.as_str(), via.port, via.transport.as_str()), ("198.51.100.1", Some(5060), "UDP"));
    assert!(via.branch().unwrap().starts_with("z9hG4bK") && via.params.get("rport") == Some(None));
    bench.wait(500);
    assert_eq!(bench.sent_request(), first);
    let (_, second) = bench.call(tcp(), Method::Options);
    assert_ne!(second.headers.via().unwrap().branch(), via.branch());
    assert_eq!(second.headers.via().unwrap().transport, "TCP");
}

#[test]
fn a_failure_is_acknowledged_inside_each_time_it_comes() {
    for (transport, lingers) in [(udp(), 32_000), (tcp(), 0)] {
        let mut bench = Bench::new();
        let (_, invite) = bench.call(transport, Method::Invite);
        let busy = tagged(&invite, 486, "busy");
        let elsewhere = flow(transport.transport, "192.0.2.77:5060");
        assert_eq!(bench.take_response(elsewhere, &tagged(&invite, 180, "busy")), ["Response 180"]);
        assert_eq!(bench.take_response(elsewhere, &busy), ["> ACK", "Response 486"]);
        assert_eq!(bench.sent.clone().unwrap().0, transport, "on the flow of the INVITE");
        let ack = bench.sent_request();
        assert_eq!(ack.uri, invite.uri);
        for name in [Name::Via, Name::From, Name::CallId, Name::Route, Name::MaxForwards] {
            assert_eq!(ack.headers.get(&name), invite.headers.get(&name), "{name:?}");
        }
        assert_eq!(ack.headers.get(&Name::To), busy.headers.get(&Name::To));
        assert_eq!(ack.headers.text(&Name::CSeq).unwrap(), "3 ACK");
        assert_eq!((ack.headers.all(&Name::Via).count(), ack.body.len()), (1, 0));
        if lingers > 0 {
            assert_eq!(bench.take_response(transport, &busy), ["> ACK"]);
            assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "busy")), NOTHING);
            assert!(bench.wait(lingers - 1).is_empty());
            assert_eq!(bench.sip.len(), 1);
            bench.wait(1);
        }
        assert_eq!(bench.sip.len(), 0);
        assert_eq!(bench.take_response(transport, &busy), ["StrayResponse"]);
    }
}

#[test]
fn every_2xx_of_every_fork_reaches_the_user_for_32_s() {
    for transport in [udp(), tcp()] {
        let mut bench = Bench::new();
        let (tx, invite) = bench.call(transport, Method::Invite);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "a")), ["Response 180"]);
        for tag in ["a", "b", "a"] {
            assert_eq!(bench.take_response(transport, &tagged(&invite, 200, tag)), ["Response 200"]);
        }
        assert_eq!(bench.take_response(transport, &tagged(&invite, 486, "c")), NOTHING);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 180, "c")), NOTHING);
        assert_eq!(bench.cancel(tx), NOTHING);
        bench.sip.transport_failed(bench.now, transport);
        assert_eq!(bench.out(), NOTHING);
        assert!(bench.wait(LONG - 1).is_empty());
        assert_eq!(bench.take_response(transport, &tagged(&invite, 200, "b")), ["Response 200"]);
        bench.wait(1);
        assert_eq!(bench.sip.len(), 0);
        assert_eq!(bench.take_response(transport, &tagged(&invite, 200, "b")), ["StrayResponse"]);
    }
}

#[test]
fn the_ack_of_a_2xx_has_a_branch_of_its_own_and_no_transaction() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(udp(), Method::Invite);
    bench.take_response(udp(), &tagged(&invite, 200, "a"));
    let mut ack = outgoing(Method::Ack);
    ack.body = Vec::new();
    bench.sip.send_ack(bench.now, udp(), "198.51.100.1:5060", ack);
    assert_eq!(bench.out(), ["> ACK"]);
    assert_ne!(bench.sent_request().headers.via().unwrap().branch(), invite.headers.via().unwrap().branch());
    assert_eq!(bench.sip.len(), 1);
}

#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let mut bench = Bench::new();
    let (tx, invite) = bench.call(udp(), Method::Invite);
    assert_eq!(bench.cancel(tx), NOTHING);
    assert_eq!(bench.wait(500), at(&[500], "> INVITE"));
    assert_eq!(bench.take_response(udp(), &invite.respond(100)), ["> CANCEL", "Response 100"]);
    let cancel = bench.sent_request();
    for name in [Name::Via, Name::From, Name::To, Name::CallId, Name::Route] {
        assert_eq!(cancel.headers.get(&name), invite.headers.get(&name), "{name:?}");
    }
    assert_eq!(cancel.headers.text(&Name::CSeq).unwrap(), "3 CANCEL");
    assert_eq!((cancel.uri.as_str(), cancel.body.len()), (invite.uri.as_str(), 0));
    assert_eq!(bench.wait(1500), at(&[500, 1500], "> CANCEL"));
    assert_eq!(bench.take_response(udp(), &cancel.respond(200)), NOTHING);
    assert_eq!(bench.cancel(tx), NOTHING, "once is enough");
    assert_eq!(bench.take_response(udp(), &tagged(&invite, 487, "a")), ["> ACK", "Response 487"]);
    assert!(bench.wait(2 * LONG).is_empty());
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_delivered() {
    for provisional_first in [true, false] {
        let mut bench = Bench::new();
        let (tx, invite) = bench.call(udp(), Method::Invite);
        if provisional_first {
            bench.take_response(udp(), &tagged(&invite, 180, "a"));
        }
        let sent: &[&str] = if provisional_first { &["> CANCEL"] } else { &[] };
        assert_eq!(bench.cancel(tx), sent);
        assert_eq!(bench.take_response(udp(), &tagged(&invite, 200, "a")), ["Response 200"]);
        let state = bench.sip.client_state(tx);
        assert_eq!(state, Some(ClientState::Invite(invite_client::State::Accepted)));
    }
}

#[test]
fn a_cancelled_invite_is_given_up_32_s_after_its_cancel() {
    let mut bench = Bench::new();
    let (tx, invite) = bench.call(tcp(), Method::Invite);
    bench.take_response(tcp(), &tagged(&invite, 180, "a"));
    bench.wait(10_000);
    assert_eq!(bench.cancel(tx), ["> CANCEL"]);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn an_invite_that_rings_too_long_is_cancelled_by_timer_c() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(tcp(), Method::Invite);
    for _ in 0..3 {
        assert_eq!(bench.take_response(tcp(), &tagged(&invite, 180, "a")), ["Response 180"]);
        assert!(bench.wait(179_999).is_empty());
    }
    let expected = [(1, "> CANCEL".to_owned()), (1 + LONG, "TimedOut".to_owned())];
    assert_eq!(bench.wait(60_000), expected);
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_2xx_after_a_failure_still_reaches_the_user() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(udp(), Method::Invite);
    bench.take_response(udp(), &tagged(&invite, 486, "a"));
    assert_eq!(bench.take_response(udp(), &tagged(&invite, 200, "b")), ["Response 200"]);
}

// ---- The client of other requests ----

#[test]
fn an_unanswered_request_is_repeated_at_most_every_4_s_and_times_out_after_32_s() {
    let mut bench = Bench::new();
    bench.call(udp(), Method::Bye);
    let mut expected = at(&BACKED_OFF, "> BYE");
    expected.push((LONG, "TimedOut".to_owned()));
    assert_eq!(bench.wait(60_000), expected);
    bench.call(tcp(), Method::Bye);
    assert_eq!(bench.wait(60_000), at(&[LONG], "TimedOut"));
    assert_eq!(bench.sip.len(), 0);
}

#[test]
fn a_request_that_is_being_worked_on_is_repeated_every_4_s() {
    let mut bench = Bench::new();
    let (tx, options) = bench.call(udp(), Method::Options);
    assert_eq!(bench.take_response(udp(), &options.respond(100)), ["Response 100"]);
    assert_eq!(bench.wait(9000), at(&[500, 4500, 8500], "> OPTIONS"));
    assert_eq!(bench.cancel(tx), NOTHING, "only an INVITE can be cancelled");
    assert_eq!(bench.take_response(udp(), &options.respond(200)), ["Response 200"]);
    assert_eq!(bench.take_response(udp(), &options.respond(200)), NOTHING);
    assert!(bench.wait(4999).is_empty());
    assert_eq!(bench.sip.len(), 1);
    bench.wait(1);
    assert_eq!(bench.sip.len(), 0);
    let (_, options) = bench.call(tcp(), Method::Options);
    assert_eq!(bench.take_response(tcp(), &options.respond(200)), ["Response 200"]);
    assert_eq!(bench.sip.len(), 0, "timer K is zero");
}

#[test]
fn responses_that_are_not_ours_are_dropped_and_counted() {
    let mut bench = Bench::new();
    let (_, options) = bench.call(udp(), Method::Options);
    let ok = options.respond(200);
    let mut two_vias = ok.clone();
    two_vias.headers.push(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9");
    let mut two_on_a_line = ok.clone();
    let via = format!("{}, SIP/2.0/UDP 192.0.2.9", ok.headers.text(&Name::Via).unwrap());
    two_on_a_line.headers.set(Name::Via, via);
    let mut other_method = ok.clone();
    other_method.headers.set(Name::CSeq, "3 BYE");
    let mut other_branch = ok.clone();
    other_branch.headers.set(Name::Via, "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK0");
    let mut no_via = ok.clone();
    no_via.headers.remove(&Name::Via);
    for (response, expected) in [
        (two_vias, None),
        (two_on_a_line, None),
        (no_via, None),
        (other_method, Some("StrayResponse")),
        (other_branch, Some("StrayResponse")),
    ] {
        assert_eq!(bench.take_response(udp(), &response), expected.as_slice());
    }
    let counters = bench.sip.counters();
    assert_eq!((counters.bad_responses, counters.stray_responses), (3, 2));
    assert_eq!(bench.take_response(udp(), &ok), ["Response 200"]);
}

#[test]
fn a_broken_flow_fails_what_waits_for_it_and_nothing_else() {
    let mut bench = Bench::new();
    let (_, ringing) = bench.call(tcp(), Method::Invite);
    bench.take_response(tcp(), &tagged(&ringing, 180, "a"));
    bench.call(tcp(), Method::Invite);
    bench.call(tcp(), Method::Options);
    let (other, _) = bench.call(udp(), Method::Options);
    bench.take(tcp(), &invite());
    bench.sip.transport_failed(bench.now, tcp());
    assert_eq!(bench.out(), ["Failed", "Failed", "Failed", "ServerFailed"]);
    assert_eq!(bench.sip.client_state(other), Some(ClientState::Request(request_client::State::Trying)));
    assert_eq!(bench.server_state(), Some(ServerState::Invite(invite_server::State::Proceeding)), "RFC 6026 §7.1");
    assert_eq!(bench.answer(&invite(), 480), ["> 480 INVITE"]);
    assert_eq!(bench.sip.len(), 2);
}
