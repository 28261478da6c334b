//! Sends the head of the archive to the owner's address until it is taken there.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::app::alarms::Alarms;
use crate::app::webhook;
use crate::archive::manifest::Link;

const ALARM: &str = "archive_head";

/// Where heads go, and which one was taken last. A head answers for all before it, so that after a day
/// without a way out only the newest is sent.
#[derive(Clone, Debug)]
pub struct Outside {
    address: Arc<Mutex<Option<String>>>,
    /// Holds the SHA-256 that was taken last.
    taken: PathBuf,
}

impl Outside {
    /// `address`: an `http://` address that gets a JSON object; None sends nothing.
    pub fn new(address: Option<String>, taken: PathBuf) -> Self {
        Self { address: Arc::new(Mutex::new(address)), taken }
    }

    pub fn set(&self, address: Option<String>) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Where it was not taken yet: once; the caller comes again.
    pub async fn send(&self, hotline: &str, head: &Link, alarms: &Alarms) {
        let address = self.address.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(address) = address else { return alarms.now(ALARM, "", false, None) };
        let body = json!({
            "hotline": hotline, "day": head.day.to_string(), "number": head.number, "sha256": head.sha256,
        });
        let (taken, sha256) = (self.taken.clone(), head.sha256.clone());
        let post = move || {
            if fs::read_to_string(&taken).is_ok_and(|known| known.trim() == sha256) {
                return None;
            }
            match webhook::post_once(&address, &body.to_string()) {
                // A head that is sent twice does no harm.
                Ok(()) => fs::write(&taken, sha256).err().map(|error| format!("{}: {error}", taken.display())),
                Err(error) => Some(error.to_string()),
            }
        };
        let failed = tokio::task::spawn_blocking(post).await.unwrap_or_else(|error| Some(error.to_string()));
        alarms.now(ALARM, "", failed.is_some(), failed);
    }
}
