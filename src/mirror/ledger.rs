//! What the other side has acknowledged: `<data>/mirror/<name>/2026-11-24`, a line for each call, and
//! `manifests`, one for each file. It only saves asking: whoever removes it makes the mirror compare
//! everything anew, and send what is missing.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// `<data>/mirror/<name>`.
pub(super) fn folder(data: &Path, name: &str) -> PathBuf {
    data.join("mirror").join(name)
}

pub(super) struct Ledger {
    folder: PathBuf,
}

impl Ledger {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A torn last line names nothing that is there.
    pub fn of(&self, page: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.folder.join(page)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Not synced: what is lost is compared anew.
    pub fn add(&self, page: &str, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o640).open(self.folder.join(page))?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}
