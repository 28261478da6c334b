//! Where a trunk's packets come from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, de::Error};

/// An address range with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub address: IpAddr,
    pub prefix_len: u8,
    pub port: Option<u16>,
}

impl Source {
    /// `192.0.2.1`, `192.0.2.0/24`, `192.0.2.1:5060`, `2001:db8::/64`, `[2001:db8::1]:5060`,
    /// `[2001:db8::/64]:5060`, `192.0.2.0/24:5060`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address, range or address:port");
        let (range, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (range, rest) = rest.split_once(']').ok_or_else(wrong)?;
                (range, (!rest.is_empty()).then(|| rest.strip_prefix(':').ok_or_else(wrong)).transpose()?)
            }
            None if text.matches(':').count() == 1 => {
                text.split_once(':').map(|(range, port)| (range, Some(port))).ok_or_else(wrong)?
            }
            None => (text, None),
        };
        let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| wrong())?;
        if port == Some(0) {
            return Err(wrong());
        }
        let (address, prefix_len) = range.split_once('/').map_or((range, None), |(address, len)| (address, Some(len)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len: u8 = prefix_len.map(str::parse).transpose().map_err(|_| wrong())?.unwrap_or(longest);
        if prefix_len > longest {
            return Err(wrong());
        }
        let source = Self { address, prefix_len, port };
        if source.bits(address) != bits(address) {
            return Err(format!("`{text}` has bits beyond its /{prefix_len}"));
        }
        Ok(source)
    }

    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.holds(address) && self.port.is_none_or(|own| own == port)
    }

    pub const fn is_one_address(&self) -> bool {
        self.prefix_len == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether one packet could come from both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ports = self.port.zip(other.port).is_none_or(|(own, other)| own == other);
        ports && (self.holds(other.address) || other.holds(self.address))
    }

    fn holds(&self, address: IpAddr) -> bool {
        // An IPv4 peer on a dual-stack socket shows as ::ffff:a.b.c.d.
        let address = address.to_canonical();
        self.address.is_ipv4() == address.is_ipv4() && self.bits(address) == self.bits(self.address)
    }

    /// The bits of an address that count for this range, at the top of 128.
    fn bits(&self, address: IpAddr) -> u128 {
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_len)).unwrap_or(0);
        bits(address) & mask
    }
}

impl From<SocketAddr> for Source {
    fn from(at: SocketAddr) -> Self {
        let address = at.ip();
        Self { address, prefix_len: if address.is_ipv4() { 32 } else { 128 }, port: Some(at.port()) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.address.is_ipv6() => write!(out, "[{}/{}]:{port}", self.address, self.prefix_len),
            Some(port) => write!(out, "{}/{}:{port}", self.address, self.prefix_len),
            None => write!(out, "{}/{}", self.address, self.prefix_len),
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
