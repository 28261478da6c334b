//! The zip format as far as a package needs it: files that are stored, never compressed, in at most 4 GiB, so
//! that any tool takes them apart. (PKWARE APPNOTE 6.3.10 §4.3)

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCAL_LEN: u64 = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
/// Lengths and sum behind the file, and a name in UTF-8.
const FLAGS: u16 = 0x0808;
/// 1980-01-01: when it was made stands in it.
const DATE: u16 = 0x0021;
/// What stands behind the last file at most: a directory of every file, and the end.
pub const LARGEST_DIRECTORY: u64 = 4 << 20;

/// A file in the zip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Where its own head begins.
    pub offset: u32,
    pub length: u32,
    pub crc: u32,
}

fn put(out: &mut Vec<u8>, fields: &[&[u8]]) {
    fields.iter().for_each(|field| out.extend_from_slice(field));
}

fn two(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}

/// Before the bytes of a file.
pub fn head(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, &[&LOCAL.to_le_bytes(), &two(20), &FLAGS.to_le_bytes(), &two(0), &two(0), &DATE.to_le_bytes()]);
    put(&mut out, &[&[0; 12], &two(name.len()), &two(0), name.as_bytes()]);
    out
}

/// Behind them.
pub fn descriptor(member: &Member) -> Vec<u8> {
    let (crc, length) = (member.crc.to_le_bytes(), member.length.to_le_bytes());
    let mut out = Vec::new();
    put(&mut out, &[&DESCRIPTOR.to_le_bytes(), &crc, &length, &length]);
    out
}

/// The directory, which begins at `offset`, and the end.
pub fn directory(members: &[Member], offset: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        let (crc, length) = (member.crc.to_le_bytes(), member.length.to_le_bytes());
        put(&mut out, &[&CENTRAL.to_le_bytes(), &two(0x031e), &two(20), &FLAGS.to_le_bytes(), &two(0), &two(0)]);
        put(&mut out, &[&DATE.to_le_bytes(), &crc, &length, &length, &two(member.name.len()), &[0; 8]]);
        // A regular file that its owner writes and its group reads.
        put(&mut out, &[&(0o100_640_u32 << 16).to_le_bytes(), &member.offset.to_le_bytes(), member.name.as_bytes()]);
    }
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
    let count = two(members.len());
    put(&mut out, &[&END.to_le_bytes(), &[0; 4], &count, &count, &length, &offset.to_le_bytes(), &two(0)]);
    out
}

/// CRC-32 of more bytes, from 0. (ISO 3309)
pub fn crc32(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |sum, byte| {
        let place = usize::from(*byte ^ sum.to_le_bytes()[0]);
        (sum >> 8) ^ TABLE.get(place).copied().unwrap_or_default()
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < table.len() {
        let mut sum = place as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "below its length, and the compiler runs it")]
        {
            table[place] = sum;
        }
        place += 1;
    }
    table
};

/// The files of a zip of this kind, and where the bytes of each begin. Err: it is none, or one of another kind.
pub fn members(file: &File) -> io::Result<Vec<(Member, u64)>> {
    let whole = file.metadata()?.len();
    let known = whole.min(LARGEST_DIRECTORY);
    let mut tail = vec![0; usize::try_from(known).unwrap_or_default()];
    file.read_exact_at(&mut tail, whole - known)?;
    let end = tail.len().checked_sub(END_LEN).and_then(|at| tail.get(at..)).ok_or_else(none)?;
    let (length, offset) = (four(end, 12)?, u64::from(four(end, 16)?));
    // Nothing lies between them, and no comment behind.
    let begins = offset.checked_sub(whole - known).and_then(|at| usize::try_from(at).ok());
    let begins = begins.filter(|at| at.saturating_add(length as usize).saturating_add(END_LEN) == tail.len());
    let mut at = begins.filter(|_| four(end, 0).is_ok_and(|sign| sign == END)).ok_or_else(none)?;
    let mut found: Vec<(Member, u64)> = Vec::new();
    let mut before = 0;
    while at < tail.len() - END_LEN {
        let entry = tail.get(at..).ok_or_else(none)?;
        let (member, length) = member(entry)?;
        let begin = u64::from(member.offset) + LOCAL_LEN + member.name.len() as u64;
        let mut head = vec![0; LOCAL_LEN as usize + member.name.len()];
        // One behind the other: no file is two, and none is read twice.
        if u64::from(member.offset) < before || begin + u64::from(member.length) > offset {
            return Err(none());
        }
        file.read_exact_at(&mut head, member.offset.into())?;
        if head != self::head(&member.name) {
            return Err(none());
        }
        before = begin + u64::from(member.length);
        found.push((member, begin));
        at += length;
    }
    Ok(found)
}

/// An entry of the directory, and its length.
fn member(entry: &[u8]) -> io::Result<(Member, usize)> {
    let known = [&CENTRAL.to_le_bytes()[..], &two(0x031e), &two(20), &FLAGS.to_le_bytes(), &two(0), &two(0)].concat();
    let length = usize::from(u16::from_le_bytes([byte(entry, 28)?, byte(entry, 29)?]));
    let name = entry.get(CENTRAL_LEN..CENTRAL_LEN + length).and_then(|name| std::str::from_utf8(name).ok());
    let (stored, whole) = (four(entry, 20)?, four(entry, 24)?);
    let plain = entry.starts_with(&known) && stored == whole && four(entry, 30)? == 0;
    let name = name.filter(|_| plain).ok_or_else(none)?.to_owned();
    let (crc, offset) = (four(entry, 16)?, four(entry, 42)?);
    Ok((Member { name, offset, length: whole, crc }, CENTRAL_LEN + length))
}

fn byte(bytes: &[u8], at: usize) -> io::Result<u8> {
    bytes.get(at).copied().ok_or_else(none)
}

fn four(bytes: &[u8], at: usize) -> io::Result<u32> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).ok_or_else(none)?;
    Ok(u32::from_le_bytes(four))
}

fn none() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no package of a hotline, or not all of it")
}
