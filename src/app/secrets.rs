//! Passwords of seats and the API token: made at the first start, kept in a file of their owner's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::failed;
use crate::config::{Config, SeatSettings};
use crate::whole;

/// Letters and digits that cannot be taken for one another on a phone's display.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    api_token: String,
    #[serde(default)]
    seats: BTreeMap<String, String>,
}

/// What `<data>/secrets.toml` holds, or is to hold.
#[derive(Debug)]
pub struct Secrets {
    path: PathBuf,
    file: File,
    /// What this start has made: to be shown once.
    pub fresh: Vec<(String, String)>,
}

impl Secrets {
    /// Reads the file, and makes what the configuration's seats lack. Err names the file.
    pub fn open(data: &Path, config: &Config) -> io::Result<Self> {
        let path = data.join("secrets.toml");
        let mut file = match fs::read_to_string(&path) {
            Ok(text) => read(&path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(failed(path.display())(error)),
        };
        let mut fresh = Vec::new();
        if file.api_token.is_empty() {
            file.api_token = random_word(32)?;
            fresh.push(("API token".to_string(), file.api_token.clone()));
        }
        for seat in config.seats.iter().filter(|seat| seat.password.is_none()) {
            if !file.seats.contains_key(&seat.no.0) {
                let password = random_word(16)?;
                fresh.push((format!("seat {}", seat.no.0), password.clone()));
                file.seats.insert(seat.no.0.clone(), password);
            }
        }
        Ok(Self { path, file, fresh })
    }

    /// Writes down what was made, for its owner only (0600). Not before a start has succeeded: one that fails
    /// shows nothing, and the next makes others. Err names the file.
    pub fn keep(&self) -> io::Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let text = toml::to_string(&self.file).map_err(io::Error::other)?;
        whole::write(&self.path, &text).map_err(failed(self.path.display()))
    }

    /// A seat's own password where the configuration gives one, else the one that was made.
    pub fn password(&self, seat: &SeatSettings) -> String {
        let configured = seat.password.as_ref().map(|secret| secret.reveal().to_string());
        configured.or_else(|| self.file.seats.get(&seat.no.0).cloned()).unwrap_or_default()
    }

    pub fn api_token(&self) -> &str {
        &self.file.api_token
    }

    /// The token of a server that runs (or ran) on this data folder, for the commands that ask it.
    pub fn read_token(data: &Path) -> io::Result<String> {
        let path = data.join("secrets.toml");
        let text = fs::read_to_string(&path).map_err(failed(path.display()))?;
        Ok(read(&path, &text)?.api_token)
    }
}

/// Err names the file and what is wrong, never the line: it may hold a password.
fn read(path: &Path, text: &str) -> io::Result<File> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        failed(path.display())(io::Error::new(io::ErrorKind::InvalidData, error.message().to_owned()))
    })
}

fn random_word(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let letter = |byte: &u8| char::from(ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'a'));
    Ok(bytes.iter().map(letter).collect())
}
