//! Is a package what this hotline gave out, and its recording what was sealed? From the package alone and a
//! public key; what it reads may be anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::zip::{self, Member};
use super::{CHAIN, LINE, MANIFESTS, RECORDING, SUMS, SUMS_SIGNATURE};
use crate::archive::manifest::chain::Name;
use crate::archive::manifest::folder::{LARGEST, PUBLIC_KEY, open_plain};
use crate::archive::manifest::key::{PublicKey, SIGNATURE};
use crate::archive::manifest::verify::{Fault, Kept, What};
use crate::archive::manifest::{self, Head, Line, Link, Listed};
use crate::archive::sums::sha256;
use crate::archive::{ENCRYPTED, PartLine};
use crate::hex;
use sha2::{Digest, Sha256};

/// Longest of the small texts in it.
const SMALL: u64 = 64 << 20;
/// Letters of a name that are shown.
const SHOWN: usize = 80;

/// The package is as it was given out where `faults` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Id of the call.
    pub call: Option<String>,
    /// Day of the manifest that lists it; None: none did when it was packed.
    pub manifest: Option<String>,
    /// SHA-256 of that manifest, the head of its day.
    pub manifest_sha256: Option<String>,
    /// Id of the key that signatures were checked with, and whether it came from elsewhere.
    pub key: String,
    pub key_given: bool,
    pub files: usize,
    pub bytes: u64,
    /// How many of the sealed files that the manifest lists are in it, and how many it lists.
    pub sealed_files: usize,
    pub listed_files: usize,
    pub faults: Vec<Fault>,
}

/// Looks. Err: it is no package at all, or there is no key.
pub fn verify(path: &Path, key: Option<&PublicKey>, kept: Option<&Kept>) -> io::Result<Report> {
    let file = open_plain(path)?;
    let mut verifier = Verifier::default();
    for (member, begin) in zip::members(&file)? {
        verifier.take(&file, member, begin);
    }
    let own = verifier.texts.get(PUBLIC_KEY).map(|pem| PublicKey::of_pem(&String::from_utf8_lossy(pem)));
    let is_given = key.is_some();
    let key = match (key, own) {
        (Some(key), own) => {
            if own.is_none_or(|own| own.is_ok_and(|own| own != *key)) {
                verifier.fault(What::Signature, PUBLIC_KEY, "it is not the key that was given");
            }
            key.clone()
        }
        (None, Some(own)) => own?,
        (None, None) => return Err(io::Error::other("there is no public key in it")),
    };
    verifier.report.key = key.id();
    verifier.report.key_given = is_given;
    verifier.sums(&key);
    let proven = verifier.manifest(&key);
    verifier.head(proven, kept);
    verifier.report.faults.sort();
    Ok(verifier.report)
}

#[derive(Default)]
struct Verifier {
    report: Report,
    /// SHA-256 of each file.
    found: BTreeMap<String, (u64, String)>,
    /// The files that are read and not only summed.
    texts: BTreeMap<String, Vec<u8>>,
}

impl Verifier {
    fn fault(&mut self, what: What, path: &str, why: impl ToString) {
        let path = path.escape_debug().to_string().chars().take(SHOWN).collect();
        self.report.faults.push(Fault { what, path, why: why.to_string() });
    }

    /// One file of the zip, whose bytes begin there.
    fn take(&mut self, file: &File, member: Member, begin: u64) {
        let Member { name, length, crc, .. } = member;
        if !is_plain(&name) {
            return self.fault(What::Unreadable, &name, "it is no name of a package's file");
        }
        let length = u64::from(length);
        let is_text = !name.ends_with(".wav") && length <= if name.ends_with(".jsonl") { LARGEST } else { SMALL };
        match summed(file, begin, length, is_text) {
            Ok((sum, found, text)) => {
                self.report.files = self.report.files.saturating_add(1);
                self.report.bytes = self.report.bytes.saturating_add(length);
                if found != crc {
                    self.fault(What::Changed, &name, "it is not what the zip file says");
                }
                if is_text {
                    self.texts.insert(name.clone(), text);
                }
                if self.found.insert(name.clone(), (length, sum)).is_some() {
                    self.fault(What::Added, &name, "it is there twice");
                }
            }
            Err(error) => self.fault(What::Unreadable, &name, error),
        }
    }

    /// Every file against `SHA256SUMS`, and that against its signature.
    fn sums(&mut self, key: &PublicKey) {
        let Some(text) = self.texts.get(SUMS).cloned() else {
            return self.fault(What::Missing, SUMS, "the package has no sums");
        };
        match self.texts.get(SUMS_SIGNATURE) {
            Some(signature) if signature.len() == SIGNATURE && key.has_signed(&text, signature) => {}
            Some(_) => self.fault(What::Signature, SUMS, "it is not signed by this key as it stands"),
            None => self.fault(What::Signature, SUMS, "it has no signature"),
        }
        let mut named = BTreeSet::from([SUMS.to_owned(), SUMS_SIGNATURE.to_owned()]);
        for line in String::from_utf8_lossy(&text).lines() {
            let Some((sum, name)) = line.split_once("  ") else {
                self.fault(What::Changed, SUMS, "a line of it is no sum");
                continue;
            };
            match self.found.get(name) {
                Some((_, found)) if found == sum => {}
                Some(_) => self.fault(What::Changed, name, "it is not what the package's sums say"),
                None => self.fault(What::Missing, name, "the package's sums list it"),
            }
            named.insert(name.to_owned());
        }
        let added: Vec<String> = self.found.keys().filter(|name| !named.contains(*name)).cloned().collect();
        added.iter().for_each(|name| self.fault(What::Added, name, "the package's sums do not list it"));
    }

    /// The manifest, its line, and the sealed files against it. What comes back: the heads that it proves or tells.
    fn manifest(&mut self, key: &PublicKey) -> Vec<Link> {
        let name_of = |path: &String| Name::parse(path.strip_prefix(MANIFESTS)?.strip_prefix('/')?);
        let all: Vec<(String, Name)> =
            self.texts.keys().filter_map(|path| Some((path.clone(), name_of(path)?))).collect();
        let Some((path, name)) = all.first().cloned() else { return Vec::new() };
        if all.len() > 1 {
            self.fault(What::Added, MANIFESTS, "there is more than one manifest");
        }
        let bytes = self.texts.get(&path).cloned().unwrap_or_default();
        let signature = self.texts.get(&format!("{path}.sig"));
        if !signature.is_some_and(|signature| key.has_signed(&bytes, signature)) {
            self.fault(What::Signature, &path, "it is not signed by this key as it stands");
        }
        let read = match manifest::read(&bytes) {
            Ok(read) => read,
            Err(error) => {
                self.fault(What::Chain, &path, error);
                return Vec::new();
            }
        };
        let line = self.texts.get(LINE).map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        let line = line.filter(|line| read.lines.contains(&line.as_str()));
        match line.as_deref().and_then(manifest::Read::recording) {
            Some(listed) => self.recording(&listed),
            None => self.fault(What::Missing, LINE, "the manifest has no such line"),
        }
        let own = Link { number: read.head.number, day: name.day, sha256: sha256(&bytes) };
        self.report.manifest = Some(name.to_string());
        self.report.manifest_sha256 = Some(own.sha256.clone());
        self.chain(own)
    }

    fn recording(&mut self, listed: &Listed) {
        self.report.call = Some(listed.call.to_string());
        self.report.listed_files = listed.files.len();
        for line in &listed.files {
            let path = format!("{RECORDING}/{}", given_as(line));
            // Given out decrypted, it is compared with what came out; its length is that of the sum.
            let same = |(bytes, sum): &(u64, String)| match &line.plain_sha256 {
                Some(plain) => sum == plain,
                None => (*bytes, sum) == (line.bytes, &line.sha256),
            };
            match self.found.get(&path) {
                Some(found) if same(found) => self.report.sealed_files += 1,
                Some(_) => self.fault(What::Changed, &path, "it is not what the manifest lists"),
                // Masters are in it only where they were asked for.
                None if path.ends_with(".json") => self.fault(What::Missing, &path, "the manifest lists it"),
                None => {}
            }
        }
        let own = format!("{RECORDING}/");
        let names: BTreeSet<String> = listed.files.iter().map(|line| format!("{own}{}", given_as(line))).collect();
        let strange: Vec<String> =
            self.found.keys().filter(|path| path.starts_with(&own) && !names.contains(*path)).cloned().collect();
        strange.iter().for_each(|path| self.fault(What::Added, path, "the manifest does not list it"));
    }

    /// Each head names the one before it; the manifests between are not in the package.
    fn chain(&mut self, own: Link) -> Vec<Link> {
        let text = self.texts.get(CHAIN).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default();
        let mut told = vec![own.clone()];
        let mut number = own.number;
        for line in text.lines() {
            let head = serde_json::from_str::<Line>(line);
            if let Ok(Line::Head(Head { number: next, previous: Some(previous), .. })) = head {
                let follows = previous.number == number && next == number.saturating_add(1);
                if !follows || (number == own.number && previous != own) {
                    self.fault(What::Chain, CHAIN, format!("number {next} does not follow number {number}"));
                }
                told.push(previous);
                number = next;
            } else if let Ok(last) = serde_json::from_str::<Link>(line) {
                if last.number != number || (number == own.number && last != own) {
                    self.fault(What::Chain, CHAIN, "its head is not the last of it");
                }
                told.push(last);
            } else {
                self.fault(What::Chain, CHAIN, "a line of it is no head");
            }
        }
        told
    }

    fn head(&mut self, told: Vec<Link>, kept: Option<&Kept>) {
        let Some(kept) = kept else { return };
        let is_it = |link: &Link| link.sha256 == kept.sha256 && kept.day.is_none_or(|day| link.day == day);
        if !told.iter().any(is_it) {
            self.fault(What::Head, CHAIN, format!("it leads to no head such as was kept elsewhere, {}", kept.sha256));
        }
    }
}

/// A relative path of names, none of which leads elsewhere.
fn is_plain(name: &str) -> bool {
    let parts = || name.split('/');
    !name.contains(['\0', '\\']) && parts().all(|part| !part.is_empty() && part != "." && part != "..")
}

/// SHA-256, CRC-32 and, where they are kept, the bytes.
fn summed(file: &File, begin: u64, length: u64, keep: bool) -> io::Result<(String, u32, Vec<u8>)> {
    let (mut sum, mut crc, mut kept, mut piece) = (Sha256::new(), 0, Vec::new(), vec![0; 64 << 10]);
    let mut at = 0;
    while at < length {
        let wanted = usize::try_from(length - at).unwrap_or(usize::MAX).min(piece.len());
        let piece = piece.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(piece, begin + at)?;
        sum.update(&*piece);
        crc = zip::crc32(crc, piece);
        if keep {
            kept.extend_from_slice(piece);
        }
        at += wanted as u64;
    }
    Ok((hex::of(&sum.finalize()), crc, kept))
}

/// The name of a sealed file where it is given out.
fn given_as(line: &PartLine) -> &str {
    line.file.strip_suffix(ENCRYPTED).unwrap_or(&line.file)
}
