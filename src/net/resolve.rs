//! Trunk hosts that are names: SRV, then A or AAAA, asked again when their time to live is over.
//! (RFC 3263 §4)

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exchange::Input;
use crate::sip::flow::Transport;
use crate::sip::targets::{Host, Server, in_order};

use super::driver::Event;

/// However short a time to live is, nobody is asked more often; however long, at least once an hour.
const SOONEST: Duration = Duration::from_secs(30);
const LATEST: Duration = Duration::from_secs(3600);
/// The system's own look-up tells no time to live.
const UNTOLD: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// A trunk, or a device of the directory, with a host that is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name; the URI of a device.
    pub trunk: String,
    /// In order of preference; addresses among them keep their place.
    pub hosts: Vec<String>,
    pub transport: Transport,
    /// What its listener can reach: IPv4 or IPv6.
    pub ipv4: bool,
}

/// Whom to ask.
#[derive(Clone)]
pub struct Names {
    /// None where the machine names no server: then only its own look-up is left.
    dns: Option<Arc<TokioResolver>>,
}

/// What was found, and until when it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub addresses: Vec<SocketAddr>,
    until: Option<Instant>,
}

impl Names {
    /// The servers that `/etc/resolv.conf` names.
    pub fn of_the_system() -> Self {
        let dns = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        Self { dns: dns.inspect_err(|error| tracing::debug!(%error, "no DNS server")).ok().map(Arc::new) }
    }

    /// This server alone.
    pub fn of(server: SocketAddr) -> Self {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let dns = Resolver::builder_with_config(config, TokioRuntimeProvider::default()).build();
        Self { dns: dns.ok().map(Arc::new) }
    }

    /// All addresses of a trunk, in the order in which they are tried.
    pub async fn look_up(&self, wanted: &Wanted, seed: u64) -> Found {
        let mut found = Found::default();
        for host in wanted.hosts.iter().filter_map(|host| Host::parse(host)) {
            match &host {
                Host::Address(address) => found.add([*address]),
                Host::Name { name, .. } => self.look_up_name(&host, name, wanted, seed, &mut found).await,
            }
        }
        found
    }

    async fn look_up_name(&self, host: &Host, name: &str, wanted: &Wanted, seed: u64, found: &mut Found) {
        let servers = match host.service(wanted.transport) {
            Some(service) => self.servers(&service, found).await,
            None => None,
        };
        let Some(servers) = servers else {
            return self.addresses(name, host.port(), wanted.ipv4, found).await;
        };
        for server in in_order(servers, seed) {
            self.addresses(&server.name, server.port, wanted.ipv4, found).await;
        }
    }

    /// None: there are no such records.
    async fn servers(&self, service: &str, found: &mut Found) -> Option<Vec<Server>> {
        let lookup = tokio::time::timeout(PATIENCE, self.dns.as_ref()?.srv_lookup(service)).await.ok()?.ok()?;
        found.holds_until(lookup.valid_until().into());
        let server = |data: &RData| match data {
            // RFC 2782: a target of "." says that there is decidedly no such service.
            RData::SRV(srv) if !srv.target.is_root() => {
                Some(Server { priority: srv.priority, weight: srv.weight, port: srv.port, name: srv.target.to_utf8() })
            }
            _ => None,
        };
        Some(lookup.answers().iter().filter_map(|record| server(&record.data)).collect())
    }

    async fn addresses(&self, name: &str, port: u16, ipv4: bool, found: &mut Found) {
        let kind = if ipv4 { RecordType::A } else { RecordType::AAAA };
        if let Some(dns) = &self.dns
            && let Ok(Ok(lookup)) = tokio::time::timeout(PATIENCE, dns.lookup(name, kind)).await
        {
            found.holds_until(lookup.valid_until().into());
            let ips = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
            let ips: Vec<IpAddr> = ips.filter(|ip| ip.is_ipv4() == ipv4).collect();
            if !ips.is_empty() {
                return found.add(ips.into_iter().map(|ip| SocketAddr::new(ip, port)));
            }
        }
        // The machine may know names that no server does.
        let system = tokio::net::lookup_host((name.trim_end_matches('.'), port));
        if let Ok(Ok(addresses)) = tokio::time::timeout(PATIENCE, system).await {
            found.holds_until(Instant::now() + UNTOLD);
            found.add(addresses.filter(|address| address.is_ipv4() == ipv4));
        }
    }
}

impl Found {
    fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        for address in addresses {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }

    fn holds_until(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |known| known.min(until)));
    }

    /// How long it holds. What was not found is looked for again soon.
    pub fn holds(&self) -> Duration {
        let left = self.until.filter(|_| !self.addresses.is_empty());
        left.map_or(SOONEST, |until| until.saturating_duration_since(Instant::now())).clamp(SOONEST, LATEST)
    }
}

/// Keeps the exchange's trunks at the addresses that their names stand for. A new list takes the
/// place of the old one. Runs until the list's sender or the loop is gone.
pub async fn keep(names: Names, mut lists: watch::Receiver<Vec<Wanted>>, inbox: Sender<Event>, seed: u64) {
    loop {
        let mut trunks = JoinSet::new();
        for wanted in lists.borrow_and_update().clone() {
            trunks.spawn(keep_one(names.clone(), wanted, inbox.clone(), seed));
        }
        tokio::select! {
            changed = lists.changed() => if changed.is_err() { return },
            () = inbox.closed() => return,
        }
    }
}

async fn keep_one(names: Names, wanted: Wanted, inbox: Sender<Event>, seed: u64) {
    loop {
        let found = names.look_up(&wanted, seed).await;
        let pause = found.holds();
        if found.addresses.is_empty() {
            tracing::warn!(trunk = wanted.trunk, hosts = wanted.hosts.join(" "), "no address found");
        } else {
            let resolved = Input::Resolved { trunk: wanted.trunk.clone(), addresses: found.addresses };
            if inbox.send(Event::Input(resolved)).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(pause).await;
    }
}
