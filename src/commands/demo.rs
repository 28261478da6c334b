//! `hotline demo`: one real call through a private server, for somebody without a phone.

pub mod house;
pub mod phone;
pub mod story;
pub mod timeline;
pub mod voice;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::app::StartError;
use crate::archive::shelf::{Condition, ShelfError};
use crate::media;
use crate::net::clock::Clock;
use crate::rules::retention;
use crate::store::StoreError;

use story::{Outcome, Who};
use timeline::{Line, Timeline};

/// Invented.
pub const CITIZEN: &str = "13800000001";
/// An alias of 12315.
pub const DIALLED: &str = "12331";
pub const SEAT: &str = "1001";
/// The leader who sits on the day of the demonstration; in the examples.
pub const LEADER: &str = "901";

/// Plays one real call through a private server on this machine, and leaves its recording to be heard.
/// No phone is needed; nothing leaves the machine.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder for everything that the demonstration writes; it stays there
    #[arg(long, value_name = "DIR", default_value = "hotline-demo")]
    pub data: PathBuf,
    /// Print one JSON object at the end
    #[arg(long)]
    pub json: bool,
}

/// What is left when the call is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub folder: PathBuf,
    pub timeline: Vec<Line>,
    pub ticket: TicketLine,
    pub recording: RecordingLine,
    pub took_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TicketLine {
    pub number: String,
    /// 16 hex digits.
    pub call: String,
    pub dialled: String,
    pub hotline: String,
    pub seat: String,
    pub seat_name: String,
    /// Local time.
    pub answered: String,
    pub wait_ms: u64,
    pub talk_ms: u64,
    pub end_reason: String,
    /// Who joined in his session.
    pub leader: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordingLine {
    pub path: PathBuf,
    pub duration_ms: u64,
    pub bytes: u64,
    pub sha256: String,
    /// Hashed anew and compared with the seal.
    pub condition: Condition,
    pub keep_until: String,
    /// Commands that play it.
    pub play: [String; 2],
}

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{} holds something else than a demonstration; name an empty folder with --data", .0.display())]
    Foreign(PathBuf),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the private server: {0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Shelf(#[from] ShelfError),
    #[error("the examples have no seat {SEAT}")]
    NoSeat,
    #[error("{} tells: {event:?}", who.name())]
    Unexpected { who: Who, event: phone::Event },
    #[error("{} waits in vain for what should happen next", .0.name())]
    Silent(Who),
    #[error("no ticket with a sealed recording has come of the call")]
    NoTicket,
    #[error("the recording is not what was sealed: {0:?}")]
    Recording(Condition),
}

/// Exit code 0 where the call went as it should, else 1.
pub fn run(args: &Args) -> ExitCode {
    super::keep_files_private();
    let played = demo(args);
    let mut out = io::stdout().lock();
    match (&played, args.json) {
        (Ok(report), true) => drop(writeln!(out, "{}", serde_json::to_string(report).unwrap_or_default())),
        (Ok(report), false) => drop(write!(out, "{}", as_text(report))),
        (Err(error), true) => drop(writeln!(out, "{}", serde_json::json!({ "error": error.to_string() }))),
        (Err(error), false) => drop(writeln!(io::stderr(), "hotline demo: {error}")),
    }
    if played.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays the call, telling the timeline as it goes unless JSON is wanted.
pub fn demo(args: &Args) -> Result<Report, DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(media::lower_priority_of_this_thread)
        .build()?;
    runtime.block_on(play(&args.data, args.json))
}

async fn play(folder: &Path, silent: bool) -> Result<Report, DemoError> {
    let begun = Clock::start();
    let (server, at) = house::start(folder).await?;
    let clock = server.office.clock;
    if !silent {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "A private hotline runs on {}, in {}.", at.server, folder.display());
        let _ = writeln!(out, "Three simulated phones use it over real SIP and RTP; nothing leaves this machine.\n");
    }
    let mut timeline = Timeline::new(clock.mono(), silent);
    let played = story::play(&server, at, folder, &mut timeline).await;
    let shelf = std::sync::Arc::clone(&server.office.shelf);
    server.stop().await;
    let Outcome { ticket, sealed } = played?;
    let condition = shelf.verify(&sealed)?;
    if condition != Condition::Verified {
        return Err(DemoError::Recording(condition));
    }
    let path = folder.join("recordings").join(&sealed.path);
    let leaders = ticket.ended.as_ref().map(|ended| ended.leaders.as_slice()).unwrap_or_default();
    let leader =
        leaders.iter().find(|leader| leader.is_taken()).map(|leader| format!("{} {}", leader.post, leader.name));
    let (talk_ms, end_reason) =
        ticket.ended.map(|ended| (ended.talk_ms, ended.end_reason.to_string())).unwrap_or_default();
    Ok(Report {
        folder: folder.to_path_buf(),
        timeline: timeline.lines,
        ticket: TicketLine {
            number: ticket.number,
            call: ticket.call.to_string(),
            dialled: ticket.opened.original_code,
            hotline: ticket.opened.hotline_primary,
            seat: ticket.opened.seat.0,
            seat_name: ticket.opened.seat_name,
            answered: retention::local_text(ticket.opened.t_answer),
            wait_ms: ticket.opened.wait_ms,
            talk_ms,
            end_reason,
            leader,
        },
        recording: RecordingLine {
            play: ["play", "ffplay -nodisp -autoexit"].map(|player| format!("{player} {}", path.display())),
            path,
            duration_ms: sealed.duration_ms,
            bytes: sealed.bytes,
            sha256: sealed.sha256,
            condition,
            keep_until: sealed.keep_until,
        },
        took_s: begun.mono().as_millis() as f64 / 1000.0,
    })
}

/// What follows the timeline.
fn as_text(report: &Report) -> String {
    let Report { ticket, recording, folder, .. } = report;
    let seconds = |millis: u64| format!("{:.1} s", millis as f64 / 1000.0);
    let mut text = String::from("\n");
    let mut line = |what: &str, value: &str| text.push_str(&format!("{what:<10} {value}\n"));
    line("ticket", &ticket.number);
    line("hotline", &format!("{} → {}", ticket.dialled, ticket.hotline));
    line("seat", &format!("{} {}", ticket.seat, ticket.seat_name));
    line("leader", ticket.leader.as_deref().unwrap_or("-"));
    line("answered", &ticket.answered);
    line("waited", &seconds(ticket.wait_ms));
    line("talked", &seconds(ticket.talk_ms));
    line("recording", &format!("{}, kept until {}", seconds(recording.duration_ms), recording.keep_until));
    line("file", &recording.path.display().to_string());
    line("SHA-256", &format!("{} (read again: it is what was sealed)", recording.sha256));
    text.push_str("\nListen to it, the citizen on the left, seat and leader on the right:\n");
    for command in &recording.play {
        text.push_str(&format!("  {command}\n"));
    }
    text.push_str("\nSee every SIP message, with the reason of each decision:\n");
    text.push_str(&format!("  hotline trace {} --data {}\n", ticket.number, folder.display()));
    text
}
