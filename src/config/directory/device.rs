//! A SIP device that is no seat: `sip:601@192.0.2.60:5060;transport=tcp`, or with a host name.

use crate::config::server::Listen;
use crate::sip::flow::Transport;
use crate::sip::message::Uri;
use crate::sip::targets::Host;

/// Where a device is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceContact {
    pub user: Option<String>,
    /// `host[:port]`; a name without a port is looked up by SRV (RFC 3263).
    pub host: String,
    pub transport: Transport,
}

impl DeviceContact {
    pub fn parse(uri: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a device is written as sip:601@192.0.2.60:5060;transport=udp";
        let user = Uri::parse(uri).map_err(|_| WRONG)?.unescaped_user();
        let rest = uri.strip_prefix("sip:").ok_or(WRONG)?;
        let (target, params) = rest.split_once(';').unwrap_or((rest, ""));
        let host = target.split_once('@').map_or(target, |(_, host)| host);
        let transport = match params.to_ascii_lowercase().as_str() {
            "" | "transport=udp" => Transport::Udp,
            "transport=tcp" => Transport::Tcp,
            _ => return Err(WRONG),
        };
        Host::parse(host).ok_or(WRONG)?;
        Ok(Self { user, host: host.to_owned(), transport })
    }

    /// Whether it can be called from this listener. Of a name only DNS knows its addresses.
    pub fn is_reached_by(&self, listen: &Listen) -> bool {
        let same_family = Host::literal(&self.host).is_none_or(|at| at.is_ipv4() == listen.bind.is_ipv4());
        listen.serves.seats() && listen.transport == self.transport && same_family
    }
}
