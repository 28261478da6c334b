//! The seats' phones: OPTIONS keep a NAT's mapping open, and tell when a phone is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::{self, SeatNo};
use crate::sip::flow::Flow;
use crate::sip::message::Uri;
use crate::sip::ping::{Health, Ping, PingSettings};
use crate::sip::registrar::{Binding, Change};
use crate::time::{Mono, Now};

use super::Exchange;
use super::lines::{Line, MISSES};
use super::origin::canonical;

/// Within two of them a phone is known to be gone.
const INTERVAL: Duration = Duration::from_secs(30);

/// Which phones are watched, and whose they are.
#[derive(Debug, Default)]
pub(super) struct PhoneBook {
    /// Registered contacts, by user.
    of: BTreeMap<String, Vec<Flow>>,
    /// How many users, or fixed seats, are at a place.
    at: BTreeMap<Flow, usize>,
    fixed: BTreeMap<Flow, SeatNo>,
}

impl PhoneBook {
    /// Whether a phone is registered or fixed there.
    pub(super) fn has(&self, flow: Flow) -> bool {
        self.at.contains_key(&flow) || self.fixed.contains_key(&canonical(flow))
    }

    pub(super) fn fixed_at(&self, flow: Flow) -> Option<&SeatNo> {
        self.fixed.get(&canonical(flow))
    }
}

impl Exchange {
    /// What the registrar found out about its seats.
    pub(super) fn on_registrations(&mut self, now: Now, changes: Vec<Change>) {
        for change in changes {
            let (Change::Reachable { user } | Change::Unreachable { user }) = change;
            self.tell_reachable(now, SeatNo(user));
        }
    }

    /// A phone has answered its OPTIONS again, or no longer does.
    pub(super) fn on_phone(&mut self, now: Now, flow: Flow, there: bool) {
        let changes = if there { self.registrar.reachable(flow) } else { self.registrar.unreachable(flow) };
        self.on_registrations(now, changes);
        if let Some(seat) = self.lines.phones.fixed_at(flow).cloned() {
            self.tell_reachable(now, seat);
        }
    }

    /// The phones of the settings and of the registrar, from the start or after a reload.
    pub(super) fn start_phones(&mut self, now: Now) {
        let lines = self.settings.seats.iter();
        let wanted: BTreeMap<Flow, SeatNo> =
            lines.filter_map(|line| Some((canonical(line.fixed?), line.seat.clone()))).collect();
        let old = std::mem::replace(&mut self.lines.phones.fixed, wanted.clone());
        for (flow, seat) in old.iter().filter(|(flow, seat)| wanted.get(flow) != Some(*seat)) {
            self.unwatch(*flow);
            self.tell_reachable(now, seat.clone());
        }
        for (flow, seat) in wanted.into_iter().filter(|(flow, seat)| old.get(flow) != Some(seat)) {
            // Unlike a phone that registers, it must first be found.
            self.watch(flow, Uri::sip(Some(&seat.0), flow.remote).raw, now.mono);
        }
        self.watch_all_phones(now);
    }

    /// After bindings have run out: nobody says whose.
    pub(super) fn watch_all_phones(&mut self, now: Now) {
        let bound = self.registrar.all_bindings(now.mono).map(|(user, _)| user.to_owned());
        let users: BTreeSet<String> = bound.chain(self.lines.phones.of.keys().cloned()).collect();
        for user in users {
            self.watch_phones_of(now, &user);
        }
    }

    /// Pings exactly the contacts that this user has now.
    pub(super) fn watch_phones_of(&mut self, now: Now, user: &str) {
        let bound = |binding: &Binding| (binding.flow, binding.request_uri().raw);
        let wanted: BTreeMap<Flow, String> = self.registrar.bindings_of(now.mono, user).map(bound).collect();
        let flows = wanted.keys().copied().collect();
        let old = self.lines.phones.of.insert(user.to_owned(), flows).unwrap_or_default();
        if wanted.is_empty() {
            self.lines.phones.of.remove(user);
        }
        for gone in old.iter().filter(|flow| !wanted.contains_key(flow)) {
            self.unwatch(*gone);
        }
        for (flow, target) in wanted {
            // A phone that has just registered is there.
            let first = now.mono + INTERVAL;
            let line = Line::Phone(flow);
            if !old.contains(&flow) {
                self.watch(flow, target, first);
            } else if self.lines.pings.get(&line).is_some_and(|ping| ping.health() == Health::Down) {
                self.ping(flow, target, first);
            }
        }
    }

    fn watch(&mut self, flow: Flow, target: String, first: Mono) {
        let users = self.lines.phones.at.entry(flow).or_default();
        *users += 1;
        if *users == 1 {
            self.ping(flow, target, first);
        }
    }

    fn unwatch(&mut self, flow: Flow) {
        let Some(users) = self.lines.phones.at.get_mut(&flow) else { return };
        *users -= 1;
        if *users == 0 {
            self.lines.phones.at.remove(&flow);
            self.lines.leave(&Line::Phone(flow));
        }
    }

    fn ping(&mut self, flow: Flow, target: String, first: Mono) {
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let settings = PingSettings {
            target,
            from: Uri::sip(Some("hotline"), listener.sip_address).raw,
            interval: INTERVAL,
            misses: MISSES,
            id: self.tokens.next(),
        };
        self.lines.watch(Line::Phone(flow), Ping::new(settings, first));
    }

    /// A seat can be rung where a contact is registered and answers, or its fixed phone does.
    fn tell_reachable(&mut self, now: Now, seat: SeatNo) {
        let fixed = self.settings.line(&seat).and_then(|line| line.fixed).map(canonical);
        let health = fixed.and_then(|flow| self.lines.pings.get(&Line::Phone(flow))).map(Ping::health);
        let reachable = health == Some(Health::Up) || !self.registrar.bindings(now.mono, &seat.0).is_empty();
        self.tell(now, call::Input::Reachable { seat, reachable });
    }
}
