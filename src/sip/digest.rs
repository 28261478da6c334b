//! Digest access authentication, both sides. (RFC 7616, RFC 8760; RFC 2617 and RFC 2069 as older
//! phones and carriers still speak them)
//!
//! A response is always computed from the bytes that arrived, never from a re-printed URI: a
//! phone that signed `sip:127.0.0.1;transport=udp` signed exactly that.

mod answerer;
mod credentials;
mod hash;
mod nonces;
mod params;

pub use answerer::{Answerer, Login};
pub use credentials::Credentials;
pub use hash::Algorithm;
pub use nonces::{Freshness, Nonces};

pub(super) use hash::keyed;

use params::quoted;

/// The values of the WWW-Authenticate lines of one challenge, one per algorithm in the order
/// given; the first is the one that we would rather have (RFC 8760 §2.4).
pub fn challenge_headers(realm: &str, nonce: &str, stale: bool, algorithms: &[Algorithm]) -> Vec<String> {
    let stale = if stale { ", stale=true" } else { "" };
    let realm = String::from_utf8_lossy(&quoted(realm.as_bytes())).into_owned();
    algorithms
        .iter()
        .map(|algorithm| {
            format!(r#"Digest realm={realm}, nonce="{nonce}"{stale}, algorithm={}, qop="auth""#, algorithm.token())
        })
        .collect()
}
