//! `hotline init DIR`: the example configuration as files to be edited.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use thiserror::Error;

use crate::config::files;

/// Writes the example configuration; never overwrites a file.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where sip-configs/ and dialplan/ are to be
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Error)]
pub enum InitError {
    #[error("{} is there already, so nothing was written: name a folder that has none of them", list(.0))]
    Exists(Vec<PathBuf>),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

pub fn run(args: &Args) -> ExitCode {
    match (write(&args.dir), args.json) {
        (Ok(written), true) => {
            let _ = writeln!(io::stdout(), "{}", json!({ "written": written }));
            ExitCode::SUCCESS
        }
        (Ok(written), false) => {
            for path in &written {
                let _ = writeln!(io::stdout(), "wrote {}", path.display());
            }
            ExitCode::SUCCESS
        }
        (Err(error), true) => {
            let _ = writeln!(io::stdout(), "{}", json!({ "error": error.to_string() }));
            ExitCode::FAILURE
        }
        (Err(error), false) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the nine files and the table of prompts, readable by their owner alone: seats and trunks hold passwords. Where one
/// of them exists, none is written.
pub fn write(dir: &Path) -> Result<Vec<PathBuf>, InitError> {
    let paths: Vec<(PathBuf, &str)> = files::ALL.iter().map(|file| (dir.join(file.path), file.text)).collect();
    let there: Vec<PathBuf> =
        paths.iter().map(|(path, _)| path).filter(|path| path.symlink_metadata().is_ok()).cloned().collect();
    if !there.is_empty() {
        return Err(InitError::Exists(there));
    }
    let mut written = Vec::new();
    for (path, text) in paths {
        create(&path, text).map_err(|source| InitError::Write { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
