//! `hotline archive hold|class|ticket|due|batches|approve|withdraw|destroy|clock|forecast`: how long recordings
//! are kept, and what becomes of them then. All of it is asked of the running server.

use serde_json::{Value, json};

use super::client::{Client, ClientError, segment};
use super::table::{card, cell, list, time};

/// Keeps recordings for a case whatever their age, until it is lifted.
#[derive(Clone, Debug, clap::Args)]
pub struct Hold {
    #[arg(value_enum)]
    pub word: HoldWord,
    /// Number or name of the case
    #[arg(id = "case", value_name = "CASE", required_if_eq_any([("word", "add"), ("word", "lift")]))]
    pub case: Option<String>,
    #[arg(long, required_if_eq_any([("word", "add"), ("word", "lift")]))]
    pub reason: Option<String>,
    /// Hold the recording of this call
    #[arg(long, conflicts_with_all = ["ticket", "number"])]
    pub call: Option<String>,
    /// Hold every recording of this ticket
    #[arg(long, conflicts_with = "number")]
    pub ticket: Option<String>,
    /// Hold every call of this citizen, later ones too
    #[arg(long)]
    pub number: Option<String>,
    /// list: lifted ones too
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HoldWord {
    Add,
    List,
    /// End all holds of the case
    Lift,
}

/// Shows how long a recording is kept, or puts it into a class of retention.toml; `none` takes it out again.
#[derive(Clone, Debug, clap::Args)]
pub struct Class {
    pub call: String,
    #[arg(id = "class", value_name = "CLASS", requires = "reason")]
    pub class: Option<String>,
    #[arg(long)]
    pub reason: Option<String>,
}

/// Marks a ticket as archived: from now on the years of its recordings run.
#[derive(Clone, Debug, clap::Args)]
pub struct Ticket {
    pub number: String,
}

/// Lists what may be erased now, or proposes all of it as a batch.
#[derive(Clone, Debug, clap::Args)]
pub struct Due {
    #[arg(value_enum)]
    pub word: Option<DueWord>,
    /// What may be erased by the end of this month, such as 2029-11
    #[arg(long, value_name = "MONTH", conflicts_with = "word")]
    pub month: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DueWord {
    /// Freeze the list as a batch, for two others to approve
    Propose,
}

/// Lists the batches, or shows one with its list.
#[derive(Clone, Debug, clap::Args)]
pub struct Batches {
    pub batch: Option<String>,
}

/// Approves a batch: two people who have not proposed it must, each signed in with an account.
#[derive(Clone, Debug, clap::Args)]
pub struct Approve {
    pub batch: String,
}

/// Takes a batch back that is not carried out yet.
#[derive(Clone, Debug, clap::Args)]
pub struct Withdraw {
    pub batch: String,
    #[arg(long)]
    pub reason: String,
}

/// Destroys the recordings of an approved batch, but for those that are held or kept for longer by now.
#[derive(Clone, Debug, clap::Args)]
pub struct Destroy {
    pub batch: String,
}

/// Shows the archive's clock, or confirms the machine's after a long downtime or a jump.
#[derive(Clone, Debug, clap::Args)]
pub struct Clock {
    /// Today, as a clock says that is not this machine's
    #[arg(long, value_name = "DAY", requires = "reason")]
    pub today: Option<String>,
    #[arg(long)]
    pub reason: Option<String>,
}

impl Hold {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        let case = self.case.clone().unwrap_or_default();
        match self.word {
            HoldWord::List => {
                client.get("/api/archive/holds", &[("all", Some(if self.all { "true" } else { "false" }))])
            }
            HoldWord::Lift => {
                client.post(&format!("/api/archive/holds/{}/lift", segment(&case)), &json!({ "reason": self.reason }))
            }
            HoldWord::Add => {
                let mut wish = json!({ "case": case, "reason": self.reason });
                for (name, value) in [("call", &self.call), ("ticket", &self.ticket), ("number", &self.number)] {
                    if let (Some(wish), Some(value)) = (wish.as_object_mut(), value) {
                        wish.insert(name.to_owned(), json!(value));
                    }
                }
                client.post("/api/archive/holds", &wish)
            }
        }
    }
}

impl Class {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        match &self.class {
            None => client.get(&format!("/api/archive/recordings/{}", segment(&self.call)), &[]),
            Some(class) => {
                let class = (class != "none").then_some(class);
                client
                    .post("/api/archive/classes", &json!({ "call": self.call, "class": class, "reason": self.reason }))
            }
        }
    }
}

impl Ticket {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        client.post(&format!("/api/archive/tickets/{}", segment(&self.number)), &json!({}))
    }
}

impl Due {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        match self.word {
            Some(DueWord::Propose) => client.post("/api/archive/batches", &json!({})),
            None => client.get("/api/archive/due", &[("month", self.month.as_deref())]),
        }
    }
}

impl Batches {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        match &self.batch {
            None => client.get("/api/archive/batches", &[]),
            Some(batch) => client.get(&format!("/api/archive/batches/{}", segment(batch)), &[]),
        }
    }
}

/// `approve`, `withdraw` or `destroy`.
pub fn of_batch(client: &Client, batch: &str, deed: &str, body: &Value) -> Result<Value, ClientError> {
    client.post(&format!("/api/archive/batches/{}/{deed}", segment(batch)), body)
}

impl Clock {
    pub fn answer(&self, client: &Client) -> Result<Value, ClientError> {
        match &self.today {
            None => client.get("/api/archive/clock", &[]),
            Some(today) => client.post("/api/archive/clock", &json!({ "today": today, "reason": self.reason })),
        }
    }
}

pub fn holds_as_text(answer: &Value) -> String {
    let head = ["CASE", "KIND", "SUBJECT", "SINCE", "BY", "REASON", "LIFTED"];
    list(answer, "no holds", &head, |row| {
        let words = ["/case", "/kind", "/subject"].map(|at| cell(row, at));
        let rest = [time(row, "/at"), cell(row, "/by"), cell(row, "/reason"), time(row, "/lifted/at")];
        words.into_iter().chain(rest).collect()
    })
}

pub fn due_as_text(answer: &Value) -> String {
    let head = ["CALL", "TICKET", "KEEP UNTIL", "CLASS", "BASIS", "BYTES", "SHA-256", "BATCH"];
    let fields = ["/call", "/ticket", "/keep_until", "/class", "/basis", "/bytes", "/sha256", "/batch"];
    let rows = list(answer, "nothing is due", &head, |row| fields.iter().map(|at| cell(row, at)).collect());
    let sums =
        ["day", "schedule", "recordings", "bytes", "in_batches", "held", "tickets_open", "quarantined", "not_listed"];
    format!("{rows}\n\n{}", fields_of(answer, &sums))
}

pub fn batches_as_text(answer: &Value) -> String {
    let head = ["BATCH", "STATE", "RECORDINGS", "BYTES", "PROPOSED BY", "APPROVED BY", "DESTROYED", "KEPT"];
    list(answer, "no batches", &head, |row| {
        let fields = ["/batch", "/state", "/recordings", "/bytes", "/by"].map(|at| cell(row, at));
        fields.into_iter().chain([approvers(row), cell(row, "/destroyed"), cell(row, "/kept")]).collect()
    })
}

/// One batch, as a deed has left it.
pub fn batch_as_text(batch: &Value) -> String {
    let sums = ["batch", "state", "recordings", "bytes", "sha256", "by", "destroyed", "kept", "record"];
    let text = format!("{}\n{}", fields_of(batch, &sums), card(&[("approved by", approvers(batch))]));
    match batch.get("state").and_then(Value::as_str) {
        Some("begun") => format!("{text}\nit goes on: hotline archive batches {}", cell(batch, "/batch")),
        Some(_) | None => text,
    }
}

/// A batch with its list.
pub fn list_as_text(answer: &Value) -> String {
    let head = ["CALL", "TICKET", "KEEP UNTIL", "CLASS", "BASIS", "BYTES", "SHA-256", "DESTROYED", "STAYS"];
    let fields = ["call", "ticket", "keep_until", "class", "basis", "bytes", "sha256"];
    let rows = list(answer, "empty", &head, |row| {
        let line = fields.map(|name| cell(row, &format!("/line/{name}")));
        line.into_iter().chain([cell(row, "/destroyed"), cell(row, "/stays")]).collect()
    });
    format!("{}\n\n{rows}", batch_as_text(answer.get("batch").unwrap_or(&Value::Null)))
}

pub fn fields_of(answer: &Value, names: &[&str]) -> String {
    let lines: Vec<(&str, String)> = names.iter().map(|name| (*name, cell(answer, &format!("/{name}")))).collect();
    card(&lines)
}

pub fn forecast_as_text(answer: &Value) -> String {
    let rates = answer.get("rates").and_then(Value::as_array).into_iter().flatten();
    let rates: Vec<String> = rates
        .map(|rate| format!("{} bytes a day over the last {} days", cell(rate, "/bytes_per_day"), cell(rate, "/days")))
        .collect();
    let names = ["free_bytes", "days", "alarm_below_days", "due_recordings", "due_bytes", "days_if_destroyed"];
    format!("{}\n{}", fields_of(answer, &names), rates.join("\n"))
}

/// Every field of an answer that is one thing.
pub fn all_as_text(answer: &Value) -> String {
    let names: Vec<&str> = answer.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    fields_of(answer, &names)
}

fn approvers(batch: &Value) -> String {
    let all = batch.get("approvals").and_then(Value::as_array).into_iter().flatten();
    all.map(|one| cell(one, "/by")).collect::<Vec<_>>().join(", ")
}
