//! One INVITE session: from the first INVITE to the last BYE, whoever called.
//!
//! `incoming` is the call that comes to us, `outgoing` the one we make, `within` what the peer asks
//! inside the dialog, `refresh` the session timer (RFC 4028), `reliable` PRACK (RFC 3262). A session
//! answers every offer by itself and tells its user what was agreed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::time::Mono;

use super::dialog::{Dialog, with_tag};
use super::flow::Flow;
use super::message::{Method, Name, Request, Response};
use super::negotiation::{Negotiation, OwnMedia};
use super::sdp::Agreed;
use super::transactions::{ClientTx, ServerTx, Transactions};

mod incoming;
mod outgoing;
mod refresh;
mod reliable;
mod within;

use incoming::Incoming;
pub use outgoing::Place;
use outgoing::{Outgoing, Placed};
use refresh::Refresh;

/// Methods that are answered inside and outside of dialogs; the text of every Allow header.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REGISTER";
/// Extensions that a peer may ask for in Require.
pub const EXTENSIONS: [&str; 2] = ["100rel", "timer"];

/// T1 and T2 of RFC 3261 §17, for the retransmissions that are the session's own (2xx, reliable 1xx).
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// 64 · T1: how long an unacknowledged answer is repeated.
const PATIENCE: Duration = Duration::from_secs(32);
/// The smallest session interval we accept (RFC 4028 §5).
const MIN_SE: Duration = Duration::from_secs(90);

/// Whether provisional responses are sent reliably (RFC 3262).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// Only for a peer that insists.
    Off,
    /// Where the peer can.
    Supported,
    /// Always; a peer that cannot gets 421.
    Required,
}

/// What one leg says of itself, and how it behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port` of the leg's listener, for Via.
    pub sent_by: String,
    /// The URI in our Contact.
    pub contact: String,
    pub user_agent: String,
    pub media: OwnMedia,
    pub reliable: Reliable,
    /// None: no session timer of our own; a peer's is honoured.
    pub session_expires: Option<Duration>,
    /// Send inside the dialog to the peer's route set or contact where that is an address (carriers);
    /// otherwise always back to where the peer's packets come from (phones behind NAT).
    pub follow_contact: bool,
}

/// Why a session is over without a BYE or CANCEL of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Our 200 was never acknowledged.
    NoAck,
    /// The session timer ran out, or a refresh was answered 408 or 481.
    Expired,
}

/// What happened in a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The peer we called rings (180), or sent any other word of progress.
    Ringing,
    /// Offer and answer agreed on this, anew or again; `generation` differs where it changed.
    Agreed {
        agreed: Box<Agreed>,
        generation: u32,
    },
    /// The peer we called answered.
    Answered,
    /// Our answer reached the peer (ACK).
    Acknowledged,
    Held,
    Resumed,
    /// The peer ended it: BYE, or CANCEL before the answer.
    HungUp,
    /// The call we made was turned away with this status (408 where nobody answered in time).
    Failed {
        status: u16,
    },
    /// The call we made wants credentials: `authorize` it or give up.
    Challenged {
        response: Box<Response>,
    },
    Lost(Lost),
    /// Our OPTIONS inside the dialog was answered, or not.
    Probed {
        alive: bool,
    },
}

#[derive(Debug)]
enum State {
    Incoming(Box<Incoming>),
    Outgoing(Box<Outgoing>),
    Confirmed,
    Ended,
}

/// What a request of ours inside the dialog was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Prack,
    Bye,
    Refresh { with_offer: bool },
    Probe,
}

/// Our 2xx, repeated until the ACK comes (RFC 3261 §13.3.1.4).
#[derive(Debug)]
struct Unacknowledged {
    tx: ServerTx,
    response: Response,
    wait: Duration,
    again: Mono,
    give_up: Mono,
}

#[derive(Debug)]
pub struct Session {
    flow: Flow,
    settings: Settings,
    local_tag: String,
    state: State,
    dialog: Option<Dialog>,
    media: Negotiation,
    unacknowledged: Option<Unacknowledged>,
    /// The ACK of our INVITE or re-INVITE, sent again for each repeated 2xx.
    ack: Option<Request>,
    /// The INVITE that we sent, where we made the call.
    placed: Option<Placed>,
    asked: BTreeMap<ClientTx, Asked>,
    /// Transactions begun since the user last asked.
    begun: Vec<ClientTx>,
    refresh: Refresh,
    on_hold: bool,
    told_generation: Option<u32>,
    events: VecDeque<Event>,
}

impl Session {
    fn new(flow: Flow, settings: Settings, local_tag: String, state: State) -> Self {
        Self {
            flow,
            media: Negotiation::new(settings.media.clone()),
            settings,
            local_tag,
            state,
            dialog: None,
            unacknowledged: None,
            ack: None,
            placed: None,
            asked: BTreeMap::new(),
            begun: Vec::new(),
            refresh: Refresh::default(),
            on_hold: false,
            told_generation: None,
            events: VecDeque::new(),
        }
    }

    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A transaction that this session began: its responses are to be brought here.
    pub fn poll_transaction(&mut self) -> Option<ClientTx> {
        self.begun.pop()
    }

    pub const fn flow(&self) -> Flow {
        self.flow
    }

    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    pub const fn is_confirmed(&self) -> bool {
        matches!(self.state, State::Confirmed)
    }

    /// Ends the session in whatever way its state asks for: a final failure, CANCEL, or BYE.
    pub fn hang_up(&mut self, now: Mono, transactions: &mut Transactions) {
        match &mut self.state {
            State::Incoming(_) => self.reject(now, transactions, 480, None),
            State::Outgoing(outgoing) => {
                outgoing.cancelled = true;
                if let Some(placed) = &self.placed {
                    transactions.cancel(now, placed.tx);
                }
            }
            State::Confirmed => {
                self.bye(now, transactions);
                self.state = State::Ended;
            }
            State::Ended => {}
        }
    }

    /// OPTIONS inside the dialog: does the peer still know us? `Probed` tells.
    pub fn probe(&mut self, now: Mono, transactions: &mut Transactions) {
        if self.is_confirmed() {
            self.ask(now, transactions, Method::Options, Asked::Probe, None);
        }
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        let own = self.unacknowledged.as_ref().map(|wait| wait.again.min(wait.give_up));
        let incoming = match &self.state {
            State::Incoming(incoming) => incoming.next_timeout(),
            State::Outgoing(_) | State::Confirmed | State::Ended => None,
        };
        [own, incoming, self.refresh.next_timeout()].into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        self.repeat_answer(now, transactions);
        match &self.state {
            State::Incoming(_) => self.incoming_timeout(now, transactions),
            State::Confirmed => self.refresh_timeout(now, transactions),
            State::Outgoing(_) | State::Ended => {}
        }
    }

    /// A response to a request that this session sent.
    pub fn on_response(&mut self, now: Mono, transactions: &mut Transactions, tx: ClientTx, response: Response) {
        if self.invite_tx() == Some(tx) {
            return self.on_invite_response(now, transactions, response);
        }
        let Some(asked) = self.asked.get(&tx).copied() else { return };
        // A re-INVITE's 2xx may be repeated: it stays known until the next refresh.
        if response.is_final() && asked != (Asked::Refresh { with_offer: true }) {
            self.asked.remove(&tx);
        }
        match asked {
            Asked::Refresh { with_offer } => self.on_refresh_response(now, transactions, tx, response, with_offer),
            Asked::Probe if response.is_final() => {
                let alive = response.status != 481 && response.status != 408;
                self.events.push_back(Event::Probed { alive });
            }
            Asked::Prack | Asked::Bye | Asked::Probe => {}
        }
    }

    /// A request of ours got no answer, or could not be sent.
    pub fn on_no_response(&mut self, now: Mono, transactions: &mut Transactions, tx: ClientTx) {
        if self.invite_tx() == Some(tx) {
            return self.on_invite_failed(408);
        }
        let Some(asked) = self.asked.remove(&tx) else { return };
        match asked {
            Asked::Refresh { .. } => self.lose(now, transactions, Lost::Expired),
            Asked::Probe => self.events.push_back(Event::Probed { alive: false }),
            Asked::Prack | Asked::Bye => {}
        }
    }

    /// The ACK of a 2xx of ours.
    pub fn on_ack(&mut self, ack: &Request) {
        let Some(unacknowledged) = self.unacknowledged.take() else { return };
        if ack.headers.cseq().map(|seq| seq.number) != unacknowledged.response.headers.cseq().map(|seq| seq.number) {
            self.unacknowledged = Some(unacknowledged);
            return;
        }
        if self.media.is_pending() {
            // Our offer went out in the 200; an ACK without a usable answer leaves what was agreed.
            if ack.body.is_empty() || self.media.take_answer(&ack.body).is_err() {
                self.media.withdraw();
            }
            self.tell_agreed();
        }
        self.events.push_back(Event::Acknowledged);
    }

    /// The transport under this session failed: its next request tries the peer's contact.
    pub fn on_transport_failed(&mut self, flow: Flow) {
        if self.flow == flow
            && let Some(hop) = self.dialog.as_ref().and_then(Dialog::next_hop)
        {
            self.flow.remote = hop;
        }
    }

    fn repeat_answer(&mut self, now: Mono, transactions: &mut Transactions) {
        let Some(waiting) = &mut self.unacknowledged else { return };
        if now >= waiting.give_up {
            self.unacknowledged = None;
            self.lose(now, transactions, Lost::NoAck);
        } else if now >= waiting.again {
            transactions.respond(now, waiting.tx, waiting.response.clone());
            waiting.wait = (waiting.wait * 2).min(T2);
            waiting.again = now + waiting.wait;
        }
    }

    /// Keeps a 2xx to repeat until its ACK, over every transport (RFC 3261 §13.3.1.4).
    fn expect_ack(&mut self, now: Mono, tx: ServerTx, response: Response) {
        self.unacknowledged = Some(Unacknowledged { tx, response, wait: T1, again: now + T1, give_up: now + PATIENCE });
    }

    /// The peer is gone: BYE all the same, so that it can clear up if it is not.
    fn lose(&mut self, now: Mono, transactions: &mut Transactions, why: Lost) {
        if self.is_confirmed() {
            self.bye(now, transactions);
            self.state = State::Ended;
            self.events.push_back(Event::Lost(why));
        }
    }

    fn bye(&mut self, now: Mono, transactions: &mut Transactions) {
        self.unacknowledged = None;
        self.refresh = Refresh::default();
        self.ask(now, transactions, Method::Bye, Asked::Bye, None);
    }

    /// Sends a request inside the dialog.
    fn ask(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        method: Method,
        asked: Asked,
        body: Option<Vec<u8>>,
    ) -> Option<ClientTx> {
        let target_refresh = matches!(method, Method::Invite | Method::Update);
        let flow = self.hop();
        let mut request = self.dialog.as_mut()?.request(method, None);
        self.sign(&mut request, target_refresh);
        if let Some(body) = body {
            request.headers.push(Name::ContentType, "application/sdp");
            request.body = body;
        }
        if let Asked::Refresh { .. } = asked {
            self.asked.retain(|_, earlier| !matches!(earlier, Asked::Refresh { .. }));
            self.refresh.write(&mut request);
        }
        let tx = transactions.request(now, flow, &self.settings.sent_by, request);
        self.expect(tx, asked);
        Some(tx)
    }

    fn expect(&mut self, tx: ClientTx, asked: Asked) {
        self.asked.insert(tx, asked);
        self.begun.push(tx);
    }

    /// The flow of the next request inside the dialog.
    fn hop(&self) -> Flow {
        self.hop_of(self.dialog.as_ref())
    }

    fn hop_of(&self, dialog: Option<&Dialog>) -> Flow {
        match dialog.and_then(Dialog::next_hop) {
            Some(remote) if self.settings.follow_contact && !self.flow.transport.is_reliable() => {
                Flow { remote, ..self.flow }
            }
            Some(_) | None => self.flow,
        }
    }

    /// Contact (where the request may move it), Supported, Allow and User-Agent.
    fn sign(&self, request: &mut Request, contact: bool) {
        if contact {
            request.headers.push(Name::Contact, format!("<{}>", self.settings.contact));
            request.headers.push(Name::Supported, EXTENSIONS.join(", "));
            request.headers.push(Name::Allow, ALLOW);
        }
        request.headers.push(Name::UserAgent, self.settings.user_agent.as_str());
    }

    /// A response with our tag and, in a dialog-forming one, our contact.
    fn reply(&self, request: &Request, status: u16) -> Response {
        let mut response = request.respond(status);
        if status > 100 && request.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let to = with_tag(request.headers.get(&Name::To).unwrap_or_default(), &self.local_tag);
            response.headers.set(Name::To, to);
        }
        if matches!(request.method, Method::Invite | Method::Update) && (101..300).contains(&status) {
            response.headers.push(Name::Contact, format!("<{}>", self.settings.contact));
            response.headers.push(Name::Allow, ALLOW);
            response.headers.push(Name::Supported, EXTENSIONS.join(", "));
            for route in request.headers.0.iter().filter(|header| header.name == Name::RecordRoute) {
                response.headers.push(Name::RecordRoute, route.value.clone());
            }
        }
        response.headers.push(Name::Server, self.settings.user_agent.as_str());
        response
    }

    /// Tells the user what was agreed, and of hold and resume, once for each change.
    fn tell_agreed(&mut self) {
        let Some(agreed) = self.media.agreed() else { return };
        let generation = self.media.generation();
        let held = agreed.on_hold;
        if self.told_generation != Some(generation) {
            self.told_generation = Some(generation);
            self.events.push_back(Event::Agreed { agreed: Box::new(agreed.clone()), generation });
        }
        if held != self.on_hold {
            self.on_hold = held;
            self.events.push_back(if held { Event::Held } else { Event::Resumed });
        }
    }
}

/// Puts a session description into a response or request.
fn describe(response: &mut Response, body: Vec<u8>) {
    response.headers.push(Name::ContentType, "application/sdp");
    response.body = body;
}

/// Whether the message carries a session description: a body that is not said to be something else.
fn has_description(headers: &super::message::Headers, body: &[u8]) -> bool {
    !body.is_empty()
        && headers
            .text(&Name::ContentType)
            .is_none_or(|kind| kind.trim().to_ascii_lowercase().starts_with("application/sdp"))
}
