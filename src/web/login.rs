//! Who visits: a session of an account, or this machine's commands with their token; and whether the
//! page is theirs. (R99, R100)
//!
//! The token lies in `<data>/secrets.toml`, for whoever runs the machine. As long as no account was ever
//! made it opens everything, so that a first start needs nothing more; from the first account on it has
//! the rights of an administrator, who hears nothing (R100).

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::door::Peer;
use super::error::ApiError;
use super::routes::Need;
use crate::app::Office;
use crate::audit::{AuditError, Deed, Fact, Outcome};
use crate::call::SeatNo;
use crate::rules::access::{Right, Role, Scope};

/// Longest name in `X-User`, characters.
const NAME: usize = 64;
/// Longest path that is written down, characters.
const PATH: usize = 200;

/// Whoever may come in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The account; or `api`, or `api:<name>` where a client with the token tells whom it acts for (`X-User`).
    pub who: String,
    /// Address of the client.
    pub from: String,
    /// None: the token.
    pub role: Option<Role>,
    pub rights: &'static [Right],
    pub scope: Scope,
    /// The seat that is its own.
    pub seat: Option<SeatNo>,
    /// The id of its session, or the token.
    pub bearer: String,
}

impl Visitor {
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// What it does, to be written down as allowed.
    pub fn fact(&self, what: Deed, on: &str) -> Fact {
        Fact { role: self.role, from: Some(self.from.clone()), ..Fact::new(self.who.clone(), what, on.to_owned()) }
    }

    /// 403, for somebody without this right.
    pub fn lacks(&self, right: Right) -> ApiError {
        let who = self.role.map_or("the API token", Role::as_str);
        let text = format!("{who} has not the right {right}");
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", text)
    }
}

/// On disk before whatever it allows: 503 where that cannot be.
pub async fn witness(office: &Office, fact: Fact) -> Result<(), ApiError> {
    let written = office.audit.record(fact).await;
    told(office, written.as_ref().err());
    written.map(drop).map_err(ApiError::from)
}

/// A refusal stands whether it can be written down or not.
pub async fn witness_refusal(office: &Office, fact: Fact) {
    let _ = witness(office, fact).await;
}

fn told(office: &Office, error: Option<&AuditError>) {
    office.alarms.now("audit", "", error.is_some(), error.map(ToString::to_string));
}

/// Somebody unknown, or with a wrong password: written down as far as there is no flood of it.
pub fn witness_stranger(office: &Office, fact: Fact) {
    let Some(left_out) = office.strangers.next(office.clock.now().mono) else { return };
    let reason = fact.reason.clone().unwrap_or_default();
    let reason = if left_out == 0 { reason } else { format!("{reason}, and {left_out} more before it") };
    office.audit.append(Fact { reason: Some(reason), ..fact }, |_| {});
}

/// Lets a visitor in.
pub async fn enter(
    State(office): State<Office>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let from = peer.ip().to_canonical();
    let Some(visitor) = visitor(&office, request.headers(), from) else {
        // R99: accesses that failed are told too. A path holds no number of a person.
        tracing::warn!(%from, method = %request.method(), path = request.uri().path(), "API: no valid token");
        let fact = Fact { from: Some(from.to_string()), ..Fact::new(String::new(), Deed::Request, page(&request)) };
        witness_stranger(&office, fact.not(Outcome::Refused, "token"));
        let error =
            ApiError::new(StatusCode::UNAUTHORIZED, "token", "the token is missing or wrong, or the session over");
        return ([(header::WWW_AUTHENTICATE, "Bearer")], error).into_response();
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// Before each page: whether it is this visitor's. The one place that refuses for want of a right.
pub async fn guard(State((office, need)): State<(Office, Need)>, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>() else { return next.run(request).await };
    let (reason, error) = match need {
        Need::Nothing | Need::Session => return next.run(request).await,
        Need::Right(right) | Need::City(right) if !visitor.may(right) => (right.as_str(), visitor.lacks(right)),
        Need::City(_) if visitor.scope != Scope::City => {
            let text = "this is the city's centre's to see";
            ("centre", ApiError::new(StatusCode::FORBIDDEN, "centre", text))
        }
        Need::Right(_) | Need::City(_) => return next.run(request).await,
    };
    let fact = visitor.fact(Deed::Request, &page(&request)).not(Outcome::Refused, reason);
    witness_refusal(&office, fact).await;
    error.into_response()
}

fn page(request: &Request) -> String {
    let page = format!("{} /api{}", request.method(), request.uri().path());
    page.chars().take(PATH).collect()
}

fn visitor(office: &Office, headers: &HeaderMap, from: IpAddr) -> Option<Visitor> {
    let bearer = bearer(headers)?;
    let from = from.to_string();
    if !office.token.is_empty() && same(bearer.as_bytes(), office.token.as_bytes()) {
        let who = match text(headers, "x-user") {
            Some(name) => format!("api:{}", name.chars().take(NAME).collect::<String>()),
            None => "api".to_string(),
        };
        let rights = if office.accounts.is_empty() { Right::ALL } else { Role::Admin.rights() };
        return Some(Visitor { who, from, role: None, rights, scope: Scope::City, seat: None, bearer });
    }
    let signed = office.accounts.signed(office.clock.now().mono, &bearer)?;
    Some(Visitor {
        who: signed.name,
        from,
        role: Some(signed.role),
        rights: signed.role.rights(),
        scope: signed.scope,
        seat: signed.seat,
        bearer,
    })
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let shown = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, shown) = shown.split_at_checked("Bearer ".len())?;
    let shown = scheme.eq_ignore_ascii_case(b"Bearer ").then(|| shown.trim_ascii())?;
    String::from_utf8(shown.to_vec()).ok()
}

/// In a time that tells nothing: the digests are compared, and all of them.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differs = Sha256::digest(left).iter().zip(Sha256::digest(right)).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differs) == 0
}

/// A header as text, UTF-8 or not; None where it is missing or blank.
pub fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes()).trim().to_string();
    (!value.is_empty()).then_some(value)
}
