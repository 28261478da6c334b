//! The client's side: answering a challenge of a carrier, and using its nonce again.

use std::fmt;

use super::credentials::Signed;
use super::hash::Algorithm;
use super::params::{AuthParams, quoted};
use crate::sip::message::{Method, Name, Response};

/// What a carrier's challenges are answered with.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
    /// Random (RFC 7616 §3.4).
    pub cnonce: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Login({})", self.user)
    }
}

/// So many stale nonces in a row are answered; then the peer is taken for broken.
const STALE_ROUNDS: u8 = 3;

/// Answers the challenges that one registration, or one call, meets, and counts the uses of a
/// nonce. One per registration or call, since it remembers whether its last answer was refused.
#[derive(Debug, Default)]
pub struct Answerer {
    challenge: Option<Challenge>,
    uses: u32,
    under_way: Option<Attempt>,
    rounds: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The answer to a challenge that had just arrived.
    First,
    /// A nonce used again without being asked.
    Again,
}

#[derive(Debug)]
struct Challenge {
    answer_in: Name,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Algorithm,
    /// Whether the challenge named its algorithm: who did not is not told it back.
    named: bool,
    with_qop: bool,
    stale: bool,
}

impl Answerer {
    /// The header that answers a 401 or 407, SHA-256 before MD5. None where no challenge can be
    /// answered, or where the password just sent was refused: sending it again would only lock
    /// the account.
    pub fn authorize(
        &mut self,
        challenged: &Response,
        method: &Method,
        uri: &str,
        user: &str,
        password: &str,
        cnonce: &str,
    ) -> Option<(Name, Vec<u8>)> {
        let heard = Challenge::best(challenged)?;
        let refused = match self.under_way {
            None => false,
            Some(Attempt::Again) => false,
            Some(Attempt::First) => !heard.stale,
        };
        if refused || self.rounds >= STALE_ROUNDS {
            return None;
        }
        self.rounds += 1;
        self.challenge = Some(heard);
        self.uses = 0;
        self.answer(Attempt::First, method, uri, user, password, cnonce)
    }

    /// The header for a further request with the nonce of the last challenge, its count raised;
    /// None where there was none.
    pub fn again(
        &mut self,
        method: &Method,
        uri: &str,
        user: &str,
        password: &str,
        cnonce: &str,
    ) -> Option<(Name, Vec<u8>)> {
        self.answer(Attempt::Again, method, uri, user, password, cnonce)
    }

    /// To be told of every final response that is no challenge, so that the next challenge is
    /// taken for a new one.
    pub const fn accepted(&mut self) {
        self.under_way = None;
        self.rounds = 0;
    }

    fn answer(
        &mut self,
        attempt: Attempt,
        method: &Method,
        uri: &str,
        user: &str,
        password: &str,
        cnonce: &str,
    ) -> Option<(Name, Vec<u8>)> {
        let challenge = self.challenge.as_ref()?;
        self.under_way = Some(attempt);
        self.uses = self.uses.saturating_add(1);
        let count = format!("{:08x}", self.uses);
        Some((challenge.answer_in.clone(), challenge.answer(&count, method, uri, user, password, cnonce)))
    }
}

impl Challenge {
    /// The strongest challenge that can be answered.
    fn best(response: &Response) -> Option<Self> {
        let (asked_in, answer_in) = match response.status {
            407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => (Name::WwwAuthenticate, Name::Authorization),
        };
        let lines = response.headers.0.iter().filter(|header| header.name == asked_in);
        let offered = lines.flat_map(|header| AuthParams::parse(&header.value)).filter(AuthParams::is_digest);
        let known: Vec<Self> = offered.filter_map(|params| Self::read(&params, &answer_in)).collect();
        // Of equals the first, which is what the server would rather have (RFC 8760 §2.4).
        known.into_iter().rev().max_by_key(|challenge| challenge.algorithm)
    }

    fn read(params: &AuthParams, answer_in: &Name) -> Option<Self> {
        let with_qop = match params.get("qop") {
            Some(list) => {
                list.split(|byte| *byte == b',')
                    .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"auth"))
                    .then_some(())?;
                true
            }
            None => false,
        };
        Some(Self {
            answer_in: answer_in.clone(),
            realm: params.get("realm")?.to_vec(),
            nonce: params.get("nonce")?.to_vec(),
            opaque: params.get("opaque").map(<[u8]>::to_vec),
            algorithm: Algorithm::parse(params.get("algorithm"))?,
            named: params.get("algorithm").is_some(),
            with_qop,
            stale: params.get("stale").is_some_and(|value| value.eq_ignore_ascii_case(b"true")),
        })
    }

    fn answer(&self, count: &str, method: &Method, uri: &str, user: &str, password: &str, cnonce: &str) -> Vec<u8> {
        let protection = self.with_qop.then_some([count.as_bytes(), cnonce.as_bytes(), b"auth"]);
        let signed = Signed {
            username: user.as_bytes(),
            realm: &self.realm,
            nonce: &self.nonce,
            uri: uri.as_bytes(),
            method: method.as_str(),
            protection,
        };
        let response = signed.response(self.algorithm, password);
        let mut out = b"Digest".to_vec();
        let mut write = |lead: &str, value: &[u8]| {
            out.extend_from_slice(lead.as_bytes());
            out.extend_from_slice(value);
        };
        write(" username=", &quoted(user.as_bytes()));
        write(", realm=", &quoted(&self.realm));
        write(", nonce=", &quoted(&self.nonce));
        write(", uri=", &quoted(uri.as_bytes()));
        write(", response=", &quoted(response.as_bytes()));
        if self.named {
            write(", algorithm=", self.algorithm.token().as_bytes());
        }
        if self.with_qop {
            write(", cnonce=", &quoted(cnonce.as_bytes()));
            write(", qop=auth, nc=", count.as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            write(", opaque=", &quoted(opaque));
        }
        out
    }
}
