//! `hotline directory`: who can be brought into a call. `hotline directory 住建` searches.

use std::process::ExitCode;

use serde_json::Value;

use super::client::{Client, ClientError, Server, finish};
use super::table::{cell, list};

/// Shows units, experts, branches, duty phones, leaders and emergency services, and the code of each.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Words of the name, post or competence, pinyin initials, or the beginning of a code; all must occur
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    Client::open(&args.server)?.get("/api/directory", &[("q", Some(&args.query.join(" ")))])
}

pub fn as_text(directory: &Value) -> String {
    let head = ["CODE", "NAME", "KIND", "POST", "NOW", "LINES", "COMPETENCE"];
    list(directory, "nobody found", &head, |entry| {
        let lines = entry.get("lines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let open = entry.get("open").and_then(Value::as_bool) == Some(true);
        vec![
            cell(entry, "/code"),
            cell(entry, "/name"),
            cell(entry, "/kind"),
            cell(entry, "/post"),
            if open { "open".to_owned() } else { cell(entry, "/reason") },
            lines.iter().map(line).collect::<Vec<_>>().join(", "),
            cell(entry, "/competence"),
        ]
    })
}

fn line(line: &Value) -> String {
    let duty = if line.get("duty").and_then(Value::as_bool) == Some(true) { " (duty)" } else { "" };
    match cell(line, "/kind").as_str() {
        "device" => format!("device {}{duty}", cell(line, "/to")),
        "seat" => format!("seat {}{duty}", cell(line, "/to")),
        _ => format!("{}{duty}", cell(line, "/to")),
    }
}
