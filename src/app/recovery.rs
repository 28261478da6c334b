//! What a crash left behind: every leg that still stood gets its BYE, every answered call is closed
//! with the reason `restart`, every caller who waited is a missed one, and counted; a recording that was sealed and not yet told of is linked.

use std::sync::atomic::Ordering;

use tokio::sync::mpsc::Sender;

use crate::archive::shelf::Shelf;
use crate::call::{By, CallId, CallRecord, MissedCall};
use crate::exchange::Input;
use crate::net::clock::Clock;
use crate::net::driver::Event;
use crate::store::entry::{Entry, LegGone};
use crate::store::journal::{Journal, OpenCall};
use crate::time::Wall;

use super::desk::Farewell;
use super::figures::Figures;

pub(super) async fn close_left_behind(
    open: &[OpenCall],
    journal: &Journal,
    inbox: &Sender<Event>,
    figures: &Figures,
    clock: Clock,
) {
    for call in open {
        for leg in &call.legs {
            if let Ok(farewell) = serde_json::from_str::<Farewell>(leg.dialog.reveal()) {
                let orphan = Input::Orphan { flow: farewell.flow(), bye: farewell.bye.into_bytes() };
                // The loop runs by now.
                let _ = inbox.send(Event::Input(orphan)).await;
            }
            if call.answered.is_none() {
                journal.append(Entry::LegGone(LegGone { call: call.call, leg: leg.id() }), |_| {});
            }
        }
        if let Some((_, opened)) = &call.answered {
            let now = clock.wall();
            let talk = now.0.saturating_sub(opened.t_answer.0);
            let record = CallRecord {
                t_end: now,
                talk_ms: u64::try_from(talk).unwrap_or(0),
                hold_ms: 0,
                end_reason: "restart".to_string(),
                released_by: By::System,
                participants: Vec::new(),
                invalid: None,
                notice_played: opened.notice_played,
                opened: opened.clone(),
            };
            journal.append(Entry::Closed(Box::new(record)), |_| {});
        } else if let Some(arrived) = &call.arrived {
            let now = clock.wall();
            let waited = u64::try_from(now.0.saturating_sub(arrived.t_arrive.0)).unwrap_or(0);
            let missed = MissedCall {
                t_end: now.max(arrived.t_arrive),
                wait_ms: waited,
                stage: "queue".to_string(),
                reason: "restart".to_string(),
                ..arrived.clone()
            };
            journal.append(Entry::Missed(Box::new(missed)), |_| {});
        }
    }
    figures.recovered_calls.fetch_add(u64::try_from(open.len()).unwrap_or(0), Ordering::Relaxed);
    if !open.is_empty() {
        tracing::warn!(calls = open.len(), "calls of an earlier run were closed with reason=restart");
    }
}

/// The crash came after the seal and before the journal knew of it. What was not sealed either is
/// found by the archive's sweep.
pub(super) fn link_sealed(unsealed: &[(CallId, Wall)], shelf: &Shelf, journal: &Journal) {
    for (call, answered) in unsealed {
        if let Some(sealed) = shelf.find(*call, Some(*answered)) {
            journal.append(Entry::Sealed(Box::new(sealed)), |_| {});
        }
    }
}
