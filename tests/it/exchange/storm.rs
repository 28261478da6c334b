//! Whatever comes in whatever order: no panic, and when all is over nothing is left.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::call::mix_plan::{Command, Report};
use hotline::call::{BadCall, CallBack, CallId, LegId, Output as Wish, SeatAsk, SeatNo};
use hotline::exchange::{Holdings, Input};
use hotline::privacy::Private;
use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Message, Method, Request, Response};

use super::city::{CARRIER, City, carrier, flow, settings};
use super::peers::{Caller, Phone, Rung, reply, sdp, talking};
use crate::call::{SECOND, seconds};

/// Numbers that look random and are the same in every run (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % bound.max(1)
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Two carriers and four phones that do what they like.
struct Crowd {
    city: City,
    dice: Dice,
    callers: Vec<Caller>,
    phones: Vec<Phone>,
    rungs: Vec<Rung>,
    unclosed: Vec<LegId>,
    answered: usize,
    missed: usize,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let mut settings = settings();
        settings.trunks[0].channels = 6;
        settings.trunks[0].session_expires = Some(seconds(90));
        settings.pools[1] = (30_000, 30_011);
        settings.board.wrap_up = Duration::ZERO;
        settings.board.seats.values_mut().for_each(|seat| seat.supervisor = true);
        let phones = vec![
            Phone::new("1001"),
            Phone::new("1002"),
            Phone::at("1001", flow(4, Transport::Tcp, "10.0.0.201:49152")),
            Phone::at("1003", flow(2, Transport::Udp, "[2001:db8::65]:5062")),
        ];
        let mut city = City::new(settings);
        city.resilient = true;
        let (callers, rungs, unclosed) = (Vec::new(), Vec::new(), Vec::new());
        Self { city, dice: Dice::new(seed), callers, phones, rungs, unclosed, answered: 0, missed: 0 }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..3 => self.somebody_calls(),
            3..8 => self.a_caller_acts(),
            8..11 => self.a_phone_acts(),
            11..13 => self.a_rung_phone_acts(),
            13 => self.media_says(),
            14 | 15 => self.the_shell_says(),
            _ => {
                let millis = [0, 20, 200, 700, 3_500, 13_000, 33_000, 50_000][self.dice.below(8)];
                self.city.pass(Duration::from_millis(millis));
            }
        }
        self.read_mail();
        self.note_closed();
    }

    fn somebody_calls(&mut self) {
        let number = ["12345", "12345", "12331", "99999"][self.dice.below(4)];
        let mut caller = if self.dice.one_in(4) {
            Caller::on(&mut self.city, flow(3, Transport::Udp, "192.0.2.17:5060"), "sip:12345@192.0.2.1", "139")
        } else {
            Caller::new(&mut self.city, number)
        };
        if self.dice.one_in(4) {
            caller.more = vec!["Supported: 100rel, timer".into(), "Session-Expires: 90".into()];
        }
        match self.dice.below(8) {
            0 => caller.invite_with(&mut self.city, ""),
            1 => caller.invite_with(&mut self.city, &sdp("198.51.100.20", 4000, "inactive")),
            _ => caller.invite(&mut self.city),
        }
        self.callers.push(caller);
    }

    fn a_caller_acts(&mut self) {
        if self.callers.is_empty() {
            return;
        }
        let at = self.dice.below(self.callers.len());
        let caller = &mut self.callers[at];
        let city = &mut self.city;
        match self.dice.below(14) {
            0 => caller.cancel(city),
            1 => {
                caller.bye(city);
            }
            2 => caller.ack(city),
            3 => caller.ack_failure(city),
            4 | 5 => {
                let direction = ["sendrecv", "sendonly", "inactive"][self.dice.below(3)];
                let method = ["INVITE", "UPDATE"][self.dice.below(2)];
                caller.ask(city, method, &sdp("198.51.100.21", 4100, direction));
            }
            6 => {
                caller.ask(city, ["INFO", "OPTIONS", "PRACK", "REFER"][self.dice.below(4)], "");
            }
            // Something that was sent before, once more.
            7 | 8 if !city.heard.is_empty() => {
                let (flow, bytes) = city.heard[self.dice.below(city.heard.len())].clone();
                city.send(flow, bytes);
            }
            _ => {}
        }
    }

    fn a_phone_acts(&mut self) {
        let at = self.dice.below(self.phones.len());
        let phone = &mut self.phones[at];
        let city = &mut self.city;
        phone.more = match self.dice.below(12) {
            0 => vec!["Expires: 0".into()],
            1 => vec!["Expires: 60".into()],
            _ => Vec::new(),
        };
        let body = phone.body();
        match self.dice.below(4) {
            0 => {
                let codes = ["*21", "*20", "*20", "*11", "12345", "13800000008", "1002", "*811001"];
                let code = codes[self.dice.below(codes.len())];
                phone.try_prove(city, "INVITE", &format!("sip:{code}@10.0.0.1"), &body);
            }
            _ => {
                phone.try_prove(city, "REGISTER", "sip:10.0.0.1", "");
            }
        }
    }

    fn a_rung_phone_acts(&mut self) {
        if self.rungs.is_empty() {
            return;
        }
        let at = self.dice.below(self.rungs.len());
        let rung = &mut self.rungs[at];
        let city = &mut self.city;
        let status = [100, 180, 180, 183, 200, 200, 200, 486, 487, 503, 401, 302][self.dice.below(12)];
        match self.dice.below(7) {
            0 => {
                rung.bye(city);
            }
            6 => {
                let replaces = ["", "?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db"][self.dice.below(2)];
                super::transfers::refer(city, rung, &format!("<sip:2001@10.0.0.1{replaces}>"));
            }
            1 => {
                let direction = ["sendrecv", "sendonly"][self.dice.below(2)];
                rung.ask(city, ["INVITE", "UPDATE"][self.dice.below(2)], &sdp("10.0.0.101", 6000, direction));
            }
            2 => {
                rung.tag.push('f');
                rung.reply(city, 200);
            }
            _ => rung.reply(city, status),
        }
    }

    fn media_says(&mut self) {
        let legs: Vec<(LegId, SocketAddr)> = self.city.media.iter().filter_map(opened).collect();
        if legs.is_empty() {
            return;
        }
        let (leg, local) = legs[self.dice.below(legs.len())];
        let since = self.city.now.mono;
        let report = match self.dice.below(5) {
            0 | 1 => Report::Silent { leg, since },
            2 => Report::Back { leg },
            3 => Report::Played { leg, token: self.dice.below(40) as u64 },
            _ => Report::NotOpened { leg, local, error: "in use".into() },
        };
        self.city.input(Input::Media(report));
    }

    fn the_shell_says(&mut self) {
        let seat = SeatNo(["1001", "1002", "1003", "nobody"][self.dice.below(4)].into());
        let asks = [
            SeatAsk::SignIn,
            SeatAsk::Free,
            SeatAsk::Busy,
            SeatAsk::SignOut,
            SeatAsk::BadCall(BadCall::Silent),
            SeatAsk::Free,
        ];
        let input = match self.dice.below(7) {
            6 => Input::CallBack(vec![CallBack {
                seat,
                task: CallId(1),
                number: Private::new("13800000009".to_string()),
                code: "12345".into(),
            }]),
            0 => {
                let mut settings = settings();
                settings.trunks.swap(0, 1);
                if self.dice.one_in(3) {
                    settings.trunks.pop();
                }
                Input::Reload(Box::new(settings))
            }
            1 => {
                let flows = [carrier(), self.phones[2].flow, self.phones[0].flow];
                Input::TransportFailed { flow: flows[self.dice.below(3)] }
            }
            2 => {
                let addresses = vec![format!("198.51.100.{}:5060", 9 + self.dice.below(3)).parse().unwrap()];
                Input::Resolved { trunk: "carrier".into(), addresses }
            }
            3 => {
                self.city.willing = !self.city.willing;
                Input::Tick
            }
            _ => Input::Ask { seat, ask: asks[self.dice.below(9).min(5)].clone() },
        };
        self.city.input(input);
    }

    /// Peers answer most of what they are sent.
    fn read_mail(&mut self) {
        for remote in self.city.addressees() {
            for (flow, message) in self.city.mail_with_flow(remote) {
                if self.dice.one_in(8) {
                    continue;
                }
                match message {
                    Message::Request(request) => self.on_request(flow, request),
                    Message::Response(response) => self.on_response(&response),
                }
            }
        }
    }

    fn on_request(&mut self, flow: Flow, request: Request) {
        match &request.method {
            Method::Invite if request.headers.to().is_ok_and(|to| to.tag().is_none()) => {
                let tag = format!("to-{}", self.city.serial());
                let body = sdp("10.0.0.101", 6000, "sendrecv");
                let rung = Rung { flow, invite: request, tag, body, cseq: 0 };
                match self.dice.below(4) {
                    0 => rung.reply(&mut self.city, 180),
                    1 => {}
                    _ => rung.reply(&mut self.city, 200),
                }
                self.rungs.push(rung);
            }
            Method::Invite => {
                let body = sdp("10.0.0.101", 6000, "sendrecv");
                self.city.send(flow, reply(&request, 200, "", &[format!("Contact: <sip:x@{}>", flow.remote)], &body));
            }
            Method::Ack => {}
            Method::Cancel => {
                self.city.send(flow, reply(&request, 200, "", &[], ""));
                let branch = request.headers.via().unwrap().branch().map(str::to_string);
                let of = |rung: &&Rung| rung.invite.headers.via().unwrap().branch().map(str::to_string) == branch;
                if let Some(rung) = self.rungs.iter().find(of).cloned() {
                    rung.reply(&mut self.city, 487);
                }
            }
            _ => {
                let status = [200, 200, 200, 481, 500][self.dice.below(5)];
                self.city.send(flow, reply(&request, status, "x", &[], ""));
            }
        }
    }

    fn on_response(&mut self, response: &Response) {
        let call_id = response.headers.call_id().unwrap_or_default();
        let Some(caller) = self.callers.iter_mut().find(|caller| caller.call_id == call_id) else { return };
        let invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        if response.status > 100 && invite {
            caller.remember(response);
        }
        if invite && response.status >= 300 {
            caller.ack_failure(&mut self.city);
        } else if invite && response.status >= 200 {
            caller.ack(&mut self.city);
        }
    }

    fn note_closed(&mut self) {
        let closed = |command: &Command| match command {
            Command::Close { leg } => Some(*leg),
            _ => None,
        };
        if !self.city.willing {
            self.unclosed.extend(self.city.media.iter().filter_map(closed));
        }
        self.city.media.retain(|command| closed(command).is_none());
        if self.city.media.len() > 200 {
            self.city.media.drain(..100);
        }
        self.city.story();
        for wish in self.city.wishes.drain(..) {
            self.answered += usize::from(matches!(wish, Wish::OpenTicket(_)));
            self.missed += usize::from(matches!(wish, Wish::Missed(_)));
        }
    }

    /// Everything ends, and is forgotten in its time.
    fn ends(mut self, seed: u64) {
        self.city.willing = true;
        for leg in std::mem::take(&mut self.unclosed) {
            self.city.closed(leg);
        }
        self.city.input(Input::EndAll);
        for _ in 0..40 {
            self.read_mail();
            self.city.pass(SECOND);
        }
        let board = self.city.exchange.board();
        assert_eq!((board.live(), board.legs()), (0, 0), "seed {seed}");
        self.city.pass(seconds(4_000));
        let lines = self.city.exchange.holdings().lines;
        assert!(lines <= 3, "seed {seed}: {lines} carriers and phones");
        assert_eq!(self.city.exchange.load(), (0, 0), "seed {seed}");
        let left = Holdings { lines, ..Holdings::default() };
        assert_eq!(self.city.exchange.holdings(), left, "seed {seed}");
    }
}

fn opened(command: &Command) -> Option<(LegId, SocketAddr)> {
    match command {
        Command::Open { leg, local, .. } => Some((*leg, *local)),
        _ => None,
    }
}

#[test]
fn whatever_the_peers_do_nothing_is_left_when_all_is_over() {
    let (mut answered, mut missed) = (0, 0);
    for seed in 1..=40 {
        let mut crowd = Crowd::new(seed);
        for _ in 0..250 {
            crowd.step();
        }
        (answered, missed) = (answered + crowd.answered, missed + crowd.missed);
        crowd.ends(seed);
    }
    assert!(answered > 80 && missed > 80, "{answered} answered and {missed} missed calls are too few");
}

/// A message with a few bytes or lines changed, cut, doubled or swapped.
fn mutated(dice: &mut Dice, message: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            2 => bytes.insert(at, [0, b'\r', b'\n', b';', b'"', b'<', b',', 0xff][dice.below(8)]),
            3 => {
                let end = (at + dice.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + dice.below(60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                if lines.len() > 2 {
                    let (one, two) = (dice.below(lines.len()), dice.below(lines.len()));
                    lines.swap(one, two);
                }
                bytes = lines.concat();
            }
            6 => {
                let cut = dice.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[cut..]);
            }
            _ => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let digit = dice.below(10).to_string();
                bytes = text
                    .replacen(&digit, ["99999999999", "-1", "", "\u{4e2d}"][dice.below(4)], 1 + dice.below(3))
                    .into_bytes();
            }
        }
    }
    bytes
}

#[test]
fn mutated_messages_of_a_call_neither_stop_us_nor_stay() {
    // A whole call with everything in it, as it was heard.
    let mut city = City::open();
    let (mut caller, _, mut rung) = talking(&mut city);
    rung.ask(&mut city, "INVITE", &sdp("10.0.0.101", 6000, "sendonly"));
    caller.ask(&mut city, "UPDATE", &sdp("198.51.100.22", 4200, "sendrecv"));
    caller.ask(&mut city, "INFO", "");
    let mut other = Caller::new(&mut city, "12345");
    other.invite(&mut city);
    other.cancel(&mut city);
    other.ack_failure(&mut city);
    caller.bye(&mut city);
    let heard = std::mem::take(&mut city.heard);
    assert!(heard.len() > 12);

    for seed in 1..=16 {
        let mut dice = Dice::new(seed);
        let mut city = City::open();
        city.resilient = true;
        talking(&mut city);
        city.serial = 1_000;
        let mut phone = Phone::registered(&mut city, "1002");
        let mut live = Caller::on(&mut city, flow(3, Transport::Udp, "192.0.2.17:5060"), "sip:12345@192.0.2.1", "139");
        live.invite(&mut city);
        phone.rung(&mut city).answer(&mut city);
        assert_eq!(live.hears(&mut city), [183, 200]);
        live.ack(&mut city);
        for round in 0..400 {
            let (flow, message) = &heard[dice.below(heard.len())];
            let spare = &heard[dice.below(heard.len())].1;
            let bytes = if dice.one_in(10) { message.clone() } else { mutated(&mut dice, message, spare) };
            city.send(*flow, bytes);
            if round % 50 == 0 {
                city.pass(Duration::from_millis(300));
                city.story();
            }
        }
        city.mail(CARRIER.parse().unwrap());
        // Nobody has touched this one: it talks on.
        assert_eq!(live.ask(&mut city, "OPTIONS", "").map(|response| response.status), Some(200), "seed {seed}");
        city.input(Input::EndAll);
        city.pass(seconds(4_000));
        let holdings = city.exchange.holdings();
        assert_eq!(holdings, Holdings { lines: holdings.lines, ..Holdings::default() }, "seed {seed}");
        assert!(holdings.lines <= 2, "seed {seed}");
    }
}
