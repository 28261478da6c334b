//! The tables in SQLite: WAL, every commit synced, one connection that writes, a few that read.

mod aid;
mod ask;
mod carry;
mod find;
mod keeping;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Row};
use tokio::sync::Mutex;

use super::entry::{Access, Record, RecordingFailed, SeatChange};
use super::find::{FindQuery, Found};
use super::numbering::Number;
use super::query::{
    Alarm, CallbackTask, Counts, MissedQuery, Page, Recording, RecordingQuery, SetAside, Span, Ticket, TicketQuery,
    ToList, Unlisted,
};
use super::reconcile::Held;
use super::{Store, StoreError};
use crate::archive::Sealed;
use crate::call::{CallId, MissedCall, SeatNo};
use crate::time::Wall;

/// Forward only: the n-th takes a database from `user_version` n-1 to n.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_hotline.sql"),
    include_str!("migrations/0002_kind.sql"),
    include_str!("migrations/0003_callback_of_missed.sql"),
    include_str!("migrations/0004_verified.sql"),
    include_str!("migrations/0005_threeway_result.sql"),
    include_str!("migrations/0006_emergency.sql"),
    include_str!("migrations/0007_manifest.sql"),
    include_str!("migrations/0008_find.sql"),
    include_str!("migrations/0009_retention.sql"),
];

pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Option<Writer>>,
    readers: RwLock<SqlitePool>,
}

/// How much there is of what belongs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Answered ones.
    pub calls: u64,
    pub tickets: u64,
    pub recordings: u64,
}

struct Writer {
    connection: SqliteConnection,
    /// Device and inode of the file that is open: it may be deleted or replaced under us.
    file: (u64, u64),
}

impl Sqlite {
    /// Touches nothing yet: the file is opened, created and migrated when it is first needed, and
    /// again whenever it was gone. Call it within a tokio runtime.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), writer: Mutex::new(None), readers: RwLock::new(readers(path)) }
    }

    /// Opens the file now, so that one that cannot be used is told at the start.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        self.open(&mut writer).await.map(drop)
    }

    /// Writes the finding aid of at most so many recordings that an older program has left, newest first; false
    /// once all are in it. Each time is one transaction, so that the journal is followed in between.
    pub async fn write_finding_aid(&self, most: u32) -> Result<bool, StoreError> {
        let mut writer = self.writer.lock().await;
        let connection = self.open(&mut writer).await?;
        let mut change = connection.begin_with("BEGIN IMMEDIATE").await.map_err(gone("write"))?;
        let more = aid::go_on(&mut change, most).await.map_err(gone("write"))?;
        change.commit().await.map_err(gone("write"))?;
        Ok(more)
    }

    /// Folds the write-ahead log in and closes.
    pub async fn close(&self) {
        self.readers().close().await;
        if let Some(writer) = self.writer.lock().await.take() {
            // All that is committed is on disk; closing only tidies up.
            let _ = writer.connection.close().await;
        }
    }

    async fn open<'a>(&self, slot: &'a mut Option<Writer>) -> Result<&'a mut SqliteConnection, StoreError> {
        let same = slot.as_ref().is_some_and(|writer| identity(&self.path) == Some(writer.file));
        let writer = match slot.take().filter(|_| same) {
            Some(writer) => writer,
            None => {
                let options = options(&self.path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true);
                let mut connection = SqliteConnection::connect_with(&options).await.map_err(gone("open"))?;
                migrate(&mut connection).await?;
                let file = identity(&self.path).ok_or_else(|| missing("open"))?;
                *self.readers.write().unwrap_or_else(PoisonError::into_inner) = readers(&self.path);
                Writer { connection, file }
            }
        };
        Ok(&mut slot.insert(writer).connection)
    }

    /// Rows of calls, tickets and recordings, as a restore compares them.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let ask = "SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM ticket), (SELECT count(*) FROM recording)";
        let row = sqlx::query(ask).fetch_one(&self.readers()).await.map_err(gone("read"))?;
        let count = |at: usize| row.try_get::<i64, _>(at).ok().and_then(|count| u64::try_from(count).ok());
        match (count(0), count(1), count(2)) {
            (Some(calls), Some(tickets), Some(recordings)) => Ok(Totals { calls, tickets, recordings }),
            _ => Err(StoreError::Unreadable { table: "call" }),
        }
    }

    fn readers(&self) -> SqlitePool {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for Sqlite {
    async fn position(&self, journal: &str) -> Result<u64, StoreError> {
        let mut writer = self.writer.lock().await;
        position(self.open(&mut writer).await?, journal).await
    }

    async fn apply(&self, journal: &str, after: u64, records: &[Arc<Record>], upto: u64) -> Result<usize, StoreError> {
        let mut writer = self.writer.lock().await;
        let applied = carry::apply(self.open(&mut writer).await?, journal, after, records, upto).await;
        if matches!(applied, Err(StoreError::Gone { .. })) {
            *writer = None;
        }
        applied
    }

    async fn rewind(&self, journal: &str, to: u64) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        carry::set_position(self.open(&mut writer).await?, journal, to).await.map_err(gone("rewind"))
    }

    async fn numbers(&self) -> Result<Vec<Number>, StoreError> {
        let mut writer = self.writer.lock().await;
        let rows = sqlx::query("SELECT prefix, day, max(serial) FROM ticket GROUP BY prefix, day")
            .fetch_all(self.open(&mut writer).await?)
            .await
            .map_err(gone("read"))?;
        let number = |row: &sqlx::sqlite::SqliteRow| {
            let (prefix, day, serial) = (row.try_get(0).ok()?, row.try_get(1).ok()?, row.try_get::<i64, _>(2).ok()?);
            Some(Number { prefix, day, serial: u64::try_from(serial).ok()? })
        };
        rows.iter().map(|row| number(row).ok_or(StoreError::Unreadable { table: "ticket" })).collect()
    }

    async fn ticket(&self, number: &str) -> Result<Option<Ticket>, StoreError> {
        ask::ticket(&self.readers(), "t.number", number).await
    }

    async fn ticket_of(&self, call: CallId) -> Result<Option<Ticket>, StoreError> {
        ask::ticket(&self.readers(), "t.call", &call.to_string()).await
    }

    async fn tickets(&self, query: &TicketQuery) -> Result<Page<Ticket>, StoreError> {
        ask::tickets(&self.readers(), query).await
    }

    async fn edit_outcome(&self, edit: &str) -> Result<Option<bool>, StoreError> {
        sqlx::query_scalar("SELECT carried_out FROM ticket_edit WHERE edit = ?")
            .bind(edit)
            .fetch_optional(&self.readers())
            .await
            .map_err(gone("read"))
    }

    async fn missed(&self, query: &MissedQuery) -> Result<Page<MissedCall>, StoreError> {
        ask::missed(&self.readers(), query).await
    }

    async fn callbacks(&self, now: Wall) -> Result<Vec<CallbackTask>, StoreError> {
        let open = ask::callbacks(&self.readers(), None).await?;
        Ok(open.into_iter().filter(|task| task.state.is_due(now)).collect())
    }

    async fn callbacks_of(&self, caller: &str) -> Result<Vec<CallbackTask>, StoreError> {
        ask::callbacks(&self.readers(), Some(caller)).await
    }

    async fn recordings(&self, query: &RecordingQuery) -> Result<Page<Recording>, StoreError> {
        ask::recordings(&self.readers(), query).await
    }

    async fn find(&self, query: &FindQuery) -> Result<Page<Found>, StoreError> {
        find::find(&self.readers(), query).await
    }

    async fn to_verify(&self, before: Wall, most: u32) -> Result<Vec<Sealed>, StoreError> {
        ask::to_verify(&self.readers(), before, most).await
    }

    async fn unlisted(&self, wanted: Unlisted, most: usize) -> Result<Vec<ToList>, StoreError> {
        ask::unlisted(&self.readers(), wanted, most).await
    }

    async fn unlisted_failures(&self, wanted: Unlisted, most: usize) -> Result<Vec<RecordingFailed>, StoreError> {
        ask::unlisted_failures(&self.readers(), wanted, most).await
    }

    async fn held(&self, span: Span, settled: Wall) -> Result<Vec<Held>, StoreError> {
        ask::held(&self.readers(), span, settled).await
    }

    async fn accesses(&self, call: CallId) -> Result<Vec<Access>, StoreError> {
        ask::accesses(&self.readers(), call).await
    }

    async fn seat_history(&self, seat: &SeatNo, span: Span) -> Result<Vec<SeatChange>, StoreError> {
        ask::seat_history(&self.readers(), seat, span).await
    }

    async fn alarms(&self, span: Span) -> Result<Vec<Alarm>, StoreError> {
        ask::alarms(&self.readers(), span).await
    }

    async fn counts(&self, span: Span) -> Result<Counts, StoreError> {
        ask::counts(&self.readers(), span).await
    }

    async fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        ask::set_aside(&self.readers()).await
    }
}

/// A new database at `copy` with what this one held at one moment, while it is written to.
pub async fn back_up(database: &Path, copy: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new().filename(database).create_if_missing(false);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(gone("open"))?;
    let into = sqlx::query("VACUUM INTO ?").bind(copy.to_string_lossy());
    let done = into.execute(&mut connection).await.map(drop).map_err(gone("copy"));
    // All that was to be read is read.
    let _ = connection.close().await;
    done
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(1))
}

fn readers(path: &Path) -> SqlitePool {
    // Without idle and life time no task of the pool's own is needed.
    SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(3))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options(path).create_if_missing(false).pragma("query_only", "on"))
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut change = connection.begin_with("BEGIN IMMEDIATE").await.map_err(gone("migrate"))?;
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *change).await.map_err(gone("migrate"))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        let why = format!("a newer program made it (version {version})");
        return Err(StoreError::Gone { deed: "open", why });
    }
    for migration in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *change).await.map_err(gone("migrate"))?;
    }
    let now = format!("PRAGMA user_version = {}", MIGRATIONS.len());
    sqlx::raw_sql(sqlx::AssertSqlSafe(now)).execute(&mut *change).await.map_err(gone("migrate"))?;
    change.commit().await.map_err(gone("migrate"))
}

async fn position(connection: &mut SqliteConnection, journal: &str) -> Result<u64, StoreError> {
    let applied: Option<i64> = sqlx::query_scalar("SELECT applied FROM journal_position WHERE journal = ?")
        .bind(journal)
        .fetch_optional(connection)
        .await
        .map_err(gone("read"))?;
    Ok(applied.and_then(|applied| u64::try_from(applied).ok()).unwrap_or(0))
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

fn missing(deed: &'static str) -> StoreError {
    StoreError::Gone { deed, why: "the file is not there".to_owned() }
}

/// SQLite's messages name tables and columns, never values.
fn gone(deed: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::Gone { deed, why: error.to_string() }
}

/// An enum as the word that serde gives it.
fn word<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

fn of_word<T: serde::de::DeserializeOwned>(word: String) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the database itself says of the connection that writes, and that those which read cannot.
    #[test]
    fn every_commit_is_synced_and_readers_only_read() {
        let folder = std::env::temp_dir().join(format!("hotline-sqlite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Sqlite::new(&folder.join("hotline.sqlite"));
            let mut slot = store.writer.lock().await;
            let writer = store.open(&mut slot).await.unwrap();
            for (pragma, value) in [("synchronous", 2), ("foreign_keys", 1)] {
                let ask = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
                let is: i64 = sqlx::query_scalar(ask).fetch_one(&mut *writer).await.unwrap();
                assert_eq!(is, value, "{pragma}");
            }
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *writer).await.unwrap();
            assert_eq!(mode, "wal");
            let refused = sqlx::query("DELETE FROM ticket").execute(&store.readers()).await;
            assert!(refused.unwrap_err().to_string().contains("readonly"));
            drop(slot);
            store.close().await;
        });
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
