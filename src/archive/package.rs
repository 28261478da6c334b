//! A recording as a package to be given out: one zip file with its sound, what is known of it, the proof that it
//! is as it was sealed, and a page that plays it without a network. It lies nowhere on this machine: whoever
//! reads it has it packed then (R72, R111).
//!
//! What is in it, and how a stranger verifies it, its own `verify.txt` tells. `SHA256SUMS` lists every other
//! file and is signed with the key of the manifests.

mod metadata;
mod packed;
mod page;
pub mod verify;
mod zip;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Sealed;
use super::chart::{Chart, Sight};
use super::export::{ExportError, Form, Rendition};
use super::manifest::chain::Name;
use super::manifest::folder::{Manifests, PUBLIC_KEY};
use super::manifest::key::Key;
use super::names::{Class, ENCRYPTED, PartName};
use super::peaks::peaks;
use super::shelf::Shelf;
use super::sidecar::SIDE_CAR;
use crate::rules::retention;
use crate::time::Wall;

pub use packed::Packed;

/// Sums of every other file, as `sha256sum` writes them; its signature beside it.
pub const SUMS: &str = "SHA256SUMS";
pub const SUMS_SIGNATURE: &str = "SHA256SUMS.sig";
/// The mix, rendered.
const MIX: &str = "audio/mix.wav";
/// As the recordings folder has them.
const RECORDING: &str = "recording";
const MANIFESTS: &str = "manifests";
/// The manifest's line of this recording, and the heads of the later manifests.
const LINE: &str = "manifests/line.json";
const CHAIN: &str = "manifests/chain.jsonl";
const VERIFY: &str = include_str!("package/verify.txt");
/// Buckets of the page's picture.
const BUCKETS: usize = 1_000;

/// What is packed, for whom, and why.
#[derive(Clone, Debug)]
pub struct Order {
    pub sealed: Sealed,
    /// Number of the ticket.
    pub ticket: Option<String>,
    /// Also the files as they were sealed.
    pub masters: bool,
    /// Also what the citizen did not hear.
    pub private: bool,
    pub who: String,
    pub purpose: String,
    pub made: Wall,
}

/// One file of a package.
pub struct Entry {
    pub name: String,
    pub from: Box<dyn Read + Send>,
}

impl Entry {
    fn of(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), from: Box::new(io::Cursor::new(bytes)) }
    }
}

/// What a manifest tells of the recording.
struct Proof {
    name: Name,
    manifest: Vec<u8>,
    signature: Vec<u8>,
    line: String,
    /// Heads of the later manifests, a line each.
    chain: String,
}

/// Opens whatever goes into the package; what is large is read when it is its turn.
pub fn pack(shelf: &Shelf, recordings: &Path, key: Key, order: &Order) -> Result<Packed, ExportError> {
    let sealed = &order.sealed;
    let folder = sealed.path.parent().unwrap_or(Path::new(""));
    let side_car = shelf.side_car(folder)?;
    let manifests = Manifests::new(recordings);
    let proof = proof(&manifests, folder, sealed)?;
    let mix = Rendition::open(shelf, sealed, Form::Mix, order.private)?;
    let length = mix.bytes();
    let mut entries = vec![
        Entry::of("verify.txt", VERIFY.as_bytes().to_vec()),
        Entry::of(PUBLIC_KEY, key.public().pem()?.into_bytes()),
    ];
    let listed = proof.as_ref().map(|proof| proof.name);
    let fields = metadata::fields(order, &side_car, listed, &key.public().id());
    entries.push(Entry::of("metadata.json", metadata::json(&fields)?));
    entries.push(Entry::of("metadata.xml", metadata::xml(&fields)));
    entries.push(Entry::of(&format!("{RECORDING}/{SIDE_CAR}"), shelf.side_car_bytes(folder)?));
    if let Some(proof) = proof {
        let file = format!("{MANIFESTS}/{}.jsonl", proof.name);
        entries.push(Entry::of(&format!("{file}.sig"), proof.signature));
        entries.push(Entry::of(&file, proof.manifest));
        entries.push(Entry::of(LINE, proof.line.into_bytes()));
        entries.push(Entry::of(CHAIN, proof.chain.into_bytes()));
    }
    let sight = Sight { private: order.private, leader: true };
    let chart = Chart::of(&side_car, sight);
    let (of_page, title) =
        (Rendition::open(shelf, sealed, Form::Mix, order.private)?, metadata::title(order, &side_car));
    let page = Late::Wanted(Box::new(move || page::page(&title, &chart, &peaks(&of_page, BUCKETS)?)));
    entries.push(Entry { name: "index.html".to_owned(), from: Box::new(page) });
    entries.push(Entry { name: MIX.to_owned(), from: Box::new(mix.part(0, length)) });
    for path in masters(order) {
        let opened = shelf.open(&path, 0, None)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = format!("{RECORDING}/{}", name.strip_suffix(ENCRYPTED).unwrap_or(name));
        entries.push(Entry { name, from: Box::new(opened.reader) });
    }
    Ok(Packed::new(entries, key))
}

/// The sealed files that are asked for, but for those that nobody asked for by right.
fn masters(order: &Order) -> impl Iterator<Item = PathBuf> {
    let files = order.sealed.parts.iter().chain(&order.sealed.tracks).filter(|_| order.masters);
    let wanted = files.filter(|path| order.private || !is_private(path));
    wanted.cloned().collect::<Vec<_>>().into_iter()
}

fn is_private(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(PartName::parse);
    name.is_none_or(|name| name.track.is_some_and(|track| track.class == Class::Private))
}

/// The manifest that lists the recording; None as long as none does.
fn proof(manifests: &Manifests, folder: &Path, sealed: &Sealed) -> io::Result<Option<Proof>> {
    let names = match manifests.names() {
        Ok((names, _)) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let first = retention::local_day(sealed.sealed_at.unwrap_or(sealed.started));
    let path = format!("\"path\":\"{}\"", folder.display());
    for name in names.iter().copied().filter(|name| name.day >= first) {
        let manifest = manifests.read(name)?;
        let text = std::str::from_utf8(&manifest).map_err(io::Error::other)?;
        let Some(line) = text.lines().find(|line| line.contains(&path)).map(str::to_owned) else { continue };
        let Some(signature) = manifests.read_signature(name)? else { continue };
        let chain = manifests.heads_after(name)?;
        return Ok(Some(Proof { name, manifest, signature, line: format!("{line}\n"), chain }));
    }
    Ok(None)
}

/// Bytes that are made when they are first read.
enum Late {
    Wanted(Box<dyn FnOnce() -> io::Result<Vec<u8>> + Send>),
    Made(io::Cursor<Vec<u8>>),
}

impl Read for Late {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Self::Wanted(_) = self
            && let Self::Wanted(make) = std::mem::replace(self, Self::Made(io::Cursor::default()))
        {
            *self = Self::Made(io::Cursor::new(make()?));
        }
        match self {
            Self::Made(bytes) => bytes.read(into),
            Self::Wanted(_) => Ok(0),
        }
    }
}
