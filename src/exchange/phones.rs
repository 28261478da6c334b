//! The seats' phones: OPTIONS keep a NAT's mapping open, and tell when a phone is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::{self, SeatNo};
use crate::sip::flow::Flow;
use crate::sip::message::Uri;
use crate::sip::ping::{Health, Ping, PingSettings};
use crate::sip::registrar::{Binding, Change};
use crate::time::{Mono, Now};

use super::lines::{Line, MISSES};
use super::origin::canonical;
use super::settings::FixedPhone;
use super::{Exchange, Output};

/// Within two of them a phone is known to be gone.
const INTERVAL: Duration = Duration::from_secs(30);

/// From the first OPTIONS to one fixed phone to that to the next.
const APART: Duration = Duration::from_millis(5);

/// Which phones are watched, and whose they are.
#[derive(Debug, Default)]
pub(super) struct PhoneBook {
    /// Registered contacts, by user.
    of: BTreeMap<String, Vec<Flow>>,
    /// How many users are at a place.
    at: BTreeMap<Flow, usize>,
    /// In canonical form.
    fixed: BTreeMap<FixedPhone, SeatNo>,
}

impl PhoneBook {
    /// Whether a phone is registered or fixed there.
    pub(super) fn has(&self, flow: Flow) -> bool {
        self.at.contains_key(&flow) || self.fixed_there(flow).next().is_some()
    }

    /// The phone of fixed address there that `from` names, by the user part of its address or by its seat.
    pub(super) fn fixed_named(&self, flow: Flow, from: Option<&str>) -> Option<&SeatNo> {
        let is_it = |(phone, seat): &(&FixedPhone, &SeatNo)| from == Some(&phone.user) || from == Some(&seat.0);
        self.fixed_there(flow).find(is_it).map(|(_, seat)| seat)
    }

    /// The same, and where just one is there it whatever it calls itself.
    pub(super) fn fixed_at(&self, flow: Flow, from: Option<&str>) -> Option<&SeatNo> {
        let alone = || {
            let mut there = self.fixed_there(flow);
            there.next().filter(|_| there.next().is_none()).map(|(_, seat)| seat)
        };
        self.fixed_named(flow, from).or_else(alone)
    }

    fn fixed_there(&self, flow: Flow) -> impl Iterator<Item = (&FixedPhone, &SeatNo)> {
        let flow = canonical(flow);
        let first = FixedPhone { flow, user: String::new() };
        self.fixed.range(first..).take_while(move |(phone, _)| phone.flow == flow)
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

    /// Wrong passwords are told, and an alarm stands as long as somebody is locked out for them.
    pub(super) fn tell_wrong_passwords(&mut self, now: Now) {
        self.outputs.extend(self.registrar.take_news().into_iter().map(Output::WrongPassword));
        for (user, is_locked) in self.registrar.take_locks(now.mono) {
            self.alarm("password_locked", user, is_locked);
        }
    }

    /// A phone has answered its OPTIONS again, or no longer does.
    pub(super) fn on_phone(&mut self, now: Now, flow: Flow, there: bool) {
        let changes = if there { self.registrar.reachable(flow) } else { self.registrar.unreachable(flow) };
        self.on_registrations(now, changes);
    }

    pub(super) fn on_fixed_phone(&mut self, now: Now, phone: &FixedPhone) {
        if let Some(seat) = self.lines.phones.fixed.get(phone).cloned() {
            self.tell_reachable(now, seat);
        }
    }

    /// The phones of the settings and of the registrar, from the start or after a reload.
    pub(super) fn start_phones(&mut self, now: Now) {
        let lines = self.settings.seats.iter();
        let wanted: BTreeMap<FixedPhone, SeatNo> =
            lines.filter_map(|line| Some((line.fixed.as_ref().map(placed)?, line.seat.clone()))).collect();
        let old = std::mem::replace(&mut self.lines.phones.fixed, wanted.clone());
        for (phone, seat) in old.iter().filter(|(phone, seat)| wanted.get(phone) != Some(*seat)) {
            self.lines.leave(&Line::Fixed(phone.clone()));
            self.tell_reachable(now, seat.clone());
        }
        let mut first = now.mono;
        for (phone, _) in wanted.into_iter().filter(|(phone, seat)| old.get(phone) != Some(seat)) {
            // Unlike a phone that registers, it must first be found; not all of them at one instant.
            let (flow, target) = (phone.flow, phone.uri().raw);
            self.ping(Line::Fixed(phone), flow, target, first);
            first = first + APART;
        }
        self.watch_all_phones(now);
    }

    /// Where phones had registered in an earlier run. Each is asked at once, and rung once it has answered.
    pub fn restore_phones(&mut self, now: Now, kept: Vec<(SeatNo, Binding)>) {
        let kept = kept.into_iter().map(|(seat, binding)| (seat.0, binding)).collect();
        self.registrar.restore(now.mono, kept);
        self.watch_all_phones(now);
    }

    /// Where phones are registered; the number changes whenever any of it does.
    pub fn registered_phones(&self, now: Now) -> (u64, impl Iterator<Item = (&str, &Binding)>) {
        (self.registrar.revision(), self.registrar.all_bindings(now.mono))
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
        let bound = |binding: &Binding| (binding.flow, (binding.request_uri().raw, binding.lost));
        let wanted: BTreeMap<Flow, (String, bool)> = self.registrar.bindings_of(now.mono, user).map(bound).collect();
        let flows = wanted.keys().copied().collect();
        let old = self.lines.phones.of.insert(user.to_owned(), flows).unwrap_or_default();
        if wanted.is_empty() {
            self.lines.phones.of.remove(user);
        }
        for gone in old.iter().filter(|flow| !wanted.contains_key(flow)) {
            self.unwatch(*gone);
        }
        for (flow, (target, lost)) in wanted {
            let watched = u32::try_from(self.lines.phones.at.len()).unwrap_or(u32::MAX);
            // A phone that has just registered is there; one of an earlier run must first be found.
            let first = now.mono + if lost { APART.saturating_mul(watched) } else { INTERVAL };
            let line = Line::Phone(flow);
            if !old.contains(&flow) {
                self.watch(flow, target, first);
            } else if self.lines.pings.get(&line).is_some_and(|ping| ping.health() == Health::Down) {
                self.ping(line, flow, target, first);
            }
        }
    }

    fn watch(&mut self, flow: Flow, target: String, first: Mono) {
        let users = self.lines.phones.at.entry(flow).or_default();
        *users += 1;
        if *users == 1 {
            self.ping(Line::Phone(flow), flow, target, first);
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

    fn ping(&mut self, line: Line, flow: Flow, target: String, first: Mono) {
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let settings = PingSettings {
            target,
            from: Uri::sip(Some("hotline"), listener.sip_address).raw,
            interval: INTERVAL,
            misses: MISSES,
            id: self.tokens.next(),
        };
        self.lines.watch(line, Ping::new(settings, first));
    }

    /// A seat can be rung where a contact is registered and answers, or its fixed phone does.
    fn tell_reachable(&mut self, now: Now, seat: SeatNo) {
        let fixed = self.settings.line(&seat).and_then(|line| line.fixed.as_ref()).map(placed);
        let health = fixed.and_then(|phone| self.lines.pings.get(&Line::Fixed(phone))).map(Ping::health);
        let reachable = health == Some(Health::Up) || !self.registrar.bindings(now.mono, &seat.0).is_empty();
        self.tell(now, call::Input::Reachable { seat, reachable });
    }
}

/// As it stands in the phone book.
fn placed(phone: &FixedPhone) -> FixedPhone {
    FixedPhone { flow: canonical(phone.flow), user: phone.user.clone() }
}
