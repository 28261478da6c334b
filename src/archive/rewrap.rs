//! A new master key for all recordings: their small key files are wrapped anew, while the server runs or not.

use std::path::{Path, PathBuf};

use super::keys::{KEY_FILE, MasterKeys, rewrap};
use super::sweep::{days, newest_first};

/// What was done.
#[derive(Debug, Default)]
pub struct Rewrapped {
    pub rewrapped: u64,
    /// Those that had the newest master key already.
    pub current: u64,
    /// What stays as it was, relative to the recordings folder, and why.
    pub faults: Vec<(PathBuf, String)>,
}

/// Wraps the keys of all recordings below `root` with the first of the master keys. It may be broken off and begun
/// again at any time.
pub fn rewrap_all(root: &Path, masters: &MasterKeys) -> Rewrapped {
    let mut done = Rewrapped::default();
    for folder in days(root).into_iter().flat_map(|day| newest_first(&day)) {
        let key = folder.join(KEY_FILE);
        if key.symlink_metadata().is_err() {
            continue;
        }
        match rewrap(&folder, masters) {
            Ok(true) => done.rewrapped += 1,
            Ok(false) => done.current += 1,
            Err(error) => {
                let path = key.strip_prefix(root).unwrap_or(&key).to_path_buf();
                done.faults.push((path, error.to_string()));
            }
        }
    }
    done
}
