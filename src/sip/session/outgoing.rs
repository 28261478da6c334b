//! A call that we make: progress, the answer, forks, CANCEL. (RFC 3261 §13.2)

use std::collections::BTreeMap;

use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::message::{CSeq, Method, Name, Request, Response};
use crate::sip::transactions::{ClientTx, Transactions};
use crate::time::Mono;

use super::reliable::rseq;
use super::{Asked, Event, Session, Settings, State, has_description};

/// What the first INVITE of a session says beside the leg's settings.
#[derive(Clone, Debug)]
pub struct Place {
    pub call_id: String,
    pub local_tag: String,
    /// Request-URI.
    pub target: String,
    /// From without tag, and To, as header values.
    pub from: Vec<u8>,
    pub to: Vec<u8>,
    /// Further headers: P-Asserted-Identity, Diversion, Route …
    pub extra: Vec<(Name, Vec<u8>)>,
}

/// The INVITE that is out, kept after the answer for forks and repeated answers.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) tx: ClientTx,
    invite: Request,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    /// One early dialog per To tag: a forked INVITE rings at several phones.
    early: BTreeMap<String, Early>,
    pub(super) cancelled: bool,
}

#[derive(Debug)]
struct Early {
    dialog: Dialog,
    last_rseq: Option<u32>,
    /// The answer that came in a reliable provisional: the 200 need not repeat it.
    description: Option<Vec<u8>>,
}

impl Session {
    /// Sends the INVITE with our offer.
    pub fn outgoing(
        now: Mono,
        transactions: &mut Transactions,
        flow: Flow,
        place: Place,
        settings: Settings,
    ) -> (Self, ClientTx) {
        let state = State::Outgoing(Box::new(Outgoing { early: BTreeMap::new(), cancelled: false }));
        let mut session = Self::new(flow, settings, place.local_tag, state);
        session.refresh.propose(session.settings.session_expires);
        let mut invite = Request::new(Method::Invite, place.target);
        invite.headers.push(Name::MaxForwards, "70");
        invite.headers.push(Name::From, super::with_tag(&place.from, &session.local_tag));
        invite.headers.push(Name::To, place.to);
        invite.headers.push(Name::CallId, place.call_id);
        invite.headers.push(Name::CSeq, "1 INVITE");
        for (name, value) in place.extra {
            invite.headers.push(name, value);
        }
        session.sign(&mut invite, true);
        session.refresh.write(&mut invite);
        invite.headers.push(Name::ContentType, "application/sdp");
        invite.body = session.media.offer();
        let tx = session.send_invite(now, transactions, invite);
        (session, tx)
    }

    /// Repeats a challenged INVITE with credentials (RFC 3261 §22.2): a new transaction, the next CSeq.
    pub fn authorize(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        credentials: (Name, String),
    ) -> Option<ClientTx> {
        let mut invite = self.placed.as_ref().filter(|_| matches!(self.state, State::Outgoing(_)))?.invite.clone();
        invite.headers.set(credentials.0, credentials.1);
        Some(self.send_next_invite(now, transactions, invite))
    }

    /// The INVITE's Request-URI, which a digest response signs.
    pub fn target(&self) -> Option<&str> {
        self.placed.as_ref().map(|placed| placed.invite.uri.as_str())
    }

    /// The transaction of the INVITE that is out: changes with `authorize` and after a 422.
    pub fn invite_tx(&self) -> Option<ClientTx> {
        self.placed.as_ref().map(|placed| placed.tx)
    }

    fn send_next_invite(&mut self, now: Mono, transactions: &mut Transactions, mut invite: Request) -> ClientTx {
        let number = invite.headers.cseq().map_or(1, |seq| seq.number).wrapping_add(1);
        invite.headers.set(Name::CSeq, CSeq { number, method: Method::Invite }.to_string());
        self.send_invite(now, transactions, invite)
    }

    fn send_invite(&mut self, now: Mono, transactions: &mut Transactions, invite: Request) -> ClientTx {
        let tx = transactions.request(now, self.flow, &self.settings.sent_by, invite.clone());
        self.placed = Some(Placed { tx, invite });
        self.begun.push(tx);
        tx
    }

    pub(super) fn on_invite_response(&mut self, now: Mono, transactions: &mut Transactions, response: Response) {
        if response.is_provisional() {
            self.on_progress(now, transactions, &response);
        } else if response.is_success() {
            self.on_answer(now, transactions, &response);
        } else {
            self.on_refusal(now, transactions, response);
        }
    }

    pub(super) fn on_invite_failed(&mut self, status: u16) {
        if matches!(self.state, State::Outgoing(_)) {
            self.state = State::Ended;
            self.events.push_back(Event::Failed { status });
        }
    }

    fn on_progress(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let State::Outgoing(outgoing) = &mut self.state else { return };
        if response.status == 100 {
            return;
        }
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_string));
        if let (Some(tag), Some(placed)) = (tag, &self.placed) {
            let mut early = match outgoing.early.remove(&tag) {
                Some(early) => early,
                None => match Dialog::from_response(&placed.invite, response) {
                    Ok(dialog) => Early { dialog, last_rseq: None, description: None },
                    Err(_) => return,
                },
            };
            // §4: in order and once; a repeated or overtaking one is not acknowledged.
            let number = rseq(response);
            let fresh = number.is_some_and(|number| early.last_rseq.is_none_or(|last| number == last.wrapping_add(1)));
            if fresh {
                early.last_rseq = number;
                if has_description(&response.headers, &response.body) && early.description.is_none() {
                    early.description = Some(response.body.clone());
                }
                self.send_prack(now, transactions, &mut early.dialog, response);
            }
            if let State::Outgoing(outgoing) = &mut self.state {
                outgoing.early.insert(tag, early);
            }
        }
        self.events.push_back(Event::Ringing);
    }

    fn on_answer(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_string)).unwrap_or_default();
        let cancelled = match &mut self.state {
            State::Outgoing(outgoing) => outgoing.cancelled,
            State::Confirmed | State::Ended => {
                return if self.dialog.as_ref().is_some_and(|dialog| dialog.remote_tag == tag) {
                    self.acknowledge_again(now, transactions);
                } else {
                    self.release_fork(now, transactions, response);
                };
            }
            State::Incoming(_) => return,
        };
        if cancelled {
            self.state = State::Ended;
            self.release_fork(now, transactions, response);
            self.events.push_back(Event::Failed { status: 487 });
            return;
        }
        let Some(mut dialog) =
            self.placed.as_ref().and_then(|placed| Dialog::from_response(&placed.invite, response).ok())
        else {
            return self.on_invite_failed(500);
        };
        let early = match &mut self.state {
            State::Outgoing(outgoing) => outgoing.early.remove(&tag),
            State::Incoming(_) | State::Confirmed | State::Ended => None,
        };
        if let Some(early) = &early {
            dialog.local_cseq = early.dialog.local_cseq;
        }
        self.dialog = Some(dialog);
        self.state = State::Confirmed;
        self.acknowledge(now, transactions, response);
        let description = if has_description(&response.headers, &response.body) {
            Some(response.body.clone())
        } else {
            early.and_then(|early| early.description)
        };
        let agreed = description.is_some_and(|body| self.media.take_answer(&body).is_ok());
        if !agreed {
            // §13.2.2.4: acknowledge, then end what cannot be talked over.
            self.bye(now, transactions);
            self.state = State::Ended;
            self.events.push_back(Event::Failed { status: 488 });
            return;
        }
        self.refresh.accept(now, response);
        self.tell_agreed();
        self.events.push_back(Event::Answered);
    }

    fn on_refusal(&mut self, now: Mono, transactions: &mut Transactions, response: Response) {
        let State::Outgoing(outgoing) = &self.state else { return };
        match response.status {
            401 | 407 if !outgoing.cancelled => {
                self.events.push_back(Event::Challenged { response: Box::new(response) });
            }
            422 if !outgoing.cancelled => {
                self.refresh.raise(&response);
                if let Some(mut invite) = self.placed.as_ref().map(|placed| placed.invite.clone()) {
                    invite.headers.remove(&Name::SessionExpires);
                    invite.headers.remove(&Name::MinSe);
                    self.refresh.write(&mut invite);
                    self.send_next_invite(now, transactions, invite);
                }
            }
            status => self.on_invite_failed(status),
        }
    }

    /// ACK for a 2xx of our INVITE or re-INVITE, kept to be sent again.
    pub(super) fn acknowledge(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let Ok(cseq) = response.headers.cseq() else { return };
        let flow = self.hop();
        let Some(dialog) = &mut self.dialog else { return };
        let mut ack = dialog.request(Method::Ack, Some(cseq.number));
        for name in [Name::Authorization, Name::ProxyAuthorization] {
            // §22.1: an ACK carries the credentials of its INVITE.
            if let Some(value) = self.placed.as_ref().and_then(|placed| placed.invite.headers.get(&name)) {
                ack.headers.push(name, value.to_vec());
            }
        }
        self.ack = Some(ack.clone());
        transactions.send_ack(now, flow, &self.settings.sent_by, ack);
    }

    fn acknowledge_again(&mut self, now: Mono, transactions: &mut Transactions) {
        if let Some(ack) = self.ack.clone() {
            transactions.send_ack(now, self.hop(), &self.settings.sent_by, ack);
        }
    }

    /// Another phone of a forked INVITE answered too, or answered after our CANCEL: ACK and BYE.
    fn release_fork(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let Some(mut fork) =
            self.placed.as_ref().and_then(|placed| Dialog::from_response(&placed.invite, response).ok())
        else {
            return;
        };
        let Ok(cseq) = response.headers.cseq() else { return };
        let flow = self.hop_of(Some(&fork));
        let ack = fork.request(Method::Ack, Some(cseq.number));
        transactions.send_ack(now, flow, &self.settings.sent_by, ack);
        let bye = fork.request(Method::Bye, None);
        let tx = transactions.request(now, flow, &self.settings.sent_by, bye);
        self.expect(tx, Asked::Bye);
    }
}
