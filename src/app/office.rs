//! What pages, commands and parts see of the running server, and its reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::alarms::Alarms;
use super::figures::Figures;
use super::rate::Rate;
use super::secrets::Secrets;
use super::trace::TraceBook;
use super::{
    Options, StartError, keeper, manifest, merged, prompts, recording_format, setup, tell_warnings, trace_limits,
};
use crate::accounts::Accounts;
use crate::archive::shelf::Shelf;
use crate::archive::{self, peaks};
use crate::audit::Audit;
use crate::config::Config;
use crate::exchange::{Exchange, Input};
use crate::media;
use crate::mirror;
use crate::net::clock::Clock;
use crate::net::driver::Event;
use crate::net::resolve;
use crate::rules::numbers::AreaCode;
use crate::store::apply::Progress;
use crate::store::journal::Journal;
use crate::store::numbering::local_day;
use crate::store::sqlite::Sqlite;
use crate::time::Now;
use crate::web::strangers::Strangers;

/// What the pages and commands see of the running server; cheap to clone.
#[derive(Clone)]
pub struct Office {
    pub clock: Clock,
    pub inbox: mpsc::Sender<Event>,
    pub journal: Journal,
    pub store: Arc<Sqlite>,
    /// How far the database has followed the journal.
    pub progress: Progress,
    pub rate: Arc<Rate>,
    pub shelf: Arc<Shelf>,
    /// What players have drawn of late.
    pub peaks: Arc<peaks::Recent>,
    /// The second copies.
    pub mirrors: Arc<[mirror::Shared]>,
    /// Bytes of recordings that are compared with their seals in a second; 0: none.
    pub verify_rate: Arc<AtomicU64>,
    pub alarms: Arc<Alarms>,
    /// Where the head of the archive is sent. A reload changes it.
    pub heads: manifest::Outside,
    pub keeper: Arc<keeper::Keeper>,
    pub figures: Arc<Figures>,
    pub archive: Arc<archive::Figures>,
    pub trace: TraceBook,
    pub(super) media: media::Handle,
    pub(super) recorder: std::sync::mpsc::SyncSender<archive::Order>,
    /// Of this machine's commands; what it opens, `web::login` says.
    pub token: Arc<str>,
    pub accounts: Arc<Accounts>,
    pub audit: Audit,
    /// Held while a password is hashed: one at a time, so that guesses neither add up nor take the machine.
    pub hashing: Arc<tokio::sync::Semaphore>,
    /// How many visits without a session or the right password were written down of late.
    pub strangers: Arc<Strangers>,
    pub recordings: PathBuf,
    pub options: Arc<Options>,
    /// What runs now; a reload is compared with it.
    pub(super) config: Arc<tokio::sync::Mutex<Config>>,
    /// The trunk hosts that are looked up.
    pub(super) names: Arc<tokio::sync::watch::Sender<Vec<resolve::Wanted>>>,
    /// Where the API listens.
    pub http: std::net::SocketAddr,
    pub(super) draining: Arc<AtomicBool>,
}

impl Office {
    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A look at the exchange from inside its loop. None: the server is ending.
    pub async fn look<T: Send + 'static>(&self, look: impl FnOnce(Now, &Exchange) -> T + Send + 'static) -> Option<T> {
        let (told, hears) = oneshot::channel();
        let look = move |now: Now, exchange: &Exchange| drop(told.send(look(now, exchange)));
        self.inbox.send(Event::Look(Box::new(look))).await.ok()?;
        hears.await.ok()
    }

    pub async fn tell(&self, input: Input) {
        // Fails only once the loop has ended.
        let _ = self.inbox.send(Event::Input(input)).await;
    }

    /// The city's own area code, for numbers that were typed without one.
    pub async fn area(&self) -> AreaCode {
        self.config.lock().await.server.area_code.clone()
    }

    /// Some(None): the city's own centre, by its id or by none. None: there is no such centre (R13).
    pub async fn county(&self, id: Option<String>) -> Option<Option<String>> {
        let Some(id) = id else { return Some(None) };
        let config = self.config.lock().await;
        if id == config.server.centre {
            return Some(None);
        }
        config.centres.iter().any(|centre| centre.id == id).then_some(Some(id))
    }

    /// Reads the configuration again. Ok: for whom passwords were made. Err: what is wrong with it;
    /// nothing has changed then.
    pub async fn reload(&self) -> Result<Vec<String>, StartError> {
        // Held throughout, so that two reloads at once do not overtake each other.
        let mut running = self.config.lock().await;
        let (data, today) = (&self.options.data, local_day(self.clock.wall()));
        let before = merged::open(data)?;
        let config = running.reload(self.options.config.as_deref(), &before, today).map_err(StartError::Config)?;
        let secrets = Secrets::open(data, &config)?;
        secrets.keep()?;
        merged::follow(data, &before, &config.numbers, today)?;
        tell_warnings(&config);
        self.tell(Input::Reload(Box::new(setup::exchange_settings(&config, &secrets)))).await;
        self.names.send_replace(setup::names_to_resolve(&config));
        self.alarms.webhook.set(config.server.alarm_webhook.clone());
        self.heads.set(config.server.head_webhook.clone());
        self.keeper.set(config.retention.clone());
        self.verify_rate.store(config.server.verify_kib_per_s << 10, Ordering::Relaxed);
        let (office, new) = (self.clone(), config.clone());
        // Prompts are read from the disk, and recorder and trace may have to make room.
        let threads = move || {
            office.media.tune(prompts(&office.options), new.server.media_timeout);
            let _ = office.recorder.send(archive::Order::Format(recording_format(&new)));
            office.trace.limit(trace_limits(&new));
        };
        let _ = tokio::task::spawn_blocking(threads).await;
        *running = config;
        Ok(secrets.fresh.into_iter().map(|(who, _)| who).collect())
    }
}
