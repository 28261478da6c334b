//! Ranges of RTP ports, and whether the machine can carry them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Deserializer, de::Error};

use super::rows::Row;
use super::server::Listen;
use super::{Config, Fault, Trunk, files};

/// `20000-29999`: pairs of an even RTP port and the odd RTCP port after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    /// From here on the kernel hands out ports of its own accord (ip_local_port_range).
    pub const CEILING: u16 = 32768;

    pub fn parse(text: &str) -> Result<Self, String> {
        let bounds =
            text.split_once('-').and_then(|(first, last)| first.trim().parse().ok().zip(last.trim().parse().ok()));
        let Some((first, last)) = bounds else { return Err(format!("`{text}` is no range such as 20000-29999")) };
        if first % 2 != 0 || last % 2 != 1 {
            return Err(format!("{text}: a range begins with an even and ends with an odd port"));
        }
        if first > last {
            return Err(format!("{text}: the range ends before it begins"));
        }
        if first < 1024 || last >= Self::CEILING {
            return Err(format!("{text}: outside 1024-{}", Self::CEILING - 1));
        }
        if last - first < 3 {
            return Err(format!("{text}: too small for the two legs of one call"));
        }
        Ok(Self { first, last })
    }

    /// How many legs it carries.
    pub const fn legs(self) -> u32 {
        (self.last as u32 + 1).saturating_sub(self.first as u32) / 2
    }

    const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Ranges against each other, against our own listeners, and against the channels of the trunks.
pub(super) fn check(listens: &[Row<Listen>], trunks: &[Row<Trunk>], mut refuse: impl FnMut(u32, String)) {
    for (at, Row { line, value: listen }) in listens.iter().enumerate() {
        for Row { value: former, .. } in listens.iter().take(at) {
            let one_pool = former.media_bind == listen.media_bind && former.rtp_ports == listen.rtp_ports;
            if !one_pool
                && same_host(former.media_bind, listen.media_bind)
                && former.rtp_ports.overlaps(listen.rtp_ports)
            {
                let reason = "overlaps that of listener";
                refuse(*line, format!("listener {}: rtp_ports {reason} {}", listen.name, former.name));
            }
        }
        for Row { value: other, .. } in listens {
            let port = other.bind.port();
            let inside = (listen.rtp_ports.first..=listen.rtp_ports.last).contains(&port);
            if inside && same_host(other.bind.ip(), listen.media_bind) && !other.transport.is_reliable() {
                refuse(
                    *line,
                    format!("listener {}: rtp_ports hold the SIP port {port} of {}", listen.name, other.name),
                );
            }
        }
    }
    for (pool, listens_of) in pools(listens.iter().map(|row| &row.value)) {
        let on = |name: &str| listens_of.iter().any(|listen| listen.name == name);
        let citizens: u32 = trunks
            .iter()
            .map(|row| &row.value)
            .filter(|trunk| on(&trunk.listen))
            .map(|trunk| trunk.channels)
            .fold(0, u32::saturating_add);
        // Where the seats' legs come from the same pool, each call needs two legs of it.
        let both = citizens > 0 && listens_of.iter().any(|listen| listen.serves.seats());
        let needed = if both { citizens.saturating_mul(2) } else { citizens };
        let legs = pool.1.legs();
        if let Some(first) = listens_of.first().filter(|_| needed > legs) {
            let line = listens.iter().find(|row| row.value.name == first.name).map_or(1, |row| row.line);
            let reason = format!(
                "rtp_ports {}-{} carry {legs} legs, the channels of its trunks need {needed}",
                pool.1.first, pool.1.last
            );
            refuse(line, format!("listener {}: {reason}", first.name));
        }
    }
}

/// Faults where the process may not open as many files as the configuration can use.
/// `hard` is the hard RLIMIT_NOFILE, to which the server raises itself at start; `dir` is where the
/// configuration was read from.
pub fn check_open_files(config: &Config, dir: Option<&Path>, hard: u64) -> Vec<Fault> {
    let needed = open_files(config);
    if needed <= hard {
        return Vec::new();
    }
    let reason = format!(
        "rtp_ports need {needed} open files, the limit is {hard}: raise LimitNOFILE (ulimit -Hn), or narrow the range"
    );
    vec![Fault { file: files::SERVER.named(dir), line: None, reason }]
}

/// Sockets and files at the busiest: every port, a recording for each two legs, and the rest.
pub fn open_files(config: &Config) -> u64 {
    const DATABASE_CONNECTIONS_AND_LOGS: u64 = 512;
    let legs: u64 = pools(config.listens.iter()).keys().map(|(_, range)| u64::from(range.legs())).sum();
    legs * 2 + legs / 2 + DATABASE_CONNECTIONS_AND_LOGS
}

fn pools<'a>(listens: impl Iterator<Item = &'a Listen>) -> BTreeMap<(IpAddr, PortRange), Vec<&'a Listen>> {
    let mut pools: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for listen in listens {
        pools.entry((listen.media_bind, listen.rtp_ports)).or_default().push(listen);
    }
    pools
}

fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one == other || (one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified()))
}
