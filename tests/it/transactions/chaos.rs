//! Any order of messages, answers, failures and time: no panic, one end for each request, and nothing stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Fault, Message, Method, Name, Request, Response, Unreadable};
use hotline::sip::timers::{Timer, TimerTable};
use hotline::sip::transactions::{ClientTx, Event, Output, ServerTx, Timers, Transactions};
use hotline::time::Mono;

use super::{flow, incoming, outgoing, request_of, tagged, tcp, udp};

/// Marsaglia's xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let sides = u64::try_from(from.len()).ok().filter(|sides| *sides > 0)?;
        from.get(usize::try_from(self.roll(sides)).unwrap())
    }
}

/// What the user of a request of ours has heard of its end.
#[derive(Debug, Default)]
struct Ends {
    success: u32,
    failure: u32,
    timed_out: u32,
    failed: u32,
}

struct World {
    sip: Transactions,
    now: Mono,
    servers: Vec<(ServerTx, Request)>,
    clients: BTreeMap<ClientTx, Ends>,
    /// Every request that we sent, CANCEL and ACK too.
    sent: Vec<Request>,
    handles: BTreeSet<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let sip = Transactions::new(Timers::default(), seed);
        let (servers, clients, sent) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { sip, now: Mono(0), servers, clients, sent, handles: BTreeSet::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.sip.poll() {
            match output {
                Output::Send { bytes, .. } => match Message::parse(&bytes).expect("what we send can be read") {
                    Message::Request(request) => self.sent.push(request),
                    Message::Response(_) => {}
                },
                Output::Event(event) => self.hear(event),
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Request { tx, request, .. } => {
                assert!(self.handles.insert(tx.0), "handles are never reused");
                assert!(!matches!(request.method, Method::Ack | Method::Cancel));
                self.servers.push((tx, request));
            }
            Event::Cancel { invite, request } => {
                assert_eq!(request.method, Method::Cancel);
                assert!(self.servers.iter().any(|(tx, _)| *tx == invite));
            }
            Event::Ack { request, .. } => assert_eq!(request.method, Method::Ack),
            Event::Response { tx, response, .. } => {
                let ends = self.clients.get_mut(&tx).expect("a request of the user");
                assert_eq!(ends.timed_out + ends.failed, 0);
                match response.status {
                    100..200 => assert_eq!(ends.success + ends.failure, 0),
                    200..300 => ends.success += 1,
                    _ => {
                        assert_eq!(ends.success, 0);
                        ends.failure += 1;
                    }
                }
            }
            Event::TimedOut { tx } => {
                let ends = self.clients.get_mut(&tx).expect("a request of the user");
                assert_eq!(ends.success + ends.failure + ends.failed, 0);
                ends.timed_out += 1;
            }
            Event::Failed { tx } => {
                let ends = self.clients.get_mut(&tx).expect("a request of the user");
                assert_eq!(ends.timed_out, 0);
                ends.failed += 1;
            }
            Event::ServerTimedOut { tx } | Event::ServerFailed { tx } => {
                assert!(self.servers.iter().any(|(known, _)| *known == tx));
            }
            Event::StrayResponse { .. } => {}
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let way = any_flow(dice);
        match dice.roll(12) {
            0..=2 => self.sip.receive(self.now, way, Message::Request(any_request(dice))),
            3 | 4 => {
                if let Some((tx, request)) = dice.pick(&self.servers) {
                    self.sip.respond(self.now, *tx, any_response(dice, request));
                }
            }
            5 => {
                let method = if dice.roll(3) == 0 { Method::Options } else { Method::Invite };
                let tx = self.sip.request(self.now, way, "198.51.100.1:5060", outgoing(method));
                assert!(self.handles.insert(tx.0), "handles are never reused");
                self.clients.insert(tx, Ends::default());
            }
            6..=8 => {
                if let Some(request) = dice.pick(&self.sent) {
                    self.sip.receive(self.now, way, Message::Response(any_response(dice, request)));
                }
            }
            9 => {
                let known: Vec<ClientTx> = self.clients.keys().copied().collect();
                if let Some(tx) = dice.pick(&known) {
                    self.sip.cancel(self.now, *tx);
                }
            }
            10 if dice.roll(4) == 0 => self.sip.transport_failed(self.now, way),
            10 => {
                let answerable = (dice.roll(2) == 0).then(|| Box::new(any_request(dice)));
                self.sip.receive_unreadable(way, Unreadable { fault: Fault::NotSip, answerable });
            }
            _ => self.pass(Duration::from_millis(dice.roll(9000))),
        }
    }

    /// Either tick by tick or in one late jump, both must do.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.sip.next_timeout().filter(|at| *at <= end && time.as_millis().is_multiple_of(2)) {
            assert!(at >= self.now, "timers fire in order");
            self.now = at;
            self.sip.handle_timeout(at);
            assert!(self.sip.next_timeout().is_none_or(|next| next > at));
        }
        self.now = end;
        self.sip.handle_timeout(end);
        assert!(self.sip.next_timeout().is_none_or(|next| next > end));
    }

    /// The user answers whatever is open; then a long time passes.
    fn end(&mut self) {
        for (tx, request) in &self.servers {
            self.sip.respond(self.now, *tx, request.respond(500));
        }
        for _ in 0..40 {
            self.drain();
            self.pass(Duration::from_secs(30));
        }
        self.drain();
        assert_eq!((self.sip.len(), self.sip.next_timeout()), (0, None));
        for (tx, ends) in &self.clients {
            assert!(ends.success + ends.failure + ends.timed_out + ends.failed > 0, "{tx:?} has no end");
            assert!(ends.failure <= 1 && ends.timed_out <= 1 && ends.failed <= 1, "{tx:?} {ends:?}");
        }
    }
}

fn any_flow(dice: &mut Dice) -> Flow {
    *dice.pick(&[udp(), tcp(), flow(Transport::Udp, "[2001:db8::1]:5060")]).unwrap()
}

/// Few of each, so that they meet: retransmissions, mergers, CANCELs and ACKs of what is there.
fn any_request(dice: &mut Dice) -> Request {
    let method = *dice.pick(&["INVITE", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "FOO"]).unwrap();
    let branch = *dice.pick(&["z9hG4bKa", "z9hG4bKb", "z9hG4bKc", "z9hG4bK", "old"]).unwrap();
    let rport = *dice.pick(&["", ";rport"]).unwrap();
    let to_tag = *dice.pick(&["", "", ";tag=us"]).unwrap();
    let mut request = incoming(method, &format!("192.0.2.1:5060;branch={branch}{rport}"), to_tag);
    request.headers.set(Name::CallId, *dice.pick(&["one", "two"]).unwrap());
    if dice.roll(20) == 0 {
        request.headers.remove(dice.pick(&[Name::Via, Name::From, Name::To, Name::CSeq, Name::CallId]).unwrap());
    }
    request_of(&request.to_bytes())
}

fn any_response(dice: &mut Dice, request: &Request) -> Response {
    let status = *dice.pick(&[100, 180, 183, 200, 200, 202, 302, 401, 486, 487, 503, 603, 700]).unwrap();
    let tag = *dice.pick(&["us", "fork"]).unwrap();
    let mut response = tagged(request, status, tag);
    if dice.roll(20) == 0 {
        response.headers.remove(dice.pick(&[Name::Via, Name::To, Name::CSeq]).unwrap());
    }
    response
}

#[test]
fn any_order_of_inputs_ends_well() {
    for seed in 1..=400_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut world = World::new(seed);
        world.sip.limit = if seed % 4 == 0 { 3 } else { 1000 };
        for _ in 0..dice.roll(200) {
            world.step(&mut dice);
            world.drain();
            assert!(!world.sip.is_empty() || world.sip.next_timeout().is_none(), "no timer outlives its transaction");
        }
        world.end();
    }
}

/// Timers so short or so long that nobody would set them must not hang or overflow either.
#[test]
fn odd_timer_values_end_too() {
    let (zero, huge) = (Duration::ZERO, Duration::MAX);
    let tiny = Duration::from_nanos(1);
    for (t1, t2, t4) in [(zero, zero, zero), (tiny, zero, zero), (zero, huge, tiny), (huge, huge, huge)] {
        let timers = Timers { t1, t2, t4, timer_c: t4, timer_d: t4 };
        let mut sip = Transactions::new(timers, 1);
        sip.request(Mono(0), udp(), "198.51.100.1:5060", outgoing(Method::Invite));
        sip.request(Mono(0), udp(), "198.51.100.1:5060", outgoing(Method::Bye));
        sip.receive(Mono(0), udp(), Message::Request(incoming("BYE", "192.0.2.1;branch=z9hG4bK1", "")));
        while let Some(at) = sip.next_timeout() {
            sip.handle_timeout(at);
        }
        assert_eq!(sip.len(), 0);
    }
}

#[test]
fn the_timer_table_agrees_with_a_plain_list() {
    const TIMERS: [Timer; 4] = [Timer::A, Timer::H, Timer::Cancel, Timer::TooLate];
    let mut dice = Dice(7);
    let mut table = TimerTable::new();
    let mut list: Vec<(Mono, u64, u8, Timer)> = Vec::new();
    for turn in 0..20_000 {
        let (owner, timer) = (u8::try_from(dice.roll(5)).unwrap(), *dice.pick(&TIMERS).unwrap());
        let now = Mono(turn / 10 + dice.roll(20));
        match dice.roll(5) {
            0 | 1 => {
                list.retain(|known| (known.2, known.3) != (owner, timer));
                list.push((now, turn, owner, timer));
                table.start(owner, timer, now);
            }
            2 => {
                list.retain(|known| (known.2, known.3) != (owner, timer));
                table.stop(owner, timer);
            }
            3 if dice.roll(5) == 0 => {
                list.retain(|known| known.2 != owner);
                table.stop_all(owner);
            }
            _ => {
                let first = list.iter().copied().min().filter(|first| first.0 <= now);
                list.retain(|known| Some(*known) != first);
                assert_eq!(table.pop(now), first.map(|(_, _, owner, timer)| (owner, timer)));
            }
        }
        assert_eq!(table.next(), list.iter().min().map(|first| first.0));
    }
}
