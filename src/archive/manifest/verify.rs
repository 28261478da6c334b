//! Is the archive whole? From files alone, on any machine: the chain of manifests and their signatures,
//! and every file against the sums in them. Reads whatever is there and writes nothing; what it reads may
//! be anything.

mod look;

pub use look::is_call_folder;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::civil::Date;

use super::chain::{self, Break, Found, Name};
use super::folder::{FOLDER, Manifests};
use super::key::PublicKey;
use super::{Listed, Read};
use crate::archive::destroy::Tombstone;
use crate::archive::sums;
use crate::rules::retention;

/// Files are read by so many threads: disks answer two readers faster than one.
const THREADS: usize = 2;

/// What is looked at. The chain is always looked at as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Everything,
    Year(i16),
    /// The recordings that were sealed on that day, and those whose folder is of that day.
    Day(Date),
    /// One recording: its folder, relative to the recordings folder.
    Recording(String),
}

impl Scope {
    /// `2026/11/24/<call>`; None for any other path.
    pub fn recording(path: &str) -> Option<Self> {
        look::is_call_folder(path).then(|| Self::Recording(path.to_owned()))
    }
}

/// A manifest's SHA-256 that was kept elsewhere, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub sha256: String,
    pub day: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A break in the chain, or a manifest that is none.
    Chain,
    Signature,
    /// The chain does not hold the head that was kept elsewhere.
    Head,
    Changed,
    Missing,
    /// In no manifest.
    Added,
    /// It is there, and cannot be read, or may not be: a link, a pipe, a path that leads out.
    Unreadable,
}

impl What {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Signature => "signature",
            Self::Head => "head",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Added => "added",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One thing that is not as it should be. `path` is relative to the recordings folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    pub what: What,
    pub path: String,
    pub why: String,
}

/// A recording that is no more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gone {
    pub path: String,
    pub on: String,
    pub batch: String,
    pub approved_by: Vec<String>,
}

/// What a verification has found; the archive is whole where `faults` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub manifests: usize,
    pub first_day: Option<String>,
    pub last_day: Option<String>,
    /// SHA-256 of the last manifest.
    pub head: Option<String>,
    /// Id of the public key that the signatures were checked with.
    pub key: String,
    pub recordings: usize,
    pub files: usize,
    pub bytes: u64,
    /// Recordings that were lawfully destroyed, as a signed record proves.
    pub destroyed: usize,
    /// When and in which batch, of a day or a single recording.
    pub destroyed_on: Vec<Gone>,
    /// Recordings that were sealed after the day of the last manifest, or go on.
    pub not_yet_listed: Vec<String>,
    /// What the manifests in scope say could not be recorded.
    pub failed: Vec<super::Failed>,
    pub faults: Vec<Fault>,
}

/// Looks. Err: there is nothing to compare with.
pub fn verify(recordings: &Path, key: &PublicKey, scope: &Scope, kept: Option<&Kept>) -> io::Result<Report> {
    let manifests = Manifests::new(recordings);
    let (names, strangers) = manifests.names()?;
    if names.is_empty() {
        let why = format!("no manifest in {}", recordings.join(FOLDER).display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    let mut verifier = Verifier {
        root: recordings.to_path_buf(),
        scope: scope.clone(),
        report: Report { manifests: names.len(), key: key.id(), ..Report::default() },
        gone: HashMap::new(),
        listed: HashSet::new(),
        hasher: RandomState::new(),
    };
    let destroyed = manifests.records(key)?;
    for (path, why) in destroyed.faults {
        let path = path.strip_prefix(recordings).unwrap_or(&path).display().to_string();
        verifier.fault(What::Signature, path, why);
    }
    let tombstones = destroyed.records.into_iter().flat_map(|record| record.destroyed);
    verifier.gone = tombstones.map(|one| (one.path.clone(), one)).collect();
    for path in strangers {
        let path = path.strip_prefix(recordings).unwrap_or(&path).display().to_string();
        verifier.fault(What::Added, path, "among the manifests, and none");
    }
    let mut found: Vec<Found> = names.into_iter().filter_map(|name| verifier.manifest(&manifests, name, key)).collect();
    chain::sort(&mut found);
    verifier.chain(&found, kept);
    // Nothing can be younger than a chain of which no manifest can be read.
    let end = found.last().map_or(Date::MAX, |last| last.head.day);
    verifier.added(end);
    let mut report = verifier.report;
    report.faults.sort();
    report.faults.dedup();
    Ok(report)
}

struct Verifier {
    root: PathBuf,
    scope: Scope,
    report: Report,
    /// By their folders.
    gone: HashMap<String, Tombstone>,
    /// Paths in scope that some manifest lists, hashed: there may be millions.
    listed: HashSet<u64>,
    hasher: RandomState,
}

impl Verifier {
    fn fault(&mut self, what: What, path: String, why: impl ToString) {
        self.report.faults.push(Fault { what, path, why: why.to_string() });
    }

    /// One manifest, its signature, and the recordings in scope that it lists.
    fn manifest(&mut self, manifests: &Manifests, name: Name, key: &PublicKey) -> Option<Found> {
        let path = format!("{FOLDER}/{}", name.file());
        let bytes = match manifests.read(name) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.fault(What::Unreadable, path, error);
                return None;
            }
        };
        match manifests.read_signature(name) {
            Ok(Some(signature)) if key.has_signed(&bytes, &signature) => {}
            Ok(Some(_)) => self.fault(What::Signature, path.clone(), "it is not signed by this key as it stands"),
            Ok(None) => self.fault(What::Signature, path.clone(), "it has no signature"),
            Err(error) => self.fault(What::Signature, format!("{path}.sig"), error),
        }
        let read = match super::read(&bytes) {
            Ok(read) => read,
            Err(error) => {
                self.fault(What::Chain, path, error);
                return None;
            }
        };
        if read.head.key != key.id() {
            self.fault(What::Signature, path.clone(), format!("it names another key, {:.16}", read.head.key));
        }
        let whole = self.lists_all(&read);
        if whole {
            self.report.failed.extend(read.end.failed.iter().cloned());
        }
        let wanted: Vec<&str> = read.lines.iter().copied().filter(|line| whole || self.mentions(line)).collect();
        self.recordings(&path, &wanted);
        let sha256 = sums::sha256(&bytes);
        Some(Found { name, sha256, head: read.head })
    }

    fn lists_all(&self, read: &Read<'_>) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Year(year) => read.head.day.year() == *year,
            Scope::Day(day) => read.head.day == *day,
            Scope::Recording(_) => false,
        }
    }

    /// Whether a recording in scope may stand in this line; looked for in the text, since millions are not.
    fn mentions(&self, line: &str) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Year(year) => line.contains(&format!("\"path\":\"{year:04}/")),
            Scope::Day(day) => line.contains(&format!("\"path\":\"{}/", look::folder_of(*day))),
            Scope::Recording(path) => line.contains(&format!("\"path\":\"{path}\"")),
        }
    }

    fn recordings(&mut self, manifest: &str, lines: &[&str]) {
        let mut listed: Vec<Listed> = Vec::with_capacity(lines.len());
        for line in lines {
            match Read::recording(line) {
                Some(one) if !look::is_call_folder(&one.path) => {
                    self.fault(
                        What::Unreadable,
                        manifest.to_owned(),
                        format!("lists `{:.80}`", one.path.escape_debug()),
                    );
                }
                Some(one) => {
                    if !self.listed.insert(self.hasher.hash_one(&one.path)) {
                        self.fault(What::Chain, one.path.clone(), format!("{manifest} lists it a second time"));
                    }
                    listed.push(one);
                }
                None => self.fault(What::Chain, manifest.to_owned(), "a line lists no recording"),
            }
        }
        let looked = look_at(&self.root, &listed, &self.gone);
        let tombstones = listed.iter().filter_map(|one| self.gone.get(&one.path));
        let gone: Vec<Gone> = tombstones.map(Gone::of).collect();
        self.report.destroyed = self.report.destroyed.saturating_add(gone.len());
        if matches!(self.scope, Scope::Day(_) | Scope::Recording(_)) {
            self.report.destroyed_on.extend(gone);
        }
        self.report.recordings = self.report.recordings.saturating_add(listed.len());
        self.report.files = self.report.files.saturating_add(looked.files);
        self.report.bytes = self.report.bytes.saturating_add(looked.bytes);
        self.report.faults.extend(looked.faults);
    }

    fn chain(&mut self, found: &[Found], kept: Option<&Kept>) {
        for Break { name, missing, why } in chain::breaks(found) {
            let what = if missing { What::Missing } else { What::Chain };
            self.fault(what, format!("{FOLDER}/{}", name.file()), why);
        }
        let days: BTreeSet<Date> = found.iter().map(|one| one.name.day).collect();
        self.report.first_day = days.first().map(ToString::to_string);
        self.report.last_day = found.last().map(|last| last.head.day.to_string());
        self.report.head = found.last().map(|last| last.sha256.clone());
        let Some(kept) = kept else { return };
        let is_there = |one: &Found| one.sha256 == kept.sha256 && kept.day.is_none_or(|day| one.head.day == day);
        if !found.iter().any(is_there) {
            let path =
                kept.day.map_or_else(|| FOLDER.to_owned(), |day| format!("{FOLDER}/{}", Name { day, part: 1 }.file()));
            self.fault(
                What::Head,
                path,
                format!("no manifest has the SHA-256 that was kept elsewhere, {}", kept.sha256),
            );
        }
    }

    /// What lies in the folders in scope and is in no manifest. `end` is the day of the last one.
    fn added(&mut self, end: Date) {
        let (calls, strangers) = look::in_scope(&self.root, &self.scope);
        for (path, why) in strangers {
            // What is in the place of a listed one is named already.
            if !self.listed.contains(&self.hasher.hash_one(&path)) {
                self.fault(What::Added, path, why);
            }
        }
        for path in
            calls.into_iter().filter(|path| !self.listed.contains(&self.hasher.hash_one(path))).collect::<Vec<_>>()
        {
            match look::sealed_on(&self.root.join(&path)) {
                look::Sealed::Running => self.report.not_yet_listed.push(path),
                look::Sealed::At(at) if retention::local_day(at) > end => self.report.not_yet_listed.push(path),
                look::Sealed::At(_) => self.fault(What::Added, path, "no manifest lists it"),
                look::Sealed::Unknown => {
                    self.fault(What::Added, path, "no manifest lists it, and no side-car tells of it")
                }
            }
        }
        if let Scope::Recording(path) = self.scope.clone()
            && self.report.recordings == 0
            && self.root.join(&path).symlink_metadata().is_err()
        {
            self.fault(What::Missing, path, "it is neither there nor in any manifest");
        }
    }
}

impl Gone {
    fn of(tombstone: &Tombstone) -> Self {
        Self {
            path: tombstone.path.clone(),
            on: tombstone.destroyed.clone(),
            batch: tombstone.batch.clone(),
            approved_by: tombstone.approved_by.clone(),
        }
    }
}

/// What the threads have found together.
#[derive(Default)]
struct Looked {
    files: usize,
    bytes: u64,
    faults: Vec<Fault>,
}

fn look_at(root: &Path, listed: &[Listed], gone: &HashMap<String, Tombstone>) -> Looked {
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Looked::default()));
    let work = || {
        while let Some(one) = listed.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (bytes, faults) = match gone.get(&one.path) {
                Some(tombstone) => (0, look::destroyed(root, one, tombstone)),
                None => look::recording(root, one),
            };
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.files = sum.files.saturating_add(one.files.len());
            sum.bytes = sum.bytes.saturating_add(bytes);
            sum.faults.extend(faults);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS.min(listed.len()) {
            scope.spawn(work);
        }
        work();
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}
