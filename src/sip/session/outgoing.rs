//! A call that we make: the INVITE, its refusals and credentials, CANCEL. (RFC 3261 §13.2)
//!
//! What its forks say, early and in the end, is in `forks`.

use std::collections::BTreeMap;

use crate::sip::dialog::with_tag;
use crate::sip::flow::Flow;
use crate::sip::message::{CSeq, Method, Name, Request, Response};
use crate::sip::transactions::{ClientTx, Transactions};
use crate::time::Mono;

use super::forks::Early;
use super::{Event, Session, Settings, State};

/// The first INVITE, and how often it may be sent again with credentials or a longer session
/// interval. A peer that is never content must not keep us busy.
const ATTEMPTS: u32 = 5;

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
    pub(super) invite: Request,
    /// Its forerunners, which were challenged: an answer to one of them is released.
    pub(super) earlier: Vec<ClientTx>,
    /// One early dialog per To tag: a forked INVITE rings at several phones.
    pub(super) early: BTreeMap<String, Early>,
    /// The ACK of each To tag that answered, sent again for each repeated 2xx.
    pub(super) acks: BTreeMap<String, (Flow, Request)>,
}

/// What became of our INVITE so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calling {
    /// No final response yet.
    Waiting,
    /// We no longer want an answer.
    Cancelled,
    /// Refused with this status until there are credentials.
    Challenged(u16),
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
        let mut session = Self::new(flow, settings, place.local_tag, State::Outgoing(Calling::Waiting));
        session.refresh.propose(session.settings.session_expires);
        let mut invite = Request::new(Method::Invite, place.target);
        invite.headers.push(Name::MaxForwards, "70");
        invite.headers.push(Name::From, with_tag(&place.from, &session.local_tag));
        invite.headers.push(Name::To, place.to);
        invite.headers.push(Name::CallId, place.call_id);
        invite.headers.push(Name::CSeq, "1 INVITE");
        for (name, value) in place.extra {
            invite.headers.push(name, value);
        }
        session.settings.sign(&mut invite);
        session.refresh.write(&mut invite);
        invite.headers.push(Name::ContentType, "application/sdp");
        invite.body = session.media.offer();
        let tx = session.send_invite(now, transactions, invite);
        (session, tx)
    }

    /// Repeats a challenged INVITE with credentials (RFC 3261 §22.2): a new transaction, the next CSeq.
    /// None where no challenge is open.
    pub fn authorize(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        credentials: (Name, impl Into<Vec<u8>>),
    ) -> Option<ClientTx> {
        if !matches!(self.state, State::Outgoing(Calling::Challenged(_))) {
            return None;
        }
        let placed = self.placed.as_mut()?;
        placed.invite.headers.set(credentials.0, credentials.1);
        self.state = State::Outgoing(Calling::Waiting);
        self.send_invite_again(now, transactions)
    }

    /// The INVITE's Request-URI, which a digest response signs.
    pub fn target(&self) -> Option<&str> {
        self.placed.as_ref().map(|placed| placed.invite.uri.as_str())
    }

    /// The transaction of the INVITE that is out: changes with `authorize` and after a 422.
    pub fn invite_tx(&self) -> Option<ClientTx> {
        self.placed.as_ref().map(|placed| placed.tx)
    }

    /// Gives up a call that is not answered. The end comes as `Failed`: with the next final response,
    /// or at once where the INVITE is over and only credentials were missing.
    pub(super) fn cancel(&mut self, now: Mono, transactions: &mut Transactions, calling: Calling) {
        match calling {
            Calling::Waiting => {
                self.state = State::Outgoing(Calling::Cancelled);
                if let Some(placed) = &self.placed {
                    transactions.cancel(now, placed.tx);
                }
            }
            Calling::Challenged(status) => self.fail(status),
            Calling::Cancelled => {}
        }
    }

    pub(super) fn fail(&mut self, status: u16) {
        if matches!(self.state, State::Outgoing(_)) {
            self.state = State::Ended;
            self.events.push_back(Event::Failed { status });
        }
    }

    /// The INVITE got no final response, or could not be sent.
    pub(super) fn on_invite_silent(&mut self) {
        match self.state {
            State::Outgoing(Calling::Waiting) => self.fail(408),
            State::Outgoing(Calling::Cancelled) => self.fail(487),
            // Its end has been told; the ACK could not be sent, which is nobody's concern.
            State::Outgoing(Calling::Challenged(_)) => {}
            State::Incoming(_) | State::Confirmed | State::Ended => {}
        }
    }

    pub(super) fn on_refusal(&mut self, now: Mono, transactions: &mut Transactions, response: Response) {
        let State::Outgoing(calling) = self.state else { return };
        let attempts = self.placed.as_ref().and_then(|placed| placed.invite.headers.cseq().ok());
        let may_repeat = attempts.is_some_and(|cseq| cseq.number < ATTEMPTS);
        match (calling, response.status) {
            (Calling::Cancelled, 401 | 407 | 422) => self.fail(487),
            (Calling::Waiting, status @ (401 | 407)) if may_repeat => {
                self.state = State::Outgoing(Calling::Challenged(status));
                self.events.push_back(Event::Challenged { response: Box::new(response) });
            }
            (Calling::Waiting, 422) if may_repeat && self.refresh.raise(&response) => {
                if let Some(placed) = &mut self.placed {
                    self.refresh.write(&mut placed.invite);
                }
                self.send_invite_again(now, transactions);
            }
            (Calling::Waiting | Calling::Cancelled, status) => self.fail(status),
            (Calling::Challenged(_), _) => {}
        }
    }

    /// Early dialogs of the refused INVITE are gone with it.
    fn send_invite_again(&mut self, now: Mono, transactions: &mut Transactions) -> Option<ClientTx> {
        let Placed { tx, mut invite, mut earlier, acks, early: _ } = self.placed.take()?;
        earlier.push(tx);
        let number = invite.headers.cseq().map_or(1, |seq| seq.number).wrapping_add(1);
        invite.headers.set(Name::CSeq, CSeq { number, method: Method::Invite }.to_string());
        let tx = self.send_invite(now, transactions, invite);
        if let Some(placed) = &mut self.placed {
            (placed.earlier, placed.acks) = (earlier, acks);
        }
        Some(tx)
    }

    fn send_invite(&mut self, now: Mono, transactions: &mut Transactions, invite: Request) -> ClientTx {
        let tx = transactions.request(now, self.flow, &self.settings.sent_by, invite.clone());
        let (earlier, early, acks) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        self.placed = Some(Placed { tx, invite, earlier, early, acks });
        self.begun.push(tx);
        tx
    }
}
