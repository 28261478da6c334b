//! `seats.toml`: the seats (坐席), their kinds and skills (R12).

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::Fault;
use super::files::Text;
use super::rows::{Reader, Row};
use super::server::Listen;
use super::values::{self, Secret};
pub use crate::call::SeatKind;
use crate::call::SeatNo;
use crate::sip::flow::Transport;
use crate::sip::message::Uri;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatSettings {
    /// 工号; the user name with which its phone registers.
    #[serde(deserialize_with = "seat_no")]
    pub no: SeatNo,
    #[serde(deserialize_with = "values::name")]
    pub name: String,
    pub kind: SeatKind,
    /// Id of its centre; the city's unless given.
    #[serde(default)]
    pub centre: String,
    #[serde(default)]
    pub skills: Vec<String>,
    /// None: a random one is made at first start.
    pub password: Option<Secret>,
    /// A fixed address; such a seat need not register.
    pub contact: Option<FixedContact>,
    /// Name of the listener from which its contact is rung; where none is given, the first for seats
    /// that can reach it.
    #[serde(default)]
    pub listen: Option<String>,
    /// Its own T_wrap.
    #[serde(default, rename = "wrap_up_s", deserialize_with = "values::seconds_given::<0, 3600, _>")]
    pub wrap_up: Option<Duration>,
    /// A shift leader's (值班长): it may listen to the calls of others, whisper, barge in and take over.
    #[serde(default)]
    pub supervisor: bool,
}

impl SeatSettings {
    /// Whether the queue offers calls of this skill to it; a leader is only ever invited.
    pub fn answers(&self, skill: &str) -> bool {
        self.kind != SeatKind::Leader && self.skills.iter().any(|own| own == skill)
    }
}

/// `sip:1001@192.0.2.21:5060;transport=tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedContact {
    pub uri: String,
    /// The seat's number unless given.
    pub user: Option<String>,
    /// Where its requests are sent; port 5060 unless given.
    pub address: SocketAddr,
    pub transport: Transport,
}

impl FixedContact {
    pub fn parse(uri: &str) -> Result<Self, String> {
        let wrong = || format!("`{uri}` is no URI such as sip:1001@192.0.2.21:5060;transport=udp");
        let user = Uri::parse(uri).map_err(|_| wrong())?.unescaped_user();
        let rest = uri.strip_prefix("sip:").ok_or_else(wrong)?;
        let (target, params) = rest.split_once(';').unwrap_or((rest, ""));
        let host = target.split_once('@').map_or(target, |(_, host)| host);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address =
            host.parse().or_else(|_| bare.parse().map(|ip| SocketAddr::new(ip, 5060))).map_err(|_| wrong())?;
        let transport = match params.to_ascii_lowercase().as_str() {
            "" | "transport=udp" => Transport::Udp,
            "transport=tcp" => Transport::Tcp,
            _ => return Err(wrong()),
        };
        Ok(Self { uri: uri.to_owned(), user, address, transport })
    }
}

impl<'de> Deserialize<'de> for FixedContact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Whether a request to this contact can leave from this listener.
pub fn reaches(contact: &FixedContact, listen: &Listen) -> bool {
    contact.transport == listen.transport && contact.address.is_ipv4() == listen.bind.is_ipv4()
}

/// The listener from which its contact is rung; None where it has none, or nothing reaches it.
pub fn rung_from<'a>(seat: &SeatSettings, mut listens: impl Iterator<Item = &'a Listen>) -> Option<&'a Listen> {
    let contact = seat.contact.as_ref()?;
    match &seat.listen {
        Some(name) => listens.find(|listen| listen.name == *name),
        None => listens.find(|listen| listen.serves.seats() && reaches(contact, listen)),
    }
}

/// The rows; `city` is the centre of a seat that names none.
pub fn read(text: &Text, city: &str) -> (Vec<Row<SeatSettings>>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let mut seats: Vec<Row<SeatSettings>> = reader.tables("seat");
    for seat in &mut seats {
        if seat.value.centre.is_empty() {
            seat.value.centre = city.to_owned();
        }
    }
    for (at, Row { line, value: seat }) in seats.iter().enumerate() {
        let mut refuse = |reason: &str| reader.fault(Some(*line), format!("seat {}: {reason}", seat.no.0));
        if seats.iter().take(at).any(|former| former.value.no == seat.no) {
            refuse("duplicate seat");
        }
        let place = |seat: &SeatSettings| {
            let contact = seat.contact.as_ref()?;
            let user = contact.user.as_ref().unwrap_or(&seat.no.0).clone();
            Some((seat.listen.clone(), contact.transport, contact.address, user))
        };
        let twin = |former: &&Row<SeatSettings>| place(seat).is_some() && place(&former.value) == place(seat);
        if let Some(former) = seats.iter().take(at).find(twin) {
            refuse(&format!("the contact of seat {}", former.value.no.0));
        }
        if seat.skills.is_empty() && seat.kind != SeatKind::Leader {
            refuse("no skills: no call would reach it");
        }
    }
    (seats, reader.finish())
}

/// Digits only: it is spoken to the citizen digit by digit, and typed on phones.
fn seat_no<'de, D: Deserializer<'de>>(from: D) -> Result<SeatNo, D::Error> {
    let text = String::deserialize(from)?;
    if (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(SeatNo(text))
    } else {
        Err(D::Error::custom(format!("`{text}` is not one to ten digits")))
    }
}
