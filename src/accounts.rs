//! Accounts: who may sign in, as what, and who is signed in (R99, R100, R106).
//!
//! They lie in `<data>/accounts.toml`, readable by its owner only. An account is never removed, only
//! disabled: its name stays what the audit log means by it.

mod guests;
mod password;
mod session;
pub mod totp;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::call::SeatNo;
use crate::hex;
use crate::rules::access::{Role, Scope};
use crate::time::{Mono, Now};
use crate::whole;

use guests::Guests;
use password::Hash;
use session::Sessions;

pub use session::{IDLE, LONGEST};

/// In the data folder.
const FILE: &str = "accounts.toml";
/// Shortest and longest password, characters.
const PASSWORD: std::ops::RangeInclusive<usize> = 10..=200;
/// Longest name, characters.
const NAME: usize = 32;
/// Addresses from which an account signed in that are remembered.
const KNOWN: usize = 8;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    name: String,
    role: Role,
    /// Id of a county's centre; none: the city's.
    centre: Option<String>,
    /// Of a role that sits at one.
    seat: Option<SeatNo>,
    #[serde(default)]
    disabled: bool,
    /// Secret of its one-time codes, hex.
    totp: Option<String>,
    /// The period of the last code that was used; none works twice.
    #[serde(default)]
    totp_used: i64,
    /// Addresses from which it signed in, the last one last.
    #[serde(default)]
    known: Vec<IpAddr>,
    password: Hash,
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    #[serde(default)]
    account: Vec<Account>,
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct New {
    pub name: String,
    pub role: Role,
    pub centre: Option<String>,
    pub seat: Option<SeatNo>,
    pub password: String,
}

/// An account as it is shown: nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct View {
    pub name: String,
    pub role: Role,
    pub centre: Option<String>,
    pub seat: Option<SeatNo>,
    pub disabled: bool,
    /// Whether it has a second factor.
    pub totp: bool,
    pub sessions: usize,
}

/// Whoever a session belongs to, as the account is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub name: String,
    pub role: Role,
    pub scope: Scope,
    pub seat: Option<SeatNo>,
}

#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("there is no such account")]
    Unknown,
    #[error("there is an account of this name")]
    Exists,
    #[error("a name has at most {NAME} small letters, digits, dots and hyphens, a letter first")]
    Name,
    #[error("a password has {} to {} characters", PASSWORD.start(), PASSWORD.end())]
    Password,
    #[error("an auditor or administrator is the city's, and of no centre")]
    Centre,
    #[error("a seat or callback clerk needs the number of its seat, and nobody else has one")]
    Seat,
    #[error("the accounts cannot be kept: {0}")]
    File(#[from] io::Error),
    #[error("the system has no random numbers or no memory")]
    System,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefused {
    /// Name, password or code; nobody is told which.
    #[error("name, password or one-time code is wrong")]
    Wrong,
    #[error("too many wrong passwords: wait")]
    Barred { until: Mono },
    #[error("the accounts cannot be read or kept")]
    Broken,
}

#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    book: Book,
    sessions: Sessions,
    guests: Guests,
}

impl Accounts {
    /// Err names the file.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FILE);
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let book = match fs::read_to_string(&path) {
            // Never the line: it may hold a hash.
            Ok(text) => toml::from_str(&text).map_err(|error: toml::de::Error| {
                failed(io::Error::new(io::ErrorKind::InvalidData, error.message().to_owned()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(failed(error)),
        };
        let state = State { book, sessions: Sessions::default(), guests: Guests::new() };
        Ok(Self { path, state: Mutex::new(state) })
    }

    /// Whether none was ever made.
    pub fn is_empty(&self) -> bool {
        self.state().book.account.is_empty()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.state().book.account.iter().any(|account| account.name == name)
    }

    /// In the order of their making.
    pub fn list(&self, now: Mono) -> Vec<View> {
        let state = self.state();
        let view = |account: &Account| View {
            name: account.name.clone(),
            role: account.role,
            centre: account.centre.clone(),
            seat: account.seat.clone(),
            disabled: account.disabled,
            totp: account.totp.is_some(),
            sessions: state.sessions.count(now, &account.name),
        };
        state.book.account.iter().map(view).collect()
    }

    /// What is wrong with an account that is to be made.
    pub fn check(&self, new: &New) -> Result<(), AccountError> {
        let letter = |at: usize, byte: u8| match byte {
            b'a'..=b'z' => true,
            b'0'..=b'9' | b'.' | b'-' => at > 0,
            _ => false,
        };
        let plain = new.name.bytes().enumerate().all(|(at, byte)| letter(at, byte));
        if new.name.is_empty() || new.name.len() > NAME || !plain {
            return Err(AccountError::Name);
        }
        if new.role.is_of_the_city() && new.centre.is_some() {
            return Err(AccountError::Centre);
        }
        if new.role.has_own_seat() != new.seat.is_some() {
            return Err(AccountError::Seat);
        }
        check_password(&new.password)?;
        if self.exists(&new.name) { Err(AccountError::Exists) } else { Ok(()) }
    }

    /// The link for its authenticator where its role needs a second factor: it is told this once.
    /// Takes as long as a hash does.
    pub fn add(&self, new: New) -> Result<Option<String>, AccountError> {
        self.check(&new)?;
        let password = Hash::of(&new.password).ok_or(AccountError::System)?;
        let secret = if new.role.needs_second_factor() { Some(secret()?) } else { None };
        let link = secret.map(|secret| totp::link(&new.name, &secret));
        let account = Account {
            name: new.name,
            role: new.role,
            centre: new.centre,
            seat: new.seat,
            disabled: false,
            totp: secret.map(|secret| hex::of(&secret)),
            totp_used: 0,
            known: Vec::new(),
            password,
        };
        let mut state = self.state();
        if state.book.account.iter().any(|other| other.name == account.name) {
            return Err(AccountError::Exists);
        }
        let mut book = state.book.clone();
        book.account.push(account);
        self.keep(&mut state, book)?;
        Ok(link)
    }

    /// A disabled account is signed out at once and cannot sign in.
    pub fn disable(&self, name: &str, disabled: bool) -> Result<(), AccountError> {
        self.change(name, |account| account.disabled = disabled)?;
        if disabled {
            self.state().sessions.end_all(name);
        }
        Ok(())
    }

    /// Ends its sessions. Takes as long as a hash does.
    pub fn set_password(&self, name: &str, password: &str) -> Result<(), AccountError> {
        check_password(password)?;
        let hash = Hash::of(password).ok_or(AccountError::System)?;
        self.change(name, |account| account.password = hash)?;
        self.state().sessions.end_all(name);
        Ok(())
    }

    /// Gives it a new second factor and ends its sessions. The link for its authenticator.
    pub fn renew_totp(&self, name: &str) -> Result<String, AccountError> {
        let secret = secret()?;
        self.change(name, |account| {
            account.totp = Some(hex::of(&secret));
            account.totp_used = 0;
        })?;
        self.state().sessions.end_all(name);
        Ok(totp::link(name, &secret))
    }

    /// Forgets all wrong passwords, those of strangers too.
    pub fn unlock(&self) {
        self.state().guests.forget();
    }

    /// How many sessions of it were ended.
    pub fn sign_out_all(&self, name: &str) -> usize {
        self.state().sessions.end_all(name)
    }

    pub fn sign_out(&self, session: &str) {
        self.state().sessions.end(session);
    }

    /// Who has this session, while it lives and the account is not disabled.
    pub fn signed(&self, now: Mono, session: &str) -> Option<Signed> {
        let mut state = self.state();
        let name = state.sessions.account(now, session)?;
        let account = state.book.account.iter().find(|account| account.name == name && !account.disabled)?;
        Some(Signed {
            name,
            role: account.role,
            scope: account.centre.clone().map_or(Scope::City, Scope::Centre),
            seat: account.seat.clone(),
        })
    }

    /// The id of a new session. Takes as long as a hash does; call it from one place at a time, or
    /// many guesses at once count as none.
    pub fn sign_in(
        &self,
        now: Now,
        from: IpAddr,
        name: &str,
        password: &str,
        code: &str,
    ) -> Result<String, SignInRefused> {
        let (account, fits) = self.compare(now.mono, from, name, password)?;
        let period = account.as_ref().and_then(|account| second_factor(account, code, now));
        let mut state = self.state();
        let (Some(account), Some(period), true) = (account.filter(|account| !account.disabled), period, fits) else {
            state.guests.wrong(now.mono, from, known_length(name));
            return Err(SignInRefused::Wrong);
        };
        let mut book = state.book.clone();
        let Some(kept) = book.account.iter_mut().find(|kept| kept.name == account.name) else {
            return Err(SignInRefused::Broken);
        };
        let was = (kept.totp_used, kept.known.clone());
        kept.totp_used = kept.totp_used.max(period);
        kept.known.retain(|address| *address != from);
        kept.known.push(from);
        let surplus = kept.known.len().saturating_sub(KNOWN);
        kept.known.drain(..surplus);
        // A code that could be used again after a crash is no second factor.
        if was != (kept.totp_used, kept.known.clone()) {
            self.keep(&mut state, book).map_err(|_| SignInRefused::Broken)?;
        }
        state.guests.right(from, name);
        state.sessions.begin(now.mono, name).ok_or(SignInRefused::Broken)
    }

    /// Whether this is its password, for somebody who is signed in and wants to change it.
    pub fn confirm(&self, now: Mono, from: IpAddr, name: &str, password: &str) -> Result<(), SignInRefused> {
        let (account, fits) = self.compare(now, from, name, password)?;
        if account.is_some() && fits {
            return Ok(());
        }
        self.state().guests.wrong(now, from, known_length(name));
        Err(SignInRefused::Wrong)
    }

    /// The account of this name, and whether the password is its own; looked at in the same time where
    /// there is none.
    fn compare(
        &self,
        now: Mono,
        from: IpAddr,
        name: &str,
        password: &str,
    ) -> Result<(Option<Account>, bool), SignInRefused> {
        let name = known_length(name);
        let account = {
            let state = self.state();
            let account = state.book.account.iter().find(|account| account.name == name).cloned();
            let known = account.as_ref().is_some_and(|account| account.known.contains(&from));
            if let Some(until) = state.guests.barred(now, from, name, known) {
                return Err(SignInRefused::Barred { until });
            }
            account
        };
        let hash = account.as_ref().map_or_else(Hash::of_nobody, |account| account.password.clone());
        let fits = hash.fits(password);
        Ok((account, fits))
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Account)) -> Result<(), AccountError> {
        let mut state = self.state();
        let mut book = state.book.clone();
        change(book.account.iter_mut().find(|account| account.name == name).ok_or(AccountError::Unknown)?);
        self.keep(&mut state, book)
    }

    /// On disk first: what could not be kept did not happen.
    fn keep(&self, state: &mut State, book: Book) -> Result<(), AccountError> {
        write(&self.path, &book)?;
        state.book = book;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What nobody can have is not remembered either: a name is a key of the guesses.
fn known_length(name: &str) -> &str {
    if name.len() > NAME { "" } else { name }
}

fn check_password(password: &str) -> Result<(), AccountError> {
    if PASSWORD.contains(&password.chars().count()) { Ok(()) } else { Err(AccountError::Password) }
}

fn secret() -> Result<[u8; totp::SECRET], AccountError> {
    let mut secret = [0; totp::SECRET];
    getrandom::fill(&mut secret).map_err(|_| AccountError::System)?;
    Ok(secret)
}

/// The period of the code; 0 for an account that needs none. None: it is wrong.
fn second_factor(account: &Account, code: &str, now: Now) -> Option<i64> {
    match &account.totp {
        Some(secret) => totp::period_of(&hex::read(secret)?, code, now.wall, account.totp_used),
        None if account.role.needs_second_factor() => None,
        None => Some(0),
    }
}

fn write(path: &Path, book: &Book) -> io::Result<()> {
    whole::write(path, &toml::to_string(book).map_err(io::Error::other)?)
}
