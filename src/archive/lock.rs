//! One server to a data folder and to a recordings folder: the second is refused.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// In each folder that a server holds.
pub(super) const FILE: &str = "lock";

/// Holds a folder for as long as it lives. The system lets go of it when the process ends, however
/// it ends, so no stale lock is ever left.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another server runs on {}", .folder.display())]
    Taken { folder: PathBuf },
    #[error("cannot lock {}: {source}", .folder.display())]
    Io { folder: PathBuf, source: std::io::Error },
}

impl FolderLock {
    /// Takes `folder`, which must exist; fails at once where another process has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { folder: folder.to_path_buf(), source };
        let path = folder.join(FILE);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LockError::Taken { folder: folder.to_path_buf() },
            TryLockError::Error(source) => failed(source),
        })?;
        // For the person who looks who it is; nothing reads it.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
