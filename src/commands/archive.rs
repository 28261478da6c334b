//! `hotline archive`: is the archive whole, what is its head, which key signs it? From files alone: no
//! server, database or configuration is asked, and nothing is written. `reconcile`, and what decides how long
//! recordings are kept (`keeping`), ask the server.; `rewrap` alone writes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};
use super::keeping;
use super::table::{card, cell};
use crate::archive::keys::{KeyError, MasterKeys};
use crate::archive::manifest::day_of;
use crate::archive::manifest::folder::Manifests;
use crate::archive::manifest::key::PublicKey;
use crate::archive::manifest::verify::{Kept, Report, Scope, verify};
use crate::archive::package::verify as package;
use crate::archive::rewrap::rewrap_all;

/// Proves that recordings are whole and unchanged; decides how long they are kept, and destroys what is approved.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub deed: Deed,
    /// The server's data folder, with the recordings in it
    #[arg(long, global = true, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// Folder of the recordings, where they do not lie in the data folder
    #[arg(long, global = true, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum Deed {
    Verify(Verify),
    /// Prints the SHA-256 and the day of the last manifest: keep it away from this machine
    Head,
    Reconcile(Reconcile),
    /// Prints the public key that manifests are signed with, as PEM
    Key,
    Hold(keeping::Hold),
    Class(keeping::Class),
    Ticket(keeping::Ticket),
    Due(keeping::Due),
    Batches(keeping::Batches),
    Approve(keeping::Approve),
    Withdraw(keeping::Withdraw),
    Destroy(keeping::Destroy),
    Clock(keeping::Clock),
    /// Says for how many days the disk lasts at the present rate
    Forecast,
    Rewrap(Rewrap),
}

/// Compares files with the signed manifests: exit code 0 whole, 1 not, 2 nothing to compare with.
#[derive(Clone, Debug, clap::Args)]
pub struct Verify {
    /// A year (2026), a day (2026-11-24), a recording's file or folder, or a package (….zip) that was given out; everything unless given
    #[arg(id = "what", value_name = "PATH|DAY|YEAR")]
    pub what: Option<String>,
    /// Public key that you have from elsewhere; that beside the manifests, or in the package, unless given
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Head that was kept elsewhere, as `hotline archive head` printed it
    #[arg(long, value_name = "SHA256[@DAY]")]
    pub head: Option<String>,
}

/// Compares a day's answered calls, tickets and recordings: exit code 0 without a difference, else 1.
#[derive(Clone, Debug, clap::Args)]
pub struct Reconcile {
    /// Such as 2026-11-24
    pub day: String,
}

/// Wraps the keys of encrypted recordings with the newest master key; the sound stays as it is. The server may run,
/// and must know both master keys by then: exit code 0 all, 1 not all.
#[derive(Clone, Debug, clap::Args)]
pub struct Rewrap {
    /// File with the master keys, the new one in its first line; HOTLINE_MASTER_KEYS unless given
    #[arg(long, value_name = "FILE")]
    pub master_keys: Option<PathBuf>,
}

pub fn run(args: &Args) -> ExitCode {
    let answer = answer(args);
    let whole = answer.as_ref().is_ok_and(|answer| {
        ["faults", "differences"].iter().all(|list| answer.get(list).is_none_or(|list| *list == json!([])))
    });
    let told = answer.is_ok();
    let code = finish(args.json, answer, |answer| text_of(&args.deed, answer));
    if told && !whole { ExitCode::from(1) } else { code }
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let folder = args.folder.clone().unwrap_or_else(|| args.data.join("recordings"));
    let manifests = Manifests::new(&folder);
    match &args.deed {
        Deed::Verify(wanted) if wanted.what.as_deref().is_some_and(is_package) => {
            let path = Path::new(wanted.what.as_deref().unwrap_or_default());
            let kept = wanted.head.as_deref().map(kept).transpose()?;
            let key = wanted.key.as_deref().map(public_key).transpose()?;
            let report = package::verify(path, key.as_ref(), kept.as_ref()).map_err(|source| file(path, source))?;
            serde_json::to_value(report).map_err(|error| ClientError::Wrong(error.to_string()))
        }
        Deed::Verify(wanted) => {
            let scope = scope(&folder, wanted.what.as_deref())?;
            let kept = wanted.head.as_deref().map(kept).transpose()?;
            let key = public_key(&wanted.key.clone().unwrap_or_else(|| manifests.public_key()))?;
            let report = verify(&folder, &key, &scope, kept.as_ref()).map_err(|source| file(&folder, source))?;
            as_json(&report)
        }
        Deed::Head => match manifests.last().map_err(|source| file(&folder, source))? {
            Some(last) => Ok(json!({
                "head": format!("{}@{}", last.link.sha256, last.link.day),
                "sha256": last.link.sha256, "day": last.link.day.to_string(), "number": last.link.number,
            })),
            None => Err(file(&folder, std::io::Error::new(std::io::ErrorKind::NotFound, "no manifest yet"))),
        },
        Deed::Reconcile(wanted) => server(args)?.get("/api/reconciliation", &[("day", Some(&wanted.day))]),
        Deed::Rewrap(wanted) => rewrapped(&folder, wanted),
        Deed::Key => {
            let path = manifests.public_key();
            let key = public_key(&path)?;
            Ok(json!({ "pem": key.pem().map_err(|source| file(&path, source))?, "id": key.id() }))
        }
        Deed::Hold(wanted) => wanted.answer(&server(args)?),
        Deed::Class(wanted) => wanted.answer(&server(args)?),
        Deed::Ticket(wanted) => wanted.answer(&server(args)?),
        Deed::Due(wanted) => wanted.answer(&server(args)?),
        Deed::Batches(wanted) => wanted.answer(&server(args)?),
        Deed::Approve(wanted) => keeping::of_batch(&server(args)?, &wanted.batch, "approve", &json!({})),
        Deed::Withdraw(wanted) => {
            keeping::of_batch(&server(args)?, &wanted.batch, "withdraw", &json!({ "reason": wanted.reason }))
        }
        Deed::Destroy(wanted) => keeping::of_batch(&server(args)?, &wanted.batch, "destroy", &json!({})),
        Deed::Clock(wanted) => wanted.answer(&server(args)?),
        Deed::Forecast => server(args)?.get("/api/archive/forecast", &[]),
    }
}

fn is_package(what: &str) -> bool {
    what.to_ascii_lowercase().ends_with(".zip")
}

fn server(args: &Args) -> Result<Client, ClientError> {
    Client::open(&Server { data: args.data.clone(), api: None, json: args.json })
}

fn rewrapped(folder: &Path, wanted: &Rewrap) -> Result<Value, ClientError> {
    let keys = match &wanted.master_keys {
        Some(path) => MasterKeys::read(path),
        None => MasterKeys::of_environment().unwrap_or(Err(KeyError::None)),
    };
    let keys = keys.map_err(|error| ClientError::NoKey(error.to_string()))?;
    let done = rewrap_all(folder, &keys);
    let faults: Vec<_> =
        done.faults.iter().map(|(path, why)| json!({ "what": "not rewrapped", "path": path, "why": why })).collect();
    Ok(json!({
        "master": keys.ids().next(), "rewrapped": done.rewrapped, "current": done.current, "faults": faults,
    }))
}

fn as_json(report: &Report) -> Result<Value, ClientError> {
    serde_json::to_value(report).map_err(|error| ClientError::Wrong(error.to_string()))
}

fn public_key(path: &Path) -> Result<PublicKey, ClientError> {
    // The error names the file already.
    PublicKey::read(path).map_err(|error| ClientError::NoKey(error.to_string()))
}

fn file(path: &Path, source: std::io::Error) -> ClientError {
    ClientError::File { path: path.to_path_buf(), source }
}

/// A path may be one below the recordings folder, or one from here that leads there.
fn scope(folder: &Path, what: Option<&str>) -> Result<Scope, ClientError> {
    let Some(what) = what else { return Ok(Scope::Everything) };
    if let Some(day) = day_of(what) {
        return Ok(Scope::Day(day));
    }
    if what.len() == 4
        && let Ok(year) = what.parse::<i16>()
    {
        return Ok(Scope::Year(year));
    }
    let path = Path::new(what);
    let absolute = path.canonicalize().ok().zip(folder.canonicalize().ok());
    let below = absolute.as_ref().and_then(|(path, folder)| path.strip_prefix(folder).ok()).unwrap_or(path);
    let text = below.to_str().unwrap_or_default().trim_end_matches('/');
    let folder_of_it =
        if text.matches('/').count() == 4 { text.rsplit_once('/').map_or(text, |(of, _)| of) } else { text };
    Scope::recording(folder_of_it).ok_or_else(|| {
        ClientError::Wrong(format!("`{what}` is no year, no day and no recording such as 2026/11/24/CALL"))
    })
}

fn kept(text: &str) -> Result<Kept, ClientError> {
    let (sha256, day) = text.split_once('@').map_or((text, None), |(sha256, day)| (sha256, Some(day)));
    let sha256 = sha256.to_ascii_lowercase();
    let is_sum = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known = day.map(|day| day_of(day).ok_or(()));
    match (is_sum, known.transpose()) {
        (true, Ok(day)) => Ok(Kept { sha256, day }),
        (true | false, _) => Err(ClientError::Wrong(format!("`{text}` is no head such as 0123…ef@2026-11-24"))),
    }
}

pub fn text_of(deed: &Deed, answer: &Value) -> String {
    match deed {
        Deed::Hold(hold) if hold.word == keeping::HoldWord::List => keeping::holds_as_text(answer),
        Deed::Due(due) if due.word.is_none() => keeping::due_as_text(answer),
        Deed::Batches(wanted) if wanted.batch.is_none() => keeping::batches_as_text(answer),
        Deed::Batches(_) => keeping::list_as_text(answer),
        Deed::Due(_) | Deed::Approve(_) | Deed::Withdraw(_) | Deed::Destroy(_) => keeping::batch_as_text(answer),
        Deed::Hold(_) | Deed::Class(_) | Deed::Ticket(_) | Deed::Clock(_) => keeping::all_as_text(answer),
        Deed::Forecast => keeping::forecast_as_text(answer),
        Deed::Verify(_) | Deed::Head | Deed::Reconcile(_) | Deed::Key | Deed::Rewrap(_) => as_text(answer),
    }
}

pub fn as_text(answer: &Value) -> String {
    if let Some(pem) = answer.get("pem").and_then(Value::as_str) {
        return pem.to_owned();
    }
    if let Some(differences) = answer.get("differences").and_then(Value::as_array) {
        return reconciled(answer, differences);
    }
    let Some(faults) = answer.get("faults").and_then(Value::as_array) else { return cell(answer, "/head") };
    let line = |fault: &Value| format!("\n{}: {}: {}", cell(fault, "/what"), cell(fault, "/path"), cell(fault, "/why"));
    if answer.get("rewrapped").is_some() {
        let sums = ["master", "rewrapped", "current"].map(|name| (name, cell(answer, &format!("/{name}"))));
        return card(&sums) + &faults.iter().map(line).collect::<String>();
    }
    let mut text = if answer.get("key_given").is_some() { of_package(answer) } else { of_archive(answer) };
    let mut add = |line: String| text.push_str(&format!("\n{line}"));
    for failed in answer.get("failed").and_then(Value::as_array).into_iter().flatten() {
        add(format!("not recorded, or not at once: call {}: {}", cell(failed, "/call"), cell(failed, "/error")));
    }
    for gone in answer.get("destroyed_on").and_then(Value::as_array).into_iter().flatten() {
        let [path, on, batch, by] = ["/path", "/on", "/batch", "/approved_by"].map(|at| cell(gone, at));
        add(format!("{path}: destroyed lawfully on {on}, batch {batch}, approved by {by}"));
    }
    for path in answer.get("not_yet_listed").and_then(Value::as_array).into_iter().flatten() {
        add(format!("not yet listed: {}", path.as_str().unwrap_or_default()));
    }
    text.extend(faults.iter().map(line));
    let mut add = |line: String| text.push_str(&format!("\n{line}"));
    add(if faults.is_empty() { "whole".to_owned() } else { format!("NOT WHOLE: {} faults", faults.len()) });
    text
}

fn of_package(answer: &Value) -> String {
    let given = answer.get("key_given").and_then(Value::as_bool) == Some(true);
    let key = if given { "given" } else { "the package's own: compare it with one from elsewhere" };
    let listed = answer.get("manifest").and_then(Value::as_str).unwrap_or("none yet when it was packed");
    card(&[
        ("call", cell(answer, "/call")),
        ("manifest", listed.to_owned()),
        ("its SHA-256", cell(answer, "/manifest_sha256")),
        ("key", format!("{} ({key})", cell(answer, "/key"))),
        ("files", cell(answer, "/files")),
        ("bytes", cell(answer, "/bytes")),
        ("sealed files", format!("{} of {}", cell(answer, "/sealed_files"), cell(answer, "/listed_files"))),
    ])
}

fn of_archive(answer: &Value) -> String {
    card(&[
        ("manifests", cell(answer, "/manifests")),
        ("days", format!("{} to {}", cell(answer, "/first_day"), cell(answer, "/last_day"))),
        ("head", format!("{}@{}", cell(answer, "/head"), cell(answer, "/last_day"))),
        ("key", cell(answer, "/key")),
        ("recordings", cell(answer, "/recordings")),
        ("files", cell(answer, "/files")),
        ("bytes", cell(answer, "/bytes")),
        ("destroyed", cell(answer, "/destroyed")),
    ])
}

fn reconciled(answer: &Value, differences: &[Value]) -> String {
    let sums = ["answered", "running", "tickets", "recordings", "failures"];
    let sums = sums.map(|name| (name, cell(answer, &format!("/{name}"))));
    let mut text = card(&sums);
    for difference in differences {
        text.push_str(&format!("\n{}: call {}", cell(difference, "/what"), cell(difference, "/call")));
    }
    text.push_str(&format!("\n{} differences", differences.len()));
    text
}
