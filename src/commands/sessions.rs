//! `hotline sessions`: what came of leaders' sessions on a day.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientError, Server, finish};
use super::table::{cell, duration, list};

/// Shows the sessions of leaders on a day: calls, minutes, tickets.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Those of this day, such as 2026-11-24; today unless given
    #[arg(long)]
    pub day: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    Client::open(&args.server)?.get("/api/sessions", &[("day", args.day.as_deref())])
}

pub fn as_text(sessions: &Value) -> String {
    let head = [
        "SESSION",
        "LEADER",
        "POST",
        "LEVEL",
        "TOPIC",
        "MODE",
        "RUNG",
        "TAKEN",
        "ON THE LINE",
        "RESOLVED",
        "DISPATCHED",
        "TICKETS",
    ];
    list(sessions, "no sessions", &head, |session| {
        vec![
            cell(session, "/session"),
            cell(session, "/name"),
            cell(session, "/post"),
            cell(session, "/level"),
            cell(session, "/topic"),
            cell(session, "/mode"),
            cell(session, "/rung"),
            cell(session, "/taken"),
            duration(session, "/on_the_line_ms"),
            cell(session, "/resolved"),
            cell(session, "/dispatched"),
            cell(session, "/tickets"),
        ]
    })
}
