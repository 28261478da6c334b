//! `hotline healthcheck`: exit code 0 or not, for systemd and containers.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish};

/// Exit code 0 where the server lives; with --ready where it takes new calls, too.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Not while it drains, nor while journal or database fails
    #[arg(long)]
    pub ready: bool,
    #[command(flatten)]
    pub server: Server,
}

/// Containers know 0 and 1 only.
pub fn run(args: &Args) -> ExitCode {
    let code = finish(args.server.json, answer(args), |_| "ok".to_owned());
    if code == ExitCode::SUCCESS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let client = Client::without_token(&args.server)?;
    if args.ready {
        return client.get("/readyz", &[]);
    }
    client.open_page("/healthz", &[])?;
    Ok(json!({ "alive": true }))
}
