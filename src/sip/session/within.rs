//! What the peer asks inside the dialog: BYE, re-INVITE, UPDATE, PRACK, INFO, OPTIONS; REFER has a file of its own. (RFC 3261 §12.2.2)

use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request};
use crate::sip::negotiation::Negotiation;
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::body::{Body, describe};
use super::messages::{Refusal, capabilities};
use super::{Event, Session, State};

impl Session {
    /// A request whose tags are this dialog's. Every one is answered here.
    pub fn on_request(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        tx: ServerTx,
        flow: Flow,
        request: &Request,
    ) {
        let Ok(cseq) = request.headers.cseq() else {
            return self.refuse(now, transactions, tx, request, 400);
        };
        // §12.2.2: a number that goes back is out of order.
        if self.talk(request).is_some_and(|(dialog, _)| !dialog.accept(cseq.number)) {
            return self.refuse(now, transactions, tx, request, Refusal::not_now());
        }
        // Through a NAT, and over a connection that was opened anew, the peer is where it speaks from.
        if flow.listener == self.flow.listener && (flow.transport.is_reliable() || !self.settings.follow_contact) {
            self.flow = flow;
        }
        if self.is_ended() && request.method != Method::Bye {
            return self.refuse(now, transactions, tx, request, 481);
        }
        match &request.method {
            Method::Bye => self.on_bye(now, transactions, tx, request),
            Method::Invite => self.on_reinvite(now, transactions, tx, request),
            Method::Update => self.on_update(now, transactions, tx, request),
            Method::Prack => self.on_prack(now, transactions, tx, request),
            Method::Info => {
                let response = self.reply(request, 200);
                transactions.respond(now, tx, response);
            }
            Method::Options => {
                let mut response = self.reply(request, 200);
                capabilities(&mut response);
                transactions.respond(now, tx, response);
            }
            Method::Ack | Method::Cancel => {}
            Method::Refer => self.on_refer(now, transactions, tx, cseq.number, request),
            Method::Register
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.refuse(now, transactions, tx, request, Refusal::method()),
        }
    }

    /// Whether a request with this Call-ID and From tag belongs here: to the dialog, or to an early one
    /// of the call that we are making.
    pub fn knows(&self, call_id: &str, remote_tag: Option<&str>) -> bool {
        match &self.dialog {
            Some(dialog) => dialog.call_id == call_id && dialog.matches(remote_tag),
            None => self.placed.as_ref().is_some_and(|placed| {
                remote_tag.and_then(|tag| placed.early.get(tag)).is_some_and(|early| early.dialog.call_id == call_id)
            }),
        }
    }

    /// The dialog that a request is part of, and the offers and answers in it.
    fn talk(&mut self, request: &Request) -> Option<(&mut Dialog, &mut Negotiation)> {
        if let Some(dialog) = &mut self.dialog {
            return Some((dialog, &mut self.media));
        }
        let from = request.headers.from().ok()?;
        let early = self.placed.as_mut()?.early.get_mut(from.tag()?)?;
        Some((&mut early.dialog, &mut early.media))
    }

    fn on_bye(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, bye: &Request) {
        let response = self.reply(bye, 200);
        transactions.respond(now, tx, response);
        match &self.state {
            // §15.1.2: a BYE before the answer ends the INVITE as CANCEL would.
            State::Incoming(_) => self.caller_left(now, transactions, 487),
            State::Confirmed => {
                self.end_confirmed(now, transactions);
                self.unacknowledged = None;
                self.events.push_back(Event::HungUp);
            }
            // A phone that was called may not end so what it has not answered (§15); its INVITE tells its end.
            State::Outgoing(_) => {}
            State::Ended => self.unacknowledged = None,
        }
    }

    fn on_reinvite(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, invite: &Request) {
        match &self.state {
            // §14.2: a second INVITE while the first has no final answer …
            State::Incoming(_) => return self.refuse(now, transactions, tx, invite, Refusal::not_now()),
            // … or while our own has none.
            State::Outgoing(_) => return self.refuse(now, transactions, tx, invite, 491),
            State::Confirmed => {}
            State::Ended => return self.refuse(now, transactions, tx, invite, 481),
        }
        if self.media.is_pending() {
            return self.refuse(now, transactions, tx, invite, 491);
        }
        let Some(terms) = self.refresh.read(invite, self.settings.session_expires) else {
            return self.refuse(now, transactions, tx, invite, Refusal::too_brief());
        };
        let body = match Body::read(&invite.headers, &invite.body) {
            Body::Absent => self.media.offer(),
            Body::Foreign => return self.refuse(now, transactions, tx, invite, Refusal::foreign_body()),
            Body::Description(offer) => match self.media.answer(offer) {
                Ok(answer) => answer,
                Err(fault) => {
                    return self.refuse(now, transactions, tx, invite, Refusal::of_description(&fault));
                }
            },
        };
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(invite.headers.contact());
        }
        let mut response = self.reply(invite, 200);
        describe(&mut response, body);
        self.refresh.grant(now, terms, &mut response);
        self.send_answer(now, transactions, tx, response, false);
        if !self.media.is_pending() {
            self.tell_agreed();
        }
    }

    /// RFC 3311 §5.2.
    fn on_update(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, update: &Request) {
        let terms = self.refresh.read(update, self.settings.session_expires);
        let terms = match (terms, self.is_confirmed()) {
            (None, true) => return self.refuse(now, transactions, tx, update, Refusal::too_brief()),
            (terms, confirmed) => terms.filter(|_| confirmed),
        };
        let unsettled = match &self.state {
            State::Incoming(incoming) => incoming.offered && !incoming.settled,
            State::Outgoing(_) | State::Confirmed | State::Ended => false,
        };
        let Some((dialog, media)) = self.talk(update) else {
            return self.refuse(now, transactions, tx, update, 481);
        };
        let answer = match Body::read(&update.headers, &update.body) {
            Body::Absent => Ok(None),
            Body::Foreign => Err(Refusal::foreign_body()),
            Body::Description(_) if media.is_pending() => Err(Refusal::from(491)),
            // The offer of the INVITE has had no answer yet that counts.
            Body::Description(_) if unsettled => Err(Refusal::not_now()),
            Body::Description(offer) => media.answer(offer).map(Some).map_err(|fault| Refusal::of_description(&fault)),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(refusal) => return self.refuse(now, transactions, tx, update, refusal),
        };
        dialog.refresh_target(update.headers.contact());
        let mut response = self.reply(update, 200);
        if let Some(answer) = answer {
            describe(&mut response, answer);
        }
        // Before the answer no session timer runs.
        if let Some(terms) = terms {
            self.refresh.grant(now, terms, &mut response);
        }
        transactions.respond(now, tx, response);
        self.tell_agreed();
    }
}
