//! OPTIONS towards one trunk: is there anybody? (RFC 3261 §11)

use std::collections::VecDeque;
use std::time::Duration;

use super::message::{Method, Name, Request, Response};
use crate::time::Mono;

/// Whom to ask, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingSettings {
    /// Request-URI and To, `sip:192.0.2.1:5060`.
    pub target: String,
    /// Our URI for From.
    pub from: String,
    /// From one OPTIONS to the next.
    pub interval: Duration,
    /// So many in a row without an answer mean down.
    pub misses: u32,
    /// Makes Call-ID and From tag unique: for example the host's name and a random number.
    pub id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet; calls may be tried.
    Unknown,
    Up,
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PingWish {
    /// To be sent in a client transaction; its outcome comes back through `answered` or `missed`.
    Send(Box<Request>),
    Up,
    Down,
}

/// The ping of one trunk host.
#[derive(Debug)]
pub struct Ping {
    settings: PingSettings,
    health: Health,
    missed: u32,
    sent: u32,
    last_sent: Mono,
    /// When the next OPTIONS is due; None while one is under way.
    next: Option<Mono>,
    wishes: VecDeque<PingWish>,
}

impl Ping {
    /// `first`: when to send the first one, so that many trunks are not asked at one instant.
    pub const fn new(settings: PingSettings, first: Mono) -> Self {
        let wishes = VecDeque::new();
        Self { settings, health: Health::Unknown, missed: 0, sent: 0, last_sent: first, next: Some(first), wishes }
    }

    pub const fn health(&self) -> Health {
        self.health
    }

    pub const fn next_timeout(&self) -> Option<Mono> {
        self.next
    }

    pub fn handle_timeout(&mut self, now: Mono) {
        if self.next.is_some_and(|due| due <= now) {
            self.next = None;
            self.last_sent = now;
            let request = self.options();
            self.wishes.push_back(PingWish::Send(Box::new(request)));
        }
    }

    /// A final response. Any answer proves that somebody is there, a 404 or 405 as well; only 408
    /// and 503 say that calls would fail, and they count at once.
    pub fn answered(&mut self, now: Mono, response: &Response) {
        match response.status {
            0..=199 => return,
            408 | 503 => self.turn(Health::Down),
            _ => {
                self.missed = 0;
                self.turn(Health::Up);
            }
        }
        self.schedule(now, self.settings.interval);
    }

    /// The transaction timed out, or the transport failed. Nothing where no OPTIONS is under way.
    pub fn missed(&mut self, now: Mono) {
        if self.next.is_some() {
            return;
        }
        self.missed = self.missed.saturating_add(1);
        if self.missed >= self.settings.misses {
            self.turn(Health::Down);
            self.schedule(now, self.settings.interval);
        } else {
            // A first miss is checked soon: the transaction has already taken its half minute.
            self.schedule(now, Duration::ZERO);
        }
    }

    pub fn poll(&mut self) -> Option<PingWish> {
        self.wishes.pop_front()
    }

    fn turn(&mut self, health: Health) {
        if health != self.health {
            self.health = health;
            match health {
                Health::Unknown => {}
                Health::Up => self.wishes.push_back(PingWish::Up),
                Health::Down => self.wishes.push_back(PingWish::Down),
            }
        }
    }

    /// The next one is set by the outcome of the one under way, not by a second outcome of it.
    fn schedule(&mut self, now: Mono, pause: Duration) {
        if self.next.is_none() {
            // A transport that fails at once would otherwise be asked without end.
            let earliest = self.last_sent + pause.max(Duration::from_secs(1));
            self.next = Some(earliest.max(now));
        }
    }

    fn options(&mut self) -> Request {
        self.sent = self.sent.wrapping_add(1);
        let settings = &self.settings;
        let mut request = Request::new(Method::Options, settings.target.clone());
        request.headers.push(Name::MaxForwards, "70");
        request.headers.push(Name::From, format!("<{}>;tag={}", settings.from, settings.id));
        request.headers.push(Name::To, format!("<{}>", settings.target));
        request.headers.push(Name::CallId, format!("ping-{}-{}", self.sent, settings.id));
        request.headers.push(Name::CSeq, "1 OPTIONS");
        request.headers.push(Name::Accept, "application/sdp");
        request
    }
}
