//! An archive with a keeper, and two clocks that are set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hotline::app::keeper::{Keeper, Parts, Times};
use hotline::archive::Sealed;
use hotline::archive::manifest::verify::{Report, Scope};
use hotline::config::Config;
use hotline::store::entry::Entry;
use hotline::store::keeping::Batch;
use hotline::time::{Mono, Wall};

use crate::facts;
use crate::manifest::town::{DAY, HOUR, MIDNIGHT, Town};

/// The first day on which what is recorded on 2026-11-24 may be erased: 2029-11-25, noon.
pub const DUE: i64 = MIDNIGHT + 1097 * DAY + 12 * HOUR;

pub struct Yard {
    pub town: Town,
    pub keeper: Arc<Keeper>,
    wall: Arc<AtomicI64>,
    mono: Arc<AtomicU64>,
}

impl Yard {
    /// `recordings` of one day, all listed in a manifest; those of even numbers have a ticket.
    pub async fn new(name: &str, recordings: u64) -> Self {
        let mut town = Town::new(&format!("keeping-{name}"));
        town.makes(MIDNIGHT + HOUR).await;
        let sealed_at = MIDNIGHT + 9 * HOUR;
        for n in 1..=recordings {
            if n % 2 == 0 {
                town.tell(facts::closed(n)).await;
            }
            town.record(n, "2026/11/24", sealed_at).await;
        }
        town.makes(MIDNIGHT + DAY + HOUR).await;
        let yard = Self::on(town, MIDNIGHT + 20 * HOUR);
        yard.settle().await;
        yard
    }

    fn on(town: Town, now: i64) -> Self {
        let (wall, mono) = (Arc::new(AtomicI64::new(now)), Arc::new(AtomicU64::new(0)));
        let keeper = keeper(&town, &wall, &mono);
        Self { town, keeper, wall, mono }
    }

    /// The server ends and starts again at once.
    pub async fn restart(self) -> Self {
        let now = self.wall.load(Ordering::Relaxed);
        drop(self.keeper);
        Self::on(self.town.restart().await, now)
    }

    /// Time passes, and the server sees it pass.
    pub async fn passes_until(&self, wall: i64) {
        let by = u64::try_from(wall - self.wall.load(Ordering::Relaxed)).unwrap();
        self.keeper.tick().await.unwrap();
        self.mono.fetch_add(by * 1_000_000, Ordering::Relaxed);
        self.set_clock(wall);
        self.keeper.tick().await.unwrap();
    }

    /// Somebody sets the machine's clock.
    pub fn set_clock(&self, wall: i64) {
        self.wall.store(wall, Ordering::Relaxed);
    }

    /// The tickets of the even ones are archived on the day itself.
    pub async fn archive_tickets(&self, recordings: u64) {
        for n in (2..=recordings).step_by(2) {
            let number = self.ticket(n).await;
            self.keeper.archive_ticket(&number, "wang").await.unwrap();
        }
    }

    pub async fn ticket(&self, n: u64) -> String {
        use hotline::store::Store;
        let ticket = self.town.maker.store.ticket_of(hotline::call::CallId(n)).await.unwrap();
        ticket.unwrap().number
    }

    /// Proposed by wang, approved by li and zhao.
    pub async fn approved(&self) -> Batch {
        let batch = self.keeper.propose("wang").await.unwrap();
        let id = &batch.proposed.batch;
        self.keeper.approve(id, "li").await.unwrap();
        self.keeper.approve(id, "zhao").await.unwrap()
    }

    pub fn verify(&self) -> Report {
        self.town.verify(&Scope::Everything)
    }

    pub async fn seal_again(&self, sealed: Sealed) {
        self.town.tell(Entry::Sealed(Box::new(sealed))).await;
        self.settle().await;
    }

    pub async fn settle(&self) {
        let synced = self.town.journal.health().synced;
        assert!(self.town.maker.progress.clone().reaches(synced).await);
    }
}

fn keeper(town: &Town, wall: &Arc<AtomicI64>, mono: &Arc<AtomicU64>) -> Arc<Keeper> {
    let (wall, mono, maker) = (Arc::clone(wall), Arc::clone(mono), &town.maker);
    Keeper::new(Parts {
        store: Arc::clone(&maker.store),
        journal: maker.journal.clone(),
        progress: maker.progress.clone(),
        shelf: Arc::clone(&maker.shelf),
        alarms: Arc::clone(&maker.alarms),
        times: Times {
            wall: Arc::new(move || Wall(wall.load(Ordering::Relaxed))),
            mono: Arc::new(move || Mono(mono.load(Ordering::Relaxed))),
        },
        settings: Config::embedded().retention,
        recordings: town.root(),
        data: town.folder.0.clone(),
        hotline: "12345".into(),
    })
}
