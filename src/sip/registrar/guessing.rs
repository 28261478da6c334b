//! Wrong passwords: slowed and locked per (source, user), and per source while nobody is
//! registered from it.

use std::net::IpAddr;
use std::time::Duration;

use crate::sip::fading::Fading;
use crate::time::Mono;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// So many wrong passwords of one source for one user, within `window`, lock that pair.
    pub tries: u32,
    /// So many wrong passwords of one source for whatever users, within `window`, lock the source
    /// while no seat is registered from it.
    pub source_tries: u32,
    pub window: Duration,
    pub lock: Duration,
    /// The pause after the first wrong password; it doubles with each further one.
    pub first_pause: Duration,
    /// So many pairs, and so many sources, are remembered at most.
    pub capacity: usize,
}

impl Default for GuessLimits {
    fn default() -> Self {
        Self {
            tries: 5,
            source_tries: 20,
            window: Duration::from_secs(600),
            lock: Duration::from_secs(900),
            first_pause: Duration::from_secs(1),
            capacity: 10_000,
        }
    }
}

/// Unknown users are remembered like known ones: a lock must not tell which users exist.
#[derive(Debug)]
pub struct Guessing {
    limits: GuessLimits,
    pairs: Fading<(IpAddr, Vec<u8>), Tally>,
    sources: Fading<IpAddr, Tally>,
}

#[derive(Clone, Debug, Default)]
struct Tally {
    /// Wrong passwords within the window, oldest first.
    wrong: Vec<Mono>,
    barred_until: Mono,
    locked: bool,
}

/// What becomes of another try, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// Its password is not looked at, and it is not told so: a phone that tries again at once is no guesser.
    Paused(Mono),
    Locked(Mono),
}

impl Barred {
    pub const fn until(self) -> Mono {
        match self {
            Self::Paused(until) | Self::Locked(until) => until,
        }
    }
}

/// What a wrong password has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The first one of this source for this user within the window, or one that locks. Not of a source that
    /// has tried too many users already.
    pub is_news: bool,
    pub locked_until: Option<Mono>,
}

impl Guessing {
    pub const fn new(limits: GuessLimits) -> Self {
        Self { limits, pairs: Fading::new(limits.capacity), sources: Fading::new(limits.capacity) }
    }

    /// Whether nothing of this source for this user is looked at. `seats_there` tells whether
    /// a seat is registered from the source; it is asked only where it matters.
    pub fn barred(&self, now: Mono, source: IpAddr, user: &[u8], seats_there: impl Fn() -> bool) -> Option<Barred> {
        let barred = |tally: &Tally| {
            let bar = if tally.locked { Barred::Locked } else { Barred::Paused };
            (tally.barred_until > now).then_some(bar(tally.barred_until))
        };
        let pair = self.pairs.get(now, &(source, user.to_vec())).and_then(barred);
        let of_source = || self.sources.get(now, &source).and_then(barred).filter(|_| !seats_there());
        match pair {
            Some(Barred::Locked(until)) => Some(Barred::Locked(until)),
            Some(Barred::Paused(_)) | None => of_source().or(pair),
        }
    }

    pub fn wrong(&mut self, now: Mono, source: IpAddr, user: &[u8]) -> Noted {
        let limits = self.limits;
        let pair = (source, user.to_vec());
        let mut tally = self.pairs.get(now, &pair).cloned().unwrap_or_default();
        let count = tally.count(now, limits.window);
        tally.locked = count >= limits.tries;
        tally.barred_until = if tally.locked {
            tally.wrong.clear();
            now + limits.lock
        } else {
            now + limits.first_pause.saturating_mul(1_u32.checked_shl(count - 1).unwrap_or(u32::MAX)).min(limits.lock)
        };
        let until = tally.fades_at(now, limits.window);
        let mut locked_until = tally.locked.then_some(tally.barred_until);
        self.pairs.put(now, pair, tally, until);

        let mut tally = self.sources.get(now, &source).cloned().unwrap_or_default();
        let was_barred = tally.barred_until > now;
        if tally.count(now, limits.window) >= limits.source_tries {
            tally.wrong.clear();
            (tally.locked, tally.barred_until) = (true, now + limits.lock);
            locked_until = Some(tally.barred_until);
        }
        let until = tally.fades_at(now, limits.window);
        self.sources.put(now, source, tally, until);
        Noted { is_news: !was_barred && (count == 1 || locked_until.is_some()), locked_until }
    }

    /// The right password wipes out the wrong ones of the same source for the same user.
    pub fn right(&mut self, source: IpAddr, user: &[u8]) {
        self.pairs.remove(&(source, user.to_vec()));
    }

    pub fn remembered(&self) -> usize {
        self.pairs.len() + self.sources.len()
    }
}

impl Tally {
    /// Adds one wrong password, and says how many there were within the window.
    fn count(&mut self, now: Mono, window: Duration) -> u32 {
        self.wrong.retain(|at| now.since(*at) < window);
        self.wrong.push(now);
        u32::try_from(self.wrong.len()).unwrap_or(u32::MAX)
    }

    fn fades_at(&self, now: Mono, window: Duration) -> Mono {
        (now + window).max(self.barred_until)
    }
}
