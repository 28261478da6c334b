//! Where the response to a request goes. (RFC 3261 §18.2.1, §18.2.2; RFC 3581)

use std::net::{IpAddr, SocketAddr};

use super::flow::{Flow, Transport};
use super::message::{Request, Via};

const DEFAULT_PORT: u16 = 5060;

/// Where responses go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    pub flow: Flow,
    /// Where a connection is opened to for them once the one that they would go along has ended: where the
    /// request came from, at the port that its Via names.
    pub anew: Option<Flow>,
}

/// Notes in the top Via where the request really came from, and says where its response goes:
/// over TCP back along the connection; over UDP to the source address, at the source port where
/// the client asked for that by `rport`, else at the port that its Via names. `maddr` is not
/// followed: it would let a stranger aim our answers at a third party.
pub fn stamp(request: &mut Request, mut via: Via, flow: Flow) -> Back {
    let source = flow.remote.ip().to_canonical();
    let asks_port = via.params.get("rport").is_some();
    let named = via.host.parse::<IpAddr>().map(|host| host.to_canonical());
    if asks_port || named != Ok(source) || via.params.get("received").is_some() {
        via.params.set("received", Some(&source.to_string()));
        if asks_port {
            via.params.set("rport", Some(&flow.remote.port().to_string()));
        }
        request.headers.replace_top_via(&via);
    }
    let named = Flow { remote: SocketAddr::new(flow.remote.ip(), via.port.unwrap_or(DEFAULT_PORT)), ..flow };
    match flow.transport {
        Transport::Tcp => Back { flow, anew: Some(named) },
        Transport::Udp if asks_port => Back { flow, anew: None },
        Transport::Udp => Back { flow: named, anew: None },
    }
}
