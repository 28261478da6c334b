//! The client transactions: what a request of ours starts, what a response does, and what their machines ask for.

use std::time::Duration;

use super::flow::Flow;
use super::key::ClientKey;
use super::message::{Method, Name, Request, Response};
use super::timers::{Timer, Timers};
use super::transactions::{ClientTx, Event, Owner, Transactions};
use super::{invite_client, request_client};
use crate::time::Mono;

const MAX_FORWARDS: &str = "70";

/// What a client machine asks for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The request, once more but for the first time.
    Send,
    /// A CANCEL, in a transaction of its own.
    SendCancel,
    /// The ACK of a non-2xx final.
    Acknowledge,
    /// The response at hand, to the user.
    Deliver,
    TellTimedOut,
    TellFailed,
    Start(Timer),
    /// The timer once more, at its next interval.
    Again(Timer),
    /// The timer once more, at T2.
    AgainAtT2(Timer),
    Stop(Timer),
}

/// One of the two client machines, in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    Invite(invite_client::State),
    Request(request_client::State),
}

impl ClientState {
    fn is_terminated(self) -> bool {
        match self {
            Self::Invite(state) => state == invite_client::State::Terminated,
            Self::Request(state) => state == request_client::State::Terminated,
        }
    }

    /// Whether the request is needed no more: neither sent again nor the model of an ACK.
    fn is_done_sending(self) -> bool {
        match self {
            Self::Invite(state) => state == invite_client::State::Accepted,
            Self::Request(state) => state == request_client::State::Completed,
        }
    }
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) state: ClientState,
    key: ClientKey,
    pub(super) flow: Flow,
    bytes: Vec<u8>,
    /// An INVITE without its body: ACK and CANCEL are made from it.
    invite: Option<Request>,
    retransmit_after: Duration,
    /// A CANCEL: the user hears of it only through its INVITE.
    inside: bool,
}

impl Client {
    /// An INVITE that had to be sent a second time.
    pub(super) fn is_repeated_invite(&self, timers: &Timers) -> bool {
        let first = timers.first(Timer::A, self.flow.transport);
        self.invite.is_some() && first.is_some_and(|first| self.retransmit_after > first)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Provisional,
    Success,
    Failure,
    Cancel,
    Timer(Timer),
    TransportFailed,
}

/// The response that came with an input, and the way it came.
pub(super) type Given = Option<(Flow, Response)>;

impl Transactions {
    pub(super) fn receive_response(&mut self, now: Mono, flow: Flow, response: Response) {
        let input = match response.status {
            100..=199 => Input::Provisional,
            200..=299 => Input::Success,
            300..=699 => Input::Failure,
            _ => {
                self.counters.bad_responses += 1;
                return;
            }
        };
        let Ok(key) = ClientKey::of(&response) else {
            self.counters.bad_responses += 1;
            return;
        };
        match self.clients_by_key.get(&key) {
            Some(&tx) => self.drive_client(now, tx, input, Some((flow, response))),
            None => {
                self.counters.stray_responses += 1;
                self.tell(Event::StrayResponse { response });
            }
        }
    }

    /// `request` has our Via on top, with `branch`.
    pub(super) fn open_client(
        &mut self,
        now: Mono,
        flow: Flow,
        branch: &str,
        request: Request,
        inside: bool,
    ) -> ClientTx {
        let tx = ClientTx(self.next_handle());
        let key = ClientKey::new(branch, &request.method);
        let bytes = request.to_bytes();
        let (state, acts, invite) = if request.method == Method::Invite {
            let (state, acts) = invite_client::START;
            (ClientState::Invite(state), acts, Some(Request { body: Vec::new(), ..request }))
        } else {
            let (state, acts) = request_client::START;
            (ClientState::Request(state), acts, None)
        };
        self.clients_by_key.insert(key.clone(), tx);
        let retransmit_after = Duration::ZERO;
        self.note_flow(flow, Owner::Client(tx));
        self.clients.insert(tx, Client { state, key, flow, bytes, invite, retransmit_after, inside });
        self.run_client(now, tx, acts, None);
        tx
    }

    pub(super) fn drive_client(&mut self, now: Mono, tx: ClientTx, input: Input, given: Given) {
        let Some(client) = self.clients.get_mut(&tx) else { return };
        let (state, acts) = match client.state {
            ClientState::Invite(state) => {
                let Some(input) = invite_input(input) else { return };
                let (state, acts) = invite_client::step(state, input);
                (ClientState::Invite(state), acts)
            }
            ClientState::Request(state) => {
                let Some(input) = request_input(input) else { return };
                let (state, acts) = request_client::step(state, input);
                (ClientState::Request(state), acts)
            }
        };
        client.state = state;
        if state.is_done_sending() {
            (client.bytes, client.invite) = (Vec::new(), None);
        }
        self.run_client(now, tx, acts, given);
    }

    fn run_client(&mut self, now: Mono, tx: ClientTx, acts: &[Act], mut given: Given) {
        let owner = Owner::Client(tx);
        let mut over = None;
        for &act in acts {
            let Some(client) = self.clients.get_mut(&tx) else { return };
            let (flow, inside) = (client.flow, client.inside);
            match act {
                Act::Send => {
                    let bytes = client.bytes.clone();
                    self.send(flow, bytes);
                }
                Act::SendCancel => {
                    if let Some(cancel) = client.invite.as_ref().map(|invite| along_with(invite, Method::Cancel, None))
                    {
                        let branch = client.key.branch().to_owned();
                        self.open_client(now, flow, &branch, cancel, true);
                    }
                }
                Act::Acknowledge => {
                    let to = given.as_ref().and_then(|(_, response)| response.headers.get(&Name::To));
                    if let Some(ack) = client.invite.as_ref().map(|invite| along_with(invite, Method::Ack, to)) {
                        self.send(flow, ack.to_bytes());
                    }
                }
                Act::Deliver => {
                    if let Some((flow, response)) = given.take().filter(|_| !inside) {
                        self.tell(Event::Response { tx, flow, response });
                    }
                }
                Act::TellTimedOut if inside => {}
                Act::TellTimedOut => self.tell(Event::TimedOut { tx }),
                Act::TellFailed if inside => {}
                Act::TellFailed => self.tell(Event::Failed { tx }),
                Act::Start(timer) => match self.timers.first(timer, flow.transport) {
                    None => {}
                    Some(Duration::ZERO) => over = Some(timer),
                    Some(after) => {
                        if matches!(timer, Timer::A | Timer::E) {
                            client.retransmit_after = after;
                        }
                        self.clock.start(owner, timer, now + after);
                    }
                },
                Act::Again(timer) => {
                    client.retransmit_after = self.timers.next(timer, client.retransmit_after);
                    self.clock.start(owner, timer, now + client.retransmit_after);
                }
                Act::AgainAtT2(timer) => self.clock.start(owner, timer, now + self.timers.slowest()),
                Act::Stop(timer) => self.clock.stop(owner, timer),
            }
        }
        if let Some(timer) = over {
            self.drive_client(now, tx, Input::Timer(timer), None);
        }
        self.bury_client(tx);
    }

    fn bury_client(&mut self, tx: ClientTx) {
        if !self.clients.get(&tx).is_some_and(|client| client.state.is_terminated()) {
            return;
        }
        self.clock.stop_all(Owner::Client(tx));
        if let Some(client) = self.clients.remove(&tx) {
            self.clients_by_key.remove(&client.key);
            self.forget_flow(client.flow, Owner::Client(tx));
        }
    }
}

/// An ACK for a non-2xx final, with that response's To (RFC 3261 §17.1.1.3), or a CANCEL (§9.1): both go the
/// INVITE's way, with its top Via alone.
fn along_with(invite: &Request, method: Method, to: Option<&[u8]>) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let (mut has_via, mut has_max_forwards) = (false, false);
    for header in &invite.headers.0 {
        let value = match header.name {
            Name::Via if !has_via => {
                has_via = true;
                header.value.clone()
            }
            Name::MaxForwards => {
                has_max_forwards = true;
                header.value.clone()
            }
            Name::To => to.unwrap_or(&header.value).to_vec(),
            Name::From | Name::CallId | Name::Route => header.value.clone(),
            _ => continue,
        };
        request.headers.push(header.name.clone(), value);
    }
    if !has_max_forwards {
        request.headers.push(Name::MaxForwards, MAX_FORWARDS);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        request.headers.push(Name::CSeq, format!("{} {}", cseq.number, method.as_str()));
    }
    request
}

fn invite_input(input: Input) -> Option<invite_client::Input> {
    use invite_client::Input as To;
    Some(match input {
        Input::Provisional => To::Provisional,
        Input::Success => To::Success,
        Input::Failure => To::Failure,
        Input::Cancel => To::Cancel,
        Input::Timer(Timer::A) => To::TimerA,
        Input::Timer(Timer::B) => To::TimerB,
        Input::Timer(Timer::C) => To::TimerC,
        Input::Timer(Timer::D) => To::TimerD,
        Input::Timer(Timer::M) => To::TimerM,
        Input::Timer(Timer::Cancel) => To::TimerCancel,
        Input::Timer(_) => return None,
        Input::TransportFailed => To::TransportFailed,
    })
}

fn request_input(input: Input) -> Option<request_client::Input> {
    use request_client::Input as To;
    Some(match input {
        Input::Provisional => To::Provisional,
        Input::Success | Input::Failure => To::Final,
        Input::Timer(Timer::E) => To::TimerE,
        Input::Timer(Timer::F) => To::TimerF,
        Input::Timer(Timer::K) => To::TimerK,
        // Only an INVITE can be cancelled (RFC 3261 §9.1).
        Input::Cancel | Input::Timer(_) => return None,
        Input::TransportFailed => To::TransportFailed,
    })
}
