//! `hotline missed`: calls that no seat answered (R17), and whom the hotline owes a call (R18).

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientError, Server, finish};
use super::page::Page;
use super::table::{cell, list, time};

/// Shows the calls that no seat answered, and who is to be called back.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Those of this day, such as 2026-11-24
    #[arg(long)]
    pub day: Option<String>,
    /// So many missed calls at most
    #[arg(long)]
    pub limit: Option<u32>,
    /// The page after one that ended with this cursor
    #[arg(long)]
    pub cursor: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

/// A page of missed calls; `callbacks` holds every open task.
pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let client = Client::open(&args.server)?;
    let page = Page { day: args.day.clone(), limit: args.limit, cursor: args.cursor.clone() };
    let mut missed = page.get(&client, "/api/missed", &[])?;
    let mut open = client.get("/api/callbacks", &[("open", Some("true"))])?;
    if let (Some(missed), Some(rows)) = (missed.as_object_mut(), open.get_mut("rows")) {
        missed.insert("callbacks".to_owned(), rows.take());
    }
    Ok(missed)
}

pub fn as_text(missed: &Value) -> String {
    let head = ["ARRIVED", "CODE", "CALLER", "STAGE", "REASON", "CALL"];
    let calls = list(missed, "no missed calls", &head, |call| {
        vec![
            time(call, "/t_arrive"),
            cell(call, "/original_code"),
            cell(call, "/caller/number"),
            cell(call, "/stage"),
            cell(call, "/reason"),
            cell(call, "/call"),
        ]
    });
    let open = serde_json::json!({ "rows": missed.get("callbacks") });
    let head = ["TO CALL BACK FROM", "CODE", "CALLER", "MISSES", "ATTEMPTS", "LAST ATTEMPT"];
    let tasks = list(&open, "nobody is to be called back", &head, |task| {
        vec![
            time(task, "/due"),
            cell(task, "/code"),
            cell(task, "/caller"),
            cell(task, "/misses"),
            cell(task, "/attempts"),
            time(task, "/last_attempt"),
        ]
    });
    format!("{calls}\n\n{tasks}")
}
