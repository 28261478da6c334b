//! One INVITE session: from the first INVITE to the last BYE, whoever called.
//!
//! `incoming` is the call that comes to us, `answered` our 2xx until its ACK, `reliable` PRACK (RFC 3262);
//! `outgoing` is the call we make, `forks` what its phones say; `within` is what the peer asks inside the
//! dialog, `refer` its wish to transfer the call (RFC 3515), `refresh` the session timer (RFC 4028); `messages` and `body` say what stands in the messages.
//! A session answers every offer by itself and tells its user what was agreed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::time::Mono;

use super::dialog::Dialog;
use super::digest::{Answerer, Login};
use super::flow::Flow;
use super::message::{Method, Request, Response};
use super::negotiation::{Negotiation, OwnMedia};
use super::refer::ReferTo;
use super::sdp::Agreed;
use super::transactions::{ClientTx, Transactions};

mod answered;
mod body;
mod forks;
mod incoming;
mod messages;
mod outgoing;
mod refer;
mod refresh;
mod reliable;
mod within;

use answered::Unacknowledged;
use incoming::Incoming;
pub use messages::capabilities;
pub use outgoing::Place;
use outgoing::{Calling, Placed};
pub use refer::ReferId;
use refer::Referrals;
use refresh::Refresh;

/// Methods that are answered inside and outside of dialogs; the text of every Allow header.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, REGISTER";
/// Extensions that a peer may ask for in Require.
pub const EXTENSIONS: [&str; 4] = ["100rel", "timer", "replaces", "norefersub"];

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
    /// Answers challenges to our requests inside the dialog; None: they stand as refusals.
    pub login: Option<Login>,
}

/// Why a session is over without a BYE or CANCEL of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Our 200 was never acknowledged, or its ACK did not answer the offer in it.
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
    /// The peer we called, or its network, sends sound before the answer.
    EarlyMedia(Box<Agreed>),
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
    /// The peer wants the call transferred (REFER). It waits until `accept_refer` or `refuse_refer`.
    Referred {
        id: ReferId,
        to: Box<ReferTo>,
    },
}

#[derive(Debug)]
enum State {
    Incoming(Box<Incoming>),
    Outgoing(Calling),
    Confirmed,
    Ended,
}

/// A request of ours inside the dialog that has no final response yet.
#[derive(Debug)]
struct Pending {
    asked: Asked,
    flow: Flow,
    request: Request,
    credentials: Answerer,
}

/// What a request of ours inside the dialog was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Prack,
    Bye,
    Refresh {
        with_offer: bool,
    },
    Probe,
    /// How this REFER fares.
    Notify(ReferId),
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
    /// The INVITE that we sent, where we made the call.
    placed: Option<Placed>,
    /// Our last re-INVITE that was answered, and its ACK: sent again for each repeated 2xx.
    reinvited: Option<(ClientTx, Flow, Request)>,
    asked: BTreeMap<ClientTx, Pending>,
    /// Transactions begun since the user last asked.
    begun: Vec<ClientTx>,
    refresh: Refresh,
    referrals: Referrals,
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
            placed: None,
            reinvited: None,
            asked: BTreeMap::new(),
            begun: Vec::new(),
            refresh: Refresh::new(),
            referrals: Referrals::default(),
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

    /// Ends the session in whatever way its state asks for: a final failure, CANCEL, or BYE. A call that
    /// we made and that is not answered yet still tells its end by `Failed`; nothing else comes after this.
    pub fn hang_up(&mut self, now: Mono, transactions: &mut Transactions) {
        match &self.state {
            State::Incoming(_) => self.reject(now, transactions, 480, None),
            State::Outgoing(calling) => self.cancel(now, transactions, *calling),
            State::Confirmed => {
                self.end_confirmed(now, transactions);
                // §15: who was called says BYE when the ACK has come, or can no longer come.
                if self.unacknowledged.as_ref().is_none_or(|answer| !answer.first) {
                    self.bye(now, transactions);
                }
            }
            State::Ended => {}
        }
    }

    /// OPTIONS inside the dialog: does the peer still know us? `Probed` tells.
    pub fn probe(&mut self, now: Mono, transactions: &mut Transactions) {
        if self.is_confirmed() && !self.asked.values().any(|pending| pending.asked == Asked::Probe) {
            self.ask(now, transactions, Method::Options, Asked::Probe, None);
        }
    }

    /// When to call `handle_timeout`; an ended session has one as long as its dialog needs it.
    pub fn next_timeout(&self) -> Option<Mono> {
        let own = self.unacknowledged.as_ref().map(Unacknowledged::next_timeout);
        let of_state = match &self.state {
            State::Incoming(incoming) => incoming.next_timeout(),
            State::Confirmed => self.refresh.next_timeout(),
            State::Outgoing(_) | State::Ended => None,
        };
        [own, of_state].into_iter().flatten().min()
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
        if let Some(placed) = self.placed.as_ref().filter(|placed| placed.tx == tx || placed.earlier.contains(&tx)) {
            return match (placed.tx == tx, response.status) {
                (true, ..200) => self.on_progress(now, transactions, &response),
                (true, 200..300) => self.on_answer(now, transactions, &response),
                (true, 300..) => self.on_refusal(now, transactions, response),
                (false, 200..300) => self.on_late_answer(now, transactions, &response),
                (false, _) => {}
            };
        }
        if let Some((_, flow, ack)) =
            self.reinvited.as_ref().filter(|(known, ..)| *known == tx && response.is_success())
        {
            return transactions.send_ack(now, *flow, &self.settings.sent_by, ack.clone());
        }
        if response.is_provisional() {
            return;
        }
        let Some(pending) = self.asked.remove(&tx) else { return };
        let pending = match response.status {
            401 | 407 => match self.ask_again(now, transactions, pending, &response) {
                Some(refused) => refused,
                None => return,
            },
            _ => pending,
        };
        match pending.asked {
            Asked::Refresh { with_offer } => {
                self.on_refresh_response(now, transactions, (tx, &pending.request), &response, with_offer);
            }
            Asked::Probe => self.tell_probed(response.status != 481 && response.status != 408),
            Asked::Notify(id) => self.on_notified(now, transactions, id, response.is_success()),
            Asked::Prack | Asked::Bye => {}
        }
    }

    /// A request of ours got no answer, or could not be sent.
    pub fn on_no_response(&mut self, now: Mono, transactions: &mut Transactions, tx: ClientTx) {
        if self.invite_tx() == Some(tx) {
            return self.on_invite_silent();
        }
        let Some(pending) = self.asked.remove(&tx) else { return };
        match pending.asked {
            Asked::Refresh { with_offer } => {
                if with_offer {
                    self.media.withdraw();
                }
                self.lose(now, transactions, Lost::Expired);
            }
            Asked::Probe => self.tell_probed(false),
            Asked::Notify(id) => self.on_notified(now, transactions, id, false),
            Asked::Prack | Asked::Bye => {}
        }
    }

    /// The connection under this session broke: its next request opens one to the peer's contact. A
    /// datagram that could not be delivered says nothing of the next one.
    pub fn on_transport_failed(&mut self, flow: Flow) {
        if self.flow == flow
            && flow.transport.is_reliable()
            && let Some(hop) = self.dialog.as_ref().and_then(|dialog| dialog.next_hop(flow.transport))
        {
            self.flow.remote = hop;
        }
    }

    /// The peer is gone: BYE all the same, so that it can clear up if it is not.
    fn lose(&mut self, now: Mono, transactions: &mut Transactions, why: Lost) {
        if self.is_confirmed() {
            self.end_confirmed(now, transactions);
            self.bye(now, transactions);
            self.events.push_back(Event::Lost(why));
        }
    }

    fn end_confirmed(&mut self, now: Mono, transactions: &mut Transactions) {
        self.state = State::Ended;
        self.drop_referrals(now, transactions);
    }

    fn bye(&mut self, now: Mono, transactions: &mut Transactions) {
        self.unacknowledged = None;
        self.ask(now, transactions, Method::Bye, Asked::Bye, None);
    }

    fn tell_probed(&mut self, alive: bool) {
        if self.is_confirmed() {
            self.events.push_back(Event::Probed { alive });
        }
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
