//! `/api/archive/…`: classes, holds, what is due, batches that are approved and destroyed, the archive's clock and
//! the disk's forecast (R69, R70). Each deed is in the audit before it is done.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::asked::{Asked, List, Sent, call, caller};
use super::error::ApiError;
use super::login::{Visitor, witness};
use crate::app::Office;
use crate::app::keeper::{ClockState, Due, Forecast, Keeper, KeeperError};
use crate::audit::{Deed, Fact, Outcome};
use crate::privacy::Private;
use crate::store::keeping::{Batch, HoldRow, State as BatchState, SubjectKind};

/// A batch is carried out on its own; an answer waits for so much of it.
const AT_MOST: Duration = Duration::from_secs(5);
/// Rows of a list that may be long.
const ROWS: usize = 1_000;

impl From<KeeperError> for ApiError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Refused { code: "bad_request", text } => Self::bad(text),
            KeeperError::Refused { code, text } => Self::conflict(code, text),
            KeeperError::NoSuch(_) => Self::missing(error.to_string()),
            KeeperError::ClockAhead { .. } => Self::conflict("clock_ahead", error.to_string()),
            KeeperError::Io(_) => Self::unavailable("archive", "the archive's disk does not allow it").because(error),
            KeeperError::Store(error) => error.into(),
            KeeperError::Journal(error) => error.into(),
            KeeperError::Behind => Self::unavailable("database", "the database does not follow").because(error),
        }
    }
}

/// Written down, done, and written down once more where it did not come about.
async fn witnessed<T>(
    office: &Office,
    fact: Fact,
    work: impl Future<Output = Result<T, KeeperError>>,
) -> Result<T, ApiError> {
    witness(office, fact.clone()).await?;
    match work.await {
        Ok(done) => Ok(done),
        Err(error) => {
            let code = match &error {
                KeeperError::Refused { code, .. } => code,
                KeeperError::NoSuch(_) => "not_found",
                KeeperError::ClockAhead { .. } => "clock_ahead",
                KeeperError::Io(_) | KeeperError::Store(_) | KeeperError::Journal(_) | KeeperError::Behind => "failed",
            };
            witness(office, fact.not(Outcome::Failed, code)).await?;
            Err(error.into())
        }
    }
}

fn fact(visitor: &Visitor, deed: Deed, on: &str, purpose: &str) -> Fact {
    Fact {
        purpose: purpose.chars().take(200).collect(),
        ..visitor.fact(deed, &on.chars().take(100).collect::<String>())
    }
}

/// A name that a client merely claims is no person: two of them would be one.
fn person(visitor: &Visitor) -> Result<(), ApiError> {
    if visitor.role.is_some() {
        return Ok(());
    }
    let text = "this needs an account that is signed in: hotline login; the machine's token is nobody's name";
    Err(ApiError::new(StatusCode::FORBIDDEN, "account_needed", text))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToClass {
    call: String,
    /// None: none any more.
    class: Option<String>,
    reason: String,
}

pub async fn class(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Sent(sent): Sent<ToClass>,
) -> Result<Json<Value>, ApiError> {
    let id = call(&sent.call)?;
    let work = office.keeper.class(id, sent.class.as_deref(), &sent.reason, &visitor.who);
    witnessed(&office, fact(&visitor, Deed::Retention, &sent.call, &sent.reason), work).await?;
    recording_of(&office, &sent.call).await
}

pub async fn recording(State(office): State<Office>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    recording_of(&office, &id).await
}

async fn recording_of(office: &Office, id: &str) -> Result<Json<Value>, ApiError> {
    let (kept, class, day) = office.keeper.one(call(id)?).await?;
    Ok(Json(json!({
        "call": kept.sealed.call, "ticket": kept.ticket, "class": class, "keep_until": day.map(|day| day.to_string()),
        "ticket_open": kept.ticket.is_some() && kept.archived.is_none(), "holds": kept.holds,
        "batch": kept.batch, "destroyed": kept.destroyed,
    })))
}

pub async fn ticket(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let work = office.keeper.archive_ticket(&number, &visitor.who);
    witnessed(&office, fact(&visitor, Deed::Retention, &number, "archived"), work).await?;
    Ok(Json(json!({ "ticket": number, "archived": true })))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToHold {
    case: String,
    reason: String,
    call: Option<String>,
    ticket: Option<String>,
    number: Option<Private<String>>,
}

pub async fn hold(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Sent(sent): Sent<ToHold>,
) -> Result<Json<Value>, ApiError> {
    let subject = match (sent.call, sent.ticket, caller(&office, sent.number).await) {
        (Some(id), None, None) => (SubjectKind::Call, Private::new(call(&id)?.to_string())),
        (None, Some(ticket), None) => (SubjectKind::Ticket, Private::new(ticket)),
        (None, None, Some(number)) => (SubjectKind::Number, number),
        (_, _, _) => return Err(ApiError::bad("name either a call, a ticket or a number")),
    };
    let work = office.keeper.hold(&sent.case, subject, &sent.reason, &visitor.who);
    witnessed(&office, fact(&visitor, Deed::Retention, &sent.case, &sent.reason), work).await?;
    Ok(Json(json!({ "case": sent.case, "held": true })))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichHolds {
    /// Lifted ones too.
    #[serde(default)]
    all: bool,
}

pub async fn holds(State(office): State<Office>, Asked(ask): Asked<WhichHolds>) -> Result<Json<List<Value>>, ApiError> {
    let rows = office.keeper.holds(!ask.all).await?;
    Ok(List::whole(rows.into_iter().map(shown).collect()))
}

/// With the number masked (R101).
fn shown(HoldRow { hold, lifted }: HoldRow) -> Value {
    let subject = match hold.kind {
        SubjectKind::Number => hold.subject.to_string(),
        SubjectKind::Call | SubjectKind::Ticket => hold.subject.into_inner(),
    };
    json!({
        "case": hold.case, "kind": hold.kind, "subject": subject, "reason": hold.reason, "by": hold.by,
        "at": hold.at, "lifted": lifted,
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    reason: String,
}

pub async fn lift(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(case): Path<String>,
    Sent(why): Sent<Why>,
) -> Result<Json<Value>, ApiError> {
    let work = office.keeper.lift(&case, &why.reason, &visitor.who);
    let lifted = witnessed(&office, fact(&visitor, Deed::Retention, &case, &why.reason), work).await?;
    Ok(Json(json!({ "case": case, "lifted": lifted })))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueBy {
    /// Up to the end of this month: `2029-11`; None: today.
    month: Option<String>,
}

pub async fn due(State(office): State<Office>, Asked(ask): Asked<DueBy>) -> Result<Json<Due>, ApiError> {
    let day = ask.month.as_deref().map(end_of_month).transpose()?;
    Ok(Json(office.keeper.due(day, ROWS).await?))
}

fn end_of_month(text: &str) -> Result<Date, ApiError> {
    let first = format!("{text}-01").parse::<Date>().ok().filter(|day| day.to_string() == format!("{text}-01"));
    first.map(|day| day.last_of_month()).ok_or_else(|| ApiError::bad("month must be a month such as 2029-11"))
}

pub async fn propose(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Batch>, ApiError> {
    let work = office.keeper.propose(&visitor.who);
    Ok(Json(witnessed(&office, fact(&visitor, Deed::Destruction, "batches", "propose"), work).await?))
}

pub async fn batches(State(office): State<Office>) -> Result<Json<List<Batch>>, ApiError> {
    Ok(List::whole(office.keeper.batches().await?))
}

/// With its list, so that whoever approves it sees what.
pub async fn batch(State(office): State<Office>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let batch = office.keeper.batch(&id).await?;
    let rows: Vec<Value> = office
        .keeper
        .lines(&id)
        .await?
        .into_iter()
        .map(|(line, outcome)| {
            let stays = outcome.as_ref().and_then(|outcome| outcome.stays.as_ref()).map(ToString::to_string);
            let destroyed = outcome.as_ref().is_some_and(|outcome| outcome.stays.is_none());
            json!({ "line": line, "destroyed": destroyed, "stays": stays })
        })
        .collect();
    Ok(Json(json!({ "batch": batch, "rows": rows })))
}

pub async fn withdraw(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Sent(why): Sent<Why>,
) -> Result<Json<Batch>, ApiError> {
    let work = office.keeper.withdraw(&id, &why.reason, &visitor.who);
    Ok(Json(witnessed(&office, fact(&visitor, Deed::Destruction, &id, &why.reason), work).await?))
}

pub async fn approve(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<Batch>, ApiError> {
    let fact = fact(&visitor, Deed::Destruction, &id, "approve");
    if let Err(error) = person(&visitor) {
        witness(&office, fact.not(Outcome::Refused, "account_needed")).await?;
        return Err(error);
    }
    Ok(Json(witnessed(&office, fact, office.keeper.approve(&id, &visitor.who)).await?))
}

/// Carries it out, or goes on with it; the answer is how it stands after a short while.
pub async fn destroy(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<Batch>, ApiError> {
    let keeper = Arc::clone(&office.keeper);
    let begin = async {
        match keeper.batch(&id).await?.state {
            BatchState::Begun => Ok(()),
            BatchState::Proposed | BatchState::Withdrawn | BatchState::Done => {
                keeper.begin(&id, &visitor.who).await.map(drop)
            }
        }
    };
    witnessed(&office, fact(&visitor, Deed::Destruction, &id, "destroy"), begin).await?;
    carried(Arc::clone(&keeper), id).await
}

async fn carried(keeper: Arc<Keeper>, id: String) -> Result<Json<Batch>, ApiError> {
    let carrying = tokio::spawn({
        let (keeper, id) = (Arc::clone(&keeper), id.clone());
        async move { keeper.carry(&id).await }
    });
    match tokio::time::timeout(AT_MOST, carrying).await {
        Ok(Ok(done)) => Ok(Json(done?)),
        Ok(Err(error)) => Err(ApiError::unavailable("ending", "the server is ending").because(error)),
        Err(_) => Ok(Json(keeper.batch(&id).await?)),
    }
}

pub async fn clock(State(office): State<Office>) -> Result<Json<ClockState>, ApiError> {
    Ok(Json(office.keeper.clock().await?))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Today {
    /// As another clock says: `2029-11-24`.
    today: String,
    reason: String,
}

pub async fn confirm_clock(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Sent(sent): Sent<Today>,
) -> Result<Json<ClockState>, ApiError> {
    let day: Date = sent.today.parse().map_err(|_| ApiError::bad("today must be a day such as 2029-11-24"))?;
    let fact = fact(&visitor, Deed::Destruction, "clock", &sent.reason);
    if let Err(error) = person(&visitor) {
        witness(&office, fact.not(Outcome::Refused, "account_needed")).await?;
        return Err(error);
    }
    let work = office.keeper.confirm_clock(day, &sent.reason, &visitor.who);
    Ok(Json(witnessed(&office, fact, work).await?))
}

pub async fn forecast(State(office): State<Office>) -> Result<Json<Forecast>, ApiError> {
    Ok(Json(office.keeper.forecast().await?))
}
