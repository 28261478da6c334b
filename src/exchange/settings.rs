//! What the exchange must know of the configuration: listeners, trunks, and the seats' phones.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::audio::codec::Codec;
use crate::call::settings::Settings as BoardSettings;
use crate::call::{QueueAnswer, SeatNo};
use crate::rules::dialling::NumberForm;
use crate::rules::numbers::NumberPlan;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::message::Uri;
use crate::sip::registrar::{Account, RegistrarLimits};
use crate::sip::session::Reliable;

use super::origin::same_address;
pub use super::source::Source;

/// One socket of ours. A leg's Via, Contact and SDP name the addresses of its own listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub id: ListenerId,
    pub transport: Transport,
    /// In Via and Contact.
    pub sip_address: SocketAddr,
    /// In `c=`.
    pub media_address: IpAddr,
    /// Where RTP sockets are bound.
    pub media_bind: IpAddr,
    pub serves_trunks: bool,
    pub serves_seats: bool,
    /// Which of the settings' port ranges its legs take from.
    pub pool: usize,
}

impl Listener {
    /// Our Contact on this listener, where we have no account with the peer.
    pub(super) fn contact(&self) -> String {
        self.contact_of("hotline")
    }

    pub(super) fn contact_of(&self, user: &str) -> String {
        let address = Uri::sip(Some(user), self.sip_address);
        match self.transport {
            Transport::Udp => address.raw,
            Transport::Tcp => format!("{};transport=tcp", address.raw),
        }
    }

    /// Whether its socket can send there.
    fn reaches(&self, remote: SocketAddr) -> bool {
        self.sip_address.is_ipv4() == remote.is_ipv4()
    }
}

/// A carrier's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    pub name: String,
    pub listener: ListenerId,
    pub sources: Vec<Source>,
    /// Where we send to, in order of preference; filled in by `Resolved` where a host is a name.
    pub addresses: Vec<SocketAddr>,
    /// As configured: what DNS said holds for these alone.
    pub hosts: Vec<String>,
    /// Of our account: we register `sip:user@domain`.
    pub domain: String,
    pub credentials: Option<(String, String)>,
    pub register: bool,
    pub options_interval: Option<Duration>,
    /// How long a host may be silent before the next is tried.
    pub failover_after: Duration,
    pub channels: u32,
    /// Of these, kept for emergencies (R31): other calls, in or out, do not take them.
    pub reserved_channels: u32,
    /// Whom we call sees the number of the caller whose call is passed on, where there is one.
    pub shows_caller: bool,
    /// Our own number towards this carrier. None: the hotline number on whose behalf we call.
    pub shown: Option<String>,
    pub asserted_identity: AssertedIdentity,
    pub diversion: bool,
    pub number_form: NumberForm,
    pub add_prefix: Option<String>,
    pub user_phone: bool,
    pub platform: Option<String>,
    /// Names of those in which the platform sends its number of the incident, in order of preference (R29).
    pub incident_headers: Vec<String>,
    pub queue_answer: QueueAnswer,
    pub ring_with_180: bool,
    pub codecs: Vec<Codec>,
    /// Their order counts in our answers too.
    pub codecs_ordered: bool,
    /// Milliseconds.
    pub ptime: u8,
    pub reliable: Reliable,
    pub session_expires: Option<Duration>,
    pub overload_status: u16,
    /// Seconds; None by default, because a Retry-After makes a carrier bar the whole trunk.
    pub overload_retry_after: Option<u32>,
}

/// Whose number stands in P-Asserted-Identity towards a carrier (RFC 3325).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertedIdentity {
    Off,
    Ours,
    /// That of the caller whose call is passed on, where there is one.
    Caller,
}

impl Trunk {
    /// Whether a call finds a channel beside so many that are busy; the reserved ones are for emergencies
    /// (R31).
    pub(super) fn has_channel(&self, busy: usize, is_emergency: bool) -> bool {
        let kept = if is_emergency { 0 } else { self.reserved_channels };
        u32::try_from(busy).is_ok_and(|busy| busy < self.channels.saturating_sub(kept))
    }

    /// Our Contact towards this carrier. A registrar may send calls to the account's user at it.
    pub(super) fn contact(&self, listener: &Listener) -> String {
        match self.credentials.as_ref().filter(|_| self.register) {
            Some((user, _)) => listener.contact_of(user),
            None => listener.contact(),
        }
    }
}

/// A seat's phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatLine {
    pub seat: SeatNo,
    pub password: String,
    /// A phone that does not register.
    pub fixed: Option<FixedPhone>,
}

/// Where a phone of fixed address is rung. Several of them may stand behind one gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FixedPhone {
    pub flow: Flow,
    pub user: String,
}

impl FixedPhone {
    pub(super) fn uri(&self) -> Uri {
        Uri::sip(Some(&self.user), self.flow.remote)
    }
}

/// A SIP device of the directory that is no seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// As the directory writes it.
    pub uri: String,
    /// The one from which it is called.
    pub listener: ListenerId,
    pub user: Option<String>,
    /// In order of preference; filled in by `Resolved` where its host is a name.
    pub addresses: Vec<SocketAddr>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// `ListenerId(n)` is the n-th.
    pub listeners: Vec<Listener>,
    /// First and last RTP port of each range; listeners that bind RTP to one address share one.
    pub pools: Vec<(u16, u16)>,
    pub trunks: Vec<Trunk>,
    pub seats: Vec<SeatLine>,
    pub devices: Vec<Device>,
    /// What seats' phones are offered, and whether the order counts in our answers too.
    pub seat_codecs: Vec<Codec>,
    pub seat_codecs_ordered: bool,
    /// Own area code, `0798`.
    pub area: String,
    /// Digest realm.
    pub realm: String,
    pub user_agent: String,
    pub registrar: RegistrarLimits,
    /// Feature codes that a seat's phone may dial, without their arguments.
    pub features: BTreeMap<String, crate::call::SeatAsk>,
    pub board: BoardSettings,
    pub plan: NumberPlan,
}

impl Settings {
    pub(super) fn accounts(&self) -> Vec<Account> {
        let account = |line: &SeatLine| Account { user: line.seat.0.clone(), password: line.password.clone() };
        self.seats.iter().map(account).collect()
    }

    pub(super) fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.id == id)
    }

    /// Whether phones of both listeners reach the same RTP sockets.
    pub(super) fn shares_media(&self, one: ListenerId, other: ListenerId) -> bool {
        let place = |id| self.listener(id).map(|listener| (listener.media_bind, listener.media_address, listener.pool));
        one == other || (place(one).is_some() && place(one) == place(other))
    }

    pub(super) fn serves_seats(&self, id: ListenerId) -> bool {
        self.listener(id).is_some_and(|listener| listener.serves_seats)
    }

    /// Index of the trunk that calls from here: one of its sources, or an address we send to.
    pub(super) fn trunk_at(&self, flow: Flow) -> Option<usize> {
        if !self.listener(flow.listener)?.serves_trunks {
            return None;
        }
        self.trunks.iter().position(|trunk| {
            trunk.listener == flow.listener
                && (trunk.sources.iter().any(|source| source.contains(flow.remote.ip(), flow.remote.port()))
                    || trunk.addresses.iter().any(|address| same_address(*address, flow.remote)))
        })
    }

    pub(super) fn trunk(&self, name: &str) -> Option<(usize, &Trunk)> {
        self.trunks.iter().enumerate().find(|(_, trunk)| trunk.name == name)
    }

    pub(super) fn line(&self, seat: &SeatNo) -> Option<&SeatLine> {
        self.seats.iter().find(|line| line.seat == *seat)
    }

    pub(super) fn device(&self, uri: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.uri == uri)
    }

    pub(super) fn has_device_at(&self, flow: Flow) -> bool {
        let there = |device: &Device| device.addresses.iter().any(|address| same_address(*address, flow.remote));
        self.devices.iter().any(|device| device.listener == flow.listener && there(device))
    }

    /// Takes over the addresses that a trunk's hosts, or a device's, stand for: those that its listener reaches.
    pub(super) fn resolve(&mut self, name: &str, mut addresses: Vec<SocketAddr>) {
        let trunk = self.trunks.iter_mut().find(|known| known.name == name);
        let trunk = trunk.map(|trunk| (trunk.listener, &mut trunk.addresses));
        let device = self.devices.iter_mut().find(|known| known.uri == name);
        let device = device.map(|device| (device.listener, &mut device.addresses));
        let Some((listener, known)) = trunk.or(device) else { return };
        let listener = self.listeners.iter().find(|own| own.id == listener);
        addresses.retain(|address| listener.is_some_and(|listener| listener.reaches(*address)));
        if !addresses.is_empty() {
            *known = addresses;
        }
    }
}
