//! The key that signs manifests: Ed25519 (RFC 8032), in the PEM of PKCS#8 (RFC 8410) that openssl reads.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::archive::sums;

/// Bytes of a signature.
pub const SIGNATURE: usize = 64;
/// More is no key.
const LONGEST: u64 = 4096;

/// The private key. Never printed.
pub struct Key(SigningKey);

/// What a stranger needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl Key {
    /// Reads the key at `path`, in a folder of its owner's; makes one where there is none, never over
    /// another file. Err names the file, and tells nothing of what is in it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        match read(path) {
            Ok(text) => Self::of_pem(&text).map_err(told),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path).map_err(told),
            Err(error) => Err(told(error)),
        }
    }

    fn of_pem(text: &str) -> io::Result<Self> {
        let bytes = KeypairBytes::from_pkcs8_pem(text).map_err(|_| no_key())?;
        Ok(Self(SigningKey::from_bytes(&bytes.secret_key)))
    }

    fn make(path: &Path) -> io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        // Without the public half, which openssl before 3.2 does not take there.
        let pair = KeypairBytes { secret_key: secret, public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        write_new(path, pem.as_bytes(), 0o600)?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    pub fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        self.0.sign(bytes).to_bytes()
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl PublicKey {
    /// The PEM file at `path`. Err names it.
    pub fn read(path: &Path) -> io::Result<Self> {
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let text = read(path).map_err(told)?;
        Self::of_pem(&text).map_err(told)
    }

    pub fn of_pem(text: &str) -> io::Result<Self> {
        VerifyingKey::from_public_key_pem(text).map(Self).map_err(|_| no_key())
    }

    pub fn pem(&self) -> io::Result<String> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(io::Error::other)
    }

    /// Short enough to be compared by eye: the first 16 hex digits of the SHA-256 of the key's DER.
    pub fn id(&self) -> String {
        let der = self.0.to_public_key_der().map(|der| sums::sha256(der.as_bytes())).unwrap_or_default();
        der.get(..16).unwrap_or_default().to_owned()
    }

    /// Whether `signature` was made by this key over these bytes.
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LONGEST {
        return Err(no_key());
    }
    fs::read_to_string(path)
}

fn no_key() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an Ed25519 key as PEM")
}

/// Written aside, synced and named; refused where the name is taken. A crash may leave it writable by its
/// owner, or what is aside, which the next attempt writes over.
pub(in crate::archive) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(&aside, path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
