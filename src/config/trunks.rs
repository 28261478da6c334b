//! `trunks.toml`: who may deliver calls, and how each carrier wants them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::Fault;
use super::files::Text;
use super::rows::{Reader, Row};
use super::server::Listen;
use super::values::{self, Secret};
use crate::audio::codec::Codec;
use crate::call::QueueAnswer;
pub use crate::exchange::settings::AssertedIdentity;
pub use crate::exchange::source::Source;
pub use crate::rules::dialling::NumberForm;
use crate::rules::numbers::TrunkNumbers;
use crate::sip::flow::Transport;

/// Whether a SIP extension is used (RFC 3261 §8.1.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    Off,
    Supported,
    Required,
}

/// A carrier, as `trunks.toml` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub name: String,
    /// Name of the listener it uses.
    pub listen: String,
    /// Addresses or ranges it calls from; a port narrows it.
    pub sources: Vec<Source>,
    /// Where we send to: `host[:port]` in order of failover; a name without port is looked up by SRV.
    pub hosts: Vec<String>,
    /// Its listener's.
    pub transport: Transport,
    /// How long a host may be silent before the next is tried.
    pub failover_after: Duration,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Of the account, where it is not the first host.
    pub domain: Option<String>,
    pub register: bool,
    pub options_interval: Option<Duration>,
    pub channels: u32,
    pub reserved_channels: u32,
    /// With the user of our account among them where we register: a registrar may send calls to it.
    pub pilots: Vec<String>,
    pub default_code: Option<String>,
    /// What whoever dials this pilot speaks, and what all others do (R10).
    pub pilot_languages: Vec<(String, String)>,
    pub language: Option<String>,
    pub queue_answer: QueueAnswer,
    pub ring_with_180: bool,
    pub codecs: Vec<Codec>,
    /// Their order is given: it counts in our answers too.
    pub codecs_ordered: bool,
    pub ptime: u8,
    pub reliable_provisionals: Require,
    /// None: no session timer of our own (a peer's is honoured).
    pub session_expires: Option<Duration>,
    pub overload_status: u16,
    pub overload_retry_after: Option<u32>,
    pub strip_prefix: Option<String>,
    pub add_prefix: Option<String>,
    pub user_phone: bool,
    pub identity: Identity,
    /// `110`, `119` …: calls of this trunk were handed over by that platform (R30).
    pub platform: Option<String>,
    /// Where that platform sends its number of the incident, in order of preference (R29).
    pub incident_headers: Vec<String>,
}

impl Trunk {
    /// What the number table needs to know of it.
    pub fn numbers(&self) -> TrunkNumbers<'_> {
        TrunkNumbers {
            pilots: &self.pilots,
            default_code: self.default_code.as_deref(),
            strip_prefix: self.strip_prefix.as_deref(),
            pilot_languages: &self.pilot_languages,
            language: self.language.as_deref(),
        }
    }

    /// Our own number towards this carrier: the first pilot that is none but a number, else the default code.
    pub fn shown(&self) -> Option<&str> {
        let is_number = |pilot: &&String| !pilot.chars().any(char::is_alphabetic);
        self.pilots.iter().find(is_number).or(self.default_code.as_ref()).map(String::as_str)
    }
}

/// How identities are written towards a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub number_form: NumberForm,
    pub from: FromForm,
    pub asserted_identity: AssertedIdentity,
    pub diversion: bool,
}

/// Whose number stands in From.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FromForm {
    Caller,
    Pilot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrunkRow {
    #[serde(deserialize_with = "values::name")]
    name: String,
    listen: String,
    sources: Vec<Source>,
    #[serde(deserialize_with = "values::bounded_u32::<1, 100_000, _>")]
    channels: u32,
    #[serde(default)]
    hosts: Vec<String>,
    transport: Option<Transport>,
    #[serde(default = "five_seconds", rename = "failover_after_s", deserialize_with = "values::seconds::<1, 32, _>")]
    failover_after: Duration,
    username: Option<String>,
    password: Option<Secret>,
    domain: Option<String>,
    #[serde(default)]
    register: bool,
    #[serde(
        default = "half_a_minute",
        rename = "options_interval_s",
        deserialize_with = "values::seconds_or_none::<5, 3600, _>"
    )]
    options_interval: Option<Duration>,
    reserved_channels: Option<u32>,
    #[serde(default)]
    pilots: Vec<String>,
    default_code: Option<String>,
    #[serde(default, deserialize_with = "values::languages_by_name")]
    pilot_languages: Vec<(String, String)>,
    #[serde(default, deserialize_with = "values::language_given")]
    language: Option<String>,
    #[serde(default = "early_then_connect", deserialize_with = "queue_answer")]
    queue_answer: QueueAnswer,
    #[serde(default, rename = "ringing", deserialize_with = "ringing")]
    ring_with_180: bool,
    #[serde(default, deserialize_with = "values::codecs_given")]
    codecs: Option<Vec<Codec>>,
    #[serde(default = "twenty", deserialize_with = "ptime")]
    ptime: u8,
    #[serde(default = "supported")]
    reliable_provisionals: Require,
    #[serde(
        default = "half_an_hour",
        rename = "session_expires_s",
        deserialize_with = "values::seconds_or_none::<90, 86400, _>"
    )]
    session_expires: Option<Duration>,
    #[serde(default = "unavailable", deserialize_with = "overload_status")]
    overload_status: u16,
    #[serde(default, rename = "overload_retry_after_s")]
    overload_retry_after: u32,
    #[serde(default, deserialize_with = "values::digits_given")]
    strip_prefix: Option<String>,
    #[serde(default, deserialize_with = "values::digits_given")]
    add_prefix: Option<String>,
    #[serde(default)]
    user_phone: bool,
    #[serde(default = "national")]
    number_form: NumberForm,
    #[serde(default = "caller")]
    from: FromForm,
    #[serde(default = "no_identity", deserialize_with = "asserted_identity")]
    asserted_identity: AssertedIdentity,
    #[serde(default)]
    diversion: bool,
    #[serde(default, deserialize_with = "values::digits_given")]
    platform: Option<String>,
    incident_headers: Option<Vec<String>>,
}

pub fn read(text: &Text, listens: &[Row<Listen>]) -> (Vec<Row<Trunk>>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let rows: Vec<Row<TrunkRow>> = reader.tables("trunk");
    let mut trunks: Vec<Row<Trunk>> = Vec::new();
    for Row { line, value: mut row } in rows {
        let listen = listens.iter().find(|listen| listen.value.name == row.listen);
        row.transport = row.transport.or(listen.map(|listen| listen.value.transport));
        let mut refuse = |reason: &str| reader.fault(Some(line), format!("trunk {}: {reason}", row.name));
        if trunks.iter().any(|former| former.value.name == row.name) {
            refuse("duplicate trunk");
        }
        if row.sources.is_empty() && row.hosts.is_empty() {
            refuse("neither sources nor hosts: no call could come or go");
        }
        if row.reserved_channels.is_some_and(|reserved| reserved >= row.channels) {
            refuse("reserved_channels leave no channel for anybody else");
        }
        if row.register && (row.username.is_none() || row.password.is_none() || row.hosts.is_empty()) {
            refuse("register needs hosts, username and password");
        }
        if row.from == FromForm::Pilot && row.pilots.is_empty() {
            refuse("from = \"pilot\" needs pilots");
        }
        for pilot in row.pilots.iter().filter(|pilot| pilot.is_empty() || pilot.contains(char::is_whitespace)) {
            refuse(&format!("pilot `{pilot}` is empty or has a space in it"));
        }
        for (pilot, _) in row.pilot_languages.iter().filter(|(pilot, _)| !row.pilots.contains(pilot)) {
            refuse(&format!("pilot_languages names {pilot}, which is not among the pilots"));
        }
        for host in row.hosts.iter().chain(&row.domain).filter(|host| !is_host(host)) {
            refuse(&format!("`{host}` is no host or host:port"));
        }
        if row.incident_headers.is_some() && row.platform.is_none() {
            refuse("incident_headers without a platform");
        }
        for header in row.incident_headers.iter().flatten().filter(|header| !is_header(header)) {
            refuse(&format!("`{header}` is no header name"));
        }
        let trunk = Trunk::from(row);
        if !trunk.hosts.is_empty() && trunk.shown().is_none() {
            let reason = "hosts, but neither pilots nor default_code: calls out would show no number";
            reader.fault(Some(line), format!("trunk {}: {reason}", trunk.name));
        }
        trunks.push(Row { line, value: trunk });
    }
    (trunks, reader.finish())
}

impl From<TrunkRow> for Trunk {
    fn from(mut row: TrunkRow) -> Self {
        let account = row.username.as_ref().filter(|user| row.register && !row.pilots.contains(user));
        row.pilots.extend(account.cloned());
        let identity = Identity {
            number_form: row.number_form,
            from: row.from,
            asserted_identity: row.asserted_identity,
            diversion: row.diversion,
        };
        Self {
            name: row.name,
            listen: row.listen,
            sources: row.sources,
            hosts: row.hosts,
            transport: row.transport.unwrap_or(Transport::Udp),
            failover_after: row.failover_after,
            username: row.username,
            password: row.password,
            domain: row.domain,
            register: row.register,
            options_interval: row.options_interval,
            channels: row.channels,
            reserved_channels: row.reserved_channels.unwrap_or(RESERVED.min(row.channels.saturating_sub(1))),
            pilots: row.pilots,
            default_code: row.default_code,
            pilot_languages: row.pilot_languages,
            language: row.language,
            queue_answer: row.queue_answer,
            ring_with_180: row.ring_with_180,
            codecs_ordered: row.codecs.is_some(),
            codecs: row.codecs.unwrap_or_else(|| Codec::ALL.into()),
            ptime: row.ptime,
            reliable_provisionals: row.reliable_provisionals,
            session_expires: row.session_expires,
            overload_status: row.overload_status,
            overload_retry_after: (row.overload_retry_after != 0).then_some(row.overload_retry_after),
            strip_prefix: row.strip_prefix,
            add_prefix: row.add_prefix,
            user_phone: row.user_phone,
            identity,
            platform: row.platform,
            incident_headers: row.incident_headers.unwrap_or_else(|| vec!["User-to-User".into()]),
        }
    }
}

/// A token (RFC 3261 §25.1), as far as header names go.
fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// A name or an address, IPv6 in brackets, with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else { return false };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            return port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !host.is_empty() && host.bytes().all(plain) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn queue_answer<'de, D: Deserializer<'de>>(from: D) -> Result<QueueAnswer, D::Error> {
    let text = String::deserialize(from)?;
    let seconds = || text.strip_prefix("early_then_connect(")?.strip_suffix(')')?.trim().parse::<u64>().ok();
    match text.as_str() {
        "early" => Ok(QueueAnswer::Early),
        "connect" => Ok(QueueAnswer::Connect),
        _ => match seconds() {
            Some(after @ 1..=170) => Ok(QueueAnswer::EarlyThenConnect(Duration::from_secs(after))),
            // RFC 3261 timer C: a proxy gives up a call that is not answered within three minutes.
            Some(_) => Err(D::Error::custom("early_then_connect takes 1 to 170 seconds")),
            None => Err(D::Error::custom(format!("`{text}` is not early, connect or early_then_connect(seconds)"))),
        },
    }
}

fn ringing<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match u16::deserialize(from)? {
        180 => Ok(true),
        183 => Ok(false),
        other => Err(D::Error::custom(format!("{other} is neither 180 nor 183"))),
    }
}

/// `false`, `true` (our own number) or `"caller"`.
fn asserted_identity<'de, D: Deserializer<'de>>(from: D) -> Result<AssertedIdentity, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Ours(bool),
        Whose(String),
    }
    match Written::deserialize(from)? {
        Written::Ours(false) => Ok(AssertedIdentity::Off),
        Written::Ours(true) => Ok(AssertedIdentity::Ours),
        Written::Whose(word) if word == "caller" => Ok(AssertedIdentity::Caller),
        Written::Whose(word) => Err(D::Error::custom(format!("`{word}` is not true, false or \"caller\""))),
    }
}

fn ptime<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    match u8::deserialize(from)? {
        ptime @ (10 | 20 | 30 | 40 | 60) => Ok(ptime),
        other => Err(D::Error::custom(format!("{other} ms is not 10, 20, 30, 40 or 60"))),
    }
}

fn overload_status<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    match u16::deserialize(from)? {
        status @ 400..=699 => Ok(status),
        other => Err(D::Error::custom(format!("{other} is no final failure (400 to 699)"))),
    }
}

/// Of a trunk's channels, kept for emergencies (R31).
const RESERVED: u32 = 2;

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn half_a_minute() -> Option<Duration> {
    Some(Duration::from_secs(30))
}

fn half_an_hour() -> Option<Duration> {
    Some(Duration::from_secs(1800))
}

fn early_then_connect() -> QueueAnswer {
    QueueAnswer::EarlyThenConnect(Duration::from_secs(45))
}

fn twenty() -> u8 {
    20
}

fn supported() -> Require {
    Require::Supported
}

fn unavailable() -> u16 {
    503
}

fn national() -> NumberForm {
    NumberForm::National
}

fn caller() -> FromForm {
    FromForm::Caller
}

fn no_identity() -> AssertedIdentity {
    AssertedIdentity::Off
}
