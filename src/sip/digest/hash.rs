//! The sums behind a digest.

use crate::hex;
use md5::Md5;
use sha2::{Digest, Sha256};

/// What a digest is computed with. (RFC 8760 §2.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// Reads an `algorithm` parameter in any case; none means MD5 (RFC 7616 §3.3). The `-sess`
    /// forms and anything unknown are `None`, so that the whole challenge is passed over.
    pub fn parse(token: Option<&[u8]>) -> Option<Self> {
        let token = token.unwrap_or(b"MD5");
        [Self::Md5, Self::Sha256].into_iter().find(|known| known.token().as_bytes().eq_ignore_ascii_case(token))
    }

    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// `H(a:b:c)` in lower-case hex, the colons between the parts included.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        let joined = parts.join(&b':');
        match self {
            Self::Md5 => hex::of(&Md5::digest(&joined)),
            Self::Sha256 => hex::of(&Sha256::digest(&joined)),
        }
    }
}

/// HMAC-SHA-256 over the parts, each preceded by its length. (RFC 2104)
pub(in crate::sip) fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut inner = Sha256::new();
    inner.update(padded(key, 0x36));
    for part in parts {
        inner.update((part.len() as u64).to_be_bytes());
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(padded(key, 0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

fn padded(key: &[u8; 32], pad: u8) -> [u8; 64] {
    let mut block = [pad; 64];
    for (byte, of_key) in block.iter_mut().zip(key) {
        *byte ^= of_key;
    }
    block
}

/// Equality whose time does not tell how many leading bytes were right.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}
