//! `hotline audit`: who did what. `hotline audit verify`: whether the log is as it was written.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};
use super::page::Page;
use super::table::{cell, list, time};
use crate::audit::verify::verify;

/// Shows the audit log, newest first, or verifies it from its files alone.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum, id = "deed", default_value = "list")]
    pub deed: Word,
    /// Only this account's
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
    /// Only this: sign_in, play, export, read_ticket, account …
    #[arg(long)]
    pub what: Option<String>,
    /// Only what was done to this call, ticket or account
    #[arg(long)]
    pub on: Option<String>,
    /// Only what was allowed, refused or failed
    #[arg(long)]
    pub outcome: Option<String>,
    /// verify: the folder of the log, unless it is that of the data folder
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// verify: the head of an earlier answer, kept elsewhere; it must still be there
    #[arg(id = "one", long = "head", value_name = "SHA256")]
    pub head: Option<String>,
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Word {
    List,
    /// Names the first row that was changed, removed or added
    Verify,
}

/// Exit code 1 for a log that is not as it was written.
pub fn run(args: &Args) -> ExitCode {
    let answer = answer(args);
    let bad = answer.as_ref().is_ok_and(|answer| answer.get("ok") == Some(&json!(false)));
    let code = finish(args.server.json, answer, as_text);
    if bad { ExitCode::FAILURE } else { code }
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    if args.deed == Word::Verify {
        let folder = args.folder.clone().unwrap_or_else(|| args.server.data.join("audit"));
        let failed = |source| ClientError::File { path: folder.clone(), source };
        let found = folder.read_dir().and_then(|_| verify(&folder, args.head.as_deref())).map_err(failed)?;
        return serde_json::to_value(found).map_err(|error| ClientError::Wrong(error.to_string()));
    }
    let filters = [("who", &args.who), ("what", &args.what), ("on", &args.on), ("outcome", &args.outcome)];
    args.page.get(&Client::open(&args.server)?, "/api/audit", &filters)
}

pub fn as_text(answer: &Value) -> String {
    if answer.get("ok").is_some() {
        return verified(answer);
    }
    let head = ["SEQ", "AT", "WHO", "ROLE", "WHAT", "ON", "OUTCOME", "REASON", "FROM", "PURPOSE"];
    list(answer, "no rows", &head, |row| {
        vec![
            cell(row, "/seq"),
            time(row, "/at"),
            cell(row, "/who"),
            cell(row, "/role"),
            cell(row, "/what"),
            cell(row, "/on"),
            cell(row, "/outcome"),
            cell(row, "/reason"),
            cell(row, "/from"),
            cell(row, "/purpose"),
        ]
    })
}

fn verified(answer: &Value) -> String {
    let torn = if answer.get("torn") == Some(&json!(true)) { "\nthe last line is not whole" } else { "" };
    let (rows, head) = (cell(answer, "/rows"), cell(answer, "/head"));
    if answer.get("ok") == Some(&json!(true)) {
        return format!("ok: {rows} rows, head {head}{torn}");
    }
    let place = format!("{} line {}", cell(answer, "/bad/file"), cell(answer, "/bad/line"));
    format!("row {}: {} ({place}); {rows} rows before it hold", cell(answer, "/bad/seq"), cell(answer, "/bad/fault"))
}
