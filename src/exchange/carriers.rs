//! The trunks' carriers: OPTIONS to each of their hosts, and our registration with the first of
//! them that answers. (RFC 3261 §10.2, §11; failover by RFC 3263 §4.3)

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::sip::flow::{Flow, ListenerId};
use crate::sip::message::{Request, Response};
use crate::sip::ping::{Health, Ping, PingSettings};
use crate::sip::registration::{Registration, RegistrationSettings, RegistrationWish};
use crate::sip::transactions::ClientTx;
use crate::time::{Mono, Now};

use super::Exchange;
use super::lines::{Line, Lines, MISSES};
use super::settings::{Settings, Trunk};

/// What we do by ourselves with one trunk.
#[derive(Debug)]
pub(super) struct Carrier {
    terms: Terms,
    /// In order of preference.
    addresses: Vec<SocketAddr>,
    /// None where the carrier wants none.
    registration: Option<Registration>,
    asked: Option<Asked>,
    /// The address that REGISTERs go to: it stays while a challenge is being answered, and until it fails.
    at: usize,
    /// Addresses that failed in this attempt.
    failed: usize,
    challenged: bool,
}

/// What a carrier was set up with; other terms after a reload start it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    listener: ListenerId,
    domain: String,
    credentials: Option<(String, String)>,
    options_interval: Option<Duration>,
    failover_after: Duration,
}

impl Terms {
    fn is_same_account(&self, other: &Self) -> bool {
        let user = |terms: &Self| terms.credentials.as_ref().map(|(user, _)| user.clone());
        self.domain == other.domain && user(self) == user(other)
    }
}

/// The REGISTER under way.
#[derive(Debug)]
struct Asked {
    tx: ClientTx,
    request: Request,
    /// When the next address is tried.
    until: Mono,
}

impl Carrier {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let patience = self.asked.as_ref().filter(|_| self.has_another()).map(|asked| asked.until);
        patience.into_iter().chain(self.registration.as_ref().and_then(Registration::next_timeout)).min()
    }

    /// Whether an address is left to try in this attempt.
    fn has_another(&self) -> bool {
        self.failed.saturating_add(1) < self.addresses.len()
    }

    fn address(&self) -> Option<SocketAddr> {
        self.addresses.get(self.at).or(self.addresses.first()).copied()
    }

    fn try_next(&mut self) {
        self.failed += 1;
        self.at = (self.at + 1) % self.addresses.len().max(1);
    }
}

impl Lines {
    /// A trunk is up unless all its hosts or its registration say otherwise.
    pub(super) fn trunk_states(&self, settings: &Settings) -> Vec<(String, bool)> {
        let up = |trunk: &Trunk| {
            let carrier = self.carriers.get(trunk.name.as_str());
            !self.all_down(&trunk.name)
                && carrier.and_then(|carrier| carrier.registration.as_ref()).is_none_or(Registration::is_up)
        };
        settings.trunks.iter().map(|trunk| (trunk.name.clone(), up(trunk))).collect()
    }

    /// Whether every host of a trunk has been asked in vain.
    fn all_down(&self, name: &str) -> bool {
        let Some((name, carrier)) = self.carriers.get_key_value(name) else { return false };
        !carrier.addresses.is_empty() && carrier.addresses.iter().all(|address| self.is_down(name, *address))
    }

    pub(super) fn is_down(&self, name: &Arc<str>, address: SocketAddr) -> bool {
        let ping = self.pings.get(&Line::Host(Arc::clone(name), address));
        ping.is_some_and(|ping| ping.health() == Health::Down)
    }
}

impl Exchange {
    pub(super) fn start_carriers(&mut self, now: Now) {
        let trunks = &self.settings.trunks;
        let gone = |name: &&Arc<str>| !trunks.iter().any(|trunk| trunk.name == ***name);
        let gone: Vec<Arc<str>> = self.lines.carriers.keys().filter(gone).cloned().collect();
        for name in gone {
            self.leave_carrier(now, &name);
        }
        for trunk in self.settings.trunks.clone() {
            self.start_carrier(now, trunk);
        }
    }

    /// The addresses of a trunk, or of a device, are known at last, or have changed.
    pub(super) fn on_resolved(&mut self, now: Now, name: &str, addresses: Vec<SocketAddr>) {
        self.settings.resolve(name, addresses);
        if let Some(trunk) = self.settings.trunks.iter().find(|known| known.name == name).cloned() {
            self.resolved.insert(trunk.name.clone(), (trunk.hosts.clone(), trunk.addresses.clone()));
            self.start_carrier(now, trunk);
        } else if let Some(device) = self.settings.device(name) {
            self.resolved.insert(name.to_owned(), (Vec::new(), device.addresses.clone()));
        }
    }

    fn start_carrier(&mut self, now: Now, trunk: Trunk) {
        let name: Arc<str> = Arc::from(trunk.name.as_str());
        let terms = Terms {
            listener: trunk.listener,
            domain: trunk.domain.clone(),
            credentials: trunk.credentials.clone().filter(|_| trunk.register),
            options_interval: trunk.options_interval,
            failover_after: trunk.failover_after,
        };
        if let Some(known) = self.lines.carriers.get_mut(&name).filter(|known| known.terms != terms) {
            if known.terms.is_same_account(&terms) {
                // The new registration takes the old one's place; two REGISTERs could overtake each other.
                known.registration = None;
            }
            self.leave_carrier(now, &name);
        }
        let carrier = self.lines.carriers.entry(Arc::clone(&name)).or_insert_with(|| Carrier {
            terms,
            addresses: Vec::new(),
            registration: None,
            asked: None,
            at: 0,
            failed: 0,
            challenged: false,
        });
        let gone: Vec<SocketAddr> =
            carrier.addresses.iter().copied().filter(|old| !trunk.addresses.contains(old)).collect();
        let new: Vec<SocketAddr> =
            trunk.addresses.iter().copied().filter(|new| !carrier.addresses.contains(new)).collect();
        let at = carrier.address();
        carrier.addresses.clone_from(&trunk.addresses);
        carrier.at = carrier.addresses.iter().position(|address| Some(*address) == at).unwrap_or(0);
        for address in gone {
            self.leave_host(&name, address);
        }
        for address in new {
            self.ask_host(now, &name, address, &trunk);
        }
        self.on_hosts(&name);
        self.register(now, &name, &trunk);
    }

    fn ask_host(&mut self, now: Now, name: &Arc<str>, address: SocketAddr, trunk: &Trunk) {
        let Some(interval) = trunk.options_interval else { return };
        let Some(from) = self.contact_on(trunk) else { return };
        let settings =
            PingSettings { target: format!("sip:{address}"), from, interval, misses: MISSES, id: self.tokens.next() };
        self.lines.watch(Line::Host(Arc::clone(name), address), Ping::new(settings, now.mono));
    }

    fn register(&mut self, now: Now, name: &Arc<str>, trunk: &Trunk) {
        let Some(contact) = self.contact_on(trunk) else { return };
        let (call_id, from_tag) = (format!("{}@hotline", self.tokens.next()), self.tokens.next());
        let seed = self.tokens.key(&format!("register {name} {from_tag}"));
        let Some(carrier) = self.lines.carriers.get_mut(name) else { return };
        let Some((user, password)) = carrier.terms.credentials.clone() else { return };
        if carrier.registration.is_some() || carrier.addresses.is_empty() {
            return;
        }
        let mut registration = Registration::new(RegistrationSettings {
            registrar: format!("sip:{}", trunk.domain),
            aor: format!("sip:{user}@{}", trunk.domain),
            contact,
            user,
            password,
            expires: RegistrationSettings::EXPIRES,
            first_pause: RegistrationSettings::FIRST_PAUSE,
            longest_pause: RegistrationSettings::LONGEST_PAUSE,
            call_id,
            from_tag,
            seed,
        });
        registration.start();
        carrier.registration = Some(registration);
        self.serve_line(now, &Line::Registration(Arc::clone(name)));
    }

    /// A trunk is no longer configured, or on other terms: what we have with its carrier is taken back.
    fn leave_carrier(&mut self, now: Now, name: &Arc<str>) {
        let line = Line::Registration(Arc::clone(name));
        if let Some(registration) = self.lines.carriers.get_mut(name).and_then(|known| known.registration.as_mut()) {
            registration.stop();
            self.serve_line(now, &line);
        }
        let Some(carrier) = self.lines.carriers.remove(name) else { return };
        self.lines.arm(&line);
        for address in carrier.addresses {
            self.leave_host(name, address);
        }
        self.alarm("trunk_down", name.to_string(), false);
        self.alarm("trunk_unregistered", name.to_string(), false);
    }

    /// No carrier is to send calls here any more.
    pub(super) fn leave_registrars(&mut self, now: Now) {
        let names: Vec<Arc<str>> = self.lines.carriers.keys().cloned().collect();
        for name in names {
            if let Some(registration) = self.lines.carriers.get_mut(&name).and_then(|known| known.registration.as_mut())
            {
                registration.stop();
                self.serve_line(now, &Line::Registration(name));
            }
        }
    }

    fn leave_host(&mut self, name: &Arc<str>, address: SocketAddr) {
        self.lines.leave(&Line::Host(Arc::clone(name), address));
        self.alarm("trunk_host_down", format!("{name} {address}"), false);
    }

    /// A host of a trunk came up or went down.
    pub(super) fn on_host(&mut self, name: &Arc<str>, address: SocketAddr) {
        let down = self.lines.is_down(name, address);
        let alone = self.lines.carriers.get(name).is_none_or(|carrier| carrier.addresses.len() < 2);
        self.alarm("trunk_host_down", format!("{name} {address}"), down && !alone);
        self.on_hosts(name);
    }

    fn on_hosts(&mut self, name: &Arc<str>) {
        let down = self.lines.all_down(name);
        self.alarm("trunk_down", name.to_string(), down);
    }

    pub(super) fn on_register_response(&mut self, now: Now, name: &Arc<str>, tx: ClientTx, response: &Response) {
        let Some(carrier) = self.lines.carriers.get_mut(name) else { return };
        if carrier.asked.as_ref().is_none_or(|asked| asked.tx != tx) {
            return;
        }
        // RFC 3263 §4.3: a 503 counts as no answer from there.
        if response.status == 503 && carrier.has_another() {
            return self.register_elsewhere(now, name);
        }
        carrier.asked = None;
        carrier.failed = 0;
        carrier.challenged = matches!(response.status, 401 | 407);
        if let Some(registration) = &mut carrier.registration {
            registration.on_response(now.mono, response);
        }
    }

    pub(super) fn on_register_silent(&mut self, now: Now, name: &Arc<str>, tx: ClientTx) {
        let Some(carrier) = self.lines.carriers.get_mut(name) else { return };
        if carrier.asked.as_ref().is_none_or(|asked| asked.tx != tx) {
            return;
        }
        if carrier.has_another() {
            return self.register_elsewhere(now, name);
        }
        carrier.asked = None;
        carrier.failed = 0;
        carrier.challenged = false;
        if let Some(registration) = &mut carrier.registration {
            registration.on_failure(now.mono);
        }
    }

    pub(super) fn on_registration_time(&mut self, now: Now, name: &Arc<str>) {
        let Some(carrier) = self.lines.carriers.get_mut(name) else { return };
        if carrier.has_another() && carrier.asked.as_ref().is_some_and(|asked| asked.until <= now.mono) {
            return self.register_elsewhere(now, name);
        }
        if let Some(registration) = &mut carrier.registration {
            registration.handle_timeout(now.mono);
        }
    }

    /// The same REGISTER to the next address; an answer that still comes from the last one is not waited for.
    fn register_elsewhere(&mut self, now: Now, name: &Arc<str>) {
        let Some(carrier) = self.lines.carriers.get_mut(name) else { return };
        let Some(asked) = carrier.asked.take() else { return };
        carrier.try_next();
        self.owners.remove(&asked.tx);
        self.send_register(now, name, asked.request);
    }

    pub(super) fn serve_registration(&mut self, now: Now, name: &Arc<str>) {
        loop {
            let wish = self.lines.carriers.get_mut(name).and_then(|carrier| carrier.registration.as_mut()?.poll());
            match wish {
                Some(RegistrationWish::Send(request)) => {
                    self.choose_registrar(name);
                    self.send_register(now, name, *request);
                }
                // The alarm says so.
                Some(RegistrationWish::Up | RegistrationWish::Down(_)) => {}
                None => break,
            }
        }
        let registration = self.lines.carriers.get(name).and_then(|carrier| carrier.registration.as_ref());
        let down = registration.is_some_and(|registration| !registration.is_up() && registration.trouble().is_some());
        self.alarm("trunk_unregistered", name.to_string(), down);
    }

    /// A new attempt goes to the first host that is not known to be down.
    fn choose_registrar(&mut self, name: &Arc<str>) {
        let Some(carrier) = self.lines.carriers.get(name) else { return };
        if carrier.challenged || carrier.terms.options_interval.is_none() {
            return;
        }
        let first = carrier.addresses.iter().position(|address| !self.lines.is_down(name, *address));
        if let (Some(first), Some(carrier)) = (first, self.lines.carriers.get_mut(name)) {
            carrier.at = first;
        }
    }

    fn send_register(&mut self, now: Now, name: &Arc<str>, request: Request) {
        let Some(carrier) = self.lines.carriers.get(name) else { return };
        let (Some(remote), until) = (carrier.address(), now.mono + carrier.terms.failover_after) else { return };
        let tx = self.send_to_host(now, name, remote, &Line::Registration(Arc::clone(name)), request.clone());
        if let (Some(tx), Some(carrier)) = (tx, self.lines.carriers.get_mut(name)) {
            carrier.asked = Some(Asked { tx, request, until });
        }
    }

    pub(super) fn send_to_host(
        &mut self,
        now: Now,
        name: &Arc<str>,
        remote: SocketAddr,
        line: &Line,
        request: Request,
    ) -> Option<ClientTx> {
        let listener = self.settings.listener(self.lines.carriers.get(name)?.terms.listener)?;
        let flow = Flow { listener: listener.id, transport: listener.transport, remote };
        self.send_on(now, line, flow, request)
    }

    fn contact_on(&self, trunk: &Trunk) -> Option<String> {
        Some(trunk.contact(self.settings.listener(trunk.listener)?))
    }
}
