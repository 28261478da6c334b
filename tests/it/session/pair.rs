//! Two sessions and a wire between them: the caller dials, the called side answers.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Message, Method, Name, Request};
use hotline::sip::negotiation::OwnMedia;
use hotline::sip::session::{Event, Place, Reliable, Session, Settings};
use hotline::sip::transactions::{self, ClientTx, Output, ServerTx, Timers, Transactions};
use hotline::time::Mono;

use super::{flow, settings};

pub(super) const CALLER: usize = 0;
pub(super) const CALLED: usize = 1;

pub(super) struct Side {
    pub(super) settings: Settings,
    pub(super) sip: Transactions,
    pub(super) session: Option<Session>,
    pub(super) hung_up: bool,
    /// What its user heard.
    pub(super) heard: Vec<Event>,
    ours: BTreeSet<ClientTx>,
    invited: Option<ServerTx>,
    /// The way to the other one.
    pub(super) flow: Flow,
}

pub(super) struct Pair {
    pub(super) now: Mono,
    pub(super) sides: [Side; 2],
    /// On the way: to whom, and what.
    pub(super) wire: VecDeque<(usize, Message)>,
    /// Everything that was ever sent, for tests that send it again.
    pub(super) sent: Vec<(usize, Message)>,
}

impl Pair {
    /// `adapt` changes the settings of both; the caller's are the first.
    pub(super) fn new(transport: Transport, adapt: impl Fn(usize, Settings) -> Settings) -> Self {
        let side = |which: usize| {
            let (address, other) =
                if which == CALLER { ("198.51.100.1", "192.0.2.1") } else { ("192.0.2.1", "198.51.100.1") };
            let own = Settings {
                sent_by: format!("{address}:5060"),
                contact: format!("sip:{which}@{address}:5060"),
                media: OwnMedia { address: address.parse().unwrap(), id: 70 + which as u64, ..settings().media },
                ..settings()
            };
            Side {
                settings: adapt(which, own),
                sip: Transactions::new(Timers::default(), 5 + which as u64),
                session: None,
                hung_up: false,
                heard: Vec::new(),
                ours: BTreeSet::new(),
                invited: None,
                flow: flow(transport, &format!("{other}:5060")),
            }
        };
        let sides = [side(CALLER), side(CALLED)];
        let mut pair = Self { now: Mono::from_millis(1000), sides, wire: VecDeque::new(), sent: Vec::new() };
        let place = Place {
            call_id: "call".into(),
            local_tag: "caller".into(),
            target: "sip:1@192.0.2.1".into(),
            from: b"<sip:0@198.51.100.1>".to_vec(),
            to: b"<sip:1@192.0.2.1>".to_vec(),
            extra: Vec::new(),
        };
        let caller = &mut pair.sides[CALLER];
        let (session, _) = Session::outgoing(pair.now, &mut caller.sip, caller.flow, place, caller.settings.clone());
        caller.session = Some(session);
        pair.settle();
        pair
    }

    /// The user of one side does something.
    pub(super) fn act(&mut self, which: usize, deed: impl FnOnce(&mut Session, Mono, &mut Transactions)) {
        let side = &mut self.sides[which];
        if let Some(session) = &mut side.session {
            deed(session, self.now, &mut side.sip);
        }
        self.settle();
    }

    pub(super) fn hang_up(&mut self, which: usize) {
        let side = &mut self.sides[which];
        side.hung_up |= side.session.as_ref().is_some_and(|session| !session.is_ended());
        self.act(which, |session, now, sip| session.hang_up(now, sip));
    }

    pub(super) fn deliver(&mut self, to: usize, message: Message) {
        let side = &mut self.sides[to];
        match Message::parse(&message.to_bytes()) {
            Ok(message) => side.sip.receive(self.now, side.flow, message),
            Err(unreadable) => side.sip.receive_unreadable(side.flow, unreadable),
        }
        self.settle();
    }

    /// Everything that is on the way arrives, and whatever follows from it.
    pub(super) fn flush(&mut self) {
        while let Some((to, message)) = self.wire.pop_front() {
            self.deliver(to, message);
        }
    }

    /// Time passes tick by tick; the wire is quick and loses nothing.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.flush();
        while let Some(at) = self.due().filter(|at| *at <= end) {
            assert!(at >= self.now, "timers fire in order");
            self.now = at;
            self.tick();
            self.flush();
        }
        self.now = end;
    }

    pub(super) fn due(&self) -> Option<Mono> {
        let of = |side: &Side| [side.sip.next_timeout(), side.session.as_ref().and_then(Session::next_timeout)];
        self.sides.iter().flat_map(of).flatten().min()
    }

    /// Whatever is due at this moment.
    pub(super) fn tick(&mut self) {
        for which in [CALLER, CALLED] {
            self.sides[which].sip.handle_timeout(self.now);
            self.settle();
            let side = &mut self.sides[which];
            if let Some(session) = &mut side.session {
                session.handle_timeout(self.now, &mut side.sip);
                assert!(session.next_timeout().is_none_or(|next| next > self.now), "no timer spins");
            }
            self.settle();
        }
    }

    fn settle(&mut self) {
        for which in [CALLER, CALLED] {
            loop {
                let side = &mut self.sides[which];
                side.listen();
                match side.sip.poll() {
                    Some(Output::Send { bytes, .. }) => {
                        let message = Message::parse(&bytes).expect("what we send can be read");
                        self.sent.push((1 - which, message.clone()));
                        self.wire.push_back((1 - which, message));
                    }
                    Some(Output::Event(event)) => side.dispatch(self.now, event),
                    None => break,
                }
            }
        }
    }

    fn heard(&self, which: usize) -> Vec<String> {
        let name = |event: &Event| format!("{event:?}").split([' ', '{', '(']).next().unwrap().to_owned();
        self.sides[which].heard.iter().map(name).collect()
    }

    /// `INVITE 180 183 PRACK …`, each message once.
    fn ladder(&self) -> Vec<String> {
        let mut steps: Vec<String> = Vec::new();
        for (_, message) in &self.sent {
            steps.push(match message {
                Message::Request(request) => request.method.as_str().to_owned(),
                Message::Response(response) => {
                    format!("{}/{}", response.status, response.headers.cseq().unwrap().method.as_str())
                }
            });
        }
        steps
    }
}

impl Side {
    fn listen(&mut self) {
        let Some(session) = &mut self.session else { return };
        while let Some(tx) = session.poll_transaction() {
            assert!(self.ours.insert(tx));
        }
        self.heard.extend(std::iter::from_fn(|| session.poll()));
    }

    fn dispatch(&mut self, now: Mono, event: transactions::Event) {
        use transactions::Event;
        let sip = &mut self.sip;
        match event {
            Event::Request { tx, flow, request } => self.request(now, tx, flow, request),
            Event::Cancel { invite, .. } if Some(invite) == self.invited => {
                if let Some(session) = &mut self.session {
                    session.on_cancel(now, sip);
                }
            }
            Event::Ack { request, .. } => {
                if let Some(session) = self.session.as_mut().filter(|session| is_its(session, &request)) {
                    session.on_ack(now, sip, &request);
                }
            }
            Event::Response { tx, response, .. } if self.ours.contains(&tx) => {
                if let Some(session) = &mut self.session {
                    session.on_response(now, sip, tx, response);
                }
            }
            Event::TimedOut { tx } | Event::Failed { tx } if self.ours.contains(&tx) => {
                if let Some(session) = &mut self.session {
                    session.on_no_response(now, sip, tx);
                }
            }
            Event::ServerFailed { tx } if Some(tx) == self.invited => {
                if let Some(session) = &mut self.session {
                    session.on_server_failed(now, sip);
                }
            }
            Event::Cancel { .. }
            | Event::Response { .. }
            | Event::TimedOut { .. }
            | Event::Failed { .. }
            | Event::ServerFailed { .. }
            | Event::ServerTimedOut { .. }
            | Event::StrayResponse { .. } => {}
        }
    }

    fn request(&mut self, now: Mono, tx: ServerTx, flow: Flow, request: Request) {
        let in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
        match &mut self.session {
            Some(session) if in_dialog && is_its(session, &request) => {
                session.on_request(now, &mut self.sip, tx, flow, &request);
            }
            None if request.method == Method::Invite && !in_dialog => {
                let (settings, tag) = (self.settings.clone(), "called".to_owned());
                self.session = Session::incoming(now, &mut self.sip, tx, flow, request, settings, tag);
                self.invited = self.session.is_some().then_some(tx);
            }
            Some(_) | None => self.sip.respond(now, tx, request.respond(if in_dialog { 481 } else { 486 })),
        }
    }
}

/// As the exchange finds a session: by our tag, the Call-ID, and the peer's tag.
fn is_its(session: &Session, request: &Request) -> bool {
    let (Ok(to), Ok(from)) = (request.headers.to(), request.headers.from()) else { return false };
    to.tag() == Some(session.local_tag()) && session.knows(request.headers.call_id().unwrap_or_default(), from.tag())
}

#[test]
fn a_call_from_end_to_end() {
    let mut pair = Pair::new(Transport::Udp, |_, settings| Settings { reliable: Reliable::Supported, ..settings });
    pair.flush();
    pair.act(CALLED, |session, now, sip| session.progress(now, sip, 180, false));
    pair.flush();
    pair.act(CALLED, |session, now, sip| session.progress(now, sip, 183, true));
    pair.act(CALLED, |session, now, sip| session.answer(now, sip));
    pair.flush();
    pair.pass(Duration::from_secs(600));
    pair.hang_up(CALLER);
    pair.pass(Duration::from_secs(60));
    let expected = [
        "INVITE",
        "100/INVITE",
        "180/INVITE",
        "PRACK",
        "200/PRACK",
        "183/INVITE",
        "PRACK",
        "200/PRACK",
        "200/INVITE",
        "ACK",
        "BYE",
        "200/BYE",
    ];
    assert_eq!(pair.ladder(), expected);
    assert_eq!(pair.heard(CALLER), ["Ringing", "Ringing", "EarlyMedia", "Agreed", "Answered"]);
    assert_eq!(pair.heard(CALLED), ["Agreed", "Acknowledged", "HungUp"]);
    assert_eq!(pair.due(), None);
}

/// Two of us, each with a session timer: one refreshes, neither is lost.
#[test]
fn the_session_timer_between_two_of_us() {
    for (caller, called) in [(Some(100), None), (None, Some(100)), (Some(400), Some(100)), (Some(100), Some(400))] {
        let mut pair = Pair::new(Transport::Tcp, |which, settings| {
            let seconds = if which == CALLER { caller } else { called };
            Settings { session_expires: seconds.map(Duration::from_secs), ..settings }
        });
        pair.flush();
        pair.act(CALLED, |session, now, sip| session.answer(now, sip));
        pair.pass(Duration::from_secs(1000));
        let updates = pair.ladder().iter().filter(|step| *step == "UPDATE").count();
        assert_eq!(updates, 20, "{caller:?} {called:?}");
        assert!(pair.sides.iter().all(|side| side.session.as_ref().unwrap().is_confirmed()));
        pair.hang_up(CALLED);
        pair.pass(Duration::from_secs(60));
        assert_eq!(pair.heard(CALLER), ["Agreed", "Answered", "HungUp"]);
        assert_eq!(pair.due(), None);
    }
}

/// One side vanishes: the other one notices, and says so once.
#[test]
fn a_side_that_vanishes() {
    for gone in [CALLER, CALLED] {
        let mut pair = Pair::new(Transport::Udp, |_, settings| Settings {
            session_expires: Some(Duration::from_secs(100)),
            ..settings
        });
        pair.flush();
        pair.act(CALLED, |session, now, sip| session.answer(now, sip));
        pair.flush();
        pair.sides[gone].session = None;
        pair.sides[gone].sip = Transactions::new(Timers::default(), 99);
        let end = pair.now + Duration::from_secs(200);
        while let Some(at) = pair.due().filter(|at| *at <= end) {
            pair.now = at;
            pair.tick();
            pair.wire.clear();
        }
        assert_eq!(pair.heard(1 - gone).last().map(String::as_str), Some("Lost"));
        assert_eq!(pair.due(), None);
    }
}

#[test]
fn a_bye_from_both_sides_at_once() {
    let mut pair = Pair::new(Transport::Udp, |_, settings| settings);
    pair.flush();
    pair.act(CALLED, |session, now, sip| session.answer(now, sip));
    pair.flush();
    pair.hang_up(CALLER);
    pair.hang_up(CALLED);
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.ladder().iter().filter(|step| *step == "200/BYE").count(), 2);
    assert!(pair.heard(CALLER).last().is_some_and(|last| last == "Answered"), "who hangs up is told no more");
    assert!(pair.sent.iter().all(|(_, message)| message.headers().get(&Name::Via).is_some()));
    assert_eq!(pair.due(), None);
}
