//! Makes a hotline of a second copy on an empty machine, and says whether it is whole.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{BLOCK, Fault, Target, set};
use crate::archive::manifest::folder::Manifests;
use crate::archive::manifest::key::PublicKey;
use crate::archive::manifest::verify::{Scope, verify};
use crate::archive::sidecar::{SIDE_CAR, SideCar};
use crate::hex;
use crate::store::apply::{Applier, Pace};
use crate::store::journal::{self, Journal};
use crate::store::sqlite::{Sqlite, Totals};
use crate::time::Wall;

/// For the database to follow a month of journal.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Faults that are named; the others are counted.
const NAMED: usize = 100;

/// Which recordings come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    None,
    /// Of days from this one on.
    Since(Date),
}

/// What was found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    pub hotline: String,
    /// When the set was made of which database, journal and configuration come.
    pub set_made: Wall,
    /// Newer sets that were not whole.
    pub sets_passed_over: u64,
    pub files: u64,
    pub recordings: u64,
    pub bytes: u64,
    /// When the newest recording there was sealed; None: there are none, or none were wanted.
    pub newest_recording: Option<Wall>,
    /// After the journal was carried into the database.
    pub totals: Totals,
    /// Last entry of the journal.
    pub journal: u64,
    /// Recordings whose calls the database knows and which the copy lacks, though they were wanted.
    pub missing: u64,
    /// Recordings that are there and whose calls ended after the set was made: no ticket tells of them yet.
    pub without_ticket: u64,
    /// Signed manifests that the recordings were compared with.
    pub manifests: u64,
    pub faults: Vec<String>,
    /// Also of those that are not named.
    pub fault_count: u64,
    /// What would be lost of tickets, had the machine died at this moment, seconds.
    pub rpo_s: u64,
    pub took_ms: u64,
    /// Every answered call has its ticket, and nothing was found changed or missing.
    pub whole: bool,
}

impl Report {
    fn fault(&mut self, what: String) {
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < NAMED {
            self.faults.push(what);
        }
    }
}

/// Brings everything to `to`, which must be empty or not there: `config/` and `data/` below it, to be
/// given to `hotline serve`. Err: nothing can be made of it; whatever else is amiss stands in the report.
pub fn restore(target: &mut dyn Target, to: &Path, which: Which) -> Result<Report, Fault> {
    let began = Instant::now();
    fresh(to)?;
    let mut report = Report::default();
    let set = newest_set(target, to, &mut report)?;
    (report.hotline, report.set_made) = (set.hotline, set.made);
    recordings(target, &to.join("data/recordings"), which, &mut report)?;
    if which == Which::All {
        manifests(&to.join("data/recordings"), &mut report);
    }
    check(to, which, &mut report)?;
    let since = now().0.saturating_sub(report.set_made.0);
    report.rpo_s = u64::try_from(since / 1000).unwrap_or(0);
    report.whole = report.fault_count == 0 && report.missing == 0 && report.totals.calls == report.totals.tickets;
    report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

fn fresh(to: &Path) -> Result<(), Fault> {
    DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(Fault::here(to))?;
    match fs::read_dir(to).map_err(Fault::here(to))?.next() {
        None => Ok(()),
        Some(_) => Err(Fault::here(to)(io::Error::other("the folder is not empty; nothing is written over"))),
    }
}

/// The newest set all of whose objects are there and what they were.
fn newest_set(target: &mut dyn Target, to: &Path, report: &mut Report) -> Result<set::Set, Fault> {
    let sets = target.keys("sets/")?;
    for key in sets.iter().rev() {
        let aside = to.join("incomplete");
        match bring_set(target, key, &aside, report) {
            Ok(set) => {
                for part in ["data", "config"] {
                    let from = aside.join(part);
                    if from.exists() {
                        fs::rename(&from, to.join(part)).map_err(Fault::here(&from))?;
                    }
                }
                return fs::remove_dir_all(&aside).map(|()| set).map_err(Fault::here(&aside));
            }
            Err(fault) => {
                report.sets_passed_over = report.sets_passed_over.saturating_add(1);
                report.fault(format!("{key}: {fault}"));
                fs::remove_dir_all(&aside).or_else(absent).map_err(Fault::here(&aside))?;
            }
        }
    }
    let why = match sets.len() {
        0 => "no set is there: was it a mirror's place?".to_owned(),
        count => format!("none of {count} sets is whole: {}", report.faults.join("; ")),
    };
    Err(Fault::Refused { place: target.place(), why })
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn bring_set(target: &mut dyn Target, key: &str, to: &Path, report: &mut Report) -> Result<set::Set, Fault> {
    let set = set::read(target, key)?;
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for line in &set.files {
        let path = inside(to, &line.name).ok_or_else(|| Fault::Conflict(line.name.clone()))?;
        let (len, sha256) = bring(target, &set::object(&line.sha256), &path, 0o600)?;
        if sha256 != line.sha256 || len != line.bytes {
            return Err(Fault::Conflict(set::object(&line.sha256)));
        }
        (files, bytes) = (files.saturating_add(1), bytes.saturating_add(len));
    }
    (report.files, report.bytes) = (files, bytes);
    Ok(set)
}

/// `name` comes from afar: only plain names below `root` are followed.
fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty()).then(|| root.join(name))
}

/// A new file here; its size and SHA-256.
fn bring(target: &mut dyn Target, key: &str, path: &Path, mode: u32) -> Result<(u64, String), Fault> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o750).create(parent).map_err(Fault::here(parent))?;
    }
    let place = target.place();
    let mut from = target.read(key)?;
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut to = made.map_err(Fault::here(path))?;
    let (mut sum, mut bytes, mut block) = (Sha256::new(), 0_u64, vec![0; BLOCK]);
    loop {
        let read = from.read(&mut block);
        let count = read.map_err(|error| Fault::Away { place: place.clone(), why: format!("{key}: {error}") })?;
        let Some(piece) = block.get(..count).filter(|piece| !piece.is_empty()) else { break };
        sum.update(piece);
        bytes = bytes.saturating_add(count as u64);
        to.write_all(piece).map_err(Fault::here(path))?;
    }
    to.sync_all().map_err(Fault::here(path))?;
    Ok((bytes, hex::of(&sum.finalize())))
}

/// Recordings and manifests, each compared with its seal. What is amiss is named and does not hold up the rest.
fn recordings(target: &mut dyn Target, to: &Path, which: Which, report: &mut Report) -> Result<(), Fault> {
    DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(Fault::here(to))?;
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in target.keys("recordings/")? {
        let Some((folder, name)) = key.strip_prefix("recordings/").and_then(|below| below.rsplit_once('/')) else {
            continue;
        };
        if wanted(folder, which) {
            folders.entry(folder.to_owned()).or_default().push(name.to_owned());
        }
    }
    for (folder, names) in folders {
        if folder.starts_with("manifests") {
            for name in names {
                let key = format!("{folder}/{name}");
                if let Err(fault) = bring_one(target, to, &key, report) {
                    report.fault(format!("{key}: {fault}"));
                }
            }
        } else if let Err(fault) = recording(target, to, &folder, &names, report) {
            report.fault(format!("{folder}: {fault}"));
        }
    }
    Ok(())
}

/// Manifests always.
fn wanted(folder: &str, which: Which) -> bool {
    match which {
        Which::All => true,
        Which::None => folder.starts_with("manifests"),
        Which::Since(first) => {
            let day = folder.get(..10).and_then(|day| day.replace('/', "-").parse::<Date>().ok());
            folder.starts_with("manifests") || day.is_some_and(|day| day >= first)
        }
    }
}

fn bring_one(target: &mut dyn Target, to: &Path, below: &str, report: &mut Report) -> Result<String, Fault> {
    let path = inside(to, below).ok_or_else(|| Fault::Conflict(below.to_owned()))?;
    let (bytes, sha256) = bring(target, &format!("recordings/{below}"), &path, 0o440)?;
    report.bytes = report.bytes.saturating_add(bytes);
    Ok(sha256)
}

/// One recording, the side-car last, as the seal does.
fn recording(
    target: &mut dyn Target,
    to: &Path,
    folder: &str,
    names: &[String],
    report: &mut Report,
) -> Result<(), Fault> {
    let mut sums: BTreeMap<&str, String> = BTreeMap::new();
    let beside = names.iter().map(String::as_str).filter(|name| *name != SIDE_CAR);
    for name in beside.chain([SIDE_CAR]) {
        sums.insert(name, bring_one(target, to, &format!("{folder}/{name}"), report)?);
    }
    let path = to.join(folder).join(SIDE_CAR);
    let told = SideCar::read(&path).map_err(Fault::here(&path))?;
    let Some(seal) = &told.seal else { return Err(Fault::Changed(path)) };
    for part in seal.parts.iter().chain(told.tracks.iter().flat_map(|track| &track.parts)) {
        if sums.get(part.file.as_str()) != Some(&part.sha256) {
            return Err(Fault::Changed(to.join(folder).join(&part.file)));
        }
    }
    report.recordings = report.recordings.saturating_add(1);
    report.newest_recording = report.newest_recording.max(Some(seal.ended));
    report.without_ticket = report.without_ticket.saturating_add(u64::from(seal.ended > report.set_made));
    Ok(())
}

/// Compares what was brought with the signed manifests, where there are any.
fn manifests(recordings: &Path, report: &mut Report) {
    let folder = Manifests::new(recordings);
    if !folder.names().is_ok_and(|(names, _)| !names.is_empty()) {
        return;
    }
    let verified =
        PublicKey::read(&folder.public_key()).and_then(|key| verify(recordings, &key, &Scope::Everything, None));
    match verified {
        Ok(told) => {
            report.manifests = told.manifests as u64;
            told.faults.iter().for_each(|fault| report.fault(format!("{}: {}", fault.path, fault.why)));
        }
        Err(error) => report.fault(format!("manifests: {error}")),
    }
}

/// Opens what a start would open: the journal is carried into the database, and both are counted.
fn check(to: &Path, which: Which, report: &mut Report) -> Result<(), Fault> {
    let data = to.join("data");
    let failed = |error: &dyn std::fmt::Display| Fault::Database(error.to_string());
    let clock: journal::Clock = Arc::new(now);
    let opened = Journal::open(&data.join("journal"), Arc::clone(&clock), journal::Options::default());
    let (journal, recovered) = opened.map_err(|error| failed(&error))?;
    report.journal = recovered.last;
    for (segment, byte) in &recovered.damaged {
        report.fault(format!("{}, byte {byte}: a line of the journal cannot be read", segment.display()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let totals = runtime.map_err(|error| failed(&error))?.block_on(async {
        let store = Arc::new(Sqlite::new(&data.join("hotline.sqlite")));
        store.check().await?;
        let applier = Applier::start(&journal, Arc::clone(&store), clock, Pace::default());
        journal.close();
        applier.finish(PATIENCE).await;
        let totals = store.totals().await;
        store.close().await;
        totals
    });
    report.totals = totals.map_err(|error| failed(&error))?;
    if which == Which::All {
        report.missing = report.totals.recordings.saturating_sub(report.recordings);
    }
    // On the platter before anybody relies on it.
    File::open(to).and_then(|folder| folder.sync_all()).map_err(Fault::here(to))
}

fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
