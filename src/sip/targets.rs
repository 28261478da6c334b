//! Where a trunk's host is to be looked for, and in which order its servers are tried.
//! (RFC 3263 §4, RFC 2782)

use std::net::{IpAddr, SocketAddr};

use super::flow::Transport;

const DEFAULT_PORT: u16 = 5060;

/// A host of `trunks.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `192.0.2.1`, `192.0.2.1:5080`, `2001:db8::1`, `[2001:db8::1]:5060`: it needs no look-up.
    Address(SocketAddr),
    /// A name with its port, or without: then its SRV records are asked for.
    Name { name: String, port: Option<u16> },
}

impl Host {
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Some(Self::Address(SocketAddr::new(ip, DEFAULT_PORT)));
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.' | '_');
        (!name.is_empty() && name.chars().all(fits)).then(|| Self::Name { name: name.to_string(), port })
    }

    /// The address of a host that needs no look-up.
    pub fn literal(text: &str) -> Option<SocketAddr> {
        match Self::parse(text)? {
            Self::Address(address) => Some(address),
            Self::Name { .. } => None,
        }
    }

    /// The name whose SRV records say where it is: `_sip._udp.carrier.example` (RFC 3263 §4.2).
    pub fn service(&self, transport: Transport) -> Option<String> {
        match self {
            Self::Name { name, port: None } => Some(format!("_sip._{}.{name}", transport.param_name())),
            Self::Name { port: Some(_), .. } | Self::Address(_) => None,
        }
    }

    /// Where its name is asked for without SRV.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port: Some(port), .. } => *port,
            Self::Name { port: None, .. } => DEFAULT_PORT,
        }
    }
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The lowest is tried first.
    pub priority: u16,
    /// Its share among those of the same priority.
    pub weight: u16,
    pub port: u16,
    pub name: String,
}

/// The servers in the order in which they are tried: by priority, and within one by lot, each with
/// a chance as large as its weight (RFC 2782). `seed`: the same one gives the same order.
pub fn in_order(mut servers: Vec<Server>, seed: u64) -> Vec<Server> {
    // Where all weights are 0 the lot falls on the first; those of weight 0 stand first.
    servers.sort_by(|one, other| {
        (one.priority, one.weight, &one.name, one.port).cmp(&(other.priority, other.weight, &other.name, other.port))
    });
    let mut lots = Lots(seed);
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(first) = servers.first() {
        let same = servers.iter().take_while(|server| server.priority == first.priority);
        let weights: Vec<u64> = same.map(|server| u64::from(server.weight)).collect();
        let lot = lots.up_to(weights.iter().sum());
        let sums = weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let chosen = sums.into_iter().position(|sum| sum >= lot).unwrap_or(0);
        ordered.push(servers.remove(chosen));
    }
    ordered
}

/// splitmix64
struct Lots(u64);

impl Lots {
    /// 0..=most
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % most.saturating_add(1)
    }
}
