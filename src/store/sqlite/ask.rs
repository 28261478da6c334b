//! Reads the tables.

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{gone, of_word, word};
use crate::archive::shelf::Condition;
use crate::archive::{Sealed, Verdict};
use crate::call::{CallId, CallKind, Ended, MissedCall, OpenTicket, SeatNo, SeatReason};
use crate::privacy::Private;
use crate::rules::callback::{Closed, Task};
use crate::store::StoreError;
use crate::store::entry::{Access, RecordingFailed, SeatChange};
use crate::store::query::{
    Alarm, CallbackTask, Counts, Cursor, Emergency, MissedQuery, Page, PageAsk, Recording, RecordingQuery,
    RecordingState, SetAside, Span, Ticket, TicketQuery, ToList, Unlisted,
};
use crate::store::reconcile::Held;
use crate::time::Wall;

const TICKET: &str = "SELECT t.number, t.call, t.state, t.kind, t.place, t.text, t.version, t.invalid, t.threeway_result, \
    c.opened, \
    c.ended, (SELECT group_concat(r.verdict) FROM recording r WHERE r.call = c.call) AS verdicts, \
    EXISTS (SELECT 1 FROM recording_failure f WHERE f.call = c.call) AS failed, t.emergency, \
    (SELECT json_group_array(json(d.data) ORDER BY d.began, d.call) FROM duty_call d WHERE d.ticket = t.number) \
    AS duties, (SELECT h.data FROM handover h WHERE h.ticket = t.number) AS handover \
    FROM call c JOIN ticket t ON t.call = c.call WHERE ";

pub(super) async fn ticket(
    readers: &SqlitePool,
    column: &'static str,
    value: &str,
) -> Result<Option<Ticket>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(TICKET);
    query.push(column).push(" = ").push_bind(value);
    let row = query.build().fetch_optional(readers).await.map_err(gone("read"))?;
    row.as_ref().map(|row| read(row, "ticket", to_ticket)).transpose()
}

pub(super) async fn tickets(readers: &SqlitePool, ask: &TicketQuery) -> Result<Page<Ticket>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(TICKET);
    within(&mut query, "c.t_answer", ask.span);
    if let Some(caller) = &ask.caller {
        query.push(" AND c.caller = ").push_bind(caller.reveal());
    }
    if let Some(seat) = &ask.seat {
        query.push(" AND c.seat = ").push_bind(&seat.0);
    }
    if let Some(centre) = &ask.centre {
        query.push(" AND c.centre = ").push_bind(centre);
    }
    if let Some(code) = &ask.original_code {
        query.push(" AND c.original_code = ").push_bind(code);
    }
    if let Some(state) = ask.state {
        query.push(" AND t.state = ").push_bind(state.as_str());
    }
    if ask.led {
        // The key is left out where there is nobody.
        query.push(" AND c.ended ->> '$.leaders' IS NOT NULL");
    }
    page(&mut query, "c.t_answer", "c.call", &ask.page);
    let rows = all(query, readers, "ticket", to_ticket).await?;
    Ok(Page::of(rows, &ask.page, Ticket::cursor))
}

fn to_ticket(row: &SqliteRow) -> Option<Ticket> {
    let ended = row.try_get::<Option<&str>, _>("ended").ok()?.map(serde_json::from_str::<Ended>).transpose().ok()?;
    let verdicts = row.try_get::<Option<&str>, _>("verdicts").ok()?.unwrap_or_default();
    let verdicts: Vec<Verdict> = verdicts.split(',').filter_map(|one| of_word(one.to_owned())).collect();
    let opened: OpenTicket = serde_json::from_str(row.try_get("opened").ok()?).ok()?;
    Some(Ticket {
        number: row.try_get("number").ok()?,
        call: call(row)?,
        state: of_word(row.try_get("state").ok()?)?,
        kind: row.try_get("kind").ok()?,
        place: row.try_get::<Option<String>, _>("place").ok()?.map(Private::new),
        text: row.try_get::<Option<String>, _>("text").ok()?.map(Private::new),
        version: row.try_get("version").ok()?,
        invalid: row.try_get("invalid").ok()?,
        threeway_result: row.try_get::<Option<String>, _>("threeway_result").ok()?.and_then(of_word),
        recording: RecordingState::of(&verdicts, row.try_get("failed").ok()?, ended.is_some()),
        emergency: emergency(row, opened.t_answer)?,
        opened,
        ended,
    })
}

/// None: unreadable.
fn emergency(row: &SqliteRow, accepted: Wall) -> Option<Option<Emergency>> {
    let Some(category) = row.try_get::<Option<String>, _>("emergency").ok()? else { return Some(None) };
    let calls = serde_json::from_str(row.try_get("duties").ok()?).ok()?;
    let handover = row.try_get::<Option<&str>, _>("handover").ok()?.map(serde_json::from_str).transpose().ok()?;
    Some(Some(Emergency::new(of_word(category)?, accepted, calls, handover)))
}

pub(super) async fn missed(readers: &SqlitePool, ask: &MissedQuery) -> Result<Page<MissedCall>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT data, callback_task FROM missed_call WHERE ");
    within(&mut query, "t_arrive", ask.span);
    if let Some(caller) = &ask.caller {
        query.push(" AND caller = ").push_bind(caller.reveal());
    }
    if let Some(centre) = &ask.centre {
        query.push(" AND data ->> '$.centre' = ").push_bind(centre);
    }
    page(&mut query, "t_arrive", "call", &ask.page);
    let rows = all(query, readers, "missed_call", to_missed).await?;
    Ok(Page::of(rows, &ask.page, |missed| Cursor { at: missed.t_arrive, call: missed.call }))
}

fn to_missed(row: &SqliteRow) -> Option<MissedCall> {
    let task = row.try_get::<Option<&str>, _>("callback_task").ok()?;
    let callback_task = task.map(str::parse).transpose().ok()?;
    Some(MissedCall { callback_task, ..data(row)? })
}

pub(super) async fn recordings(readers: &SqlitePool, ask: &RecordingQuery) -> Result<Page<Recording>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT data, checked, condition FROM recording WHERE ");
    within(&mut query, "started", ask.span);
    if let Some(call) = ask.call {
        query.push(" AND call = ").push_bind(call.to_string());
    }
    if let Some(number) = &ask.ticket {
        query.push(" AND call IN (SELECT call FROM ticket WHERE number = ").push_bind(number);
        query.push(" UNION ALL SELECT call FROM duty_call WHERE ticket = ").push_bind(number).push(")");
    }
    if let Some(centre) = &ask.centre {
        query
            .push(" AND (EXISTS (SELECT 1 FROM call c WHERE c.call = recording.call AND c.centre = ")
            .push_bind(centre);
        query.push(") OR EXISTS (SELECT 1 FROM duty_call d JOIN ticket t ON t.number = d.ticket JOIN call c ");
        query.push("ON c.call = t.call WHERE d.call = recording.call AND c.centre = ").push_bind(centre).push("))");
    }
    if ask.quarantined {
        query.push(" AND condition <> ").push_bind(word(Condition::Verified));
    }
    page(&mut query, "started", "call", &ask.page);
    let rows = all(query, readers, "recording", recording).await?;
    Ok(Page::of(rows, &ask.page, |one| Cursor { at: one.sealed.started, call: one.sealed.call }))
}

pub(super) fn recording(row: &SqliteRow) -> Option<Recording> {
    let condition = match row.try_get::<Option<String>, _>("condition").ok()? {
        Some(word) => Some(of_word(word)?),
        None => None,
    };
    let checked = row.try_get::<Option<i64>, _>("checked").ok()?.map(Wall);
    Some(Recording { sealed: data(row)?, checked, condition })
}

pub(super) async fn to_verify(readers: &SqlitePool, before: Wall, most: u32) -> Result<Vec<Sealed>, StoreError> {
    let mut query =
        QueryBuilder::<Sqlite>::new("SELECT data FROM recording WHERE destroyed IS NULL AND coalesce(checked, 0) < ");
    query.push_bind(before.0).push(" ORDER BY coalesce(checked, 0), started, call LIMIT ").push_bind(most);
    all(query, readers, "recording", data::<Sealed>).await
}

pub(super) async fn unlisted(readers: &SqlitePool, wanted: Unlisted, most: usize) -> Result<Vec<ToList>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT r.data, coalesce((SELECT number FROM ticket WHERE call = r.call), \
         (SELECT ticket FROM duty_call WHERE call = r.call)) AS ticket \
         FROM recording r WHERE r.listed IS NULL AND (r.sealed < ",
    );
    query.push_bind(wanted.until.0).push(" OR r.sealed > ").push_bind(wanted.now.0);
    query.push(") ORDER BY r.path LIMIT ").push_bind(i64::try_from(most).unwrap_or(i64::MAX));
    let to_list = |row: &SqliteRow| Some(ToList { sealed: data(row)?, ticket: row.try_get("ticket").ok()? });
    all(query, readers, "recording", to_list).await
}

pub(super) async fn unlisted_failures(
    readers: &SqlitePool,
    wanted: Unlisted,
    most: usize,
) -> Result<Vec<RecordingFailed>, StoreError> {
    let mut query =
        QueryBuilder::<Sqlite>::new("SELECT call, at, error FROM recording_failure WHERE listed IS NULL AND (at < ");
    query.push_bind(wanted.until.0).push(" OR at > ").push_bind(wanted.now.0);
    query.push(") ORDER BY at, call LIMIT ").push_bind(i64::try_from(most).unwrap_or(i64::MAX));
    all(query, readers, "recording_failure", |row| {
        let (at, error) = (Wall(row.try_get("at").ok()?), row.try_get("error").ok()?);
        Some(RecordingFailed { call: call(row)?, at, error })
    })
    .await
}

const HELD: &str = "WITH answered (call, ticket, ended) AS ( \
    SELECT c.call, EXISTS (SELECT 1 FROM ticket t WHERE t.call = c.call), c.t_end \
    FROM call c WHERE c.t_answer >= ?1 AND c.t_answer < ?2 \
    UNION ALL SELECT d.call, EXISTS (SELECT 1 FROM ticket t WHERE t.number = d.ticket), d.data ->> 'ended' \
    FROM duty_call d WHERE d.data ->> 'answered' >= ?1 AND d.data ->> 'answered' < ?2) \
    SELECT a.call, 1 AS answered, a.ticket, EXISTS (SELECT 1 FROM recording r WHERE r.call = a.call) AS recording, \
    EXISTS (SELECT 1 FROM recording_failure f WHERE f.call = a.call) AS failure, \
    a.ended IS NULL OR a.ended > ?3 AS running FROM answered a \
    UNION ALL SELECT r.call, 0, 0, 1, 0, 0 FROM recording r WHERE r.started >= ?1 AND r.started < ?2 \
    AND NOT EXISTS (SELECT 1 FROM call c WHERE c.call = r.call) \
    AND NOT EXISTS (SELECT 1 FROM duty_call d WHERE d.call = r.call) ORDER BY 1";

pub(super) async fn held(readers: &SqlitePool, span: Span, settled: Wall) -> Result<Vec<Held>, StoreError> {
    let query = sqlx::query(HELD).bind(span.from.0).bind(span.until.0).bind(settled.0);
    let rows = query.fetch_all(readers).await.map_err(gone("read"))?;
    let held = |row: &SqliteRow| {
        Some(Held {
            call: call(row)?,
            answered: row.try_get("answered").ok()?,
            ticket: row.try_get("ticket").ok()?,
            recording: row.try_get("recording").ok()?,
            failure: row.try_get("failure").ok()?,
            running: row.try_get("running").ok()?,
        })
    };
    rows.iter().map(|row| read(row, "call", held)).collect()
}

/// Of one caller, newest first; else all open ones, longest waiting first.
pub(super) async fn callbacks(readers: &SqlitePool, caller: Option<&str>) -> Result<Vec<CallbackTask>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM callback_task WHERE ");
    match caller {
        Some(caller) => query.push("caller = ").push_bind(caller).push(" ORDER BY first_missed DESC, task DESC"),
        None => query.push("closed IS NULL ORDER BY first_missed, task"),
    };
    all(query, readers, "callback_task", task).await
}

pub(super) fn task(row: &SqliteRow) -> Option<CallbackTask> {
    let closed = match row.try_get::<Option<i64>, _>("closed").ok()? {
        Some(at) => Some((Wall(at), of_word::<Closed>(row.try_get("why").ok()?)?)),
        None => None,
    };
    let state = Task {
        first_missed: Wall(row.try_get("first_missed").ok()?),
        last_missed: Wall(row.try_get("last_missed").ok()?),
        misses: row.try_get("misses").ok()?,
        attempts: row.try_get("attempts").ok()?,
        last_attempt: row.try_get::<Option<i64>, _>("last_attempt").ok()?.map(Wall),
        closed,
    };
    let task = row.try_get::<&str, _>("task").ok()?.parse().ok()?;
    let (caller, code) = (Private::new(row.try_get("caller").ok()?), row.try_get("code").ok()?);
    Some(CallbackTask { task, caller, code, state })
}

pub(super) async fn accesses(readers: &SqlitePool, of: CallId) -> Result<Vec<Access>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM access WHERE call = ");
    query.push_bind(of.to_string()).push(" ORDER BY at, id");
    all(query, readers, "access", |row| {
        Some(Access {
            call: call(row)?,
            who: row.try_get("who").ok()?,
            purpose: row.try_get("purpose").ok()?,
            from: row.try_get::<Option<String>, _>("client").ok()?.filter(|client| !client.is_empty()),
            at: Wall(row.try_get("at").ok()?),
        })
    })
    .await
}

pub(super) async fn seat_history(
    readers: &SqlitePool,
    seat: &SeatNo,
    span: Span,
) -> Result<Vec<SeatChange>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM seat_history WHERE ");
    within(&mut query, "at", span);
    query.push(" AND seat = ").push_bind(&seat.0).push(" ORDER BY at, id");
    all(query, readers, "seat_history", |row| {
        Some(SeatChange {
            seat: SeatNo(row.try_get("seat").ok()?),
            state: of_word(row.try_get("state").ok()?)?,
            reason: row.try_get::<Option<String>, _>("reason").ok()?.map(SeatReason::from),
            at: Wall(row.try_get("at").ok()?),
        })
    })
    .await
}

pub(super) async fn alarms(readers: &SqlitePool, span: Span) -> Result<Vec<Alarm>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM alarm WHERE raised < ");
    query.push_bind(span.until.0).push(" AND (cleared IS NULL OR cleared >= ").push_bind(span.from.0);
    query.push(") ORDER BY raised DESC, name, id");
    all(query, readers, "alarm", |row| {
        Some(Alarm {
            name: row.try_get("name").ok()?,
            subject: row.try_get("subject").ok()?,
            severity: row.try_get("severity").ok()?,
            detail: row.try_get("detail").ok()?,
            raised: Wall(row.try_get("raised").ok()?),
            cleared: row.try_get::<Option<i64>, _>("cleared").ok()?.map(Wall),
        })
    })
    .await
}

pub(super) async fn counts(readers: &SqlitePool, span: Span) -> Result<Counts, StoreError> {
    let row = sqlx::query(
        "SELECT count(*), coalesce(sum(within_15s), 0), (SELECT count(*) FROM missed_call \
         WHERE original_code IS NOT NULL AND t_arrive >= ?1 AND t_arrive < ?2) \
         FROM call WHERE t_arrive >= ?1 AND t_arrive < ?2 AND kind <> ?3",
    )
    .bind(span.from.0)
    .bind(span.until.0)
    .bind(CallKind::MissedOut.as_str())
    .fetch_one(readers)
    .await
    .map_err(gone("read"))?;
    read(&row, "call", |row| {
        let count = |column: usize| u64::try_from(row.try_get::<i64, _>(column).ok()?).ok();
        let (answered, within_15s, missed) = (count(0)?, count(1)?, count(2)?);
        Some(Counts { offered: answered.saturating_add(missed), answered, within_15s })
    })
}

pub(super) async fn set_aside(readers: &SqlitePool) -> Result<Vec<SetAside>, StoreError> {
    let query = QueryBuilder::<Sqlite>::new("SELECT * FROM set_aside ORDER BY journal, seq");
    all(query, readers, "set_aside", |row| {
        Some(SetAside {
            journal: row.try_get("journal").ok()?,
            seq: u64::try_from(row.try_get::<i64, _>("seq").ok()?).ok()?,
            why: row.try_get("why").ok()?,
            raw: Private::new(row.try_get("raw").ok()?),
        })
    })
    .await
}

fn within(query: &mut QueryBuilder<Sqlite>, column: &'static str, span: Span) {
    query.push(column).push(" >= ").push_bind(span.from.0).push(" AND ");
    query.push(column).push(" < ").push_bind(span.until.0);
}

fn page(query: &mut QueryBuilder<Sqlite>, at: &'static str, call: &'static str, ask: &PageAsk) {
    if let Some(after) = ask.after {
        query.push(" AND (").push(at).push(", ").push(call).push(") < (");
        query.push_bind(after.at.0).push(", ").push_bind(after.call.to_string()).push(")");
    }
    query.push(" ORDER BY ").push(at).push(" DESC, ").push(call).push(" DESC LIMIT ");
    query.push_bind(i64::try_from(ask.size()).unwrap_or(i64::MAX).saturating_add(1));
}

pub(super) async fn all<T>(
    mut query: QueryBuilder<Sqlite>,
    readers: &SqlitePool,
    table: &'static str,
    one: impl Fn(&SqliteRow) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let rows = query.build().fetch_all(readers).await.map_err(gone("read"))?;
    rows.iter().map(|row| read(row, table, &one)).collect()
}

fn read<T>(row: &SqliteRow, table: &'static str, one: impl Fn(&SqliteRow) -> Option<T>) -> Result<T, StoreError> {
    one(row).ok_or(StoreError::Unreadable { table })
}

fn data<T: serde::de::DeserializeOwned>(row: &SqliteRow) -> Option<T> {
    serde_json::from_str(row.try_get("data").ok()?).ok()
}

fn call(row: &SqliteRow) -> Option<CallId> {
    row.try_get::<&str, _>("call").ok()?.parse().ok()
}
