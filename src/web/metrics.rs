//! `/metrics`: the figures in Prometheus' text format. No number of a person among them.

mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::look;
use crate::app::Office;
use crate::app::figures::WAIT_BOUNDS;
use crate::app::rate::connect_rate;
use crate::app::watch::free_bytes;
use crate::call::SeatState;
use crate::exchange::{Counters, Exchange};
use crate::sip::transactions;
use crate::time::Mono;
use text::Text;

/// Before this the bytes recorded so far tell nothing about a day.
const TOO_EARLY: Duration = Duration::from_secs(600);

pub async fn page(State(office): State<Office>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures(&office).await)
}

/// Everything that is known now, as the page says it.
pub async fn figures(office: &Office) -> String {
    let mut text = Text::default();
    calls(&mut text, office).await;
    // A server that ends has figures all the same.
    if let Ok(now) = look(office, |_, exchange| Standing::of(exchange)).await {
        standing(&mut text, now);
    }
    media(&mut text, office);
    recorder(&mut text, office);
    journal(&mut text, office);
    let waiting = office.inbox.max_capacity().saturating_sub(office.inbox.capacity());
    text.gauge("hotline_signalling_waiting", "Messages that wait for the signalling loop.", &[], waiting);
    text.counter("hotline_trace_lost_total", "Records that the trace could not keep.", &[], office.trace.lost());
    mirrors(&mut text, office);
    for alarm in office.alarms.standing() {
        let labels = [("name", alarm.name), ("subject", &alarm.subject), ("severity", alarm.severity)];
        text.gauge("hotline_alarm", "Alarms that stand.", &labels, 1);
    }
    text.finish()
}

/// Of each second copy (R71).
fn mirrors(text: &mut Text, office: &Office) {
    let now = office.clock.wall();
    for mirror in office.mirrors.iter().map(crate::mirror::Shared::get) {
        let labels = [("mirror", mirror.name.as_str())];
        let lag = mirror.lag(now).as_secs();
        text.gauge("hotline_mirror_lag_seconds", "How long the oldest recording waits for its copy.", &labels, lag);
        let help = "Bytes of sealed recordings without a second copy.";
        text.gauge("hotline_mirror_lag_bytes", help, &labels, mirror.waiting_bytes);
        let help = "Sealed recordings without a second copy.";
        text.gauge("hotline_mirror_waiting", help, &labels, mirror.waiting);
        let age = mirror.set_age(now).as_secs();
        text.gauge("hotline_mirror_set_age_seconds", "Age of the newest copy of the database.", &labels, age);
        text.counter("hotline_mirror_copied_bytes_total", "Bytes copied by this run.", &labels, mirror.copied_bytes);
        let refused = mirror.refused.len();
        text.gauge("hotline_mirror_refused", "Recordings that cannot be copied as they are.", &labels, refused);
    }
}

async fn calls(text: &mut Text, office: &Office) {
    let figures = &office.figures;
    let sum = |text: &mut Text, name, help, value: &AtomicU64| text.counter(name, help, &[], load(value));
    sum(text, "hotline_calls_offered_total", "Calls to a known code, answered or ended.", &figures.offered);
    sum(text, "hotline_calls_answered_total", "Calls that a seat answered.", &figures.answered);
    sum(text, "hotline_calls_answered_15s_total", "Answered within 15 s of the INVITE.", &figures.within_15s);
    sum(text, "hotline_calls_abandoned_total", "Callers who left before a seat answered.", &figures.abandoned);
    sum(text, "hotline_calls_refused_total", "Calls turned away, unknown codes included.", &figures.refused);
    sum(text, "hotline_calls_closed_total", "Answered calls that have ended.", &figures.closed);
    sum(text, "hotline_recovered_calls_total", "Calls left open by a crash, ended here.", &figures.recovered_calls);
    let bounds = WAIT_BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let waits = bounds.zip(figures.waits.iter().map(load));
    let seconds = load(&figures.wait_ms) as f64 / 1000.0;
    text.histogram("hotline_wait_seconds", "Waiting time of answered calls.", waits, seconds);
    if let Some(counts) = office.rate.last_day().await {
        let help = "Calls of the last 24 hours, from the database.";
        text.gauge("hotline_day_offered", help, &[], counts.offered);
        text.gauge("hotline_day_answered", help, &[], counts.answered);
        text.gauge("hotline_day_answered_15s", help, &[], counts.within_15s);
        if let Some(rate) = connect_rate(counts) {
            text.gauge("hotline_connect_rate_24h", "Answered of offered in the last 24 hours, 0 to 1.", &[], rate);
        }
    }
}

/// What the exchange knows at one instant.
struct Standing {
    live: usize,
    queued: usize,
    seats: BTreeMap<SeatState, u64>,
    reachable: usize,
    free: usize,
    trunks: Vec<(String, bool)>,
    unknown_numbers: Vec<(String, u64)>,
    legs: usize,
    ports: usize,
    counters: Counters,
    sip: transactions::Counters,
}

impl Standing {
    fn of(exchange: &Exchange) -> Self {
        let board = exchange.board();
        let (views, (legs, ports)) = (board.seats(), exchange.load());
        let mut seats = BTreeMap::new();
        for view in &views {
            *seats.entry(view.state).or_insert(0) += 1;
        }
        Self {
            live: board.live(),
            queued: board.queued(),
            seats,
            reachable: views.iter().filter(|view| view.reachable).count(),
            free: views.iter().filter(|view| view.free).count(),
            trunks: exchange.trunk_states(),
            unknown_numbers: board.unknown_numbers().map(|(trunk, count)| (trunk.to_owned(), count)).collect(),
            legs,
            ports,
            counters: exchange.counters(),
            sip: exchange.sip_counters(),
        }
    }
}

fn standing(text: &mut Text, now: Standing) {
    text.gauge("hotline_calls_active", "Calls that are up, waiting ones included.", &[], now.live);
    text.gauge("hotline_calls_queued", "Callers for whom no seat is being rung.", &[], now.queued);
    text.gauge("hotline_legs", "Legs with a dialog.", &[], now.legs);
    text.gauge("hotline_rtp_ports_in_use", "Pairs of RTP and RTCP ports.", &[], now.ports);
    for state in SeatState::ALL {
        let count = now.seats.get(state).copied().unwrap_or(0);
        text.gauge("hotline_seats", "Seats by state.", &[("state", state.as_str())], count);
    }
    text.gauge("hotline_seats_reachable", "Seats whose phone can be rung.", &[], now.reachable);
    text.gauge("hotline_seats_free", "Seats that a call can be offered to.", &[], now.free);
    for (trunk, up) in &now.trunks {
        text.gauge("hotline_trunk_up", "1 while the trunk can be used.", &[("trunk", trunk)], u8::from(*up));
    }
    for (trunk, count) in &now.unknown_numbers {
        let help = "Calls to no number of ours (R7).";
        text.counter("hotline_unknown_number_total", help, &[("trunk", trunk)], *count);
    }
    let counters = now.counters;
    text.counter("hotline_sip_received_total", "SIP messages received.", &[], counters.received);
    text.counter("hotline_sip_unreadable_total", "Messages that are no SIP.", &[], counters.unreadable);
    for (name, help, value) in [
        ("hotline_sip_unanswerable_total", "Messages dropped: nobody could be answered.", now.sip.unanswerable),
        ("hotline_sip_malformed_total", "Requests with a fault, answered 400 or 505 but for ACK.", now.sip.malformed),
        ("hotline_sip_over_limit_total", "Requests answered 503 for want of room.", now.sip.over_limit),
        ("hotline_sip_bad_responses_total", "Responses without a readable Via of ours.", now.sip.bad_responses),
        ("hotline_sip_stray_responses_total", "Responses to no request of ours.", now.sip.stray_responses),
    ] {
        text.counter(name, help, &[], value);
    }
    let help = "Messages of sources that are neither trunk nor seat.";
    text.counter("hotline_unknown_source_total", help, &[("fate", "answered")], counters.unknown_answered);
    text.counter("hotline_unknown_source_total", help, &[("fate", "dropped")], counters.unknown_dropped);
    let help = "Wrong SIP passwords of seats; further tries of one that is locked out are not counted.";
    text.counter("hotline_wrong_passwords_total", help, &[], counters.wrong_passwords);
    text.counter("hotline_no_port_total", "Legs refused because no RTP port was left.", &[], counters.no_port);
}

fn media(text: &mut Text, office: &Office) {
    let sums = office.figures.media();
    for (name, help, value) in [
        ("hotline_rtp_received_total", "RTP packets received, live legs as of their last RTCP.", sums.received),
        ("hotline_rtp_sent_total", "RTP packets sent, live legs as of their last RTCP.", sums.sent),
        ("hotline_rtp_lost_total", "RTP packets missing, live legs as of their last RTCP.", sums.lost),
        ("hotline_rtp_refused_total", "RTP packets of a source not agreed on.", sums.refused),
        ("hotline_rtp_malformed_total", "Datagrams that are no RTP.", sums.malformed),
        ("hotline_rtp_source_changes_total", "Times that a leg's source changed.", sums.source_changes),
        ("hotline_rtp_unrecorded_total", "RTP packets that the recorder's queue had no room for.", sums.unrecorded),
        ("hotline_room_frames_total", "Frames of voices in rooms, live legs as of their last RTCP.", sums.frames),
        ("hotline_room_concealed_total", "Of these, frames of which a part was invented.", sums.concealed),
        ("hotline_room_late_total", "RTP packets that came too late for their frame.", sums.late),
    ] {
        text.counter(name, help, &[], value);
    }
    if let Some(jitter) = sums.worst_jitter_ms {
        text.gauge("hotline_rtp_jitter_ms", "Greatest jitter of the live legs.", &[], jitter);
    }
}

fn recorder(text: &mut Text, office: &Office) {
    let (archive, figures) = (&office.archive, &office.figures);
    text.gauge("hotline_recordings_open", "Recordings being written.", &[], load(&archive.open));
    text.gauge("hotline_recordings_sealing", "Ended and not yet sealed.", &[], load(&archive.sealing));
    for (name, help, value) in [
        ("hotline_recordings_sealed_total", "Sealed since the start.", &archive.sealed),
        ("hotline_recordings_recovered_total", "Sealed after a crash.", &archive.recovered),
        ("hotline_recordings_failed_total", "Not recorded, or not to the end.", &archive.failed),
        ("hotline_recordings_degraded_total", "Sealed with gaps.", &figures.recordings_degraded),
        ("hotline_recorded_bytes_total", "Bytes of sealed recordings.", &figures.recorded_bytes),
        ("hotline_recorder_overflow_total", "Orders that found the recorder's queue full.", &figures.recorder_overflow),
        ("hotline_recorder_write_errors_total", "Writes that failed.", &archive.write_errors),
        ("hotline_recorder_syncs_total", "Syncs of recordings.", &archive.syncs),
        ("hotline_recorder_syncs_skipped_total", "Left out because the disk was slow.", &archive.syncs_skipped),
        ("hotline_recorder_lags_total", "Times that the writer fell behind.", &archive.lags),
        ("hotline_recorder_stray_total", "Audio for calls that are not recorded.", &archive.stray),
    ] {
        text.counter(name, help, &[], load(value));
    }
    text.gauge("hotline_recorder_queue", "Orders that waited at the writer's last look.", &[], load(&archive.waiting));
    let behind = archive.behind(office.clock.mono()).unwrap_or_default().as_secs_f64();
    text.gauge(
        "hotline_recorder_behind_seconds",
        "Time since the writer last came round, where too long.",
        &[],
        behind,
    );
    let Some(free) = free_bytes(&office.recordings) else { return };
    text.gauge("hotline_disk_free_bytes", "Room for recordings.", &[], free);
    if let Some(days) = days_left(free, load(&figures.recorded_bytes), office.clock.mono().since(Mono::default())) {
        text.gauge("hotline_disk_days_left", "Days until the disk is full, as it goes since the start.", &[], days);
    }
}

/// How long so many free bytes last, where so many were recorded since the start; None while it cannot be told.
pub fn days_left(free: u64, recorded: u64, running: Duration) -> Option<f64> {
    (running >= TOO_EARLY && recorded > 0).then(|| {
        let per_day = recorded as f64 / (running.as_secs_f64() / 86_400.0);
        free as f64 / per_day
    })
}

fn journal(text: &mut Text, office: &Office) {
    let (journal, database) = (office.journal.health(), office.progress.standing());
    text.gauge("hotline_journal_up", "0 while the journal's disk fails.", &[], u8::from(journal.failing.is_none()));
    text.gauge("hotline_journal_waiting", "Entries that wait for the disk.", &[], journal.waiting);
    text.counter("hotline_journal_entries_total", "Entries on disk since the start.", &[], journal.entries);
    text.counter("hotline_journal_syncs_total", "Syncs, each for a group of entries.", &[], journal.syncs);
    let errors = load(&office.figures.journal_errors);
    text.counter("hotline_journal_errors_total", "Entries that the disk refused at first.", &[], errors);
    let behind = journal.synced.saturating_sub(office.progress.applied());
    text.gauge("hotline_database_up", "0 while the database fails.", &[], u8::from(database.failing.is_none()));
    text.gauge("hotline_database_behind", "Entries on disk and not yet in the database.", &[], behind);
    text.gauge("hotline_database_set_aside", "Entries that the tables would not take.", &[], database.set_aside);
    text.gauge("hotline_draining", "1 while no new calls are taken.", &[], u8::from(office.is_draining()));
}

fn load(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}
