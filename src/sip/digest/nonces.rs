//! Nonces that need no memory until somebody has proved a password with them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::hash::{keyed, same};
use crate::hex;
use crate::sip::flow::Flow;
use crate::time::Mono;

/// What is to be thought of a nonce that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    /// Ours, but expired, or its count did not rise.
    Stale,
    /// Not issued by this process to this address. A phone that registered before our restart, or
    /// from another address, looks like this too, so it is answered as `Stale` is.
    Forged,
}

/// Issues and judges nonces: time, serial and a keyed sum over both and the client's address, in
/// hex. The clock starts with the process, so the key must be new at each start.
pub struct Nonces {
    key: [u8; 32],
    life: Duration,
    capacity: usize,
    serial: u32,
    /// The highest count proved per nonce.
    spent: BTreeMap<Stamp, u32>,
    /// Everything up to here was forgotten for want of room and is stale.
    floor: Option<Stamp>,
}

/// When a nonce was issued, and which of that instant.
type Stamp = (u64, u32);

/// Hex digits of time, serial and sum.
const TIME: usize = 16;
const SERIAL: usize = 8;
const SUM_BYTES: usize = 16;

impl Nonces {
    /// `life`: how long a nonce is good; `capacity`: how many proved nonces are remembered.
    pub const fn new(key: [u8; 32], life: Duration, capacity: usize) -> Self {
        Self { key, life, capacity, serial: 0, spent: BTreeMap::new(), floor: None }
    }

    pub fn issue(&mut self, now: Mono, flow: &Flow) -> String {
        self.serial = self.serial.wrapping_add(1);
        let stamp = (now.0, self.serial);
        format!("{:016x}{:08x}{}", stamp.0, stamp.1, self.sum(stamp, flow))
    }

    /// `count` is the nonce count, None without qop: such a nonce is good once, because nothing
    /// else would tell a replay from a new request.
    pub fn check(&self, now: Mono, flow: &Flow, nonce: &[u8], count: Option<u32>) -> Freshness {
        let Some((stamp, sum)) = read(nonce) else { return Freshness::Forged };
        if !same(sum, self.sum(stamp, flow).as_bytes()) {
            return Freshness::Forged;
        }
        let issued = Mono(stamp.0);
        let expired = issued > now || now.since(issued) >= self.life;
        let forgotten = self.floor.is_some_and(|floor| stamp <= floor);
        let highest = self.spent.get(&stamp).copied().unwrap_or(0);
        if expired || forgotten || count.unwrap_or(u32::MAX) <= highest { Freshness::Stale } else { Freshness::Fresh }
    }

    /// Records that a password was proved with this nonce and count. Wrong passwords take no room
    /// here: replaying one gains nothing.
    pub fn spend(&mut self, now: Mono, nonce: &[u8], count: Option<u32>) {
        let Some((stamp, _)) = read(nonce) else { return };
        self.spent.insert(stamp, count.unwrap_or(u32::MAX));
        let oldest_good = (now - self.life).0;
        while let Some(oldest) = self.spent.first_entry() {
            if oldest.key().0 >= oldest_good {
                break;
            }
            oldest.remove();
        }
        while self.spent.len() > self.capacity {
            self.floor = self.floor.max(self.spent.pop_first().map(|(stamp, _)| stamp));
        }
    }

    /// How many proved nonces are remembered.
    pub fn remembered(&self) -> usize {
        self.spent.len()
    }

    /// The port is left out: a NAT may change it between the challenge and the answer.
    fn sum(&self, stamp: Stamp, flow: &Flow) -> String {
        let address = match flow.remote.ip().to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let sum = keyed(&self.key, &[b"nonce", &stamp.0.to_be_bytes(), &stamp.1.to_be_bytes(), &address]);
        hex::of(sum.first_chunk::<SUM_BYTES>().map_or(&[][..], |chunk| chunk))
    }
}

fn read(nonce: &[u8]) -> Option<(Stamp, &[u8])> {
    let (time, rest) = nonce.split_at_checked(TIME)?;
    let (serial, sum) = rest.split_at_checked(SERIAL)?;
    let time = u64::from_str_radix(std::str::from_utf8(time).ok()?, 16).ok()?;
    let serial = u32::from_str_radix(std::str::from_utf8(serial).ok()?, 16).ok()?;
    Some(((time, serial), sum))
}
