//! `hotline check`: every fault of the configuration, by file, line and reason.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::config::{Config, Fault, ports};

/// Checks the configuration and starts nothing.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder with sip-configs/ and dialplan/; without it the embedded default is checked
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Exit code 0 where nothing is wrong, else 1.
pub fn run(args: &Args) -> ExitCode {
    let found = check(args, hard_open_files());
    let text = if args.json { as_json(&found).to_string() } else { as_text(&found) };
    let _ = writeln!(io::stdout(), "{text}");
    if found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The configuration, or all that is wrong with it on a machine with this hard RLIMIT_NOFILE.
pub fn check(args: &Args, hard_open_files: u64) -> Result<Config, Vec<Fault>> {
    let config = Config::load(args.config.as_deref())?;
    let faults = ports::check_open_files(&config, args.config.as_deref(), hard_open_files);
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

pub fn as_text(found: &Result<Config, Vec<Fault>>) -> String {
    match found {
        Ok(config) => {
            let counts = counts(config).map(|(what, count)| format!("{count} {what}")).join(", ");
            let warnings = config.warnings().into_iter().map(|warning| format!("\nwarning: {warning}"));
            format!("ok: {counts}{}", warnings.collect::<String>())
        }
        Err(faults) => faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"),
    }
}

pub fn as_json(found: &Result<Config, Vec<Fault>>) -> Value {
    match found {
        Ok(config) => {
            let counts: serde_json::Map<String, Value> =
                counts(config).into_iter().map(|(what, count)| (what.to_owned(), count.into())).collect();
            json!({ "ok": true, "faults": [], "warnings": config.warnings(), "counts": counts })
        }
        Err(faults) => json!({ "ok": false, "faults": faults }),
    }
}

fn counts(config: &Config) -> [(&'static str, usize); 7] {
    let mut codes: Vec<&str> = config.numbers.rows().map(|row| row.code.as_str()).collect();
    codes.dedup();
    [
        ("listeners", config.listens.len()),
        ("trunks", config.trunks.len()),
        ("seats", config.seats.len()),
        ("groups", config.queues.len()),
        ("codes", codes.len()),
        ("targets", config.directory.entries().count()),
        ("devices", config.directory.devices().count()),
    ]
}

/// How far this process may raise its limit of open files.
pub fn hard_open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one rlimit to a place that we own.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => limit.rlim_max,
        _ => u64::MAX,
    }
}
