//! Ringing a seat: one INVITE to each of its phones, once they are done with the call before.

use std::time::Duration;

use crate::call::directory::Shown;
use crate::call::{self, CallId, Caller, Failure, LegId, SeatNo, Target};
use crate::sip::flow::Flow;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::session::{Place, Session};
use crate::time::{Mono, Now};

use super::legs::{Leg, LegKey};
use super::quest::Errand;
use super::{Exchange, Output};

/// A phone answers a CANCEL or a BYE within milliseconds, or after a lost packet or two; one that has
/// not by then will not answer the INVITE either, and is rung all the same.
const PATIENCE: Duration = Duration::from_secs(3);

/// A port that cannot be bound is left for another one so often.
const PORTS: u8 = 3;

/// What a leg that we dial shows on the phones of its seat.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) seat: SeatNo,
    caller: Caller,
    label: String,
    /// It waits for its phones, or for a port; then it is rung in any case.
    pub(super) held_until: Option<Mono>,
    ports: u8,
}

impl Exchange {
    pub(super) fn dial(&mut self, now: Now, call: CallId, leg: LegId, target: &Target, caller: Caller, label: String) {
        let seat = match target {
            Target::Seat(seat) => seat,
            Target::Number { number, code, reserved, trunks, shown } => {
                let errand = Errand {
                    number: number.clone(),
                    code: code.clone(),
                    is_emergency: *reserved,
                    trunks: trunks.clone(),
                    caller: caller.number.filter(|_| *shown == Shown::Citizen),
                };
                return self.call_number(now, call, leg, errand);
            }
            Target::Device { uri, shown } => {
                let caller = caller.number.filter(|_| *shown == Shown::Citizen);
                return self.call_device(now, call, leg, uri, caller, label);
            }
        };
        let ring = Ring { seat: seat.clone(), caller, label, held_until: None, ports: PORTS };
        self.legs.insert(leg, Leg::dialled(call, ring));
        self.hold(now, leg);
        self.ring_if_free(now, leg);
    }

    fn hold(&mut self, now: Now, id: LegId) {
        let Some(ring) = self.legs.get_mut(&id).and_then(|leg| leg.ring.as_mut()) else { return };
        ring.held_until = Some(now.mono + PATIENCE);
        self.held.insert(id);
        self.arm(id);
    }

    /// Something has been answered, or a port is free: perhaps a leg that was held can be rung.
    pub(super) fn ring_held(&mut self, now: Now) {
        for id in self.held.clone() {
            self.ring_if_free(now, id);
        }
    }

    /// A phone that still waits for our CANCEL or BYE would answer the next INVITE with 486.
    pub(super) fn ring_if_free(&mut self, now: Now, id: LegId) {
        let Some(ring) = self.legs.get(&id).and_then(|leg| leg.ring.clone()) else { return };
        let late = ring.held_until.is_none_or(|until| until <= now.mono);
        let phones = self.phones(now, &ring.seat);
        let Some(listener) = phones.first().map(|(flow, _)| flow.listener) else {
            return self.give_up_ringing(now, id);
        };
        if !late && self.is_leaving(&ring.seat, id) {
            return;
        }
        let call = self.legs.get(&id).map(|leg| leg.call);
        let port = if call.is_some_and(|call| self.citizens.contains(&call)) {
            self.take_port_of_seat(listener)
        } else {
            self.take_port_of_feature(listener)
        };
        let Some(port) = port else {
            // A citizen's call has kept it for its seat; only one that is just being closed can be missing.
            return if late { self.give_up_ringing(now, id) } else { self.arm(id) };
        };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        (leg.listener, leg.port) = (listener, port.number);
        if let Some(ring) = &mut leg.ring {
            ring.held_until = None;
        }
        let call = leg.call;
        self.taken.insert(id, port);
        self.held.remove(&id);
        self.open_media(id);
        // One leg has one socket: phones that could not reach it are left alone.
        for (flow, target) in phones {
            if self.settings.shares_media(listener, flow.listener) {
                self.ring(now, call, id, flow, target, &ring);
            }
        }
        self.arm(id);
    }

    /// Whether a phone of this seat has not yet answered what ended its last call.
    fn is_leaving(&mut self, seat: &SeatNo, id: LegId) -> bool {
        let (legs, transactions) = (&self.legs, &self.transactions);
        let busy = |id: &LegId| legs.get(id).is_some_and(|leg| !leg.is_quiet(transactions));
        let Some(leaving) = self.leaving.get_mut(seat) else { return busy(&id) };
        leaving.retain(busy);
        let waits = !leaving.is_empty();
        if !waits {
            self.leaving.remove(seat);
        }
        waits || busy(&id)
    }

    /// The socket could not be bound: the phones are told of another port, in a new INVITE.
    /// False: enough ports have been tried.
    pub(super) fn ring_elsewhere(&mut self, now: Now, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.is_over() && leg.chosen.is_none()) else {
            return false;
        };
        let Some(ring) = leg.ring.as_mut().filter(|ring| ring.ports > 0) else { return false };
        ring.ports -= 1;
        leg.close_media();
        self.free_port(id);
        self.hold(now, id);
        self.stop_ringing(now, id, None);
        self.ring_if_free(now, id);
        true
    }

    fn give_up_ringing(&mut self, now: Now, id: LegId) {
        self.end_leg(now, id);
        self.tell(now, call::Input::Failed { leg: id, why: Failure::Unreachable });
    }

    fn ring(&mut self, now: Now, call: CallId, id: LegId, flow: Flow, target: Uri, ring: &Ring) {
        let Some(port) = self.legs.get(&id).map(|leg| leg.port) else { return };
        let settings = self.leg_settings(flow.listener, port, None);
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let number = ring.caller.number.as_ref().map_or("anonymous", |number| number.reveal().as_str());
        let mut from = NameAddr::new(Uri::sip(Some(number), listener.sip_address));
        from.display = Some(format!("{} {number}", ring.label).into_bytes());
        let tag = self.tokens.next();
        let place = Place {
            call_id: format!("{}@hotline", self.tokens.next()),
            local_tag: tag.clone(),
            from: from.to_bytes(),
            to: NameAddr::new(target.clone()).to_bytes(),
            target: target.raw,
            extra: Vec::new(),
        };
        self.outputs.push_back(Output::Placed { call, leg: id, sip_call_id: place.call_id.clone() });
        let (session, _) = Session::outgoing(now.mono, &mut self.transactions, flow, place, settings);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let branch = leg.branches.len();
        leg.branches.push(session);
        let key = LegKey { leg: id, branch };
        self.by_tag.insert(tag, key);
        self.note_stream(id, flow);
        self.settle(now, key);
    }

    /// Where a seat can be rung: its registered contacts, or its fixed address.
    fn phones(&self, now: Now, seat: &SeatNo) -> Vec<(Flow, Uri)> {
        let registered: Vec<(Flow, Uri)> = self
            .registrar
            .bindings(now.mono, &seat.0)
            .into_iter()
            .map(|binding| (binding.flow, binding.request_uri()))
            .collect();
        if !registered.is_empty() {
            return registered;
        }
        let fixed = self.settings.line(seat).and_then(|line| line.fixed.as_ref());
        fixed.map(|phone| (phone.flow, phone.uri())).into_iter().collect()
    }
}
