//! An exchange with a carrier's VLAN, a LAN of seats (IPv4, IPv6, TCP) and a listener for both; the
//! media threads and the journal are played by the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::codec::Codec;
use hotline::call::mix_plan::{Command, LegFigures, Report};
use hotline::call::{CallId, LegId, Output as Wish, QueueAnswer, SeatAsk, SeatNo, Switchboard};
use hotline::exchange::settings::{AssertedIdentity, Listener, SeatLine, Settings, Source, Trunk};
use hotline::exchange::{Exchange, Input, Output};
use hotline::rules::dialling::NumberForm;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Message, Method, Request, Response};
use hotline::sip::registrar::RegistrarLimits;
use hotline::sip::session::Reliable;
use hotline::time::{Mono, Now};

use crate::call::{MORNING, arrangement, seconds};

/// Where we stand towards the carrier, the seats, the seats with IPv6, and both of them.
pub const VLAN: &str = "198.51.100.1:5060";
pub const LAN: &str = "10.0.0.1:5060";
pub const LAN6: &str = "[2001:db8::1]:5060";
pub const BOTH: &str = "192.0.2.1:5060";

pub const CARRIER: &str = "198.51.100.9:5060";

pub fn flow(listener: u16, transport: Transport, remote: &str) -> Flow {
    Flow { listener: ListenerId(listener), transport, remote: remote.parse().unwrap() }
}

/// The carrier calls from here.
pub fn carrier() -> Flow {
    flow(0, Transport::Udp, CARRIER)
}

fn listener(id: u16, transport: Transport, sip: &str, trunks: bool, pool: usize) -> Listener {
    let sip_address: SocketAddr = sip.parse().unwrap();
    Listener {
        id: ListenerId(id),
        transport,
        sip_address,
        media_address: sip_address.ip(),
        media_bind: sip_address.ip(),
        serves_trunks: trunks,
        serves_seats: id != 0,
        pool,
    }
}

pub fn trunk(name: &str, listener: u16, source: &str) -> Trunk {
    Trunk {
        name: name.into(),
        listener: ListenerId(listener),
        sources: vec![Source { address: source.parse().unwrap(), prefix_len: 28, port: None }],
        addresses: Vec::new(),
        hosts: vec!["carrier.example".into()],
        domain: "carrier.example".into(),
        credentials: None,
        register: false,
        options_interval: None,
        failover_after: seconds(5),
        channels: 30,
        reserved_channels: 2,
        shows_caller: true,
        shown: Some("12345".into()),
        asserted_identity: AssertedIdentity::Off,
        diversion: false,
        number_form: NumberForm::National,
        add_prefix: None,
        user_phone: false,
        platform: None,
        incident_headers: vec!["User-to-User".into()],
        queue_answer: QueueAnswer::EarlyThenConnect(seconds(45)),
        ring_with_180: false,
        codecs: vec![Codec::PCMA, Codec::PCMU],
        codecs_ordered: false,
        ptime: 20,
        reliable: Reliable::Off,
        session_expires: None,
        overload_status: 503,
        overload_retry_after: None,
    }
}

pub fn seat_line(no: &str) -> SeatLine {
    SeatLine { seat: SeatNo(no.into()), password: format!("secret-{no}"), fixed: None }
}

/// Trunk `carrier` on the VLAN, trunk `mixed` on the listener for both; seats 1001–1003.
pub fn settings() -> Settings {
    let features =
        [("*11", SeatAsk::SignIn), ("*10", SeatAsk::SignOut), ("*21", SeatAsk::Busy), ("*20", SeatAsk::Free)];
    Settings {
        listeners: vec![
            listener(0, Transport::Udp, VLAN, true, 0),
            listener(1, Transport::Udp, LAN, false, 1),
            listener(2, Transport::Udp, LAN6, false, 2),
            listener(3, Transport::Udp, BOTH, true, 3),
            listener(4, Transport::Tcp, LAN, false, 1),
        ],
        pools: vec![(20_000, 20_199), (30_000, 30_199), (32_000, 32_199), (34_000, 34_199)],
        trunks: vec![trunk("carrier", 0, "198.51.100.9"), trunk("mixed", 3, "192.0.2.16")],
        devices: Vec::new(),
        seats: vec![seat_line("1001"), seat_line("1002"), seat_line("1003")],
        seat_codecs: vec![Codec::PCMA, Codec::PCMU],
        seat_codecs_ordered: false,
        area: "0798".into(),
        realm: "hotline".into(),
        user_agent: "hotline/test".into(),
        registrar: RegistrarLimits::default(),
        features: features.map(|(code, ask)| (code.to_string(), ask)).into(),
        board: crate::call::settings(),
        plan: crate::call::plan(),
    }
}

/// One wish of the exchange in a line; see `City::story`.
pub fn name(leg: LegId) -> String {
    let dialled = leg.0 & (1 << 63) != 0;
    if dialled { format!("s{}", leg.0 & !(1 << 63)) } else { format!("c{}", leg.0) }
}

pub struct City {
    pub exchange: Exchange,
    pub now: Now,
    /// Media closes when it is told to, and the journal answers at once.
    pub willing: bool,
    /// A message of ours that cannot be read is not a fault: it repeats what a peer has sent.
    pub resilient: bool,
    /// Recorded for the fuzz test: whatever came in.
    pub heard: Vec<(Flow, Vec<u8>)>,
    mail: BTreeMap<SocketAddr, VecDeque<(Flow, Message)>>,
    story: Vec<String>,
    pub wishes: Vec<Wish>,
    pub media: Vec<Command>,
    pub orphans: Vec<(Flow, Vec<u8>)>,
    /// The legs that the journal would release after a crash.
    pub standing: BTreeSet<(CallId, LegId)>,
    pub serial: u32,
}

impl City {
    pub fn new(settings: Settings) -> Self {
        let now = Now { mono: Mono::from_millis(5_000), wall: MORNING };
        let board = Switchboard::new(now, settings.board.clone(), settings.plan.clone(), hotline::call::CallId(0));
        let mut city = Self {
            exchange: Exchange::new(now, settings, board, [7; 32]),
            now,
            willing: true,
            resilient: false,
            heard: Vec::new(),
            mail: BTreeMap::new(),
            story: Vec::new(),
            wishes: Vec::new(),
            media: Vec::new(),
            orphans: Vec::new(),
            standing: BTreeSet::new(),
            serial: 0,
        };
        city.absorb();
        city
    }

    pub fn open() -> Self {
        Self::new(settings())
    }

    pub fn send(&mut self, flow: Flow, message: impl Into<Vec<u8>>) {
        let bytes = message.into();
        self.heard.push((flow, bytes.clone()));
        self.input(Input::Received { flow, bytes });
    }

    pub fn input(&mut self, input: Input) {
        self.exchange.handle(self.now, input);
        self.absorb();
    }

    /// Lets time go by, with a tick at each timeout.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now.mono + time;
        while let Some(at) = self.exchange.next_timeout().filter(|at| *at <= until) {
            self.move_to(at);
            self.input(Input::Tick);
        }
        self.move_to(until);
    }

    fn move_to(&mut self, at: Mono) {
        self.now.wall = self.now.wall_at(at.max(self.now.mono));
        self.now.mono = at.max(self.now.mono);
    }

    fn absorb(&mut self) {
        while let Some(output) = self.exchange.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    let message = match Message::parse(&bytes) {
                        Ok(message) => message,
                        Err(_) if self.resilient => continue,
                        Err(error) => panic!("we send what cannot be read: {error:?}"),
                    };
                    self.story.push(format!("{} < {}", flow.remote, summary(&message)));
                    self.mail.entry(flow.remote).or_default().push_back((flow, message));
                }
                Output::Media(command) => self.on_media(command),
                Output::Call(wish) => {
                    self.story.extend(crate::call::brief(std::slice::from_ref(&wish)));
                    if let (Wish::OpenTicket(ticket), true) = (&wish, self.willing) {
                        let number = Some("JDZ-20261124-000001".to_string());
                        self.exchange.handle(self.now, Input::TicketOpened { call: ticket.call, number });
                    }
                    self.wishes.push(wish);
                }
                Output::LegStands { call, leg, flow, bye } => {
                    self.standing.insert((call, leg));
                    self.story.push(format!("Stands {}", name(leg)));
                    self.orphans.push((flow, bye));
                }
                Output::LegGone { call, leg } => {
                    assert!(self.standing.remove(&(call, leg)), "it stood, and is gone once");
                }
                Output::WrongPassword(wrong) => {
                    let user = wrong.user.as_deref().unwrap_or("-");
                    let locked = if wrong.locks { " locked" } else { "" };
                    self.story.push(format!("Wrong {} {user}{locked}", wrong.source));
                }
                Output::Placed { .. } | Output::Figures { .. } => {}
            }
        }
    }

    fn on_media(&mut self, command: Command) {
        self.story.push(match &command {
            Command::Open { leg, local, .. } => format!("Open {} {local}", name(*leg)),
            Command::Agree { leg, media } => {
                let remote = media.remote.map_or_else(|| "nowhere".to_string(), |remote| remote.to_string());
                format!("Agree {} {remote}", name(*leg))
            }
            Command::Play { leg, prompts, .. } => {
                let prompts: Vec<String> =
                    prompts.iter().map(|prompt| format!("{prompt:?}").replace('"', "")).collect();
                format!("Play {} {}", name(*leg), prompts.join(" "))
            }
            Command::StopPlay { leg } => format!("StopPlay {}", name(*leg)),
            Command::Mix { citizen, hearings, record, .. } => {
                let record = if *record { " recorded" } else { "" };
                format!("Mix {}{record}", arrangement(*citizen, hearings, name))
            }
            Command::Close { leg } => format!("Close {}", name(*leg)),
            Command::Seal { call, .. } => format!("Seal {call}"),
            Command::Stop => "Stop".into(),
        });
        if let (Command::Close { leg }, true) = (&command, self.willing) {
            self.closed(*leg);
        }
        self.media.push(command);
    }

    /// The media thread has closed this leg's sockets.
    pub fn closed(&mut self, leg: LegId) {
        let figures = Box::new(LegFigures::default());
        self.exchange.handle(self.now, Input::Media(Report::Closed { leg, figures }));
    }

    /// What has happened since this was asked last, a line each: `198.51.100.9:5060 < 200 INVITE`,
    /// `Open c1 198.51.100.1:20000`, `OpenTicket 12345`. Legs that called print as `c`, others as `s`.
    pub fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.story)
    }

    /// The story without media and seat states: what peers are sent and what is written down.
    pub fn deeds(&mut self) -> Vec<String> {
        let dull = ["Open c", "Open s", "Agree", "Play", "StopPlay", "Mix", "Close ", "Stands", "100"];
        let seat = |line: &str| line.starts_with("10") && line.get(4..5) == Some(" ");
        let mut story = self.story();
        story.retain(|line| !dull.iter().any(|word| line.starts_with(word)) && !seat(line) && !line.contains("< 100"));
        story
    }

    /// Everything that went to this address since it was asked last, but for 100 Trying.
    pub fn mail(&mut self, remote: SocketAddr) -> Vec<Message> {
        let all = self.mail.remove(&remote).unwrap_or_default();
        let trying = |message: &Message| matches!(message, Message::Response(Response { status: 100, .. }));
        all.into_iter().map(|(_, message)| message).filter(|message| !trying(message)).collect()
    }

    pub fn mail_with_flow(&mut self, remote: SocketAddr) -> Vec<(Flow, Message)> {
        self.mail.remove(&remote).unwrap_or_default().into()
    }

    /// Where mail waits.
    pub fn addressees(&self) -> Vec<SocketAddr> {
        self.mail.iter().filter(|(_, mail)| !mail.is_empty()).map(|(remote, _)| *remote).collect()
    }

    /// The oldest unread message to this address that `fits`, and the flow it went by.
    fn fetch(&mut self, remote: SocketAddr, fits: impl Fn(&Message) -> bool) -> Option<(Flow, Message)> {
        let mail = self.mail.get_mut(&remote)?;
        let at = mail.iter().position(|(_, message)| fits(message))?;
        mail.remove(at)
    }

    pub fn request_to(&mut self, remote: SocketAddr, method: &Method) -> Option<(Flow, Request)> {
        let fits = |message: &Message| matches!(message, Message::Request(request) if request.method == *method);
        match self.fetch(remote, fits)? {
            (flow, Message::Request(request)) => Some((flow, request)),
            (_, Message::Response(_)) => None,
        }
    }

    /// The oldest unread response to this address, 100 Trying left out.
    pub fn response_to(&mut self, remote: SocketAddr) -> Option<Response> {
        let fits = |message: &Message| matches!(message, Message::Response(response) if response.status != 100);
        match self.fetch(remote, fits)?.1 {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        }
    }

    pub fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// The record of the call that was missed last.
    pub fn missed(&self) -> &hotline::call::MissedCall {
        let mut missed = self.wishes.iter().rev().filter_map(|wish| match wish {
            Wish::Missed(missed) => Some(&**missed),
            _ => None,
        });
        missed.next().expect("a missed call")
    }

    pub fn seat(&self, no: &str) -> hotline::call::SeatView {
        self.exchange.board().seats().into_iter().find(|seat| seat.seat.0 == no).expect("the seat")
    }

    pub fn state(&self, no: &str) -> hotline::call::SeatState {
        self.seat(no).state
    }
}

pub fn summary(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.as_str().to_string(),
        Message::Response(response) => {
            let method = response.headers.cseq().map(|cseq| cseq.method.as_str().to_string());
            format!("{} {}", response.status, method.unwrap_or_default())
        }
    }
}
