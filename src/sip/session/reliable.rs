//! Reliable provisional responses and PRACK. (RFC 3262)

use std::time::Duration;

use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::{Asked, Event, PATIENCE, Session, State, T1, describe, has_description};

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
    /// Numbers the provisional and repeats it until its PRACK comes (§3).
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
            // §3: a provisional never acknowledged ends the INVITE with a 5xx.
            self.reject(now, transactions, 504, None);
            self.events.push_back(Event::HungUp);
        } else if now >= unproven.again {
            transactions.respond(now, incoming.tx, unproven.response.clone());
            unproven.wait *= 2;
            unproven.again = now + unproven.wait;
        }
    }

    /// PRACK from the caller: 200 where it names our provisional, 481 otherwise (§3).
    pub(super) fn on_prack(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, prack: &Request) {
        let named = rack(prack);
        let State::Incoming(incoming) = &mut self.state else {
            let response = self.reply(prack, 481);
            return transactions.respond(now, tx, response);
        };
        let invite_seq = incoming.invite.headers.cseq().map(|seq| seq.number).ok();
        let matches = incoming.unproven.as_ref().is_some_and(|unproven| {
            named.is_some_and(|(rseq, cseq)| rseq == unproven.rseq && Some(cseq) == invite_seq)
        });
        if !matches {
            let response = self.reply(prack, 481);
            return transactions.respond(now, tx, response);
        }
        incoming.unproven = None;
        let progress = incoming.progress_wanted.take();
        let answer = std::mem::take(&mut incoming.answer_wanted);
        let mut response = self.reply(prack, 200);
        if has_description(&prack.headers, &prack.body) {
            if self.media.is_pending() {
                if self.media.take_answer(&prack.body).is_err() {
                    self.media.withdraw();
                }
            } else {
                match self.media.answer(&prack.body) {
                    Ok(body) => describe(&mut response, body),
                    Err(_) => response = self.reply(prack, 488),
                }
            }
            self.tell_agreed();
        }
        transactions.respond(now, tx, response);
        if answer {
            self.answer(now, transactions);
        } else if let Some((status, media)) = progress {
            self.progress(now, transactions, status, media);
        }
    }

    /// Acknowledges the peer's reliable provisional in its early dialog (§4).
    pub(super) fn send_prack(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        early: &mut Dialog,
        response: &Response,
    ) {
        let (Ok(cseq), Some(rseq)) = (response.headers.cseq(), rseq(response)) else { return };
        let mut prack = early.request(Method::Prack, None);
        prack.headers.push(Name::RAck, format!("{rseq} {} {}", cseq.number, cseq.method.as_str()));
        self.sign(&mut prack, false);
        let flow = self.hop_of(Some(early));
        let tx = transactions.request(now, flow, &self.settings.sent_by, prack);
        self.expect(tx, Asked::Prack);
    }
}

/// `RAck: rseq cseq method` → (rseq, cseq).
fn rack(prack: &Request) -> Option<(u32, u32)> {
    let text = prack.headers.text(&Name::RAck)?;
    let mut words = text.split_ascii_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// The RSeq of a provisional that its sender wants acknowledged.
pub(super) fn rseq(response: &Response) -> Option<u32> {
    let reliable = response.headers.has_token(&Name::Require, "100rel");
    response.headers.text(&Name::RSeq).filter(|_| reliable)?.trim().parse().ok()
}
