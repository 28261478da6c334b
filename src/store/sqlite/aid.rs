//! Writes the finding aid: what a recording is looked for by, made anew from the other tables whenever one of
//! them has changed.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row};

use super::carry::json;
use super::word;
use crate::archive::Sealed;
use crate::call::{CallId, DutyCall, Ended, OpenTicket};
use crate::privacy::Private;
use crate::store::entry::{Entry, Record};
use crate::store::find::{Finding, Known, place};
use crate::time::Wall;

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
            _ => {}
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
        for call in &self.calls {
            write(change, *call).await?;
        }
        Ok(())
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
    for row in &rows {
        if let (None, Ok(call)) = (row.try_get::<Option<i64>, _>(2)?, row.try_get::<&str, _>(1)?.parse()) {
            write(change, call).await?;
        }
    }
    sqlx::query("UPDATE finding_behind SET started = ?, call = ?")
        .bind(last.try_get::<i64, _>(0)?)
        .bind(last.try_get::<&str, _>(1)?)
        .execute(change)
        .await?;
    Ok(true)
}

/// Nothing where the call has no recording yet.
async fn write(change: &mut SqliteConnection, call: CallId) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT r.place, r.data AS recording, d.data AS duty, coalesce(t.number, d.ticket) AS ticket, t.place AS site, \
         t.text, c.opened, c.ended FROM recording r LEFT JOIN duty_call d ON d.call = r.call \
         LEFT JOIN ticket t ON t.number = coalesce(d.ticket, (SELECT number FROM ticket WHERE call = r.call)) \
         LEFT JOIN call c ON c.call = t.call WHERE r.call = ?",
    )
    .bind(call.to_string())
    .fetch_optional(&mut *change)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let Some(sealed) = of_json::<Sealed>(&row, "recording") else { return Ok(()) };
    let finding = finding(&row, &sealed)?;
    if let Some(former) = row.try_get::<Option<i64>, _>("place")? {
        strike(change, former).await?;
    }
    let place = free_place(change, sealed.started, call).await?;
    enter(change, place, &finding).await?;
    sqlx::query("UPDATE recording SET place = ? WHERE call = ?")
        .bind(place)
        .bind(call.to_string())
        .execute(change)
        .await
        .map(drop)
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

async fn strike(change: &mut SqliteConnection, place: i64) -> Result<(), Error> {
    sqlx::query(
        "DELETE FROM finding_party WHERE place = ?1 AND who IN \
         (SELECT value FROM json_each((SELECT parties FROM finding WHERE place = ?1)))",
    )
    .bind(place)
    .execute(&mut *change)
    .await?;
    for statement in ["DELETE FROM finding_text WHERE rowid = ?", "DELETE FROM finding WHERE place = ?"] {
        sqlx::query(statement).bind(place).execute(&mut *change).await?;
    }
    Ok(())
}

/// Its own, or the next one where another call with the same last digit began in the same millisecond.
async fn free_place(change: &mut SqliteConnection, started: Wall, call: CallId) -> Result<i64, Error> {
    let mut place = place(started, call);
    while sqlx::query("SELECT 1 FROM finding WHERE place = ?").bind(place).fetch_optional(&mut *change).await?.is_some()
    {
        place = place.saturating_add(1);
    }
    Ok(place)
}

async fn enter(change: &mut SqliteConnection, place: i64, finding: &Finding) -> Result<(), Error> {
    let words: Vec<&String> = finding.parties.iter().map(|(who, _)| who).collect();
    let backwards = |number: &Private<String>| number.reveal().chars().rev().collect::<String>();
    sqlx::query(
        "INSERT INTO finding (place, call, ticket, caller, code, centre, seat, length_ms, verdict, parties) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(place)
    .bind(finding.call.to_string())
    .bind(&finding.ticket)
    .bind(finding.caller.as_ref().map(backwards))
    .bind(&finding.code)
    .bind(&finding.centre)
    .bind(finding.seat.as_ref().map(|seat| &seat.0))
    .bind(i64::try_from(finding.length_ms).unwrap_or(i64::MAX))
    .bind(word(finding.verdict))
    .bind(json(&words))
    .execute(&mut *change)
    .await?;
    for (who, role) in &finding.parties {
        sqlx::query("INSERT INTO finding_party (who, place, role) VALUES (?, ?, ?)")
            .bind(who)
            .bind(place)
            .bind(*role)
            .execute(&mut *change)
            .await?;
    }
    if !finding.words.is_empty() {
        sqlx::query("INSERT INTO finding_text (rowid, words) VALUES (?, ?)")
            .bind(place)
            .bind(finding.words.join(" "))
            .execute(change)
            .await?;
    }
    Ok(())
}
