//! The transaction layer: bytes and timers in, bytes and events out. (RFC 3261 §17, RFC 6026)
//!
//! The user feeds `receive`, `respond`, `request` … and then drains `poll` until it is empty.
//! Retransmissions, 100 Trying, ACKs of failures, answers to CANCEL and to merged requests are
//! done here; what is left for the user comes as an `Event`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use super::clients::ClientState;
use super::clients::{self, Client};
use super::flow::Flow;
use super::key::{ClientKey, MergeKey, ServerKey, Tokens};
use super::message::{Message, Name, Request, Response, Unreadable};
use super::return_path;
pub use super::servers::ServerState;
use super::servers::{self, Given, Server};
pub use super::timers::Timers;

use super::timers::TimerTable;
use crate::time::Mono;

/// A request that arrived, until long after it is answered. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTx(pub u64);

/// A request that was sent, until long after it is answered. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTx(pub u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Send { flow: Flow, bytes: Vec<u8> },
    Event(Event),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new request; neither ACK nor CANCEL. 100 Trying is already on its way for an INVITE.
    Request { tx: ServerTx, flow: Flow, request: Request },
    /// An INVITE that the user has not answered is no longer wanted; the user answers it with 487.
    Cancel { invite: ServerTx, request: Request },
    /// An ACK for a 2xx, or for nothing that is known here.
    Ack { flow: Flow, request: Request },
    /// Every provisional, the first final, and for an INVITE every 2xx (forks and retransmissions, RFC 6026 §7.2),
    /// even one that comes after a failure: each wants an ACK.
    Response { tx: ClientTx, flow: Flow, response: Response },
    /// No final response in time.
    TimedOut { tx: ClientTx },
    /// The way to the peer is broken.
    Failed { tx: ClientTx },
    /// A non-2xx final to an INVITE was never acknowledged.
    ServerTimedOut { tx: ServerTx },
    /// The way back is broken. An INVITE that is still unanswered wants its answer all the same. (RFC 6026 §7.1)
    ServerFailed { tx: ServerTx },
    /// A response to nothing that is known here (any more).
    StrayResponse { response: Response },
}

/// What was dropped or refused, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that could neither be read nor answered.
    pub unanswerable: u64,
    /// Requests with a fault, answered 400 or 505 but for ACK.
    pub malformed: u64,
    /// New requests answered 503 because the table was full.
    pub over_limit: u64,
    /// Responses with several Vias, none that is readable, or an impossible status.
    pub bad_responses: u64,
    /// Responses whose branch or CSeq method matches no request of ours.
    pub stray_responses: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Server(ServerTx),
    Client(ClientTx),
}

#[derive(Debug)]
pub struct Transactions {
    /// How many server transactions there may be; over it, new requests get a stateless 503. A
    /// quarter more is kept for requests within dialogs.
    pub limit: usize,
    pub(super) timers: Timers,
    pub(super) clock: TimerTable<Owner>,
    pub(super) queue: VecDeque<Output>,
    pub(super) tokens: Tokens,
    pub(super) counters: Counters,
    pub(super) servers: BTreeMap<ServerTx, Server>,
    pub(super) servers_by_key: BTreeMap<ServerKey, ServerTx>,
    pub(super) servers_by_merge: BTreeMap<MergeKey, ServerTx>,
    pub(super) clients: BTreeMap<ClientTx, Client>,
    pub(super) clients_by_key: BTreeMap<ClientKey, ClientTx>,
    /// Everything that waits for a peer, so that a connection that breaks costs no search.
    by_flow: BTreeMap<Flow, BTreeSet<Owner>>,
    handles: u64,
}

/// A finished transaction stays for 32 s over UDP, so this carries about 900 calls a second.
const DEFAULT_LIMIT: usize = 60_000;

impl Transactions {
    /// `seed`: random bits, so that nobody outside can guess our branches.
    pub fn new(timers: Timers, seed: u64) -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            timers,
            clock: TimerTable::new(),
            queue: VecDeque::new(),
            tokens: Tokens::new(seed),
            counters: Counters::default(),
            servers: BTreeMap::new(),
            servers_by_key: BTreeMap::new(),
            servers_by_merge: BTreeMap::new(),
            clients: BTreeMap::new(),
            clients_by_key: BTreeMap::new(),
            by_flow: BTreeMap::new(),
            handles: 0,
        }
    }

    pub fn receive(&mut self, now: Mono, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.receive_request(now, flow, request),
            Message::Response(response) => self.receive_response(now, flow, response),
        }
    }

    /// Answers what could not be read, where enough could be: 400 that names the fault, 505 for another SIP version.
    pub fn receive_unreadable(&mut self, flow: Flow, unreadable: Unreadable) {
        let Some(mut request) = unreadable.answerable else {
            self.counters.unanswerable += 1;
            return;
        };
        let Ok(via) = request.headers.via() else {
            self.counters.unanswerable += 1;
            return;
        };
        let back = return_path::stamp(&mut request, via, flow);
        self.refuse_fault(back, &request, &unreadable.fault);
    }

    /// Answers a request. A 2xx to an INVITE can be given again and again until its ACK comes: its
    /// retransmission is the user's. What comes too late, or after another final, is dropped.
    pub fn respond(&mut self, now: Mono, tx: ServerTx, response: Response) {
        let input = match response.status {
            100..=199 => servers::Input::Provisional,
            200..=299 => servers::Input::Success,
            300..=699 => servers::Input::Failure,
            _ => return,
        };
        let to_tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        self.drive_server(now, tx, input, Given::Response { bytes: response.to_bytes(), to_tag });
    }

    /// Sends a request (not ACK, not CANCEL) over `flow`, under a Via of its own. `via_sent_by`: host:port of our listener.
    pub fn request(&mut self, now: Mono, flow: Flow, via_sent_by: &str, mut request: Request) -> ClientTx {
        let branch = self.push_via(flow, via_sent_by, &mut request);
        self.open_client(now, flow, &branch, request, false)
    }

    /// Gives up an INVITE: CANCEL goes out with the first provisional, or at once where one has come (RFC 3261 §9.1).
    /// The end still comes as an event: 487 as a rule, a 2xx that crossed the CANCEL, or `TimedOut`.
    pub fn cancel(&mut self, now: Mono, invite: ClientTx) {
        self.drive_client(now, invite, clients::Input::Cancel, None);
    }

    /// Sends the ACK of a 2xx: it has a branch of its own and no transaction. (RFC 3261 §13.2.2.4)
    pub fn send_ack(&mut self, _now: Mono, flow: Flow, via_sent_by: &str, mut ack: Request) {
        self.push_via(flow, via_sent_by, &mut ack);
        self.send(flow, ack.to_bytes());
    }

    /// A connection broke, or a port was unreachable: fails whatever waits for that peer; what the peer waits
    /// for is sent over another connection first.
    pub fn transport_failed(&mut self, now: Mono, flow: Flow) {
        for owner in self.by_flow.get(&flow).cloned().unwrap_or_default().into_iter().rev() {
            match owner {
                Owner::Client(tx) => self.drive_client(now, tx, clients::Input::TransportFailed, None),
                Owner::Server(tx) => self.way_back_ended(now, tx),
            }
        }
    }

    pub(super) fn note_flow(&mut self, flow: Flow, owner: Owner) {
        self.by_flow.entry(flow).or_default().insert(owner);
    }

    pub(super) fn forget_flow(&mut self, flow: Flow, owner: Owner) {
        if let Some(owners) = self.by_flow.get_mut(&flow) {
            owners.remove(&owner);
            if owners.is_empty() {
                self.by_flow.remove(&flow);
            }
        }
    }

    /// Runs every timer that is due.
    pub fn handle_timeout(&mut self, now: Mono) {
        while let Some((owner, timer)) = self.clock.pop(now) {
            match owner {
                Owner::Server(tx) => self.drive_server(now, tx, servers::Input::Timer(timer), Given::Nothing),
                Owner::Client(tx) => self.drive_client(now, tx, clients::Input::Timer(timer), None),
            }
        }
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        self.clock.next()
    }

    /// The next thing to send or to hear of, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Transactions of both sides that are not over.
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// `None` once the transaction is over.
    pub fn server_state(&self, tx: ServerTx) -> Option<ServerState> {
        self.servers.get(&tx).map(|server| server.state)
    }

    /// Whether the peer has answered this request with so much as a 100.
    pub fn was_heard(&self, tx: ClientTx) -> bool {
        use super::{invite_client, request_client};
        !matches!(
            self.client_state(tx),
            Some(
                ClientState::Invite(invite_client::State::Calling | invite_client::State::CancelHeld)
                    | ClientState::Request(request_client::State::Trying)
            )
        )
    }

    /// Whether the peer may still be at work on a request of ours. Nobody is on an INVITE that was repeated
    /// and not answered with so much as a 100.
    pub fn is_at_work(&self, tx: ClientTx) -> bool {
        let repeated = self.clients.get(&tx).is_some_and(|client| client.is_repeated_invite(&self.timers));
        self.is_awaiting(tx) && (self.was_heard(tx) || !repeated)
    }

    /// Whether a request of ours still waits for its final response.
    pub fn is_awaiting(&self, tx: ClientTx) -> bool {
        use super::{invite_client, request_client};
        self.client_state(tx).is_some_and(|state| match state {
            ClientState::Invite(state) => match state {
                invite_client::State::Calling
                | invite_client::State::CancelHeld
                | invite_client::State::Proceeding
                | invite_client::State::Cancelled => true,
                invite_client::State::Completed | invite_client::State::Accepted | invite_client::State::Terminated => {
                    false
                }
            },
            ClientState::Request(state) => match state {
                request_client::State::Trying | request_client::State::Proceeding => true,
                request_client::State::Completed | request_client::State::Terminated => false,
            },
        })
    }

    /// `None` once the transaction is over.
    pub fn client_state(&self, tx: ClientTx) -> Option<ClientState> {
        self.clients.get(&tx).map(|client| client.state)
    }

    fn push_via(&mut self, flow: Flow, sent_by: &str, request: &mut Request) -> String {
        let branch = self.tokens.branch();
        let via = format!("SIP/2.0/{} {sent_by};branch={branch};rport", flow.transport.via_name());
        request.headers.push_front(Name::Via, via);
        branch
    }

    pub(super) fn next_handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    pub(super) fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.queue.push_back(Output::Send { flow, bytes });
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }
}
