//! `hotline users`: the accounts, and what is done to them. The first administrator can be made before
//! the first start; everything else is asked of the running server.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish, segment};
use super::secret;
use super::table::{cell, list};
use crate::accounts::{Accounts, New};
use crate::archive::disk::System;
use crate::archive::lock::FolderLock;
use crate::audit::{Audit, Deed, Fact};
use crate::call::SeatNo;
use crate::net::clock::Clock;
use crate::rules::access::Role;

/// Shows the accounts, makes one, or changes one. Passwords are asked for, or read from standard input.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum, default_value = "list")]
    pub deed: Word,
    /// The account
    #[arg(required_if_eq_any([("deed", "add"), ("deed", "disable"), ("deed", "enable"), ("deed", "unlock"), ("deed", "password"), ("deed", "totp"), ("deed", "sign-out")]))]
    pub name: Option<String>,
    /// What it is for; needed for add: seat, shift_leader, qa, callback_clerk, dispatcher, approver,
    /// unit_clerk, unit_leader, centre_leader, supervisor, archivist, auditor or admin
    #[arg(long, required_if_eq("deed", "add"), value_parser = role)]
    pub role: Option<Role>,
    /// A county's centre, whose calls, tickets, recordings and seats are all that it sees
    #[arg(long, value_name = "ID")]
    pub centre: Option<String>,
    /// The seat that it sits at; needed for seat and callback_clerk
    #[arg(long, value_name = "SEAT")]
    pub seat: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Word {
    List,
    /// Make one; an archivist or administrator gets the link for its authenticator, this once
    Add,
    /// Sign it out at once, and let it in no more
    Disable,
    /// Let it in again
    Enable,
    /// Forget wrong passwords
    Unlock,
    /// Give it a new password
    Password,
    /// Give it a new authenticator
    Totp,
    /// End all its sessions
    SignOut,
}

fn role(word: &str) -> Result<Role, String> {
    Role::ALL.iter().copied().find(|role| role.as_str() == word).ok_or_else(|| "no such role".to_owned())
}

pub fn run(args: &Args) -> ExitCode {
    super::keep_files_private();
    finish(args.server.json, answer(args, secret::ask), as_text)
}

/// `ask` reads what is not shown.
pub fn answer(args: &Args, ask: impl Fn(&str) -> io::Result<String>) -> Result<Value, ClientError> {
    let password = || ask("new password").map_err(ClientError::Typed);
    let name = args.name.clone().unwrap_or_default();
    let change = |deed: &str| {
        let client = Client::open(&args.server)?;
        client.post(&format!("/api/accounts/{}", segment(&name)), &json!({ "do": deed }))
    };
    match args.deed {
        Word::List => Client::open(&args.server)?.get("/api/accounts", &[]),
        Word::Add => match nobody_serves(&args.server)? {
            Some(lock) => first(args, &name, password()?, &lock),
            None => {
                let wish = json!({
                    "name": name, "role": args.role, "centre": args.centre, "seat": args.seat,
                    "password": password()?,
                });
                Client::open(&args.server)?.post("/api/accounts", &wish)
            }
        },
        Word::Password => {
            let wish = json!({ "do": "password", "password": password()? });
            Client::open(&args.server)?.post(&format!("/api/accounts/{}", segment(&name)), &wish)
        }
        Word::Disable => change("disable"),
        Word::Enable => change("enable"),
        Word::Unlock => change("unlock"),
        Word::Totp => change("totp"),
        Word::SignOut => change("sign_out"),
    }
}

/// The data folder, where no server has it.
fn nobody_serves(server: &Server) -> Result<Option<FolderLock>, ClientError> {
    if server.api.is_some() {
        return Ok(None);
    }
    let file = |source| ClientError::File { path: server.data.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(&server.data).map_err(file)?;
    Ok(FolderLock::take(&server.data).ok())
}

/// The first administrator, of a server that does not run. The lock keeps it from starting meanwhile.
fn first(args: &Args, name: &str, password: String, _lock: &FolderLock) -> Result<Value, ClientError> {
    let wrong = |why: &dyn std::fmt::Display| ClientError::Wrong(why.to_string());
    let accounts = Accounts::open(&args.server.data).map_err(|error| wrong(&error))?;
    let role = args.role.filter(|role| *role == Role::Admin && accounts.is_empty()).ok_or_else(|| {
        wrong(&"no server runs here; without one only the first administrator can be made: --role admin")
    })?;
    let (centre, seat) = (args.centre.clone(), args.seat.clone().map(SeatNo));
    let new = New { name: name.to_owned(), role, centre, seat, password };
    accounts.check(&new).map_err(|error| wrong(&error))?;
    witness(args, name).map_err(|error| wrong(&error))?;
    let link = accounts.add(new).map_err(|error| wrong(&error))?;
    Ok(json!({ "name": name, "role": role, "totp": link }))
}

fn witness(args: &Args, name: &str) -> Result<u64, crate::audit::AuditError> {
    let clock = Clock::start();
    let disk = Arc::new(System { origin: clock.origin() });
    let (audit, _) = Audit::open(&args.server.data.join("audit"), Arc::new(move || clock.wall()), disk)?;
    let (told, hears) = mpsc::channel();
    let who = format!("machine:{}", std::env::var("USER").unwrap_or_default());
    let fact = Fact { purpose: "add as admin".to_owned(), ..Fact::new(who, Deed::Account, name.to_owned()) };
    audit.append(fact, move |result| drop(told.send(result)));
    audit.close();
    hears.recv().unwrap_or(Err(crate::audit::AuditError::Closed))
}

pub fn as_text(answer: &Value) -> String {
    if answer.get("rows").is_some() {
        let head = ["NAME", "ROLE", "CENTRE", "SEAT", "STATE", "2ND FACTOR", "SESSIONS"];
        return list(answer, "no accounts: the API token opens everything", &head, |account| {
            let is = |pointer: &str| account.pointer(pointer).and_then(Value::as_bool) == Some(true);
            vec![
                cell(account, "/name"),
                cell(account, "/role"),
                cell(account, "/centre"),
                cell(account, "/seat"),
                if is("/disabled") { "disabled" } else { "active" }.to_owned(),
                if is("/totp") { "yes" } else { "no" }.to_owned(),
                cell(account, "/sessions"),
            ]
        });
    }
    let done = match answer.get("done") {
        Some(_) => cell(answer, "/done"),
        None => format!("made, as {}", cell(answer, "/role")),
    };
    let text = format!("{}: {done}", cell(answer, "/name"));
    match answer.get("totp").and_then(Value::as_str) {
        Some(link) => format!("{text}\nfor its authenticator, shown this once:\n{link}"),
        None => text,
    }
}
