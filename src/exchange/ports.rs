//! RTP ports: an even one for RTP, the next for RTCP, each in use once (RFC 3550 §11). A call is let
//! in only where its seat will have a port too, so that no seat is ever rung in vain.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::call::LegId;
use crate::call::mix_plan::Command;
use crate::sip::flow::ListenerId;

use super::{Exchange, Output};

/// The free ports of one range. A port returns to the end of the line, so that late packets of the
/// last call do not meet the next one.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<u16>,
    used: BTreeSet<u16>,
    /// Legs of seats, not yet over, that have one of them.
    seats: usize,
}

impl PortPool {
    /// `first..=last`; an odd first or an unpaired last port is left out.
    pub fn new(first: u16, last: u16) -> Self {
        let even = first.saturating_add(first % 2);
        let free = (even..last).step_by(2).collect();
        Self { free, used: BTreeSet::new(), seats: 0 }
    }

    /// None: every port carries a call.
    pub fn take(&mut self) -> Option<u16> {
        let port = self.free.pop_front()?;
        self.used.insert(port);
        Some(port)
    }

    pub fn give_back(&mut self, port: u16) {
        if self.used.remove(&port) {
            self.free.push_back(port);
        }
    }

    pub fn in_use(&self) -> usize {
        self.used.len()
    }

    /// Of these, by legs of seats that are not over.
    pub const fn of_seats(&self) -> usize {
        self.seats
    }

    /// Whether `more` ports can be taken and each of `calls` still finds one for its seat.
    fn has_room(&self, more: usize, calls: usize) -> bool {
        self.free.len() >= calls.saturating_sub(self.seats).saturating_add(more)
    }
}

/// A port that a leg has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    pool: usize,
    pub(super) number: u16,
    of_seat: bool,
}

impl Exchange {
    /// A port for a citizen's leg. Nobody knows yet which seat will answer: every pool that seats
    /// take from keeps one for it.
    pub(super) fn take_port_of_call(&mut self, listener: ListenerId) -> Option<Port> {
        let own = self.settings.listener(listener)?.pool;
        let calls = self.citizens.len().saturating_add(1);
        let fits = |(index, pool): (usize, &PortPool)| {
            pool.has_room(usize::from(index == own), if self.serves_seats(index) { calls } else { 0 })
        };
        let fits = self.ports.iter().enumerate().all(fits);
        let number = self.ports.get_mut(own).filter(|_| fits)?.take()?;
        Some(Port { pool: own, number, of_seat: false })
    }

    /// A port for a feature code or a call of ours, which take none that a citizen's call may need.
    pub(super) fn take_port_of_feature(&mut self, listener: ListenerId) -> Option<Port> {
        let calls = self.citizens.len();
        let own = self.settings.listener(listener)?.pool;
        let number = self.ports.get_mut(own).filter(|pool| pool.has_room(1, calls))?.take()?;
        Some(Port { pool: own, number, of_seat: false })
    }

    /// A port that was kept for a seat when its call came in.
    pub(super) fn take_port_of_seat(&mut self, listener: ListenerId) -> Option<Port> {
        let own = self.settings.listener(listener)?.pool;
        let pool = self.ports.get_mut(own)?;
        let number = pool.take()?;
        pool.seats += 1;
        Some(Port { pool: own, number, of_seat: true })
    }

    /// The leg is over: its call may need a port for the next seat. Its own is still in use.
    pub(super) fn seat_left(&mut self, id: LegId) {
        let Some(port) = self.taken.get_mut(&id) else { return };
        if std::mem::take(&mut port.of_seat)
            && let Some(pool) = self.ports.get_mut(port.pool)
        {
            pool.seats = pool.seats.saturating_sub(1);
        }
    }

    pub(super) fn give_port_back(&mut self, port: Port) {
        if let Some(pool) = self.ports.get_mut(port.pool) {
            pool.seats = pool.seats.saturating_sub(usize::from(port.of_seat));
            pool.give_back(port.number);
        }
    }

    /// Called when the socket is closed (or was never open), so that no two calls share a port.
    pub(super) fn free_port(&mut self, id: LegId) {
        if let Some(port) = self.taken.remove(&id) {
            self.give_port_back(port);
        }
    }

    /// The leg goes on at another port; this one is free as soon as its socket is closed.
    pub(super) fn leave_port(&mut self, id: LegId) {
        if let Some(port) = self.taken.remove(&id) {
            self.left.push((id, port));
            self.outputs.push_back(Output::Media(Command::Close { leg: id }));
        }
    }

    /// A socket of this leg is closed: of several the one that it left first.
    pub(super) fn port_closed(&mut self, id: LegId) {
        match self.left.iter().position(|(leg, _)| *leg == id) {
            Some(at) => {
                let (_, port) = self.left.remove(at);
                self.give_port_back(port);
            }
            None => self.free_port(id),
        }
    }

    /// Whether the socket that could not be bound is one that its leg has left since.
    pub(super) fn has_left(&mut self, id: LegId, local: SocketAddr) -> bool {
        let bind = |port: &Port| self.settings.listeners.iter().find(|listener| listener.pool == port.pool);
        let is_it = |(leg, port): &(LegId, Port)| {
            *leg == id && port.number == local.port() && bind(port).is_some_and(|at| at.media_bind == local.ip())
        };
        let Some(at) = self.left.iter().position(is_it) else { return false };
        let (_, port) = self.left.remove(at);
        self.give_port_back(port);
        true
    }

    fn serves_seats(&self, pool: usize) -> bool {
        self.settings.listeners.iter().any(|listener| listener.pool == pool && listener.serves_seats)
    }
}
