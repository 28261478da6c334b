//! Where the archive reaches the disk: one place, so that a slow or a failing one can be tried out.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::time::Mono;

/// The disk that recordings go to, and the clock that shows how long it takes.
pub trait Disk: std::fmt::Debug + Send + Sync {
    fn now(&self) -> Mono;

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Syncs the whole file system that `folder` lies on.
    fn sync_file_system(&self, folder: &Path) -> io::Result<()> {
        let folder = File::open(folder)?;
        // SAFETY: the descriptor is open for the length of the call.
        if unsafe { libc::syncfs(folder.as_raw_fd()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The operating system's, with a clock that is zero at `origin`.
#[derive(Clone, Copy, Debug)]
pub struct System {
    pub origin: Instant,
}

impl Disk for System {
    fn now(&self) -> Mono {
        Mono(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
