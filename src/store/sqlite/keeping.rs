//! Classes, holds and batches in the tables (R70).

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Error, QueryBuilder, Row};

use super::carry::json;
use super::{Sqlite, gone, of_word};
use crate::call::CallId;
use crate::privacy::Private;
use crate::rules::retention::schedule::About;
use crate::store::StoreError;
use crate::store::keeping::{ApprovedBy, Batch, Deed, Hold, HoldRow, Kept, Lifted, Line, Outcome, Place, State};
use crate::time::Wall;

/// A duty phone's recording belongs to the ticket, and to the citizen, on whose behalf it was called.
const KEPT: &str = "SELECT r.data, r.condition, r.listed, r.destroyed, t.number, t.kind, t.archived, c.original_code, \
    k.class, (SELECT json_group_array(h.case_id) FROM legal_hold h WHERE h.lifted IS NULL AND \
    ((h.kind = 'call' AND h.subject IN (r.call, c.call)) OR (h.kind = 'ticket' AND h.subject = t.number) \
    OR (h.kind = 'number' AND h.subject = c.caller))) AS holds, \
    (SELECT l.batch FROM destruction_line l JOIN destruction d ON d.batch = l.batch \
    WHERE l.path = r.path AND d.state IN ('proposed', 'begun') LIMIT 1) AS batch \
    FROM recording r LEFT JOIN duty_call y ON y.call = r.call \
    LEFT JOIN ticket t ON t.number = coalesce(y.ticket, (SELECT o.number FROM ticket o WHERE o.call = r.call)) \
    LEFT JOIN call c ON c.call = coalesce(t.call, r.call) \
    LEFT JOIN retention_class k ON k.call = r.call WHERE ";

impl Sqlite {
    /// Recordings that are there and whose three years from the call's end are over before `day`, from `after` on.
    pub async fn kept_until(&self, day: &str, after: &Place, most: usize) -> Result<Vec<Kept>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(KEPT);
        query.push("r.destroyed IS NULL AND r.keep_until <= ").push_bind(day);
        query.push(" AND (r.keep_until, r.path) > (").push_bind(&after.keep_until).push(", ");
        query.push_bind(&after.path).push(") ORDER BY r.keep_until, r.path LIMIT ");
        query.push_bind(i64::try_from(most).unwrap_or(i64::MAX));
        rows(query, &self.readers(), "recording", kept).await
    }

    /// One recording, destroyed or not.
    pub async fn kept(&self, path: &str) -> Result<Option<Kept>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(KEPT);
        query.push("r.path = ").push_bind(path);
        Ok(rows(query, &self.readers(), "recording", kept).await?.into_iter().next())
    }

    /// The recording of a call.
    pub async fn kept_of(&self, call: CallId) -> Result<Option<Kept>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(KEPT);
        query.push("r.call = ").push_bind(call.to_string()).push(" LIMIT 1");
        Ok(rows(query, &self.readers(), "recording", kept).await?.into_iter().next())
    }

    /// Newest first; `standing`: only those that are not lifted.
    pub async fn holds(&self, standing: bool) -> Result<Vec<HoldRow>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new("SELECT * FROM legal_hold WHERE (lifted IS NULL OR ");
        query.push_bind(!standing).push(") ORDER BY at DESC, case_id, kind, subject");
        rows(query, &self.readers(), "legal_hold", |row| {
            let lifted = row.try_get::<Option<&str>, _>("lifted").ok()?;
            Some(HoldRow {
                hold: Hold {
                    case: row.try_get("case_id").ok()?,
                    kind: of_word(row.try_get("kind").ok()?)?,
                    subject: Private::new(row.try_get("subject").ok()?),
                    reason: row.try_get("reason").ok()?,
                    by: row.try_get("by").ok()?,
                    at: Wall(row.try_get("at").ok()?),
                },
                lifted: lifted.map(serde_json::from_str::<Lifted>).transpose().ok()?,
            })
        })
        .await
    }

    /// Newest first; of one, where it is named.
    pub async fn batches(&self, only: Option<&str>) -> Result<Vec<Batch>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "SELECT d.data, d.state, d.begun_by, d.record, \
             (SELECT json_group_array(json_object('by', a.by, 'at', a.at) ORDER BY a.at, a.by) \
             FROM destruction_approval a WHERE a.batch = d.batch) AS approvals, \
             (SELECT count(*) FROM destruction_line l WHERE l.batch = d.batch AND l.outcome ->> 'stays' IS NULL \
             AND l.outcome IS NOT NULL) AS destroyed, \
             (SELECT count(*) FROM destruction_line l WHERE l.batch = d.batch AND l.outcome ->> 'stays' IS NOT NULL) \
             AS kept FROM destruction d WHERE ",
        );
        match only {
            Some(batch) => query.push("d.batch = ").push_bind(batch),
            None => query.push("true ORDER BY d.at DESC, d.batch"),
        };
        rows(query, &self.readers(), "destruction", |row| {
            Some(Batch {
                proposed: serde_json::from_str(row.try_get("data").ok()?).ok()?,
                state: of_word(row.try_get("state").ok()?)?,
                approvals: serde_json::from_str::<Vec<ApprovedBy>>(row.try_get("approvals").ok()?).ok()?,
                begun_by: row.try_get("begun_by").ok()?,
                destroyed: count(row, "destroyed")?,
                kept: count(row, "kept")?,
                record: row.try_get("record").ok()?,
            })
        })
        .await
    }

    /// The list of a batch in the order of its paths, with what became of each.
    pub async fn batch_lines(&self, batch: &str) -> Result<Vec<(Line, Option<Outcome>)>, StoreError> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new("SELECT data, outcome FROM destruction_line WHERE batch = ");
        query.push_bind(batch).push(" ORDER BY path");
        rows(query, &self.readers(), "destruction_line", |row| {
            let outcome = row.try_get::<Option<&str>, _>("outcome").ok()?;
            let line = serde_json::from_str(row.try_get("data").ok()?).ok()?;
            Some((line, outcome.map(serde_json::from_str).transpose().ok()?))
        })
        .await
    }

    /// Bytes of the recordings that began from then on and before that.
    pub async fn recorded_bytes(&self, from: Wall, until: Wall) -> Result<u64, StoreError> {
        let query = "SELECT coalesce(sum(data ->> 'bytes'), 0) AS bytes FROM recording \
                     WHERE started >= ? AND started < ?";
        let query = sqlx::query(query).bind(from.0).bind(until.0);
        let row = query.fetch_one(&self.readers()).await.map_err(gone("read"))?;
        count(&row, "bytes").ok_or(StoreError::Unreadable { table: "recording" })
    }

    /// When the oldest recording began, and the newest.
    pub async fn recorded(&self) -> Result<Option<(Wall, Wall)>, StoreError> {
        let query =
            "SELECT (SELECT min(started) FROM recording) AS oldest, (SELECT max(started) FROM recording) AS newest";
        let row = sqlx::query(query).fetch_one(&self.readers()).await.map_err(gone("read"))?;
        let at = |column| row.try_get::<Option<i64>, _>(column).ok().flatten().map(Wall);
        Ok(at("oldest").zip(at("newest")))
    }
}

fn count(row: &SqliteRow, column: &str) -> Option<u64> {
    u64::try_from(row.try_get::<i64, _>(column).ok()?).ok()
}

fn kept(row: &SqliteRow) -> Option<Kept> {
    let condition = row.try_get::<Option<String>, _>("condition").ok()?;
    let holds: Vec<String> = serde_json::from_str(row.try_get("holds").ok()?).ok()?;
    Some(Kept {
        sealed: serde_json::from_str(row.try_get("data").ok()?).ok()?,
        condition: match condition {
            Some(word) => Some(of_word(word)?),
            None => None,
        },
        listed: row.try_get::<Option<String>, _>("listed").ok()?.is_some(),
        ticket: row.try_get("number").ok()?,
        archived: row.try_get::<Option<i64>, _>("archived").ok()?.map(Wall),
        about: About {
            code: row.try_get("original_code").ok()?,
            kind: row.try_get("kind").ok()?,
            class: row.try_get("class").ok()?,
        },
        holds,
        batch: row.try_get("batch").ok()?,
        destroyed: row.try_get::<Option<String>, _>("destroyed").ok()?.is_some(),
    })
}

async fn rows<T>(
    mut query: QueryBuilder<sqlx::Sqlite>,
    readers: &SqlitePool,
    table: &'static str,
    read: impl Fn(&SqliteRow) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let found = query.build().fetch_all(readers).await.map_err(gone("read"))?;
    found.iter().map(|row| read(row).ok_or(StoreError::Unreadable { table })).collect()
}

pub(super) async fn carry(change: &mut SqliteConnection, deed: &Deed) -> Result<(), Error> {
    match deed {
        Deed::Classed { call, class, reason, by, at } => {
            let query = "INSERT INTO retention_class (call, class, reason, by, at) VALUES (?, ?, ?, ?, ?) \
                         ON CONFLICT (call) DO UPDATE SET class = excluded.class, reason = excluded.reason, \
                         by = excluded.by, at = excluded.at";
            let query = sqlx::query(query).bind(call.to_string()).bind(class).bind(reason).bind(by).bind(at.0);
            query.execute(change).await.map(drop)
        }
        Deed::Archived { ticket, at, .. } => {
            let query = sqlx::query("UPDATE ticket SET archived = ? WHERE number = ? AND archived IS NULL");
            query.bind(at.0).bind(ticket).execute(change).await.map(drop)
        }
        Deed::Held(hold) => held(change, hold).await,
        Deed::Lifted { case, reason, by, at } => {
            let lifted = json(&Lifted { reason: reason.clone(), by: by.clone(), at: *at });
            let query = "UPDATE legal_hold SET lifted = ? WHERE case_id = ? AND lifted IS NULL AND at <= ?";
            sqlx::query(query).bind(lifted).bind(case).bind(at.0).execute(change).await.map(drop)
        }
        Deed::Lines { batch, lines } => {
            let query = "INSERT INTO destruction_line (batch, path, data) SELECT ?, value ->> 'path', value \
                         FROM json_each(?) WHERE true ON CONFLICT DO NOTHING";
            sqlx::query(query).bind(batch).bind(json(lines)).execute(change).await.map(drop)
        }
        Deed::Proposed(proposed) => {
            let query = "INSERT INTO destruction (batch, at, state, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let query = sqlx::query(query).bind(&proposed.batch).bind(proposed.at.0).bind(State::Proposed.as_str());
            query.bind(json(proposed)).execute(change).await.map(drop)
        }
        Deed::Withdrawn { batch, .. } => turn(change, batch, &[State::Proposed], State::Withdrawn, None, None).await,
        Deed::Approved { batch, by, at, .. } => {
            let query = "INSERT INTO destruction_approval (batch, by, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
            sqlx::query(query).bind(batch).bind(by).bind(at.0).execute(change).await.map(drop)
        }
        Deed::Begun { batch, by, .. } => turn(change, batch, &[State::Proposed], State::Begun, Some(by), None).await,
        Deed::Carried { batch, outcomes } => carried(change, batch, outcomes).await,
        Deed::Done { batch, sha256, .. } => {
            turn(change, batch, &[State::Begun, State::Proposed], State::Done, None, Some(sha256)).await
        }
    }
}

async fn held(change: &mut SqliteConnection, hold: &Hold) -> Result<(), Error> {
    let query = "INSERT INTO legal_hold (case_id, kind, subject, reason, by, at) VALUES (?, ?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING";
    let query = sqlx::query(query).bind(&hold.case).bind(hold.kind.as_str()).bind(hold.subject.reveal());
    query.bind(&hold.reason).bind(&hold.by).bind(hold.at.0).execute(change).await.map(drop)
}

async fn turn(
    change: &mut SqliteConnection,
    batch: &str,
    from: &[State],
    to: State,
    by: Option<&str>,
    record: Option<&str>,
) -> Result<(), Error> {
    let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
    let query = "UPDATE destruction SET state = ?1, begun_by = coalesce(?2, begun_by), record = coalesce(?3, record) \
                 WHERE batch = ?4 AND state IN (SELECT value FROM json_each(?5))";
    let query = sqlx::query(query).bind(to.as_str()).bind(by).bind(record).bind(batch);
    query.bind(json(&from)).execute(change).await.map(drop)
}

async fn carried(change: &mut SqliteConnection, batch: &str, outcomes: &[Outcome]) -> Result<(), Error> {
    let outcomes = json(&outcomes);
    let query = "UPDATE destruction_line SET outcome = o.value FROM json_each(?1) o \
                 WHERE destruction_line.batch = ?2 AND destruction_line.path = o.value ->> 'path'";
    sqlx::query(query).bind(&outcomes).bind(batch).execute(&mut *change).await?;
    let query = "UPDATE recording SET destroyed = ?2 WHERE destroyed IS NULL AND path IN \
                 (SELECT value ->> 'path' FROM json_each(?1) WHERE value ->> 'stays' IS NULL)";
    sqlx::query(query).bind(&outcomes).bind(batch).execute(change).await.map(drop)
}
