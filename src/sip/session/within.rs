//! What the peer asks inside the dialog: BYE, re-INVITE, UPDATE, PRACK, INFO, OPTIONS. (RFC 3261 §12.2.2)

use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::incoming::refusal;
use super::{ALLOW, Event, MIN_SE, Session, State, describe, has_description};

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
        let in_order = match (request.headers.cseq(), &mut self.dialog) {
            (Ok(cseq), Some(dialog)) => dialog.accept(cseq.number),
            (Ok(_), None) => true,
            (Err(_), _) => false,
        };
        if !in_order {
            return self.refuse(now, transactions, tx, request, 500);
        }
        if !self.settings.follow_contact {
            self.flow = flow;
        }
        match &request.method {
            Method::Bye => self.on_bye(now, transactions, tx, request),
            Method::Invite => self.on_reinvite(now, transactions, tx, request),
            Method::Update => self.on_update(now, transactions, tx, request),
            Method::Prack => self.on_prack(now, transactions, tx, request),
            Method::Info | Method::Options => {
                let mut response = self.reply(request, 200);
                response.headers.push(Name::Allow, ALLOW);
                transactions.respond(now, tx, response);
            }
            Method::Ack | Method::Cancel => {}
            Method::Register
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let mut response = self.reply(request, 405);
                response.headers.push(Name::Allow, ALLOW);
                transactions.respond(now, tx, response);
            }
        }
    }

    fn on_bye(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, bye: &Request) {
        let response = self.reply(bye, 200);
        transactions.respond(now, tx, response);
        match &self.state {
            State::Incoming(_) => {
                // §15.1.2: a BYE before the answer ends the INVITE as CANCEL would.
                self.reject(now, transactions, 487, None);
                self.events.push_back(Event::HungUp);
            }
            State::Confirmed => {
                self.unacknowledged = None;
                self.state = State::Ended;
                self.events.push_back(Event::HungUp);
            }
            State::Outgoing(_) | State::Ended => {}
        }
    }

    fn on_reinvite(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, invite: &Request) {
        match &self.state {
            State::Confirmed => {}
            // §14.2: a second INVITE while the first has no final answer.
            State::Incoming(_) | State::Outgoing(_) => return self.refuse(now, transactions, tx, invite, 500),
            State::Ended => return self.refuse(now, transactions, tx, invite, 481),
        }
        if self.media.is_pending() {
            return self.refuse(now, transactions, tx, invite, 491);
        }
        if !self.admit_refresh(now, transactions, tx, invite) {
            return;
        }
        let body = if has_description(&invite.headers, &invite.body) {
            match self.media.answer(&invite.body) {
                Ok(body) => body,
                Err(fault) => {
                    let (status, header) = refusal(&fault);
                    let mut response = self.reply(invite, status);
                    if let Some((name, value)) = header {
                        response.headers.push(name, value);
                    }
                    return transactions.respond(now, tx, response);
                }
            }
        } else {
            self.media.offer()
        };
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(invite.headers.contact());
        }
        let mut response = self.reply(invite, 200);
        describe(&mut response, body);
        self.refresh.grant(now, &mut response);
        transactions.respond(now, tx, response.clone());
        self.expect_ack(now, tx, response);
        if !self.media.is_pending() {
            self.tell_agreed();
        }
    }

    /// RFC 3311 §5.2.
    fn on_update(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, update: &Request) {
        if self.is_ended() {
            return self.refuse(now, transactions, tx, update, 481);
        }
        let offers = has_description(&update.headers, &update.body);
        if offers && self.media.is_pending() {
            return self.refuse(now, transactions, tx, update, 491);
        }
        if !self.admit_refresh(now, transactions, tx, update) {
            return;
        }
        let mut response = self.reply(update, 200);
        if offers {
            match self.media.answer(&update.body) {
                Ok(body) => describe(&mut response, body),
                Err(fault) => return self.refuse(now, transactions, tx, update, refusal(&fault).0),
            }
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(update.headers.contact());
        }
        self.refresh.grant(now, &mut response);
        transactions.respond(now, tx, response);
        self.tell_agreed();
    }

    /// Reads the session interval of a re-INVITE or UPDATE; answers 422 where it is too small.
    fn admit_refresh(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, request: &Request) -> bool {
        let ours = self.settings.session_expires;
        if self.refresh.admit(request, ours) {
            return true;
        }
        let mut response = self.reply(request, 422);
        response.headers.push(Name::MinSe, MIN_SE.as_secs().to_string());
        transactions.respond(now, tx, response);
        false
    }

    fn refuse(&self, now: Mono, transactions: &mut Transactions, tx: ServerTx, request: &Request, status: u16) {
        let mut response = self.reply(request, status);
        if status == 500 {
            response.headers.push(Name::RetryAfter, "3");
        }
        transactions.respond(now, tx, response);
    }
}
