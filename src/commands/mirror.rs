//! `hotline mirror`: how far the second copies are, and what can be made of one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::ToSpan;
use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};
use super::table::{cell, list, time};
use crate::config::mirror::S3Settings;
use crate::mirror::restore::{Which, restore};
use crate::mirror::{FolderTarget, S3Target, Target};
use crate::rules::retention;
use crate::time::Wall;

/// Shows how far the second copies are, or makes a hotline of one.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    deed: Option<Deed>,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Debug, Subcommand)]
enum Deed {
    /// How far each copy is (the default)
    Status {
        #[command(flatten)]
        server: Server,
    },
    /// Brings a hotline back from its second copy: to FOLDER/config and FOLDER/data, verified
    Restore {
        /// An empty folder, or one that is not there
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        #[command(flatten)]
        from: From,
    },
    /// Does the same in a folder of its own, says whether it is whole and how long it took, and removes it
    Drill {
        /// Where there is room for it; the folder of the system for what is temporary unless given
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
        #[command(flatten)]
        from: From,
    },
}

/// Where the copy is.
#[derive(Clone, Debug, clap::Args)]
struct From {
    /// The copy's folder, or s3://bucket/prefix
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Which recordings: all, none, or of so many days, today's the first
    #[arg(long, value_name = "all|none|DAYS", default_value = "all")]
    recordings: String,
    /// Of the S3 store, such as https://s3.example.net
    #[arg(long, value_name = "URL", default_value = "")]
    endpoint: String,
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// TOML with access_key_id and secret_access_key; else $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// PEM of whom to trust for TLS, unless those whom the system trusts
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The bucket stands in the name of the host, not in the path
    #[arg(long)]
    virtual_hosted: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exit code 1 for a copy that is not whole.
pub fn run(args: &Args) -> ExitCode {
    super::keep_files_private();
    match args.deed.clone() {
        None => finish(args.server.json, status(&args.server), status_text),
        Some(Deed::Status { server }) => {
            let json = server.json || args.server.json;
            finish(json, status(&server), status_text)
        }
        Some(Deed::Restore { to, from }) => told(&from, brought(&from, &to)),
        Some(Deed::Drill { to, from }) => {
            let room = to.unwrap_or_else(std::env::temp_dir);
            let folder = room.join(format!("hotline-drill-{}", std::process::id()));
            // What this drill removes it has made itself.
            if let Err(source) = std::fs::create_dir(&folder) {
                return told(&from, Err(ClientError::File { path: folder, source }));
            }
            let answer = brought(&from, &folder);
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                eprintln!("{}: {error}", folder.display());
            }
            told(&from, answer)
        }
    }
}

fn status(server: &Server) -> Result<Value, ClientError> {
    Client::open(server)?.get("/api/mirrors", &[])
}

fn told(from: &From, answer: Result<Value, ClientError>) -> ExitCode {
    let bad = answer.as_ref().is_ok_and(|answer| answer.get("whole") != Some(&json!(true)));
    let code = finish(from.json, answer, report_text);
    if bad { ExitCode::FAILURE } else { code }
}

fn brought(from: &From, to: &Path) -> Result<Value, ClientError> {
    let which = which(&from.recordings)?;
    let wrong = |fault: crate::mirror::Fault| ClientError::Wrong(fault.to_string());
    let mut target = open(from)?;
    let report = restore(&mut *target, to, which).map_err(wrong)?;
    serde_json::to_value(report).map_err(|error| ClientError::Wrong(error.to_string()))
}

fn which(text: &str) -> Result<Which, ClientError> {
    match (text, text.parse::<u32>()) {
        ("all", _) => Ok(Which::All),
        ("none", _) => Ok(Which::None),
        (_, Ok(days)) => {
            let today = retention::local_day(Wall(jiff::Timestamp::now().as_millisecond()));
            let back = i64::from(days.saturating_sub(1)).days();
            Ok(today.checked_sub(back).map_or(Which::All, Which::Since))
        }
        _ => Err(ClientError::Wrong(format!("--recordings {text} is neither all nor none nor a number of days"))),
    }
}

fn open(from: &From) -> Result<Box<dyn Target>, ClientError> {
    let Some(bucket) = from.from.strip_prefix("s3://") else {
        return Ok(Box::new(FolderTarget::reading(Path::new(&from.from))));
    };
    if from.endpoint.is_empty() {
        return Err(ClientError::Wrong("--endpoint is needed with s3://".to_owned()));
    }
    let (bucket, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
    let settings = S3Settings {
        endpoint: from.endpoint.trim_end_matches('/').to_owned(),
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        region: from.region.clone(),
        credentials_file: from.credentials_file.clone(),
        path_style: !from.virtual_hosted,
        // Whoever types http:// has said so.
        allow_http: true,
        ca_file: from.ca_file.clone(),
        object_lock: None,
        object_lock_years: 3,
    };
    let target = S3Target::open(&settings).map_err(|fault| ClientError::Wrong(fault.to_string()))?;
    Ok(Box::new(target))
}

fn status_text(mirrors: &Value) -> String {
    let head = ["MIRROR", "WAITING", "BYTES", "LAG S", "LAST SET", "SET AGE S", "STATE"];
    list(mirrors, "no [[mirror]] in server.toml: there is no second copy", &head, |mirror| {
        let state = ["/failing", "/set_failing", "/refused"].map(|why| cell(mirror, why));
        let state: Vec<String> = state.into_iter().filter(|why| why != "-" && !why.is_empty()).collect();
        vec![
            cell(mirror, "/name"),
            cell(mirror, "/waiting"),
            cell(mirror, "/waiting_bytes"),
            cell(mirror, "/lag_s"),
            time(mirror, "/last_set"),
            cell(mirror, "/set_age_s"),
            if state.is_empty() { "ok".to_owned() } else { state.join("; ") },
        ]
    })
}

fn report_text(report: &Value) -> String {
    let number = |at: &str| report.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let mut lines = vec![
        format!("{} as of {}", cell(report, "/hotline"), time(report, "/set_made")),
        format!("{} files, {} recordings, {} bytes", number("/files"), number("/recordings"), number("/bytes")),
        format!(
            "{} answered calls, {} tickets, {} recordings known, journal up to entry {}",
            number("/totals/calls"),
            number("/totals/tickets"),
            number("/totals/recordings"),
            number("/journal")
        ),
        format!("newest recording: {}", time(report, "/newest_recording")),
        format!("recordings missing: {}; compared with {} manifests", number("/missing"), number("/manifests")),
        format!("recordings of calls after the set, whose tickets are lost: {}", number("/without_ticket")),
        format!("took {}.{:03} s", number("/took_ms") / 1000, number("/took_ms") % 1000),
        format!("RPO seen: {} s of tickets would be lost now", number("/rpo_s")),
    ];
    let faults = report.pointer("/faults").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    lines.extend(faults.iter().filter_map(Value::as_str).map(|fault| format!("FAULT {fault}")));
    lines.push(if report.get("whole") == Some(&json!(true)) { "whole" } else { "NOT WHOLE" }.to_owned());
    lines.join("\n")
}
