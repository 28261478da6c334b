//! A call that comes to us: provisional responses, the answer, CANCEL. (RFC 3261 §13.3)

use std::time::Duration;

use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::message::{Name, Request};
use crate::sip::sdp::SdpFault;
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::reliable::Unproven;
use super::{Event, MIN_SE, Reliable, Session, Settings, State, describe, has_description};

/// A proxy forgets an INVITE three minutes after the last provisional, and RFC 3261 §13.3.1.1 asks
/// for one each minute. Fifty seconds leave room for a lost one.
const PROGRESS_REPEAT: Duration = Duration::from_secs(50);

#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) tx: ServerTx,
    pub(super) invite: Request,
    /// The INVITE carried an offer; otherwise ours goes out in the first reliable response.
    offered: bool,
    /// Our answer to it, the same text in 183 and 200.
    answer: Option<Vec<u8>>,
    /// This session's provisionals are sent reliably.
    pub(super) reliable: bool,
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
        let can = invite.headers.has_token(&Name::Supported, "100rel");
        let must = invite.headers.has_token(&Name::Require, "100rel");
        let wanted = settings.reliable;
        let offered = has_description(&invite.headers, &invite.body);
        let incoming = Incoming {
            tx,
            invite,
            offered,
            answer: None,
            reliable: must || (can && wanted != Reliable::Off),
            next_rseq: 1,
            unproven: None,
            progress_wanted: None,
            answer_wanted: false,
            last_progress: None,
            repeat_at: None,
        };
        let mut session = Self::new(flow, settings, local_tag, State::Ended);
        let (status, header) = match session.admit(&incoming, wanted == Reliable::Required && !can && !must) {
            Ok(answer) => {
                session.state = State::Incoming(Box::new(Incoming { answer, ..incoming }));
                session.tell_agreed();
                return Some(session);
            }
            Err(refusal) => refusal,
        };
        let mut response = session.reply(&incoming.invite, status);
        if let Some((name, value)) = header {
            response.headers.push(name, value);
        }
        transactions.respond(now, tx, response);
        None
    }

    /// What the INVITE must have before it becomes a call, and our answer to its offer.
    #[allow(clippy::type_complexity)] // (status, one header that explains it)
    fn admit(
        &mut self,
        incoming: &Incoming,
        lacks_100rel: bool,
    ) -> Result<Option<Vec<u8>>, (u16, Option<(Name, String)>)> {
        let invite = &incoming.invite;
        match Dialog::from_request(invite, &self.local_tag) {
            Ok(dialog) => self.dialog = Some(dialog),
            Err(fault) => return Err((400, Some((Name::Warning, warning(&fault.to_string()))))),
        }
        if lacks_100rel {
            return Err((421, Some((Name::Require, "100rel".to_string()))));
        }
        if !invite.body.is_empty() && !incoming.offered {
            return Err((415, Some((Name::Accept, "application/sdp".to_string()))));
        }
        if !self.refresh.admit(invite, self.settings.session_expires) {
            return Err((422, Some((Name::MinSe, MIN_SE.as_secs().to_string()))));
        }
        if !incoming.offered {
            return Ok(None);
        }
        self.media.answer(&invite.body).map(Some).map_err(|fault| refusal(&fault))
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
        // An offer of ours may only travel in a reliable response (RFC 3262 §5).
        let body = match &incoming.answer {
            Some(answer) if media => Some(answer.clone()),
            None if media && incoming.reliable && !incoming.offered => {
                let offer = self.media.offer();
                incoming.answer = Some(offer.clone());
                Some(offer)
            }
            Some(_) | None => None,
        };
        let (tx, reliable) = (incoming.tx, incoming.reliable);
        let invite = incoming.invite.clone();
        let mut response = self.reply(&invite, status);
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
        let (tx, invite) = (incoming.tx, incoming.invite.clone());
        let body = match incoming.answer.clone() {
            Some(answer) if incoming.offered => Some(answer),
            // Our offer was sent and answered in provisional and PRACK already.
            Some(_) => None,
            None => Some(self.media.offer()),
        };
        let mut response = self.reply(&invite, 200);
        if let Some(body) = body {
            describe(&mut response, body);
        }
        self.refresh.grant(now, &mut response);
        self.state = State::Confirmed;
        transactions.respond(now, tx, response.clone());
        self.expect_ack(now, tx, response);
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
        if matches!(self.state, State::Incoming(_)) {
            self.reject(now, transactions, 487, None);
            self.events.push_back(Event::HungUp);
        }
    }

    /// The INVITE's transaction is gone before it was answered (transport failed).
    pub fn on_server_failed(&mut self) {
        if matches!(self.state, State::Incoming(_)) {
            self.state = State::Ended;
            self.events.push_back(Event::HungUp);
        }
    }

    pub(super) fn incoming_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        self.reliable_timeout(now, transactions);
        let State::Incoming(incoming) = &mut self.state else { return };
        if incoming.repeat_at.is_some_and(|at| now >= at)
            && let Some((status, media)) = incoming.last_progress
        {
            self.progress(now, transactions, status, media);
        }
    }
}

/// The status for a description that we cannot take.
pub(super) fn refusal(fault: &SdpFault) -> (u16, Option<(Name, String)>) {
    let status = if matches!(fault, SdpFault::Syntax(_)) { 400 } else { 488 };
    (status, Some((Name::Warning, warning(&fault.to_string()))))
}

/// `Warning: 399 hotline "reason"` (RFC 3261 §20.43).
fn warning(reason: &str) -> String {
    format!("399 hotline \"{}\"", reason.replace(['"', '\\'], "'"))
}
