//! `hotline alarms`: those that stand now, or all of a day.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientError, Server, finish};
use super::table::{cell, list, time};

/// Shows the alarms that stand now.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// All that stood at some time of this day, such as 2026-11-24
    #[arg(long)]
    pub day: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    Client::open(&args.server)?.get("/api/alarms", &[("day", args.day.as_deref())])
}

pub fn as_text(alarms: &Value) -> String {
    list(alarms, "no alarms", &["SEVERITY", "ALARM", "ABOUT", "RAISED", "CLEARED", "DETAIL"], |alarm| {
        vec![
            cell(alarm, "/severity"),
            cell(alarm, "/name"),
            cell(alarm, "/subject"),
            time(alarm, "/raised"),
            time(alarm, "/cleared"),
            cell(alarm, "/detail"),
        ]
    })
}
