//! `GET /api/recordings`: the sealed ones, by whatever is known of them (R72). `GET /api/recordings/{call}`: the side-car of one, and
//! `/accesses` below it: who has fetched it.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::asked::{Asked, List, call, page, stretch};
use super::error::ApiError;
use super::login::Visitor;
use super::on_disk;
use crate::app::Office;
use crate::archive::Verdict;
use crate::archive::destroy;
use crate::archive::sidecar::SideCar;
use crate::call::{CallId, SeatNo};
use crate::privacy::Private;
use crate::rules::access::Scope;
use crate::rules::dialling::e164;
use crate::store::Store;
use crate::store::entry::Access;
use crate::store::find::{self, Digits, FindQuery, Found, Length};
use crate::store::query::{PageAsk, Recording, RecordingQuery};
use crate::store::wording::Wanted;

/// All that are given must hold.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Of the start: a day, or a month, day or local time each; see `asked::moment`.
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
    call: Option<String>,
    /// Whole, or how it begins.
    ticket: Option<String>,
    /// Of the citizen: whole, or its last digits.
    number: Option<Private<String>>,
    code: Option<String>,
    centre: Option<String>,
    seat: Option<String>,
    unit: Option<String>,
    leader: Option<String>,
    party: Option<Private<String>>,
    verdict: Option<Verdict>,
    min_s: Option<u64>,
    max_s: Option<u64>,
    /// Words of the ticket.
    text: Option<Private<String>>,
    /// Only those that are not as they were sealed.
    #[serde(default)]
    quarantined: bool,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A recording in a list: the citizen's number masked (R101).
#[derive(serde::Serialize)]
pub struct Row {
    #[serde(flatten)]
    recording: Recording,
    ticket: Option<String>,
    caller: Option<String>,
    code: Option<String>,
    centre: Option<String>,
    seat: Option<SeatNo>,
}

impl From<Found> for Row {
    fn from(found: Found) -> Self {
        let Found { recording, ticket, caller, code, centre, seat } = found;
        Self { recording, ticket, caller: caller.map(|number| number.to_string()), code, centre, seat }
    }
}

/// Newest first.
pub async fn list(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Asked(ask): Asked<Ask>,
) -> Result<Json<List<Row>>, ApiError> {
    let own = visitor.scope.centre().map(str::to_owned);
    if own.is_some() && ask.centre.is_some() && ask.centre != own {
        return Ok(List::whole(Vec::new()));
    }
    let mut query = wanted(&office, ask).await?;
    query.centre = own.or(query.centre);
    Ok(List::page(office.store.find(&query).await?, Row::from))
}

async fn wanted(office: &Office, ask: Ask) -> Result<FindQuery, ApiError> {
    let area = office.area().await;
    let number = |typed: Private<String>| {
        let number = Digits::of(typed.reveal(), |whole| e164(whole, &area));
        number.ok_or_else(|| ApiError::bad("number must be a telephone number or its last digits, 4 at least"))
    };
    let text = |typed: Private<String>| {
        Wanted::parse(typed.reveal()).ok_or_else(|| ApiError::bad("text must have a word in it"))
    };
    if ask.ticket.as_deref().is_some_and(|begin| !find::names_a_day(begin)) {
        return Err(ApiError::bad("ticket must be a number, or how it begins up to the day at least: JDZ-20261124"));
    }
    let ms = |seconds: Option<u64>| seconds.map(|seconds| seconds.saturating_mul(1000));
    Ok(FindQuery {
        span: stretch(ask.day.as_deref(), ask.from.as_deref(), ask.to.as_deref())?,
        call: ask.call.as_deref().map(call).transpose()?,
        ticket: ask.ticket,
        number: ask.number.map(number).transpose()?,
        code: ask.code,
        centre: ask.centre,
        seat: ask.seat.map(SeatNo),
        unit: ask.unit,
        leader: ask.leader,
        party: ask.party.map(Private::into_inner),
        verdict: ask.verdict,
        length: Length { least: ms(ask.min_s), most: ms(ask.max_s) },
        text: ask.text.map(text).transpose()?,
        quarantined: ask.quarantined,
        page: page(ask.limit, ask.cursor.as_deref())?,
    })
}

pub async fn one(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Json<SideCar>, ApiError> {
    let sealed = found(&office, &visitor.scope, call(&id)?).await?.sealed;
    let shelf = Arc::clone(&office.shelf);
    let folder = sealed.path.parent().unwrap_or(FilePath::new("")).to_path_buf();
    Ok(Json(on_disk(move || shelf.side_car(&folder)).await??))
}

/// Who has fetched the recording of a call or tried to, when, and for what. (R99)
pub async fn accesses(State(office): State<Office>, Path(id): Path<String>) -> Result<Json<List<Access>>, ApiError> {
    Ok(List::whole(office.store.accesses(call(&id)?).await?))
}

/// The sealed recording of a call, from the shelf itself where the database does not know (yet). Whose
/// it is only the database knows: a county's centre waits for it (R13).
pub async fn found(office: &Office, scope: &Scope, call: CallId) -> Result<Recording, ApiError> {
    let query = RecordingQuery {
        call: Some(call),
        centre: scope.centre().map(str::to_owned),
        page: PageAsk { rows: 1, after: None },
        ..RecordingQuery::default()
    };
    let known = office.store.recordings(&query).await.ok().and_then(|page| page.rows.into_iter().next());
    let found = match (known, scope) {
        (Some(recording), _) => Some(recording),
        (None, Scope::Centre(_)) => None,
        (None, Scope::City) => {
            let shelf = Arc::clone(&office.shelf);
            let sealed = on_disk(move || shelf.find(call, None)).await?;
            sealed.map(|sealed| Recording { sealed, checked: None, condition: None })
        }
    };
    let found = found.ok_or_else(|| ApiError::missing("there is no sealed recording of this call"))?;
    let (root, folder) = (office.recordings.clone(), found.sealed.path.parent().map(|path| path.display().to_string()));
    let tombstone = on_disk(move || folder.and_then(|folder| destroy::read(&root, &folder).ok())).await?;
    match tombstone {
        None => Ok(found),
        Some(tombstone) => {
            let (on, batch) = (tombstone.destroyed.get(..10).unwrap_or_default(), &tombstone.batch);
            let text = format!("the recording was destroyed lawfully on {on}, batch {batch}");
            Err(ApiError::new(StatusCode::GONE, "destroyed", text))
        }
    }
}
