//! Posts changes of alarms to the owner's address, one after the other, each until it is taken or
//! given up.

use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Posts that may wait; an alarm beyond that is in the list all the same.
const WAITING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(5);
/// Before the second try, the third, the fourth. Whoever is gone for longer hears later alarms.
pub const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

pub struct Webhook {
    posts: SyncSender<String>,
    address: Arc<Mutex<Option<String>>>,
}

impl Webhook {
    /// `address`: an `http://` address that gets a JSON object for each change.
    pub fn start(address: Option<String>, pauses: [Duration; 3]) -> Self {
        let (posts, waiting) = mpsc::sync_channel::<String>(WAITING);
        let address = Arc::new(Mutex::new(address));
        let to = Arc::clone(&address);
        let post = move || {
            crate::media::lower_priority_of_this_thread();
            let agent = agent();
            waiting.iter().for_each(|body| deliver(&agent, &to, &body, &pauses));
        };
        // Without its thread the channel is closed, and posting fails with a warning.
        let _ = std::thread::Builder::new().name("alarm-webhook".into()).spawn(post);
        Self { posts, address }
    }

    /// Never waits.
    pub fn post(&self, body: String) {
        if read(&self.address).is_some() && self.posts.try_send(body).is_err() {
            tracing::warn!("an alarm is not posted to the webhook: too many wait");
        }
    }

    /// Whatever is not yet posted goes to this address, or to none.
    pub fn set(&self, address: Option<String>) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// Posts a JSON object; Err where it was not taken.
pub(super) fn post_once(to: &str, body: &str) -> Result<(), ureq::Error> {
    post(&agent(), to, body)
}

fn agent() -> ureq::Agent {
    // The owner's address is meant as it stands, whatever proxy the environment names.
    ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into()
}

fn post(agent: &ureq::Agent, to: &str, body: &str) -> Result<(), ureq::Error> {
    agent.post(to).header("content-type", "application/json").send(body).map(drop)
}

fn deliver(agent: &ureq::Agent, address: &Mutex<Option<String>>, body: &str, pauses: &[Duration]) {
    let mut pauses = pauses.iter();
    while let Some(to) = read(address) {
        let Err(error) = post(agent, &to, body) else { return };
        let Some(pause) = pauses.next() else {
            return tracing::warn!(%error, "an alarm could not be posted to the webhook and is given up");
        };
        tracing::warn!(%error, again_in = ?pause, "an alarm could not be posted to the webhook");
        std::thread::sleep(*pause);
    }
}

fn read(address: &Mutex<Option<String>>) -> Option<String> {
    address.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
