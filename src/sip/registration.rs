//! Our registration at one carrier: REGISTER as a client. (RFC 3261 §10.2)
//!
//! It sends nothing itself: `poll` gives wishes, the outcome of each REGISTER comes back through
//! `on_response` or `on_failure`.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::digest::{Answerer, keyed};
use super::message::{Method, Name, Request, Response, Uri};
use crate::hex;
use crate::time::Mono;

/// So many REGISTERs make up one attempt at most: challenge, stale nonce, 423 and again.
const ROUNDS: u32 = 6;

/// A carrier that asks for a longer registration than this is not obeyed.
const LONGEST_EXPIRES: u32 = 86_400;

#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// Request-URI, `sip:carrier.example`.
    pub registrar: String,
    /// To and From, `sip:user@carrier.example`.
    pub aor: String,
    /// Where the carrier is to send calls, `sip:user@192.0.2.10:5060`.
    pub contact: String,
    pub user: String,
    pub password: String,
    /// Seconds wished for.
    pub expires: u32,
    /// The pause after the first failure; it doubles up to `longest_pause`.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    pub call_id: String,
    pub from_tag: String,
    /// For cnonces and for the jitter of pauses.
    pub seed: [u8; 32],
}

impl RegistrationSettings {
    pub const FIRST_PAUSE: Duration = Duration::from_secs(30);
    pub const LONGEST_PAUSE: Duration = Duration::from_secs(600);
    pub const EXPIRES: u32 = 3600;
}

impl fmt::Debug for RegistrationSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RegistrationSettings({})", self.registrar)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationWish {
    /// To be sent in a client transaction.
    Send(Box<Request>),
    Up,
    Down(DownReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownReason {
    /// The carrier refused, with this status.
    Refused(u16),
    /// The carrier refused the password, or asked for a proof that we cannot give.
    Credentials,
    /// Nobody answered.
    NoAnswer,
    /// We have unregistered.
    Stopped,
}

/// The registration of one trunk.
#[derive(Debug)]
pub struct Registration {
    settings: RegistrationSettings,
    phase: Phase,
    /// Until when the carrier keeps what it granted; None while down.
    granted_until: Option<Mono>,
    stopping: bool,
    expires: u32,
    cseq: u32,
    /// REGISTERs sent in this attempt.
    rounds: u32,
    /// Failures in a row, and the last of them.
    failures: u32,
    trouble: Option<DownReason>,
    drawn: u64,
    answerer: Answerer,
    wishes: VecDeque<RegistrationWish>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A REGISTER is under way.
    Asking,
    /// The next attempt, a refresh or a retry, is due then.
    Resting(Mono),
    /// The REGISTER with Expires 0 is under way.
    Leaving,
    Ended,
}

impl Registration {
    pub fn new(settings: RegistrationSettings) -> Self {
        Self {
            phase: Phase::Idle,
            granted_until: None,
            stopping: false,
            expires: settings.expires,
            cseq: 0,
            rounds: 0,
            failures: 0,
            trouble: None,
            drawn: 0,
            answerer: Answerer::default(),
            wishes: VecDeque::new(),
            settings,
        }
    }

    /// Registers now; nothing while a REGISTER is under way, since there may be only one (§10.2).
    pub fn start(&mut self) {
        match self.phase {
            Phase::Idle | Phase::Resting(_) | Phase::Ended => {
                self.stopping = false;
                self.attempt(Phase::Asking);
            }
            Phase::Asking | Phase::Leaving => {}
        }
    }

    /// Unregisters, where there is something to take back; then `is_ended`.
    pub fn stop(&mut self) {
        self.stopping = true;
        match self.phase {
            Phase::Asking | Phase::Leaving | Phase::Ended => {}
            Phase::Idle | Phase::Resting(_) => self.leave(),
        }
    }

    pub const fn is_up(&self) -> bool {
        self.granted_until.is_some()
    }

    /// Why the last attempt failed; None after a success. It tells of a trunk that never came up.
    pub const fn trouble(&self) -> Option<DownReason> {
        self.trouble
    }

    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// A response to the REGISTER under way.
    pub fn on_response(&mut self, now: Mono, response: &Response) {
        let leaving = match self.phase {
            Phase::Asking => false,
            Phase::Leaving => true,
            Phase::Idle | Phase::Resting(_) | Phase::Ended => return,
        };
        if !matches!(response.status, 0..=199 | 401 | 407) {
            self.answerer.accepted();
        }
        match response.status {
            0..=199 => {}
            200..=299 if leaving => self.end(),
            200..=299 => self.granted(now, response),
            401 | 407 => self.challenged(now, response),
            423 if !leaving => self.too_brief(now, response),
            status => self.failed(now, DownReason::Refused(status), retry_after(response)),
        }
    }

    /// The transaction timed out, or the transport failed.
    pub fn on_failure(&mut self, now: Mono) {
        match self.phase {
            Phase::Asking | Phase::Leaving => self.failed(now, DownReason::NoAnswer, None),
            Phase::Idle | Phase::Resting(_) | Phase::Ended => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Mono) {
        if self.granted_until.is_some_and(|until| until <= now) {
            self.go_down(self.trouble.unwrap_or(DownReason::NoAnswer));
        }
        match self.phase {
            Phase::Resting(due) if due <= now => self.attempt(Phase::Asking),
            Phase::Resting(_) | Phase::Idle | Phase::Asking | Phase::Leaving | Phase::Ended => {}
        }
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        let due = match self.phase {
            Phase::Resting(due) => Some(due),
            Phase::Idle | Phase::Asking | Phase::Leaving | Phase::Ended => None,
        };
        [due, self.granted_until].into_iter().flatten().min()
    }

    pub fn poll(&mut self) -> Option<RegistrationWish> {
        self.wishes.pop_front()
    }

    fn granted(&mut self, now: Mono, response: &Response) {
        let seconds = self.granted_seconds(response);
        if seconds == 0 {
            return self.failed(now, DownReason::Refused(response.status), None);
        }
        let was_up = self.is_up();
        self.failures = 0;
        self.trouble = None;
        let granted = Duration::from_secs(seconds.into());
        self.granted_until = Some(now + granted);
        // A fifth of the time is left for a REGISTER that is lost or refused.
        self.phase = Phase::Resting(now + granted * 4 / 5);
        if !was_up {
            self.wishes.push_back(RegistrationWish::Up);
        }
        if self.stopping {
            self.leave();
        }
    }

    /// What the carrier grants our contact: its `expires` parameter, else the Expires header,
    /// else what we wished. Some carriers rewrite the contact: a single one is taken for ours.
    fn granted_seconds(&self, response: &Response) -> u32 {
        let listed = response.headers.contacts().unwrap_or_default();
        let ours = Uri::parse(&self.settings.contact).ok();
        let is_ours = |uri: &Uri| ours.as_ref().is_some_and(|ours| uri.same_as(ours));
        let only = if listed.len() == 1 { listed.first() } else { None };
        let contact = listed.iter().find(|contact| is_ours(&contact.uri)).or(only);
        let stated = contact.and_then(|contact| contact.params.value("expires")).and_then(|text| text.parse().ok());
        stated.or_else(|| response.headers.expires()).unwrap_or(self.expires).min(LONGEST_EXPIRES)
    }

    fn challenged(&mut self, now: Mono, response: &Response) {
        let cnonce = self.draw();
        let RegistrationSettings { registrar, user, password, .. } = &self.settings;
        let answer = self.answerer.authorize(response, &Method::Register, registrar, user, password, &cnonce);
        match answer {
            Some(proof) if self.rounds < ROUNDS => self.send(Some(proof)),
            Some(_) | None => {
                self.answerer = Answerer::default();
                self.failed(now, DownReason::Credentials, None);
            }
        }
    }

    /// 423: at least Min-Expires, where that is more than we asked. (§10.2.8)
    fn too_brief(&mut self, now: Mono, response: &Response) {
        let least = response.headers.text(&Name::MinExpires).and_then(|text| text.trim().parse::<u32>().ok());
        match least.filter(|least| *least > self.expires && *least <= LONGEST_EXPIRES) {
            Some(least) if self.rounds < ROUNDS => {
                self.expires = least;
                let proof = self.proof();
                self.send(proof);
            }
            Some(_) | None => self.failed(now, DownReason::Refused(423), None),
        }
    }

    fn failed(&mut self, now: Mono, why: DownReason, retry_after: Option<Duration>) {
        if self.stopping {
            return self.end();
        }
        // Where the carrier did not decide anything, what it granted before still stands.
        let decided = match why {
            DownReason::Refused(status) => !matches!(status, 408 | 500..=599),
            DownReason::Credentials | DownReason::Stopped => true,
            DownReason::NoAnswer => false,
        };
        if decided {
            self.go_down(why);
        }
        let pause = self.pause(why).max(retry_after.unwrap_or(Duration::ZERO));
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(why);
        self.phase = Phase::Resting(now + pause);
    }

    /// Doubling from the first pause to the longest, each shortened by up to a fifth so that
    /// trunks that failed together do not come back together. A refused password waits the
    /// longest at once: carriers bar accounts that try again and again.
    fn pause(&mut self, why: DownReason) -> Duration {
        let longest = self.settings.longest_pause;
        let step = match why {
            DownReason::Credentials => longest,
            DownReason::Refused(_) | DownReason::NoAnswer | DownReason::Stopped => {
                let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
                self.settings.first_pause.saturating_mul(doubled).min(longest)
            }
        };
        let off = u32::from_str_radix(self.draw().get(..4).unwrap_or_default(), 16).unwrap_or(0);
        step - (step / 5).saturating_mul(off) / 0x1_0000
    }

    fn attempt(&mut self, phase: Phase) {
        self.phase = phase;
        self.rounds = 0;
        let proof = self.proof();
        self.send(proof);
    }

    fn leave(&mut self) {
        if self.is_up() { self.attempt(Phase::Leaving) } else { self.end() }
    }

    fn end(&mut self) {
        self.go_down(DownReason::Stopped);
        self.phase = Phase::Ended;
    }

    fn go_down(&mut self, why: DownReason) {
        if self.granted_until.take().is_some() {
            self.wishes.push_back(RegistrationWish::Down(why));
        }
    }

    /// The last nonce once more, where there was one: saves a round trip at each refresh.
    fn proof(&mut self) -> Option<(Name, Vec<u8>)> {
        let cnonce = self.draw();
        let RegistrationSettings { registrar, user, password, .. } = &self.settings;
        self.answerer.again(&Method::Register, registrar, user, password, &cnonce)
    }

    fn send(&mut self, proof: Option<(Name, Vec<u8>)>) {
        self.rounds += 1;
        self.cseq = self.cseq.saturating_add(1);
        let settings = &self.settings;
        let expires = if self.phase == Phase::Leaving { 0 } else { self.expires };
        let mut request = Request::new(Method::Register, settings.registrar.clone());
        let headers = &mut request.headers;
        headers.push(Name::MaxForwards, "70");
        headers.push(Name::From, format!("<{}>;tag={}", settings.aor, settings.from_tag));
        headers.push(Name::To, format!("<{}>", settings.aor));
        headers.push(Name::CallId, settings.call_id.clone());
        headers.push(Name::CSeq, format!("{} REGISTER", self.cseq));
        headers.push(Name::Contact, format!("<{}>;expires={expires}", settings.contact));
        headers.push(Name::Expires, expires.to_string());
        if let Some((name, value)) = proof {
            headers.push(name, value);
        }
        self.wishes.push_back(RegistrationWish::Send(Box::new(request)));
    }

    /// Sixteen hex digits that differ each time.
    fn draw(&mut self) -> String {
        self.drawn = self.drawn.wrapping_add(1);
        let sum = keyed(&self.settings.seed, &[b"draw", &self.drawn.to_be_bytes()]);
        hex::of(sum.first_chunk::<8>().map_or(&[][..], |chunk| chunk))
    }
}

/// Seconds of Retry-After, its comment left aside; an hour at most. (RFC 3261 §20.33)
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers.text(&Name::RetryAfter)?;
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(|seconds: u64| Duration::from_secs(seconds.min(3600)))
}
