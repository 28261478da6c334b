//! The time for anything that erases (`rules::watermark`), and its mark in `<data>/archive-clock.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::civil::Date;

use super::{Keeper, KeeperError, Parts, said, today};
use crate::archive::manifest::folder::Manifests;
use crate::rules::retention::local_text;
use crate::rules::watermark::{Ahead, Mark};
use crate::store::query::Span;
use crate::time::{Mono, Wall};
use crate::whole;

const FILE: &str = "archive-clock.json";
const ALARM: &str = "archive_clock";
/// Between two looks at the clock. What passes between the last one and a crash counts as downtime.
const TICK: Duration = Duration::from_secs(60);

/// Both clocks of the machine.
#[derive(Clone)]
pub struct Times {
    pub wall: Arc<dyn Fn() -> Wall + Send + Sync>,
    pub mono: Arc<dyn Fn() -> Mono + Send + Sync>,
}

/// The mark, and when it was last moved.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    mark: Mark,
    confirmed: Option<Confirmed>,
    at: Mono,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Confirmed {
    by: String,
    reason: String,
    at: Wall,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct OnDisk {
    #[serde(flatten)]
    mark: Mark,
    #[serde(default)]
    confirmed: Option<Confirmed>,
}

/// How the clock stands against the mark.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ClockState {
    /// Chinese time.
    pub clock: String,
    pub mark: String,
    /// Nothing is destroyed.
    pub ahead: bool,
}

async fn open(parts: &Parts, manifests: &Manifests) -> Result<Keeping, KeeperError> {
    let path = file(&parts.data);
    let (wall, at) = ((parts.times.wall)(), (parts.times.mono)());
    match fs::read(&path) {
        Ok(bytes) => {
            let OnDisk { mark, confirmed } = serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))?;
            Ok(Keeping { mark, confirmed, at })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let newest = newest_on_record(parts, manifests).await?;
            let keeping = Keeping { mark: Mark::first(wall, newest), confirmed: None, at };
            save(&path, &keeping)?;
            Ok(keeping)
        }
        Err(error) => Err(error.into()),
    }
}

/// The end of the last manifest's day, or the newest recording.
async fn newest_on_record(parts: &Parts, manifests: &Manifests) -> Result<Option<Wall>, KeeperError> {
    let listed = manifests.last()?.map(|last| Span::day(last.link.day).until);
    // On a fresh disk the tables may not be there yet.
    parts.store.check().await?;
    let recorded = parts.store.recorded().await?.map(|(_, newest)| newest);
    Ok(listed.max(recorded))
}

fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Half a mark would be none.
fn save(path: &Path, keeping: &Keeping) -> io::Result<()> {
    let text = serde_json::to_string(&OnDisk { mark: keeping.mark, confirmed: keeping.confirmed.clone() })?;
    whole::write(path, &text)
}

impl Keeper {
    /// Moves the mark as far as time has passed, changes it by `change`, and raises the alarm where the clock
    /// is ahead of it. Err: there is a mark and it cannot be read or written, or nobody knows what is on record.
    async fn turn_mark(&self, change: impl FnOnce(&mut Keeping)) -> Result<Mark, KeeperError> {
        let mut slot = self.mark.lock().await;
        let mut keeping = match slot.take() {
            Some(keeping) => keeping,
            None => open(&self.parts, &self.manifests).await?,
        };
        let (wall, now) = (self.wall(), (self.parts.times.mono)());
        keeping.mark = keeping.mark.passed(wall, now.since(keeping.at));
        keeping.at = now;
        change(&mut keeping);
        let mark = keeping.mark;
        let saved = save(&file(&self.parts.data), &keeping);
        *slot = Some(keeping);
        let ahead = mark.now(wall).is_err();
        let told = format!("{} by the clock, {} at most: hotline archive clock", local_text(wall), local_text(mark.at));
        self.parts.alarms.now(ALARM, "", ahead, ahead.then_some(told));
        saved?;
        Ok(mark)
    }

    pub async fn tick(&self) -> Result<Mark, KeeperError> {
        self.turn_mark(|_| {}).await
    }

    /// Ticks for as long as the server runs.
    pub async fn run(self: Arc<Self>, ending: Arc<AtomicBool>) {
        self.resume().await;
        while !ending.load(Ordering::Relaxed) {
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the mark of the archive's clock is not written down");
            }
            self.watch_disk().await;
            tokio::time::sleep(TICK).await;
        }
    }

    /// Now, as far as two sources agree.
    pub(super) async fn now(&self) -> Result<Wall, KeeperError> {
        let mark = self.tick().await?;
        mark.now(self.wall()).map_err(|Ahead { clock, mark }| KeeperError::ClockAhead { clock, mark })
    }

    pub async fn clock(&self) -> Result<ClockState, KeeperError> {
        let (mark, wall) = (self.tick().await?, self.wall());
        Ok(ClockState { clock: local_text(wall), mark: local_text(mark.at), ahead: mark.now(wall).is_err() })
    }

    /// Somebody has looked at another clock: `day` is what that one says.
    pub async fn confirm_clock(&self, day: Date, reason: &str, who: &str) -> Result<ClockState, KeeperError> {
        let (reason, wall) = (said("reason", reason)?, self.wall());
        if day != today(wall) {
            let text = format!("the machine's clock says {}, not {day}: set it right first", today(wall));
            return Err(KeeperError::refused("clock_differs", text));
        }
        let confirmed = Confirmed { by: who.to_owned(), reason, at: wall };
        self.turn_mark(|keeping| {
            keeping.mark = keeping.mark.confirmed(wall);
            keeping.confirmed = Some(confirmed);
        })
        .await?;
        tracing::warn!(by = who, clock = local_text(wall), "the archive's clock was confirmed");
        self.clock().await
    }
}
