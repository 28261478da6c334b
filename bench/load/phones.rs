//! The SIP of a run: one trunk with its callers and third parties, and the seats, each on its own port.
//!
//! One thread turns `run_until`; what it must do between two events is next to nothing, so that the
//! figures are the server's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::seat::Seat;
use super::socket::{self, Epoll, Udp};
use super::thirds::{self, Change, Thirds};
use super::voice::{self, Voice};
use super::wire::{self, Message};

const MS: u64 = 1_000_000;
/// RFC 3261 T1 and 64·T1.
const T1: u64 = 500 * MS;
const GIVE_UP: u64 = 32_000 * MS;
/// Callers are numbered 1380000 0000 to 1380000 9999, over and over.
const NUMBERS: usize = 10_000;

pub struct Setup {
    pub server: SocketAddr,
    pub dial: String,
    pub address: IpAddr,
    pub trunk_port: u16,
    /// Seat n has `seat_port` + n.
    pub seat_port: u16,
    pub seats: usize,
    /// Legs of callers; the n-th seat has leg `lines` + n.
    pub lines: usize,
    /// Third parties; the n-th has leg `lines` + `seats` + n.
    pub thirds: usize,
    pub first_rtp_port: u16,
    /// A caller hangs up so long after its answer, in ns; None: when `hang_up` says so.
    pub talk: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Calling,
    Up,
    Leaving,
    Complete,
    Failed(String),
}

/// What happened to one caller, and when: nanoseconds of the wall clock, 0 for never.
#[derive(Clone, Debug)]
pub struct Call {
    pub state: State,
    pub invited: u64,
    pub trying: u64,
    /// The seat's INVITE arrived.
    pub seat_invited: u64,
    /// The seat's 200 left.
    pub seat_answered: u64,
    pub answered: u64,
    pub bye: u64,
    line: usize,
    seat: Option<usize>,
    provisional: bool,
    invite: String,
    to: String,
    target: String,
    routes: Vec<String>,
    bye_text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The request was not answered: once more, after so long.
    Again(usize, u64, bool),
    GiveUp(usize, bool),
    HangUp(usize),
    /// A seat's 200 was not acknowledged.
    SeatAgain(usize, u64, u64),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub resent: u64,
    /// A seat in a call was rung for another.
    pub rung_twice: u64,
    /// A seat's INVITE named no caller of ours.
    pub unmatched: u64,
    pub unreadable: u64,
    /// 200s of seats that were never acknowledged.
    pub without_ack: u64,
}

pub struct Phones {
    pub setup: Setup,
    pub calls: Vec<Call>,
    pub counts: Counts,
    pub voice: Option<Voice>,
    trunk: Udp,
    seats: Vec<Seat>,
    thirds: Thirds,
    epoll: Epoll,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    free_lines: Vec<usize>,
    /// Which call a number's caller is in.
    by_number: BTreeMap<usize, usize>,
    run: u64,
    idle_sockets: Vec<Udp>,
}

impl Phones {
    /// Without a voice, the legs' ports are open all the same, as a real phone's would be.
    pub fn open(setup: Setup, with_voice: bool) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let trunk = Udp::bind(SocketAddr::new(setup.address, setup.trunk_port), 4 << 20)?;
        epoll.add(&trunk, 0)?;
        let mut seats = Vec::new();
        for at in 0..setup.seats {
            let port = setup.seat_port + u16::try_from(at).expect("seats fit into the ports");
            let seat = Seat::open(SocketAddr::new(setup.address, port))?;
            epoll.add(&seat.socket, 1 + at as u64)?;
            seats.push(seat);
        }
        let mut phones = Self {
            voice: None,
            calls: Vec::new(),
            counts: Counts::default(),
            trunk,
            seats,
            thirds: Thirds::new(setup.thirds),
            epoll,
            timers: BinaryHeap::new(),
            free_lines: (0..setup.lines).rev().collect(),
            by_number: BTreeMap::new(),
            run: socket::wall(),
            idle_sockets: Vec::new(),
            setup,
        };
        let (setup, parties) = (&phones.setup, [phones.setup.lines, phones.setup.seats, phones.setup.thirds]);
        if with_voice {
            phones.voice = Some(Voice::start(setup.address, setup.first_rtp_port, parties)?);
        } else {
            let ports = (0..2 * parties.iter().sum::<usize>()).map(|at| setup.first_rtp_port + at as u16);
            let open = ports.map(|port| Udp::bind(SocketAddr::new(setup.address, port), 2048));
            phones.idle_sockets = open.collect::<io::Result<_>>()?;
        }
        Ok(phones)
    }

    /// Seats that the server has asked with OPTIONS whether they are there.
    pub fn seats_found(&self) -> usize {
        self.seats.iter().filter(|seat| seat.found).count()
    }

    /// A new caller dials. False: no line is free, so that the load is not what it should be.
    pub fn dial(&mut self) -> bool {
        let Some(line) = self.free_lines.pop() else { return false };
        let at = self.calls.len();
        let own = SocketAddr::new(self.setup.address, self.setup.trunk_port);
        let (server, dial, run) = (self.setup.server, &self.setup.dial, self.run);
        let number = number_of(at);
        let text = format!(
            "INVITE sip:{dial}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{run}i{at};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{number}@{own}>;tag=c{at}\r\nTo: <sip:{dial}@{server}>\r\n\
             Call-ID: {at}-{run}@load\r\nCSeq: 1 INVITE\r\n"
        );
        let extra = format!("Contact: <sip:{number}@{own}>\r\nAllow: INVITE,ACK,BYE,CANCEL,OPTIONS\r\n");
        let invite = wire::finish(text, &extra, &wire::description(self.media(line)));
        let invited = socket::wall();
        self.trunk.send(invite.as_bytes(), server);
        self.by_number.insert(at % NUMBERS, at);
        self.calls.push(Call {
            state: State::Calling,
            invited,
            trying: 0,
            seat_invited: 0,
            seat_answered: 0,
            answered: 0,
            bye: 0,
            line,
            seat: None,
            provisional: false,
            invite,
            to: String::new(),
            target: String::new(),
            routes: Vec::new(),
            bye_text: String::new(),
        });
        self.set(T1, Timer::Again(at, 2 * T1, false));
        self.set(GIVE_UP, Timer::GiveUp(at, false));
        true
    }

    /// A caller hangs up, if it is still in its call.
    pub fn hang_up(&mut self, at: usize) {
        let own = SocketAddr::new(self.setup.address, self.setup.trunk_port);
        let (run, number, server) = (self.run, number_of(at), self.setup.server);
        let call = &mut self.calls[at];
        if call.state != State::Up {
            return;
        }
        call.state = State::Leaving;
        let mut text = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{run}b{at};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{own}>;tag=c{at}\r\nTo: {}\r\nCall-ID: {at}-{run}@load\r\nCSeq: 2 BYE\r\n",
            call.target, call.to
        );
        call.routes.iter().for_each(|route| text.extend(["Route: ", route, "\r\n"]));
        call.bye_text = wire::finish(text, "", "");
        call.bye = socket::wall();
        self.trunk.send(call.bye_text.as_bytes(), server);
        let line = call.line;
        if let Some(voice) = &self.voice {
            voice.hush(line);
        }
        self.set(T1, Timer::Again(at, 2 * T1, true));
        self.set(GIVE_UP, Timer::GiveUp(at, true));
    }

    /// The seat of a call dials a third party on its keys.
    pub fn bring_in(&self, at: usize) {
        if let (Some(voice), Some(seat)) = (&self.voice, self.calls[at].seat) {
            voice.press(self.setup.lines + seat, format!("*2{}#", thirds::number_of(at)));
        }
    }

    pub fn thirds_talking(&self) -> usize {
        self.thirds.talking()
    }

    pub fn live(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call.state, State::Calling | State::Up | State::Leaving)).count()
    }

    /// Plays all phones until the steady clock shows `until`.
    pub fn run_until(&mut self, until: u64) {
        let mut tokens = Vec::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let now = socket::steady();
            while let Some(Reverse((_, timer))) = self.timers.peek().copied().filter(|Reverse((at, _))| *at <= now) {
                self.timers.pop();
                self.fire(timer);
            }
            let due = self.timers.peek().map_or(until, |Reverse((at, _))| until.min(*at));
            let now = socket::steady();
            if now >= until {
                return;
            }
            // A timer may come a millisecond late; every time is taken when its packet leaves.
            let wait = due.saturating_sub(now).div_ceil(MS);
            self.epoll.wait(i32::try_from(wait).unwrap_or(1000), &mut tokens);
            for token in tokens.iter().copied() {
                self.receive(token as usize, &mut buffer);
            }
        }
    }

    fn receive(&mut self, token: usize, buffer: &mut [u8]) {
        let source = token.checked_sub(1);
        for _ in 0..64 {
            let socket = source.map_or(&self.trunk, |seat| &self.seats[seat].socket);
            let Some(arrival) = socket.receive(buffer) else { return };
            let text = String::from_utf8_lossy(&buffer[..arrival.length]);
            let Some(message) = Message::parse(&text) else {
                self.counts.unreadable += 1;
                continue;
            };
            match (source, message.status()) {
                (None, Some(status)) => self.on_response(status, &message, arrival.at),
                (None, None) => self.on_trunk_request(&message, arrival.from),
                (Some(seat), None) => self.on_seat_request(seat, &message, arrival.from, arrival.at),
                // Seats send no requests.
                (Some(_), Some(_)) => {}
            }
        }
    }

    fn on_response(&mut self, status: u16, message: &Message, arrived: u64) {
        let Some(at) = self.call_of(message) else { return };
        let call = &mut self.calls[at];
        match (message.answers(), status) {
            ("INVITE", 100..=199) => {
                call.provisional = true;
                if call.trying == 0 {
                    call.trying = arrived;
                }
            }
            ("INVITE", 200..=299) => {
                if call.state == State::Calling {
                    call.state = State::Up;
                    call.answered = arrived;
                    call.invite.clear();
                    message.header("To").clone_into(&mut call.to);
                    message.contact().clone_into(&mut call.target);
                    let routes: Vec<String> = message.all("Record-Route").map(str::to_owned).collect();
                    call.routes = routes.into_iter().rev().collect();
                    if let (Some(voice), Some(media)) = (&self.voice, message.media()) {
                        voice.talk(call.line, media);
                    }
                    if let Some(talk) = self.setup.talk {
                        self.set(talk, Timer::HangUp(at));
                    }
                }
                self.acknowledge(at, &format!("z9hG4bK{}a{at}", self.run));
            }
            ("INVITE", _) => {
                message.header("To").clone_into(&mut call.to);
                call.target = format!("sip:{}@{}", self.setup.dial, self.setup.server);
                // Of the INVITE's own transaction, so of its branch.
                self.acknowledge(at, &format!("z9hG4bK{}i{at}", self.run));
                self.fail(at, format!("{status}"));
            }
            ("BYE", 200..=299) if call.state == State::Leaving => self.end(at, State::Complete),
            ("BYE", 200..) => self.fail(at, format!("BYE {status}")),
            _ => {}
        }
    }

    fn acknowledge(&mut self, at: usize, branch: &str) {
        let own = SocketAddr::new(self.setup.address, self.setup.trunk_port);
        let (run, number) = (self.run, number_of(at));
        let call = &self.calls[at];
        let mut text = format!(
            "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{own}>;tag=c{at}\r\nTo: {}\r\nCall-ID: {at}-{run}@load\r\nCSeq: 1 ACK\r\n",
            call.target, call.to
        );
        call.routes.iter().for_each(|route| text.extend(["Route: ", route, "\r\n"]));
        self.trunk.send(wire::finish(text, "", "").as_bytes(), self.setup.server);
    }

    fn on_trunk_request(&mut self, message: &Message, from: SocketAddr) {
        let call = self.call_of(message);
        if let (None, Some(third)) = (call, self.thirds.of(message)) {
            return self.on_third_request(third, message, from);
        }
        let own = SocketAddr::new(self.setup.address, self.setup.trunk_port);
        let contact = format!("Contact: <sip:{own}>\r\n");
        let (status, body) = match (message.method(), call) {
            ("ACK", _) => return,
            ("INVITE", Some(at)) => ("200 OK", wire::description(self.media(self.calls[at].line))),
            ("OPTIONS" | "BYE" | "UPDATE" | "INFO", _) => ("200 OK", String::new()),
            _ => ("481 Call/Transaction Does Not Exist", String::new()),
        };
        self.trunk.send(wire::reply(message, status, "t", &contact, &body).as_bytes(), from);
        if let (Some(at), "BYE") = (call, message.method()) {
            self.fail(at, "the server hung up".into());
        }
    }

    fn on_third_request(&mut self, at: usize, message: &Message, from: SocketAddr) {
        let own = SocketAddr::new(self.setup.address, self.setup.trunk_port);
        let leg = self.setup.lines + self.setup.seats + at;
        let body = wire::description(self.media(leg));
        let (answer, change) = self.thirds.on_request(at, message, &format!("Contact: <sip:{own}>\r\n"), &body);
        if let Some(answer) = answer {
            self.trunk.send(answer.as_bytes(), from);
        }
        let Some(voice) = &self.voice else { return };
        match (change, message.media()) {
            (Change::Answers, Some(to)) => voice.talk(leg, to),
            (Change::Ends, _) => voice.hush(leg),
            (Change::Answers | Change::Nothing, _) => {}
        }
    }

    fn on_seat_request(&mut self, at: usize, message: &Message, from: SocketAddr, arrived: u64) {
        let leg = self.setup.lines + at;
        let media = self.media(leg);
        if message.method() == "INVITE" && !message.has_to_tag() && self.seats[at].is_new(message) {
            if self.seats[at].is_in_call() {
                self.counts.rung_twice += 1;
                return self.seats[at].refuse(message, from);
            }
            let answered = self.seats[at].answer(message, from, media);
            match self.caller_of(message) {
                Some(call) => {
                    self.calls[call].seat_invited = arrived;
                    self.calls[call].seat_answered = answered;
                    self.calls[call].seat = Some(at);
                }
                None => self.counts.unmatched += 1,
            }
            if let (Some(voice), Some(to)) = (&self.voice, message.media()) {
                voice.talk(leg, to);
            }
            let dialog = self.seats[at].dialogs;
            return self.set(T1, Timer::SeatAgain(at, dialog, T1));
        }
        let ended = self.seats[at].on_request(message, from, media);
        if let (Some(voice), true) = (&self.voice, ended) {
            voice.hush(leg);
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Again(at, after, is_bye) => {
                let call = &self.calls[at];
                let text = match (&call.state, is_bye) {
                    (State::Calling, false) if !call.provisional => &call.invite,
                    (State::Leaving, true) => &call.bye_text,
                    _ => return,
                };
                self.trunk.send(text.as_bytes(), self.setup.server);
                self.counts.resent += 1;
                self.set(after, Timer::Again(at, (2 * after).min(8 * T1), is_bye));
            }
            Timer::GiveUp(at, is_bye) => match (&self.calls[at].state, is_bye) {
                (State::Calling, false) => {
                    let cancel = cancel(&self.calls[at].invite);
                    self.trunk.send(cancel.as_bytes(), self.setup.server);
                    self.fail(at, "no final answer to INVITE".into());
                }
                (State::Leaving, true) => self.fail(at, "no answer to BYE".into()),
                _ => {}
            },
            Timer::HangUp(at) => self.hang_up(at),
            Timer::SeatAgain(at, dialog, after) => {
                let seat = &mut self.seats[at];
                if seat.dialogs != dialog || !seat.is_waiting_for_ack() {
                    return;
                }
                if after > GIVE_UP / 2 {
                    self.counts.without_ack += 1;
                    return;
                }
                seat.answer_again();
                self.counts.resent += 1;
                self.set(after, Timer::SeatAgain(at, dialog, 2 * after));
            }
        }
    }

    fn fail(&mut self, at: usize, why: String) {
        if matches!(self.calls[at].state, State::Calling | State::Up | State::Leaving) {
            self.end(at, State::Failed(why));
        }
    }

    fn end(&mut self, at: usize, state: State) {
        let call = &mut self.calls[at];
        call.state = state;
        (call.invite, call.bye_text) = (String::new(), String::new());
        self.free_lines.push(call.line);
        let line = call.line;
        if let Some(voice) = &self.voice {
            voice.hush(line);
        }
    }

    fn call_of(&self, message: &Message) -> Option<usize> {
        let (at, run) = message.header("Call-ID").split_once('-')?;
        let at = at.parse().ok().filter(|at| *at < self.calls.len())?;
        (run.strip_suffix("@load")?.parse() == Ok(self.run)).then_some(at)
    }

    /// By the caller's number in From.
    fn caller_of(&self, message: &Message) -> Option<usize> {
        let (_, number) = message.header("From").rsplit_once("1380000")?;
        self.by_number.get(&number.get(..4)?.parse().ok()?).copied()
    }

    fn media(&self, leg: usize) -> SocketAddr {
        SocketAddr::new(self.setup.address, voice::port(self.setup.first_rtp_port, leg))
    }

    fn set(&mut self, after: u64, timer: Timer) {
        self.timers.push(Reverse((socket::steady() + after, timer)));
    }
}

fn number_of(call: usize) -> String {
    format!("1380000{:04}", call % NUMBERS)
}

/// The INVITE's CANCEL: the same but for method and body (RFC 3261 §9.1).
fn cancel(invite: &str) -> String {
    let head = invite.split("Contact:").next().unwrap_or_default();
    let head = head.replacen("INVITE", "CANCEL", 1).replacen("CSeq: 1 INVITE", "CSeq: 1 CANCEL", 1);
    wire::finish(head, "", "")
}
