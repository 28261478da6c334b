//! Reliable provisional responses of ours, and their PRACK. (RFC 3262 §3)

use std::time::Duration;

use crate::sip::message::{Name, Request, Response};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::body::{Body, describe};
use super::incoming::Incoming;
use super::messages::Refusal;
use super::{Event, PATIENCE, Session, State, T1};

/// A reliable provisional that no PRACK has acknowledged yet.
#[derive(Debug)]
pub(super) struct Unproven {
    rseq: u32,
    response: Response,
    wait: Duration,
    again: Mono,
    give_up: Mono,
}

impl Unproven {
    pub(super) fn next_timeout(&self) -> Mono {
        self.again.min(self.give_up)
    }
}

impl Session {
    /// Numbers the provisional and repeats it until its PRACK comes.
    pub(super) fn send_reliably(&mut self, now: Mono, transactions: &mut Transactions, mut response: Response) {
        let State::Incoming(incoming) = &mut self.state else { return };
        let rseq = incoming.next_rseq;
        incoming.next_rseq = rseq.wrapping_add(1);
        response.headers.push(Name::Require, "100rel");
        response.headers.push(Name::RSeq, rseq.to_string());
        transactions.respond(now, incoming.tx, response.clone());
        incoming.unproven = Some(Unproven { rseq, response, wait: T1, again: now + T1, give_up: now + PATIENCE });
    }

    pub(super) fn reliable_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        let State::Incoming(incoming) = &mut self.state else { return };
        let Some(unproven) = &mut incoming.unproven else { return };
        if now >= unproven.give_up {
            // A provisional never acknowledged ends the INVITE with a 5xx.
            self.reject(now, transactions, 504, None);
            self.events.push_back(Event::HungUp);
        } else if now >= unproven.again {
            transactions.respond(now, incoming.tx, unproven.response.clone());
            unproven.wait *= 2;
            unproven.again = now + unproven.wait;
        }
    }

    /// PRACK from the caller: 481 unless it names our provisional. Whatever waited for it goes out then.
    pub(super) fn on_prack(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, prack: &Request) {
        let State::Incoming(incoming) = &mut self.state else {
            return self.refuse(now, transactions, tx, prack, 481);
        };
        let Some(proven) = incoming.unproven.take_if(|unproven| names(prack, &incoming.invite, unproven.rseq)) else {
            return self.refuse(now, transactions, tx, prack, 481);
        };
        let progress = incoming.progress_wanted.take();
        let answer = std::mem::take(&mut incoming.answer_wanted);
        let response = match self.take_description(prack, !proven.response.body.is_empty()) {
            Ok(answer) => {
                let mut response = self.reply(prack, 200);
                if let Some(answer) = answer {
                    describe(&mut response, answer);
                }
                response
            }
            Err(refusal) => self.refusal(prack, refusal),
        };
        transactions.respond(now, tx, response);
        self.tell_agreed();
        if answer {
            self.answer(now, transactions);
        } else if let Some((status, media)) = progress {
            self.progress(now, transactions, status, media);
        }
    }

    /// The PRACK's description: the answer to the offer in our provisional, or a new offer, which gets its
    /// answer. `described`: our provisional carried a description (RFC 3262 §5).
    fn take_description(&mut self, prack: &Request, described: bool) -> Result<Option<Vec<u8>>, Refusal> {
        let State::Incoming(incoming) = &mut self.state else { return Ok(None) };
        let Incoming { offered, settled, .. } = &mut **incoming;
        let body = Body::read(&prack.headers, &prack.body);
        if described && !*offered {
            // Without a usable answer our offer goes out again in the 200, and the ACK may bring one.
            *settled = body.description().is_some_and(|answer| self.media.take_answer(answer).is_ok());
            return Ok(None);
        }
        *settled |= described;
        match body {
            Body::Absent => Ok(None),
            Body::Foreign => Err(Refusal::foreign_body()),
            Body::Description(_) if !*settled => Err(Refusal::not_now()),
            Body::Description(offer) => {
                self.media.answer(offer).map(Some).map_err(|fault| Refusal::of_description(&fault))
            }
        }
    }
}

/// Whether `RAck: rseq cseq method` is about this provisional of this INVITE.
fn names(prack: &Request, invite: &Request, rseq: u32) -> bool {
    let Some(rack) = prack.headers.text(&Name::RAck) else { return false };
    let words: Vec<&str> = rack.split_ascii_whitespace().collect();
    let [number, cseq, method] = words[..] else { return false };
    number.parse() == Ok(rseq)
        && invite.headers.cseq().is_ok_and(|known| cseq.parse() == Ok(known.number) && method == known.method.as_str())
}

/// The RSeq of a provisional that its sender wants acknowledged.
pub(super) fn rseq(response: &Response) -> Option<u32> {
    let reliable = response.headers.has_token(&Name::Require, "100rel");
    response.headers.text(&Name::RSeq).filter(|_| reliable)?.trim().parse().ok()
}
