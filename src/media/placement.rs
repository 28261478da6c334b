//! On which thread the legs of a call live.

use std::collections::BTreeMap;

use crate::call::{CallId, LegId};

/// So many calls fill a thread before the next one is used. One thread that wakes for many packets
/// is cheaper than two that wake for few: measured on two cores, 50 recorded calls cost 0.9 ms a
/// call-second on one thread and 1.2 ms on two. 300 calls take about a quarter of a core.
const CALLS: usize = 300;

/// The thread of each call, from its first leg until its last leg is closed and its recording sealed.
#[derive(Debug)]
pub struct Placement {
    calls: BTreeMap<CallId, Home>,
    legs: BTreeMap<LegId, CallId>,
    /// How many calls each thread has.
    load: Vec<usize>,
}

#[derive(Debug)]
struct Home {
    thread: usize,
    legs: usize,
    /// The seal follows the last packet, so it must find the thread that heard it.
    recorded: bool,
}

impl Placement {
    pub fn new(threads: usize) -> Self {
        Self { calls: BTreeMap::new(), legs: BTreeMap::new(), load: vec![0; threads] }
    }

    /// Where a new leg of this call goes: to the call's other legs, else to the first thread that is
    /// not full, else to the one with the fewest calls.
    pub fn open(&mut self, leg: LegId, call: CallId) -> usize {
        let thread = self.calls.get(&call).map_or_else(|| self.roomiest(), |home| home.thread);
        let home = self.calls.entry(call).or_insert_with(|| {
            if let Some(load) = self.load.get_mut(thread) {
                *load += 1;
            }
            Home { thread, legs: 0, recorded: false }
        });
        if self.legs.insert(leg, call).is_none() {
            home.legs += 1;
        }
        thread
    }

    pub fn of_leg(&self, leg: LegId) -> Option<usize> {
        self.legs.get(&leg).and_then(|call| self.calls.get(call)).map(|home| home.thread)
    }

    /// The thread of a call; `record` says that a recording is open, which a seal will end.
    pub fn mix(&mut self, call: CallId, record: bool) -> Option<usize> {
        let home = self.calls.get_mut(&call)?;
        home.recorded |= record;
        Some(home.thread)
    }

    /// The thread that a leg was on.
    pub fn close(&mut self, leg: LegId) -> Option<usize> {
        let call = self.legs.remove(&leg)?;
        let home = self.calls.get_mut(&call)?;
        home.legs = home.legs.saturating_sub(1);
        let thread = home.thread;
        self.forget_if_done(call);
        Some(thread)
    }

    /// The thread that has the last of this call; any can pass on the seal of a call that had no leg.
    pub fn seal(&mut self, call: CallId) -> usize {
        let Some(home) = self.calls.get_mut(&call) else { return 0 };
        home.recorded = false;
        let thread = home.thread;
        self.forget_if_done(call);
        thread
    }

    fn forget_if_done(&mut self, call: CallId) {
        if let Some(Home { thread, legs: 0, recorded: false }) = self.calls.get(&call) {
            if let Some(load) = self.load.get_mut(*thread) {
                *load = load.saturating_sub(1);
            }
            self.calls.remove(&call);
        }
    }

    fn roomiest(&self) -> usize {
        let by_load = self.load.iter().enumerate();
        let fewest = by_load.clone().min_by_key(|(_, calls)| **calls).map_or(0, |(thread, _)| thread);
        by_load.clone().find(|(_, calls)| **calls < CALLS).map_or(fewest, |(thread, _)| thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_fills_before_the_next_and_all_full_ones_share() {
        let mut placement = Placement::new(2);
        let threads = |placement: &mut Placement, calls: std::ops::Range<u64>| {
            let mut count = [0; 2];
            for id in calls {
                count[placement.open(LegId(id), CallId(id))] += 1;
            }
            count
        };
        assert_eq!(threads(&mut placement, 0..300), [300, 0]);
        assert_eq!(threads(&mut placement, 300..600), [0, 300]);
        assert_eq!(threads(&mut placement, 600..610), [5, 5]);
        placement.close(LegId(3));
        assert_eq!(placement.open(LegId(1000), CallId(1000)), 0, "the thread with the fewest");
    }

    #[test]
    fn a_call_stays_where_its_first_leg_was_until_closed_and_sealed() {
        let mut placement = Placement::new(2);
        for id in 0..300 {
            placement.open(LegId(id), CallId(id));
        }
        assert_eq!(placement.open(LegId(400), CallId(400)), 1);
        assert_eq!(placement.mix(CallId(400), true), Some(1));
        placement.close(LegId(0));
        assert_eq!(placement.open(LegId(401), CallId(400)), 1, "the second leg follows the first");
        placement.close(LegId(400));
        placement.close(LegId(401));
        assert_eq!(placement.seal(CallId(400)), 1, "the seal comes behind the last packet");
        assert_eq!(placement.mix(CallId(400), false), None);
        assert_eq!(placement.of_leg(LegId(401)), None);
        assert_eq!(placement.seal(CallId(77)), 0);
    }
}
