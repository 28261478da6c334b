//! Joins `sip` and `call`: an event of a dialog becomes an input of the switchboard, an output of
//! the switchboard becomes a request. It only translates, and it knows which dialog is which leg.
//!
//! `origin` says who sends, `requests` answers, `inbound` turns an INVITE into a leg (`second_line` one of a
//! seat in a call) and `identity` reads who calls; `outbound` rings a seat, `quest` calls a number through trunks, or a `device`; `wishes` carries out what the
//! switchboard wants, `transfer` what a phone asks with REFER, `legs` keeps the table and `ports` who has which port; `lines` asks whether trunks
//! (`carriers`) and seats' phones (`phones`) are there, `loss` notices who is gone, `farewell` is for the
//! time after a crash, `reload` for new files.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::call::mix_plan as media;
use crate::call::{self, CallId, LegId, SeatAsk, SeatNo, Supervision, Switchboard};
use crate::sip::flow::Flow;
use crate::sip::message::Message;
use crate::sip::registrar::{Registrar, WrongPassword};
use crate::sip::sources::{Rate, SourceLimits, UnknownSources};
use crate::sip::transactions::{self, ClientTx, ServerTx, Timers, Transactions};
use crate::time::{Mono, Now};

mod carriers;
mod device;
mod farewell;
mod identity;
mod inbound;
mod legs;
mod lines;
mod loss;
mod origin;
mod outbound;
mod phones;
mod ports;
mod quest;
mod reload;
mod requests;
mod second_line;
pub mod settings;
pub mod source;
mod token;
mod transfer;
mod wishes;

use legs::{Leg, LegKey};
use lines::Lines;
use ports::{Port, PortPool};
use settings::Settings;
use token::Tokens;

/// What the shell brings.
#[derive(Debug)]
pub enum Input {
    /// A datagram, or one framed message of a stream.
    Received {
        flow: Flow,
        bytes: Vec<u8>,
    },
    /// The connection broke, or could not be opened.
    TransportFailed {
        flow: Flow,
    },
    /// This message of ours is too long for the way it was to go.
    TooLong {
        flow: Flow,
        bytes: Vec<u8>,
    },
    Media(media::Report),
    /// The answer journal is on disk, or has failed (`None`).
    TicketOpened {
        call: CallId,
        number: Option<String>,
    },
    /// Nothing waits for the journal any more.
    JournalWorks,
    /// A command of the API for a seat.
    Ask {
        seat: SeatNo,
        ask: SeatAsk,
    },
    /// A command of the API for a shift leader's seat, on a call of another.
    Supervise {
        call: CallId,
        by: SeatNo,
        how: Supervision,
    },
    /// Missed callers, one of whom is to be called back by this seat.
    CallBack(Vec<call::CallBack>),
    /// None waits for this seat to call it back.
    NobodyDue(SeatNo),
    /// A seat is to call a duty phone.
    Duty(call::DutyWish),
    /// The addresses that a trunk's hosts stand for (RFC 3263), in order of preference; or those of a device,
    /// which its URI names.
    Resolved {
        trunk: String,
        addresses: Vec<std::net::SocketAddr>,
    },
    /// A leg of a call that an earlier run of this server left behind: its peer gets this BYE.
    Orphan {
        flow: Flow,
        bye: Vec<u8>,
    },
    /// New files, checked; live calls keep what they have.
    Reload(Box<Settings>),
    Drain,
    EndAll,
    /// `next_timeout` has come.
    Tick,
}

/// What the shell must do, in this order.
#[derive(Debug)]
pub enum Output {
    Send {
        flow: Flow,
        bytes: Vec<u8>,
    },
    Media(media::Command),
    /// Recording, ticket, record, alarm or note: whatever of the switchboard's wishes is not SIP or media.
    Call(call::Output),
    /// This dialog belongs to this call (for the trace).
    Placed {
        call: CallId,
        leg: LegId,
        sip_call_id: String,
    },
    /// A leg stands: how its dialog would be ended after a crash. Goes into the journal.
    LegStands {
        call: CallId,
        leg: LegId,
        flow: Flow,
        bye: Vec<u8>,
    },
    /// A leg that stood is over: a crash from now on leaves nothing of it to release.
    LegGone {
        call: CallId,
        leg: LegId,
    },
    /// For the log.
    WrongPassword(WrongPassword),
    /// What a leg's media has counted so far, or in all once it has ended.
    Figures {
        leg: LegId,
        figures: Box<media::LegFigures>,
        ended: bool,
    },
}

/// A hall of phones behind one address registers within seconds after a restart; a flood does not pass.
const STRANGERS: SourceLimits = SourceLimits {
    each: Rate { burst: 60, per_second: 20 },
    all: Rate { burst: 600, per_second: 200 },
    capacity: 4096,
};

/// What was counted since the start, for /metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub received: u64,
    pub unknown_answered: u64,
    pub unknown_dropped: u64,
    pub unreadable: u64,
    pub no_port: u64,
    pub wrong_passwords: u64,
}

/// How much an exchange remembers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub legs: usize,
    pub tags: usize,
    pub server_transactions: usize,
    pub client_transactions: usize,
    pub alarms: usize,
    pub ports: usize,
    pub calls: usize,
    pub citizens: usize,
    /// Legs of seats that have a port.
    pub seats: usize,
    pub held: usize,
    pub leaving: usize,
    pub recordings: usize,
    pub streams: usize,
    pub lines: usize,
    pub transactions: usize,
}

/// To whom a response or a time-out belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    Leg(LegKey),
    Line(lines::Line),
}

pub struct Exchange {
    settings: Settings,
    transactions: Transactions,
    registrar: Registrar,
    unknown: UnknownSources,
    board: Switchboard,
    legs: BTreeMap<LegId, Leg>,
    /// Our tag of a dialog → its leg. Tags are never the same twice.
    by_tag: HashMap<String, LegKey>,
    by_server_tx: BTreeMap<ServerTx, LegId>,
    owners: BTreeMap<ClientTx, Owner>,
    /// When each leg wants to be woken; one entry a leg.
    alarms: BTreeSet<(Mono, LegId)>,
    ports: Vec<PortPool>,
    /// Until the media threads have closed its socket, a port is its leg's.
    taken: BTreeMap<LegId, Port>,
    /// Ports that a leg has left for another one, in that order, until their sockets are closed.
    left: Vec<(LegId, Port)>,
    /// Calls that came in and keep a port for their seat.
    citizens: BTreeSet<CallId>,
    /// Live legs of each trunk, by its index.
    busy: Vec<usize>,
    /// Legs over stream transports.
    streams: BTreeSet<LegId>,
    /// Legs that are to be rung as soon as they can be.
    held: BTreeSet<LegId>,
    /// Legs that are over, whose phones may not have answered that yet.
    leaving: BTreeMap<SeatNo, Vec<LegId>>,
    /// Calls whose recorder is open.
    recording: BTreeSet<CallId>,
    /// Trunks of which a call was turned away for want of room, and when that is forgotten.
    overloads: BTreeMap<String, Mono>,
    /// What DNS said of trunks, with the hosts that it said it of, and of devices.
    resolved: BTreeMap<String, (Vec<String>, Vec<std::net::SocketAddr>)>,
    /// What the switchboard is still to be told.
    told: VecDeque<call::Input>,
    is_carrying_out: bool,
    lines: Lines,
    tokens: Tokens,
    next_leg: u64,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Exchange {
    /// `seed`: 32 random bytes, from which every tag, Call-ID, nonce and branch is made.
    pub fn new(now: Now, settings: Settings, board: Switchboard, seed: [u8; 32]) -> Self {
        let mut tokens = Tokens::new(seed);
        let mut exchange = Self {
            transactions: Transactions::new(Timers::default(), tokens.number()),
            registrar: Registrar::new(
                settings.accounts(),
                settings.realm.clone(),
                tokens.key("nonce"),
                settings.registrar.clone(),
            ),
            unknown: UnknownSources::new(STRANGERS),
            board,
            legs: BTreeMap::new(),
            by_tag: HashMap::new(),
            by_server_tx: BTreeMap::new(),
            owners: BTreeMap::new(),
            alarms: BTreeSet::new(),
            ports: settings.pools.iter().map(|(first, last)| PortPool::new(*first, *last)).collect(),
            taken: BTreeMap::new(),
            left: Vec::new(),
            citizens: BTreeSet::new(),
            busy: vec![0; settings.trunks.len()],
            streams: BTreeSet::new(),
            held: BTreeSet::new(),
            leaving: BTreeMap::new(),
            recording: BTreeSet::new(),
            overloads: BTreeMap::new(),
            resolved: BTreeMap::new(),
            told: VecDeque::new(),
            is_carrying_out: false,
            lines: Lines::default(),
            tokens,
            next_leg: 0,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            settings,
        };
        exchange.start_lines(now);
        exchange.drain_transactions(now);
        exchange
    }

    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Received { flow, bytes } => self.on_received(now, flow, &bytes),
            Input::TransportFailed { flow } => self.on_transport_failed(now, flow),
            Input::TooLong { flow, bytes } => self.on_too_long(now, flow, &bytes),
            Input::Media(report) => self.on_media(now, report),
            Input::JournalWorks => self.tell(now, call::Input::JournalWorks),
            Input::TicketOpened { call, number } => self.tell(now, call::Input::TicketOpened { call, number }),
            Input::Ask { seat, ask } => self.tell(now, call::Input::Ask { seat, ask }),
            Input::Supervise { call, by, how } => self.tell(now, call::Input::Supervise { call, by, how }),
            Input::CallBack(due) => self.tell(now, call::Input::CallBack(due)),
            Input::NobodyDue(seat) => self.tell(now, call::Input::NobodyDue { seat }),
            Input::Duty(wish) => self.tell(now, call::Input::Duty(wish)),
            Input::Resolved { trunk, addresses } => self.on_resolved(now, &trunk, addresses),
            Input::Orphan { flow, bye } => self.release_orphan(now, flow, &bye),
            Input::Reload(settings) => self.reload(now, *settings),
            Input::Drain => {
                self.leave_registrars(now);
                self.tell(now, call::Input::Drain);
            }
            Input::EndAll => self.tell(now, call::Input::EndAll),
            Input::Tick => {}
        }
        self.on_time(now);
        self.drain_transactions(now);
        if !self.held.is_empty() {
            self.ring_held(now);
            self.drain_transactions(now);
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        [
            self.transactions.next_timeout(),
            self.alarms.first().map(|(at, _)| *at),
            self.board.next_timeout(),
            self.registrar.next_timeout(),
            self.registrar.next_unlock(),
            self.lines.next_timeout(),
            self.overloads.values().min().copied(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The switchboard, for screens and figures.
    pub const fn board(&self) -> &Switchboard {
        &self.board
    }

    pub const fn counters(&self) -> Counters {
        Counters { wrong_passwords: self.registrar.wrong_passwords(), ..self.counters }
    }

    /// What the transaction layer dropped or refused since the start.
    pub fn sip_counters(&self) -> transactions::Counters {
        self.transactions.counters()
    }

    /// Whether a trunk or a phone of ours is there; whoever else sends has a small budget.
    pub fn knows(&self, flow: Flow) -> bool {
        self.is_known(flow)
    }

    pub fn trunk_states(&self) -> Vec<(String, bool)> {
        self.lines.trunk_states(&self.settings)
    }

    /// Legs with media, and RTP port pairs in use.
    pub fn load(&self) -> (usize, usize) {
        (self.legs.len(), self.ports.iter().map(PortPool::in_use).sum())
    }

    /// How much is remembered; all of it goes with the calls and phones that it is about.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            legs: self.legs.len(),
            tags: self.by_tag.len(),
            server_transactions: self.by_server_tx.len(),
            client_transactions: self.owners.len(),
            alarms: self.alarms.len(),
            ports: self.taken.len() + self.left.len(),
            calls: self.busy.iter().sum(),
            citizens: self.citizens.len(),
            seats: self.ports.iter().map(PortPool::of_seats).sum(),
            held: self.held.len(),
            leaving: self.leaving.len(),
            recordings: self.recording.len(),
            streams: self.streams.len(),
            lines: self.lines.len(),
            transactions: self.transactions.len(),
        }
    }

    fn on_received(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        self.counters.received += 1;
        if !self.is_known(flow) && !self.spend_unknown_budget(now.mono, flow) {
            return;
        }
        match Message::parse(bytes) {
            Ok(message) => self.transactions.receive(now.mono, flow, message),
            Err(unreadable) => {
                self.counters.unreadable += 1;
                self.transactions.receive_unreadable(flow, unreadable);
            }
        }
    }

    /// Everything the transaction layer has to say, until it falls silent.
    fn drain_transactions(&mut self, now: Now) {
        while let Some(output) = self.transactions.poll() {
            match output {
                transactions::Output::Send { flow, bytes } => self.outputs.push_back(Output::Send { flow, bytes }),
                transactions::Output::Event(event) => self.on_event(now, event),
            }
        }
    }

    fn on_event(&mut self, now: Now, event: transactions::Event) {
        use transactions::Event;
        match event {
            Event::Request { tx, flow, request } => self.on_request(now, tx, flow, request),
            Event::Cancel { invite, .. } => {
                if let Some(leg) = self.by_server_tx.get(&invite).copied() {
                    self.with_session(now, LegKey { leg, branch: 0 }, |session, transactions| {
                        session.on_cancel(now.mono, transactions);
                    });
                }
            }
            Event::Ack { request, .. } => {
                if let Some(key) = self.leg_of(&request) {
                    self.with_session(now, key, |session, transactions| {
                        session.on_ack(now.mono, transactions, &request);
                    });
                }
            }
            Event::Response { tx, response, .. } => match self.owners.get(&tx).cloned() {
                Some(Owner::Leg(key)) => self.with_session(now, key, |session, transactions| {
                    session.on_response(now.mono, transactions, tx, response);
                }),
                Some(Owner::Line(line)) => self.on_line_response(now, line, tx, &response),
                None => {}
            },
            Event::TimedOut { tx } | Event::Failed { tx } => match self.owners.get(&tx).cloned() {
                Some(Owner::Leg(key)) => self.with_session(now, key, |session, transactions| {
                    session.on_no_response(now.mono, transactions, tx);
                }),
                Some(Owner::Line(line)) => self.on_line_silent(now, line, tx),
                None => {}
            },
            Event::ServerFailed { tx } => {
                if let Some(leg) = self.by_server_tx.get(&tx).copied() {
                    self.with_session(now, LegKey { leg, branch: 0 }, |session, transactions| {
                        session.on_server_failed(now.mono, transactions);
                    });
                }
            }
            Event::StrayResponse { response } => self.on_stray_response(now, &response),
            Event::ServerTimedOut { .. } => {}
        }
    }

    fn on_time(&mut self, now: Now) {
        self.transactions.handle_timeout(now.mono);
        self.drain_transactions(now);
        while let Some((at, leg)) = self.alarms.first().copied().filter(|(at, _)| *at <= now.mono) {
            self.alarms.remove(&(at, leg));
            self.on_leg_time(now, leg);
        }
        if self.registrar.next_timeout().is_some_and(|at| at <= now.mono) {
            let changes = self.registrar.handle_timeout(now.mono);
            self.watch_all_phones(now);
            self.on_registrations(now, changes);
        }
        if self.registrar.next_unlock().is_some_and(|at| at <= now.mono) {
            self.tell_wrong_passwords(now);
        }
        self.on_line_time(now);
        while let Some(trunk) =
            self.overloads.iter().find(|(_, until)| **until <= now.mono).map(|(name, _)| name.clone())
        {
            self.overloads.remove(&trunk);
            self.carry_out(now, call::Output::Alarm { name: "overload", subject: trunk, active: false });
        }
        if self.board.next_timeout().is_some_and(|at| at <= now.mono) {
            self.tell(now, call::Input::Tick);
        }
    }
}
