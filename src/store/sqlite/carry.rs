//! Carries journal entries into the tables; `memory.rs` says the same in plain Rust.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Error};

use super::aid::Touched;
use super::ask::task;
use super::{gone, keeping, position, word};
use crate::call::CallId;
use crate::call::{CallRecord, DutyCall, MissedCall, OpenTicket, ThreewayResult};
use crate::privacy::Private;
use crate::rules::callback;
use crate::store::StoreError;
use crate::store::entry::{
    Access, AlarmChange, CalledBack, Entry, Handover, Listed, Record, RecordingFailed, SeatChange, TicketEdit, Verified,
};
use crate::store::numbering::Number;
use crate::store::query::{CallbackTask, TicketState};
use crate::time::Wall;

pub(super) async fn apply(
    connection: &mut SqliteConnection,
    journal: &str,
    after: u64,
    records: &[Arc<Record>],
    upto: u64,
) -> Result<usize, StoreError> {
    let mut aside = BTreeSet::new();
    loop {
        match attempt(connection, journal, after, records, upto, &aside).await {
            Ok(newer) => return Ok(newer + aside.len()),
            Err(Fault::Store(error)) => return Err(error),
            // The table refuses this entry for ever: it must not hold up those behind it.
            Err(Fault::Entry(seq)) => {
                if !aside.insert(seq) {
                    return Err(StoreError::Gone { deed: "set aside", why: format!("entry {seq}") });
                }
            }
        }
    }
}

enum Fault {
    Store(StoreError),
    Entry(u64),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(gone("write")(error))
    }
}

async fn attempt(
    connection: &mut SqliteConnection,
    journal: &str,
    after: u64,
    records: &[Arc<Record>],
    upto: u64,
    aside: &BTreeSet<u64>,
) -> Result<usize, Fault> {
    let mut change = connection.begin_with("BEGIN IMMEDIATE").await?;
    let stands = position(&mut change, journal).await.map_err(Fault::Store)?;
    if stands != after {
        return Err(Fault::Store(StoreError::Moved { position: stands }));
    }
    let mut seats = Vec::new();
    let mut touched = Touched::default();
    let mut newer = 0;
    for record in records {
        touched.add(record);
        let done = match (&record.entry, record.number.as_deref()) {
            (Entry::Foreign(raw), _) => {
                newer += 1;
                let why = format!("written by a newer program (version {})", record.v);
                set_aside(&mut change, journal, record, &why, raw.reveal()).await
            }
            _ if aside.contains(&record.seq) => {
                let raw = serde_json::to_string(&**record).unwrap_or_default();
                set_aside(&mut change, journal, record, "the tables do not take it", &raw).await
            }
            (Entry::Answered(opened), Some(number)) => answered(&mut change, number, opened).await,
            (Entry::Closed(ended), Some(number)) => closed(&mut change, number, ended).await,
            (Entry::Missed(call), _) => missed(&mut change, call).await,
            (Entry::Invalid(marked), _) => invalid(&mut change, marked.call, &marked.reason).await,
            (Entry::ThreewayResult(marked), _) => threeway_result(&mut change, marked.call, marked.result).await,
            (Entry::Sealed(recording), _) => sqlx::query(
                "INSERT INTO recording (path, call, started, verdict, keep_until, data) VALUES (?, ?, ?, ?, ?, ?) \
                     ON CONFLICT (path) DO UPDATE SET verdict = excluded.verdict, data = excluded.data, \
                     started = excluded.started, keep_until = excluded.keep_until, call = excluded.call",
            )
            .bind(recording.path.to_string_lossy())
            .bind(recording.call.to_string())
            .bind(recording.started.0)
            .bind(word(recording.verdict))
            .bind(&recording.keep_until)
            .bind(json(recording))
            .execute(&mut *change)
            .await
            .map(drop),
            (Entry::RecordingFailed(failed), _) => recording_failed(&mut change, failed).await,
            (Entry::Verified(verified), _) => checked(&mut change, verified).await,
            (Entry::Seat(seat), _) => {
                seats.push(seat);
                Ok(())
            }
            (Entry::Alarm(alarm), _) => alarmed(&mut change, alarm).await,
            (Entry::Access(access), _) => accessed(&mut change, access).await,
            (Entry::Edit(wish), _) => edit(&mut change, wish).await,
            (Entry::CalledBack(called), _) => called_back(&mut change, called).await,
            (Entry::Duty(duty), _) => duty_called(&mut change, duty).await,
            (Entry::Handover(handover), _) => handed_over(&mut change, handover).await,
            (Entry::Listed(of), _) => listed(&mut change, of).await,
            (Entry::Keeping(deed), _) => keeping::carry(&mut change, deed).await,
            (Entry::Arrived(_) | Entry::Leg(_) | Entry::LegGone(_), _)
            | (Entry::Answered(_) | Entry::Closed(_), None) => Ok(()),
        };
        done.map_err(|error| if is_refusal(&error) { Fault::Entry(record.seq) } else { error.into() })?;
    }
    seats_changed(&mut change, &seats).await?;
    touched.write(&mut change).await?;
    set_position(&mut change, journal, upto).await?;
    change.commit().await?;
    Ok(newer)
}

pub(super) async fn set_position(connection: &mut SqliteConnection, journal: &str, to: u64) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO journal_position (journal, applied) VALUES (?, ?) \
         ON CONFLICT (journal) DO UPDATE SET applied = excluded.applied",
    )
    .bind(journal)
    .bind(i64::try_from(to).unwrap_or(i64::MAX))
    .execute(connection)
    .await
    .map(drop)
}

/// SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH: the fault of the row, not of the database.
fn is_refusal(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xFF, 18..=20))
}

async fn set_aside(
    change: &mut SqliteConnection,
    journal: &str,
    record: &Record,
    why: &str,
    raw: &str,
) -> Result<(), Error> {
    sqlx::query("INSERT OR REPLACE INTO set_aside (journal, seq, why, raw) VALUES (?, ?, ?, ?)")
        .bind(journal)
        .bind(i64::try_from(record.seq).unwrap_or(i64::MAX))
        .bind(why)
        .bind(raw)
        .execute(change)
        .await
        .map(drop)
}

async fn answered(change: &mut SqliteConnection, number: &str, opened: &OpenTicket) -> Result<(), Error> {
    let caller = opened.caller.key().map(Private::reveal);
    let call = opened.call.to_string();
    let parts = number.parse().unwrap_or(Number { prefix: number.to_owned(), day: 0, serial: 0 });
    // A number that another call has is made unique as `apply::doubled` does.
    sqlx::query(
        "INSERT INTO call \
         (call, caller, original_code, trunk, centre, seat, t_arrive, t_answer, within_15s, opened) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (call) DO NOTHING; \
         INSERT INTO ticket (number, call, prefix, day, serial, state, version) \
         VALUES (CASE WHEN EXISTS (SELECT 1 FROM ticket WHERE number = ?11 AND call <> ?1) \
         THEN ?11 || '.' || ?1 ELSE ?11 END, ?1, ?12, ?13, ?14, ?15, 1) ON CONFLICT (call) DO NOTHING",
    )
    .bind(&call)
    .bind(caller)
    .bind(&opened.original_code)
    .bind(&opened.trunk)
    .bind(&opened.centre)
    .bind(&opened.seat.0)
    .bind(opened.t_arrive.0)
    .bind(opened.t_answer.0)
    .bind(opened.within_15s)
    .bind(json(opened))
    .bind(number)
    .bind(&parts.prefix)
    .bind(parts.day)
    .bind(i64::try_from(parts.serial).unwrap_or(i64::MAX))
    .bind(TicketState::Drafting.as_str())
    .execute(&mut *change)
    .await?;
    if let Some(caller) = caller
        && let Some(open) = open_task(change, caller).await?
    {
        let state = callback::answered(open.state, opened.t_answer);
        save_task(change, &CallbackTask { state, ..open }).await?;
    }
    Ok(())
}

async fn closed(change: &mut SqliteConnection, number: &str, record: &CallRecord) -> Result<(), Error> {
    if !end(change, record).await? {
        answered(change, number, &record.opened).await?;
        end(change, record).await?;
    }
    if !record.ended.leaders.is_empty() {
        // A leader may have answered before it was known which seat joins him.
        sqlx::query("UPDATE call SET seat = ?, opened = ? WHERE call = ?")
            .bind(&record.opened.seat.0)
            .bind(json(&record.opened))
            .bind(record.opened.call.to_string())
            .execute(&mut *change)
            .await?;
    }
    if let Some(result) = record.threeway_result {
        threeway_result(change, record.opened.call, result).await?;
    }
    match &record.invalid {
        Some(why) => invalid(change, record.opened.call, why).await,
        None => Ok(()),
    }
}

/// An older check changes nothing.
async fn checked(change: &mut SqliteConnection, verified: &Verified) -> Result<(), Error> {
    sqlx::query("UPDATE recording SET checked = ?1, condition = ?2 WHERE call = ?3 AND coalesce(checked, 0) <= ?1")
        .bind(verified.at.0)
        .bind(word(verified.condition))
        .bind(verified.call.to_string())
        .execute(change)
        .await
        .map(drop)
}

async fn invalid(change: &mut SqliteConnection, call: CallId, why: &str) -> Result<(), Error> {
    sqlx::query("UPDATE ticket SET state = ?, invalid = ? WHERE call = ? AND invalid IS NULL")
        .bind(TicketState::Invalid.as_str())
        .bind(why)
        .bind(call.to_string())
        .execute(change)
        .await
        .map(drop)
}

/// An invalid ticket stays one.
async fn threeway_result(change: &mut SqliteConnection, call: CallId, result: ThreewayResult) -> Result<(), Error> {
    sqlx::query(
        "UPDATE ticket SET threeway_result = ?1, state = CASE WHEN invalid IS NULL THEN ?2 ELSE state END \
         WHERE call = ?3",
    )
    .bind(result.as_str())
    .bind(TicketState::after_threeway(result).as_str())
    .bind(call.to_string())
    .execute(change)
    .await
    .map(drop)
}

/// False where there is no such call, or it has ended already.
async fn end(change: &mut SqliteConnection, record: &CallRecord) -> Result<bool, Error> {
    let ended = sqlx::query("UPDATE call SET t_end = ?, end_reason = ?, ended = ? WHERE call = ? AND t_end IS NULL")
        .bind(record.ended.t_end.0)
        .bind(record.ended.end_reason.as_str())
        .bind(json(&record.ended))
        .bind(record.opened.call.to_string())
        .execute(change)
        .await?;
    Ok(ended.rows_affected() > 0)
}

async fn missed(change: &mut SqliteConnection, call: &MissedCall) -> Result<(), Error> {
    let caller = call.caller.key().map(Private::reveal);
    let new = sqlx::query(
        "INSERT INTO missed_call (call, caller, original_code, trunk, t_arrive, stage, data) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call) DO NOTHING",
    )
    .bind(call.call.to_string())
    .bind(caller)
    .bind(&call.original_code)
    .bind(&call.trunk)
    .bind(call.t_arrive.0)
    .bind(call.stage.as_str())
    .bind(json(call))
    .execute(&mut *change)
    .await?;
    let owed = callback::is_owed(caller.map(String::as_str), call.original_code.is_some());
    let Some(caller) = caller.filter(|_| owed && new.rows_affected() > 0) else {
        return Ok(());
    };
    let last_answered: Option<i64> = sqlx::query_scalar("SELECT max(t_answer) FROM call WHERE caller = ?")
        .bind(caller)
        .fetch_one(&mut *change)
        .await?;
    let open = open_task(change, caller).await?;
    let (task, code) = match &open {
        Some(open) => (open.task, open.code.clone()),
        None => (call.call, call.original_code.clone().unwrap_or_default()),
    };
    match callback::missed(open.map(|open| open.state), last_answered.map(Wall), call.t_end) {
        Some(state) => {
            save_task(change, &CallbackTask { task, caller: Private::new(caller.clone()), code, state }).await?;
            sqlx::query("UPDATE missed_call SET callback_task = ? WHERE call = ?")
                .bind(task.to_string())
                .bind(call.call.to_string())
                .execute(change)
                .await
                .map(drop)
        }
        None => Ok(()),
    }
}

async fn called_back(change: &mut SqliteConnection, called: &CalledBack) -> Result<(), Error> {
    let row = sqlx::query("SELECT * FROM callback_task WHERE task = ?")
        .bind(called.task.to_string())
        .fetch_optional(&mut *change)
        .await?;
    match row.as_ref().and_then(task) {
        Some(open) => {
            let state = callback::tried(open.state, called.at, called.reached);
            save_task(change, &CallbackTask { state, ..open }).await
        }
        None => Ok(()),
    }
}

async fn duty_called(change: &mut SqliteConnection, duty: &DutyCall) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO duty_call (call, ticket, began, data) VALUES (?, ?, ?, ?) \
         ON CONFLICT (call) DO UPDATE SET data = excluded.data",
    )
    .bind(duty.call.to_string())
    .bind(&duty.ticket)
    .bind(duty.began.0)
    .bind(json(duty))
    .execute(change)
    .await
    .map(drop)
}

async fn handed_over(change: &mut SqliteConnection, handover: &Handover) -> Result<(), Error> {
    sqlx::query("INSERT INTO handover (ticket, data) VALUES (?, ?) ON CONFLICT (ticket) DO NOTHING")
        .bind(&handover.ticket)
        .bind(json(handover))
        .execute(change)
        .await
        .map(drop)
}

async fn open_task(change: &mut SqliteConnection, caller: &str) -> Result<Option<CallbackTask>, Error> {
    let row = sqlx::query("SELECT * FROM callback_task WHERE caller = ? AND closed IS NULL")
        .bind(caller)
        .fetch_optional(change)
        .await?;
    Ok(row.as_ref().and_then(task))
}

async fn save_task(change: &mut SqliteConnection, task: &CallbackTask) -> Result<(), Error> {
    let state = &task.state;
    sqlx::query(
        "INSERT INTO callback_task \
         (task, caller, code, first_missed, last_missed, misses, attempts, last_attempt, closed, why) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO UPDATE SET \
         first_missed = excluded.first_missed, last_missed = excluded.last_missed, misses = excluded.misses, \
         attempts = excluded.attempts, last_attempt = excluded.last_attempt, closed = excluded.closed, \
         why = excluded.why",
    )
    .bind(task.task.to_string())
    .bind(task.caller.reveal())
    .bind(&task.code)
    .bind(state.first_missed.0)
    .bind(state.last_missed.0)
    .bind(state.misses)
    .bind(state.attempts)
    .bind(state.last_attempt.map(|at| at.0))
    .bind(state.closed.map(|(at, _)| at.0))
    .bind(state.closed.map(|(_, why)| word(why)))
    .execute(change)
    .await
    .map(drop)
}

async fn recording_failed(change: &mut SqliteConnection, failed: &RecordingFailed) -> Result<(), Error> {
    sqlx::query("INSERT INTO recording_failure (call, at, error) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(failed.call.to_string())
        .bind(failed.at.0)
        .bind(&failed.error)
        .execute(change)
        .await
        .map(drop)
}

async fn listed(change: &mut SqliteConnection, listed: &Listed) -> Result<(), Error> {
    let calls: Vec<String> = listed.calls.iter().map(ToString::to_string).collect();
    let failures: Vec<(String, i64)> = listed.failures.iter().map(|(call, at)| (call.to_string(), at.0)).collect();
    sqlx::query("UPDATE recording SET listed = ? WHERE listed IS NULL AND call IN (SELECT value FROM json_each(?))")
        .bind(&listed.manifest)
        .bind(json(&calls))
        .execute(&mut *change)
        .await?;
    sqlx::query(
        "UPDATE recording_failure SET listed = ? WHERE listed IS NULL AND (call, at) IN \
         (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
    )
    .bind(&listed.manifest)
    .bind(json(&failures))
    .execute(change)
    .await
    .map(drop)
}

/// Seat changes are the most frequent entries by far: one statement for the whole batch.
async fn seats_changed(change: &mut SqliteConnection, seats: &[&SeatChange]) -> Result<(), Error> {
    if seats.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO seat_history (seat, at, state, reason) \
         SELECT value ->> 'seat', value ->> 'at', value ->> 'state', value ->> 'reason' \
         FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
    )
    .bind(json(&seats))
    .execute(change)
    .await
    .map(drop)
}

async fn alarmed(change: &mut SqliteConnection, alarm: &AlarmChange) -> Result<(), Error> {
    let statement = if alarm.active {
        sqlx::query(
            "INSERT INTO alarm (name, subject, raised, severity, detail) SELECT ?1, ?2, ?3, ?4, ?5 \
             WHERE NOT EXISTS (SELECT 1 FROM alarm WHERE name = ?1 AND subject = ?2 \
             AND (cleared IS NULL OR raised >= ?3))",
        )
    } else {
        sqlx::query(
            "UPDATE alarm SET cleared = ?3 WHERE name = ?1 AND subject = ?2 AND cleared IS NULL AND raised <= ?3",
        )
    };
    statement
        .bind(&alarm.name)
        .bind(&alarm.subject)
        .bind(alarm.at.0)
        .bind(&alarm.severity)
        .bind(&alarm.detail)
        .execute(change)
        .await
        .map(drop)
}

async fn accessed(change: &mut SqliteConnection, access: &Access) -> Result<(), Error> {
    sqlx::query("INSERT INTO access (call, who, purpose, client, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(access.call.to_string())
        .bind(&access.who)
        .bind(&access.purpose)
        .bind(access.from.as_deref().unwrap_or_default())
        .bind(access.at.0)
        .execute(change)
        .await
        .map(drop)
}

async fn edit(change: &mut SqliteConnection, edit: &TicketEdit) -> Result<(), Error> {
    let (place, text) = (edit.place.as_ref().map(Private::reveal), edit.text.as_ref().map(Private::reveal));
    let noted = sqlx::query(
        "INSERT INTO ticket_edit (edit, number, version, carried_out, kind, place, text, by, at, emergency) \
         VALUES (?1, ?2, ?3, EXISTS (SELECT 1 FROM ticket WHERE number = ?2 AND version = ?3), ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (edit) DO NOTHING",
    )
    .bind(&edit.edit)
    .bind(&edit.number)
    .bind(edit.version)
    .bind(&edit.kind)
    .bind(place)
    .bind(text)
    .bind(&edit.by)
    .bind(edit.at.0)
    .bind(edit.emergency.map(word))
    .execute(&mut *change)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE ticket SET kind = coalesce(?3, kind), place = coalesce(?4, place), text = coalesce(?5, text), \
         emergency = coalesce(?6, emergency), version = version + 1 WHERE number = ?1 AND version = ?2",
    )
    .bind(&edit.number)
    .bind(edit.version)
    .bind(&edit.kind)
    .bind(place)
    .bind(text)
    .bind(edit.emergency.map(word))
    .execute(change)
    .await
    .map(drop)
}

/// Entries came from JSON, so they can be written as JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
