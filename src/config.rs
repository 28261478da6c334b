//! `sip-configs/` and `dialplan/` → one checked `Config`; a bad row is refused, naming file and line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::audio::g711::Law;
use crate::call::QueueAnswer;
use crate::sip::flow::Transport;

/// Who may call in on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serves {
    Trunks,
    Seats,
    Both,
}

/// One `[[listen]]`: a socket of ours and the addresses that legs on it advertise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub name: String,
    pub bind: SocketAddr,
    pub transport: Transport,
    pub serves: Serves,
    /// In Via and Contact; `bind` unless given.
    pub sip_address: SocketAddr,
    /// In `c=`; the address of `sip_address` unless given.
    pub media_address: IpAddr,
    /// Where RTP sockets are bound: `media_address` unless given (NAT).
    pub media_bind: IpAddr,
}

/// How identities are written towards a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// Where we send to: `host[:port]` in order of preference; a name without port is looked up by SRV.
    pub hosts: Vec<String>,
    pub transport: Transport,
    pub username: Option<String>,
    pub password: Option<String>,
    pub register: bool,
    pub options_interval: Option<Duration>,
    pub channels: u32,
    pub reserved_channels: u32,
    pub pilots: Vec<String>,
    pub default_code: Option<String>,
    pub queue_answer: QueueAnswer,
    pub ring_with_180: bool,
    pub laws: Vec<Law>,
    pub ptime: u8,
    pub reliable_provisionals: Require,
    /// None: no session timer of our own (a peer's is honoured).
    pub session_expires: Option<Duration>,
    pub overload_status: u16,
    pub overload_retry_after: Option<u32>,
    pub strip_prefix: Option<String>,
    pub add_prefix: Option<String>,
    pub user_phone: bool,
}

/// An address range with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub address: IpAddr,
    pub prefix_len: u8,
    pub port: Option<u16>,
}

/// Folders of one running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    pub data: PathBuf,
    pub recordings: PathBuf,
}
