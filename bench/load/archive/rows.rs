//! The rows of calls, tickets and recordings, as the server writes them, many at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use hotline::archive::{Sealed, Verdict};
use hotline::call::{
    By, CallId, CallKind, Caller, EndReason, Ended, Kind, NoticePlayed, OpenTicket, Participant, Party, Role, Segment,
};
use hotline::privacy::Private;
use hotline::rules::numbers::Mode;
use hotline::rules::retention::{erasable_from, local_day};
use hotline::time::Wall;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Error};

use super::city::{Call, City};

const AT_ONCE: usize = 500;

const CALLS: &str = "INSERT INTO call (call, caller, original_code, trunk, centre, seat, t_arrive, t_answer, t_end, \
    within_15s, end_reason, opened, ended) SELECT value ->> 'call', value ->> 'caller', value ->> 'code', 'carrier', \
    value ->> 'centre', value ->> 'seat', value ->> 'arrive', value ->> 'answer', value ->> 'end', 1, 'normal', \
    value ->> 'opened', value ->> 'ended' FROM json_each(?)";
const TICKETS: &str = "INSERT INTO ticket (number, call, prefix, day, serial, state, version, place, text) SELECT \
    value ->> 'ticket', value ->> 'call', value ->> 'prefix', value ->> 'day', value ->> 'serial', 'drafting', 2, \
    value ->> 'place', value ->> 'text' FROM json_each(?)";
const RECORDINGS: &str = "INSERT INTO recording (path, call, started, verdict, keep_until, data, checked, condition) \
    SELECT value ->> 'path', value ->> 'call', value ->> 'answer', value ->> 'verdict', value ->> 'keep', \
    value ->> 'sealed', value ->> 'end', 'verified' FROM json_each(?)";

/// Into a database that has its tables and nothing in them. All recordings are still behind the finding aid.
pub async fn write(path: &Path, city: City) -> Result<(), Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-1000000");
    let mut database = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("BEGIN").execute(&mut database).await?;
    let mut calls = city.peekable();
    while calls.peek().is_some() {
        let rows: Vec<Value> = calls.by_ref().take(AT_ONCE).map(|call| row(&call)).collect();
        let rows = json!(rows).to_string();
        for statement in [CALLS, TICKETS, RECORDINGS] {
            sqlx::query(statement).bind(&rows).execute(&mut database).await?;
        }
    }
    let behind = "INSERT INTO finding_behind (started, call) SELECT max(started) + 1, '' FROM recording; COMMIT; \
                  PRAGMA journal_mode = WAL";
    sqlx::raw_sql(behind).execute(&mut database).await?;
    database.close().await
}

/// Nanoseconds that a bare read of each of these takes, by primary key.
pub async fn by_key(path: &Path, calls: &[Call]) -> Result<Vec<u64>, Error> {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(1));
    let mut database = SqliteConnection::connect_with(&options).await?;
    let mut times = Vec::new();
    for call in calls {
        let began = Instant::now();
        let _: String = sqlx::query_scalar("SELECT data FROM recording WHERE path = ?")
            .bind(path_of(call))
            .fetch_one(&mut database)
            .await?;
        times.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    database.close().await?;
    Ok(times)
}

fn path_of(call: &Call) -> String {
    let day = local_day(Wall(call.at));
    format!("{:04}/{:02}/{:02}/{}/call.wav", day.year(), day.month(), day.day(), CallId(call.n))
}

fn row(call: &Call) -> Value {
    let (opened, ended, sealed) = (opened(call), ended(call), sealed(call));
    let caller = (!call.caller.is_empty()).then_some(&call.caller);
    let (place, text) = call.said.as_ref().map(|(place, text)| (place, text)).unzip();
    json!({
        "call": opened.call.to_string(), "caller": caller, "code": call.code, "centre": call.centre,
        "seat": call.seat, "arrive": opened.t_arrive, "answer": opened.t_answer, "end": ended.t_end,
        "ticket": call.ticket, "prefix": call.prefix, "day": call.day, "serial": call.serial,
        "place": place, "text": text, "path": sealed.path, "verdict": sealed.verdict, "keep": sealed.keep_until,
        "opened": json!(opened).to_string(), "ended": json!(ended).to_string(), "sealed": json!(sealed).to_string(),
    })
}

fn opened(call: &Call) -> OpenTicket {
    let at = |before: i64| Wall(call.at - before);
    let number = (!call.caller.is_empty()).then(|| Private::new(call.caller.clone()));
    let from = format!("<sip:{}@192.0.2.1>;tag={:x}", call.caller, call.n);
    OpenTicket {
        call: CallId(call.n),
        prefix: call.prefix.to_owned(),
        centre: call.centre.to_owned(),
        sip_call_id: format!("{:016x}@192.0.2.1", call.n.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        kind: CallKind::PublicIn,
        source: None,
        caller: Caller {
            withheld: number.is_none(),
            e164: number.clone(),
            number,
            raw: vec![("From".to_owned(), Private::new(from))],
            ..Caller::default()
        },
        dialed_raw: format!("sip:{}@192.0.2.2", call.code),
        original_code: call.code.to_owned(),
        hotline_primary: "12345".to_owned(),
        mode: Mode::Own,
        skill: "general".to_owned(),
        trunk: "carrier".to_owned(),
        t_arrive: at(6_000),
        t_queue: at(6_000),
        t_ring: at(4_000),
        t_answer: at(0),
        wait_ms: 6_000,
        within_15s: true,
        seat: call.seat.clone(),
        seat_name: format!("坐席{}", call.seat.0),
        seat_kind: "local".to_owned(),
        notice_played: NoticePlayed::Full,
    }
}

fn end(call: &Call) -> Wall {
    Wall(call.at + i64::try_from(call.length_ms).unwrap_or(0))
}

fn ended(call: &Call) -> Ended {
    let there = |role: Role, number: &str, name: String| Participant {
        party: Party { role, number: number.to_owned(), name, leg: None },
        joined: Wall(call.at),
        left: Some(end(call)),
        result: "hung_up".to_owned(),
        media: None,
    };
    let mut participants = vec![there(Role::Seat, &call.seat.0, format!("坐席{}", call.seat.0))];
    participants.extend(call.others.iter().map(|(role, code, name)| there(*role, code, name.clone())));
    Ended {
        t_end: end(call),
        talk_ms: call.length_ms,
        hold_ms: 0,
        end_reason: EndReason::Normal,
        released_by: By::Caller,
        participants,
        sip_call_ids: Vec::new(),
        segments: vec![Segment { kind: Kind::Talk, parties: Vec::new(), from: Wall(call.at), to: Some(end(call)) }],
        notice_played: NoticePlayed::Full,
        leaders: Vec::new(),
    }
}

fn sealed(call: &Call) -> Sealed {
    let sum = format!("{:064x}", u128::from(call.n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C3B_2D1E_5A77));
    Sealed {
        call: CallId(call.n),
        path: path_of(call).into(),
        parts: vec![path_of(call).into()],
        tracks: Vec::new(),
        started: Wall(call.at),
        ended: end(call),
        duration_ms: call.length_ms,
        bytes: call.length_ms * 16 + 58,
        sm3: Some(sum.clone()),
        sha256: sum,
        sealed_at: Some(Wall(end(call).0 + 400)),
        files: Vec::new(),
        format: "wav/alaw/2".to_owned(),
        verdict: match call.fault {
            0 => Verdict::Ok,
            1 => Verdict::Degraded,
            _ => Verdict::Failed,
        },
        keep_until: erasable_from(local_day(end(call))).to_string(),
        gaps: u32::from(call.fault),
        recovered: false,
        leader: call.others.iter().any(|(role, ..)| *role == Role::Leader),
    }
}
