//! Alarms: raised and cleared with severity and times, kept in the journal, shown to whoever asks,
//! posted to a webhook. (R109)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::net::clock::Clock;
use crate::store::entry::{AlarmChange, Entry};
use crate::store::journal::Journal;
use crate::time::Wall;

use super::webhook::{PAUSES, Webhook};

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
    pub webhook: Webhook,
}

impl Alarms {
    /// `webhook`: an `http://` address that gets a JSON object for each change.
    pub fn new(clock: Clock, journal: Journal, webhook: Option<String>) -> Arc<Self> {
        Self::posting(clock, journal, Webhook::start(webhook, PAUSES))
    }

    pub fn posting(clock: Clock, journal: Journal, webhook: Webhook) -> Arc<Self> {
        Arc::new(Self { clock, journal, standing: Mutex::default(), webhook })
    }

    /// What stood when the last run ended is cleared: nobody knows whether its cause still is, and
    /// who finds it raises it anew.
    pub fn clear_left_behind(&self, open: &[AlarmChange]) {
        for alarm in open {
            // The clock may have been set back since.
            let at = self.clock.wall().max(alarm.at);
            self.tell(AlarmChange { active: false, at, detail: Some("restart".to_owned()), ..alarm.clone() });
        }
    }

    /// Raises or clears. One that stands already is told to nobody again, and shows the newest detail.
    pub fn set(&self, at: Wall, name: &'static str, subject: &str, active: bool, detail: Option<String>) {
        let key = (name, subject.to_string());
        let severity = severity(name);
        {
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = standing.get_mut(&key).filter(|_| active) {
                known.detail = detail.or(known.detail.take());
                return;
            }
            if !active && !standing.contains_key(&key) {
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
        self.tell(AlarmChange {
            name: name.to_string(),
            subject: subject.to_string(),
            severity: severity.to_string(),
            detail,
            active,
            at,
        });
    }

    fn tell(&self, change: AlarmChange) {
        let AlarmChange { name, subject, severity, active, .. } = &change;
        tracing::warn!(alarm = name, subject, severity, active, "alarm");
        if let Ok(body) = serde_json::to_string(&change) {
            self.webhook.post(body);
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
        "audit" | "audit_damaged" | "journal" | "journal_damaged" | "manifest" | "recording" | "recording_changed"
        | "reconciliation" | "disk_full" | "no_seat" | "no_way_out" => "critical",
        "database" | "mirror" | "no_media" | "trunk_down" | "trunk_unregistered" | "overload" | "disk_low"
        | "destruction" | "archive_clock" | "archive_forecast" | "master_key" => "major",
        _ => "warning",
    }
}
