//! `server.toml`: the server, its centres and its listeners.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::files::Text;
use super::mirror::{self, MirrorSettings};
use super::ports::PortRange;
use super::rows::{Reader, Row};
use super::{Fault, values};
use crate::archive::cipher::Suite;
use crate::audio::codec::Codec;
use crate::call::settings::AfterWrapUp;
use crate::rules::numbers::AreaCode;
use crate::sip::digest::Algorithm;
use crate::sip::flow::Transport;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    #[serde(deserialize_with = "values::name")]
    pub name: String,
    /// Id of the city's centre; `ticket_prefix` is its (R34).
    #[serde(deserialize_with = "values::name")]
    pub centre: String,
    #[serde(deserialize_with = "ticket_prefix")]
    pub ticket_prefix: String,
    #[serde(deserialize_with = "area_code")]
    pub area_code: AreaCode,
    /// In User-Agent and Server.
    #[serde(deserialize_with = "values::name")]
    pub user_agent: String,
    /// Digest realm.
    #[serde(deserialize_with = "values::name")]
    pub realm: String,
    /// What seats' phones are challenged with, in this order. Many phones give up on a challenge that
    /// they do not know, even beside one that they do; so SHA-256 is for halls whose phones have it.
    #[serde(deserialize_with = "digest")]
    pub digest: Vec<Algorithm>,
    /// Where the API, health and metrics listen.
    pub http: SocketAddr,
    /// `http://` address to which alarms are posted.
    #[serde(deserialize_with = "webhook")]
    pub alarm_webhook: Option<String>,
    /// `http://` address to which each day's head of the archive is posted, to be kept away from here.
    #[serde(deserialize_with = "webhook")]
    pub head_webhook: Option<String>,
    pub rtp_ports: PortRange,
    /// T_rna (R11).
    #[serde(rename = "ring_no_answer_s", deserialize_with = "values::seconds::<3, 120, _>")]
    pub ring_no_answer: Duration,
    /// T_wrap, for seats without their own.
    #[serde(rename = "wrap_up_s", deserialize_with = "values::seconds::<0, 3600, _>")]
    pub wrap_up: Duration,
    /// What a seat is when that has run out: 空闲 or 示忙.
    pub after_wrap_up: AfterWrapUp,
    /// T_rtp: silence of RTP and RTCP before a leg is asked whether it lives.
    #[serde(rename = "media_timeout_s", deserialize_with = "values::seconds::<5, 3600, _>")]
    pub media_timeout: Duration,
    /// Between two announcements to a waiting caller.
    #[serde(rename = "announce_every_s", deserialize_with = "values::seconds::<5, 600, _>")]
    pub announce_every: Duration,
    /// What seats' phones are offered, in order of preference. None: all, and an answer keeps the phone's
    /// order but for the cheaper ones.
    #[serde(deserialize_with = "values::codecs_given")]
    pub seat_codecs: Option<Vec<Codec>>,
    pub say_seat_number: bool,
    pub greeting: bool,
    pub notice: bool,
    pub recording_format: RecordingFormat,
    /// None: recordings lie there in the clear.
    #[serde(deserialize_with = "encryption")]
    pub recording_encryption: Option<Suite>,
    /// With the master keys, of which the first is for new recordings; else they stand in the environment.
    pub master_key_file: Option<PathBuf>,
    /// What `hotline trace` can look back on, MiB on disk; 0 keeps none.
    #[serde(deserialize_with = "values::bounded::<0, 1_048_576, _>")]
    pub trace_mib: u64,
    /// How fast sealed recordings are compared with their seals, KiB a second; 0 compares none (R68).
    #[serde(deserialize_with = "values::bounded::<0, 1_048_576, _>")]
    pub verify_kib_per_s: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            name: "12345".into(),
            centre: "jdz".into(),
            ticket_prefix: "JDZ".into(),
            area_code: AreaCode::jingdezhen(),
            user_agent: "hotline".into(),
            realm: "hotline".into(),
            digest: vec![Algorithm::Md5],
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            alarm_webhook: None,
            head_webhook: None,
            rtp_ports: PortRange { first: 20000, last: 29999 },
            ring_no_answer: Duration::from_secs(12),
            wrap_up: Duration::from_secs(60),
            after_wrap_up: AfterWrapUp::Idle,
            media_timeout: Duration::from_secs(30),
            announce_every: Duration::from_secs(20),
            seat_codecs: None,
            say_seat_number: true,
            greeting: true,
            notice: true,
            recording_format: RecordingFormat::Alaw,
            recording_encryption: None,
            master_key_file: None,
            trace_mib: 256,
            verify_kib_per_s: 1024,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingFormat {
    /// WAV with format tag 6.
    Alaw,
    Pcm16,
}

/// A centre (热线中心): the city's, or a county's (R13).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentreSettings {
    #[serde(deserialize_with = "values::name")]
    pub id: String,
    #[serde(deserialize_with = "values::name")]
    pub name: String,
    #[serde(deserialize_with = "ticket_prefix")]
    pub ticket_prefix: String,
}

/// Who may call in on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serves {
    Trunks,
    Seats,
    Both,
}

impl Serves {
    pub const fn trunks(self) -> bool {
        matches!(self, Self::Trunks | Self::Both)
    }

    pub const fn seats(self) -> bool {
        matches!(self, Self::Seats | Self::Both)
    }
}

/// One `[[listen]]`: a socket of ours and the addresses that legs on it advertise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub name: String,
    pub bind: SocketAddr,
    pub transport: Transport,
    pub serves: Serves,
    /// In Via and Contact; `bind` unless given. Port 0 stands for the port that the system gave to `bind`.
    pub sip_address: SocketAddr,
    /// In `c=`; the address of `sip_address` unless given.
    pub media_address: IpAddr,
    /// Where RTP sockets are bound: `media_address` unless given (NAT).
    pub media_bind: IpAddr,
    /// Listeners with the same `media_bind` share one pool of ports.
    pub rtp_ports: PortRange,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenRow {
    #[serde(deserialize_with = "values::name")]
    name: String,
    bind: SocketAddr,
    transport: Transport,
    serves: Serves,
    sip_address: Option<SocketAddr>,
    media_address: Option<IpAddr>,
    media_bind: Option<IpAddr>,
    rtp_ports: Option<PortRange>,
}

pub struct ServerFile {
    pub server: Row<ServerSettings>,
    pub centres: Vec<Row<CentreSettings>>,
    pub listens: Vec<Row<Listen>>,
    pub mirrors: Vec<MirrorSettings>,
}

impl ServerFile {
    pub(super) fn has_centre(&self, id: &str) -> bool {
        self.centres.iter().any(|centre| centre.value.id == id)
    }
}

/// The file's own content; `None` only where `[server]` could not be read.
pub fn read(text: &Text) -> (Option<ServerFile>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let server: Option<Row<ServerSettings>> = reader.table("server");
    let mut centres: Vec<Row<CentreSettings>> = reader.tables("centre");
    let rows: Vec<Row<ListenRow>> = reader.tables("listen");
    let mirrors = mirror::read(&mut reader);
    let Some(server) = server else {
        if !reader.is_broken() {
            reader.fault(None, "[server] is missing");
        }
        return (None, reader.finish());
    };
    let city = CentreSettings {
        id: server.value.centre.clone(),
        name: server.value.name.clone(),
        ticket_prefix: server.value.ticket_prefix.clone(),
    };
    centres.insert(0, Row { line: server.line, value: city });
    for (at, centre) in centres.iter().enumerate() {
        for former in centres.iter().take(at) {
            if former.value.id == centre.value.id {
                reader.fault(Some(centre.line), format!("duplicate centre {}", centre.value.id));
            }
            if former.value.ticket_prefix == centre.value.ticket_prefix {
                let reason = format!("ticket_prefix {} is that of {}", centre.value.ticket_prefix, former.value.id);
                reader.fault(Some(centre.line), reason);
            }
        }
    }
    if rows.is_empty() && !reader.is_broken() {
        reader.fault(None, "no [[listen]]: nothing could reach the server");
    }
    let listens = rows.into_iter().filter_map(|row| listen(row, &server.value, &mut reader)).collect::<Vec<_>>();
    bindings(&listens, &mut reader);
    (Some(ServerFile { server, centres, listens, mirrors }), reader.finish())
}

fn listen(row: Row<ListenRow>, server: &ServerSettings, reader: &mut Reader<'_>) -> Option<Row<Listen>> {
    let Row { line, value: row } = row;
    let mut refuse = |reason: &str| {
        reader.fault(Some(line), format!("listener {}: {reason}", row.name));
        None
    };
    let sip_address = row.sip_address.unwrap_or(row.bind);
    let media_address = row.media_address.unwrap_or(sip_address.ip());
    let media_bind = row.media_bind.unwrap_or(media_address);
    if sip_address.ip().is_unspecified() {
        return refuse("sip_address is needed where bind is a wildcard: what should stand in Contact?");
    }
    if media_address.is_unspecified() {
        return refuse("media_address must be an address that the peer can send to");
    }
    if sip_address.is_ipv4() != row.bind.is_ipv4() {
        return refuse("bind and sip_address are of different IP versions; use a listener for each");
    }
    if media_address.is_ipv4() != media_bind.is_ipv4() {
        return refuse("media_address and media_bind are of different IP versions");
    }
    let listen = Listen {
        name: row.name,
        bind: row.bind,
        transport: row.transport,
        serves: row.serves,
        sip_address,
        media_address,
        media_bind,
        rtp_ports: row.rtp_ports.unwrap_or(server.rtp_ports),
    };
    Some(Row { line, value: listen })
}

/// No two listeners have one name or one socket.
fn bindings(listens: &[Row<Listen>], reader: &mut Reader<'_>) {
    for (at, Row { line, value: listen }) in listens.iter().enumerate() {
        for Row { line: former_line, value: former } in listens.iter().take(at) {
            if former.name == listen.name {
                reader.fault(Some(*line), format!("duplicate listener {}", listen.name));
            }
            let same_port = listen.bind.port() != 0 && former.bind.port() == listen.bind.port();
            let same_host = former.bind.ip() == listen.bind.ip()
                || (former.bind.is_ipv4() == listen.bind.is_ipv4()
                    && (former.bind.ip().is_unspecified() || listen.bind.ip().is_unspecified()));
            if same_port && same_host && former.transport == listen.transport {
                let transport = listen.transport.param_name();
                let reason = format!(
                    "bind {} {transport} is taken by listener {} of line {former_line}",
                    listen.bind, former.name
                );
                reader.fault(Some(*line), reason);
            }
        }
    }
}

fn area_code<'de, D: Deserializer<'de>>(from: D) -> Result<AreaCode, D::Error> {
    let text = String::deserialize(from)?;
    AreaCode::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no area code such as 0798")))
}

fn ticket_prefix<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text)
    } else {
        Err(D::Error::custom(format!("`{text}` is not one to eight capital letters")))
    }
}

fn webhook<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.starts_with("http://") && text.len() > "http://".len() {
        Ok(Some(text))
    } else {
        Err(D::Error::custom("must begin with http://"))
    }
}

fn encryption<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Suite>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "off" {
        return Ok(None);
    }
    let suite = [Suite::Aes256Gcm, Suite::Sm4Gcm].into_iter().find(|suite| suite.name() == text);
    suite.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is none of off, aes-256-gcm and sm4-gcm")))
}

fn digest<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let known = |name: &String| match name.to_ascii_uppercase().as_str() {
        "MD5" => Ok(Algorithm::Md5),
        "SHA-256" => Ok(Algorithm::Sha256),
        _ => Err(D::Error::custom(format!("`{name}` is neither MD5 nor SHA-256"))),
    };
    let algorithms = names.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() { Err(D::Error::custom("at least one of MD5 and SHA-256")) } else { Ok(algorithms) }
}
