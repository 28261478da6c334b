//! After the last call: waits for the recordings, ends the server, and looks at what it left.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{add, round};
use super::phones::{Call, Phones, State};
use super::recordings::{self, Found, Spoken};
use super::server::Server;
use super::two_party::pump;

const SEALED_WITHIN: Duration = Duration::from_secs(60);

/// How a run ended.
pub struct Ending {
    /// What the parties said; None: nothing.
    pub spoken: Option<Spoken>,
    pub keep: bool,
    /// The last call.
    pub ended: Instant,
}

/// Waits for the recordings, ends the server, and adds what is left on disk and in the database.
pub fn finish(phones: &mut Phones, server: &mut Server, result: &mut Value, ending: Ending) {
    let Ending { spoken, keep, ended } = ending;
    let complete: Vec<&Call> = phones.calls.iter().filter(|call| call.state == State::Complete).collect();
    let (wanted, talks): (usize, Vec<f64>) = (complete.len(), complete.iter().map(|call| talk(call)).collect());
    let failed = failures(&phones.calls);
    add(
        result,
        &json!({
            "dialled": phones.calls.len(),
            "complete": wanted,
            "failed": phones.calls.len() - wanted,
            "requests_resent": phones.counts.resent,
            "seats_rung_twice": phones.counts.rung_twice,
            "seat_invites_unmatched": phones.counts.unmatched,
            "seats_without_ack": phones.counts.without_ack,
            "unreadable": phones.counts.unreadable,
        }),
    );
    if !failed.is_empty() {
        result["failures"] = failed.into();
    }
    if let Some(folder) = server.recordings.clone() {
        let mut found = recordings::find(&folder);
        result["open_at_the_end"] = found.open.into();
        while (found.sealed.len() < wanted || found.open > 0) && ended.elapsed() < SEALED_WITHIN {
            pump(phones, Duration::from_millis(250));
            found = recordings::find(&folder);
        }
        result["sealed_after_s"] = round(ended.elapsed().as_secs_f64()).into();
        add(result, &recordings_of(&found, talks, spoken, wanted));
    }
    let metrics = server.metrics(&["sync", "backlog", "journal", "sealing", "tap", "lost"]);
    if !metrics.is_empty() {
        result["metrics"] = metrics.into();
    }
    result["server_ended"] = server.stop().into();
    let (complaints, first) = server.complaints();
    result["warnings_in_log"] = complaints.into();
    if complaints > 0 {
        result["first_warnings"] = first.into();
    }
    if let Some(database) = server.database() {
        result["tickets"] = tickets(&database).into();
    }
    server.remove(keep);
}

fn recordings_of(found: &Found, talks: Vec<f64>, spoken: Option<Spoken>, wanted: usize) -> Value {
    let checked = recordings::check(&found.sealed, talks, spoken);
    let mut value = json!({
        "recordings": checked.files,
        "recordings_missing": wanted.saturating_sub(checked.files),
        "recordings_left_open": found.open,
        "recordings_wrong_length": checked.wrong_length,
        "recordings_unreadable": checked.unreadable,
        "recordings_with_gaps": checked.with_gaps,
        "gaps": checked.gaps,
        "recordings_not_ok": checked.not_ok,
        "recordings_without_tracks": checked.without_tracks,
        "shortest_s": round(checked.shortest),
        "longest_s": round(checked.longest),
    });
    if spoken.is_some() {
        value["recorded_tones_right"] = checked.tones_right.into();
        value["recorded_tones_wrong"] = checked.tones_wrong.into();
    }
    if let Some(example) = checked.example {
        value["first_gap"] = example.into();
    }
    value
}

/// Seconds from the seat's answer to the caller's BYE.
fn talk(call: &Call) -> f64 {
    let from = if call.seat_answered == 0 { call.answered } else { call.seat_answered };
    call.bye.saturating_sub(from) as f64 / 1e9
}

/// Reasons with their numbers.
fn failures(calls: &[Call]) -> Vec<String> {
    let mut reasons = BTreeMap::new();
    for call in calls {
        match &call.state {
            State::Failed(why) => *reasons.entry(why.clone()).or_insert(0) += 1,
            State::Calling | State::Up | State::Leaving => *reasons.entry("never ended".into()).or_insert(0) += 1,
            State::Complete => {}
        }
    }
    reasons.into_iter().map(|(why, count)| format!("{count} × {why}")).collect()
}

/// Tickets in a hotline's database, once it has ended.
fn tickets(database: &Path) -> Option<usize> {
    use hotline::store::{Store as _, query::PageAsk, query::TicketQuery, sqlite::Sqlite};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let store = Sqlite::new(database);
        let (mut query, mut count) = (TicketQuery::default(), 0);
        query.page.rows = PageAsk::MOST;
        loop {
            let page = store.tickets(&query).await.ok()?;
            count += page.rows.len();
            query.page.after = page.next;
            if query.page.after.is_none() {
                store.close().await;
                return Some(count);
            }
        }
    })
}
