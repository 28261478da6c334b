//! What a client sent in Authorization, and whether it knows the password.

use super::hash::{Algorithm, same};
use super::params::AuthParams;
use crate::sip::message::{Headers, Method, Name};

/// Longer user names than this are no account of ours and are not worth remembering.
const LONGEST_USER: usize = 255;

/// One Authorization header, its values as the bytes that arrived (quoted strings unescaped).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub username: Vec<u8>,
    pub realm: Vec<u8>,
    pub nonce: Vec<u8>,
    /// The digest URI: the bytes that the client signed.
    pub uri: Vec<u8>,
    pub algorithm: Algorithm,
    /// None in the form of RFC 2069, which some old phones still use.
    pub qop: Option<Protection>,
    response: Vec<u8>,
}

/// `qop=auth` with its counter. (RFC 7616 §3.4)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    token: Vec<u8>,
    cnonce: Vec<u8>,
    nc: Vec<u8>,
    count: u32,
}

impl Credentials {
    /// The credentials meant for us among all Authorization lines: our realm, a known algorithm,
    /// nothing missing. A request through several domains may carry others' (RFC 3261 §22.3).
    pub fn find(headers: &Headers, realm: &str, known: &[Algorithm]) -> Option<Self> {
        let ours = headers
            .0
            .iter()
            .filter(|header| header.name == Name::Authorization)
            .flat_map(|header| Self::parse(&header.value))
            .filter(|found| found.realm == realm.as_bytes());
        // A client may answer both challenges; the strongest counts.
        ours.filter(|found| known.contains(&found.algorithm)).max_by_key(|found| found.algorithm)
    }

    /// Every complete digest in one header value. `auth-int` was never offered, so it counts as
    /// incomplete.
    pub fn parse(value: &[u8]) -> Vec<Self> {
        AuthParams::parse(value).iter().filter(|found| found.is_digest()).filter_map(Self::read).collect()
    }

    fn read(params: &AuthParams) -> Option<Self> {
        let owned = |name| params.get(name).map(<[u8]>::to_vec);
        let qop = match params.get("qop") {
            Some(token) => Some(Protection::read(token, params)?),
            None => None,
        };
        let username = owned("username")?;
        (username.len() <= LONGEST_USER).then_some(())?;
        Some(Self {
            username,
            realm: owned("realm")?,
            nonce: owned("nonce")?,
            uri: owned("uri")?,
            algorithm: Algorithm::parse(params.get("algorithm"))?,
            qop,
            response: params.get("response")?.to_ascii_lowercase(),
        })
    }

    /// The user as text; None for bytes that are no UTF-8, which no account has.
    pub fn user(&self) -> Option<&str> {
        std::str::from_utf8(&self.username).ok()
    }

    /// The nonce count; None without qop.
    pub fn count(&self) -> Option<u32> {
        self.qop.as_ref().map(|protection| protection.count)
    }

    /// Whether the response proves `password`, compared in constant time. (RFC 7616 §3.4.1)
    pub fn verify(&self, method: &Method, password: &str) -> bool {
        let protection = self.qop.as_ref().map(|qop| [qop.nc.as_slice(), &qop.cnonce, &qop.token]);
        let expected = Signed {
            username: &self.username,
            realm: &self.realm,
            nonce: &self.nonce,
            uri: &self.uri,
            method: method.as_str(),
            protection,
        }
        .response(self.algorithm, password);
        same(expected.as_bytes(), &self.response)
    }
}

impl Protection {
    fn read(token: &[u8], params: &AuthParams) -> Option<Self> {
        token.eq_ignore_ascii_case(b"auth").then_some(())?;
        let nc = params.get("nc")?;
        Some(Self {
            token: token.to_vec(),
            cnonce: params.get("cnonce")?.to_vec(),
            nc: nc.to_vec(),
            count: u32::from_str_radix(std::str::from_utf8(nc).ok()?, 16).ok()?,
        })
    }
}

/// The values that go into a response, on either side.
pub(super) struct Signed<'a> {
    pub username: &'a [u8],
    pub realm: &'a [u8],
    pub nonce: &'a [u8],
    pub uri: &'a [u8],
    pub method: &'a str,
    /// nc, cnonce, qop.
    pub protection: Option<[&'a [u8]; 3]>,
}

impl Signed<'_> {
    pub fn response(&self, algorithm: Algorithm, password: &str) -> String {
        let secret = algorithm.hash(&[self.username, self.realm, password.as_bytes()]);
        let deed = algorithm.hash(&[self.method.as_bytes(), self.uri]);
        match self.protection {
            Some([nc, cnonce, qop]) => {
                algorithm.hash(&[secret.as_bytes(), self.nonce, nc, cnonce, qop, deed.as_bytes()])
            }
            None => algorithm.hash(&[secret.as_bytes(), self.nonce, deed.as_bytes()]),
        }
    }
}
