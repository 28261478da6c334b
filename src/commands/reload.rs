//! `hotline reload`: the running server reads its configuration again.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};
use super::table::cell;

/// Makes the running server read its configuration again; a bad file changes nothing.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub server: Server,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), as_text)
}

pub fn as_text(answer: &Value) -> String {
    let text = "the configuration was read again".to_owned();
    match answer.get("passwords_made") {
        Some(_) => format!("{text}; secrets.toml has new passwords: {}", cell(answer, "/passwords_made")),
        None => text,
    }
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    Client::open(&args.server)?.post("/api/reload", &json!({}))
}
