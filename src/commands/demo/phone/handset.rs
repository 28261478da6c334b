//! The inside of a simulated phone: one task that owns its machines and its two sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, interval, sleep_until};

use crate::commands::demo::voice::{PACKET, Voice};
use crate::net::clock::Clock;
use crate::sip::flow::Flow;
use crate::sip::message::{Message, Method, Name, Request};
use crate::sip::negotiation::OwnMedia;
use crate::sip::registration::{DownReason, Registration, RegistrationSettings, RegistrationWish};
use crate::sip::sdp::Agreed;
use crate::sip::session::{self, ALLOW, Place, Reliable, Session};
use crate::sip::transactions::{self, ClientTx, ServerTx, Transactions};
use crate::time::Mono;

use super::{Event, Order, random, word};

const USER_AGENT: &str = "hotline demo";

/// The phone inside its task.
pub(super) struct Handset {
    pub(super) clock: Clock,
    pub(super) user: String,
    pub(super) address: SocketAddr,
    pub(super) server: Flow,
    pub(super) media: OwnMedia,
    pub(super) transactions: Transactions,
    pub(super) line: Option<Line>,
    pub(super) session: Option<Session>,
    /// Where to send sound, once that is agreed.
    pub(super) agreed: Option<Agreed>,
    pub(super) voice: Voice,
    pub(super) tell: Box<dyn Fn(Mono, Event) + Send + Sync>,
}

/// The registration, and its REGISTER that is under way.
pub(super) struct Line {
    registration: Registration,
    asked: Option<ClientTx>,
}

impl Handset {
    /// `rtcp` only holds the port, so that the server's reports reach nobody else.
    pub(super) async fn run(
        mut self,
        sip: UdpSocket,
        rtp: UdpSocket,
        rtcp: UdpSocket,
        mut orders: UnboundedReceiver<Order>,
    ) {
        let _rtcp = rtcp;
        let (mut message, mut packet) = (vec![0; 65_536], [0; 2_048]);
        let mut every = interval(PACKET);
        loop {
            while let Some((remote, bytes)) = self.next_to_send() {
                // Whatever is lost is sent again by its transaction.
                let _ = sip.send_to(&bytes, remote).await;
            }
            let wake = self.next_timeout().map(|at| self.clock.origin() + Duration::from_nanos(at.0));
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Ok((length, remote)) = sip.recv_from(&mut message) => {
                    self.receive(remote, message.get(..length).unwrap_or_default());
                }
                Ok((length, _)) = rtp.recv_from(&mut packet) => {
                    self.voice.hear(self.clock.mono(), packet.get(..length).unwrap_or_default());
                }
                _ = every.tick() => {
                    if let Some((packet, to)) = self.agreed.as_ref().and_then(|agreed| self.voice.speak(agreed)) {
                        let _ = rtp.send_to(&packet, to).await;
                    }
                }
                () = sleep_until(wake.map_or_else(Instant::now, Instant::from_std)), if wake.is_some() => {
                    self.on_time();
                }
            }
            self.settle();
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.clock.mono();
        match order {
            Order::Register { password } => self.register(password),
            Order::Dial { number, call_id } => {
                let place = Place {
                    local_tag: format!("c{call_id}").replace('@', "-"),
                    call_id,
                    target: format!("sip:{number}@{}", self.server.remote),
                    from: format!("<sip:{}@{}>", self.user, self.address).into_bytes(),
                    to: format!("<sip:{number}@{}>", self.server.remote).into_bytes(),
                    extra: Vec::new(),
                };
                let settings = self.settings();
                let (session, _) = Session::outgoing(now, &mut self.transactions, self.server, place, settings);
                self.session = Some(session);
            }
            Order::Answer => {
                if let Some(session) = &mut self.session {
                    session.answer(now, &mut self.transactions);
                }
            }
            Order::Say(words) => self.voice.say(words),
            Order::HangUp => {
                if let Some(session) = &mut self.session {
                    session.hang_up(now, &mut self.transactions);
                    self.agreed = None;
                }
            }
        }
    }

    fn register(&mut self, password: String) {
        let (user, address, registrar) = (&self.user, self.address, self.server.remote);
        let (Ok(seed), Ok(word)) = (random(), word()) else {
            return self.tell(Event::NotRegistered(DownReason::NoAnswer));
        };
        let mut registration = Registration::new(RegistrationSettings {
            registrar: format!("sip:{registrar}"),
            aor: format!("sip:{user}@{registrar}"),
            contact: format!("sip:{user}@{address}"),
            user: user.clone(),
            password,
            expires: RegistrationSettings::EXPIRES,
            first_pause: RegistrationSettings::FIRST_PAUSE,
            longest_pause: RegistrationSettings::LONGEST_PAUSE,
            call_id: format!("{word}@demo"),
            from_tag: word,
            seed,
        });
        registration.start();
        self.line = Some(Line { registration, asked: None });
    }

    fn receive(&mut self, remote: SocketAddr, bytes: &[u8]) {
        let flow = Flow { remote, ..self.server };
        match Message::parse(bytes) {
            Ok(message) => self.transactions.receive(self.clock.mono(), flow, message),
            Err(unreadable) => self.transactions.receive_unreadable(flow, unreadable),
        }
    }

    /// Carries on until no machine has anything more to say to another one.
    fn settle(&mut self) {
        while let Some(event) = self.voice.poll(self.clock.mono()) {
            self.tell(event);
        }
        self.wishes_of_line();
        self.news_of_session();
    }

    /// The next datagram; what arrives for this phone is handled on the way.
    fn next_to_send(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        while let Some(output) = self.transactions.poll() {
            match output {
                transactions::Output::Send { flow, bytes } => return Some((flow.remote, bytes)),
                transactions::Output::Event(event) => self.on_event(event),
            }
            self.settle();
        }
        None
    }

    fn on_event(&mut self, event: transactions::Event) {
        use transactions::Event;
        let now = self.clock.mono();
        if let Event::Request { tx, flow, request } = event {
            return self.on_request(now, tx, flow, request);
        }
        if let Some(line) = &mut self.line
            && let Event::Response { tx, .. } | Event::TimedOut { tx } | Event::Failed { tx } = &event
            && line.asked == Some(*tx)
        {
            return match &event {
                Event::Response { response, .. } => line.registration.on_response(now, response),
                _ => line.registration.on_failure(now),
            };
        }
        let Some(session) = &mut self.session else { return };
        match event {
            Event::Cancel { .. } => session.on_cancel(now, &mut self.transactions),
            Event::Ack { request, .. } => session.on_ack(now, &mut self.transactions, &request),
            Event::Response { tx, response, .. } => session.on_response(now, &mut self.transactions, tx, response),
            Event::TimedOut { tx } | Event::Failed { tx } => session.on_no_response(now, &mut self.transactions, tx),
            Event::ServerFailed { .. } => session.on_server_failed(now, &mut self.transactions),
            Event::Request { .. } | Event::ServerTimedOut { .. } | Event::StrayResponse { .. } => {}
        }
    }

    fn on_request(&mut self, now: Mono, tx: ServerTx, flow: Flow, request: Request) {
        let to_tag = request.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let busy = self.session.as_ref().is_some_and(|session| !session.is_ended());
        match (&request.method, to_tag, &mut self.session) {
            (_, Some(tag), Some(session)) if tag == session.local_tag() => {
                session.on_request(now, &mut self.transactions, tx, flow, &request);
            }
            (_, Some(_), _) => self.transactions.respond(now, tx, request.respond(481)),
            (Method::Invite, None, _) if busy => self.transactions.respond(now, tx, request.respond(486)),
            (Method::Invite, None, _) => self.ring(now, tx, flow, request),
            // The server asks now and then whether the phone is still there.
            (_, None, _) => {
                let status = if request.method == Method::Options { 200 } else { 405 };
                let mut response = request.respond(status);
                response.headers.push(Name::Allow, ALLOW);
                self.transactions.respond(now, tx, response);
            }
        }
    }

    fn ring(&mut self, now: Mono, tx: ServerTx, flow: Flow, invite: Request) {
        let from = invite.headers.from().ok();
        let shows = from.and_then(|from| from.display_text().map(|text| text.into_owned())).unwrap_or_default();
        let tag = format!("s{}", self.clock.mono().0);
        let settings = self.settings();
        let session = Session::incoming(now, &mut self.transactions, tx, flow, invite, settings, tag);
        if let Some(mut session) = session {
            session.progress(now, &mut self.transactions, 180, false);
            self.session = Some(session);
            self.tell(Event::Rings { shows });
        }
    }

    fn wishes_of_line(&mut self) {
        let Some(line) = &mut self.line else { return };
        let mut news = None;
        while let Some(wish) = line.registration.poll() {
            match wish {
                RegistrationWish::Send(request) => {
                    let (now, via) = (self.clock.mono(), self.address.to_string());
                    line.asked = Some(self.transactions.request(now, self.server, &via, *request));
                }
                RegistrationWish::Up => news = Some(Event::Registered),
                RegistrationWish::Down(why) => news = Some(Event::NotRegistered(why)),
            }
        }
        // A first attempt that fails brings no wish: there was nothing to lose.
        if let Some(why) = line.registration.trouble().filter(|_| line.asked.is_some()) {
            line.asked = None;
            news = Some(Event::NotRegistered(why));
        }
        if let Some(news) = news {
            self.tell(news);
        }
    }

    fn news_of_session(&mut self) {
        while let Some(event) = self.session.as_mut().and_then(Session::poll) {
            let news = match event {
                session::Event::Agreed { agreed, .. } => {
                    self.agreed = Some(*agreed);
                    continue;
                }
                session::Event::Ringing => Event::Proceeding,
                session::Event::Answered => Event::Answered,
                session::Event::Failed { status } => Event::Refused { status },
                session::Event::Challenged { response } => Event::Refused { status: response.status },
                session::Event::HungUp | session::Event::Lost(_) => Event::HungUp,
                // Nobody transfers a call to this phone's peer.
                session::Event::Referred { id, .. } => {
                    if let Some(session) = &mut self.session {
                        session.refuse_refer(self.clock.mono(), &mut self.transactions, id, 603, "a demo phone");
                    }
                    continue;
                }
                session::Event::EarlyMedia(_)
                | session::Event::Acknowledged
                | session::Event::Held
                | session::Event::Resumed
                | session::Event::Probed { .. } => continue,
            };
            if matches!(news, Event::HungUp | Event::Refused { .. }) {
                self.agreed = None;
            }
            self.tell(news);
        }
    }

    fn next_timeout(&self) -> Option<Mono> {
        let session = self.session.as_ref().and_then(Session::next_timeout);
        let line = self.line.as_ref().and_then(|line| line.registration.next_timeout());
        [self.transactions.next_timeout(), session, line].into_iter().flatten().min()
    }

    fn on_time(&mut self) {
        let now = self.clock.mono();
        self.transactions.handle_timeout(now);
        if let Some(session) = &mut self.session {
            session.handle_timeout(now, &mut self.transactions);
        }
        if let Some(line) = &mut self.line {
            line.registration.handle_timeout(now);
        }
    }

    fn settings(&self) -> session::Settings {
        session::Settings {
            sent_by: self.address.to_string(),
            contact: format!("sip:{}@{}", self.user, self.address),
            user_agent: USER_AGENT.to_owned(),
            media: self.media.clone(),
            reliable: Reliable::Off,
            session_expires: None,
            follow_contact: false,
            login: None,
        }
    }

    fn tell(&self, event: Event) {
        (self.tell)(self.clock.mono(), event);
    }
}
