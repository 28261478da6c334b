//! A disk of its own that is soon full.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{find, run};

/// A tmpfs, which only root may mount.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(at: PathBuf, kib: u32) -> Self {
        fs::create_dir_all(&at).expect("folder");
        let size = format!("size={kib}k");
        run(Command::new(find("mount", "mount")).args(["-t", "tmpfs", "-o", &size, "none"]).arg(&at));
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has files open on it keeps them.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
