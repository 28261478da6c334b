//! Passwords as Argon2id hashes. (RFC 9106)

use argon2::{Algorithm, Argon2, Params, Version};

use crate::hex;

/// What a new hash costs: 19 MiB, two passes, one lane (OWASP's least for Argon2id): some tens of
/// milliseconds of one core, and no memory that a machine with live calls would miss.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
const HASH: usize = 32;

/// A hash with all that it takes to compare a password with it: the cost may be raised later.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Hex.
    salt: String,
    hash: String,
}

impl Hash {
    /// With a salt of its own. None: the system has no random numbers or no memory.
    pub fn of(password: &str) -> Option<Self> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).ok()?;
        let hash = digest(password, &salt, MEMORY_KIB, PASSES, LANES)?;
        let (salt, hash) = (hex::of(&salt), hex::of(&hash));
        Some(Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash })
    }

    /// What is compared with where there is no such account, so that the time tells nothing.
    pub fn of_nobody() -> Self {
        let (salt, hash) = ("00".repeat(SALT), String::new());
        Self { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash }
    }

    pub fn fits(&self, password: &str) -> bool {
        let Some(salt) = hex::read(&self.salt) else { return false };
        let found = digest(password, &salt, self.memory_kib, self.passes, self.lanes);
        found.is_some_and(|found| same(hex::of(&found).as_bytes(), self.hash.as_bytes()))
    }
}

fn digest(password: &str, salt: &[u8], memory_kib: u32, passes: u32, lanes: u32) -> Option<[u8; HASH]> {
    let params = Params::new(memory_kib, passes, lanes, Some(HASH)).ok()?;
    let mut hash = [0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .ok()?;
    Some(hash)
}

/// In a time that tells nothing but the length.
pub(super) fn same(left: &[u8], right: &[u8]) -> bool {
    let differs = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    left.len() == right.len() && std::hint::black_box(differs) == 0
}
