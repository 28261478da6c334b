//! `hotline seats`: the seats and their states. `hotline seats 1001 busy` changes one; `hotline seats
//! 1001 --history` shows what it was on a day.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::{Client, ClientError, Server, finish, segment};
use super::table::{cell, list, since, time};
use crate::net::clock::Clock;
use crate::time::Wall;

/// Shows the seats, changes the state of one, or shows what it was.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The seat's number
    #[arg(value_name = "SEAT", requires = "deed")]
    pub seat: Option<String>,
    /// What it shall do
    #[arg(value_enum, group = "deed")]
    pub ask: Option<Ask>,
    /// Why; needed for bad-call
    #[arg(long, requires = "ask")]
    pub reason: Option<String>,
    /// The third party's number, or water, power, gas; needed for consult, direct and transfer
    #[arg(long, requires = "ask")]
    pub to: Option<String>,
    /// What came of the three-way call; needed for result: resolved_on_spot, unit_will_handle, unreachable, refused, not_competent
    #[arg(long, requires = "ask")]
    pub result: Option<String>,
    /// What it became today
    #[arg(long, group = "deed", requires = "seat")]
    pub history: bool,
    /// Of this day instead, such as 2026-11-24
    #[arg(long, requires = "history")]
    pub day: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Ask {
    SignIn,
    SignOut,
    Busy,
    Break,
    /// Free, after wrap-up too
    Free,
    /// Call the longest waiting missed caller back
    CallBack,
    /// The present or last call is no matter for the hotline; --reason short, silent, wrong_number or harassing
    BadCall,
    /// What came of the present or last call's third party
    Result,
    /// Speak with a third party alone, while the citizen hears music
    Consult,
    /// Bring a third party into the conversation as soon as it answers
    Direct,
    /// Whom the seat consults joins the conversation
    Join,
    /// From the citizen to whom the seat consults, and back
    Swap,
    /// Release the third party
    Drop,
    /// Leave: the citizen and the third party go on
    Leave,
    /// Leave as soon as a third party answers
    Transfer,
    /// Bring in the leader who sits for this call
    Leader,
    /// Be heard beside the leader
    Speak,
    /// Hear, and not be heard beside the leader
    Silent,
}

impl Ask {
    const fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Busy => "busy",
            Self::Break => "break",
            Self::Free => "free",
            Self::CallBack => "call_back",
            Self::BadCall => "bad_call",
            Self::Result => "result",
            Self::Consult => "consult",
            Self::Direct => "direct",
            Self::Join => "join",
            Self::Swap => "swap",
            Self::Drop => "drop",
            Self::Leave => "leave",
            Self::Transfer => "transfer",
            Self::Leader => "leader",
            Self::Speak => "speak",
            Self::Silent => "silent",
        }
    }
}

pub fn run(args: &Args) -> ExitCode {
    finish(args.server.json, answer(args), |seats| {
        if args.history { history_as_text(seats) } else { as_text(seats, Clock::start().wall()) }
    })
}

/// A list of seats, the one that was asked, as it is now, or what it became.
pub fn answer(args: &Args) -> Result<Value, ClientError> {
    let client = Client::open(&args.server)?;
    match (&args.seat, args.ask) {
        (Some(seat), Some(ask)) => {
            let wish = json!({ "ask": ask.word(), "reason": args.reason, "to": args.to, "result": args.result });
            client.post(&format!("/api/seats/{}/ask", segment(seat)), &wish)
        }
        (Some(seat), None) if args.history => {
            client.get(&format!("/api/seats/{}/history", segment(seat)), &[("day", args.day.as_deref())])
        }
        (None, _) | (_, None) => client.get("/api/seats", &[]),
    }
}

pub fn as_text(seats: &Value, now: Wall) -> String {
    let one = json!({ "rows": [seats] });
    let seats = if seats.get("rows").is_some() { seats } else { &one };
    let head = ["SEAT", "NAME", "KIND", "STATE", "FOR", "REASON", "PHONE", "CENTRE", "SKILLS"];
    list(seats, "no seats", &head, |seat| {
        let idle = seat.pointer("/state").and_then(Value::as_str) == Some("idle");
        let reachable = seat.pointer("/reachable").and_then(Value::as_bool) == Some(true);
        vec![
            cell(seat, "/seat"),
            cell(seat, "/name"),
            cell(seat, "/kind"),
            // Without a phone it is not as free as its state says.
            if idle && !reachable { "no phone".to_owned() } else { cell(seat, "/state") },
            since(seat, "/since", now),
            cell(seat, "/reason"),
            if reachable { "there" } else { "gone" }.to_owned(),
            cell(seat, "/centre"),
            cell(seat, "/skills"),
        ]
    })
}

pub fn history_as_text(changes: &Value) -> String {
    list(changes, "no changes", &["AT", "STATE", "REASON"], |change| {
        vec![time(change, "/at"), cell(change, "/state"), cell(change, "/reason")]
    })
}
