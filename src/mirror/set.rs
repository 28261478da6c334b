//! A set: what, beside recordings and manifests, makes a hotline: database, journal, audit log and
//! configuration, as they were at one time.
//!
//! The database is copied first and the journal after it, so that the journal reaches further and the next
//! start carries it on. For that reason a segment of the journal may be removed at any time: its entries
//! are in the database by then, and so in every later set.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::run::Hotline;
use super::{Fault, Pace, Source, Target, ensure, sum_of};
use crate::store::sqlite;
use crate::time::Wall;

/// The version of the format that this program writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;
/// Beside what the copy itself takes, so much must stay free for recordings, bytes.
const ROOM: u64 = 1 << 30;

/// A database that takes longer to copy is not in every set anew, but after so many times as long: the sets
/// between name the last copy, and the journal tells what came since.
const LONG: Duration = Duration::from_secs(10);
const REST: u32 = 10;
/// Files of the data folder that a set has.
const PLAIN: [&str; 2] = ["merged-numbers.toml", "archive-head"];
/// Those that it has where the owner wants them there. Keys never are: whoever has the copy could forge it.
const SECRET: [&str; 2] = ["secrets.toml", "accounts.toml"];

/// `sets/<time>.json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Set {
    pub format: u32,
    pub made: Wall,
    pub hotline: String,
    /// Of the program that made it.
    pub version: String,
    pub files: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Line {
    /// `data/hotline.sqlite`, `config/sip-configs/server.toml`: below the folder of a restore.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Where an object of that content lies.
pub(super) fn object(sha256: &str) -> String {
    format!("objects/{sha256}")
}

/// Makes sets, one after the other.
pub(super) struct Sets {
    /// For copies of what grows while it is read; emptied before each set.
    scratch: PathBuf,
    /// Files that have not changed since they were hashed: size, time, SHA-256.
    hashed: BTreeMap<PathBuf, (u64, SystemTime, String)>,
    /// What is known to lie there.
    there: BTreeSet<String>,
    /// The last copy of the database that took long.
    database: Option<Copied>,
}

/// A copy of the database that later sets have too, with the journal that goes on from it.
struct Copied {
    line: Line,
    made: Instant,
    took: Duration,
    /// The oldest segment of the journal then: while it is there, so is all that followed.
    oldest: Option<String>,
}

impl Sets {
    pub fn new(scratch: PathBuf) -> Self {
        Self { scratch, hashed: BTreeMap::new(), there: BTreeSet::new(), database: None }
    }

    /// Copies all that belongs to a set, and its list last: where that is, the set is whole.
    pub fn make(&mut self, target: &mut dyn Target, of: &Hotline, made: Wall, pace: &mut Pace) -> Result<(), Fault> {
        empty(&self.scratch)?;
        let mut files = vec![self.database(target, of, pace)?];
        for (name, path) in listed(of) {
            files.push(self.file(target, name, &path, pace)?);
        }
        let set = Set {
            format: FORMAT,
            made,
            hotline: of.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files,
        };
        let path = self.scratch.join("set.json");
        let text = serde_json::to_vec_pretty(&set).map_err(io::Error::from);
        text.and_then(|text| fs::write(&path, text)).map_err(Fault::here(&path))?;
        let (bytes, sha256) = sum_of(&path, pace)?;
        let mut source = Source { path: &path, bytes, sha256: &sha256, pace };
        ensure(target, &key(made), &mut source, None)?;
        empty(&self.scratch)
    }

    fn database(&mut self, target: &mut dyn Target, of: &Hotline, pace: &mut Pace) -> Result<Line, Fault> {
        let began = Instant::now();
        let oldest = below(&of.data.join("journal")).into_iter().map(|(name, _)| name).next();
        let still =
            |copied: &&Copied| copied.oldest == oldest && copied.made.elapsed() < copied.took.saturating_mul(REST);
        if let Some(copied) = self.database.as_ref().filter(still) {
            return Ok(copied.line.clone());
        }
        let copy = self.scratch.join("hotline.sqlite");
        let database = of.data.join("hotline.sqlite");
        let needed = fs::metadata(&database).map_err(Fault::here(&database))?.len().saturating_add(ROOM);
        if crate::app::watch::free_bytes(&self.scratch).is_some_and(|free| free < needed) {
            return Err(Fault::Database(format!("{} MiB must be free in {}", needed >> 20, self.scratch.display())));
        }
        back_up(&database, &copy)?;
        let line = self.send(target, "data/hotline.sqlite".to_owned(), &copy, pace)?;
        let took = began.elapsed();
        self.database = (took > LONG).then(|| Copied { line: line.clone(), made: Instant::now(), took, oldest });
        Ok(line)
    }

    /// A file of the running server: as far as it goes now.
    fn file(&mut self, target: &mut dyn Target, name: String, path: &Path, pace: &mut Pace) -> Result<Line, Fault> {
        let found = fs::metadata(path).map_err(Fault::here(path))?;
        let (bytes, changed) = (found.len(), found.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        if let Some((len, at, sha256)) = self.hashed.get(path)
            && (*len, *at) == (bytes, changed)
            && self.there.contains(sha256)
        {
            return Ok(Line { name, bytes, sha256: sha256.clone() });
        }
        let copy = self.scratch.join("file");
        let mut from = File::open(path).map_err(Fault::here(path))?.take(bytes);
        let copied = File::create(&copy).and_then(|mut to| io::copy(&mut from, &mut to));
        copied.map_err(Fault::here(path))?;
        let line = self.send(target, name, &copy, pace)?;
        self.hashed.insert(path.to_path_buf(), (bytes, changed, line.sha256.clone()));
        Ok(line)
    }

    fn send(&mut self, target: &mut dyn Target, name: String, copy: &Path, pace: &mut Pace) -> Result<Line, Fault> {
        let (bytes, sha256) = sum_of(copy, &mut pace.unbridled())?;
        let mut source = Source { path: copy, bytes, sha256: &sha256, pace };
        ensure(target, &object(&sha256), &mut source, None)?;
        self.there.insert(sha256.clone());
        Ok(Line { name, bytes, sha256 })
    }

    /// Removes the oldest sets beyond `keep`, and what none of those that stay is made of.
    pub fn forget(&mut self, target: &mut dyn Target, keep: usize) -> Result<(), Fault> {
        if !target.forgets() {
            return Ok(());
        }
        let sets = target.keys("sets/")?;
        // Some more than asked for, so that not every set lists them all anew.
        if sets.len() <= keep.saturating_add(keep / 8) {
            return Ok(());
        }
        let (old, stay) = sets.split_at(sets.len().saturating_sub(keep));
        old.iter().try_for_each(|key| target.remove(key))?;
        let mut used = BTreeSet::new();
        for key in stay {
            used.extend(read(target, key)?.files.iter().map(|line| object(&line.sha256)));
        }
        for key in target.keys("objects/")?.iter().filter(|key| !used.contains(*key)) {
            target.remove(key)?;
        }
        self.there.clear();
        self.database = None;
        Ok(())
    }
}

/// `sets/20261124T003000.000Z.json`: in the order of time.
fn key(made: Wall) -> String {
    let at = jiff::Timestamp::from_millisecond(made.0).unwrap_or_default();
    format!("sets/{}.json", at.strftime("%Y%m%dT%H%M%S%.3fZ"))
}

/// The set of that key.
pub(super) fn read(target: &mut dyn Target, key: &str) -> Result<Set, Fault> {
    let place = target.place();
    let away = |why: String| Fault::Away { place, why: format!("{key}: {why}") };
    let mut text = Vec::new();
    let read = target.read(key)?.read_to_end(&mut text).map_err(|error| error.to_string());
    let set = read.and_then(|_| serde_json::from_slice::<Set>(&text).map_err(|error| error.to_string()));
    match set {
        Ok(set) if set.format == FORMAT => Ok(set),
        Ok(set) => Err(away(format!("a newer program made it (format {})", set.format))),
        Err(why) => Err(away(why)),
    }
}

/// Name in the set and path here of all that is to be copied but for the database.
fn listed(of: &Hotline) -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for folder in ["journal", "audit"] {
        all.extend(
            below(&of.data.join(folder)).into_iter().map(|(name, path)| (format!("data/{folder}/{name}"), path)),
        );
    }
    let secrets: &[&str] = if of.secrets { &SECRET } else { &[] };
    for name in PLAIN.iter().chain(secrets) {
        let path = of.data.join(name);
        all.extend(path.exists().then(|| (format!("data/{name}"), path)));
    }
    for folder in ["sip-configs", "dialplan"] {
        let Some(config) = &of.config else { continue };
        let files =
            below(&config.join(folder)).into_iter().filter(|(_, path)| !is_the_same(path, of.not_copied.as_deref()));
        all.extend(files.map(|(name, path)| (format!("config/{folder}/{name}"), path)));
    }
    all
}

/// Whatever way each is written.
fn is_the_same(path: &Path, other: Option<&Path>) -> bool {
    let other = other.and_then(|other| other.canonicalize().ok());
    other.is_some() && path.canonicalize().ok() == other
}

/// The files below a folder, by name.
fn below(root: &Path) -> Vec<(String, PathBuf)> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() => {
                    let name = path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned);
                    found.extend(name.map(|name| (name, path)));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// A copy as of one moment, while the server writes on.
fn back_up(database: &Path, copy: &Path) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::Database(error.to_string()))?;
    runtime.block_on(sqlite::back_up(database, copy)).map_err(|error| Fault::Database(error.to_string()))
}

/// A folder of its own with nothing in it.
fn empty(scratch: &Path) -> Result<(), Fault> {
    match fs::remove_dir_all(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Fault::here(scratch)(error)),
        Ok(()) | Err(_) => {}
    }
    DirBuilder::new().recursive(true).mode(0o700).create(scratch).map_err(Fault::here(scratch))
}
