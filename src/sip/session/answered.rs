//! Our 2xx to an INVITE or re-INVITE, until its ACK. (RFC 3261 §13.3.1.4)

use std::time::Duration;

use crate::sip::message::{Request, Response};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::body::Body;
use super::{Event, Lost, PATIENCE, Session, T1, T2};

#[derive(Debug)]
pub(super) struct Unacknowledged {
    tx: ServerTx,
    response: Response,
    wait: Duration,
    again: Mono,
    give_up: Mono,
    /// It answers the first INVITE: before its ACK we may not send BYE (§15).
    pub(super) first: bool,
}

impl Unacknowledged {
    pub(super) fn next_timeout(&self) -> Mono {
        self.again.min(self.give_up)
    }
}

impl Session {
    /// Sends a 2xx and keeps it, to be repeated over every transport until its ACK comes.
    pub(super) fn send_answer(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        tx: ServerTx,
        response: Response,
        first: bool,
    ) {
        transactions.respond(now, tx, response.clone());
        // A re-INVITE proves that the first answer came, even where its ACK was lost.
        self.unacknowledged =
            Some(Unacknowledged { tx, response, wait: T1, again: now + T1, give_up: now + PATIENCE, first });
    }

    pub(super) fn repeat_answer(&mut self, now: Mono, transactions: &mut Transactions) {
        let Some(waiting) = &mut self.unacknowledged else { return };
        if now >= waiting.give_up {
            self.unacknowledged = None;
            if self.is_ended() {
                return self.bye(now, transactions);
            }
            self.lose(now, transactions, Lost::NoAck);
        } else if now >= waiting.again {
            transactions.respond(now, waiting.tx, waiting.response.clone());
            waiting.wait = (waiting.wait * 2).min(T2);
            waiting.again = now + waiting.wait;
        }
    }

    /// The ACK of a 2xx of ours.
    pub fn on_ack(&mut self, now: Mono, transactions: &mut Transactions, ack: &Request) {
        let Ok(cseq) = ack.headers.cseq() else { return };
        let is_its = |waiting: &mut Unacknowledged| {
            waiting.response.headers.cseq().is_ok_and(|answered| answered.number == cseq.number)
        };
        let Some(answered) = self.unacknowledged.take_if(is_its) else { return };
        if self.is_ended() {
            // We hung up before it came; now we may say so.
            return self.bye(now, transactions);
        }
        if self.media.is_pending() {
            // Our offer went out in the 2xx.
            let answer = Body::read(&ack.headers, &ack.body).description();
            let taken = answer.is_some_and(|answer| self.media.take_answer(answer).is_ok());
            self.media.withdraw();
            if !taken && answered.first && self.media.agreed().is_none() {
                return self.lose(now, transactions, Lost::NoAck);
            }
            self.tell_agreed();
        }
        self.events.push_back(Event::Acknowledged);
    }
}
