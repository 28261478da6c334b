//! A package that is packed as it is read: it has no other place.

use std::collections::VecDeque;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::zip::{self, Member};
use super::{Entry, SUMS, SUMS_SIGNATURE};
use crate::archive::manifest::key::Key;
use crate::hex;

/// Bytes packed at a time.
const PIECE: usize = 128 << 10;

/// One that is not read to its end has no directory, and no tool takes it for whole.
pub struct Packed {
    entries: VecDeque<Entry>,
    open: Option<Open>,
    members: Vec<Member>,
    sums: String,
    key: Key,
    /// The sums are in it, and so is the directory.
    is_signed: bool,
    is_ended: bool,
    /// Bytes packed so far, and what of them is not yet read.
    at: u64,
    ready: io::Cursor<Vec<u8>>,
}

/// The file whose turn it is.
struct Open {
    member: Member,
    from: Box<dyn Read + Send>,
    sum: Sha256,
}

impl Packed {
    pub(super) fn new(entries: Vec<Entry>, key: Key) -> Self {
        Self {
            entries: entries.into(),
            open: None,
            members: Vec::new(),
            sums: String::new(),
            key,
            is_signed: false,
            is_ended: false,
            at: 0,
            ready: io::Cursor::default(),
        }
    }

    /// The next bytes; none at the end.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        if let Some(open) = &mut self.open {
            let mut piece = Vec::with_capacity(PIECE);
            (&mut open.from).take(PIECE as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                return Ok(self.close());
            }
            open.sum.update(&piece);
            open.member.crc = zip::crc32(open.member.crc, &piece);
            open.member.length = open.member.length.checked_add(piece.len() as u32).ok_or_else(too_large)?;
            return Ok(piece);
        }
        if self.entries.is_empty() && !self.is_signed {
            self.is_signed = true;
            let signature = self.key.sign(self.sums.as_bytes()).to_vec();
            let sums = std::mem::take(&mut self.sums).into_bytes();
            self.entries.extend([Entry::of(SUMS, sums), Entry::of(SUMS_SIGNATURE, signature)]);
        }
        let offset = u32::try_from(self.at).map_err(|_| too_large())?;
        match self.entries.pop_front() {
            Some(Entry { name, from }) => {
                let head = zip::head(&name);
                let member = Member { name, offset, ..Member::default() };
                self.open = Some(Open { member, from, sum: Sha256::new() });
                Ok(head)
            }
            None if self.is_ended => Ok(Vec::new()),
            None => {
                self.is_ended = true;
                Ok(zip::directory(&self.members, offset))
            }
        }
    }

    fn close(&mut self) -> Vec<u8> {
        let Some(Open { member, sum, .. }) = self.open.take() else { return Vec::new() };
        if !self.is_signed {
            self.sums.push_str(&format!("{}  {}\n", hex::of(&sum.finalize()), member.name));
        }
        let descriptor = zip::descriptor(&member);
        self.members.push(member);
        descriptor
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.ready.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        let next = self.next()?;
        self.at = self.at.saturating_add(next.len() as u64);
        self.ready = io::Cursor::new(next);
        self.ready.read(into)
    }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "it is more than a package holds, 4 GiB")
}
