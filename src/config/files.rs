//! Where the texts come from: a folder, or the examples that are compiled in.

use std::fs;
use std::path::Path;

use super::Fault;

/// A file's text and the name under which faults speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub file: String,
    pub text: String,
}

impl Text {
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    pub server: Text,
    pub trunks: Text,
    pub seats: Text,
    pub numbers: Text,
    pub queues: Text,
    pub units: Text,
    pub leaders: Text,
    pub emergency: Text,
    pub retention: Text,
}

/// A shipped file: where `hotline init` puts it, where it lies in the sources, and its text.
pub struct Shipped {
    pub path: &'static str,
    pub source: &'static str,
    pub text: &'static str,
}

macro_rules! shipped {
    ($path:literal from $source:literal) => {
        Shipped { path: $path, source: $source, text: include_str!(concat!("../../", $source)) }
    };
}

pub const SERVER: Shipped = shipped!("sip-configs/server.toml" from "sip-configs/server.example.toml");
pub const TRUNKS: Shipped = shipped!("sip-configs/trunks.toml" from "sip-configs/trunks.example.toml");
pub const SEATS: Shipped = shipped!("sip-configs/seats.toml" from "sip-configs/seats.example.toml");
pub const NUMBERS: Shipped = shipped!("dialplan/numbers.toml" from "dialplan/numbers.toml");
pub const QUEUES: Shipped = shipped!("dialplan/queues.toml" from "dialplan/queues.toml");
pub const UNITS: Shipped = shipped!("dialplan/units.toml" from "dialplan/units.example.toml");
pub const LEADERS: Shipped = shipped!("dialplan/leaders.toml" from "dialplan/leaders.example.toml");
pub const EMERGENCY: Shipped = shipped!("dialplan/emergency.toml" from "dialplan/emergency.example.toml");
pub const RETENTION: Shipped = shipped!("dialplan/retention.toml" from "dialplan/retention.toml");
/// What the owner's own recordings beside it are called.
pub const PROMPTS: Shipped = shipped!("dialplan/prompts/README.md" from "dialplan/prompts/README.md");
pub const ALL: [&Shipped; 10] =
    [&SERVER, &TRUNKS, &SEATS, &NUMBERS, &QUEUES, &UNITS, &LEADERS, &EMERGENCY, &RETENTION, &PROMPTS];

impl Shipped {
    /// How faults speak of it in the configuration of this folder, or in the embedded one.
    pub fn named(&self, dir: Option<&Path>) -> String {
        dir.map_or_else(|| self.source.to_owned(), |dir| dir.join(self.path).display().to_string())
    }
}

impl Texts {
    pub fn embedded() -> Self {
        let text = |shipped: &Shipped| Text::new(shipped.named(None), shipped.text);
        Self {
            server: text(&SERVER),
            trunks: text(&TRUNKS),
            seats: text(&SEATS),
            numbers: text(&NUMBERS),
            queues: text(&QUEUES),
            units: text(&UNITS),
            leaders: text(&LEADERS),
            emergency: text(&EMERGENCY),
            retention: text(&RETENTION),
        }
    }

    /// The nine files below this folder; each one that is missing or unreadable is a fault, but for
    /// `retention.toml`, which older folders have not: without it three years hold for all.
    pub fn of(dir: &Path) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut read = |shipped: &Shipped| {
            let path = dir.join(shipped.path);
            let file = shipped.named(Some(dir));
            let found = match fs::read_to_string(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && shipped.path == RETENTION.path => {
                    Ok(shipped.text.to_owned())
                }
                found => found,
            };
            let text = found.unwrap_or_else(|error| {
                let hint = match error.kind() {
                    std::io::ErrorKind::NotFound => "; `hotline init FOLDER` writes the examples",
                    _ => "",
                };
                faults.push(Fault { file: file.clone(), line: None, reason: format!("cannot be read: {error}{hint}") });
                String::new()
            });
            Text { file, text }
        };
        let texts = Self {
            server: read(&SERVER),
            trunks: read(&TRUNKS),
            seats: read(&SEATS),
            numbers: read(&NUMBERS),
            queues: read(&QUEUES),
            units: read(&UNITS),
            leaders: read(&LEADERS),
            emergency: read(&EMERGENCY),
            retention: read(&RETENTION),
        };
        if faults.is_empty() { Ok(texts) } else { Err(faults) }
    }
}
