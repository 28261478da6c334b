//! Builds and joins the parts, and stops them in order: refuse INVITEs, finish calls, seal
//! recordings, close the store.

pub mod alarms;
pub mod desk;
pub mod figures;
mod finding;
pub mod keeper;
pub mod manifest;
mod merged;
mod office;
mod phones;
pub mod rate;
mod recovery;
pub mod secrets;
pub mod setup;
mod system;
pub mod trace;
pub mod verifier;
pub mod watch;
pub mod webhook;

use std::fmt::Display;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::accounts::Accounts;
use crate::archive::keys::{KeyError, MasterKeys};
use crate::archive::lock::FolderLock;
use crate::archive::shelf::Shelf;
use crate::archive::{self, Archive, Done};
use crate::audit::{Audit, AuditError};
use crate::call::{Role, Switchboard};
use crate::config::{Config, Fault, RecordingFormat};
use crate::exchange::{Exchange, Input, Output};
use crate::media::{self, prompt::PromptShelf};
use crate::mirror::{self, Mirrors};
use crate::net::clock::Clock;
use crate::net::driver::{Carry, Driver, Event, INBOX, Sockets};
use crate::net::resolve;
use crate::store::Store;
use crate::store::apply::{Applier, Pace};
use crate::store::entry::{Entry, RecordingFailed};
use crate::store::journal::{self, Journal};
use crate::store::numbering::local_day;
use crate::store::sqlite::Sqlite;
use crate::vital::vital;
use crate::web::{self, Web};

pub use office::Office;

use alarms::Alarms;
use desk::Desk;
use figures::Figures;
use phones::Phones;
use rate::Rate;
use secrets::Secrets;
use system::{at_this_priority, raise_file_limit, random};
use trace::TraceBook;

/// What `hotline serve` is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder with `sip-configs/` and `dialplan/`; None: the embedded examples.
    pub config: Option<PathBuf>,
    /// Everything at run time lies here.
    pub data: PathBuf,
    /// None: `<data>/recordings`.
    pub recordings: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the configuration has faults:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
    #[error("cannot start: {0}")]
    Lock(#[from] archive::lock::LockError),
    #[error("cannot start: {0}")]
    Journal(#[from] journal::JournalError),
    /// Rather no server than recordings that nobody can read, or that everybody can.
    #[error("cannot start: recordings are to be encrypted, and the master key cannot be read: {0}")]
    Keys(#[from] KeyError),
    #[error("cannot start: {0}")]
    Audit(#[from] AuditError),
    #[error("cannot start: {0}")]
    Store(#[from] crate::store::StoreError),
}

/// The running server.
pub struct Server {
    pub office: Office,
    pub config: Config,
    /// Passwords and the token that this start has made.
    pub fresh: Vec<(String, String)>,
    archive: Archive,
    media: media::Handle,
    applier: Applier,
    driver: JoinHandle<()>,
    mirrors: Mirrors,
    web: Web,
    phones: phones::Keeper,
    ending: Arc<AtomicBool>,
    /// Held until everything that writes there has ended.
    _locks: Vec<FolderLock>,
}

impl Server {
    /// Starts every part. Call it inside a tokio runtime whose threads have a lowered priority, from a
    /// thread of normal priority, which is lowered too.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (start_media, media) = at_this_priority(media::start)?;
        // Whatever is begun from here, the threads of journal and database among it, yields to media.
        media::lower_priority_of_this_thread();
        let clock = Clock::start();
        let config = Config::load(options.config.as_deref()).map_err(StartError::Config)?;
        tell_warnings(&config);
        let (keys, without_keys) = setup::master_keys(&config)?;
        let recordings = options.recordings.clone().unwrap_or_else(|| options.data.join("recordings"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&options.data)
            .map_err(failed(format!("cannot make the data folder {}", options.data.display())))?;
        std::fs::create_dir_all(&recordings).map_err(failed(format!("cannot record in {}", recordings.display())))?;
        let locks = lock(&options.data, &recordings)?;
        let (before, today) = (merged::open(&options.data)?, local_day(clock.wall()));
        let revived = config.revived(options.config.as_deref(), &before, today);
        if !revived.is_empty() {
            return Err(StartError::Config(revived));
        }
        let secrets = Secrets::open(&options.data, &config)?;
        raise_file_limit(crate::config::ports::open_files(&config))?;
        let listener = web::bind(config.server.http, &options.data).await?;
        merged::follow(&options.data, &before, &config.numbers, today)?;

        let wall: journal::Clock = Arc::new(move || clock.wall());
        let (journal, mut recovered) =
            Journal::open(&options.data.join("journal"), wall.clone(), journal::Options::default())?;
        recovery::tell_impossible(&recovered.impossible);
        let told = recovery::hear_recordings(&mut recovered.open, &recordings, &keys);
        let store = Arc::new(Sqlite::new(&options.data.join("hotline.sqlite")));
        if let Ok(numbers) = store.numbers().await {
            journal.numbers_given(numbers);
        }
        let applier = Applier::start(&journal, Arc::clone(&store), wall, Pace::default());
        let alarms = Alarms::new(clock, journal.clone(), config.server.alarm_webhook.clone());
        alarms.clear_left_behind(&recovered.alarms);
        if let Some(error) = without_keys {
            alarms.now("master_key", "recordings", true, Some(format!("encrypted ones cannot be heard: {error}")));
        }
        let audit = open_audit(&options.data, clock, &alarms)?;
        let accounts = Arc::new(Accounts::open(&options.data)?);
        if accounts.is_empty() {
            tracing::warn!(
                "the API token opens everything, recordings too; `hotline users add NAME --role admin` ends that"
            );
        }
        let figures = Arc::new(Figures::default());
        let tell = recorder_news(journal.clone(), Arc::clone(&alarms), Arc::clone(&figures), clock);
        let archive = start_archive(&config, &recordings, &keys, tell, clock)?;

        let (inbox, events) = mpsc::channel(INBOX);
        let setup = media_setup(&config, &options, &archive, clock, inbox.clone())?;
        let _ = start_media.send(setup);
        let media = media.join().map_err(|_| io::Error::other("cannot start the media threads"))??;
        let trace = start_trace(&config, &options.data);
        let mut desk = Desk {
            media: media.clone(),
            archive: archive.orders.clone(),
            journal: journal.clone(),
            audit: audit.clone(),
            alarms: Arc::clone(&alarms),
            figures: Arc::clone(&figures),
            trace: trace.clone(),
            inbox: inbox.clone(),
            store: Arc::clone(&store),
            runtime: tokio::runtime::Handle::current(),
            held_back: std::collections::VecDeque::new(),
        };
        let settings = setup::exchange_settings(&config, &secrets);
        let now = clock.now();
        let mut board = Switchboard::new(now, settings.board.clone(), settings.plan.clone(), recovered.last_call);
        let phones = Phones::of(&options.data, &config);
        let left = phones.left(now);
        for change in board.resume(now, recovered.seats, left.up) {
            desk.carry(now, Output::Call(change));
        }
        let mut exchange = Exchange::new(now, settings, board, random()?);
        exchange.restore_phones(now, left.phones);
        let listens = setup::listens(&config);
        let (opened, is_open) = std::sync::mpsc::channel();
        let (inbox_of_driver, trace_of_driver) = (inbox.clone(), trace.clone());
        let driver = vital("signalling", move || {
            media::lower_priority_of_this_thread();
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(opened.send(Err(error))),
            };
            runtime.block_on(async move {
                let sockets = match Sockets::open(&listens, &inbox_of_driver) {
                    Ok(sockets) => sockets,
                    Err(error) => return drop(opened.send(Err(error))),
                };
                drop(opened.send(Ok(())));
                let (inbox, trace, carry) = (inbox_of_driver, trace_of_driver, desk);
                Driver { clock, exchange, sockets, inbox, trace, carry }.run(events).await;
            });
        })?;
        is_open.recv().map_err(io::Error::other)??;
        secrets.keep()?;
        let (names, lists) = tokio::sync::watch::channel(setup::names_to_resolve(&config));
        let lots = u64::from_le_bytes(random()?);
        tokio::spawn(resolve::keep(resolve::Names::of_the_system(), lists, inbox.clone(), lots));
        recovery::close_left_behind(&recovered.open, &told, &journal, &inbox, &figures).await;
        let shelf = Arc::new(Shelf::new(recordings.clone()).with_keys(keys));
        let (mirrors, shown) = mirror::start(&config, &options, &recordings, &alarms, clock)?;
        recovery::link_sealed(&recovered.unsealed, &shelf, &journal);

        let keeper = keeper::Keeper::new(keeper::Parts {
            store: Arc::clone(&store),
            journal: journal.clone(),
            progress: applier.progress(),
            shelf: Arc::clone(&shelf),
            alarms: Arc::clone(&alarms),
            times: keeper::Times { wall: Arc::new(move || clock.wall()), mono: Arc::new(move || clock.mono()) },
            settings: config.retention.clone(),
            recordings: recordings.clone(),
            data: options.data.clone(),
            hotline: config.server.name.clone(),
        });
        let office = Office {
            keeper,
            clock,
            inbox,
            journal: journal.clone(),
            rate: Arc::new(Rate::new(Arc::clone(&store), clock)),
            store,
            progress: applier.progress(),
            shelf,
            peaks: Arc::default(),
            mirrors: shown.into(),
            verify_rate: Arc::new(AtomicU64::new(config.server.verify_kib_per_s << 10)),
            alarms: Arc::clone(&alarms),
            heads: manifest::Outside::new(config.server.head_webhook.clone(), options.data.join("archive-head")),
            figures: Arc::clone(&figures),
            archive: Arc::clone(&archive.figures),
            trace,
            media: media.clone(),
            recorder: archive.orders.clone(),
            token: Arc::from(secrets.api_token()),
            accounts,
            audit,
            hashing: Arc::new(tokio::sync::Semaphore::new(1)),
            strangers: Arc::default(),
            recordings: recordings.clone(),
            options: Arc::new(options),
            config: Arc::new(tokio::sync::Mutex::new(config.clone())),
            names: Arc::new(names),
            http: listener.local_addr()?,
            draining: Arc::default(),
        };
        tokio::spawn(
            watch::Watch {
                clock,
                journal,
                progress: applier.progress(),
                archive: Arc::clone(&archive.figures),
                figures,
                alarms,
                rate: Arc::clone(&office.rate),
                recordings,
                inbox: office.inbox.clone(),
            }
            .run(),
        );
        let ending = Arc::new(AtomicBool::new(false));
        let verifier = verifier::Verifier {
            store: Arc::clone(&office.store),
            journal: office.journal.clone(),
            progress: office.progress.clone(),
            shelf: Arc::clone(&office.shelf),
            alarms: Arc::clone(&office.alarms),
            clock,
            rate: Arc::clone(&office.verify_rate),
            ending: Arc::clone(&ending),
        };
        tokio::spawn(verifier.run());
        start_manifests(&office, &config, Arc::clone(&ending));
        tokio::spawn(finding::write(Arc::clone(&office.store), Arc::clone(&ending)));
        tokio::spawn(Arc::clone(&office.keeper).run(Arc::clone(&ending)));
        let web = web::serve(office.clone(), listener);
        let phones = phones.keep(office.clone());
        let fresh = secrets.fresh;
        Ok(Self { office, fresh, config, archive, media, applier, driver, mirrors, web, phones, ending, _locks: locks })
    }

    /// Live calls.
    pub async fn live_calls(&self) -> usize {
        self.office.look(|_, exchange| exchange.board().live()).await.unwrap_or(0)
    }

    /// Ends what is left, in order; every recording is sealed and every entry in the database, or in
    /// the journal for the next start.
    pub async fn stop(self) {
        self.ending.store(true, Ordering::Relaxed);
        let mirrors = self.mirrors;
        let mirrors = tokio::task::spawn_blocking(move || mirrors.stop());
        self.office.tell(Input::EndAll).await;
        // BYEs go out, and media hands over its last packets, before the loop ends.
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.phones.stop().await;
        let _ = self.office.inbox.send(Event::Stop).await;
        let (driver, media, archive, trace) = (self.driver, self.media, self.archive, self.office.trace.clone());
        let joined = tokio::task::spawn_blocking(move || {
            let _ = driver.join();
            trace.stop();
            media.stop();
            archive.stop();
        });
        let _ = joined.await;
        let _ = mirrors.await;
        self.web.stop().await;
        let (journal, audit) = (self.office.journal.clone(), self.office.audit.clone());
        let _ = tokio::task::spawn_blocking(move || (journal.close(), audit.close())).await;
        self.applier.finish(Duration::from_secs(10)).await;
        // A page that still reads holds it up; then the log is folded in at the next start.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.office.store.close()).await;
    }
}

/// Both folders, where they are two: the sweep takes whatever is being recorded for a crash's.
fn lock(data: &Path, recordings: &Path) -> Result<Vec<FolderLock>, StartError> {
    let mut folders = vec![data.canonicalize()?, recordings.canonicalize()?];
    folders.dedup();
    Ok(folders.iter().map(|folder| FolderLock::take(folder)).collect::<Result<_, _>>()?)
}

fn tell_warnings(config: &Config) {
    config.warnings().into_iter().for_each(|warning| tracing::warn!("{warning}"));
}

fn start_archive(
    config: &Config,
    recordings: &Path,
    keys: &MasterKeys,
    tell: archive::Tell,
    clock: Clock,
) -> io::Result<Archive> {
    let settings = archive::Settings {
        format: recording_format(config),
        suite: config.server.recording_encryption,
        keys: keys.clone(),
        disk: Arc::new(archive::disk::System { origin: clock.origin() }),
        ..archive::Settings::new(recordings.to_path_buf())
    };
    archive::start(settings, tell).map_err(failed(format!("cannot record in {}", recordings.display())))
}

fn open_audit(data: &Path, clock: Clock, alarms: &Alarms) -> Result<Audit, AuditError> {
    let wall: journal::Clock = Arc::new(move || clock.wall());
    let disk = Arc::new(archive::disk::System { origin: clock.origin() });
    let (audit, opened) = Audit::open(&data.join("audit"), wall, disk)?;
    if let Some(bytes) = opened.torn {
        tracing::warn!(bytes, "the audit log ended in the middle of a line, which was cut off");
    }
    let damaged = Some("its last line is not as it was written: hotline audit verify".to_owned());
    alarms.now("audit_damaged", "", opened.damaged, damaged);
    Ok(audit)
}

/// What becomes of the recorder's news: a journal entry, figures, and an alarm of the call.
pub fn recorder_news(journal: Journal, alarms: Arc<Alarms>, figures: Arc<Figures>, clock: Clock) -> archive::Tell {
    Arc::new(move |done| match done {
        Done::Sealed(sealed) => {
            let (degraded, lost) = match sealed.verdict {
                archive::Verdict::Ok => (false, None),
                archive::Verdict::Degraded => (true, None),
                archive::Verdict::Failed => {
                    (true, Some(format!("sealed without all of its sound: {}", sealed.path.display())))
                }
            };
            figures.recordings_degraded.fetch_add(u64::from(degraded), Ordering::Relaxed);
            figures.recorded_bytes.fetch_add(sealed.bytes, Ordering::Relaxed);
            alarms.now("recording", &sealed.call.to_string(), lost.is_some(), lost);
            journal.append(Entry::Sealed(sealed), |_| {});
        }
        Done::Heard { call, party, trunk, heard } => {
            let subject = match party.role {
                Role::Citizen => format!("trunk {trunk}"),
                Role::Seat => format!("seat {}", party.number),
                Role::Expert | Role::Branch | Role::Leader | Role::Unit | Role::Platform => party.name,
            };
            alarms.now("no_media", &subject, !heard, Some(format!("not one packet in call {call}")));
        }
        Done::Failed { call, error } => {
            figures.recordings_failed.fetch_add(1, Ordering::Relaxed);
            alarms.now("recording", &call.to_string(), true, Some(error.clone()));
            journal.append(Entry::RecordingFailed(RecordingFailed { call, at: clock.wall(), error }), |_| {});
        }
    })
}

fn start_manifests(office: &Office, config: &Config, ending: Arc<AtomicBool>) {
    let clock = office.clock;
    let parts = manifest::Parts {
        store: Arc::clone(&office.store),
        journal: office.journal.clone(),
        progress: office.progress.clone(),
        shelf: Arc::clone(&office.shelf),
        alarms: Arc::clone(&office.alarms),
        wall: Arc::new(move || clock.wall()),
    };
    let key = manifest::key_file(&office.options.data);
    let mut maker =
        manifest::Maker::new(parts, &office.recordings, key, config.server.name.clone(), office.heads.clone());
    maker.ending = ending;
    // The public key is there once the server is; what stands in its way the maker tells, again and again.
    let _ = maker.manifests.open_key(&maker.key);
    tokio::spawn(maker.run());
}

/// A hotline without a trace is better than none.
fn start_trace(config: &Config, data: &Path) -> TraceBook {
    let dir = data.join("trace");
    TraceBook::start(&dir, trace_limits(config), setup::own_addresses(config)).unwrap_or_else(|error| {
        tracing::error!(%error, folder = %dir.display(), "no trace is kept");
        TraceBook::default()
    })
}

fn trace_limits(config: &Config) -> trace::ring::Limits {
    trace::ring::Limits::of(config.server.trace_mib << 20)
}

/// The shipped prompts and the owner's, which win.
fn prompts(options: &Options) -> PromptShelf {
    let own = options.config.as_ref().map(|folder| folder.join("dialplan/prompts")).filter(|folder| folder.is_dir());
    PromptShelf::load(media::shipped::PROMPTS, own.as_deref())
}

fn recording_format(config: &Config) -> archive::Format {
    match config.server.recording_format {
        RecordingFormat::Alaw => archive::Format::Alaw,
        RecordingFormat::Pcm16 => archive::Format::Pcm16,
    }
}

fn media_setup(
    config: &Config,
    options: &Options,
    archive: &Archive,
    clock: Clock,
    inbox: mpsc::Sender<Event>,
) -> io::Result<media::Setup> {
    let (reports, mut reported) = mpsc::channel(4096);
    tokio::spawn(async move {
        while let Some(report) = reported.recv().await {
            if inbox.send(Event::Input(Input::Media(report))).await.is_err() {
                return;
            }
        }
    });
    Ok(media::Setup {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        prompts: prompts(options),
        tap: archive.orders.clone(),
        reports,
        clock: clock.origin(),
        seed: u64::from_le_bytes(random::<8>()?),
        limits: media::Limits { silence: config.server.media_timeout, ..media::Limits::default() },
    })
}

/// The same error, with what was tried.
pub(crate) fn failed(deed: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{deed}: {error}"))
}
