//! Who may call as a seat, and where each seat is. (RFC 3261 §10.3 and §22)
//!
//! Requests of seats are challenged with 401, not 407: the hotline answers every call itself, as
//! the user agent that is called, and forwards none as a proxy would (RFC 3261 §22.2, §22.3). One
//! realm and one header then serve REGISTER and INVITE, and a phone keeps one nonce for both.

mod bindings;
pub mod guessing;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::digest::{Algorithm, Credentials, Freshness, Nonces, challenge_headers, keyed};
use super::flow::Flow;
use super::message::{Method, Name, NameAddr, Request, Response, Uri};
use super::sources::source_of;
use crate::hex;
use crate::time::Mono;

pub use bindings::Binding;
pub use guessing::GuessLimits;

use bindings::{Bindings, Refusal};
use guessing::{Barred, Guessing};
use reading::{Asked, Unregistrable};

/// A seat's user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Account({})", self.user)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarLimits {
    /// Seconds; shorter wishes are answered 423.
    pub min_expires: u32,
    /// Seconds; longer wishes are cut to it, and who wishes nothing gets it.
    pub max_expires: u32,
    /// Contacts per user.
    pub contacts: usize,
    /// In the order in which they are offered.
    pub algorithms: Vec<Algorithm>,
    pub nonce_life: Duration,
    /// So many nonces with which a password was proved are remembered.
    pub nonces: usize,
    pub guessing: GuessLimits,
}

impl Default for RegistrarLimits {
    fn default() -> Self {
        Self {
            min_expires: 60,
            // A phone of which we have lost sight is back within ten minutes.
            max_expires: 600,
            contacts: 10,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_life: Duration::from_secs(300),
            nonces: 10_000,
            guessing: GuessLimits::default(),
        }
    }
}

/// Whether a user can be called at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Reachable { user: String },
    Unreachable { user: String },
}

/// What `authenticate` found; every `Response` is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user whose password was proved.
    Ok(String),
    /// 401: no credentials, a stale nonce, or a wrong password.
    Challenge(Response),
    /// 403: too many wrong passwords from there; nothing was looked at.
    Locked(Response),
    /// 400: the credentials were made for another request.
    Bad(Response),
}

/// A wrong password that is worth a word: the first for a user within a while, and one that locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongPassword {
    pub source: IpAddr,
    /// None: nobody has an account of that name.
    pub user: Option<String>,
    pub locks: bool,
}

/// In the place of a user's name, of those who are none.
const NOBODY: &str = "unknown";

pub struct Registrar {
    realm: String,
    key: [u8; 32],
    limits: RegistrarLimits,
    accounts: BTreeMap<String, String>,
    nonces: Nonces,
    guessing: Guessing,
    wrong_passwords: u64,
    news: Vec<WrongPassword>,
    /// The users for whom some source is locked, and until when.
    locks: BTreeMap<String, Mono>,
    bindings: Bindings,
    /// The users last told to be reachable.
    told: BTreeSet<String>,
}

impl Registrar {
    /// `key`: random, new at each start of the process.
    pub fn new(accounts: Vec<Account>, realm: impl Into<String>, key: [u8; 32], limits: RegistrarLimits) -> Self {
        Self {
            realm: realm.into(),
            key,
            accounts: accounts.into_iter().map(|account| (account.user, account.password)).collect(),
            nonces: Nonces::new(key, limits.nonce_life, limits.nonces),
            guessing: Guessing::new(limits.guessing),
            wrong_passwords: 0,
            news: Vec::new(),
            locks: BTreeMap::new(),
            bindings: Bindings::default(),
            told: BTreeSet::new(),
            limits,
        }
    }

    /// Answers a REGISTER: authenticates, then changes all of its contacts or none.
    pub fn register(&mut self, now: Mono, flow: Flow, request: &Request) -> (Response, Vec<Change>) {
        let mut changes = self.handle_timeout(now);
        let response = match self.identify(now, flow, request, &Name::To) {
            Verdict::Ok(user) => self.update(now, flow, request, &user),
            Verdict::Challenge(response) | Verdict::Locked(response) | Verdict::Bad(response) => response,
        };
        let concerned = aor_user(request, &Name::To);
        changes.extend(concerned.and_then(|user| self.change(&user)));
        (response, changes)
    }

    /// Who sent this INVITE (or any request but ACK and CANCEL, which cannot be challenged). What
    /// stands in From is not compared with the user found: that is the caller's to decide.
    pub fn authenticate(&mut self, now: Mono, flow: Flow, request: &Request) -> Verdict {
        self.identify(now, flow, request, &Name::From)
    }

    /// Where a user can be called now, in the order of first registration.
    pub fn bindings(&self, now: Mono, user: &str) -> Vec<Binding> {
        self.bindings.of(user).filter(|binding| binding.expires_at > now && !binding.lost).cloned().collect()
    }

    /// All of a user's unexpired bindings, the lost ones included.
    pub fn bindings_of(&self, now: Mono, user: &str) -> impl Iterator<Item = &Binding> {
        self.bindings.of(user).filter(move |binding| binding.expires_at > now)
    }

    /// Every unexpired binding, the lost ones included: whom to send keep-alive OPTIONS.
    pub fn all_bindings(&self, now: Mono) -> impl Iterator<Item = (&str, &Binding)> {
        let users = self.bindings.users();
        users
            .flat_map(|user| self.bindings.of(user).map(move |binding| (user, binding)))
            .filter(move |(_, binding)| binding.expires_at > now)
    }

    /// A user registered from exactly this flow. Where a phone has several accounts on one port,
    /// `users_at` names them all.
    pub fn user_at(&self, now: Mono, flow: Flow) -> Option<&str> {
        self.users_at(now, flow).next()
    }

    pub fn users_at(&self, now: Mono, flow: Flow) -> impl Iterator<Item = &str> {
        self.bindings.users_at(now, flow)
    }

    pub fn has_account(&self, user: &str) -> bool {
        self.accounts.contains_key(user)
    }

    /// New accounts after a reload; who is no longer among them is forgotten.
    pub fn set_accounts(&mut self, accounts: Vec<Account>) -> Vec<Change> {
        self.accounts = accounts.into_iter().map(|account| (account.user, account.password)).collect();
        let registered: Vec<String> = self.bindings.users().map(str::to_owned).collect();
        let gone: Vec<String> = registered.into_iter().filter(|user| !self.accounts.contains_key(user)).collect();
        for user in &gone {
            self.bindings.drop_user(user);
        }
        self.changes(gone)
    }

    /// New terms after a reload. Who is registered stays so; whoever answers to the old terms is
    /// challenged anew.
    pub fn set_terms(&mut self, realm: String, algorithms: Vec<Algorithm>) {
        self.realm = realm;
        self.limits.algorithms = algorithms;
    }

    /// Takes over bindings of an earlier run, of users that still have an account. No call goes there
    /// until a keep-alive has been answered: nobody knows what has become of the phones meanwhile.
    pub fn restore(&mut self, now: Mono, kept: Vec<(String, Binding)>) {
        let latest = now + Duration::from_secs(self.limits.max_expires.into());
        for (user, binding) in kept.into_iter().filter(|(user, _)| self.accounts.contains_key(user)) {
            let binding = Binding { lost: true, expires_at: binding.expires_at.min(latest), ..binding };
            self.bindings.restore(&user, binding, self.limits.contacts);
        }
    }

    /// Another one after each change of a binding.
    pub const fn revision(&self) -> u64 {
        self.bindings.revision()
    }

    /// A keep-alive had no answer, or the connection is closed. The binding stays until it
    /// expires, because the phone believes in it: `reachable` or its next REGISTER revives it.
    pub fn unreachable(&mut self, flow: Flow) -> Vec<Change> {
        let concerned = self.bindings.mark(flow, true);
        self.changes(concerned)
    }

    /// A keep-alive was answered.
    pub fn reachable(&mut self, flow: Flow) -> Vec<Change> {
        let concerned = self.bindings.mark(flow, false);
        self.changes(concerned)
    }

    /// Drops what has expired.
    pub fn handle_timeout(&mut self, now: Mono) -> Vec<Change> {
        if self.next_timeout().is_none_or(|due| due > now) {
            return Vec::new();
        }
        let concerned = self.bindings.expire(now);
        self.changes(concerned)
    }

    pub fn next_timeout(&self) -> Option<Mono> {
        self.bindings.next_expiry()
    }

    /// Wrong passwords that were looked at since the start.
    pub const fn wrong_passwords(&self) -> u64 {
        self.wrong_passwords
    }

    /// Those worth a word since this was asked last.
    pub fn take_news(&mut self) -> Vec<WrongPassword> {
        std::mem::take(&mut self.news)
    }

    /// For which users some source is locked; false for those of whom none is any more, which comes once.
    pub fn take_locks(&mut self, now: Mono) -> Vec<(String, bool)> {
        let all = self.locks.iter().map(|(user, until)| (user.clone(), *until > now)).collect();
        self.locks.retain(|_, until| *until > now);
        all
    }

    /// When the first lock ends.
    pub fn next_unlock(&self) -> Option<Mono> {
        self.locks.values().min().copied()
    }

    /// How many wrong guesses and proved nonces are remembered.
    pub fn remembered(&self) -> usize {
        self.guessing.remembered() + self.nonces.remembered()
    }

    /// `claim`: the header that says who the sender claims to be while there are no credentials.
    fn identify(&mut self, now: Mono, flow: Flow, request: &Request, claim: &Name) -> Verdict {
        let source = source_of(flow.remote.ip());
        let credentials = Credentials::find(&request.headers, &self.realm, &self.limits.algorithms);
        let user = match &credentials {
            Some(credentials) => credentials.username.clone(),
            None => aor_user(request, claim).unwrap_or_default().into_bytes(),
        };
        let seats_there = || self.bindings.any_from(now, source);
        // A registered phone is not barred for what others guess from behind the same NAT.
        let is_its_phone = self.users_at(now, flow).any(|there| there.as_bytes() == user);
        let barred = if is_its_phone { None } else { self.guessing.barred(now, source, &user, seats_there) };
        if let Some(Barred::Locked(until)) = barred {
            return Verdict::Locked(self.locked(now, request, until));
        }
        let Some(credentials) = credentials else {
            return Verdict::Challenge(self.challenge(now, flow, request, false));
        };
        match self.nonces.check(now, &flow, &credentials.nonce, credentials.count()) {
            Freshness::Fresh => {}
            // Stale is said of an unknown nonce too: it tells nothing about the password, which
            // was not looked at, and spares every phone a refusal after our restart.
            Freshness::Stale | Freshness::Forged => {
                return Verdict::Challenge(self.challenge(now, flow, request, true));
            }
        }
        if !is_for(&credentials.uri, &request.uri) {
            return Verdict::Bad(self.answer(request, request.respond_because(400, "Digest URI Mismatch")));
        }
        if barred.is_some() {
            return Verdict::Challenge(self.challenge(now, flow, request, false));
        }
        match self.proved(&credentials, &request.method) {
            Some(user) => {
                self.nonces.spend(now, &credentials.nonce, credentials.count());
                self.guessing.right(source, &credentials.username);
                Verdict::Ok(user)
            }
            None => {
                self.note_wrong(now, source, &credentials);
                Verdict::Challenge(self.challenge(now, flow, request, false))
            }
        }
    }

    fn note_wrong(&mut self, now: Mono, source: IpAddr, credentials: &Credentials) {
        self.wrong_passwords += 1;
        let noted = self.guessing.wrong(now, source, &credentials.username);
        let user = credentials.user().filter(|user| self.accounts.contains_key(*user)).map(str::to_owned);
        if let Some(until) = noted.locked_until {
            let subject = user.clone().unwrap_or_else(|| NOBODY.to_owned());
            let known = self.locks.entry(subject).or_insert(until);
            *known = until.max(*known);
        }
        if noted.is_news {
            self.news.push(WrongPassword { source, user, locks: noted.locked_until.is_some() });
        }
    }

    /// An unknown user costs the same sums as a wrong password, against a password that nobody has.
    fn proved(&self, credentials: &Credentials, method: &Method) -> Option<String> {
        let nobodys = hex::of(&keyed(&self.key, &[b"nobody", &credentials.username]));
        let account = credentials.user().and_then(|user| self.accounts.get_key_value(user));
        let right = credentials.verify(method, account.map_or(&nobodys, |(_, password)| password));
        account.filter(|_| right).map(|(user, _)| user.clone())
    }

    fn update(&mut self, now: Mono, flow: Flow, request: &Request, user: &str) -> Response {
        if aor_user(request, &Name::To).as_deref() != Some(user) {
            return self.answer(request, request.respond_because(403, "Not Your Address Of Record"));
        }
        let outcome = match Asked::read(request, &self.limits) {
            Ok(Asked::List) => Ok(()),
            Ok(Asked::Clear(order)) => self.bindings.clear(user, &order),
            Ok(Asked::Bind(order, wishes)) => {
                self.bindings.apply(now, user, flow, &order, wishes, self.limits.contacts)
            }
            Err(Unregistrable::Bad(reason)) => return self.answer(request, request.respond_because(400, &reason)),
            Err(Unregistrable::TooBrief) => {
                let mut response = request.respond(423);
                response.headers.push(Name::MinExpires, self.limits.min_expires.to_string());
                return self.answer(request, response);
            }
        };
        match outcome {
            Ok(()) => self.answer(request, self.listing(now, request, user)),
            Err(Refusal::OutOfOrder) => self.answer(request, request.respond_because(500, "CSeq Is Not Higher")),
            Err(Refusal::TooMany) => self.answer(request, request.respond_because(403, "Too Many Contacts")),
        }
    }

    /// 200 with every binding and the seconds left to it. (RFC 3261 §10.3 step 8)
    fn listing(&self, now: Mono, request: &Request, user: &str) -> Response {
        let mut response = request.respond(200);
        for binding in self.bindings.of(user) {
            let mut contact = NameAddr::new(binding.contact.clone());
            contact.params = binding.params.clone();
            contact.params.set("expires", Some(&binding.expires_at.since(now).as_secs().to_string()));
            response.headers.push(Name::Contact, contact.to_bytes());
        }
        response
    }

    fn challenge(&mut self, now: Mono, flow: Flow, request: &Request, stale: bool) -> Response {
        let nonce = self.nonces.issue(now, &flow);
        let mut response = request.respond(401);
        for header in challenge_headers(&self.realm, &nonce, stale, &self.limits.algorithms) {
            response.headers.push(Name::WwwAuthenticate, header);
        }
        self.answer(request, response)
    }

    fn locked(&self, now: Mono, request: &Request, until: Mono) -> Response {
        let mut response = request.respond_because(403, "Too Many Wrong Passwords");
        let seconds = until.since(now).as_millis().div_ceil(1000);
        response.headers.push(Name::RetryAfter, seconds.to_string());
        self.answer(request, response)
    }

    /// Gives the response its To tag: a keyed sum, so that a retransmission gets the same one
    /// without anything being remembered. (RFC 3261 §8.2.6.2, §8.2.7)
    fn answer(&self, request: &Request, mut response: Response) -> Response {
        let untagged = request.headers.to().is_ok_and(|to| to.tag().is_none());
        if untagged && let Some(to) = response.headers.get(&Name::To) {
            let of = |name| request.headers.get(name).unwrap_or_default();
            let sum = keyed(&self.key, &[b"tag", of(&Name::CallId), of(&Name::From), of(&Name::CSeq)]);
            let tag = hex::of(sum.first_chunk::<8>().map_or(&[][..], |chunk| chunk));
            let to = [to, b";tag=", tag.as_bytes()].concat();
            response.headers.set(Name::To, to);
        }
        response
    }

    fn changes(&mut self, users: Vec<String>) -> Vec<Change> {
        users.iter().filter_map(|user| self.change(user)).collect()
    }

    /// What is new about a user since the last time it was told.
    fn change(&mut self, user: &str) -> Option<Change> {
        let reachable = self.bindings.of(user).any(|binding| !binding.lost);
        let user = user.to_owned();
        match (reachable, self.told.contains(&user)) {
            (true, false) => {
                self.told.insert(user.clone());
                Some(Change::Reachable { user })
            }
            (false, true) => {
                self.told.remove(&user);
                Some(Change::Unreachable { user })
            }
            (true, true) | (false, false) => None,
        }
    }
}

fn aor_user(request: &Request, header: &Name) -> Option<String> {
    let address = match header {
        Name::To => request.headers.to(),
        _ => request.headers.from(),
    };
    address.ok()?.uri.unescaped_user()
}

/// Whether a digest URI means the request's: the same user at the same host. Phones re-spell the
/// rest (port 5060, `;transport=`, case, escapes), and the nonce count already stops a replay.
fn is_for(signed: &[u8], request_uri: &str) -> bool {
    if signed == request_uri.as_bytes() {
        return true;
    }
    let Some(signed) = std::str::from_utf8(signed).ok().and_then(|text| Uri::parse(text).ok()) else { return false };
    let Ok(asked) = Uri::parse(request_uri) else { return false };
    let address = |uri: &Uri| uri.host.parse::<IpAddr>().ok();
    let same_host = signed.host.eq_ignore_ascii_case(&asked.host)
        || address(&signed).is_some_and(|signed| address(&asked) == Some(signed));
    signed.unescaped_user() == asked.unescaped_user() && same_host
}
