//! Whether trunks and phones are there: OPTIONS to each, and our registration with carriers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::{self, SeatNo};
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response, Uri};
use crate::sip::ping::{Health, Ping, PingSettings, PingWish};
use crate::sip::registrar::Change;
use crate::sip::registration::{Registration, RegistrationSettings, RegistrationWish};
use crate::sip::transactions::ClientTx;
use crate::time::{Mono, Now};

use super::settings::Settings;
use super::{Exchange, Output, Owner};

/// Keeps a NAT's mapping open, and tells within two of them that a phone is gone.
const SEAT_INTERVAL: Duration = Duration::from_secs(30);
const MISSES: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// OPTIONS to a trunk, by its index.
    Trunk(usize),
    /// Our registration with a trunk's carrier.
    Registration(usize),
    /// OPTIONS to a phone.
    Phone(Flow),
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    pings: BTreeMap<Line, Ping>,
    registrations: BTreeMap<usize, Registration>,
}

impl Lines {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let pings = self.pings.values().filter_map(Ping::next_timeout);
        pings.chain(self.registrations.values().filter_map(Registration::next_timeout)).min()
    }

    /// A trunk is up unless its pings or its registration say otherwise.
    pub(super) fn trunk_states(&self, settings: &Settings) -> Vec<(String, bool)> {
        let up = |index: usize| {
            self.pings.get(&Line::Trunk(index)).is_none_or(|ping| ping.health() != Health::Down)
                && self.registrations.get(&index).is_none_or(Registration::is_up)
        };
        settings.trunks.iter().enumerate().map(|(index, trunk)| (trunk.name.clone(), up(index))).collect()
    }
}

impl Exchange {
    /// Pings and registrations as the settings want them, from the start or after a reload.
    pub(super) fn start_lines(&mut self, now: Now) {
        self.lines = Lines::default();
        for (index, trunk) in self.settings.trunks.clone().into_iter().enumerate() {
            let Some(address) = trunk.addresses.first().copied() else { continue };
            let Some(listener) = self.settings.listener(trunk.listener) else { continue };
            let contact = Uri::sip(Some("hotline"), listener.sip_address).raw;
            if let Some(interval) = trunk.options_interval {
                let settings = PingSettings {
                    target: format!("sip:{address}"),
                    from: contact.clone(),
                    interval,
                    misses: MISSES,
                    id: self.tokens.next(),
                };
                self.lines.pings.insert(Line::Trunk(index), Ping::new(settings, now.mono));
            }
            if let (true, Some((user, password))) = (trunk.register, trunk.credentials) {
                let mut registration = Registration::new(RegistrationSettings {
                    registrar: format!("sip:{}", trunk.domain),
                    aor: format!("sip:{user}@{}", trunk.domain),
                    contact,
                    user,
                    password,
                    expires: RegistrationSettings::EXPIRES,
                    first_pause: RegistrationSettings::FIRST_PAUSE,
                    longest_pause: RegistrationSettings::LONGEST_PAUSE,
                    call_id: format!("{}@hotline", self.tokens.next()),
                    from_tag: self.tokens.next(),
                    seed: self.tokens.key(&trunk.name),
                });
                registration.start();
                self.lines.registrations.insert(index, registration);
            }
        }
        self.watch_phones(now);
        self.serve_lines(now);
    }

    /// What the registrar found out about its seats.
    pub(super) fn on_registrations(&mut self, now: Now, changes: Vec<Change>) {
        for change in changes {
            let (user, reachable) = match change {
                Change::Reachable { user } => (user, true),
                Change::Unreachable { user } => (user, false),
            };
            self.tell(now, call::Input::Reachable { seat: SeatNo(user), reachable });
        }
        self.watch_phones(now);
    }

    pub(super) fn on_line_response(&mut self, now: Now, line: Line, tx: ClientTx, response: &Response) {
        if response.is_final() {
            self.owners.remove(&tx);
        }
        if let Line::Registration(index) = line {
            if let Some(registration) = self.lines.registrations.get_mut(&index) {
                registration.on_response(now.mono, response);
            }
        } else if let Some(ping) = self.lines.pings.get_mut(&line) {
            ping.answered(now.mono, response);
        }
        self.serve_lines(now);
    }

    pub(super) fn on_line_silent(&mut self, now: Now, line: Line, tx: ClientTx) {
        self.owners.remove(&tx);
        if let Line::Registration(index) = line {
            if let Some(registration) = self.lines.registrations.get_mut(&index) {
                registration.on_failure(now.mono);
            }
        } else if let Some(ping) = self.lines.pings.get_mut(&line) {
            ping.missed(now.mono);
        }
        self.serve_lines(now);
    }

    pub(super) fn on_line_time(&mut self, now: Now) {
        if self.lines.next_timeout().is_none_or(|at| at > now.mono) {
            return;
        }
        for ping in self.lines.pings.values_mut() {
            ping.handle_timeout(now.mono);
        }
        for registration in self.lines.registrations.values_mut() {
            registration.handle_timeout(now.mono);
        }
        self.serve_lines(now);
    }

    /// Pings exactly the phones that there are: every registered contact and every fixed address.
    fn watch_phones(&mut self, now: Now) {
        let mut wanted: BTreeMap<Flow, String> = self
            .registrar
            .all_bindings(now.mono)
            .map(|(_, binding)| (binding.flow, binding.request_uri().raw))
            .collect();
        let fixed = self.settings.seats.iter().filter_map(|line| Some((line.fixed?, line.seat.0.as_str())));
        wanted.extend(fixed.map(|(flow, seat)| (flow, Uri::sip(Some(seat), flow.remote).raw)));
        let known: BTreeSet<Flow> = self
            .lines
            .pings
            .keys()
            .filter_map(|line| match line {
                Line::Phone(flow) => Some(*flow),
                Line::Trunk(_) | Line::Registration(_) => None,
            })
            .collect();
        for gone in known.iter().filter(|flow| !wanted.contains_key(flow)) {
            self.lines.pings.remove(&Line::Phone(*gone));
        }
        for (flow, target) in wanted.into_iter().filter(|(flow, _)| !known.contains(flow)) {
            let fixed = self.settings.fixed_seat_at(flow).is_some();
            let Some(listener) = self.settings.listener(flow.listener) else { continue };
            let settings = PingSettings {
                target,
                from: Uri::sip(Some("hotline"), listener.sip_address).raw,
                interval: SEAT_INTERVAL,
                misses: MISSES,
                id: self.tokens.next(),
            };
            // A phone that has just registered is there; one of fixed address must first be found.
            let first = if fixed { now.mono } else { now.mono + SEAT_INTERVAL };
            self.lines.pings.insert(Line::Phone(flow), Ping::new(settings, first));
        }
    }

    /// Sends what pings and registrations want sent, and tells what they found out.
    fn serve_lines(&mut self, now: Now) {
        let lines: Vec<Line> = self.lines.pings.keys().copied().collect();
        for line in lines {
            while let Some(wish) = self.lines.pings.get_mut(&line).and_then(Ping::poll) {
                match wish {
                    PingWish::Send(request) => self.send_on(now, line, *request),
                    PingWish::Up => self.on_line(now, line, true),
                    PingWish::Down => self.on_line(now, line, false),
                }
            }
        }
        for index in 0..self.settings.trunks.len() {
            while let Some(wish) = self.lines.registrations.get_mut(&index).and_then(Registration::poll) {
                match wish {
                    RegistrationWish::Send(request) => self.send_on(now, Line::Registration(index), *request),
                    RegistrationWish::Up => self.on_line(now, Line::Registration(index), true),
                    RegistrationWish::Down(_) => self.on_line(now, Line::Registration(index), false),
                }
            }
        }
    }

    fn send_on(&mut self, now: Now, line: Line, request: Request) {
        let flow = match line {
            Line::Phone(flow) => flow,
            Line::Trunk(index) | Line::Registration(index) => {
                let Some(trunk) = self.settings.trunks.get(index) else { return };
                let Some(remote) = trunk.addresses.first().copied() else { return };
                let Some(listener) = self.settings.listener(trunk.listener) else { return };
                Flow { listener: trunk.listener, transport: listener.transport, remote }
            }
        };
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let sent_by = listener.sip_address.to_string();
        let tx = self.transactions.request(now.mono, flow, &sent_by, request);
        self.owners.insert(tx, Owner::Line(line));
    }

    /// A line came up or went down.
    fn on_line(&mut self, now: Now, line: Line, up: bool) {
        match line {
            Line::Phone(flow) => {
                let changes = if up { self.registrar.reachable(flow) } else { self.registrar.unreachable(flow) };
                self.on_registrations(now, changes);
                if let Some(seat) = self.settings.fixed_seat_at(flow) {
                    self.tell(now, call::Input::Reachable { seat, reachable: up });
                }
            }
            Line::Trunk(index) | Line::Registration(index) => {
                let name = if matches!(line, Line::Trunk(_)) { "trunk_down" } else { "trunk_unregistered" };
                let subject = self.settings.trunks.get(index).map_or_else(String::new, |trunk| trunk.name.clone());
                self.outputs.push_back(Output::Call(call::Output::Alarm { name, subject, active: !up }));
            }
        }
    }
}
