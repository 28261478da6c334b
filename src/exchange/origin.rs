//! Who sends: a trunk, a seat, or nobody we know.

use std::net::SocketAddr;

use crate::call::SeatNo;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request};
use crate::sip::sources::Judge;
use crate::time::Mono;

use super::Exchange;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// By listener and source address; the index into the settings' trunks.
    Trunk(usize),
    /// Says it is this seat: a registered contact, a fixed address, or a From user that has an
    /// account. Still to be challenged, unless its address is fixed.
    Seat(SeatNo),
    /// A REGISTER of somebody unknown, on a listener for seats: the registrar decides.
    Registering,
    Unknown,
}

impl Exchange {
    /// A trunk is recognised by listener and source. On a listener for both, a registered contact or
    /// a seat's From user is a seat, never a trunk.
    pub(super) fn origin(&self, now: Mono, flow: Flow, request: &Request) -> Origin {
        if self.settings.serves_seats(flow.listener) {
            if request.method == Method::Register {
                return Origin::Registering;
            }
            let from = from_user(request);
            if let Some(seat) = self.seat_at(now, flow, from.as_deref()) {
                return Origin::Seat(seat);
            }
            if let Some(user) = from.filter(|user| self.registrar.has_account(user)) {
                return Origin::Seat(SeatNo(user));
            }
        }
        match self.settings.trunk_at(flow) {
            Some(trunk) => Origin::Trunk(trunk),
            None => Origin::Unknown,
        }
    }

    /// Whether traffic from here is free of the budget for strangers.
    pub(super) fn is_known(&self, flow: Flow) -> bool {
        self.lines.phones.has(flow) || self.settings.trunk_at(flow).is_some() || self.settings.has_device_at(flow)
    }

    /// False: beyond the budget, to be dropped unanswered.
    pub(super) fn spend_unknown_budget(&mut self, now: Mono, flow: Flow) -> bool {
        match self.unknown.judge(now, flow.remote.ip()) {
            Judge::Answer403 => {
                self.counters.unknown_answered += 1;
                true
            }
            Judge::Drop => {
                self.counters.unknown_dropped += 1;
                false
            }
        }
    }

    /// Of several seats there the one that From names, else the first.
    fn seat_at(&self, now: Mono, flow: Flow, from: Option<&str>) -> Option<SeatNo> {
        let phones = &self.lines.phones;
        let registered = |user: &str| SeatNo(user.to_owned());
        let named = self.registrar.users_at(now, flow).find(|user| from == Some(*user)).map(registered);
        named
            .or_else(|| phones.fixed_named(flow, from).cloned())
            .or_else(|| self.registrar.user_at(now, flow).map(registered))
            .or_else(|| phones.fixed_at(flow, from).cloned())
    }
}

pub(super) fn from_user(request: &Request) -> Option<String> {
    request.headers.from().ok()?.uri.unescaped_user()
}

/// The same flow with its peer's address in its shortest form.
pub(super) fn canonical(flow: Flow) -> Flow {
    Flow { remote: SocketAddr::new(flow.remote.ip().to_canonical(), flow.remote.port()), ..flow }
}

/// Addresses that differ only in being IPv4 or IPv4-mapped IPv6 are the same.
pub(super) fn same_address(left: SocketAddr, right: SocketAddr) -> bool {
    left.ip().to_canonical() == right.ip().to_canonical() && left.port() == right.port()
}
