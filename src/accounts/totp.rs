//! One-time codes of a phone's authenticator: six digits, SHA-1, 30 seconds. (RFC 6238, RFC 4226)

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::password::same;
use crate::time::Wall;

const PERIOD_MS: i64 = 30_000;
/// Digits of a code.
const DIGITS: usize = 6;
/// A phone's clock may be one period off, either way. (RFC 6238 §5.2)
const DRIFT: i64 = 1;
/// Bytes of a secret. (RFC 4226 §4: 160 bits)
pub const SECRET: usize = 20;

/// The period whose code this is, if it is one that may still be used: later than `used`, so that no
/// code works twice. (RFC 6238 §5.2)
pub fn period_of(secret: &[u8], code: &str, now: Wall, used: i64) -> Option<i64> {
    let at = now.0.div_euclid(PERIOD_MS);
    let fits = |period: &i64| code_of(secret, *period).is_some_and(|right| same(right.as_bytes(), code.as_bytes()));
    (at - DRIFT..=at + DRIFT).filter(fits).find(|period| *period > used)
}

/// The code at this time, as the phone shows it.
pub fn code_at(secret: &[u8], at: Wall) -> Option<String> {
    code_of(secret, at.0.div_euclid(PERIOD_MS))
}

/// RFC 4226 §5.3
fn code_of(secret: &[u8], period: i64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&u64::try_from(period).ok()?.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last()? & 0x0F);
    let word: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
    Some(format!("{:0DIGITS$}", (u32::from_be_bytes(word) & 0x7FFF_FFFF) % 1_000_000))
}

/// What an authenticator takes as a link or a QR code.
pub fn link(account: &str, secret: &[u8]) -> String {
    format!("otpauth://totp/hotline:{account}?secret={}&issuer=hotline", base32(secret))
}

/// RFC 4648 §6, without padding.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letter = |five: u64| char::from(ALPHABET.get((five & 31) as usize).copied().unwrap_or(b'A'));
    let group = |five: &[u8]| {
        let bits = (0..5).fold(0_u64, |bits, at| bits << 8 | u64::from(five.get(at).copied().unwrap_or(0)));
        let letters = (five.len() * 8).div_ceil(5);
        (0..letters).map(|at| letter(bits >> (35 - at * 5))).collect::<String>()
    };
    bytes.chunks(5).map(group).collect()
}
