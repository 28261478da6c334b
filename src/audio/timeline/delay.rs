//! How far a sender's RTP clock lies from the call's clock, and how fast the two part.

use std::collections::VecDeque;

use crate::audio::wav::RATE;

/// Samples of one second.
const SECOND: i64 = RATE as i64;
/// Minima kept; the window is this many spans.
const SPANS: usize = 10;
/// Window of 10 s where the drift is unknown: at 100 ppm the minimum then lags by 1 ms.
const SPAN: i64 = SECOND;
/// With the drift known the window may be a minute, which outlasts most bulges of delay.
const SPAN_WITH_DRIFT: i64 = 6 * SECOND;
/// Sender reports closer than this tell no drift: their timestamps are often a packet off.
const REPORT_DISTANCE: i64 = 60 * SECOND;
/// A drift beyond this is a wrong report, not a crystal. Parts per billion.
const PLAUSIBLE: i64 = 200_000;

/// The least delay of the last seconds: what is above it was waiting in a queue on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct LeastDelay {
    /// `(begin of the span, when its least delay was seen, that delay)`, in samples, oldest first.
    spans: VecDeque<(i64, i64, i64)>,
    drift: Drift,
}

impl LeastDelay {
    /// Takes the delay of a packet that arrived at `now`.
    pub(super) fn push(&mut self, now: i64, delay: i64) {
        self.forget(now);
        let span = self.span();
        match self.spans.back_mut() {
            Some((begin, seen, least)) if now < begin.saturating_add(span) => {
                if delay <= *least {
                    (*seen, *least) = (now, delay);
                }
            }
            Some(_) | None => self.spans.push_back((now, now, delay)),
        }
    }

    /// The least delay as it would be now; None before the first packet.
    pub(super) fn estimate(&mut self, now: i64) -> Option<i64> {
        self.forget(now);
        self.spans.iter().map(|(_, seen, least)| least.saturating_add(self.drift.over(now.saturating_sub(*seen)))).min()
    }

    /// A sender report: the RTP clock showed `timestamp` when the sender's clock showed `ntp`.
    pub(super) fn report(&mut self, ntp: u64, timestamp: i64) {
        self.drift.report(ntp, timestamp);
    }

    /// Drops what is older than the window. The last one stays: after a long silence the first packets
    /// may all be late, and the least delay has risen by no more than a crystal can drift.
    fn forget(&mut self, now: i64) {
        let oldest = now.saturating_sub(self.span().saturating_mul(SPANS as i64));
        while self.spans.len() > 1 && self.spans.front().is_some_and(|(_, seen, _)| *seen < oldest) {
            self.spans.pop_front();
        }
        if let Some((begin, seen, least)) = self.spans.front_mut().filter(|(_, seen, _)| *seen < oldest) {
            let silent = now.saturating_sub(*seen);
            let risen = self.drift.ppb.unwrap_or(PLAUSIBLE).saturating_mul(silent) / 1_000_000_000;
            (*begin, *seen, *least) = (now, now, least.saturating_add(risen));
        }
    }

    fn span(&self) -> i64 {
        if self.drift.ppb.is_some() { SPAN_WITH_DRIFT } else { SPAN }
    }
}

/// How much slower the sender's RTP clock runs than true time, from its reports (RFC 3550 §6.4.1).
#[derive(Clone, Debug, Default)]
struct Drift {
    first: Option<(u64, i64)>,
    ppb: Option<i64>,
}

impl Drift {
    fn report(&mut self, ntp: u64, timestamp: i64) {
        let Some((first_ntp, first_timestamp)) = self.first else {
            self.first = Some((ntp, timestamp));
            return;
        };
        let passed = i128::from(ntp.wrapping_sub(first_ntp).cast_signed()) * i128::from(RATE) / (1i128 << 32);
        let passed = i64::try_from(passed).unwrap_or(0);
        if (0..REPORT_DISTANCE).contains(&passed) {
            return;
        }
        let behind = passed.saturating_sub(timestamp.saturating_sub(first_timestamp));
        let ppb = if passed > 0 { behind.saturating_mul(1_000_000_000) / passed } else { i64::MAX };
        if ppb.saturating_abs() <= PLAUSIBLE {
            self.ppb = Some(ppb);
        } else {
            // The sender's clock was set, or its RTP clock restarted: begin to measure again.
            *self = Self { first: Some((ntp, timestamp)), ppb: None };
        }
    }

    /// By how much the delay grows over `samples`.
    fn over(&self, samples: i64) -> i64 {
        self.ppb.map_or(0, |ppb| samples.saturating_mul(ppb) / 1_000_000_000)
    }
}
