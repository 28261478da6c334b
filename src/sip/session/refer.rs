//! REFER inside the dialog: it waits for the user's word, and its peer is told how it fares.
//! (RFC 3515, RFC 4488)

use std::collections::BTreeMap;

use crate::sip::digest::Answerer;
use crate::sip::message::{Method, Name, Request, reason_phrase};
use crate::sip::refer::{ReferFault, ReferTo};
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::messages::{Refusal, warning};
use super::{Asked, Event, Pending, Session};

/// So many REFERs of one dialog may be under way.
const MANY: usize = 4;

/// How long we promise to tell of a REFER, in seconds: longer than anybody rings several numbers.
const SUBSCRIPTION: u32 = 600;

/// One REFER of a dialog: the CSeq number that it came with (RFC 3515 §2.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferId(u32);

#[derive(Debug, Default)]
pub(super) struct Referrals {
    first: Option<ReferId>,
    unanswered: BTreeMap<ReferId, (ServerTx, Request)>,
    /// Accepted, and the peer wants to know how they end.
    subscribed: BTreeMap<ReferId, Subscription>,
}

/// One NOTIFY at a time, so that the last one cannot overtake the first.
#[derive(Debug, Default)]
struct Subscription {
    notifying: bool,
    result: Option<u16>,
}

impl Session {
    pub(super) fn on_refer(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        tx: ServerTx,
        number: u32,
        refer: &Request,
    ) {
        let id = ReferId(number);
        self.referrals.first.get_or_insert(id);
        let Referrals { unanswered, subscribed, .. } = &self.referrals;
        let known = unanswered.contains_key(&id) || subscribed.contains_key(&id);
        // Before the answer there is nothing to transfer.
        if !self.is_confirmed() || known || unanswered.len() + subscribed.len() >= MANY {
            return self.refuse(now, transactions, tx, refer, Refusal::not_now());
        }
        match ReferTo::read(&refer.headers) {
            Ok(to) => {
                self.referrals.unanswered.insert(id, (tx, refer.clone()));
                self.events.push_back(Event::Referred { id, to: Box::new(to) });
            }
            Err(ReferFault::Unreadable(fault)) => {
                self.refuse(now, transactions, tx, refer, Refusal::unreadable(&fault.to_string()));
            }
            Err(ReferFault::Method) => self.refuse(now, transactions, tx, refer, 403),
        }
    }

    /// 202, and a first NOTIFY of `100 Trying` where the peer wants any. `finish_refer` is to follow.
    pub fn accept_refer(&mut self, now: Mono, transactions: &mut Transactions, id: ReferId) {
        let Some((tx, refer)) = self.referrals.unanswered.remove(&id) else { return };
        if self.accept(now, transactions, tx, &refer) {
            self.referrals.subscribed.insert(id, Subscription { notifying: true, result: None });
            self.notify(now, transactions, id, 100);
        }
    }

    /// 202. Whether the peer wants to be told how it fares.
    fn accept(&mut self, now: Mono, transactions: &mut Transactions, tx: ServerTx, refer: &Request) -> bool {
        let mut response = self.reply(refer, 202);
        let silent = wants_no_subscription(refer);
        if silent {
            response.headers.push(Name::ReferSub, "false");
        }
        transactions.respond(now, tx, response);
        !silent
    }

    /// Turns a REFER away, with a reason that the peer may show. A status that ends the whole dialog
    /// (404, 481 …, RFC 5057 §5.1) would end the call.
    pub fn refuse_refer(&mut self, now: Mono, transactions: &mut Transactions, id: ReferId, status: u16, reason: &str) {
        let Some((tx, refer)) = self.referrals.unanswered.remove(&id) else { return };
        let mut response = self.reply(&refer, status);
        response.headers.push(Name::Warning, warning(reason));
        transactions.respond(now, tx, response);
    }

    /// A REFER has come to its end: 200, or the final status that says why not. Nobody is told where the
    /// peer did not want to know, or has hung up. One that was not accepted yet is: its first NOTIFY is the
    /// last (RFC 3515 §2.4.4).
    pub fn finish_refer(&mut self, now: Mono, transactions: &mut Transactions, id: ReferId, status: u16) {
        if let Some((tx, refer)) = self.referrals.unanswered.remove(&id) {
            if self.accept(now, transactions, tx, &refer) {
                self.notify(now, transactions, id, status);
            }
            return;
        }
        let Some(subscription) = self.referrals.subscribed.get_mut(&id) else { return };
        if subscription.notifying {
            subscription.result.get_or_insert(status);
            return;
        }
        self.referrals.subscribed.remove(&id);
        self.notify(now, transactions, id, status);
    }

    /// A NOTIFY that was not taken ends the subscription (RFC 6665 §4.2.2), and nothing else.
    pub(super) fn on_notified(&mut self, now: Mono, transactions: &mut Transactions, id: ReferId, taken: bool) {
        let Some(subscription) = self.referrals.subscribed.get_mut(&id) else { return };
        subscription.notifying = false;
        match subscription.result {
            _ if !taken => {
                self.referrals.subscribed.remove(&id);
            }
            Some(status) => self.finish_refer(now, transactions, id, status),
            None => {}
        }
    }

    /// The call is over: REFERs without an answer get one (RFC 3261 §15.1.2), and no NOTIFY follows.
    pub(super) fn drop_referrals(&mut self, now: Mono, transactions: &mut Transactions) {
        self.referrals.subscribed.clear();
        for (tx, refer) in std::mem::take(&mut self.referrals.unanswered).into_values() {
            self.refuse(now, transactions, tx, &refer, 487);
        }
    }

    fn notify(&mut self, now: Mono, transactions: &mut Transactions, id: ReferId, status: u16) {
        let Some(dialog) = &mut self.dialog else { return };
        let flow = self.settings.hop(self.flow, dialog);
        let mut request = dialog.request(Method::Notify, None);
        self.settings.sign(&mut request);
        // The first one may go without a name, which old phones do not read.
        let event = match self.referrals.first {
            Some(first) if first != id => format!("refer;id={}", id.0),
            Some(_) | None => "refer".to_owned(),
        };
        request.headers.push(Name::Event, event);
        let state = match status {
            ..200 => format!("active;expires={SUBSCRIPTION}"),
            200.. => "terminated;reason=noresource".to_owned(),
        };
        request.headers.push(Name::SubscriptionState, state);
        request.headers.push(Name::ContentType, "message/sipfrag;version=2.0");
        request.body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).into_bytes();
        self.send(
            now,
            transactions,
            Pending { asked: Asked::Notify(id), flow, request, credentials: Answerer::default() },
        );
    }
}

/// `Refer-Sub: false` (RFC 4488 §4).
fn wants_no_subscription(refer: &Request) -> bool {
    let value = refer.headers.text(&Name::ReferSub).unwrap_or_default();
    value.split(';').next().is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case("false"))
}
