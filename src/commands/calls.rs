//! `hotline calls`: the calls that are up. `hotline calls CALL --listen 1001`: a shift leader on one.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish, segment};
use super::table::{cell, list, since};
use crate::net::clock::Clock;
use crate::time::Wall;

/// Shows the calls that are up, or brings a shift leader into one.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The call that is to be supervised
    #[arg(value_name = "CALL", requires = "how")]
    pub call: Option<String>,
    /// This seat hears the call, and nobody hears it
    #[arg(long, value_name = "SEAT", group = "how", requires = "call")]
    pub listen: Option<String>,
    /// This seat hears the call; the call's seat alone hears it
    #[arg(long, value_name = "SEAT", group = "how", requires = "call")]
    pub whisper: Option<String>,
    /// This seat joins the conversation
    #[arg(long, value_name = "SEAT", group = "how", requires = "call")]
    pub barge: Option<String>,
    /// This seat takes the place of the call's seat
    #[arg(long, value_name = "SEAT", group = "how", requires = "call")]
    pub take_over: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), |calls| as_text(calls, Clock::start().wall()))
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let client = Client::open(&args.server)?;
    let ways =
        [("listen", &args.listen), ("whisper", &args.whisper), ("barge", &args.barge), ("take_over", &args.take_over)];
    let asked = ways.into_iter().find_map(|(how, seat)| seat.as_ref().map(|seat| (how, seat)));
    match (&args.call, asked) {
        (Some(call), Some((how, by))) => {
            client.post(&format!("/api/calls/{}/supervise", segment(call)), &json!({ "by": by, "how": how }))
        }
        (None, _) | (_, None) => client.get("/api/calls", &[]),
    }
}

pub fn as_text(calls: &Value, now: Wall) -> String {
    let one = json!({ "rows": [calls] });
    let calls = if calls.get("rows").is_some() { calls } else { &one };
    let head = ["CALL", "STAGE", "CODE", "CALLER", "SEAT", "LEADER", "THIRDS", "ARRIVED", "TALKS", "TICKET", "TRUNK"];
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
            cell(call, "/leader/name"),
            thirds(call),
            since(call, "/arrived", now),
            since(call, "/answered", now),
            cell(call, "/ticket"),
            cell(call, "/trunk"),
        ]
    })
}

/// `601 ringing 2/3 (busy)`: which of its numbers, and why those before it did not come about.
fn thirds(call: &Value) -> String {
    let thirds = call.get("thirds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |third: &Value| {
        let failures = third.get("failures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let why: Vec<&str> = failures.iter().filter_map(Value::as_str).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
        let at = format!("{}/{}", cell(third, "/attempt"), cell(third, "/of"));
        format!("{} {} {at}{why}", cell(third, "/number"), cell(third, "/state"))
    };
    if thirds.is_empty() { "-".to_owned() } else { thirds.iter().map(one).collect::<Vec<_>>().join(", ") }
}
