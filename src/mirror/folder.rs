//! A copy in a folder on another disk or machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{BLOCK, Fault, Found, Source, Target};
use crate::hex;

/// Says which disk it is: an empty mount point is not taken for the disk that belongs there.
const ID: &str = "hotline-mirror.id";
/// Of an object that is not whole yet.
const HALF: &str = ".half";

pub struct FolderTarget {
    root: PathBuf,
    /// What `ID` holds, and where this is remembered; None for reading alone.
    known: Option<PathBuf>,
}

impl FolderTarget {
    /// `memory`: a folder of the server's own.
    pub fn open(root: &Path, memory: &Path) -> Result<Self, Fault> {
        let target = Self { root: root.to_path_buf(), known: Some(memory.join("disk.id")) };
        DirBuilder::new().recursive(true).mode(0o700).create(memory).map_err(Fault::here(memory))?;
        Ok(target)
    }

    /// For a restore.
    pub fn reading(root: &Path) -> Self {
        Self { root: root.to_path_buf(), known: None }
    }

    fn away(&self, error: &io::Error) -> Fault {
        Fault::Away { place: self.place(), why: error.to_string() }
    }

    /// Whether the disk that belongs there is there.
    fn check(&self) -> Result<(), Fault> {
        let Some(known) = &self.known else { return Ok(()) };
        let mark = self.root.join(ID);
        match (fs::read_to_string(known), fs::read_to_string(&mark)) {
            (Ok(known), Ok(there)) if known == there => Ok(()),
            (Ok(_), Ok(_) | Err(_)) => {
                let why = format!("{ID} is missing or another one: is the disk mounted?");
                Err(Fault::Refused { place: self.place(), why })
            }
            (Err(_), Ok(there)) => write_new(known, &there).map_err(Fault::here(known)),
            (Err(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => self.begin(known, &mark),
            (Err(_), Err(error)) => Err(self.away(&error)),
        }
    }

    fn begin(&self, known: &Path, mark: &Path) -> Result<(), Fault> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| self.away(&io::Error::other(error)))?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_new(mark, &id).map_err(|error| self.away(&error))?;
        write_new(known, &id).map_err(Fault::here(known))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Writes all of it beside its place. Err Changed: it is not what it must be.
    fn write(&self, half: &Path, source: &mut Source<'_>) -> Result<(), Fault> {
        match fs::remove_file(half) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.away(&error)),
            Ok(()) | Err(_) => {}
        }
        let mut from = File::open(source.path).map_err(Fault::here(source.path))?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o440).open(half);
        let mut to = made.map_err(|error| self.away(&error))?;
        let (mut sum, mut block) = (Sha256::new(), vec![0; BLOCK]);
        loop {
            let count = from.read(&mut block).map_err(Fault::here(source.path))?;
            let Some(bytes) = block.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            sum.update(bytes);
            to.write_all(bytes).map_err(|error| self.away(&error))?;
            source.pace.take(count as u64)?;
        }
        if hex::of(&sum.finalize()) != source.sha256 {
            return Err(Fault::Changed(source.path.to_path_buf()));
        }
        to.sync_all().map_err(|error| self.away(&error))
    }
}

impl Target for FolderTarget {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn found(&mut self, key: &str) -> Result<Option<Found>, Fault> {
        self.check()?;
        match fs::symlink_metadata(self.path(key)) {
            Ok(file) => Ok(Some(Found { bytes: file.len(), sha256: None })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.away(&error)),
        }
    }

    fn put(&mut self, key: &str, source: &mut Source<'_>, _keep_until: Option<Date>) -> Result<(), Fault> {
        self.check()?;
        let path = self.path(key);
        // Nobody else writes here: this thread alone has the disk's mark.
        if path.symlink_metadata().is_ok() {
            return Err(Fault::Taken(key.to_owned()));
        }
        let parent = path.parent().unwrap_or(&self.root);
        let made = DirBuilder::new().recursive(true).mode(0o750).create(parent);
        made.map_err(|error| self.away(&error))?;
        let half = PathBuf::from(format!("{}{HALF}", path.display()));
        if let Err(fault) = self.write(&half, source) {
            // On a full disk its room is needed; a half that stays is written anew.
            let _ = fs::remove_file(&half);
            return Err(fault);
        }
        fs::rename(&half, &path).map_err(|error| self.away(&error))?;
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(|error| self.away(&error))
    }

    fn read<'a>(&'a mut self, key: &str) -> Result<Box<dyn Read + 'a>, Fault> {
        match File::open(self.path(key)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(self.away(&io::Error::new(error.kind(), format!("{key}: {error}")))),
        }
    }

    fn keys(&mut self, under: &str) -> Result<Vec<String>, Fault> {
        self.check()?;
        let (mut keys, mut folders) = (Vec::new(), vec![self.path(under)]);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(self.away(&error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| self.away(&error))?;
                let (path, kind) = (entry.path(), entry.file_type().map_err(|error| self.away(&error))?);
                if kind.is_dir() {
                    folders.push(path);
                } else if let Some(key) = key_of(&self.root, &path).filter(|key| !key.ends_with(HALF)) {
                    keys.push(key);
                }
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn remove(&mut self, key: &str) -> Result<(), Fault> {
        self.check()?;
        if !key.starts_with("sets/") && !key.starts_with("objects/") {
            return Err(Fault::Conflict(key.to_owned()));
        }
        let object = self.path(key);
        fs::remove_file(&object).map_err(|error| self.away(&error))
    }

    fn forgets(&self) -> bool {
        true
    }
}

fn key_of(root: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    let names = below.components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    Some(names.collect::<Option<Vec<_>>>()?.join("/"))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
