//! What is counted, for /metrics. Only sums: who called whom is in the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::call::{CallRecord, MissedCall, OpenTicket};
use crate::media::LegFigures;

/// Upper bounds of the waiting-time histogram, seconds. 15 is the standard's (R9).
pub const WAIT_BOUNDS: [u64; 8] = [2, 5, 10, 15, 20, 30, 60, 120];

#[derive(Debug, Default)]
pub struct Figures {
    /// Calls to a known code that were answered or have ended; rules.md §9.7.
    pub offered: AtomicU64,
    pub answered: AtomicU64,
    pub abandoned: AtomicU64,
    pub refused: AtomicU64,
    pub closed: AtomicU64,
    /// Calls of an earlier run that a crash had left open.
    pub recovered_calls: AtomicU64,
    pub within_15s: AtomicU64,
    pub wait_ms: AtomicU64,
    /// How many waited no longer than each bound; the last counts everybody.
    pub waits: [AtomicU64; WAIT_BOUNDS.len() + 1],
    pub rtp_received: AtomicU64,
    pub rtp_sent: AtomicU64,
    pub rtp_lost: AtomicU64,
    pub rtp_refused: AtomicU64,
    pub rtp_malformed: AtomicU64,
    pub rtp_source_changes: AtomicU64,
    pub journal_errors: AtomicU64,
    pub recorder_overflow: AtomicU64,
    pub recordings_failed: AtomicU64,
    pub recordings_degraded: AtomicU64,
    /// Of sealed recordings.
    pub recorded_bytes: AtomicU64,
    /// Jitter of the legs that ended last, milliseconds.
    jitter: Mutex<Option<f32>>,
}

impl Figures {
    /// Our own calls are none that were offered to us, and nobody waited in them.
    pub fn call_answered(&self, ticket: &OpenTicket) {
        if !ticket.kind.is_offered() {
            return;
        }
        add(&self.offered, 1);
        add(&self.answered, 1);
        add(&self.within_15s, u64::from(ticket.within_15s));
        add(&self.wait_ms, ticket.wait_ms);
        for (bound, count) in WAIT_BOUNDS.iter().chain([&u64::MAX]).zip(&self.waits) {
            add(count, u64::from(ticket.wait_ms <= bound.saturating_mul(1000)));
        }
    }

    pub fn call_missed(&self, missed: &MissedCall) {
        add(&self.offered, u64::from(missed.original_code.is_some()));
        add(if missed.was_refused() { &self.refused } else { &self.abandoned }, 1);
    }

    pub fn call_closed(&self, _record: &CallRecord) {
        add(&self.closed, 1);
    }

    pub fn leg_ended(&self, leg: &LegFigures) {
        add(&self.rtp_received, leg.received);
        add(&self.rtp_sent, leg.sent);
        add(&self.rtp_lost, leg.lost);
        add(&self.rtp_refused, leg.refused);
        add(&self.rtp_malformed, leg.malformed);
        add(&self.rtp_source_changes, u64::from(leg.source_changes));
        *self.jitter.lock().unwrap_or_else(PoisonError::into_inner) = Some(leg.jitter_ms);
    }

    pub fn last_jitter_ms(&self) -> Option<f32> {
        *self.jitter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
