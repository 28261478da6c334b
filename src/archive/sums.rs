//! SHA-256 and SM3 (GB/T 32905, GM/T 0004) of the same bytes, in one pass over them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::hex;
use sha2::{Digest, Sha256};
use sm3::Sm3;

const READ_AT_ONCE: usize = 64 * 1024;

/// Both sums while they grow.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    sha256: Sha256,
    sm3: Sm3,
}

/// Both sums, each as 64 small hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    pub sha256: String,
    pub sm3: String,
}

impl Sums {
    /// Of bytes that are all there.
    pub fn of(bytes: &[u8]) -> Hashes {
        let mut sums = Self::default();
        sums.update(bytes);
        sums.finish()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.sm3.update(bytes);
    }

    pub fn finish(self) -> Hashes {
        Hashes { sha256: hex::of(&self.sha256.finalize()), sm3: hex::of(&self.sm3.finalize()) }
    }
}

impl Hashes {
    /// Whether this is what was written down. SM3 counts where it was: older seals have none.
    pub fn are(&self, sha256: &str, sm3: Option<&str>) -> bool {
        self.sha256 == sha256 && sm3.is_none_or(|sm3| self.sm3 == sm3)
    }
}

/// SHA-256 alone, as 64 small hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex::of(&Sha256::digest(bytes))
}

/// Length and sums of a file, whose bytes go into `whole` as well, where it is given. `pace` is told of each piece, may
/// wait, and may break off.
pub(super) fn hash(
    file: &File,
    mut whole: Option<&mut Sums>,
    pace: &mut dyn FnMut(u64) -> io::Result<()>,
) -> io::Result<(u64, Hashes)> {
    let mut own = Sums::default();
    let mut block = vec![0; READ_AT_ONCE];
    let mut at = 0;
    loop {
        let count = match file.read_at(&mut block, at) {
            Ok(0) => return Ok((at, own.finish())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = block.get(..count).unwrap_or_default();
        own.update(piece);
        if let Some(whole) = &mut whole {
            whole.update(piece);
        }
        at += count as u64;
        pace(count as u64)?;
    }
}
