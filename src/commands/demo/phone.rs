//! A simulated telephone: real SIP and RTP on two sockets of its own, one call at a time.
//!
//! It is built from the server's own machines (transactions, session, registration), each driven by
//! a task of this phone; the hotline sees it as it would see any phone in the network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, interval, sleep_until};

use crate::audio::g711::Law;
use crate::media::prompt::Clip;
use crate::net::clock::Clock;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::message::{Message, Method, Name, Request};
use crate::sip::negotiation::OwnMedia;
use crate::sip::registration::{DownReason, Registration, RegistrationSettings, RegistrationWish};
use crate::sip::sdp::Agreed;
use crate::sip::session::{self, ALLOW, Place, Reliable, Session};
use crate::sip::transactions::{self, ClientTx, ServerTx, Timers, Transactions};
use crate::time::Mono;

use super::voice::{PACKET, Voice};

const USER_AGENT: &str = "hotline demo";

/// What happens at a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server has taken the password.
    Registered,
    NotRegistered(DownReason),
    /// Somebody calls; the display shows this.
    Rings {
        shows: String,
    },
    /// The other side rings, or plays something while it does.
    Proceeding,
    /// The call that was dialled has been answered.
    Answered,
    /// The call that was dialled has been turned away.
    Refused {
        status: u16,
    },
    /// A sound begins after silence.
    Hears,
    /// The sound has ended.
    Quiet,
    /// What was to be said has been said.
    Spoken,
    /// The other side has ended the call.
    HungUp,
}

/// A phone that is switched on; dropping it switches it off without a word.
#[derive(Debug)]
pub struct Phone {
    orders: UnboundedSender<Order>,
    address: SocketAddr,
}

#[derive(Debug)]
enum Order {
    Register { password: String },
    Dial { number: String, call_id: String },
    Answer,
    Say(Arc<Clip>),
    HangUp,
}

impl Phone {
    /// Switches a phone on, on loopback. `tell` hears of everything that happens at it.
    pub async fn start(
        clock: Clock,
        user: &str,
        server: SocketAddr,
        tell: impl Fn(Mono, Event) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sip = UdpSocket::bind((here, 0)).await?;
        let (rtp, rtcp) = media_sockets(here).await?;
        let address = sip.local_addr()?;
        let media = OwnMedia {
            address: here,
            port: rtp.local_addr()?.port(),
            laws: vec![Law::A, Law::Mu],
            ptime: 20,
            id: u64::from(address.port()),
        };
        let handset = Handset {
            clock,
            user: user.to_owned(),
            address,
            server: Flow { listener: ListenerId(0), transport: Transport::Udp, remote: server },
            media,
            transactions: Transactions::new(Timers::default(), u64::from_le_bytes(random()?)),
            line: None,
            session: None,
            agreed: None,
            voice: Voice::new(u32::from_le_bytes(random()?)),
            tell: Box::new(tell),
        };
        let (orders, obeys) = unbounded_channel();
        tokio::spawn(handset.run(sip, rtp, rtcp, obeys));
        Ok(Self { orders, address })
    }

    /// Where it is reached by SIP.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes itself known to the server.
    pub fn register(&self, password: &str) {
        self.give(Order::Register { password: password.to_owned() });
    }

    /// Calls a number at the server; the Call-ID of that call.
    pub fn dial(&self, number: &str) -> io::Result<String> {
        let call_id = format!("{}@demo", word()?);
        self.give(Order::Dial { number: number.to_owned(), call_id: call_id.clone() });
        Ok(call_id)
    }

    pub fn answer(&self) {
        self.give(Order::Answer);
    }

    /// Speaks; `Spoken` tells when it has ended.
    pub fn say(&self, words: Arc<Clip>) {
        self.give(Order::Say(words));
    }

    pub fn hang_up(&self) {
        self.give(Order::HangUp);
    }

    fn give(&self, order: Order) {
        // Fails only where the runtime is ending.
        let _ = self.orders.send(order);
    }
}

/// The phone inside its task.
struct Handset {
    clock: Clock,
    user: String,
    address: SocketAddr,
    server: Flow,
    media: OwnMedia,
    transactions: Transactions,
    line: Option<Line>,
    session: Option<Session>,
    /// Where to send sound, once that is agreed.
    agreed: Option<Agreed>,
    voice: Voice,
    tell: Box<dyn Fn(Mono, Event) + Send + Sync>,
}

/// The registration, and its REGISTER that is under way.
struct Line {
    registration: Registration,
    asked: Option<ClientTx>,
}

impl Handset {
    /// `rtcp` only holds the port, so that the server's reports reach nobody else.
    async fn run(mut self, sip: UdpSocket, rtp: UdpSocket, rtcp: UdpSocket, mut orders: UnboundedReceiver<Order>) {
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
            Event::Request { .. } | Event::ServerTimedOut { .. } | Event::StrayResponse => {}
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
                session::Event::Acknowledged
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
        }
    }

    fn tell(&self, event: Event) {
        (self.tell)(self.clock.mono(), event);
    }
}

/// An even port for RTP and the next one for RTCP. (RFC 3550 §11)
async fn media_sockets(here: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    for _ in 0..64 {
        let rtp = UdpSocket::bind((here, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((here, port.saturating_add(1))).await
        {
            return Ok((rtp, rtcp));
        }
    }
    Err(io::Error::other("no two free ports for a phone's sound"))
}

/// Sixteen hex digits.
fn word() -> io::Result<String> {
    random().map(|bytes| format!("{:016x}", u64::from_le_bytes(bytes)))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
