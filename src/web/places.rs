//! Who is connected to the API, and who gives way when there is no room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Connections at a time.
const MOST: usize = 256;
/// So many of them are kept for programs on this machine, the health check among them.
const OF_THIS_MACHINE: usize = 32;
/// Of one other machine.
const OF_ONE_ADDRESS: usize = 128;
/// A connection that was answered is at rest when nothing was written to it for so long.
const REST: Duration = Duration::from_secs(5);

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No whole request has come, or no further one.
    Idle,
    /// Its request is whole but for the body, and nothing was written yet.
    Asked,
    /// Something was written, last then.
    Answered(Instant),
}

/// All that are connected, by the order of their coming.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    guests: BTreeMap<u64, Guest>,
    last: u64,
}

struct Guest {
    from: IpAddr,
    stage: Stage,
    /// Dropped: it must go.
    _stay: oneshot::Sender<()>,
}

/// A place that is taken until this is dropped.
pub struct Place {
    places: Places,
    number: u64,
    /// Resolves when the place is wanted by somebody else.
    pub wanted: oneshot::Receiver<()>,
}

impl Places {
    /// A place for whoever connects; the connection that has been idle longest gives way where none is
    /// free. None: all of them are being served.
    pub fn take(&self, now: Instant, from: IpAddr) -> Option<Place> {
        let (stay, wanted) = oneshot::channel();
        let mut taken = self.taken();
        if !from.is_loopback() {
            taken.make_room(now, OF_ONE_ADDRESS, |guest| guest.from == from)?;
            taken.make_room(now, MOST - OF_THIS_MACHINE, |guest| !guest.from.is_loopback())?;
        }
        taken.make_room(now, MOST, |_| true)?;
        taken.last += 1;
        let number = taken.last;
        taken.guests.insert(number, Guest { from, stage: Stage::Idle, _stay: stay });
        drop(taken);
        Some(Place { places: self.clone(), number, wanted })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Makes room for one more of those whom `counts` means. None: there is none.
    fn make_room(&mut self, now: Instant, most: usize, counts: impl Fn(&Guest) -> bool) -> Option<()> {
        let alike = || self.guests.iter().filter(|(_, guest)| counts(guest));
        if alike().count() < most {
            return Some(());
        }
        let idle = alike().find(|(_, guest)| guest.is_idle(now)).map(|(number, _)| *number)?;
        self.guests.remove(&idle);
        Some(())
    }
}

impl Guest {
    fn is_idle(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Idle => true,
            Stage::Asked => false,
            Stage::Answered(at) => now.duration_since(at) >= REST,
        }
    }
}

impl Place {
    pub fn turn(&self, stage: Stage) {
        if let Some(guest) = self.places.taken().guests.get_mut(&self.number) {
            guest.stage = stage;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().guests.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn there(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// `count` connections from there that stay at this stage.
    fn fill(places: &Places, now: Instant, count: usize, from: IpAddr, stage: Stage) -> Vec<Place> {
        let place = |_| {
            let place = places.take(now, from).expect("a place");
            place.turn(stage);
            place
        };
        (0..count).map(place).collect()
    }

    fn gone(guests: &mut [Place]) -> Vec<usize> {
        let gone = |guest: &mut Place| guest.wanted.try_recv() == Err(oneshot::error::TryRecvError::Closed);
        guests.iter_mut().enumerate().filter_map(|(at, guest)| gone(guest).then_some(at)).collect()
    }

    #[test]
    fn the_longest_idle_gives_way_and_nobody_who_is_served() {
        let (places, now) = (Places::default(), Instant::now());
        let mut served = fill(&places, now, 100, HERE, Stage::Asked);
        let mut idle = fill(&places, now, MOST - 100, HERE, Stage::Idle);
        let _next = fill(&places, now, 2, HERE, Stage::Idle);
        assert_eq!((gone(&mut served), gone(&mut idle)), (vec![], vec![0, 1]));
    }

    #[test]
    fn a_full_house_turns_others_away_until_somebody_was_answered_and_rests() {
        let (places, now) = (Places::default(), Instant::now());
        let served = fill(&places, now, MOST, HERE, Stage::Asked);
        assert!(places.take(now, HERE).is_none());
        served[7].turn(Stage::Answered(now));
        assert!(places.take(now, HERE).is_none());
        assert!(places.take(now + REST, HERE).is_some());
    }

    #[test]
    fn other_machines_leave_room_for_each_other_and_for_this_one() {
        let (places, now) = (Places::default(), Instant::now());
        let _one = fill(&places, now, OF_ONE_ADDRESS, there(1), Stage::Asked);
        assert!(places.take(now, there(1)).is_none());
        let _two = fill(&places, now, MOST - OF_THIS_MACHINE - OF_ONE_ADDRESS, there(2), Stage::Asked);
        assert!(places.take(now, there(3)).is_none());
        let here = fill(&places, now, OF_THIS_MACHINE, HERE, Stage::Asked);
        assert!(places.take(now, HERE).is_none());
        drop(here);
        assert!(places.take(now, HERE).is_some());
    }
}
