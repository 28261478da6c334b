//! A call that comes to us: provisional responses, the answer, CANCEL. (RFC 3261 §13.3)

use std::time::Duration;

use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::message::{Name, Request};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::body::{Body, describe};
use super::messages::Refusal;
use super::refresh::Terms;
use super::reliable::Unproven;
use super::{Event, Reliable, Session, Settings, State};

/// A proxy forgets an INVITE three minutes after the last provisional, and RFC 3261 §13.3.1.1 asks
/// for one each minute. Fifty seconds leave room for a lost one.
const PROGRESS_REPEAT: Duration = Duration::from_secs(50);

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) tx: ServerTx,
    pub(super) invite: Request,
    terms: Terms,
    /// The INVITE carried an offer; otherwise ours goes out in the first reliable response.
    pub(super) offered: bool,
    /// Our answer to it, the same text in 183 and 200.
    answer: Option<Vec<u8>>,
    /// Offer and answer are exchanged and proved by a PRACK: no response of this INVITE may carry a
    /// description any more (RFC 3261 §13.2.1).
    pub(super) settled: bool,
    /// This session's provisionals are sent reliably.
    reliable: bool,
    pub(super) next_rseq: u32,
    pub(super) unproven: Option<Unproven>,
    /// Wanted while a reliable provisional was still unproven: sent after its PRACK.
    pub(super) progress_wanted: Option<(u16, bool)>,
    pub(super) answer_wanted: bool,
    last_progress: Option<(u16, bool)>,
    repeat_at: Option<Mono>,
}

impl Incoming {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        [self.repeat_at, self.unproven.as_ref().map(Unproven::next_timeout)].into_iter().flatten().min()
    }
}

impl Session {
    /// Takes a new INVITE. None where it was turned away at once: 400 (unreadable contact or
    /// description), 415, 421, 422 or 488; the response is on its way.
    pub fn incoming(
        now: Mono,
        transactions: &mut Transactions,
        tx: ServerTx,
        flow: Flow,
        invite: Request,
        settings: Settings,
        local_tag: String,
    ) -> Option<Self> {
        let mut session = Self::new(flow, settings, local_tag, State::Ended);
        let (terms, answer) = match session.admit(&invite) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                session.refuse(now, transactions, tx, &invite, refusal);
                return None;
            }
        };
        let wanted = session.settings.reliable != Reliable::Off;
        let can = invite.headers.has_token(&Name::Supported, "100rel");
        let must = invite.headers.has_token(&Name::Require, "100rel");
        session.state = State::Incoming(Box::new(Incoming {
            tx,
            invite,
            terms,
            offered: answer.is_some(),
            answer,
            settled: false,
            reliable: must || (can && wanted),
            next_rseq: 1,
            unproven: None,
            progress_wanted: None,
            answer_wanted: false,
            last_progress: None,
            repeat_at: None,
        }));
        session.tell_agreed();
        Some(session)
    }

    /// What the INVITE must have before it becomes a call, and our answer to its offer.
    fn admit(&mut self, invite: &Request) -> Result<(Terms, Option<Vec<u8>>), Refusal> {
        let dialog = Dialog::from_request(invite, &self.local_tag);
        self.dialog = Some(dialog.map_err(|fault| Refusal::unreadable(&fault.to_string()))?);
        let knows_100rel = [Name::Supported, Name::Require].iter().any(|name| invite.headers.has_token(name, "100rel"));
        if self.settings.reliable == Reliable::Required && !knows_100rel {
            return Err(Refusal::without_100rel());
        }
        let terms = self.refresh.read(invite, self.settings.session_expires).ok_or_else(Refusal::too_brief)?;
        match Body::read(&invite.headers, &invite.body) {
            Body::Absent => Ok((terms, None)),
            Body::Foreign => Err(Refusal::foreign_body()),
            Body::Description(offer) => {
                let answer = self.media.answer(offer).map_err(|fault| Refusal::of_description(&fault))?;
                Ok((terms, Some(answer)))
            }
        }
    }

    /// 180 or 183; with our description where `media`. Reliably where the peer can and we want it.
    pub fn progress(&mut self, now: Mono, transactions: &mut Transactions, status: u16, media: bool) {
        let State::Incoming(incoming) = &mut self.state else { return };
        if incoming.unproven.is_some() {
            incoming.progress_wanted = Some((status, media));
            return;
        }
        incoming.last_progress = Some((status, media));
        incoming.repeat_at = Some(now + PROGRESS_REPEAT);
        let (tx, reliable) = (incoming.tx, incoming.reliable);
        let body = match (&incoming.answer, incoming.offered) {
            _ if incoming.settled => None,
            (answer, true) => answer.clone().filter(|_| media),
            // An offer of ours travels in the first reliable response, and in no other (RFC 3262 §5).
            (_, false) => reliable.then(|| self.media.offer()),
        };
        let State::Incoming(incoming) = &self.state else { return };
        let mut response = self.reply(&incoming.invite, status);
        if let Some(body) = body {
            describe(&mut response, body);
        }
        if reliable {
            self.send_reliably(now, transactions, response);
        } else {
            transactions.respond(now, tx, response);
        }
    }

    /// 200 OK. Waits for an outstanding PRACK, since the answer must not overtake the offer.
    pub fn answer(&mut self, now: Mono, transactions: &mut Transactions) {
        let State::Incoming(incoming) = &mut self.state else { return };
        if incoming.unproven.is_some() {
            incoming.answer_wanted = true;
            return;
        }
        let (tx, terms) = (incoming.tx, incoming.terms);
        let body = match incoming.answer.take() {
            _ if incoming.settled => None,
            Some(answer) => Some(answer),
            None => Some(self.media.offer()),
        };
        let State::Incoming(incoming) = &self.state else { return };
        let mut response = self.reply(&incoming.invite, 200);
        if let Some(body) = body {
            describe(&mut response, body);
        }
        self.state = State::Confirmed;
        self.refresh.grant(now, terms, &mut response);
        self.send_answer(now, transactions, tx, response, true);
    }

    /// A final failure, with one more header where the status asks for one (Retry-After).
    pub fn reject(&mut self, now: Mono, transactions: &mut Transactions, status: u16, header: Option<(Name, String)>) {
        let State::Incoming(incoming) = &self.state else { return };
        let (tx, mut response) = (incoming.tx, self.reply(&incoming.invite, status));
        if let Some((name, value)) = header {
            response.headers.push(name, value);
        }
        self.state = State::Ended;
        transactions.respond(now, tx, response);
    }

    /// CANCEL from the caller; the transaction layer has answered the CANCEL itself.
    pub fn on_cancel(&mut self, now: Mono, transactions: &mut Transactions) {
        self.caller_left(now, transactions, 487);
    }

    /// A response to the INVITE could not be sent. An unanswered one is over for us, and gets its final
    /// response all the same, which frees its transaction (RFC 6026 §7.1).
    pub fn on_server_failed(&mut self, now: Mono, transactions: &mut Transactions) {
        self.caller_left(now, transactions, 480);
    }

    pub(super) fn caller_left(&mut self, now: Mono, transactions: &mut Transactions, status: u16) {
        if matches!(self.state, State::Incoming(_)) {
            self.reject(now, transactions, status, None);
            self.events.push_back(Event::HungUp);
        }
    }

    pub(super) fn incoming_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        self.reliable_timeout(now, transactions);
        let State::Incoming(incoming) = &self.state else { return };
        if incoming.repeat_at.is_some_and(|at| now >= at)
            && let Some((status, media)) = incoming.last_progress
        {
            self.progress(now, transactions, status, media);
        }
    }
}
