//! `[[mirror]]` of `server.toml`: where the second copy goes (R71).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::rows::{Reader, Row};
use super::values;

/// One second copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorSettings {
    /// Stands in alarms, in metrics and in the name of its ledger.
    pub name: String,
    pub place: Place,
    /// Bytes read for it in a second, at most.
    pub bytes_per_s: u64,
    /// Between two sets of database, journal and configuration: at most 15 minutes (R71).
    pub set_every: Duration,
    /// Sets that stay; older ones go, where the place lets them.
    pub keep_sets: usize,
    /// Whether passwords of seats, the API token and accounts are copied too.
    pub secrets: bool,
    /// How far the copy may be behind before the alarm is raised.
    pub alarm_after: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder on another disk or machine.
    Folder(PathBuf),
    S3(S3Settings),
}

/// A bucket of any store that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// `https://…`; `http://` only with `allow_http`.
    pub endpoint: String,
    pub bucket: String,
    /// Before every key, without a slash at its ends; may be empty.
    pub prefix: String,
    pub region: String,
    /// TOML with `access_key_id` and `secret_access_key`; None: the environment's AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY.
    pub credentials_file: Option<PathBuf>,
    /// `endpoint/bucket/key` in place of `bucket.endpoint/key`.
    pub path_style: bool,
    pub allow_http: bool,
    /// Whom to trust for TLS, PEM; None: those whom the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Recordings and manifests are put with a retention that the store enforces.
    pub object_lock: Option<LockMode>,
    /// For manifests, which carry no keep-until date of their own.
    pub object_lock_years: u32,
}

/// Who may remove a locked object before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Nobody, the bucket's owner included.
    Compliance,
    /// Who has the store's right to.
    Governance,
}

impl LockMode {
    /// The store's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compliance => "COMPLIANCE",
            Self::Governance => "GOVERNANCE",
        }
    }
}

/// As it stands in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MirrorRow {
    #[serde(deserialize_with = "label")]
    name: String,
    path: Option<PathBuf>,
    endpoint: Option<String>,
    bucket: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default = "region")]
    region: String,
    credentials_file: Option<PathBuf>,
    #[serde(default = "yes")]
    path_style: bool,
    #[serde(default)]
    allow_http: bool,
    ca_file: Option<PathBuf>,
    object_lock: Option<LockMode>,
    #[serde(default = "three", deserialize_with = "values::bounded_u32::<1, 100, _>")]
    object_lock_years: u32,
    #[serde(default = "kib_per_s", deserialize_with = "values::bounded::<16, 10_485_760, _>")]
    kib_per_s: u64,
    #[serde(default = "quarter", rename = "set_every_s", deserialize_with = "values::seconds::<1, 900, _>")]
    set_every: Duration,
    #[serde(default = "sets", deserialize_with = "values::bounded::<2, 100_000, _>")]
    keep_sets: u64,
    #[serde(default)]
    secrets: bool,
    #[serde(default = "quarter", rename = "alarm_after_s", deserialize_with = "values::seconds::<1, 86_400, _>")]
    alarm_after: Duration,
}

/// Reads every `[[mirror]]`.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<MirrorSettings> {
    let rows: Vec<Row<MirrorRow>> = reader.tables("mirror");
    let mut mirrors: Vec<MirrorSettings> = Vec::new();
    for Row { line, value: row } in rows {
        let name = row.name.clone();
        if mirrors.iter().any(|known| known.name == name) {
            reader.fault(Some(line), format!("duplicate mirror {name}"));
            continue;
        }
        match mirror(row) {
            Ok(mirror) => mirrors.push(mirror),
            Err(reason) => reader.fault(Some(line), format!("mirror {name}: {reason}")),
        }
    }
    mirrors
}

fn mirror(row: MirrorRow) -> Result<MirrorSettings, &'static str> {
    let place = match (row.path, row.endpoint, row.bucket) {
        (Some(path), None, None) if row.object_lock.is_none() => Place::Folder(path),
        (Some(_), None, None) => return Err("object_lock is of S3 stores; a folder has none"),
        (None, Some(endpoint), Some(bucket)) => {
            let plain = endpoint.starts_with("http://");
            if !plain && !endpoint.starts_with("https://") {
                return Err("endpoint must begin with https:// or http://");
            }
            if plain && !row.allow_http {
                return Err("an http:// endpoint sends citizens' voices in the clear; allow_http = true if it must");
            }
            Place::S3(S3Settings {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
                bucket,
                prefix: row.prefix.trim_matches('/').to_owned(),
                region: row.region,
                credentials_file: row.credentials_file,
                path_style: row.path_style,
                allow_http: row.allow_http,
                ca_file: row.ca_file,
                object_lock: row.object_lock,
                object_lock_years: row.object_lock_years,
            })
        }
        _ => return Err("give either path, or endpoint and bucket"),
    };
    Ok(MirrorSettings {
        name: row.name,
        place,
        bytes_per_s: row.kib_per_s << 10,
        set_every: row.set_every,
        keep_sets: usize::try_from(row.keep_sets).unwrap_or(usize::MAX),
        secrets: row.secrets,
        alarm_after: row.alarm_after,
    })
}

/// It becomes the name of a folder.
fn label<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text)
    } else {
        Err(D::Error::custom("must be up to 64 of a-z, A-Z, 0-9, - and _"))
    }
}

fn region() -> String {
    "us-east-1".into()
}

const fn yes() -> bool {
    true
}

const fn three() -> u32 {
    3
}

/// Three times what 225 calls are recorded with.
const fn kib_per_s() -> u64 {
    10_240
}

const fn quarter() -> Duration {
    Duration::from_secs(900)
}

/// A day of quarters.
const fn sets() -> u64 {
    96
}
