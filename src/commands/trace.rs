//! `hotline trace CALL`: the signalling of a call as a ladder, with the reason of each decision. It
//! reads the server's files and asks nobody, so it works with the server stopped.

pub mod ladder;
pub mod pcap;
pub mod story;
pub mod text;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::store::Store;
use crate::store::numbering::Number;
use crate::store::sqlite::Sqlite;

use super::client::complain;
use ladder::Ladder;
use story::Story;

/// Shows the signalling of a recent call, and why each thing was done.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Call id (16 hex digits), ticket number, or SIP Call-ID
    #[arg(value_name = "CALL")]
    pub call: String,
    /// The server's data folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Write the messages into a new capture file; numbers stand in it in the clear
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// Show numbers in the clear
    #[arg(long)]
    pub full: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("cannot read the trace in {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Exit code 0 where something was found, 1 where nothing is kept of such a call, 2 where that
/// cannot be said.
pub fn run(args: &Args) -> ExitCode {
    match trace(args) {
        Ok(Some(shown)) => {
            let _ = writeln!(io::stdout(), "{}", shown.trim_end());
            ExitCode::SUCCESS
        }
        Ok(None) => {
            complain(args.json, "not_found", &format!("nothing is kept of {}", args.call));
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(args.json, "client", &error.to_string());
            ExitCode::from(2)
        }
    }
}

/// What is to be printed; writes the capture file where one is wanted. None: nothing is kept of it.
pub fn trace(args: &Args) -> Result<Option<String>, TraceError> {
    let dir = args.data.join("trace");
    let asked = call_of_ticket(&args.data, &args.call).unwrap_or_else(|| args.call.clone());
    let found = story::find(&dir, &asked).map_err(|source| TraceError::Read { path: dir, source })?;
    let Some(story) = found else { return Ok(None) };
    if let Some(path) = &args.pcap {
        capture(path, &story).map_err(|source| TraceError::Write { path: path.clone(), source })?;
    }
    let ladder = Ladder::of(&story, args.full);
    Ok(Some(if args.json { serde_json::to_string(&ladder).unwrap_or_default() } else { text::print(&ladder) }))
}

/// The call id of a ticket, if this is a ticket number and the database knows it.
fn call_of_ticket(data: &Path, asked: &str) -> Option<String> {
    let _: Number = asked.parse().ok()?;
    let database = data.join("hotline.sqlite");
    if !database.exists() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let ticket = runtime.block_on(async { Sqlite::new(&database).ticket(asked).await });
    Some(ticket.ok()??.call.to_string())
}

/// A new file that only its owner can read.
fn capture(path: &Path, story: &Story) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut out = io::BufWriter::new(file);
    pcap::write(&mut out, story.messages())?;
    out.flush()
}
