//! `hotline tickets`: a list, one of them, or a change to it.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish, segment};
use super::page::Page;
use super::table::{card, cell, duration, list, time};

/// Shows tickets. With a number: that one, with the citizen's number; with --type, --place, --text or --emergency
/// it is changed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Number of one ticket
    #[arg(id = "one", value_name = "NUMBER")]
    pub number: Option<String>,
    /// Those of this caller
    #[arg(long, value_name = "NUMBER", conflicts_with = "one")]
    pub caller: Option<String>,
    /// That of this call
    #[arg(long, conflicts_with = "one")]
    pub call: Option<String>,
    /// Those of this seat
    #[arg(long, conflicts_with = "one")]
    pub seat: Option<String>,
    #[command(flatten)]
    pub page: Page,
    /// New type: consult, help, complaint, report, opinion, suggestion, praise, other
    #[arg(long = "type", requires = "one")]
    pub kind: Option<String>,
    /// New place
    #[arg(long, requires = "one")]
    pub place: Option<String>,
    /// New text
    #[arg(long, requires = "one")]
    pub text: Option<String>,
    /// Marks it as an emergency: water, power, gas, road, fire, flood, debris_flow, other
    #[arg(long, requires = "one")]
    pub emergency: Option<String>,
    /// Calls this duty phone for it, a code of the directory; --by names the seat that is rung first
    #[arg(long, requires = "one", requires = "by", value_name = "CODE")]
    pub duty: Option<String>,
    /// The seat that calls the duty phone
    #[arg(long, requires = "duty", value_name = "SEAT")]
    pub by: Option<String>,
    /// Who took it over at the duty phone that was called last
    #[arg(long, requires = "one", conflicts_with = "duty", value_name = "NAME")]
    pub accepted_by: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

/// One ticket where a number was given, else a list.
pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let client = Client::open(&args.server)?;
    let Some(number) = &args.number else {
        let filters = [("caller", &args.caller), ("call", &args.call), ("seat", &args.seat)];
        return args.page.get(&client, "/api/tickets", &filters);
    };
    let path = format!("/api/tickets/{}", segment(number));
    let ticket = client.get(&path, &[])?;
    if let (Some(to), Some(seat)) = (&args.duty, &args.by) {
        return client.post(&format!("{path}/duty"), &json!({ "seat": seat, "to": to }));
    }
    if let Some(name) = &args.accepted_by {
        let calls = ticket.pointer("/emergency/calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let answered = calls.iter().rfind(|call| call.get("answered").is_some_and(Value::is_i64));
        let call = answered.and_then(|call| call.get("call")).and_then(Value::as_str).ok_or_else(|| {
            let text = format!("no duty phone has answered for {number} yet: call one with --duty NUMBER --by SEAT");
            ClientError::Refused { code: "no_duty_call".to_owned(), text }
        })?;
        return client.post(&format!("{path}/handover"), &json!({ "call": call, "accepted_by": name }));
    }
    let changes = [&args.kind, &args.place, &args.text, &args.emergency];
    if changes.iter().all(|change| change.is_none()) {
        return Ok(ticket);
    }
    let [kind, place, text, emergency] = changes;
    let version = ticket.get("version");
    let change = json!({ "version": version, "type": kind, "place": place, "text": text, "emergency": emergency });
    client.patch(&path, &change)
}

pub fn as_text(answer: &Value) -> String {
    if answer.get("rows").is_none() {
        return one(answer);
    }
    let head = ["TICKET", "ANSWERED", "CODE", "CALLER", "SEAT", "WAIT", "TALK", "STATE", "TYPE", "RECORDING", "CALL"];
    list(answer, "no tickets", &head, |ticket| {
        vec![
            cell(ticket, "/number"),
            time(ticket, "/t_answer"),
            cell(ticket, "/original_code"),
            cell(ticket, "/caller"),
            cell(ticket, "/seat"),
            duration(ticket, "/wait_ms"),
            duration(ticket, "/talk_ms"),
            cell(ticket, "/state"),
            cell(ticket, "/type"),
            cell(ticket, "/recording"),
            cell(ticket, "/call"),
        ]
    })
}

fn one(ticket: &Value) -> String {
    card(&[
        ("ticket", cell(ticket, "/number")),
        ("call", cell(ticket, "/call")),
        ("state", cell(ticket, "/state")),
        ("version", cell(ticket, "/version")),
        ("type", cell(ticket, "/type")),
        ("place", cell(ticket, "/place")),
        ("text", cell(ticket, "/text")),
        ("caller", cell(ticket, "/opened/caller/number")),
        (
            "dialled",
            format!("{} for {}", cell(ticket, "/opened/original_code"), cell(ticket, "/opened/hotline_primary")),
        ),
        ("seat", format!("{} {}", cell(ticket, "/opened/seat"), cell(ticket, "/opened/seat_name"))),
        ("arrived", time(ticket, "/opened/t_arrive")),
        ("answered", format!("{} after {}", time(ticket, "/opened/t_answer"), duration(ticket, "/opened/wait_ms"))),
        ("ended", time(ticket, "/ended/t_end")),
        ("talk", duration(ticket, "/ended/talk_ms")),
        ("because", cell(ticket, "/ended/end_reason")),
        ("recording", cell(ticket, "/recording")),
        ("three-way", cell(ticket, "/threeway_result")),
        ("emergency", emergency(ticket)),
    ])
}

/// What it is about, by when a duty phone must have it, and whether one has.
fn emergency(ticket: &Value) -> String {
    if ticket.pointer("/emergency/category").is_none() {
        return "-".to_owned();
    }
    let due = format!("{}, due {}", cell(ticket, "/emergency/category"), time(ticket, "/emergency/due"));
    match ticket.pointer("/emergency/on_time").and_then(Value::as_bool) {
        None => {
            let calls = ticket.pointer("/emergency/calls").and_then(Value::as_array).map_or(0, Vec::len);
            format!("{due}, not handed over, {calls} calls to duty phones")
        }
        Some(on_time) => {
            let who = cell(ticket, "/emergency/handover/accepted_by");
            let at = time(ticket, "/emergency/handover/at");
            format!("{due}, taken over by {who} {at}, {}", if on_time { "in time" } else { "late" })
        }
    }
}
