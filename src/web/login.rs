//! The bearer token in front of the API, and who the visitor says to be.

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::door::Peer;
use super::error::ApiError;
use crate::app::Office;

/// Longest name in `X-User`, characters.
const NAME: usize = 64;

/// Whoever holds the token.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// `api`, or `api:<name>` where the client tells whom it acts for (`X-User`).
    pub who: String,
    /// Address of the client.
    pub from: String,
}

pub async fn check(
    State(office): State<Office>,
    ConnectInfo(Peer(from)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let from = from.ip().to_canonical().to_string();
    if !bears(request.headers(), &office.token) {
        // R99: accesses that failed are told too. A path holds no number of a person.
        tracing::warn!(from, method = %request.method(), path = request.uri().path(), "API: no valid token");
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "token", "the API token is missing or wrong");
        return ([(header::WWW_AUTHENTICATE, "Bearer")], error).into_response();
    }
    let who = match text(request.headers(), "x-user") {
        Some(name) => format!("api:{}", name.chars().take(NAME).collect::<String>()),
        None => "api".to_string(),
    };
    request.extensions_mut().insert(Visitor { who, from });
    next.run(request).await
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let (scheme, shown) = shown.split_at_checked("Bearer ".len()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty() && same(shown.trim_ascii(), token.as_bytes())
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
