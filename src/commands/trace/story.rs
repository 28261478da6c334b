//! All that the trace keeps of one call, in the order in which it happened.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::app::trace::record::{Record, Way};
use crate::app::trace::ring;
use crate::call::{CallId, LegId};
use crate::sip::flow::Transport;
use crate::sip::message::{Headers, Message, Name, text};
use crate::time::Wall;

/// One call, or one dialog that belongs to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub call: Option<CallId>,
    /// By SIP Call-ID; None: no leg of a call.
    pub dialogs: BTreeMap<String, Option<LegId>>,
    pub events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(Kept),
    Note {
        at: Wall,
        text: String,
    },
    /// The trace missed so many records here, of this call or of others.
    Lost {
        records: u64,
    },
}

/// A SIP message as it came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub at: Wall,
    pub way: Way,
    pub transport: Transport,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub bytes: Vec<u8>,
    pub sip_call_id: String,
}

impl Story {
    pub fn messages(&self) -> impl Iterator<Item = &Kept> {
        self.events.iter().filter_map(|event| match event {
            Event::Message(kept) => Some(kept),
            Event::Note { .. } | Event::Lost { .. } => None,
        })
    }
}

/// Looks for a call id of 16 hex digits, or for a SIP Call-ID. The call of that Call-ID is told
/// whole, with the dialogs of its other legs. None: nothing is kept of it.
pub fn find(dir: &Path, asked: &str) -> io::Result<Option<Story>> {
    let call = call_asked_for(dir, asked)?;
    let dialogs = match call {
        Some(call) => dialogs_of(dir, call)?,
        None => BTreeMap::from([(asked.to_owned(), None)]),
    };
    let mut events = Vec::new();
    ring::read(dir, |record| match record {
        Record::Message { at, way, transport, local, remote, bytes } => {
            if let Some(sip_call_id) = sip_call_id(bytes).filter(|id| dialogs.contains_key(id)) {
                let bytes = bytes.to_vec();
                events.push(Event::Message(Kept { at, way, transport, local, remote, bytes, sip_call_id }));
            }
        }
        Record::Note { at, call: of, text } if call == Some(of) => {
            events.push(Event::Note { at, text: text.to_owned() });
        }
        // Before the first event it is another call's.
        Record::Lost { records } if !events.is_empty() => events.push(Event::Lost { records }),
        Record::Note { .. } | Record::Lost { .. } | Record::Placed { .. } => {}
    })?;
    while matches!(events.last(), Some(Event::Lost { .. })) {
        events.pop();
    }
    Ok((!events.is_empty()).then_some(Story { call, dialogs, events }))
}

fn call_asked_for(dir: &Path, asked: &str) -> io::Result<Option<CallId>> {
    let id: Option<CallId> = if asked.len() == 16 { asked.parse().ok() } else { None };
    let mut found = None;
    ring::read(dir, |record| match record {
        // The leg of a feature code bears its own number for a call, and the next start begins anew.
        Record::Placed { call, leg, .. } if call.0 == leg.0 => {}
        Record::Placed { call, sip_call_id, .. } if sip_call_id == asked || id == Some(call) => found = Some(call),
        Record::Note { call, .. } if id == Some(call) => found = Some(call),
        Record::Placed { .. } | Record::Note { .. } | Record::Message { .. } | Record::Lost { .. } => {}
    })?;
    Ok(found)
}

fn dialogs_of(dir: &Path, asked: CallId) -> io::Result<BTreeMap<String, Option<LegId>>> {
    let mut dialogs = BTreeMap::new();
    ring::read(dir, |record| {
        if let Record::Placed { call, leg, sip_call_id } = record
            && call == asked
        {
            dialogs.insert(sip_call_id.to_owned(), Some(leg));
        }
    })?;
    Ok(dialogs)
}

fn sip_call_id(bytes: &[u8]) -> Option<String> {
    let of = |headers: &Headers| headers.get(&Name::CallId).map(|id| text(id).into_owned());
    match Message::parse(bytes) {
        Ok(message) => of(message.headers()),
        Err(unreadable) => of(&unreadable.answerable?.headers),
    }
}
