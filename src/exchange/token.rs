//! Tags, Call-IDs and branches that nobody outside can guess, from one seed given at the start.

use sha2::{Digest, Sha256};

/// A counter under a keyed hash.
#[derive(Clone)]
pub struct Tokens {
    seed: [u8; 32],
    next: u64,
}

impl Tokens {
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, next: 0 }
    }

    /// 16 hex digits, never the same twice.
    pub fn next(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    pub fn number(&mut self) -> u64 {
        self.next += 1;
        let hash = Sha256::new().chain_update(self.seed).chain_update(self.next.to_be_bytes()).finalize();
        hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// A key for another use, which tells nothing about the seed.
    pub fn key(&self, purpose: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.seed).chain_update(purpose).finalize().into()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Tokens(#{})", self.next)
    }
}
