//! The session timer: a peer that vanished without BYE is noticed. (RFC 4028)

use std::time::Duration;

use crate::sip::message::{Headers, Method, Name, Request, Response};
use crate::sip::transactions::{ClientTx, Transactions};
use crate::time::Mono;

use super::body::Body;
use super::{Asked, Lost, MIN_SE, Session};

/// How long a refresh waits that met another request: who made the call 2.1 to 4 s, the other side up to
/// 2 s, so that they do not meet again (RFC 3261 §14.1).
const CALLER_WAIT: Duration = Duration::from_secs(3);
const CALLED_WAIT: Duration = Duration::from_secs(1);

/// The agreed interval, and who refreshes.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    interval: Option<Duration>,
    we_refresh: bool,
    /// The largest minimum that a 422 has told (§7.4).
    minimum: Duration,
    /// The peer takes UPDATE; otherwise we refresh by re-INVITE.
    peer_updates: bool,
    refresh_at: Option<Mono>,
    expire_at: Option<Mono>,
}

/// What an INVITE or UPDATE of the peer says of the session timer; holds once it is answered with 2xx.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    interval: Option<Duration>,
    we_refresh: bool,
    peer_supports: bool,
    peer_updates: bool,
}

impl Refresh {
    pub(super) const fn new() -> Self {
        Self {
            interval: None,
            we_refresh: false,
            minimum: MIN_SE,
            peer_updates: false,
            refresh_at: None,
            expire_at: None,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        [self.refresh_at, self.expire_at].into_iter().flatten().min()
    }

    /// Reads an INVITE or UPDATE that came to us. None: its interval is too small (422), which only a
    /// peer that knows the extension can be told (§9). `ours` shortens a longer interval.
    pub(super) fn read(&self, request: &Request, ours: Option<Duration>) -> Option<Terms> {
        let peer_supports = request.headers.has_token(&Name::Supported, "timer");
        let least = seconds(&request.headers, &Name::MinSe).map_or(MIN_SE, |least| least.max(MIN_SE));
        let ours = ours.map(|ours| ours.max(least));
        let (interval, refresher) = match session_expires(&request.headers) {
            Some((asked, _)) if asked < MIN_SE && peer_supports => return None,
            Some((asked, refresher)) => {
                let asked = asked.max(MIN_SE);
                (Some(ours.map_or(asked, |ours| ours.min(asked))), refresher)
            }
            // A re-INVITE that says nothing leaves the timer as it is, and leaves refreshing to us.
            None => (self.interval.map(|interval| interval.max(least)).or(ours), None),
        };
        Some(Terms {
            interval,
            // Table 2: a caller that does not know the extension cannot refresh; one that names nobody
            // leaves it to us, who anchor the call.
            we_refresh: !peer_supports || refresher.as_deref() != Some("uac"),
            peer_supports,
            peer_updates: allows_update(&request.headers).unwrap_or(self.peer_updates),
        })
    }

    /// Writes the agreed interval into our 2xx, and starts the clock.
    pub(super) fn grant(&mut self, now: Mono, terms: Terms, response: &mut Response) {
        self.interval = terms.interval;
        self.we_refresh = terms.we_refresh;
        self.peer_updates = terms.peer_updates;
        if let Some(interval) = self.interval {
            let refresher = if self.we_refresh { "uas" } else { "uac" };
            response.headers.push(Name::SessionExpires, format!("{};refresher={refresher}", interval.as_secs()));
            if terms.peer_supports {
                response.headers.push(Name::Require, "timer");
            }
        }
        self.start(now);
    }

    /// Asks for an interval in a request of ours.
    pub(super) fn write(&self, request: &mut Request) {
        let Some(interval) = self.interval else { return };
        let refresher = if self.we_refresh { ";refresher=uac" } else { "" };
        request.headers.set(Name::SessionExpires, format!("{}{refresher}", interval.as_secs()));
        request.headers.set(Name::MinSe, self.minimum.as_secs().to_string());
    }

    /// Proposes our interval in the first INVITE; the peer chooses who refreshes.
    pub(super) fn propose(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.max(MIN_SE));
    }

    /// Reads a 2xx to a request of ours, and starts the clock (§7.2).
    pub(super) fn accept(&mut self, now: Mono, response: &Response) {
        self.peer_updates = allows_update(&response.headers).unwrap_or(self.peer_updates);
        match session_expires(&response.headers) {
            Some((interval, refresher)) => {
                self.interval = Some(interval.max(MIN_SE));
                self.we_refresh = refresher.as_deref() != Some("uas");
            }
            // The peer does not know the extension: we refresh alone, if we asked for it.
            None => self.we_refresh = true,
        }
        self.start(now);
    }

    /// 422: false where it demands no more than we asked for.
    pub(super) fn raise(&mut self, response: &Response) -> bool {
        let Some(minimum) = seconds(&response.headers, &Name::MinSe) else { return false };
        if self.interval.is_some_and(|interval| interval >= minimum) {
            return false;
        }
        self.minimum = self.minimum.max(minimum);
        self.interval = Some(minimum.max(MIN_SE));
        true
    }

    fn start(&mut self, now: Mono) {
        let Some(interval) = self.interval else { return };
        self.refresh_at = self.we_refresh.then(|| now + interval / 2);
        // §10: a refresher that fell silent is given up a third of the interval early, at most 32 s.
        let grace = (interval / 3).min(Duration::from_secs(32));
        self.expire_at = Some(now + (interval - grace));
    }
}

impl Session {
    pub(super) fn refresh_timeout(&mut self, now: Mono, transactions: &mut Transactions) {
        if self.refresh.expire_at.is_some_and(|at| now >= at) {
            return self.lose(now, transactions, Lost::Expired);
        }
        if self.refresh.refresh_at.is_none_or(|at| now < at) {
            return;
        }
        self.refresh.refresh_at = None;
        if !self.refresh.peer_updates && self.media.is_pending() {
            self.refresh_later(now);
        } else if self.refresh.peer_updates {
            self.ask(now, transactions, Method::Update, Asked::Refresh { with_offer: false }, None);
        } else {
            let offer = self.media.offer();
            self.ask(now, transactions, Method::Invite, Asked::Refresh { with_offer: true }, Some(offer));
        }
    }

    fn refresh_later(&mut self, now: Mono) {
        let wait = if self.placed.is_some() { CALLER_WAIT } else { CALLED_WAIT };
        self.refresh.refresh_at = Some(now + wait);
    }

    pub(super) fn on_refresh_response(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        (tx, request): (ClientTx, &Request),
        response: &Response,
        with_offer: bool,
    ) {
        if response.is_success() {
            if with_offer {
                self.acknowledge_refresh(now, transactions, (tx, request), response);
            }
            if !self.is_confirmed() {
                return;
            }
            if with_offer {
                let answer = Body::read(&response.headers, &response.body).description();
                if answer.is_none_or(|answer| self.media.take_answer(answer).is_err()) {
                    self.media.withdraw();
                }
                self.tell_agreed();
            }
            if let Some(dialog) = &mut self.dialog {
                dialog.refresh_target(response.headers.contact());
            }
            return self.refresh.accept(now, response);
        }
        if with_offer {
            self.media.withdraw();
        }
        match response.status {
            408 | 481 => self.lose(now, transactions, Lost::Expired),
            422 if self.refresh.raise(response) => self.refresh_later(now),
            491 => self.refresh_later(now),
            500 if response.headers.get(&Name::RetryAfter).is_some() => self.refresh_later(now),
            405 | 501 if !with_offer => {
                // It said it would take UPDATE and does not.
                self.refresh.peer_updates = false;
                self.refresh_later(now);
            }
            // Any other refusal proves that the peer lives.
            _ => self.refresh.start(now),
        }
    }
}

/// `Session-Expires: 1800;refresher=uac` → (interval, refresher).
fn session_expires(headers: &Headers) -> Option<(Duration, Option<String>)> {
    let interval = seconds(headers, &Name::SessionExpires)?;
    let text = headers.text(&Name::SessionExpires)?;
    let refresher = text
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("refresher"))
        .map(|(_, value)| value.trim().to_ascii_lowercase());
    Some((interval, refresher))
}

/// Delta-seconds before any parameters; a number too large to hold is the largest.
fn seconds(headers: &Headers, name: &Name) -> Option<Duration> {
    let text = headers.text(name)?;
    let digits = text.split(';').next().unwrap_or_default().trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse::<u32>().unwrap_or(u32::MAX).into()))
}

/// None where the peer does not say.
fn allows_update(headers: &Headers) -> Option<bool> {
    headers.get(&Name::Allow).map(|_| headers.has_token(&Name::Allow, "UPDATE"))
}
