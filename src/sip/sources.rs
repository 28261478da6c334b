//! Senders that are neither trunk nor seat: a small budget of answers, apart from everybody else's.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::fading::Fading;
use crate::time::Mono;

/// What becomes of a request from an unknown source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Within the budget: 403, so that an honest but misconfigured peer learns why.
    Answer403,
    /// Beyond it: no answer, only a count.
    Drop,
}

/// Answers allowed: a burst at once, then so many a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per_second: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLimits {
    pub each: Rate,
    pub all: Rate,
    /// So many sources are remembered at most.
    pub capacity: usize,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self { each: Rate { burst: 5, per_second: 1 }, all: Rate { burst: 100, per_second: 50 }, capacity: 4096 }
    }
}

/// A token bucket per source within one for all. A source is remembered only while its bucket is
/// not full, and only answers empty buckets; so spoofed addresses, however many, take no more
/// memory than the common bucket has answers.
#[derive(Debug)]
pub struct UnknownSources {
    limits: SourceLimits,
    all: Bucket,
    each: Fading<IpAddr, Bucket>,
    answered: u64,
    dropped: u64,
}

impl UnknownSources {
    pub const fn new(limits: SourceLimits) -> Self {
        Self { limits, all: Bucket::FULL, each: Fading::new(limits.capacity), answered: 0, dropped: 0 }
    }

    pub fn judge(&mut self, now: Mono, address: IpAddr) -> Judge {
        let source = source_of(address);
        let mut own = self.each.get(now, &source).copied().unwrap_or(Bucket::FULL);
        // Its own bucket first: who is beyond that must not empty the common one.
        if own.take(now, self.limits.each) && self.all.take(now, self.limits.all) {
            self.each.put(now, source, own, own.full_at);
            self.answered += 1;
            Judge::Answer403
        } else {
            self.dropped += 1;
            Judge::Drop
        }
    }

    /// Requests answered since the start.
    pub const fn answered(&self) -> u64 {
        self.answered
    }

    /// Requests dropped since the start.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many sources are remembered.
    pub fn remembered(&self) -> usize {
        self.each.len()
    }
}

/// The address as the unit that is counted and barred: an IPv4 address, or the /64 of an IPv6
/// one, since a single host owns all of its /64.
pub fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A bucket written as the time at which it will be full again: the whole state is one moment.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Mono,
}

impl Bucket {
    const FULL: Self = Self { full_at: Mono(0) };

    /// Takes one token where one is there.
    fn take(&mut self, now: Mono, rate: Rate) -> bool {
        let after = self.full_at.max(now) + token_time(rate);
        let there = after.since(now) <= token_time(rate).saturating_mul(rate.burst);
        if there {
            self.full_at = after;
        }
        there
    }
}

/// How long one token takes to come back.
fn token_time(rate: Rate) -> Duration {
    Duration::from_secs(1).checked_div(rate.per_second).unwrap_or(Duration::from_secs(3600))
}
