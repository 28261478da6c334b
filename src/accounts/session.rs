//! Who is signed in.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::hex;
use crate::time::Mono;

/// A session that was not used for so long is over.
pub const IDLE: Duration = Duration::from_secs(3600);
/// So is one that began so long ago: a shift and its handover.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Of one account at a time; a further one ends the oldest.
const MOST: usize = 16;

/// SHA-256 of a session's id: the id itself is known to its client only.
type Key = [u8; 32];

/// The sessions of this run: a restart signs everybody out.
#[derive(Debug, Default)]
pub(super) struct Sessions(BTreeMap<Key, Session>);

#[derive(Debug)]
struct Session {
    account: String,
    begun: Mono,
    used: Mono,
}

impl Sessions {
    /// The id of a new session, 256 random bits. None: the system has no random numbers.
    pub fn begin(&mut self, now: Mono, account: &str) -> Option<String> {
        let mut id = [0; 32];
        getrandom::fill(&mut id).ok()?;
        let id = hex::of(&id);
        self.0.retain(|_, session| session.lives(now));
        let own = || self.0.iter().filter(|(_, session)| session.account == account);
        if own().count() >= MOST {
            let oldest = own().min_by_key(|(_, session)| session.begun).map(|(key, _)| *key);
            oldest.and_then(|key| self.0.remove(&key));
        }
        self.0.insert(key(&id), Session { account: account.to_owned(), begun: now, used: now });
        Some(id)
    }

    /// Whose session it is; using it keeps it from becoming idle.
    pub fn account(&mut self, now: Mono, id: &str) -> Option<String> {
        let session = self.0.get_mut(&key(id)).filter(|session| session.lives(now))?;
        session.used = now;
        Some(session.account.clone())
    }

    pub fn end(&mut self, id: &str) {
        self.0.remove(&key(id));
    }

    /// All of an account. How many there were.
    pub fn end_all(&mut self, account: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|_, session| session.account != account);
        before - self.0.len()
    }

    pub fn count(&self, now: Mono, account: &str) -> usize {
        self.0.values().filter(|session| session.account == account && session.lives(now)).count()
    }
}

impl Session {
    fn lives(&self, now: Mono) -> bool {
        now.since(self.used) < IDLE && now.since(self.begun) < LONGEST
    }
}

fn key(id: &str) -> Key {
    Sha256::digest(id).into()
}
