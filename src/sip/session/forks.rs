//! What the forks of our INVITE say: reliable provisionals, several answers, answers that are no longer
//! wanted. (RFC 3261 §13.2.2, RFC 3262 §4)

use crate::sip::dialog::Dialog;
use crate::sip::digest::Answerer;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::negotiation::Negotiation;
use crate::sip::sdp::Agreed;
use crate::sip::transactions::{ClientTx, Transactions};
use crate::time::Mono;

use super::body::Body;
use super::outgoing::{Calling, Placed};
use super::reliable::rseq;
use super::{Asked, Event, Pending, Session, State};

/// More To tags than any forking proxy has phones; a peer that makes up more is not followed.
const FORKS: usize = 16;

#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    last_rseq: Option<u32>,
    /// Each fork may answer our offer in its own way.
    pub(super) media: Negotiation,
    /// A description in a provisional that was not reliable: holds where the 200 brings none.
    preview: Option<Vec<u8>>,
}

impl Placed {
    fn early(&mut self, media: &Negotiation, response: &Response) -> Option<&mut Early> {
        let tag = to_tag(response);
        if tag.is_empty() || (!self.early.contains_key(&tag) && self.early.len() >= FORKS) {
            return None;
        }
        if !self.early.contains_key(&tag) {
            let dialog = Dialog::from_response(&self.invite, response).ok()?;
            let early = Early { dialog, last_rseq: None, media: media.clone(), preview: None };
            self.early.insert(tag.clone(), early);
        }
        self.early.get_mut(&tag)
    }
}

impl Early {
    /// What it sends before its answer.
    fn described(&self) -> Option<Agreed> {
        let mut media = self.media.clone();
        if let Some(preview) = &self.preview {
            media.take_answer(preview).ok()?;
        }
        media.agreed().filter(|_| !media.is_pending()).cloned()
    }
}

impl Session {
    pub(super) fn on_progress(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let State::Outgoing(calling) = self.state else { return };
        if response.status == 100 {
            return;
        }
        let mut described = None;
        if let Some(early) = self.placed.as_mut().and_then(|placed| placed.early(&self.media, response)) {
            let body = Body::read(&response.headers, &response.body).description();
            // §4: in order and once; a repeated or overtaking one is not acknowledged.
            let number = rseq(response);
            let is_next = |number: u32| early.last_rseq.is_none_or(|last| number == last.wrapping_add(1));
            if let (Some(number), Ok(cseq)) = (number.filter(|number| is_next(*number)), response.headers.cseq()) {
                early.last_rseq = Some(number);
                if let Some(answer) = body {
                    // An unusable one is told in the end, when the 200 brings no better.
                    let _ = early.media.take_answer(answer);
                }
                let mut prack = early.dialog.request(Method::Prack, None);
                prack.headers.push(Name::RAck, format!("{number} {} {}", cseq.number, cseq.method.as_str()));
                self.settings.sign(&mut prack);
                let flow = self.settings.hop(self.flow, &early.dialog);
                let credentials = Answerer::default();
                described = body.and_then(|_| early.described());
                self.send(now, transactions, Pending { asked: Asked::Prack, flow, request: prack, credentials });
            } else if number.is_none() {
                early.preview = body.map(<[u8]>::to_vec).or(early.preview.take());
                described = body.and_then(|_| early.described());
            }
        }
        if calling == Calling::Waiting {
            self.events.push_back(Event::Ringing);
            self.events.extend(described.map(|agreed| Event::EarlyMedia(Box::new(agreed))));
        }
    }

    /// A 2xx: the first one is the answer. Every other is acknowledged, and its call ended.
    pub(super) fn on_answer(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let Some(mut early) = self.acknowledge(now, transactions, response) else { return };
        match self.state {
            State::Outgoing(Calling::Waiting) => {}
            State::Outgoing(Calling::Cancelled) => {
                self.release(now, transactions, early);
                return self.fail(487);
            }
            State::Outgoing(Calling::Challenged(_)) | State::Incoming(_) | State::Confirmed | State::Ended => {
                return self.release(now, transactions, early);
            }
        }
        let answer = Body::read(&response.headers, &response.body).description().map(<[u8]>::to_vec);
        if let Some(answer) = answer.or(early.preview.take().filter(|_| early.media.is_pending())) {
            // One that cannot be used leaves what a reliable provisional has agreed.
            let _ = early.media.take_answer(&answer);
        }
        if early.media.agreed().is_none() {
            // §13.2.2.4: acknowledged, then ended, since it cannot be talked over.
            self.release(now, transactions, early);
            return self.fail(488);
        }
        self.media = early.media;
        self.dialog = Some(early.dialog);
        self.state = State::Confirmed;
        self.refresh.accept(now, response);
        self.tell_agreed();
        self.events.push_back(Event::Answered);
    }

    /// An answer to an INVITE of ours that was repeated since: nobody waits for it.
    pub(super) fn on_late_answer(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        if let Some(early) = self.acknowledge(now, transactions, response) {
            self.release(now, transactions, early);
        }
    }

    /// A 2xx that comes after the INVITE was given up as never answered: acknowledged and ended, or the
    /// peer would have a call with nobody. (§13.2.2.4)
    pub fn on_stray_answer(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) {
        let of_invite = |placed: &Placed| placed.invite.headers.cseq().ok() == response.headers.cseq().ok();
        if self.placed.as_ref().is_some_and(of_invite) {
            self.on_late_answer(now, transactions, response);
        }
    }

    /// The ACK of a 2xx. None: it has been acknowledged before (the same ACK goes again), or cannot be.
    fn acknowledge(&mut self, now: Mono, transactions: &mut Transactions, response: &Response) -> Option<Early> {
        let placed = self.placed.as_mut()?;
        let tag = to_tag(response);
        if let Some((flow, ack)) = placed.acks.get(&tag) {
            transactions.send_ack(now, *flow, &self.settings.sent_by, ack.clone());
            return None;
        }
        let cseq = response.headers.cseq().ok()?;
        let dialog = Dialog::from_response(&placed.invite, response).ok().filter(|_| placed.acks.len() < FORKS);
        let Some(mut dialog) = dialog else {
            self.fail(500);
            return None;
        };
        let mut early = match placed.early.remove(&tag) {
            Some(early) => {
                dialog.follow(early.dialog, response);
                Early { dialog, ..early }
            }
            None => Early { dialog, last_rseq: None, media: self.media.clone(), preview: None },
        };
        let mut ack = early.dialog.request(Method::Ack, Some(cseq.number));
        carry_credentials(&placed.invite, &mut ack);
        let flow = self.settings.hop(self.flow, &early.dialog);
        placed.acks.insert(tag, (flow, ack.clone()));
        transactions.send_ack(now, flow, &self.settings.sent_by, ack);
        Some(early)
    }

    /// The ACK of our re-INVITE's 2xx, kept for a repeated one.
    pub(super) fn acknowledge_refresh(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        (tx, invite): (ClientTx, &Request),
        response: &Response,
    ) {
        let (Ok(cseq), Some(dialog)) = (response.headers.cseq(), &mut self.dialog) else { return };
        dialog.refresh_target(response.headers.contact());
        let mut ack = dialog.request(Method::Ack, Some(cseq.number));
        carry_credentials(invite, &mut ack);
        let flow = self.settings.hop(self.flow, dialog);
        self.reinvited = Some((tx, flow, ack.clone()));
        transactions.send_ack(now, flow, &self.settings.sent_by, ack);
    }

    /// Ends the call of a fork that nobody waits for.
    fn release(&mut self, now: Mono, transactions: &mut Transactions, mut early: Early) {
        let flow = self.settings.hop(self.flow, &early.dialog);
        let mut bye = early.dialog.request(Method::Bye, None);
        self.settings.sign(&mut bye);
        let credentials = Answerer::default();
        self.send(now, transactions, Pending { asked: Asked::Bye, flow, request: bye, credentials });
    }
}

/// §22.1: an ACK carries the credentials of its INVITE.
fn carry_credentials(invite: &Request, ack: &mut Request) {
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        if let Some(value) = invite.headers.get(&name) {
            ack.headers.push(name, value.to_vec());
        }
    }
}

/// Empty where the peer sent none (RFC 2543).
fn to_tag(response: &Response) -> String {
    response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default()
}
