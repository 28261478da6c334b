//! Writes the finding aid: what a recording is looked for by, made anew from the other tables whenever one of
//! them has changed.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row};

use super::carry::json;
use crate::archive::Sealed;
use crate::call::{CallId, DutyCall, Ended, OpenTicket};
use crate::privacy::Private;
use crate::store::entry::{Entry, Record};
use crate::store::find::{Finding, Known, place};

/// The calls and tickets that a batch of entries was about.
#[derive(Default)]
pub(super) struct Touched {
    calls: BTreeSet<CallId>,
    tickets: BTreeSet<String>,
}

impl Touched {
    pub(super) fn add(&mut self, record: &Record) {
        match &record.entry {
            Entry::Answered(_) | Entry::Closed(_) | Entry::Sealed(_) | Entry::Duty(_) => {
                self.calls.extend(record.entry.call());
            }
            Entry::Edit(edit) => drop(self.tickets.insert(edit.number.clone())),
            // Nothing that a recording is looked for by.
            Entry::Arrived(_)
            | Entry::Leg(_)
            | Entry::LegGone(_)
            | Entry::Invalid(_)
            | Entry::ThreewayResult(_)
            | Entry::Missed(_)
            | Entry::RecordingFailed(_)
            | Entry::Verified(_)
            | Entry::Seat(_)
            | Entry::Alarm(_)
            | Entry::Access(_)
            | Entry::CalledBack(_)
            | Entry::Handover(_)
            | Entry::Listed(_)
            | Entry::Keeping(_)
            | Entry::Foreign(_) => {}
        }
    }

    /// In the transaction of that batch.
    pub(super) async fn write(mut self, change: &mut SqliteConnection) -> Result<(), Error> {
        for number in &self.tickets {
            let calls: Vec<String> = sqlx::query_scalar(
                "SELECT call FROM ticket WHERE number = ?1 UNION ALL SELECT call FROM duty_call WHERE ticket = ?1",
            )
            .bind(number)
            .fetch_all(&mut *change)
            .await?;
            self.calls.extend(calls.iter().filter_map(|call| call.parse::<CallId>().ok()));
        }
        if self.calls.is_empty() {
            return Ok(());
        }
        write(change, &self.calls.into_iter().collect::<Vec<_>>()).await
    }
}

/// So many recordings from before at most get their rows; false once all have them.
pub(super) async fn go_on(change: &mut SqliteConnection, most: u32) -> Result<bool, Error> {
    let Some(behind) = sqlx::query("SELECT started, call FROM finding_behind").fetch_optional(&mut *change).await?
    else {
        return Ok(false);
    };
    let (started, call): (i64, String) = (behind.try_get(0)?, behind.try_get(1)?);
    let rows = sqlx::query(
        "SELECT started, call, place FROM recording WHERE (started, call) < (?, ?) \
         ORDER BY started DESC, call DESC LIMIT ?",
    )
    .bind(started)
    .bind(call)
    .bind(most)
    .fetch_all(&mut *change)
    .await?;
    let Some(last) = rows.last() else {
        sqlx::query("DELETE FROM finding_behind").execute(change).await?;
        return Ok(false);
    };
    let mut calls = Vec::new();
    for row in &rows {
        if row.try_get::<Option<i64>, _>(2)?.is_none() {
            calls.extend(row.try_get::<&str, _>(1)?.parse::<CallId>().ok());
        }
    }
    write(change, &calls).await?;
    sqlx::query("UPDATE finding_behind SET started = ?, call = ?")
        .bind(last.try_get::<i64, _>(0)?)
        .bind(last.try_get::<&str, _>(1)?)
        .execute(change)
        .await?;
    Ok(true)
}

/// Of those that have a recording by now. A few statements for all of them: this runs with every batch of entries.
async fn write(change: &mut SqliteConnection, calls: &[CallId]) -> Result<(), Error> {
    let ids: Vec<String> = calls.iter().map(ToString::to_string).collect();
    let rows = sqlx::query(
        "SELECT r.place, r.data AS recording, d.data AS duty, coalesce(t.number, d.ticket) AS ticket, t.place AS site, \
         t.text, c.opened, c.ended FROM recording r LEFT JOIN duty_call d ON d.call = r.call \
         LEFT JOIN ticket t ON t.number = coalesce(d.ticket, (SELECT number FROM ticket WHERE call = r.call)) \
         LEFT JOIN call c ON c.call = t.call WHERE r.call IN (SELECT value FROM json_each(?))",
    )
    .bind(json(&ids))
    .fetch_all(&mut *change)
    .await?;
    let (mut former, mut findings) = (Vec::new(), Vec::new());
    for row in &rows {
        former.extend(row.try_get::<Option<i64>, _>("place")?);
        if let Some(sealed) = of_json::<Sealed>(row, "recording") {
            findings.push((place(sealed.started, sealed.call), finding(row, &sealed)?));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    strike(change, &former).await?;
    settle(change, &mut findings).await?;
    enter(change, &findings).await
}

fn finding(row: &SqliteRow, sealed: &Sealed) -> Result<Finding, Error> {
    let (duty, opened, ended) =
        (of_json::<DutyCall>(row, "duty"), of_json::<OpenTicket>(row, "opened"), of_json::<Ended>(row, "ended"));
    Ok(Finding::of(
        sealed,
        &Known {
            opened: opened.as_ref(),
            ended: ended.as_ref(),
            duty: duty.as_ref(),
            ticket: row.try_get("ticket")?,
            site: row.try_get("site")?,
            text: row.try_get("text")?,
        },
    ))
}

/// None also where it cannot be read: the rest is found all the same.
fn of_json<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Option<T> {
    serde_json::from_str(row.try_get::<Option<&str>, _>(column).ok()??).ok()
}

async fn strike(change: &mut SqliteConnection, places: &[i64]) -> Result<(), Error> {
    for statement in [
        "DELETE FROM finding_party WHERE (who, place) IN (SELECT who.value, f.place \
         FROM finding f CROSS JOIN json_each(f.parties) who WHERE f.place IN (SELECT value FROM json_each(?)))",
        "DELETE FROM finding_text WHERE rowid IN (SELECT value FROM json_each(?))",
        "DELETE FROM finding WHERE place IN (SELECT value FROM json_each(?))",
    ] {
        sqlx::query(statement).bind(json(&places)).execute(&mut *change).await?;
    }
    Ok(())
}

/// Each keeps its place, or gets the next one that is free: another call with the same last digit may have begun in
/// the same millisecond.
async fn settle(change: &mut SqliteConnection, findings: &mut [(i64, Finding)]) -> Result<(), Error> {
    let wanted: Vec<i64> = findings.iter().map(|(place, _)| *place).collect();
    let taken: Vec<i64> =
        sqlx::query_scalar("SELECT place FROM finding WHERE place IN (SELECT value FROM json_each(?))")
            .bind(json(&wanted))
            .fetch_all(&mut *change)
            .await?;
    let mut taken: BTreeSet<i64> = taken.into_iter().collect();
    for (place, _) in findings {
        while !taken.insert(*place) {
            *place = place.saturating_add(1);
            let there = sqlx::query("SELECT 1 FROM finding WHERE place = ?").bind(*place);
            if there.fetch_optional(&mut *change).await?.is_some() {
                taken.insert(*place);
            }
        }
    }
    Ok(())
}

async fn enter(change: &mut SqliteConnection, findings: &[(i64, Finding)]) -> Result<(), Error> {
    let backwards = |number: &Private<String>| number.reveal().chars().rev().collect::<String>();
    let rows: Vec<_> = findings
        .iter()
        .map(|(place, one)| {
            serde_json::json!({
                "place": place, "call": one.call.to_string(), "ticket": one.ticket, "code": one.code,
                "caller": one.caller.as_ref().map(backwards), "centre": one.centre, "seat": one.seat,
                "length_ms": one.length_ms, "verdict": one.verdict,
                "parties": one.parties.iter().map(|(who, _)| who).collect::<Vec<_>>(),
            })
        })
        .collect();
    let parties =
        findings.iter().flat_map(|(place, one)| one.parties.iter().map(move |(who, role)| (who, place, role)));
    let spoken = findings.iter().filter(|(_, one)| !one.words.is_empty());
    let words = spoken.map(|(place, one)| (place, one.words.join(" ")));
    for (statement, rows) in [
        (
            "INSERT INTO finding (place, call, ticket, caller, code, centre, seat, length_ms, verdict, parties) \
             SELECT value ->> 'place', value ->> 'call', value ->> 'ticket', value ->> 'caller', value ->> 'code', \
             value ->> 'centre', value ->> 'seat', value ->> 'length_ms', value ->> 'verdict', value ->> 'parties' \
             FROM json_each(?)",
            json(&rows),
        ),
        (
            "INSERT INTO finding_party (who, place, role) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
            json(&parties.collect::<Vec<_>>()),
        ),
        (
            "INSERT INTO finding_text (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each(?)",
            json(&words.collect::<Vec<_>>()),
        ),
        (
            "UPDATE recording SET place = one.value ->> 'place' FROM json_each(?) one \
             WHERE recording.call = one.value ->> 'call'",
            json(&rows),
        ),
    ] {
        sqlx::query(statement).bind(rows).execute(&mut *change).await?;
    }
    Ok(())
}
