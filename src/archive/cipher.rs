//! How an encrypted recording lies in its file: pages of 4 KiB, each encrypted and authenticated on its own,
//! so that any of them can be read, or written anew, without the others.
//!
//! ```text
//! nonce 12 | encrypted: how much of it is sound, and whether it is the last page 2 | sound 4066 | tag 16
//! ```
//!
//! The sound of all pages, one after the other, is the WAV file. A page as long as one of the system's is
//! written whole or not at all when the server dies; where the power fails in mid-write, no more than that one
//! page is lost, a quarter of a second of A-law in stereo. Each writing takes a new random nonce of 96 bits
//! (NIST SP 800-38D §8.2.2), so that a page that grows or is put right never has one twice. The name of the
//! file and the number of the page are authenticated with it: pages cannot change places. That nothing was cut
//! off is told by the last page.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit};
use sm4::Sm4;

use super::names::PartName;

/// Bytes of a page on disk.
pub const PAGE: usize = 4096;
/// Bytes of the file that a page holds.
pub const ROOM: usize = PAGE - NONCE - HEAD - TAG;

pub(super) const NONCE: usize = 12;
pub(super) const TAG: usize = 16;
const HEAD: usize = 2;
const LAST: u16 = 1 << 15;

/// What recordings are encrypted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Suite {
    /// FIPS 197, SP 800-38D.
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// GB/T 32907 in the same mode (RFC 8998).
    #[serde(rename = "sm4-gcm")]
    Sm4Gcm,
}

impl Suite {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Sm4Gcm => "sm4-gcm",
        }
    }

    /// Bytes of a key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes256Gcm => 32,
            Self::Sm4Gcm => 16,
        }
    }
}

/// A key at work. It is wiped from memory when it is dropped.
#[expect(clippy::large_enum_variant, reason = "one of the two runs, and lies behind an Arc")]
pub(super) enum Gcm {
    Aes(AesGcm<Aes256, U12>),
    Sm4(AesGcm<Sm4, U12>),
}

impl Gcm {
    /// None: the key has another length than the suite wants.
    pub(super) fn new(suite: Suite, key: &[u8]) -> Option<Self> {
        match suite {
            Suite::Aes256Gcm => AesGcm::new_from_slice(key).ok().map(Self::Aes),
            Suite::Sm4Gcm => AesGcm::new_from_slice(key).ok().map(Self::Sm4),
        }
    }

    /// In place; the tag comes back. None: it is longer than the mode bears.
    pub(super) fn encrypt(&self, nonce: &[u8; NONCE], with: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        let nonce = (*nonce).into();
        let tag = match self {
            Self::Aes(gcm) => gcm.encrypt_inout_detached(&nonce, with, text.into()),
            Self::Sm4(gcm) => gcm.encrypt_inout_detached(&nonce, with, text.into()),
        };
        tag.ok().map(Into::into)
    }

    /// In place; false where it is not what was encrypted.
    pub(super) fn decrypt(&self, nonce: &[u8; NONCE], with: &[u8], text: &mut [u8], tag: &[u8; TAG]) -> bool {
        let (nonce, tag) = ((*nonce).into(), (*tag).into());
        match self {
            Self::Aes(gcm) => gcm.decrypt_inout_detached(&nonce, with, text.into(), &tag).is_ok(),
            Self::Sm4(gcm) => gcm.decrypt_inout_detached(&nonce, with, text.into(), &tag).is_ok(),
        }
    }
}

/// A page in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// At most `ROOM`.
    pub(super) sound: Vec<u8>,
    /// Nothing follows: the file is whole.
    pub(super) is_last: bool,
}

/// Page and place in it of byte `at` of the file.
pub(super) const fn place(at: u64) -> (u64, usize) {
    (at / ROOM as u64, (at % ROOM as u64) as usize)
}

/// Encrypts a page for its place. None: it is too long.
pub(super) fn close(gcm: &Gcm, file: PartName, number: u64, nonce: &[u8; NONCE], page: &Page) -> Option<[u8; PAGE]> {
    let mut bytes = [0; PAGE];
    let (head_of, rest) = bytes.split_first_chunk_mut::<NONCE>()?;
    let (text, tag_of) = rest.split_last_chunk_mut::<TAG>()?;
    let (head, room) = text.split_first_chunk_mut::<HEAD>()?;
    room.get_mut(..page.sound.len())?.copy_from_slice(&page.sound);
    *head = (page.sound.len() as u16 | if page.is_last { LAST } else { 0 }).to_be_bytes();
    *head_of = *nonce;
    *tag_of = gcm.encrypt(nonce, &place_of(file, number), text)?;
    Some(bytes)
}

/// None: it is not what was written at this place with this key.
pub(super) fn open(gcm: &Gcm, file: PartName, number: u64, bytes: &[u8]) -> Option<Page> {
    let mut bytes: [u8; PAGE] = bytes.try_into().ok()?;
    let (nonce, rest) = bytes.split_first_chunk_mut::<NONCE>()?;
    let (text, tag) = rest.split_last_chunk_mut::<TAG>()?;
    if !gcm.decrypt(nonce, &place_of(file, number), text, tag) {
        return None;
    }
    let (head, room) = text.split_first_chunk::<HEAD>()?;
    let head = u16::from_be_bytes(*head);
    Some(Page { sound: room.get(..usize::from(head & !LAST))?.to_vec(), is_last: head & LAST != 0 })
}

fn place_of(file: PartName, number: u64) -> Vec<u8> {
    format!("hotline page 1 {file} {number}").into_bytes()
}
