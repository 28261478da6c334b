//! A story made ready to be shown: who took part, and each step between them. Without `full`, no
//! number of a person is left in it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;

use crate::app::trace::record::Way;
use crate::call::LegId;
use crate::privacy::{mask, mask_within};
use crate::sip::flow::Transport;
use crate::sip::message::{Headers, Message, Method, Name, Request, Uri};
use crate::time::Wall;

use super::story::{Event, Kept, Story};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ladder {
    pub call: Option<String>,
    /// The time of the first step, in China.
    pub started: String,
    /// The caller and the number that was dialled, where a trunk's INVITE is kept.
    pub from: Option<String>,
    pub to: Option<String>,
    /// The trunk first.
    pub parties: Vec<Party>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    pub role: Role,
    /// `trunk`, `seat 1001`.
    pub name: String,
    pub address: SocketAddr,
    pub transport: Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Trunk,
    Seat,
    /// Of no call: who registers, asks for options, or was turned away.
    Peer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Step {
    Message {
        /// Since the first step.
        ms: i64,
        way: &'static str,
        /// Place in `parties`.
        party: usize,
        sip_call_id: String,
        method: String,
        /// None for a request.
        status: Option<u16>,
        cseq: Option<u32>,
        sdp: bool,
        /// The same bytes went the same way before.
        again: bool,
        /// Reason phrase, Reason, Warning, what is wrong with it.
        remark: String,
    },
    Note {
        ms: i64,
        text: String,
    },
    Lost {
        records: u64,
    },
}

impl Ladder {
    pub fn of(story: &Story, full: bool) -> Self {
        let start = story.events.iter().find_map(at).unwrap_or_default();
        let since = |at: Wall| at.0.saturating_sub(start.0);
        let mut parties: Vec<Party> = Vec::new();
        for kept in story.messages() {
            if !parties.iter().any(|known| is_of(known, story, kept)) {
                parties.push(party(story, kept, full));
            }
        }
        parties.sort_by_key(|party| party.role);
        let mut seen = BTreeSet::new();
        let steps = story.events.iter().map(|event| match event {
            Event::Message(kept) => {
                let party = parties.iter().position(|known| is_of(known, story, kept)).unwrap_or(0);
                let again = !seen.insert((kept.way, kept.remote, &kept.bytes));
                message(since(kept.at), party, again, kept, full)
            }
            Event::Note { at, text } => Step::Note { ms: since(*at), text: shown(text, full) },
            Event::Lost { records } => Step::Lost { records: *records },
        });
        let steps = steps.collect();
        let invite = story.messages().find_map(|kept| match Message::parse(&kept.bytes) {
            Ok(Message::Request(request)) if kept.way == Way::Received && request.method == Method::Invite => {
                Some(request)
            }
            Ok(_) | Err(_) => None,
        });
        let from = invite.as_ref().and_then(|invite| invite.headers.from().ok()).map(|from| user(&from.uri, full));
        let to = invite.and_then(|invite| Uri::parse(&invite.uri).ok()).map(|uri| user(&uri, full));
        Self { call: story.call.map(|call| call.to_string()), started: local(start), from, to, parties, steps }
    }
}

fn at(event: &Event) -> Option<Wall> {
    match event {
        Event::Message(kept) => Some(kept.at),
        Event::Note { at, .. } => Some(*at),
        Event::Lost { .. } => None,
    }
}

/// The switchboard dials seats, and a trunk's calls arrive.
fn role(story: &Story, kept: &Kept) -> Role {
    match story.dialogs.get(&kept.sip_call_id).copied().flatten() {
        None => Role::Peer,
        Some(LegId(leg)) if leg >> 63 == 1 => Role::Seat,
        Some(LegId(_)) => Role::Trunk,
    }
}

/// A carrier may send from several ports; phones behind one router differ by nothing else.
fn is_of(party: &Party, story: &Story, kept: &Kept) -> bool {
    party.role == role(story, kept)
        && match party.role {
            Role::Trunk => party.address.ip() == kept.remote.ip(),
            Role::Seat | Role::Peer => party.address == kept.remote,
        }
}

fn party(story: &Story, kept: &Kept, full: bool) -> Party {
    let role = role(story, kept);
    let name = match role {
        Role::Trunk => "trunk".to_owned(),
        Role::Peer => "peer".to_owned(),
        // A seat, or whom it brought in: all are legs of ours.
        Role::Seat => match Message::parse(&kept.bytes) {
            Ok(message) => message.headers().to().map_or("phone".into(), |to| format!("phone {}", user(&to.uri, full))),
            Err(_) => "phone".to_owned(),
        },
    };
    Party { role, name, address: kept.remote, transport: kept.transport }
}

fn message(ms: i64, party: usize, again: bool, kept: &Kept, full: bool) -> Step {
    let mut remarks: Vec<String> = Vec::new();
    let (headers, method, status) = match Message::parse(&kept.bytes) {
        Ok(Message::Request(Request { method, headers, .. })) => (headers, method.as_str().to_owned(), None),
        Ok(Message::Response(response)) => {
            remarks.push(response.reason);
            let method = response.headers.cseq().map_or_else(|_| "?".into(), |cseq| cseq.method.as_str().to_owned());
            (response.headers, method, Some(response.status))
        }
        Err(unreadable) => {
            remarks.push(unreadable.fault.to_string());
            match unreadable.answerable {
                Some(request) => (request.headers, request.method.as_str().to_owned(), None),
                None => (Headers::default(), "?".to_owned(), None),
            }
        }
    };
    for (name, label) in [(Name::Reason, "Reason"), (Name::Warning, "Warning")] {
        remarks.extend(headers.text(&name).map(|value| format!("{label}: {value}")));
    }
    let is_sdp =
        |kind: std::borrow::Cow<'_, str>| kind.trim_start().to_ascii_lowercase().starts_with("application/sdp");
    remarks.retain(|remark| !remark.is_empty());
    Step::Message {
        ms,
        way: match kept.way {
            Way::Received => "received",
            Way::Sent => "sent",
        },
        party,
        sip_call_id: shown(&kept.sip_call_id, full),
        method: shown(&method, full),
        status,
        cseq: headers.cseq().ok().map(|cseq| cseq.number),
        sdp: headers.text(&Name::ContentType).is_some_and(is_sdp),
        again,
        remark: shown(&remarks.join("; "), full),
    }
}

/// Who is meant by an address. A number is masked however it is punctuated.
fn user(uri: &Uri, full: bool) -> String {
    let user = uri.unescaped_user().unwrap_or_else(|| uri.raw.clone());
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let is_number = user.chars().all(|char| char.is_ascii_digit() || "+-. ()*#".contains(char));
    if digits >= 7 && is_number && !full { mask(&user) } else { shown(&user, full) }
}

/// Fit for a terminal: what came from outside must not steer it.
fn shown(text: &str, full: bool) -> String {
    let text: String = text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect();
    if full { text } else { mask_within(&text) }
}

fn local(at: Wall) -> String {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    // Asia/Shanghai has kept UTC+8 since 1991.
    Offset::constant(8).to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S.%3f +08:00").to_string()
}
