//! `hotline route 12331 --at 2026-10-01T03:00`: what would happen to such a call, and why.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::call::directory::{Line, LineTo};
use crate::config::{Config, Fault, SeatKind, Trunk};
use crate::privacy::mask_within;
use crate::rules::numbers::{Dialled, Route};

/// Shows where a call would go, and why; nothing is dialled.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// The dialled number, in any form: 12331, 079812331, sip:12331@host;user=phone
    #[arg(value_name = "NUMBER")]
    pub number: String,
    /// Local time, such as 2026-10-01T03:00; now unless given
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// The trunk that delivers the call, for its pilots, default code and prefix
    #[arg(long, value_name = "NAME")]
    pub trunk: Option<String>,
    /// The To header
    #[arg(long, value_name = "URI")]
    pub to: Option<String>,
    /// A number in History-Info, the oldest first
    #[arg(long, value_name = "NUMBER")]
    pub history: Vec<String>,
    /// A number in Diversion, the newest first
    #[arg(long, value_name = "NUMBER")]
    pub diversion: Vec<String>,
    /// What the caller's phone says in Accept-Language
    #[arg(long, value_name = "TAGS")]
    pub language: Option<String>,
    /// Folder with sip-configs/ and dialplan/; without it the embedded default is used
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What would happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub number: String,
    /// Local time.
    pub at: String,
    pub trunk: Option<String>,
    pub night: bool,
    #[serde(flatten)]
    pub fate: Fate,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Fate {
    /// R7: 404, counted for the trunk, no ticket.
    Refused {
        status: u16,
        why: Vec<String>,
    },
    Queued(Box<Queued>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queued {
    #[serde(flatten)]
    pub route: Route,
    /// File name of the greeting; None: no greeting is configured.
    pub greeting_file: Option<String>,
    pub group: String,
    pub priority: u8,
    pub seats: Vec<Seat>,
    pub overflow_after_s: u64,
    pub overflow: Vec<Overflow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seat {
    pub no: String,
    pub name: String,
    pub kind: SeatKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overflow {
    pub skill: String,
    pub seats: Vec<Seat>,
}

#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    #[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    #[error("no trunk {0} in trunks.toml")]
    Trunk(String),
    #[error("{0} is no time such as 2026-10-01T03:00")]
    Time(String),
}

/// Exit code 0 where the call would be queued, 1 where it would be refused, 2 where that cannot be said.
pub fn run(args: &Args) -> ExitCode {
    let config = Config::load(args.config.as_deref()).map_err(RouteError::Config);
    match config.and_then(|config| answer(&config, args, Timestamp::now())) {
        Ok(answer) => {
            let text = if args.json {
                serde_json::to_string(&answer).unwrap_or_default()
            } else {
                as_text(&answer).trim_end().to_owned()
            };
            let _ = writeln!(io::stdout(), "{text}");
            match answer.fate {
                Fate::Queued(_) => ExitCode::SUCCESS,
                Fate::Refused { .. } => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// What this configuration would do; `now` stands where no time is asked for.
pub fn answer(config: &Config, args: &Args, now: Timestamp) -> Result<Answer, RouteError> {
    let at = match &args.at {
        Some(text) => local_time(text).ok_or_else(|| RouteError::Time(text.clone()))?,
        None => in_china(now),
    };
    let trunk = match &args.trunk {
        Some(name) => Some(config.trunk(name).ok_or_else(|| RouteError::Trunk(name.clone()))?),
        None => None,
    };
    let dialled = Dialled {
        request_uri: args.number.clone(),
        to: args.to.clone().unwrap_or_default(),
        history: args.history.clone(),
        diversion: args.diversion.clone(),
        accept_language: args.language.clone().unwrap_or_default(),
    };
    let night = config.night.is_some_and(|night| night.holds(at.time()));
    let numbers = trunk.map(Trunk::numbers).unwrap_or_default();
    let fate = match config.numbers.route(&dialled, &numbers, at.date()) {
        Ok(route) => {
            let group = |language: &str| config.languages().find(|(spoken, _)| *spoken == language);
            let route = route.spoken(|language| group(language).map(|(_, skill)| skill.to_owned()));
            Fate::Queued(Box::new(queued(config, route, night)))
        }
        Err(unknown) => {
            let seats = seats_reach(config, args.number.trim());
            Fate::Refused { status: 404, why: unknown.why.into_iter().chain(seats).collect() }
        }
    };
    Ok(Answer {
        number: args.number.clone(),
        at: at.strftime("%Y-%m-%d %H:%M").to_string(),
        trunk: args.trunk.clone(),
        night,
        fate,
    })
}

/// Whom a seat would reach that dials this: no call from outside does.
fn seats_reach(config: &Config, code: &str) -> Option<String> {
    let (name, lines) = named(config, code)?;
    Some(format!("a seat that dials it brings in {name}: {lines}"))
}

/// An entry of the directory, and its lines.
fn named<'a>(config: &'a Config, code: &str) -> Option<(&'a str, String)> {
    let entry = config.directory.entry(code)?;
    let line = |line: &Line| match &line.to {
        LineTo::Number { number, .. } => format!("number {}", mask_within(number.reveal())),
        LineTo::Device(uri) => format!("device {} (unknown whether it is there)", mask_within(uri)),
        LineTo::Seat(seat) => format!("seat {}", seat.0),
    };
    let lines: Vec<String> = entry.lines.iter().map(line).collect();
    Some((&entry.name, lines.join(", ")))
}

fn queued(config: &Config, mut route: Route, night: bool) -> Queued {
    let target = route.target.as_deref().and_then(|code| Some((code, named(config, code)?)));
    route.why.extend(target.map(|(code, (name, lines))| format!("{code} is {name}: {lines}")));
    let group = config.queue(&route.skill);
    let overflow = group.map_or(&[] as &[String], |group| group.overflow_at(night));
    let greeting = route.greeting.as_ref().map_or("greeting.wav".to_owned(), |code| format!("greeting-{code}.wav"));
    Queued {
        greeting_file: config.server.greeting.then_some(greeting),
        group: group.map(|group| group.label.clone()).unwrap_or_default(),
        priority: group.map_or(0, |group| group.priority),
        seats: seats(config, &route.skill),
        overflow_after_s: group.map_or(0, |group| group.overflow_after.as_secs()),
        overflow: overflow.iter().map(|skill| Overflow { skill: skill.clone(), seats: seats(config, skill) }).collect(),
        route,
    }
}

fn seats(config: &Config, skill: &str) -> Vec<Seat> {
    config
        .seats
        .iter()
        .filter(|seat| seat.answers(skill))
        .map(|seat| Seat { no: seat.no.0.clone(), name: seat.name.clone(), kind: seat.kind })
        .collect()
}

pub fn as_text(answer: &Answer) -> String {
    let night = if answer.night { ", night" } else { "" };
    let trunk = answer.trunk.as_ref().map_or(String::new(), |trunk| format!(", trunk {trunk}"));
    let mut text = format!("{} at {}{night}{trunk}\n", answer.number, answer.at);
    let mut line = |what: &str, value: &str| text.push_str(&format!("  {what:<9} {value}\n"));
    let why = match &answer.fate {
        Fate::Refused { status, why } => {
            line("refused", &status.to_string());
            why
        }
        Fate::Queued(queued) => {
            let route = &queued.route;
            line("code", &format!("{} {}", route.original_code, route.label));
            line("primary", &route.hotline_primary);
            line("mode", &route.mode.to_string());
            if let Some(target) = &route.target {
                line("target", target);
            }
            line("skill", &format!("{} {}, priority {}", route.skill, queued.group, queued.priority));
            line("greeting", queued.greeting_file.as_deref().unwrap_or("none"));
            line("seats", &listed(&queued.seats));
            for overflow in &queued.overflow {
                let seats = listed(&overflow.seats);
                line("overflow", &format!("{} after {} s: {seats}", overflow.skill, queued.overflow_after_s));
            }
            &route.why
        }
    };
    for (at, reason) in why.iter().enumerate() {
        line(if at == 0 { "because" } else { "" }, reason);
    }
    text
}

fn listed(seats: &[Seat]) -> String {
    if seats.is_empty() {
        return "none".into();
    }
    seats.iter().map(|seat| format!("{} {} ({})", seat.no, seat.name, seat.kind)).collect::<Vec<_>>().join(", ")
}

/// A local time, or an instant with its offset.
fn local_time(text: &str) -> Option<DateTime> {
    match text.parse::<Timestamp>() {
        Ok(instant) => Some(in_china(instant)),
        Err(_) => text.parse().ok(),
    }
}

fn in_china(instant: Timestamp) -> DateTime {
    // China has had no summer time since 1991: a fixed offset is right wherever the zone is not known.
    let zone = TimeZone::get("Asia/Shanghai").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)));
    zone.to_datetime(instant)
}
