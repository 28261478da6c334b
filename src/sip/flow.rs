//! Where a SIP message came from or goes to.

use std::fmt;
use std::net::SocketAddr;

/// One `[[listen]]` of `server.toml`, by its place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// Reliable transports need no retransmission (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }

    /// The name as it stands in Via (`SIP/2.0/UDP`).
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// The name as it stands in `;transport=`.
    pub const fn param_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A way to reach a peer: our listener, and the peer's address as the socket sees it. For TCP the
/// net layer reuses the connection with that peer address, or opens one from the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    pub listener: ListenerId,
    pub transport: Transport,
    pub remote: SocketAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}@{}", self.transport.param_name(), self.remote, self.listener.0)
    }
}
