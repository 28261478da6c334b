//! `hotline calls`: the calls that are up.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientError, Server, finish};
use super::table::{cell, list, since};
use crate::net::clock::Clock;
use crate::time::Wall;

/// Shows the calls that are up.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), |calls| as_text(calls, Clock::start().wall()))
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    Client::open(&args.server)?.get("/api/calls", &[])
}

pub fn as_text(calls: &Value, now: Wall) -> String {
    let head = ["CALL", "STAGE", "CODE", "CALLER", "SEAT", "ARRIVED", "TALKS", "TICKET", "TRUNK"];
    list(calls, "no calls", &head, |call| {
        let stage = match call.pointer("/position").and_then(Value::as_u64) {
            Some(position) => format!("{} {position}", cell(call, "/stage")),
            None => cell(call, "/stage"),
        };
        vec![
            cell(call, "/call"),
            stage,
            cell(call, "/original_code"),
            cell(call, "/caller/number"),
            cell(call, "/seat"),
            since(call, "/arrived", now),
            since(call, "/answered", now),
            cell(call, "/ticket"),
            cell(call, "/trunk"),
        ]
    })
}
