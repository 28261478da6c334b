//! What is counted, for /metrics. Only sums: who called whom is in the database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::call::{CallRecord, LegId, MissedCall, OpenTicket};
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
    pub journal_errors: AtomicU64,
    pub recorder_overflow: AtomicU64,
    pub recordings_failed: AtomicU64,
    pub recordings_degraded: AtomicU64,
    /// Of sealed recordings.
    pub recorded_bytes: AtomicU64,
    media: Mutex<Media>,
}

/// What the media of all legs counted.
#[derive(Debug, Default)]
struct Media {
    /// Legs that stand, as of their last round of RTCP.
    live: BTreeMap<LegId, LegFigures>,
    ended: MediaSums,
}

/// Packets of all legs, those that stand included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaSums {
    pub received: u64,
    pub sent: u64,
    pub lost: u64,
    /// Of a source not agreed on.
    pub refused: u64,
    pub malformed: u64,
    /// That the recorder's full queue had no room for.
    pub unrecorded: u64,
    pub source_changes: u64,
    /// Of voices in rooms: frames of 20 ms, those of which a part was invented, and packets that came too late.
    pub frames: u64,
    pub concealed: u64,
    pub late: u64,
    /// The greatest of the legs that stand, milliseconds; None without legs.
    pub worst_jitter_ms: Option<f32>,
}

impl MediaSums {
    fn add(&mut self, leg: &LegFigures) {
        for (sum, one) in [
            (&mut self.received, leg.received),
            (&mut self.sent, leg.sent),
            (&mut self.lost, leg.lost),
            (&mut self.refused, leg.refused),
            (&mut self.malformed, leg.malformed),
            (&mut self.unrecorded, leg.unrecorded),
            (&mut self.source_changes, u64::from(leg.source_changes)),
            (&mut self.frames, leg.in_room.frames),
            (&mut self.concealed, leg.in_room.concealed),
            (&mut self.late, leg.in_room.late),
        ] {
            *sum = sum.saturating_add(one);
        }
    }
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

    /// The newest figures of a leg; the last ones where it has `ended`.
    pub fn leg(&self, leg: LegId, figures: LegFigures, ended: bool) {
        let mut media = self.media.lock().unwrap_or_else(PoisonError::into_inner);
        if ended {
            media.live.remove(&leg);
            media.ended.add(&figures);
        } else {
            media.live.insert(leg, figures);
        }
    }

    pub fn media(&self) -> MediaSums {
        let media = self.media.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = media.ended;
        media.live.values().for_each(|leg| sums.add(leg));
        sums.worst_jitter_ms = media.live.values().map(|leg| leg.jitter_ms).reduce(f32::max);
        sums
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
