//! The files of the months.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::rules::retention::local_text;
use crate::time::Wall;

const END: &str = ".jsonl";

/// `2026-11.jsonl`, of the month in China.
pub fn name(at: Wall) -> String {
    format!("{}{END}", local_text(at).get(..7).unwrap_or("0000-00"))
}

fn is_month(name: &str) -> bool {
    let Some((year, month)) = name.strip_suffix(END).and_then(|stem| stem.split_once('-')) else { return false };
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(year, 4) && digits(month, 2)
}

/// All of them, the oldest first; none where there is no folder.
pub fn all(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_month(&name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}
