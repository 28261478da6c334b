//! The session timer: a peer that vanished without BYE is noticed. (RFC 4028)

use std::time::Duration;

use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::transactions::{ClientTx, Transactions};
use crate::time::Mono;

use super::{Asked, Lost, MIN_SE, Session};

/// After 491 the refresh is tried again; half-way between the ranges of RFC 3261 §14.1.
const GLARE_WAIT: Duration = Duration::from_millis(2100);

/// The agreed interval, and who refreshes.
#[derive(Clone, Debug, Default)]
pub(super) struct Refresh {
    interval: Option<Duration>,
    we_refresh: bool,
    /// The peer knows the extension: its refresher parameter may be used.
    peer_supports: bool,
    /// The peer takes UPDATE; otherwise we refresh by re-INVITE.
    pub(super) peer_updates: bool,
    refresh_at: Option<Mono>,
    expire_at: Option<Mono>,
}

impl Refresh {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        [self.refresh_at, self.expire_at].into_iter().flatten().min()
    }

    /// Reads an INVITE or UPDATE that came to us. False: its interval is too small (422), which only
    /// a peer that knows the extension can be told (§9).
    pub(super) fn admit(&mut self, request: &Request, ours: Option<Duration>) -> bool {
        self.peer_supports = request.headers.has_token(&Name::Supported, "timer");
        self.note_allow(&request.headers);
        let asked = session_expires(&request.headers);
        match asked {
            Some((interval, _)) if interval < MIN_SE && self.peer_supports => return false,
            Some((interval, refresher)) => {
                self.interval = Some(interval.max(MIN_SE));
                // Without a word of the caller's we refresh: whoever anchors the call should know.
                self.we_refresh = refresher.as_deref() != Some("uac") || !self.peer_supports;
            }
            None => {
                self.interval = ours.map(|interval| interval.max(MIN_SE));
                self.we_refresh = true;
            }
        }
        true
    }

    pub(super) fn note_allow(&mut self, headers: &crate::sip::message::Headers) {
        if headers.get(&Name::Allow).is_some() {
            self.peer_updates = headers.has_token(&Name::Allow, "UPDATE");
        }
    }

    /// Writes the agreed interval into our 2xx, and starts the clock.
    pub(super) fn grant(&mut self, now: Mono, response: &mut Response) {
        let Some(interval) = self.interval else { return };
        let refresher = if self.we_refresh { "uas" } else { "uac" };
        response.headers.push(Name::SessionExpires, format!("{};refresher={refresher}", interval.as_secs()));
        if self.peer_supports {
            response.headers.push(Name::Require, "timer");
        }
        self.start(now);
    }

    /// Asks for an interval in a request of ours.
    pub(super) fn write(&self, request: &mut Request) {
        let Some(interval) = self.interval else { return };
        let refresher = if self.we_refresh { ";refresher=uac" } else { "" };
        request.headers.push(Name::SessionExpires, format!("{}{refresher}", interval.as_secs()));
        request.headers.push(Name::MinSe, MIN_SE.as_secs().to_string());
    }

    /// Proposes our interval in the first INVITE; the peer chooses who refreshes.
    pub(super) fn propose(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.max(MIN_SE));
    }

    /// Reads a 2xx to a request of ours, and starts the clock (§7.2).
    pub(super) fn accept(&mut self, now: Mono, response: &Response) {
        self.note_allow(&response.headers);
        match session_expires(&response.headers) {
            Some((interval, refresher)) => {
                self.interval = Some(interval.max(MIN_SE));
                self.we_refresh = refresher.as_deref() != Some("uas");
            }
            // The peer does not know the extension: we may refresh alone, if we asked for it.
            None => self.we_refresh = true,
        }
        self.start(now);
    }

    /// 422: try again with what the peer demands.
    pub(super) fn raise(&mut self, response: &Response) {
        let minimum = response.headers.text(&Name::MinSe).and_then(|text| text.trim().parse().ok());
        let minimum = Duration::from_secs(minimum.unwrap_or(1800));
        self.interval = Some(self.interval.unwrap_or(minimum).max(minimum));
    }

    fn start(&mut self, now: Mono) {
        let Some(interval) = self.interval else { return };
        self.refresh_at = self.we_refresh.then(|| now + interval / 2);
        // §10: a refresher that fell silent gets its last third (at most 32 s) less.
        let grace = (interval / 3).min(Duration::from_secs(32));
        self.expire_at = Some(now + (interval - grace));
    }
}

impl Session {
    pub(super) fn refresh_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        if self.refresh.expire_at.is_some_and(|at| now >= at) {
            return self.lose(now, transactions, Lost::Expired);
        }
        if self.refresh.refresh_at.is_some_and(|at| now >= at) {
            self.refresh.refresh_at = None;
            if self.refresh.peer_updates {
                self.ask(now, transactions, Method::Update, Asked::Refresh { with_offer: false }, None);
            } else if self.media.is_pending() || self.unacknowledged.is_some() {
                self.refresh.refresh_at = Some(now + GLARE_WAIT);
            } else {
                let offer = self.media.offer();
                self.ask(now, transactions, Method::Invite, Asked::Refresh { with_offer: true }, Some(offer));
            }
        }
    }

    pub(super) fn on_refresh_response(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        tx: ClientTx,
        response: Response,
        with_offer: bool,
    ) {
        if response.is_provisional() {
            return;
        }
        if response.is_success() {
            if with_offer {
                self.acknowledge(now, transactions, &response);
                if self.media.is_pending() && self.media.take_answer(&response.body).is_err() {
                    self.media.withdraw();
                }
                self.tell_agreed();
            } else {
                self.asked.remove(&tx);
            }
            if let Some(dialog) = &mut self.dialog {
                dialog.refresh_target(response.headers.contact());
            }
            self.refresh.accept(now, &response);
            return;
        }
        self.asked.remove(&tx);
        if with_offer {
            self.media.withdraw();
        }
        match response.status {
            408 | 481 => self.lose(now, transactions, Lost::Expired),
            422 => {
                self.refresh.raise(&response);
                self.refresh.refresh_at = Some(now);
            }
            491 | 500 => self.refresh.refresh_at = Some(now + GLARE_WAIT),
            501 | 405 => {
                // It said it would take UPDATE and does not.
                self.refresh.peer_updates = false;
                self.refresh.refresh_at = Some(now);
            }
            // Any other refusal proves that the peer lives; the session stands until it expires.
            _ => self.refresh.start(now),
        }
    }
}

/// `Session-Expires: 1800;refresher=uac` → (interval, refresher).
fn session_expires(headers: &crate::sip::message::Headers) -> Option<(Duration, Option<String>)> {
    let text = headers.text(&Name::SessionExpires)?;
    let mut parts = text.split(';').map(str::trim);
    let seconds = parts.next()?.parse().ok()?;
    let refresher = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("refresher"))
        .map(|(_, value)| value.trim().to_ascii_lowercase());
    Some((Duration::from_secs(seconds), refresher))
}
