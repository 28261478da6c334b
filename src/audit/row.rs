//! One row, and its line on disk.

use sha2::{Digest, Sha256};

use crate::hex;
use crate::rules::access::Role;
use crate::time::Wall;
use crate::words::words;

words! {
    pub enum Deed {
        SignIn = "sign_in",
        SignOut = "sign_out",
        /// An account was made or changed.
        Account = "account",
        /// A ticket was read in full.
        ReadTicket = "read_ticket",
        ChangeTicket = "change_ticket",
        /// A recording was given out as it was sealed.
        Play = "play",
        /// Voices of a recording were rendered.
        Export = "export",
        /// A shift leader on a live call.
        Supervise = "supervise",
        Reload = "reload",
        /// How long something is kept: a class, a hold, an archived ticket.
        Retention = "retention",
        /// A batch of recordings, or the clock that it goes by.
        Destruction = "destruction",
        ReadAudit = "read_audit",
        /// Any other request of the API.
        Request = "request",
        /// By the log itself: the line that a crash tore was cut off.
        Repaired = "repaired",
        /// By the log itself: rows that the disk did not take.
        Lost = "lost",
    }
}

words! {
    pub enum Outcome {
        Allowed = "allowed",
        Refused = "refused",
        /// Allowed, and it did not come about.
        Failed = "failed",
    }
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fact {
    /// Name of the account; `api` or `api:<name>` for the machine's token; empty: nobody known.
    pub who: String,
    /// None: the machine's token, or nobody known.
    pub role: Option<Role>,
    pub what: Deed,
    /// A call, a ticket, an account, a page.
    pub on: String,
    pub purpose: String,
    /// Address of the client.
    pub from: Option<String>,
    pub outcome: Outcome,
    /// Why it was refused or failed, as a code.
    pub reason: Option<String>,
}

impl Fact {
    /// Something that was allowed, with nothing more to say.
    pub const fn new(who: String, what: Deed, on: String) -> Self {
        let purpose = String::new();
        Self { who, role: None, what, on, purpose, from: None, outcome: Outcome::Allowed, reason: None }
    }

    #[must_use]
    pub fn not(self, outcome: Outcome, reason: &str) -> Self {
        Self { outcome, reason: Some(reason.to_owned()), ..self }
    }

    /// Of the log itself.
    pub(super) fn own(what: Deed, reason: String) -> Self {
        Self { reason: Some(reason), ..Self::new(String::new(), what, "audit".to_owned()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// 1, 2, 3 … over all months.
    pub seq: u64,
    pub at: Wall,
    #[serde(flatten)]
    pub fact: Fact,
    /// SHA-256 of the line before, hex.
    pub previous: String,
}

/// Stands in `previous` of the very first row.
pub fn origin() -> String {
    "0".repeat(64)
}

/// What joins a row to the one before; all that a chain needs of a row that a newer program wrote.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Link {
    pub seq: u64,
    pub previous: String,
}

const SUM: &str = ",\"sum\":\"";

impl Row {
    pub(super) fn of(fact: Fact, seq: u64, at: Wall, previous: String) -> Self {
        Self { seq, at, fact, previous }
    }

    /// Without its end. None: it cannot be written as JSON, which does not happen.
    pub(super) fn line(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok()?;
        let body = json.strip_suffix('}')?;
        Some(format!("{body}{SUM}{}\"}}", sum(body)))
    }

    /// None: no row, or one of a newer program.
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

impl Link {
    /// None: the line is not as it was written.
    pub fn read(line: &str) -> Option<Self> {
        let (body, end) = line.rsplit_once(SUM)?;
        let told = end.strip_suffix("\"}")?;
        if sum(body) != told {
            return None;
        }
        serde_json::from_str(line).ok()
    }
}

/// SHA-256, hex.
pub fn sum(text: &str) -> String {
    hex::of(&Sha256::digest(text))
}
