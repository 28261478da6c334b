//! Who waits for a seat, and who is next: priority, then the callers whose seat failed, then the
//! oldest. R8, R10, R11.

use std::cmp::Reverse;
use std::collections::{BTreeSet, btree_set};
use std::ops::Bound;
use std::time::Duration;

use super::live::{Call, Stage};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, SeatNo, alarms};
use crate::time::{Mono, Now};

/// A caller's place; the smallest is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    priority: Reverse<u8>,
    new: bool,
    arrived: Mono,
    pub call: CallId,
}

impl Place {
    fn of(call: &Call) -> Self {
        Self { priority: Reverse(call.priority), new: !call.returned, arrived: call.arrived.mono, call: call.id }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    places: BTreeSet<Place>,
    joined: bool,
}

impl Queue {
    pub fn iter(&self) -> btree_set::Iter<'_, Place> {
        self.places.iter()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether anybody has joined since the last time.
    fn take_joined(&mut self) -> bool {
        std::mem::take(&mut self.joined)
    }

    pub fn join(&mut self, call: &Call) {
        self.joined = true;
        self.places.insert(Place::of(call));
    }

    pub fn leave(&mut self, call: &Call) {
        self.places.remove(&Place::of(call));
    }

    fn after(&self, place: Option<Place>) -> impl Iterator<Item = &Place> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.places.range((from, Bound::Unbounded))
    }
}

impl Switchboard {
    /// A call has no seat: it waits, whatever the hour and however few seats there are (R8).
    pub(super) fn enqueue(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.stage = Stage::Waiting;
        self.queue.join(call);
        if let Some(at) = self.settings.next_overflow(&call.route.skill, call.arrived.mono, now) {
            self.timers.set(Timer::Overflow(id), at);
        }
    }

    /// Offers ready seats to waiting callers until one of the two has run out.
    pub(super) fn serve_queue(&mut self, now: Now) {
        let mut place = None;
        while let Some((next, seat)) = self.next_pair(now, place) {
            place = Some(next);
            self.offer(now, next.call, &seat);
        }
    }

    /// The next caller behind `place` for whom a seat is ready, and the seat that was idle longest.
    fn next_pair(&self, now: Now, place: Option<Place>) -> Option<(Place, SeatNo)> {
        if self.desk.nobody_ready() {
            return None;
        }
        // Skills that have been looked for in vain, so that a long queue costs little.
        let mut unserved: BTreeSet<(&str, usize)> = BTreeSet::new();
        for place in self.queue.after(place) {
            let Some(call) = self.calls.get(&place.call) else {
                continue;
            };
            let (skill, waited) = (call.route.skill.as_str(), call.waited(now.mono));
            let search = (skill, self.settings.overflow_open(skill, waited, now.wall));
            if unserved.contains(&search) {
                continue;
            }
            let mut groups = self.settings.groups(skill, waited, now.wall);
            if let Some(seat) = groups.find_map(|group| self.desk.longest_idle(|seat| group.has(seat))) {
                return Some((*place, seat.clone()));
            }
            unserved.insert(search);
        }
        None
    }

    pub(super) fn overflow(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let skill = &call.route.skill;
        if let Some(at) = self.settings.next_overflow(skill, call.arrived.mono, now) {
            self.timers.set(Timer::Overflow(id), at);
        }
        let text = format!("no seat of {skill} in {} s: asking its overflow groups", call.waited(now.mono).as_secs());
        self.note(id, text);
    }

    /// This caller's place among the waiting callers of the same skill, from 1; of
    /// one that is being rung for: the place that it would go back to.
    pub(super) fn position(&self, call: &Call) -> u32 {
        let own = Place::of(call);
        let same = |id: &CallId| self.calls.get(id).is_some_and(|other| other.route.skill == call.route.skill);
        let ahead = self.queue.iter().take_while(|place| **place < own).filter(|place| same(&place.call)).count();
        u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// R8: raises `no_seat` for each skill in which somebody waits and no seat is signed in and reachable,
    /// and clears it when one is.
    pub(super) fn watch_staffing(&mut self, now: Now) {
        let (joined, staff_changed) = (self.queue.take_joined(), self.desk.take_staff_changed());
        if !joined && !staff_changed {
            return;
        }
        let staffed = |skill: &str| {
            let mut groups = self.settings.groups(skill, Duration::MAX, now.wall);
            groups.any(|group| self.desk.iter().any(|(_, seat)| seat.staffed() && group.has(&seat.settings)))
        };
        let calls = self.queue.iter().filter_map(|place| self.calls.get(&place.call));
        let waiting: BTreeSet<&str> = calls.map(|call| call.route.skill.as_str()).collect();
        let unstaffed: Vec<&str> = waiting.into_iter().filter(|skill| !staffed(skill)).collect();
        let mended: Vec<String> =
            self.alarms.subjects(alarms::NO_SEAT).into_iter().filter(|skill| staffed(skill)).collect();
        for skill in unstaffed {
            self.alarms.raise(alarms::NO_SEAT, skill, &mut self.out);
        }
        for skill in mended {
            self.alarms.clear(alarms::NO_SEAT, &skill, &mut self.out);
        }
    }
}
