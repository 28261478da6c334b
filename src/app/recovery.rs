//! What a crash left behind: every leg that still stood gets its BYE, every answered call is closed
//! with the reason `restart`, and counted.

use tokio::sync::mpsc::Sender;

use crate::call::{By, CallRecord};
use crate::exchange::Input;
use crate::net::clock::Clock;
use crate::net::driver::Event;
use crate::store::entry::{Entry, LegGone};
use crate::store::journal::{Journal, OpenCall};

use super::desk::Farewell;

pub(super) async fn close_left_behind(open: &[OpenCall], journal: &Journal, inbox: &Sender<Event>, clock: Clock) {
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
        }
    }
    if !open.is_empty() {
        tracing::warn!(calls = open.len(), "calls of an earlier run were closed with reason=restart");
    }
}
