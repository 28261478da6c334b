//! Alarms: raised and cleared with severity and times, kept in the journal, shown to whoever asks,
//! posted to a webhook. (R109)

use std::collections::BTreeMap;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::net::clock::Clock;
use crate::store::entry::{AlarmChange, Entry};
use crate::store::journal::Journal;
use crate::time::Wall;

/// Posts that may wait; an alarm beyond that is in the list all the same.
const POSTS: usize = 256;
const POST_PATIENCE: Duration = Duration::from_secs(5);

/// An alarm that stands now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Standing {
    pub name: &'static str,
    pub subject: String,
    pub severity: &'static str,
    pub detail: Option<String>,
    pub since: Wall,
}

pub struct Alarms {
    clock: Clock,
    journal: Journal,
    standing: Mutex<BTreeMap<(&'static str, String), Standing>>,
    posts: Option<SyncSender<String>>,
}

impl Alarms {
    /// `webhook`: an `http://` address that gets a JSON object for each change.
    pub fn new(clock: Clock, journal: Journal, webhook: Option<String>) -> Arc<Self> {
        let posts = webhook.map(|address| {
            let (posts, waiting) = mpsc::sync_channel::<String>(POSTS);
            let post = move || {
                crate::media::lower_priority_of_this_thread();
                let agent: ureq::Agent =
                    ureq::Agent::config_builder().timeout_global(Some(POST_PATIENCE)).build().into();
                for body in waiting {
                    let sent = agent.post(&address).header("content-type", "application/json").send(&body);
                    if let Err(error) = sent {
                        tracing::warn!(%error, "an alarm could not be posted to the webhook");
                    }
                }
            };
            // Without its thread the channel is closed, and posting fails quietly.
            let _ = std::thread::Builder::new().name("alarm-webhook".into()).spawn(post);
            posts
        });
        Arc::new(Self { clock, journal, standing: Mutex::default(), posts })
    }

    /// Raises or clears; a repeated one changes nothing.
    pub fn set(&self, at: Wall, name: &'static str, subject: &str, active: bool, detail: Option<String>) {
        let key = (name, subject.to_string());
        let severity = severity(name);
        {
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            if active == standing.contains_key(&key) {
                return;
            }
            if active {
                let alarm =
                    Standing { name, subject: subject.to_string(), severity, detail: detail.clone(), since: at };
                standing.insert(key, alarm);
            } else {
                standing.remove(&key);
            }
        }
        tracing::warn!(alarm = name, subject, severity, active, "alarm");
        let change = AlarmChange {
            name: name.to_string(),
            subject: subject.to_string(),
            severity: severity.to_string(),
            detail,
            active,
            at,
        };
        if let (Some(posts), Ok(body)) = (&self.posts, serde_json::to_string(&change)) {
            let _ = posts.try_send(body);
        }
        self.journal.append(Entry::Alarm(change), |_| {});
    }

    pub fn now(&self, name: &'static str, subject: &str, active: bool, detail: Option<String>) {
        self.set(self.clock.wall(), name, subject, active, detail);
    }

    /// Oldest first.
    pub fn standing(&self) -> Vec<Standing> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alarms: Vec<Standing> = standing.values().cloned().collect();
        alarms.sort_by_key(|alarm| alarm.since);
        alarms
    }
}

/// `critical`: calls or records are being lost; `major`: they soon will be; `warning`: look at it.
fn severity(name: &str) -> &'static str {
    match name {
        "journal" | "recording" | "disk_full" | "no_seat" => "critical",
        "database" | "trunk_down" | "trunk_unregistered" | "overload" | "disk_low" => "major",
        _ => "warning",
    }
}
