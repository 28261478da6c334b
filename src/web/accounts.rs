//! `POST /api/login`, `/api/logout`, `GET /api/me`; `/api/accounts` for the administrator.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::asked::{List, Sent};
use super::door::Peer;
use super::error::ApiError;
use super::login::{Visitor, witness, witness_stranger};
use super::on_disk;
use crate::accounts::{AccountError, Accounts, IDLE, LONGEST, New, SignInRefused, View};
use crate::app::Office;
use crate::audit::{Deed, Fact, Outcome};
use crate::call::SeatNo;
use crate::privacy::Private;
use crate::rules::access::Role;

/// For those who sign in at the same time.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    name: String,
    password: Private<String>,
    /// Of the authenticator, where the account has one.
    #[serde(default)]
    code: String,
}

/// A session's id as `token`. 401 where anything is wrong, and nobody is told what; 429 for somebody who
/// guesses, with the seconds to wait.
pub async fn sign_in(
    State(office): State<Office>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Sent(login): Sent<Login>,
) -> Result<Response, ApiError> {
    let from = peer.ip().to_canonical();
    // A name that nobody has may be a password, typed into the wrong field.
    let who = if office.accounts.exists(&login.name) { login.name.clone() } else { String::new() };
    let fact = Fact { from: Some(from.to_string()), ..Fact::new(who.clone(), Deed::SignIn, who) };
    let (accounts, clock, name) = (Arc::clone(&office.accounts), office.clock, login.name);
    let signed = hashing(&office, move || {
        accounts.sign_in(clock.now(), from, &name, login.password.reveal(), login.code.trim())
    });
    let session = match signed.await? {
        Ok(session) => session,
        Err(SignInRefused::Wrong) => {
            witness_stranger(&office, fact.not(Outcome::Refused, "wrong"));
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "sign_in", SignInRefused::Wrong.to_string()));
        }
        Err(refused @ SignInRefused::Barred { until }) => {
            witness_stranger(&office, fact.not(Outcome::Refused, "barred"));
            let wait = until.since(office.clock.now().mono).as_secs().saturating_add(1);
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "barred", refused.to_string());
            return Ok(([(header::RETRY_AFTER, wait.to_string())], error).into_response());
        }
        Err(SignInRefused::Broken) => return Err(ApiError::unavailable("accounts", SignInRefused::Broken.to_string())),
    };
    let signed = office.accounts.signed(office.clock.now().mono, &session);
    let fact = Fact { role: signed.as_ref().map(|signed| signed.role), ..fact };
    if let Err(error) = witness(&office, fact).await {
        office.accounts.sign_out(&session);
        return Err(error);
    }
    let told = json!({
        "token": session, "role": signed.map(|signed| signed.role),
        "idle_s": IDLE.as_secs(), "longest_s": LONGEST.as_secs(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(told)).into_response())
}

pub async fn sign_out(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Json<Value>, ApiError> {
    office.accounts.sign_out(&visitor.bearer);
    witness(&office, visitor.fact(Deed::SignOut, &visitor.who)).await?;
    Ok(Json(json!({ "signed_out": true })))
}

/// Who is signed in, and what that person may do.
pub async fn me(Extension(visitor): Extension<Visitor>) -> Json<Value> {
    Json(json!({
        "name": visitor.who, "role": visitor.role, "rights": visitor.rights,
        "centre": visitor.scope.centre(), "seat": visitor.seat,
    }))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// The present one.
    password: Private<String>,
    /// None: a new authenticator.
    new: Option<Private<String>>,
}

/// A new password or authenticator of the visitor's own, which nobody else knows then. Ends its sessions.
pub async fn change_own(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Sent(Own { password, new }): Sent<Own>,
) -> Result<Json<Value>, ApiError> {
    if visitor.role.is_none() {
        return Err(ApiError::bad("the API token has no password"));
    }
    let (from, name, clock) = (peer.ip().to_canonical(), visitor.who.clone(), office.clock);
    let purpose = if new.is_some() { "own password" } else { "own totp" };
    let fact = Fact { purpose: purpose.to_owned(), ..visitor.fact(Deed::Account, &name) };
    let (accounts, of) = (Arc::clone(&office.accounts), name.clone());
    let confirmed = hashing(&office, move || accounts.confirm(clock.now().mono, from, &of, password.reveal())).await?;
    if let Err(refused) = confirmed {
        witness_stranger(&office, fact.not(Outcome::Refused, "wrong"));
        return Err(ApiError::new(StatusCode::FORBIDDEN, "sign_in", refused.to_string()));
    }
    let of = name.clone();
    let link = carry_out(&office, fact, move |accounts| match new {
        Some(new) => accounts.set_password(&of, new.reveal()).map(|()| None),
        None => accounts.renew_totp(&of).map(Some),
    });
    Ok(Json(json!({ "name": name, "done": purpose, "totp": link.await? })))
}

pub async fn list(State(office): State<Office>) -> Json<List<View>> {
    List::whole(office.accounts.list(office.clock.now().mono))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    name: String,
    role: Role,
    centre: Option<String>,
    seat: Option<SeatNo>,
    password: Private<String>,
}

/// The account, and the link for its authenticator where it needs one: told this once.
pub async fn add(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Sent(wish): Sent<Wish>,
) -> Result<Json<Value>, ApiError> {
    let centre = office.county(wish.centre).await.ok_or_else(|| ApiError::bad("there is no such centre"))?;
    let password = wish.password.into_inner();
    let new = New { name: wish.name.clone(), role: wish.role, centre, seat: wish.seat, password };
    office.accounts.check(&new)?;
    let purpose = format!("add as {}", wish.role);
    let fact = Fact { purpose, ..visitor.fact(Deed::Account, &wish.name) };
    let link = carry_out(&office, fact, move |accounts| accounts.add(new)).await?;
    Ok(Json(json!({ "name": wish.name, "role": wish.role, "totp": link })))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    #[serde(rename = "do")]
    deed: Word,
    password: Option<Private<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Disable,
    Enable,
    Unlock,
    Password,
    Totp,
    SignOut,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Unlock => "unlock",
            Self::Password => "password",
            Self::Totp => "totp",
            Self::SignOut => "sign_out",
        }
    }
}

/// What was done, and the link for a new authenticator. Whatever takes something from an account ends
/// its sessions at once.
pub async fn change(
    State(office): State<Office>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Sent(Change { deed, password }): Sent<Change>,
) -> Result<Json<Value>, ApiError> {
    if !office.accounts.exists(&name) {
        return Err(AccountError::Unknown.into());
    }
    if (deed == Word::Password) != password.is_some() {
        return Err(ApiError::bad("password goes with do=password, and only with it"));
    }
    let fact = Fact { purpose: deed.as_str().to_owned(), ..visitor.fact(Deed::Account, &name) };
    let of = name.clone();
    let link = carry_out(&office, fact, move |accounts| {
        match (deed, password) {
            (Word::Disable, _) => accounts.disable(&of, true)?,
            (Word::Enable, _) => accounts.disable(&of, false)?,
            (Word::Unlock, _) => accounts.unlock(),
            (Word::Password, password) => {
                accounts.set_password(&of, &password.map(Private::into_inner).unwrap_or_default())?;
            }
            (Word::Totp, _) => return accounts.renew_totp(&of).map(Some),
            (Word::SignOut, _) => drop(accounts.sign_out_all(&of)),
        }
        Ok(None)
    })
    .await?;
    Ok(Json(json!({ "name": name, "done": deed, "totp": link })))
}

/// Written down, then done; what did not come about is written down too.
async fn carry_out<T: Send + 'static>(
    office: &Office,
    fact: Fact,
    deed: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
) -> Result<T, ApiError> {
    witness(office, fact.clone()).await?;
    let accounts = Arc::clone(&office.accounts);
    match hashing(office, move || deed(&accounts)).await? {
        Ok(done) => Ok(done),
        Err(error) => {
            witness(office, fact.not(Outcome::Failed, "refused")).await?;
            Err(error.into())
        }
    }
}

/// Whatever hashes a password, one at a time.
async fn hashing<T: Send + 'static>(office: &Office, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let busy = || ApiError::unavailable("busy", "too many sign in at once: try again");
    let permit = tokio::time::timeout(PATIENCE, Arc::clone(&office.hashing).acquire_owned()).await;
    let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
    // It goes on where the client has gone, and so does its permit.
    on_disk(move || {
        let done = work();
        drop(permit);
        done
    })
    .await
}
