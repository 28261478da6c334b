//! The record of a batch that was carried out (销毁清册): what was destroyed, when, on what basis and by whose
//! approval, and what stayed. `manifests/destroyed/2029/<batch>.jsonl`, signed like a manifest; each names
//! the one before it.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder::{LARGEST, Manifests, SEALED, entries, read_plain};
use super::key::{Key, PublicKey, SIGNATURE, write_new};
use super::{FORMAT, Unreadable};
use crate::archive::destroy::Tombstone;
use crate::archive::sums;
use crate::call::CallId;
use crate::rules::destruction::Approval;

/// Below the manifests.
pub const FOLDER: &str = "destroyed";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Head(Box<Head>),
    Destroyed(Box<Tombstone>),
    Kept(Kept),
    End(End),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    pub batch: String,
    pub hotline: String,
    /// Version of the classes by which the list was made.
    pub schedule: String,
    /// SHA-256 of the list that was approved.
    pub list: String,
    pub proposed_by: String,
    pub approved_by: Vec<String>,
    pub carried_out_by: String,
    /// Chinese time.
    pub made: String,
    /// The record before this one, and its SHA-256.
    pub previous: Option<Previous>,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub number: u64,
    pub batch: String,
    pub sha256: String,
}

/// What was on the list and is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub path: String,
    pub call: CallId,
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub destroyed: usize,
    pub kept: usize,
    pub bytes: u64,
}

/// A record as it lies there.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub head: Head,
    pub sha256: String,
    pub destroyed: Vec<Tombstone>,
}

/// The whole file.
pub fn text(head: Head, destroyed: Vec<Tombstone>, kept: Vec<Kept>) -> Result<Vec<u8>, serde_json::Error> {
    let bytes = destroyed.iter().flat_map(|one| &one.files).map(|file| file.bytes).fold(0, u64::saturating_add);
    let end = End { destroyed: destroyed.len(), kept: kept.len(), bytes };
    let lines = [Line::Head(Box::new(head))].into_iter();
    let lines = lines.chain(destroyed.into_iter().map(|one| Line::Destroyed(Box::new(one))));
    let lines = lines.chain(kept.into_iter().map(Line::Kept)).chain([Line::End(end)]);
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    Ok(text)
}

pub fn parse(bytes: &[u8]) -> Result<Record, Unreadable> {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')).ok_or(Unreadable::Torn)?;
    let (mut head, mut end, mut destroyed, mut kept) = (None, None, Vec::new(), 0);
    for (number, line) in (1..).zip(text.split('\n')) {
        match serde_json::from_str(line) {
            Ok(Line::Head(found)) if number == 1 && found.format == FORMAT => head = Some(*found),
            Ok(Line::Head(found)) if number == 1 => return Err(Unreadable::Format(found.format)),
            Ok(Line::Destroyed(one)) if end.is_none() => destroyed.push(*one),
            Ok(Line::Kept(_)) if end.is_none() => kept += 1,
            Ok(Line::End(found)) if end.is_none() => end = Some(found),
            Ok(Line::Head(_) | Line::Destroyed(_) | Line::Kept(_) | Line::End(_)) | Err(_) => {
                return Err(Unreadable::Line(number));
            }
        }
    }
    let head = head.ok_or(Unreadable::Line(1))?;
    let end = end.ok_or(Unreadable::Torn)?;
    if (end.destroyed, end.kept) != (destroyed.len(), kept) {
        let (said, are) = (end.destroyed.saturating_add(end.kept), destroyed.len().saturating_add(kept));
        return Err(Unreadable::Count { said, are });
    }
    Ok(Record { head, sha256: sums::sha256(bytes), destroyed })
}

impl Record {
    /// 1, 2, 3 … along the chain.
    pub fn number(&self) -> u64 {
        self.head.previous.as_ref().map_or(1, |previous| previous.number.saturating_add(1))
    }

    /// What in it was not lawful, by its own account.
    pub fn faults(&self) -> Vec<String> {
        let approval =
            Approval { proposed_by: self.head.proposed_by.clone(), approved_by: self.head.approved_by.clone() };
        let mut faults = Vec::new();
        if !approval.is_whole() {
            faults.push("two people have not approved it".to_owned());
        }
        for one in &self.destroyed {
            let day = one.destroyed.get(..10).unwrap_or_default();
            if one.keep_until.as_str() > day {
                faults.push(format!("{}: destroyed on {day}, to be kept until {}", one.path, one.keep_until));
            }
            if one.batch != self.head.batch {
                faults.push(format!("{}: of another batch, {:.40}", one.path, one.batch));
            }
        }
        faults
    }
}

/// All records, in the order of their chain; and what is wrong with them, by path.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub records: Vec<Record>,
    pub faults: Vec<(PathBuf, String)>,
}

impl Manifests {
    /// `2029-11-24-1f3a`.
    pub fn record(&self, batch: &str) -> PathBuf {
        self.root().join(FOLDER).join(batch.get(..4).unwrap_or("0000")).join(format!("{batch}.jsonl"))
    }

    /// The record of a batch; None where there is none.
    pub fn read_record(&self, batch: &str) -> io::Result<Option<Record>> {
        match read_plain(&self.record(batch), LARGEST) {
            Ok(bytes) => parse(&bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a record there, and its signature.
    pub fn publish_record(&self, batch: &str, bytes: &[u8], key: &Key) -> io::Result<()> {
        self.put(&self.record(batch), bytes, key)
    }

    /// What a crash has left without its signature gets it.
    pub fn sign_record(&self, batch: &str, key: &Key) -> io::Result<()> {
        let path = self.record(batch);
        let signature = path.with_extension("jsonl.sig");
        if signature.symlink_metadata().is_ok() {
            return Ok(());
        }
        write_new(&signature, &key.sign(&read_plain(&path, LARGEST)?), SEALED)
    }

    /// The newest of the chain.
    pub fn last_record(&self, key: &PublicKey) -> io::Result<Option<Previous>> {
        let found = self.records(key)?;
        let last = found.records.last();
        Ok(last.map(|last| Previous {
            number: last.number(),
            batch: last.head.batch.clone(),
            sha256: last.sha256.clone(),
        }))
    }

    /// Err: the folder cannot be read.
    pub fn records(&self, key: &PublicKey) -> io::Result<Found> {
        let mut found = Found::default();
        let root = self.root().join(FOLDER);
        let years = match entries(&root) {
            Ok(years) => years,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for (_, year) in years {
            let files = entries(&year).unwrap_or_default();
            for (name, path) in files.iter().filter(|(name, _)| !is_beside(name)) {
                match one(path, name, key) {
                    Ok(record) => found.records.push(record),
                    Err(why) => found.faults.push((path.clone(), why)),
                }
            }
        }
        found.records.sort_by_key(Record::number);
        let mut before: Option<Previous> = None;
        for record in &found.records {
            if record.head.previous != before {
                let why = "it does not follow the record before it: one is missing, or was put in";
                found.faults.push((self.record(&record.head.batch), why.to_owned()));
            }
            before = Some(Previous {
                number: record.number(),
                batch: record.head.batch.clone(),
                sha256: record.sha256.clone(),
            });
            let path = self.record(&record.head.batch);
            found.faults.extend(record.faults().into_iter().map(|why| (path.clone(), why)));
        }
        Ok(found)
    }
}

fn is_beside(name: &str) -> bool {
    name.ends_with(".sig") || name.ends_with(".new")
}

fn one(path: &std::path::Path, name: &str, key: &PublicKey) -> Result<Record, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let bytes = read_plain(path, LARGEST).map_err(|error| told(&error))?;
    let record = parse(&bytes).map_err(|error| told(&error))?;
    if format!("{}.jsonl", record.head.batch) != name {
        return Err("its name is not that of its batch".to_owned());
    }
    let signature = read_plain(&path.with_extension("jsonl.sig"), SIGNATURE as u64);
    match signature {
        Ok(signature) if key.has_signed(&bytes, &signature) => Ok(record),
        Ok(_) => Err("it is not signed by this key as it stands".to_owned()),
        Err(error) => Err(format!("no signature: {error}")),
    }
}
