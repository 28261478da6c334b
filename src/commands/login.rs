//! `hotline login NAME`: a session, for the commands that follow.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};
use super::table::cell;
use super::{secret, users};

/// Signs in and prints the session's token: export HOTLINE_TOKEN=$(hotline login NAME). Password and
/// one-time code are asked for, or read from standard input, a line each.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The account
    #[arg(required_unless_present = "out")]
    pub name: Option<String>,
    /// End the session of $HOTLINE_TOKEN instead
    #[arg(long, conflicts_with = "name")]
    pub out: bool,
    /// Change your own password or authenticator instead, so that nobody else knows it
    #[arg(long, value_enum, value_name = "WHAT", requires = "name")]
    pub change: Option<Own>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Own {
    Password,
    Totp,
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args, secret::ask), |told| match told.get("token") {
        Some(_) => cell(told, "/token"),
        None if args.change.is_some() => users::as_text(told),
        None => "signed out".to_owned(),
    })
}

/// `ask` reads what is not shown.
pub fn answer(args: &Args, ask: impl Fn(&str) -> std::io::Result<String>) -> Result<Value, ClientError> {
    let Some(name) = &args.name else {
        return Client::open(&args.server)?.post("/api/logout", &json!({}));
    };
    let client = Client::without_token(&args.server)?;
    let password = ask("password").map_err(ClientError::Typed)?;
    let code = ask("one-time code, if it has one").unwrap_or_default();
    let session = client.post("/api/login", &json!({ "name": name, "password": password, "code": code }))?;
    let Some(change) = args.change else { return Ok(session) };
    let new = match change {
        Own::Password => Some(ask("new password").map_err(ClientError::Typed)?),
        Own::Totp => None,
    };
    client.with_token(cell(&session, "/token")).post("/api/me", &json!({ "password": password, "new": new }))
}
