//! Writes the finding aid of recordings that an older program has left in the database, newest first, while the
//! server runs: three years of them take minutes, and a start must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::store::sqlite::Sqlite;

/// Recordings in one transaction: the journal is followed between two of them.
const AT_ONCE: u32 = 100;
/// Where the database does not answer.
const PAUSE: Duration = Duration::from_secs(60);

/// Until all are in it. Rests as long as it works, so that it never has more than half of the database.
pub async fn write(store: Arc<Sqlite>, ending: Arc<AtomicBool>) {
    let (began, mut pieces) = (Instant::now(), 0_u64);
    while !ending.load(Ordering::Relaxed) {
        let piece = Instant::now();
        match store.write_finding_aid(AT_ONCE).await {
            Ok(true) => {
                pieces += 1;
                tokio::time::sleep(piece.elapsed()).await;
            }
            Ok(false) => {
                if pieces > 0 {
                    tracing::info!(seconds = began.elapsed().as_secs(), "older recordings can be searched now");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "older recordings cannot be searched yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
