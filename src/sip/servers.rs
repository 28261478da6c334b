//! The server transactions: what a request that arrives starts, and what their machines ask for.

use std::time::Duration;

use super::flow::Flow;
use super::key::{MergeKey, ServerKey};
use super::message::{Fault, Method, Name, Request, Response};
use super::return_path::{self, Back};
use super::timers::Timer;
use super::transactions::{Event, Owner, ServerTx, Transactions};
use super::{invite_server, request_server};
use crate::time::Mono;

/// What a server machine asks for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The response at hand, else the last one again.
    Send,
    TellAck,
    TellTimedOut,
    TellFailed,
    Start(Timer),
    /// The timer once more, at its next interval.
    Again(Timer),
    Stop(Timer),
}

/// One of the two server machines, in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    Invite(invite_server::State),
    Request(request_server::State),
}

impl ServerState {
    fn is_terminated(self) -> bool {
        match self {
            Self::Invite(state) => state == invite_server::State::Terminated,
            Self::Request(state) => state == request_server::State::Terminated,
        }
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) state: ServerState,
    key: ServerKey,
    merge: Option<MergeKey>,
    back: Back,
    last_response: Vec<u8>,
    to_tag: Option<String>,
    retransmit_after: Duration,
    /// Answered by the transaction layer itself (CANCEL, a merged request); the user has never seen it.
    inside: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    /// The request once more.
    Again,
    Ack,
    Provisional,
    Success,
    Failure,
    Timer(Timer),
    TransportFailed,
}

/// The message that came with an input.
pub(super) enum Given {
    Nothing,
    Response { bytes: Vec<u8>, to_tag: Option<String> },
    Ack { flow: Flow, request: Request },
}

impl Transactions {
    pub(super) fn receive_request(&mut self, now: Mono, flow: Flow, mut request: Request) {
        let Ok(via) = request.headers.via() else {
            self.counters.unanswerable += 1;
            return;
        };
        let key = request.check().and_then(|()| ServerKey::of(&request, &via));
        let back = return_path::stamp(&mut request, via, flow);
        let key = match key {
            Ok(key) => key,
            Err(fault) => return self.refuse_fault(back, &request, &fault),
        };
        let known = self.servers_by_key.get(&key).copied();
        match (&request.method, known) {
            (Method::Ack, _) => self.receive_ack(now, flow, known, request),
            (_, Some(tx)) => self.drive_server(now, tx, Input::Again, Given::Nothing),
            (Method::Cancel, None) => self.receive_cancel(now, back, key, request),
            (_, None) => self.receive_new(now, flow, back, key, request),
        }
    }

    fn receive_ack(&mut self, now: Mono, flow: Flow, invite: Option<ServerTx>, request: Request) {
        let invite = invite.filter(|tx| {
            // RFC 3261 §17.2.3: by the older rules the To tag must be that of the response.
            self.servers.get(tx).is_some_and(|server| {
                !server.key.is_rfc2543() || request.headers.to().is_ok_and(|to| to.tag() == server.to_tag.as_deref())
            })
        });
        match invite {
            Some(tx) => self.drive_server(now, tx, Input::Ack, Given::Ack { flow, request }),
            None => self.tell(Event::Ack { flow, request }),
        }
    }

    /// RFC 3261 §9.2. The user hears of it only while the INVITE is unanswered.
    fn receive_cancel(&mut self, now: Mono, back: Back, key: ServerKey, request: Request) {
        let Some(&invite) = self.servers_by_key.get(&key.of_cancelled()) else {
            return self.answer_inside(now, back, key, &request, 481);
        };
        let tag = self.servers.get(&invite).and_then(|server| server.to_tag.clone());
        let tag = tag.unwrap_or_else(|| self.tokens.tag(&request));
        let mut response = request.respond(200);
        add_to_tag(&mut response, &tag);
        let tx = self.open_server(now, back, key, None, &request, true);
        self.respond(now, tx, response);
        let proceeding = ServerState::Invite(invite_server::State::Proceeding);
        let unanswered = self.servers.get(&invite).is_some_and(|server| server.state == proceeding);
        if unanswered {
            self.tell(Event::Cancel { invite, request });
        }
    }

    fn receive_new(&mut self, now: Mono, flow: Flow, back: Back, key: ServerKey, request: Request) {
        let merge = MergeKey::of(&request);
        if merge.as_ref().is_some_and(|merge| self.servers_by_merge.contains_key(merge)) {
            return self.answer_inside(now, back, key, &request, 482);
        }
        if !self.has_room(&request) {
            self.counters.over_limit += 1;
            return self.refuse(back, &request, request.respond(503));
        }
        let tx = self.open_server(now, back, key, merge, &request, false);
        self.tell(Event::Request { tx, flow, request });
    }

    /// Requests of a dialog have a quarter more room, so that calls can still be ended and held in a flood of new ones.
    fn has_room(&self, request: &Request) -> bool {
        let in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
        let limit = if in_dialog { self.limit.saturating_add(self.limit / 4) } else { self.limit };
        self.servers.len() < limit
    }

    /// Answers from the transaction layer; statelessly where there is no room.
    fn answer_inside(&mut self, now: Mono, back: Back, key: ServerKey, request: &Request, status: u16) {
        let mut response = request.respond(status);
        if !self.has_room(request) {
            return self.refuse(back, request, response);
        }
        add_to_tag(&mut response, &self.tokens.tag(request));
        let tx = self.open_server(now, back, key, None, request, true);
        self.respond(now, tx, response);
    }

    pub(super) fn refuse_fault(&mut self, back: Back, request: &Request, fault: &Fault) {
        self.counters.malformed += 1;
        let response = if *fault == Fault::Version {
            request.respond(505)
        } else {
            request.respond_because(400, &format!("Bad Request: {fault}"))
        };
        self.refuse(back, request, response);
    }

    /// Answers without a transaction; an ACK is never answered.
    fn refuse(&mut self, back: Back, request: &Request, mut response: Response) {
        if request.method == Method::Ack {
            return;
        }
        add_to_tag(&mut response, &self.tokens.tag(request));
        self.send(back.flow, response.to_bytes());
    }

    fn open_server(
        &mut self,
        now: Mono,
        back: Back,
        key: ServerKey,
        merge: Option<MergeKey>,
        request: &Request,
        inside: bool,
    ) -> ServerTx {
        let tx = ServerTx(self.next_handle());
        let (state, acts, last_response) = if request.method == Method::Invite {
            let (state, acts) = invite_server::START;
            let trying = if inside { Vec::new() } else { request.respond(100).to_bytes() };
            (ServerState::Invite(state), acts, trying)
        } else {
            let (state, acts) = request_server::START;
            (ServerState::Request(state), acts, Vec::new())
        };
        self.servers_by_key.insert(key.clone(), tx);
        if let Some(merge) = &merge {
            self.servers_by_merge.insert(merge.clone(), tx);
        }
        let retransmit_after = Duration::ZERO;
        let server = Server { state, key, merge, back, last_response, to_tag: None, retransmit_after, inside };
        self.note_flow(back.flow, Owner::Server(tx));
        self.servers.insert(tx, server);
        self.run_server(now, tx, acts, Given::Nothing);
        tx
    }

    /// The connection along which the responses were to go has ended, which alone is no failure: the next
    /// one opens another (RFC 3261 §18.2.2). A second end is one.
    pub(super) fn way_back_ended(&mut self, now: Mono, tx: ServerTx) {
        let Some(server) = self.servers.get_mut(&tx) else { return };
        let Some(anew) = server.back.anew.take() else {
            return self.drive_server(now, tx, Input::TransportFailed, Given::Nothing);
        };
        let ended = std::mem::replace(&mut server.back.flow, anew);
        self.forget_flow(ended, Owner::Server(tx));
        self.note_flow(anew, Owner::Server(tx));
    }

    pub(super) fn drive_server(&mut self, now: Mono, tx: ServerTx, input: Input, given: Given) {
        let Some(server) = self.servers.get_mut(&tx) else { return };
        let (state, acts) = match server.state {
            ServerState::Invite(state) => {
                let Some(input) = invite_input(input) else { return };
                let (state, acts) = invite_server::step(state, input);
                (ServerState::Invite(state), acts)
            }
            ServerState::Request(state) => {
                let Some(input) = request_input(input) else { return };
                let (state, acts) = request_server::step(state, input);
                (ServerState::Request(state), acts)
            }
        };
        server.state = state;
        self.run_server(now, tx, acts, given);
    }

    fn run_server(&mut self, now: Mono, tx: ServerTx, acts: &[Act], mut given: Given) {
        let owner = Owner::Server(tx);
        let mut over = None;
        for &act in acts {
            let Some(server) = self.servers.get_mut(&tx) else { return };
            let inside = server.inside;
            match act {
                Act::Send => {
                    let bytes = match std::mem::replace(&mut given, Given::Nothing) {
                        Given::Response { bytes, to_tag } => {
                            server.to_tag = to_tag;
                            // A 2xx to an INVITE is repeated by the user alone: no need to keep it.
                            let accepted = server.state == ServerState::Invite(invite_server::State::Accepted);
                            server.last_response = if accepted { Vec::new() } else { bytes.clone() };
                            bytes
                        }
                        Given::Nothing | Given::Ack { .. } => server.last_response.clone(),
                    };
                    let flow = server.back.flow;
                    if !bytes.is_empty() {
                        self.send(flow, bytes);
                    }
                }
                Act::TellAck => {
                    if let Given::Ack { flow, request } = std::mem::replace(&mut given, Given::Nothing) {
                        self.tell(Event::Ack { flow, request });
                    }
                }
                Act::TellTimedOut if inside => {}
                Act::TellTimedOut => self.tell(Event::ServerTimedOut { tx }),
                Act::TellFailed if inside => {}
                Act::TellFailed => self.tell(Event::ServerFailed { tx }),
                Act::Start(timer) => match self.timers.first(timer, server.back.flow.transport) {
                    None => {}
                    Some(Duration::ZERO) => over = Some(timer),
                    Some(after) => {
                        if timer == Timer::G {
                            server.retransmit_after = after;
                        }
                        self.clock.start(owner, timer, now + after);
                    }
                },
                Act::Again(timer) => {
                    server.retransmit_after = self.timers.next(timer, server.retransmit_after);
                    self.clock.start(owner, timer, now + server.retransmit_after);
                }
                Act::Stop(timer) => self.clock.stop(owner, timer),
            }
        }
        if let Some(timer) = over {
            self.drive_server(now, tx, Input::Timer(timer), Given::Nothing);
        }
        self.bury_server(tx);
    }

    fn bury_server(&mut self, tx: ServerTx) {
        if !self.servers.get(&tx).is_some_and(|server| server.state.is_terminated()) {
            return;
        }
        self.clock.stop_all(Owner::Server(tx));
        if let Some(server) = self.servers.remove(&tx) {
            self.servers_by_key.remove(&server.key);
            self.forget_flow(server.back.flow, Owner::Server(tx));
            if let Some(merge) = &server.merge {
                self.servers_by_merge.remove(merge);
            }
        }
    }
}

/// Appended to the bytes that came, so that a display name in any charset goes back unchanged.
fn add_to_tag(response: &mut Response, tag: &str) {
    if !response.headers.to().is_ok_and(|to| to.tag().is_none()) {
        return;
    }
    if let Some(to) = response.headers.get(&Name::To) {
        let mut to = to.to_vec();
        to.extend_from_slice(b";tag=");
        to.extend_from_slice(tag.as_bytes());
        response.headers.set(Name::To, to);
    }
}

fn invite_input(input: Input) -> Option<invite_server::Input> {
    use invite_server::Input as To;
    Some(match input {
        Input::Again => To::Invite,
        Input::Ack => To::Ack,
        Input::Provisional => To::Provisional,
        Input::Success => To::Success,
        Input::Failure => To::Failure,
        Input::Timer(Timer::G) => To::TimerG,
        Input::Timer(Timer::H) => To::TimerH,
        Input::Timer(Timer::I) => To::TimerI,
        Input::Timer(Timer::L) => To::TimerL,
        Input::Timer(_) => return None,
        Input::TransportFailed => To::TransportFailed,
    })
}

fn request_input(input: Input) -> Option<request_server::Input> {
    use request_server::Input as To;
    Some(match input {
        Input::Again => To::Request,
        Input::Provisional => To::Provisional,
        Input::Success | Input::Failure => To::Final,
        Input::Timer(Timer::J) => To::TimerJ,
        Input::Timer(Timer::TooLate) => To::TimerTooLate,
        Input::Ack | Input::Timer(_) => return None,
        Input::TransportFailed => To::TransportFailed,
    })
}
