//! Ringing a seat: one INVITE to each of its phones.

use crate::call::{self, CallId, Caller, Failure, LegId, SeatNo, Target};
use crate::sip::flow::Flow;
use crate::sip::message::{Message, NameAddr, Uri};
use crate::sip::session::{Place, Session};
use crate::time::Now;

use super::legs::{Leg, LegKey};
use super::{Exchange, Output};

impl Exchange {
    pub(super) fn dial(&mut self, now: Now, call: CallId, leg: LegId, target: &Target, caller: &Caller, label: &str) {
        let Target::Seat(seat) = target else {
            return self.tell(now, call::Input::Failed { leg, why: Failure::Unreachable });
        };
        let phones = self.phones(now, seat);
        let Some(port) = phones.first().and_then(|(flow, _)| self.take_port(flow.listener)) else {
            self.counters.no_port += u64::from(!phones.is_empty());
            return self.tell(now, call::Input::Failed { leg, why: Failure::Unreachable });
        };
        let listener = phones.first().map(|(flow, _)| flow.listener).unwrap_or_default();
        self.legs.insert(leg, Leg::new(call, listener, port, None, true));
        self.open_media(leg);
        // One leg has one socket: phones of the same seat on another listener are left alone.
        for (flow, target) in phones.into_iter().filter(|(flow, _)| flow.listener == listener) {
            self.ring(now, call, leg, flow, target, caller, label);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn ring(&mut self, now: Now, call: CallId, id: LegId, flow: Flow, target: Uri, caller: &Caller, label: &str) {
        let Some(port) = self.legs.get(&id).map(|leg| leg.port) else { return };
        let settings = self.leg_settings(flow.listener, port, None);
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let number = caller.number.as_ref().map_or("anonymous", |number| number.reveal().as_str());
        let mut from = NameAddr::new(Uri::sip(Some(number), listener.sip_address));
        from.display = Some(format!("{label} {number}").into_bytes());
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
        let fixed = self.settings.line(seat).and_then(|line| line.fixed);
        fixed.map(|flow| (flow, Uri::sip(Some(&seat.0), flow.remote))).into_iter().collect()
    }

    /// A call that an earlier run left behind: its peer is told that it is over.
    pub(super) fn release_orphan(&mut self, now: Now, flow: Flow, bye: &[u8]) {
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let sent_by = listener.sip_address.to_string();
        if let Ok(Message::Request(bye)) = Message::parse(bye) {
            self.transactions.request(now.mono, flow, &sent_by, bye);
        }
    }
}
