//! From the journal into the store: nothing lost, nothing doubled, whatever stops in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hotline::call::{SeatNo, SeatState};
use hotline::store::Store;
use hotline::store::apply::{Applier, Pace};
use hotline::store::edit::{EditError, edit_ticket};
use hotline::store::entry::{Entry, SeatChange, TicketEdit};
use hotline::store::journal::{Journal, Options};
use hotline::store::memory::Memory;
use hotline::store::query::{PageAsk, Span, TicketQuery};
use hotline::store::sqlite::Sqlite;
use hotline::time::Wall;

use crate::facts::*;
use crate::store::{edit, everything, morning, tell};

fn pace() -> Pace {
    Pace { first: Duration::from_millis(1), longest: Duration::from_millis(20), ..Pace::default() }
}

fn follow<S: Store>(journal: &Journal, store: &Arc<S>) -> Applier {
    Applier::start(journal, store.clone(), clock(MORNING), pace())
}

/// Closes both and expects everything to have arrived.
async fn finish(journal: &Journal, applier: Applier) {
    journal.close();
    assert!(applier.finish(Duration::from_secs(30)).await);
}

async fn numbers(store: &impl Store) -> Vec<String> {
    let page = PageAsk { rows: PageAsk::MOST, after: None };
    let tickets = store.tickets(&TicketQuery { page, ..TicketQuery::default() }).await.unwrap();
    let mut numbers: Vec<_> = tickets.rows.into_iter().map(|ticket| ticket.number).collect();
    numbers.sort();
    numbers
}

fn fifty() -> Vec<String> {
    (1..=50).map(|n| format!("JDZ-20261124-{n:06}")).collect()
}

/// R33: stop the database, take 50 calls, start the database → 50 tickets, no doubles.
#[tokio::test]
async fn fifty_answers_with_the_database_locked_are_fifty_tickets() {
    let folder = Folder::new("locked");
    let path = folder.join("hotline.db");
    let store = Arc::new(Sqlite::new(&path));
    store.check().await.unwrap();
    let lock = Lock::take(&path).await;
    let (journal, _) = open(&folder.join("journal"));
    let applier = follow(&journal, &store);
    for n in 1..=50 {
        journal.record(answered(n)).await.unwrap();
        assert_eq!(journal.record(answered(n)).await.unwrap().number, Some(format!("JDZ-20261124-{n:06}")));
    }
    while applier.progress().standing().failing.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(store.tickets(&TicketQuery::default()).await.unwrap().rows.is_empty());
    lock.release().await;
    applier.progress().reaches(50).await;
    assert_eq!(applier.progress().standing().failing, None);
    finish(&journal, applier).await;
    assert_eq!(numbers(&*store).await, fifty());
}

#[tokio::test]
async fn fifty_answers_without_a_database_are_fifty_tickets_over_a_restart() {
    let folder = Folder::new("gone");
    let data = folder.join("not/yet/there");
    let store = Arc::new(Sqlite::new(&data.join("hotline.db")));
    for run in 0..2 {
        let (journal, recovered) = open(&folder.join("journal"));
        assert_eq!(recovered.last, run * 25);
        let applier = follow(&journal, &store);
        for n in run * 25 + 1..=run * 25 + 25 {
            journal.record(answered(n)).await.unwrap();
        }
        journal.close();
        assert!(!applier.finish(Duration::from_millis(1)).await);
    }
    fs::create_dir_all(&data).unwrap();
    let (journal, _) = open(&folder.join("journal"));
    let applier = follow(&journal, &store);
    finish(&journal, applier).await;
    assert_eq!(numbers(&*store).await, fifty());
}

#[tokio::test]
async fn a_database_deleted_under_way_is_built_again_from_the_journal() {
    let folder = Folder::new("deleted");
    let path = folder.join("hotline.db");
    let store = Arc::new(Sqlite::new(&path));
    let (journal, _) = open_with(&folder.join("journal"), Options { segment_bytes: 4_096, ..Options::default() });
    let applier = follow(&journal, &store);
    for n in 1..=25 {
        journal.record(answered(n)).await.unwrap();
    }
    applier.progress().reaches(25).await;
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(folder.join(&format!("hotline.db{end}"))).unwrap();
    }
    for n in 26..=50 {
        journal.record(answered(n)).await.unwrap();
    }
    finish(&journal, applier).await;
    assert_eq!(numbers(&*store).await, fifty());
}

/// The journal holds `k` entries, the database the first `j` of them, when the process is killed.
#[tokio::test]
async fn killed_at_any_point_between_journal_and_database() {
    let folder = Folder::new("killed");
    let straight = Memory::default();
    tell(&straight, morning()).await;
    // The journal allots its own numbers, so the straight story is told by one as well.
    let whole = Arc::new(Memory::default());
    let (journal, _) = open(&folder.join("whole"));
    let applier = follow(&journal, &whole);
    for entry in morning() {
        journal.record(entry).await.unwrap();
    }
    finish(&journal, applier).await;
    let expected = everything(&*whole).await;
    let count = morning().len();
    for written in (0..=count).step_by(3) {
        for applied in (0..=written).step_by(4) {
            let dir = folder.join(&format!("{written}-{applied}"));
            let store = Arc::new(Sqlite::new(&folder.join(&format!("{written}-{applied}.db"))));
            let mut entries = morning().into_iter();
            let (journal, _) = open(&dir);
            let applier = follow(&journal, &store);
            for entry in entries.by_ref().take(applied) {
                journal.record(entry).await.unwrap();
            }
            applier.progress().reaches(applied as u64).await;
            applier.finish(Duration::ZERO).await;
            for entry in entries.by_ref().take(written - applied) {
                journal.record(entry).await.unwrap();
            }
            journal.close();
            let (journal, recovered) = open(&dir);
            assert_eq!(recovered.last, written as u64);
            let applier = follow(&journal, &store);
            for entry in entries {
                journal.record(entry).await.unwrap();
            }
            finish(&journal, applier).await;
            assert_eq!(everything(&*store).await, expected, "{written} written, {applied} applied");
        }
    }
}

#[tokio::test]
async fn a_lost_journal_gives_no_number_of_the_old_one_and_a_rewound_one_no_gap() {
    let folder = Folder::new("lost");
    let dir = folder.join("journal");
    let store = Arc::new(Sqlite::new(&folder.join("hotline.db")));
    let (journal, _) = open(&dir);
    let applier = follow(&journal, &store);
    journal.record(answered(1)).await.unwrap();
    let backup = fs::read(dir.join("000001.log")).unwrap();
    journal.record(answered(2)).await.unwrap();
    finish(&journal, applier).await;

    // The journal comes back from a backup that lacks entry 2, whose place is used again.
    fs::write(dir.join("000001.log"), backup).unwrap();
    let (journal, recovered) = open(&dir);
    assert_eq!(recovered.last, 1);
    let applier = follow(&journal, &store);
    applier.progress().reaches(1).await;
    assert_eq!(journal.record(answered(3)).await.unwrap().seq, 2);
    finish(&journal, applier).await;

    fs::remove_dir_all(&dir).unwrap();
    let (journal, _) = open(&dir);
    let applier = follow(&journal, &store);
    let mut progress = applier.progress();
    // The applier has met the database when something has got through.
    journal.record(closed(1)).await.unwrap();
    progress.reaches(1).await;
    journal.record(answered(4)).await.unwrap();
    finish(&journal, applier).await;
    let expected = (1..=4).map(|n| format!("JDZ-20261124-{n:06}")).collect::<Vec<_>>();
    assert_eq!(numbers(&*store).await, expected);
}

#[tokio::test]
async fn more_than_memory_holds_is_read_back_from_the_files() {
    let folder = Folder::new("overflow");
    let (journal, _) = open_with(&folder.join("journal"), Options { segment_bytes: 100_000, ..Options::default() });
    let count = 5_000;
    let entry = |n: i64| {
        let seat = SeatNo("1001".to_owned());
        Entry::Seat(SeatChange { seat, state: SeatState::Idle, reason: None, at: Wall(n) })
    };
    for n in 1..=count {
        journal.append(entry(n), |_| ());
    }
    journal.record(answered(1)).await.unwrap();
    let store = Arc::new(Sqlite::new(&folder.join("hotline.db")));
    let applier = follow(&journal, &store);
    finish(&journal, applier).await;
    let history = store.seat_history(&SeatNo("1001".to_owned()), Span::ALL).await.unwrap();
    assert!(history.into_iter().map(|change| change.at.0).eq(1..=count));
}

#[tokio::test]
async fn segments_go_when_they_are_applied_and_old_and_not_before() {
    let folder = Folder::new("prune");
    let dir = folder.join("journal");
    let segments = || fs::read_dir(&dir).unwrap().count();
    let store = Arc::new(Memory::default());
    let (journal, _) = open_with(&dir, Options { segment_bytes: 1, ..Options::default() });
    for n in 1..=10 {
        journal.record(answered(n)).await.unwrap();
    }
    let keep = Duration::from_secs(86_400);
    let pace = Pace { keep, prune_every: Duration::ZERO, ..pace() };
    // A whole day has not passed.
    let applier = Applier::start(&journal, store.clone(), clock(Wall(MORNING.0 + 86_400_000)), pace);
    applier.progress().reaches(10).await;
    journal.record(closed(1)).await.unwrap();
    finish(&journal, applier).await;
    assert_eq!(segments(), 11);

    let (journal, recovered) = open(&dir);
    assert_eq!(recovered.open.len(), 9);
    let later = clock(Wall(MORNING.0 + 86_400_001));
    let applier = Applier::start(&journal, store.clone(), later, pace);
    journal.record(closed(2)).await.unwrap();
    while segments() > 2 {
        tokio::task::yield_now().await;
    }
    finish(&journal, applier).await;
    let (journal, recovered) = open(&dir);
    assert_eq!(recovered.open.len(), 8, "calls that are up are carried along");
    assert_eq!(journal.record(answered(11)).await.unwrap().number.unwrap(), "JDZ-20261124-000011");
}

#[tokio::test]
async fn of_two_editors_the_second_is_told_what_the_first_did() {
    let folder = Folder::new("editors");
    let store = Arc::new(Sqlite::new(&folder.join("hotline.db")));
    let (journal, _) = open(&folder.join("journal"));
    let applier = follow(&journal, &store);
    let seq = journal.record(answered(1)).await.unwrap().seq;
    let (mut one, mut other) = (applier.progress(), applier.progress());
    one.reaches(seq).await;
    let (first, second) = tokio::join!(
        edit_ticket(&journal, &mut one, &*store, edit("a", 1, "first")),
        edit_ticket(&journal, &mut other, &*store, edit("b", 1, "second")),
    );
    let (won, lost) = match (first, second) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("{both:?}"),
    };
    assert_eq!(won.version, 2);
    assert!(matches!(lost, EditError::Stale(now) if *now == won));
    let again = edit_ticket(&journal, &mut one, &*store, edit("c", 1, "stale at once")).await;
    assert!(matches!(again, Err(EditError::Stale(_))));
    let unknown = TicketEdit { number: "none".to_owned(), ..edit("d", 1, "x") };
    assert!(matches!(edit_ticket(&journal, &mut one, &*store, unknown).await, Err(EditError::Unknown)));
    finish(&journal, applier).await;
}

#[tokio::test]
async fn an_entry_that_the_tables_refuse_is_set_aside_and_holds_up_nobody() {
    let folder = Folder::new("refused");
    let path = folder.join("hotline.db");
    let store = Arc::new(Sqlite::new(&path));
    store.check().await.unwrap();
    let other = Lock::open(&path).await;
    other
        .run(
            "CREATE TRIGGER refuse BEFORE INSERT ON call WHEN new.call = '0000000000000002' \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .await;
    let (journal, _) = open(&folder.join("journal"));
    let applier = follow(&journal, &store);
    for n in 1..=3 {
        journal.record(answered(n)).await.unwrap();
    }
    journal.close();
    let progress = applier.progress();
    assert!(applier.finish(Duration::from_secs(30)).await);
    assert_eq!(numbers(&*store).await, ["JDZ-20261124-000001", "JDZ-20261124-000003"]);
    assert_eq!(progress.standing().set_aside, 1);
    let aside = store.set_aside().await.unwrap();
    assert_eq!((aside.len(), aside[0].seq), (1, 2));
    assert!(aside[0].raw.reveal().contains("13800000002"), "whole, for whoever repairs it");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = Folder::new("newer");
    let path = folder.join("hotline.db");
    let store = Sqlite::new(&path);
    store.check().await.unwrap();
    store.close().await;
    let lock = Lock::open(&path).await;
    lock.run("PRAGMA user_version = 99").await;
    drop(lock);
    let error = Sqlite::new(&path).check().await.unwrap_err();
    assert!(error.to_string().contains("newer program"), "{error}");
}

/// Another program that holds the database.
struct Lock(tokio::sync::Mutex<sqlx::SqliteConnection>);

impl Lock {
    async fn open(path: &Path) -> Self {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        Self(sqlx::SqliteConnection::connect_with(&options).await.unwrap().into())
    }

    async fn take(path: &Path) -> Self {
        let lock = Self::open(path).await;
        lock.run("BEGIN IMMEDIATE").await;
        lock
    }

    async fn release(self) {
        self.run("ROLLBACK").await;
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut *self.0.lock().await).await.unwrap();
    }
}
