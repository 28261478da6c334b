//! `<recordings>/manifests/`: which manifests are there, and how one is put there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::chain::{Last, Name};
use super::key::{Key, PublicKey, SIGNATURE, write_new};
use super::{Head, Line, Link, head_of};
use crate::archive::sums;

/// Below the recordings folder.
pub const FOLDER: &str = "manifests";
/// The public key beside the manifests.
pub const PUBLIC_KEY: &str = "archive.pub";
/// More bytes are no manifest: `MOST` recordings need less than a tenth of it.
pub const LARGEST: u64 = 512 << 20;
/// A longer first line is no head.
const LONGEST_HEAD: u64 = 64 << 10;
/// Readable by those who may read the recordings, written by nobody.
pub(super) const SEALED: u32 = 0o440;

/// The manifests of a recordings folder.
#[derive(Clone, Debug)]
pub struct Manifests {
    root: PathBuf,
}

impl Manifests {
    pub fn new(recordings: &Path) -> Self {
        Self { root: recordings.join(FOLDER) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub fn public_key(&self) -> PathBuf {
        self.root.join(PUBLIC_KEY)
    }

    pub fn path(&self, name: Name) -> PathBuf {
        self.root.join(name.file())
    }

    pub fn signature(&self, name: Name) -> PathBuf {
        self.root.join(format!("{}.sig", name.file()))
    }

    /// Every manifest that is there, by day; and what else lies among them, but for what a crash has left
    /// of a making. Err: the folder cannot be read.
    pub fn names(&self) -> io::Result<(Vec<Name>, Vec<PathBuf>)> {
        let (mut names, mut strangers) = (Vec::new(), Vec::new());
        for (year, path) in entries(&self.root)? {
            if [PUBLIC_KEY, "archive.pub.new", super::destroyed::FOLDER].contains(&year.as_str()) {
                continue;
            }
            if !path.symlink_metadata()?.is_dir() {
                strangers.push(path);
                continue;
            }
            for (file, path) in entries(&path)? {
                let plain = file.strip_suffix(".new").unwrap_or(&file);
                let plain = plain.strip_suffix(".sig").unwrap_or(plain);
                match Name::parse(plain).filter(|name| format!("{:04}", name.day.year()) == year) {
                    Some(name) if file == plain => names.push(name),
                    Some(name) if file.ends_with(".new") || self.path(name).symlink_metadata().is_ok() => {}
                    Some(_) | None => strangers.push(path),
                }
            }
        }
        names.sort_unstable();
        Ok((names, strangers))
    }

    /// A manifest's bytes. A link or a pipe is refused.
    pub fn read(&self, name: Name) -> io::Result<Vec<u8>> {
        read_plain(&self.path(name), LARGEST)
    }

    /// None: there is none.
    pub fn read_signature(&self, name: Name) -> io::Result<Option<Vec<u8>>> {
        match read_plain(&self.signature(name), SIGNATURE as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The one with the greatest number. Err: one of them cannot be read, so that nobody knows.
    pub fn last(&self) -> io::Result<Option<Last>> {
        let names = match self.names() {
            Ok((names, _)) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut last: Option<(Name, Head)> = None;
        for name in names {
            let head = self.head(name)?;
            if last.as_ref().is_none_or(|(_, last)| last.number < head.number) {
                last = Some((name, head));
            }
        }
        let Some((name, head)) = last else { return Ok(None) };
        let bytes = self.read(name)?;
        let read = super::read(&bytes).map_err(|error| unreadable(&self.path(name), &error))?;
        let link = Link { number: head.number, day: head.day, sha256: sums::sha256(&bytes) };
        Ok(Some(Last { name, link, more: read.end.more }))
    }

    fn head(&self, name: Name) -> io::Result<Head> {
        let path = self.path(name);
        let mut first = String::new();
        let told = |error: &dyn std::fmt::Display| unreadable(&path, error);
        let file = open_plain(&path).map_err(|error| told(&error))?;
        BufReader::new(file.take(LONGEST_HEAD)).read_line(&mut first).map_err(|error| told(&error))?;
        head_of(first.trim_end_matches('\n')).map_err(|error| told(&error))
    }

    /// The head lines of the manifests after this one along the chain, in their order, and at the end the
    /// last one as a link: what `archive head` prints.
    pub fn heads_after(&self, name: Name) -> io::Result<String> {
        let own = self.head(name)?.number;
        let heads: Vec<Head> = self.names()?.0.into_iter().map(|name| self.head(name)).collect::<io::Result<_>>()?;
        let mut later: Vec<Line> = heads.into_iter().filter(|head| head.number > own).map(Line::Head).collect();
        later.sort_by_key(|line| if let Line::Head(head) = line { head.number } else { 0 });
        let last = self.last()?.map(|last| last.link);
        let lines = later.iter().map(serde_json::to_string).chain(last.iter().map(serde_json::to_string));
        let text: Vec<String> = lines.collect::<Result<_, _>>()?;
        Ok(text.join("\n") + "\n")
    }

    /// The name of the next manifest of a day: none that is there is touched.
    pub fn free_name(&self, day: jiff::civil::Date) -> Option<Name> {
        let names = (1..=u32::MAX).map(|part| Name { day, part });
        names.into_iter().find(|name| self.path(*name).symlink_metadata().is_err())
    }

    /// Puts a manifest there: aside, synced, named; then its signature in the same way. A crash in between
    /// leaves one without a signature, which `sign` makes good.
    pub fn publish(&self, name: Name, bytes: &[u8], key: &Key) -> io::Result<()> {
        self.put(&self.path(name), bytes, key)
    }

    pub(super) fn put(&self, path: &Path, bytes: &[u8], key: &Key) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
            File::open(&self.root)?.sync_all()?;
        }
        write_new(path, bytes, SEALED)?;
        let mut signature = path.as_os_str().to_owned();
        signature.push(".sig");
        write_new(Path::new(&signature), &key.sign(bytes), SEALED)
    }

    /// Signs the manifest of this name where it has no signature yet.
    pub fn sign(&self, name: Name, key: &Key) -> io::Result<()> {
        if self.signature(name).symlink_metadata().is_ok() {
            return Ok(());
        }
        write_new(&self.signature(name), &key.sign(&self.read(name)?), SEALED)
    }

    /// The key at `path`, made where there is none yet, and its public half beside the manifests. Err: the
    /// manifests there were signed by another, or by one that is lost; a backup has it.
    pub fn open_key(&self, path: &Path) -> io::Result<Key> {
        let beside = self.public_key();
        let known = beside.exists().then(|| PublicKey::read(&beside)).transpose()?;
        let signed = known.is_some() || self.names().is_ok_and(|(names, _)| !names.is_empty());
        if signed && !path.exists() {
            let why = format!("{} is gone, and there are manifests of that key", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let key = Key::open(path)?;
        match known {
            Some(known) if known != key.public() => {
                let why = format!("{} is not the key of {}", path.display(), beside.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, why))
            }
            Some(_) => Ok(key),
            None => {
                DirBuilder::new().recursive(true).mode(0o750).create(&self.root)?;
                write_new(&beside, key.public().pem()?.as_bytes(), SEALED)?;
                Ok(key)
            }
        }
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
}

/// Names that are no UTF-8 come with what can be shown of them, and are no manifest's.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let all = fs::read_dir(folder)?.map(|entry| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
    });
    all.collect()
}

/// Opens a regular file for reading: no link is followed, and no pipe waited for.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::new(io::ErrorKind::InvalidInput, "it is a link, which is not followed"),
        _ => error,
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

pub(super) fn read_plain(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let file = open_plain(path)?;
    if file.metadata()?.len() > largest {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    let mut bytes = Vec::new();
    file.take(largest).read_to_end(&mut bytes)?;
    Ok(bytes)
}
