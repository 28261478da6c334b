//! The connect rate (接通率) of the last 24 hours, from the database (R90, rules.md §9.7).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::net::clock::Clock;
use crate::store::Store;
use crate::store::query::{Counts, Span};
use crate::store::sqlite::Sqlite;
use crate::time::{Mono, Wall};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// Counting a busy day takes the database a while, and nobody needs it newer.
const KEEP: Duration = Duration::from_secs(10);

pub struct Rate {
    store: Arc<Sqlite>,
    clock: Clock,
    /// None inside: the database did not answer.
    seen: Mutex<Option<(Mono, Option<Counts>)>>,
}

impl Rate {
    pub fn new(store: Arc<Sqlite>, clock: Clock) -> Self {
        Self { store, clock, seen: Mutex::new(None) }
    }

    /// Calls that arrived in the last 24 hours, as of a few seconds ago; None: the database does not answer.
    pub async fn last_day(&self) -> Option<Counts> {
        // Held while the database counts, so that it counts once for all who ask.
        let mut seen = self.seen.lock().await;
        let now = self.clock.now();
        if let Some((at, counts)) = *seen
            && now.mono.since(at) < KEEP
        {
            return counts;
        }
        let until = Wall(now.wall.0.saturating_add(1));
        let counts = self.store.counts(Span { from: Wall(now.wall.0.saturating_sub(DAY_MS)), until }).await.ok();
        *seen = Some((now.mono, counts));
        counts
    }
}

/// 接通率, from 0 to 1; None where nobody called.
pub fn connect_rate(counts: Counts) -> Option<f64> {
    (counts.offered > 0).then(|| counts.answered as f64 / counts.offered as f64)
}
