//! The thread of one mirror: looks, copies, backs off, and says how far it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::ToSpan;
use jiff::civil::Date;

use super::backlog::{Backlog, Behind, page};
use super::ledger::{self, Ledger};
use super::set::Sets;
use super::status::{Shared, Status};
use super::{Fault, Pace, Target, open, recording};
use crate::app::Options;
use crate::app::alarms::Alarms;
use crate::config::Config;
use crate::config::mirror::{MirrorSettings, Place};
use crate::net::clock::Clock;
use crate::rules::retention;
use crate::time::Wall;

const ALARM: &str = "mirror";
/// Between two looks where nothing waits.
const LOOK: Duration = Duration::from_secs(2);
/// Recordings copied before the next look: a new one comes before those of years.
const AT_ONCE: usize = 64;
/// Pauses of a place that fails, doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A set that could not be made is tried again after so long.
const SET_AGAIN: Duration = Duration::from_secs(60);
/// For a thread that is in the middle of a request when the server stops.
const LAST_REQUEST: Duration = Duration::from_secs(2);
/// Names of what cannot be copied that are kept for people.
const NAMED: usize = 100;

/// What of the running server is copied.
#[derive(Clone, Debug)]
pub(super) struct Hotline {
    pub name: String,
    pub data: PathBuf,
    pub recordings: PathBuf,
    /// None: the embedded examples, which every program has.
    pub config: Option<PathBuf>,
    pub secrets: bool,
    /// May lie within the configuration, and is not for others' eyes.
    pub not_copied: Option<PathBuf>,
}

/// All mirrors.
pub struct Mirrors {
    ending: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Mirrors {
    /// Ends the threads; what is under way is done again at the next start.
    pub fn stop(self) {
        self.ending.store(true, Ordering::Relaxed);
        let until = Instant::now() + LAST_REQUEST;
        while let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(Duration::from_millis(20)) {
            if Instant::now() > until {
                return;
            }
        }
    }
}

/// Starts a thread for each `[[mirror]]`.
pub fn start(
    config: &Config,
    options: &Options,
    recordings: &Path,
    alarms: &Arc<Alarms>,
    clock: Clock,
) -> io::Result<(Mirrors, Vec<Shared>)> {
    let ending = Arc::new(AtomicBool::new(false));
    let (alive, ended) = channel();
    let mut shown = Vec::new();
    for settings in &config.mirrors {
        let (place, credentials) = match &settings.place {
            Place::Folder(path) => (path.display().to_string(), None),
            Place::S3(s3) => (format!("{}/{}", s3.endpoint, s3.bucket), s3.credentials_file.clone()),
        };
        let status = Status { name: settings.name.clone(), place, started: clock.wall(), ..Status::default() };
        let status = Shared::new(status);
        shown.push(status.clone());
        let folder = ledger::folder(&options.data, &settings.name);
        let mirror = Mirror {
            hotline: Hotline {
                name: config.server.name.clone(),
                data: options.data.clone(),
                recordings: recordings.to_path_buf(),
                config: options.config.clone(),
                secrets: settings.secrets,
                not_copied: credentials,
            },
            backlog: Backlog::new(recordings.to_path_buf()),
            sets: Sets::new(folder.join("scratch")),
            ledger: Ledger::new(folder),
            settings: settings.clone(),
            status,
            alarms: Arc::clone(alarms),
            clock,
            pace: Pace::new(settings.bytes_per_s, Arc::clone(&ending)),
            next_set: Instant::now(),
            refused: BTreeMap::new(),
            _alive: alive.clone(),
        };
        std::thread::Builder::new().name("mirror".into()).spawn(move || mirror.run())?;
    }
    Ok((Mirrors { ending, ended }, shown))
}

struct Mirror {
    settings: MirrorSettings,
    hotline: Hotline,
    ledger: Ledger,
    backlog: Backlog,
    sets: Sets,
    status: Shared,
    alarms: Arc<Alarms>,
    clock: Clock,
    pace: Pace,
    next_set: Instant,
    /// What cannot be copied as it is, and why.
    refused: BTreeMap<String, String>,
    /// Dropped when the thread ends.
    _alive: Sender<()>,
}

impl Mirror {
    fn run(mut self) {
        crate::media::lowest_priority_of_this_thread();
        let _guard = Guard { alarms: Arc::clone(&self.alarms), name: self.settings.name.clone() };
        let (mut target, mut pause) = (None, FIRST_PAUSE);
        while !self.pace.is_ending() {
            self.backlog.look(&self.ledger);
            self.count();
            let worked = self.work(&mut target);
            self.tell(worked.as_ref().err());
            let rest = match worked {
                Ok(more) => {
                    pause = FIRST_PAUSE;
                    if more { Duration::ZERO } else { LOOK }
                }
                Err(fault) => {
                    tracing::debug!(mirror = self.settings.name, %fault, again_in = ?pause, "the second copy waits");
                    let rest = pause;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    // A changed setting of the other side, a file of credentials that is there now.
                    target = None;
                    rest
                }
            };
            if self.pace.rest(rest).is_err() {
                return;
            }
        }
    }

    /// Some of what waits. True where more does.
    fn work(&mut self, slot: &mut Option<Box<dyn Target>>) -> Result<bool, Fault> {
        let target = match slot {
            Some(target) => target,
            None => slot.insert(open(&self.settings, &self.hotline.data)?),
        };
        self.manifests(&mut **target)?;
        for _ in 0..AT_ONCE {
            self.set(&mut **target)?;
            let Some((day, call)) = self.backlog.next() else { return Ok(false) };
            let folder = day.join(call.to_string());
            let name = call.to_string();
            match recording::copy(&mut **target, &self.hotline.recordings, &folder, &mut self.pace) {
                Ok(bytes) => {
                    self.acknowledged(&page(&day), &name, bytes);
                    self.backlog.done(&day, call);
                }
                Err(fault) if fault.is_of_the_place() => return Err(fault),
                // Gone by the archivist's order, between the look and now.
                Err(_) if !folder.exists() => self.backlog.done(&day, call),
                Err(fault) => {
                    self.refuse(&name, &fault);
                    self.backlog.put_off(&day, call);
                }
            }
        }
        Ok(true)
    }

    fn manifests(&mut self, target: &mut dyn Target) -> Result<(), Fault> {
        let done = self.ledger.of("manifests");
        let keep_until = self.keep_manifests();
        for name in recording::manifests(&self.hotline.recordings) {
            if done.contains(&name) || self.refused.contains_key(&name) {
                continue;
            }
            let (root, path) = (&self.hotline.recordings, self.hotline.recordings.join(&name));
            match recording::copy_file(target, root, &path, None, keep_until, &mut self.pace) {
                Ok(bytes) => self.acknowledged("manifests", &name, bytes),
                Err(fault) if fault.is_of_the_place() => return Err(fault),
                Err(fault) => self.refuse(&name, &fault),
            }
        }
        Ok(())
    }

    fn keep_manifests(&self) -> Option<Date> {
        match &self.settings.place {
            Place::Folder(_) => None,
            Place::S3(s3) => {
                let years = i64::from(s3.object_lock_years).years();
                retention::local_day(self.clock.wall()).tomorrow().ok()?.checked_add(years).ok()
            }
        }
    }

    fn acknowledged(&mut self, page: &str, name: &str, bytes: u64) {
        if let Err(error) = self.ledger.add(page, name) {
            tracing::warn!(%error, "what was copied is not written down, and will be compared again");
        }
        if self.refused.remove(name).is_some() {
            self.alarms.now(ALARM, &self.subject_of(name), false, None);
        }
        let now = self.clock.wall();
        self.status.change(|status| {
            status.copied = status.copied.saturating_add(1);
            status.copied_bytes = status.copied_bytes.saturating_add(bytes);
            status.last_copy = Some(now);
        });
    }

    fn refuse(&mut self, name: &str, fault: &Fault) {
        tracing::error!(mirror = self.settings.name, name, %fault, "not copied");
        self.alarms.now(ALARM, &self.subject_of(name), true, Some(fault.to_string()));
        self.refused.insert(name.to_owned(), fault.to_string());
    }

    fn subject_of(&self, name: &str) -> String {
        format!("{}/{name}", self.settings.name)
    }

    /// A set, where one is due.
    fn set(&mut self, target: &mut dyn Target) -> Result<(), Fault> {
        if Instant::now() < self.next_set {
            return Ok(());
        }
        let made = self.clock.wall();
        let keep = self.settings.keep_sets;
        let sets = &mut self.sets;
        let done = sets.make(target, &self.hotline, made, &mut self.pace).and_then(|()| sets.forget(target, keep));
        match done {
            Ok(()) => {
                self.next_set = Instant::now() + self.settings.set_every;
                self.status.change(|status| (status.last_set, status.set_failing) = (Some(made), None));
                Ok(())
            }
            Err(fault) if fault.is_of_the_place() => Err(fault),
            // Recordings are copied all the same.
            Err(fault) => {
                self.next_set = Instant::now() + SET_AGAIN.min(self.settings.set_every);
                self.status.change(|status| status.set_failing = Some(fault.to_string()));
                Ok(())
            }
        }
    }

    fn count(&self) {
        let Behind { recordings, bytes, oldest } = self.backlog.behind();
        self.status.change(|status| {
            (status.waiting, status.waiting_bytes, status.waiting_since) = (recordings, bytes, oldest);
        });
    }

    /// Brings status and alarm up to date.
    fn tell(&self, fault: Option<&Fault>) {
        if matches!(fault, Some(Fault::Ending)) {
            return;
        }
        self.count();
        let refused = self.refused.iter().take(NAMED).map(|(name, why)| format!("{name}: {why}")).collect();
        self.status.change(|status| {
            status.failing = fault.map(ToString::to_string);
            status.refused = refused;
        });
        let now = self.clock.wall();
        let text = alarm(&self.status.get(), &self.settings, now, matches!(fault, Some(Fault::Refused { .. })));
        self.alarms.now(ALARM, &self.settings.name, text.is_some(), text);
    }
}

/// A hotline goes on without its mirror, but not in silence.
struct Guard {
    alarms: Arc<Alarms>,
    name: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.alarms.now(ALARM, &self.name, true, Some("its thread has ended; restart the server".to_owned()));
        }
    }
}

/// What the alarm says; None where there is none. `refused`: waiting will not help.
fn alarm(status: &Status, settings: &MirrorSettings, now: Wall, refused: bool) -> Option<String> {
    let (lag, age) = (status.lag(now), status.set_age(now));
    let sets_are_late = age > settings.set_every.saturating_add(settings.alarm_after);
    if !refused && lag <= settings.alarm_after && !sets_are_late {
        return None;
    }
    let mut text = format!(
        "{} recordings, {} MiB, wait for their second copy, the oldest for {} min; the newest set is {} min old",
        status.waiting,
        status.waiting_bytes >> 20,
        lag.as_secs() / 60,
        age.as_secs() / 60
    );
    for why in [&status.failing, &status.set_failing].into_iter().flatten() {
        text = format!("{text}: {why}");
    }
    Some(text)
}
