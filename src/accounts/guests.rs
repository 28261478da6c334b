//! Wrong passwords: how a stranger is slowed without locking the owner of an account out.
//!
//! - Five wrong ones of one address for one account, or twenty of one address for any, bar that pair or
//!   that address for fifteen minutes. It hits whoever guesses.
//! - Fifty wrong ones for one account from wherever bar it for fifteen minutes for all addresses from
//!   which it has never signed in. So many guessing machines do not add up, and the owner at its own desk
//!   is let in all the same.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::sip::registrar::GuessLimits;
use crate::sip::registrar::guessing::{Barred, Guessing};
use crate::time::Mono;

/// Wrong passwords of one account from wherever within ten minutes.
const OF_ONE_ACCOUNT: u32 = 50;

#[derive(Debug)]
pub(super) struct Guests {
    sources: Guessing,
    accounts: Guessing,
}

/// Stands for all addresses.
const WHEREVER: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Guests {
    pub fn new() -> Self {
        let limits = GuessLimits::default();
        let accounts =
            GuessLimits { tries: OF_ONE_ACCOUNT, source_tries: u32::MAX, first_pause: Duration::ZERO, ..limits };
        Self { sources: Guessing::new(limits), accounts: Guessing::new(accounts) }
    }

    /// Until when a password of this address for this account is not looked at.
    pub fn barred(&self, now: Mono, from: IpAddr, account: &str, is_known_there: bool) -> Option<Mono> {
        let source = self.sources.barred(now, from, account.as_bytes(), || false);
        let barred = source.or_else(|| {
            let account = self.accounts.barred(now, WHEREVER, account.as_bytes(), || true);
            account.filter(|_| !is_known_there)
        });
        barred.map(Barred::until)
    }

    pub fn wrong(&mut self, now: Mono, from: IpAddr, account: &str) {
        self.sources.wrong(now, from, account.as_bytes());
        self.accounts.wrong(now, WHEREVER, account.as_bytes());
    }

    pub fn right(&mut self, from: IpAddr, account: &str) {
        self.sources.right(from, account.as_bytes());
    }

    /// Forgets every wrong password.
    pub fn forget(&mut self) {
        *self = Self::new();
    }
}
