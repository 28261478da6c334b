//! Keys of encrypted recordings. Each recording has a random one of its own, which lies beside it in
//! `call.key`, wrapped by a master key that lies elsewhere. A new master key wraps the small files anew and
//! leaves the sound alone.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sm3::{Digest, Sm3};
use zeroize::Zeroizing;

use super::cipher::{Gcm, NONCE, Suite, TAG};
use super::disk::{Disk, System};
use super::sums;
use crate::call::CallId;
use crate::hex;

/// Beside the encrypted files of a recording.
pub const KEY_FILE: &str = "call.key";
/// While it is written.
pub const NEW_KEY_FILE: &str = "call.key.new";
/// In which master keys stand where no file is named.
pub const VARIABLE: &str = "HOTLINE_MASTER_KEYS";

const FORMAT: u32 = 1;
const MASTER: usize = 32;
/// More is no key file.
const LONGEST: u64 = 64 << 10;

/// The master keys, the one for new recordings first. Never printed.
#[derive(Clone, Default)]
pub struct MasterKeys(Arc<Vec<MasterKey>>);

struct MasterKey {
    id: String,
    secret: Zeroizing<[u8; MASTER]>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}: readable by others than its owner; chmod 600 it")]
    Open(String),
    #[error("{file}, line {line}: not 64 hex digits")]
    NoKey { file: String, line: usize },
    #[error("{0}: no key in it")]
    Empty(String),
    #[error("there is none: neither does master_key_file name a file, nor is {VARIABLE} set")]
    None,
    #[error("{file}: {source}")]
    Io { file: String, source: io::Error },
}

impl MasterKeys {
    /// From a file of its owner's, one key of 64 hex digits a line, `#` before a comment. Errors name the file
    /// and tell nothing of what is in it.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let failed = |source| KeyError::Io { file: name.clone(), source };
        let mut file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(name));
        }
        if about.len() > LONGEST {
            return Err(failed(io::ErrorKind::FileTooLarge.into()));
        }
        let mut text = Zeroizing::new(String::with_capacity(about.len() as usize + 1));
        file.read_to_string(&mut text).map_err(failed)?;
        Self::of_text(&name, &text)
    }

    /// From the environment; None where it says nothing.
    pub fn of_environment() -> Option<Result<Self, KeyError>> {
        let text = Zeroizing::new(std::env::var(VARIABLE).ok()?);
        Some(Self::of_text(VARIABLE, &text))
    }

    /// The same from text; `name` goes into errors.
    pub fn of_text(name: &str, text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let secret =
                unhex::<MASTER>(line).ok_or_else(|| KeyError::NoKey { file: name.to_owned(), line: at + 1 })?;
            let mut named = Zeroizing::new(b"hotline master key ".to_vec());
            named.extend_from_slice(&*secret);
            let id = sums::sha256(&named).get(..16).unwrap_or_default().to_owned();
            keys.push(MasterKey { id, secret });
        }
        if keys.is_empty() { Err(KeyError::Empty(name.to_owned())) } else { Ok(Self(Arc::new(keys))) }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By these a key is told from others: the first 16 hex digits of a SHA-256 over it. The first is the one that
    /// new recordings get.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    fn current(&self) -> io::Result<&MasterKey> {
        self.0.first().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no master key"))
    }

    fn named(&self, id: &str) -> io::Result<&MasterKey> {
        let missing = || {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("its master key {id:.16} is not among those at hand"),
            )
        };
        self.0.iter().find(|key| key.id == id).ok_or_else(missing)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_list().entries(self.ids()).finish()
    }
}

impl MasterKey {
    /// SM4 has shorter keys: half of an SM3 over this one.
    fn gcm(&self, suite: Suite) -> Option<Gcm> {
        match suite {
            Suite::Aes256Gcm => Gcm::new(suite, &*self.secret),
            Suite::Sm4Gcm => {
                let mut sum = Sm3::new_with_prefix(b"hotline sm4 ");
                sum.update(*self.secret);
                let derived = Zeroizing::new(<[u8; 32]>::from(sum.finalize()));
                derived.get(..suite.key_len()).and_then(|key| Gcm::new(suite, key))
            }
        }
    }
}

/// The key of one recording, ready for use.
#[derive(Clone)]
pub(super) struct DataKey(Arc<Gcm>);

impl DataKey {
    pub(super) fn gcm(&self) -> &Gcm {
        &self.0
    }

    /// A key for a recording that begins, and what it is made of.
    fn random(suite: Suite) -> io::Result<(Self, Zeroizing<Vec<u8>>)> {
        let mut secret = Zeroizing::new(vec![0; suite.key_len()]);
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        Ok((Self::of(suite, &secret)?, secret))
    }

    fn of(suite: Suite, secret: &[u8]) -> io::Result<Self> {
        Gcm::new(suite, secret).map(|gcm| Self(Arc::new(gcm))).ok_or_else(damaged)
    }

    /// Makes the key of `call` and puts it, wrapped, into its folder; never over another. What comes back with it
    /// is the file, for the caller to sync.
    pub(super) fn make(
        suite: Suite,
        masters: &MasterKeys,
        folder: &Path,
        call: CallId,
        disk: &dyn Disk,
    ) -> io::Result<(Self, File)> {
        let (key, secret) = Self::random(suite)?;
        let wrapped = Wrapped::new(suite, call, masters.current()?, &secret)?;
        if folder.join(KEY_FILE).symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok((key, wrapped.put(folder, disk, false)?))
    }

    /// The key of the recording in `folder`. Err says what is wrong with it.
    pub(super) fn read(folder: &Path, masters: &MasterKeys) -> io::Result<Self> {
        // That the recording itself is not there is something else.
        let wrapped = Wrapped::read(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
            _ => error,
        })?;
        let secret = wrapped.open(masters.named(&wrapped.master)?)?;
        Self::of(wrapped.suite, &secret)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("DataKey")
    }
}

/// Wraps the key of the recording in `folder` with the first of the master keys, on the platter when it returns.
/// False: it is so already.
pub fn rewrap(folder: &Path, masters: &MasterKeys) -> io::Result<bool> {
    let (old, current) = (Wrapped::read(folder)?, masters.current()?);
    let secret = old.open(masters.named(&old.master)?)?;
    if old.master == current.id {
        return Ok(false);
    }
    let disk = System { origin: Instant::now() };
    Wrapped::new(old.suite, old.call, current, &secret)?.put(folder, &disk, true)?;
    Ok(true)
}

/// Whether the folder of an encrypted recording has a file that can be its key. Needs no master key.
pub fn look(folder: &Path) -> io::Result<()> {
    Wrapped::read(folder).map(drop)
}

/// `call.key`, as JSON.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    format: u32,
    suite: Suite,
    call: CallId,
    /// Which master key opens it.
    master: String,
    /// In hex, as the next.
    nonce: String,
    /// The recording's key, encrypted, and the tag.
    key: String,
}

impl Wrapped {
    fn new(suite: Suite, call: CallId, master: &MasterKey, secret: &[u8]) -> io::Result<Self> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let mut key = secret.to_vec();
        let mut wrap = || Some(master.gcm(suite)?.encrypt(&nonce, &bound(suite, call), &mut key));
        let tag = wrap().flatten().ok_or_else(damaged)?;
        key.extend_from_slice(&tag);
        let master = master.id.clone();
        Ok(Self { format: FORMAT, suite, call, master, nonce: hex::of(&nonce), key: hex::of(&key) })
    }

    fn read(folder: &Path) -> io::Result<Self> {
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{KEY_FILE}: {error}"));
        let path = folder.join(KEY_FILE);
        let read = || {
            let about = fs::symlink_metadata(&path)?;
            if !about.is_file() || about.len() > LONGEST {
                return Err(damaged());
            }
            let wrapped: Self = serde_json::from_slice(&fs::read(&path)?).map_err(|_| damaged())?;
            let call = folder.file_name().and_then(|name| name.to_str()?.parse::<CallId>().ok());
            if call.is_some_and(|call| call != wrapped.call) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is another recording's"));
            }
            if wrapped.format == FORMAT { Ok(wrapped) } else { Err(damaged()) }
        };
        read().map_err(told)
    }

    fn open(&self, master: &MasterKey) -> io::Result<Zeroizing<Vec<u8>>> {
        let open = || {
            let nonce = unhex::<NONCE>(&self.nonce)?;
            let mut key = Zeroizing::new(hex::read(&self.key)?);
            let (text, tag) = key.split_last_chunk_mut::<TAG>()?;
            let (tag, len) = (*tag, text.len());
            master.gcm(self.suite)?.decrypt(&nonce, &bound(self.suite, self.call), text, &tag).then_some(())?;
            key.truncate(len);
            Some(key)
        };
        open().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{KEY_FILE}: it was changed")))
    }

    /// Written aside and renamed: whoever looks finds the old one or the new one. With `sync` it is on the platter.
    fn put(&self, folder: &Path, disk: &dyn Disk, sync: bool) -> io::Result<File> {
        let aside = folder.join(NEW_KEY_FILE);
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        disk.write_at(&file, &text, 0)?;
        file.set_permissions(fs::Permissions::from_mode(0o440))?;
        if sync {
            disk.sync(&file)?;
        }
        fs::rename(&aside, folder.join(KEY_FILE))?;
        if sync {
            disk.sync(&File::open(folder)?)?;
        }
        Ok(file)
    }
}

/// What a wrapped key is good for.
fn bound(suite: Suite, call: CallId) -> Vec<u8> {
    format!("hotline key {FORMAT} {} {call}", suite.name()).into_bytes()
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no key file")
}

fn unhex<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let bytes = Zeroizing::new(hex::read(text)?);
    <[u8; N]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}
