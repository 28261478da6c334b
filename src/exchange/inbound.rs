//! An INVITE that comes to us becomes a leg: a citizen on a trunk, or a seat that dials.

use crate::call::{self, CallId, Invited, LegId, SeatAsk, SeatNo};
use crate::sip::digest::Login;
use crate::sip::flow::{Flow, ListenerId};
use crate::sip::message::{Request, Uri};
use crate::sip::negotiation::OwnMedia;
use crate::sip::registrar::Verdict;
use crate::sip::session::{Reliable, Session, Settings as LegSettings};
use crate::sip::transactions::ServerTx;
use crate::time::Now;

use super::legs::{Leg, LegKey};
use super::origin::{Origin, from_user};
use super::ports::Port;
use super::settings::Trunk;
use super::{Exchange, Output, identity};

impl Exchange {
    pub(super) fn on_invite(&mut self, now: Now, tx: ServerTx, flow: Flow, invite: Request, origin: Origin) {
        if let Some(status) = self.refusal_of_replaces(&invite) {
            return self.answer(now, tx, &invite, status);
        }
        match origin {
            Origin::Trunk(trunk) => self.on_trunk_invite(now, tx, flow, invite, trunk),
            Origin::Seat(seat) => self.on_seat_invite(now, tx, flow, invite, seat),
            Origin::Registering | Origin::Unknown => self.answer(now, tx, &invite, 403),
        }
    }

    fn on_trunk_invite(&mut self, now: Now, tx: ServerTx, flow: Flow, invite: Request, index: usize) {
        let Some(trunk) = self.settings.trunks.get(index).cloned() else { return };
        let invited = Invited {
            leg: LegId(0),
            trunk: trunk.name.clone(),
            sip_call_id: invite.headers.call_id().unwrap_or_default().to_string(),
            dialled: identity::dialled(&invite),
            caller: identity::caller(&invite, &trunk),
            queue_answer: trunk.queue_answer,
            early_media: !invite.body.is_empty(),
        };
        if !trunk.has_channel(self.busy.get(index).copied().unwrap_or(0), false) {
            return self.turn_away(now, tx, &invite, index, invited);
        }
        let Some(port) = self.take_port_of_call(flow.listener) else {
            self.counters.no_port += 1;
            return self.turn_away(now, tx, &invite, index, invited);
        };
        let settings = self.leg_settings(flow.listener, port.number, Some(&trunk));
        let Some(leg) = self.admit(now, tx, flow, invite, settings, port, Some(index)) else { return };
        let wishes = self.board.handle(now, call::Input::Invited(Box::new(Invited { leg, ..invited })));
        if let Some(call) = self.board.call_of(leg) {
            self.join_call(now, leg, call);
        }
        self.carry_out_all(now, wishes);
    }

    fn turn_away(&mut self, now: Now, tx: ServerTx, invite: &Request, trunk: usize, invited: Invited) {
        self.answer_overload(now, tx, invite, trunk);
        self.tell(now, call::Input::TurnedAway(Box::new(invited)));
    }

    /// A seat's phone dials feature codes, or in a call somebody else; who it is must be proved, unless it has no password
    /// to prove it with (a phone of fixed address).
    fn on_seat_invite(&mut self, now: Now, tx: ServerTx, flow: Flow, invite: Request, seat: SeatNo) {
        let from = from_user(&invite);
        let fixed = self.lines.phones.fixed_at(flow, from.as_deref()) == Some(&seat);
        let seat = if fixed {
            seat
        } else {
            let verdict = self.registrar.authenticate(now.mono, flow, &invite);
            self.tell_wrong_passwords(now);
            match verdict {
                // A phone may have several accounts on one port, and say in From which it likes.
                Verdict::Ok(user)
                    if from.as_ref() == Some(&user)
                        || self.registrar.users_at(now.mono, flow).any(|there| there == user) =>
                {
                    SeatNo(user)
                }
                Verdict::Ok(_) => return self.answer(now, tx, &invite, 403),
                Verdict::Challenge(response) | Verdict::Locked(response) | Verdict::Bad(response) => {
                    return self.transactions.respond(now.mono, tx, response);
                }
            }
        };
        let dialled = Uri::parse(&invite.uri).ok().and_then(|uri| uri.unescaped_user()).unwrap_or_default();
        match (self.settings.features.get(&dialled).cloned(), call::supervision_code(&dialled)) {
            (Some(ask), _) => self.on_feature_code(now, tx, flow, invite, seat, ask),
            (None, Some((how, of))) => self.on_supervision(now, tx, flow, invite, seat, of, how),
            (None, None) => self.on_second_line(now, tx, flow, invite, seat, dialled),
        }
    }

    fn on_feature_code(&mut self, now: Now, tx: ServerTx, flow: Flow, invite: Request, seat: SeatNo, ask: SeatAsk) {
        let Some(port) = self.take_port_of_feature(flow.listener) else {
            self.counters.no_port += 1;
            return self.answer(now, tx, &invite, 503);
        };
        let settings = self.leg_settings(flow.listener, port.number, None);
        let Some(leg) = self.admit(now, tx, flow, invite, settings, port, None) else { return };
        // A feature code is no call; its leg alone keeps its media together.
        self.join_call(now, leg, CallId(leg.0));
        self.tell(now, call::Input::FeatureCode { leg, seat, ask });
    }

    /// The INVITE becomes a session and a leg, or is turned away with a reason by the session itself.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn admit(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: Request,
        settings: LegSettings,
        port: Port,
        trunk: Option<usize>,
    ) -> Option<LegId> {
        let tag = self.tokens.next();
        let Some(session) =
            Session::incoming(now.mono, &mut self.transactions, tx, flow, invite, settings, tag.clone())
        else {
            self.give_port_back(port);
            return None;
        };
        self.next_leg += 1;
        let id = LegId(self.next_leg);
        let mut leg = Leg::calling(flow.listener, port.number, trunk);
        leg.branches.push(session);
        leg.server_tx = Some(tx);
        self.legs.insert(id, leg);
        self.by_tag.insert(tag, LegKey { leg: id, branch: 0 });
        self.by_server_tx.insert(tx, id);
        self.taken.insert(id, port);
        self.note_stream(id, flow);
        if let Some(busy) = trunk.and_then(|trunk| self.busy.get_mut(trunk)) {
            *busy += 1;
        }
        Some(id)
    }

    /// The switchboard has given the arriving leg its call: media opens, and what the session has
    /// already agreed follows it.
    pub(super) fn join_call(&mut self, now: Now, id: LegId, call: CallId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.is_over() || leg.call == call {
            return;
        }
        leg.call = call;
        if leg.is_citizens() {
            self.citizens.insert(call);
        }
        let sip_call_id =
            leg.branches.first().and_then(|session| session.dialog()).map(|dialog| dialog.call_id.clone());
        if let Some(sip_call_id) = sip_call_id {
            self.outputs.push_back(Output::Placed { call, leg: id, sip_call_id });
        }
        self.open_media(id);
        self.settle(now, LegKey { leg: id, branch: 0 });
    }

    /// How a leg on this listener speaks of itself; a seat's phone gets plain defaults.
    pub(super) fn leg_settings(&mut self, listener: ListenerId, port: u16, trunk: Option<&Trunk>) -> LegSettings {
        let id = self.tokens.number() >> 2;
        let credentials = trunk.and_then(|trunk| trunk.credentials.clone());
        let login = credentials.map(|(user, password)| Login { user, password, cnonce: self.tokens.next() });
        let nowhere = std::net::SocketAddr::from(([0, 0, 0, 0], 5060));
        let listener = self.settings.listener(listener);
        LegSettings {
            sent_by: listener.map_or(nowhere, |listener| listener.sip_address).to_string(),
            contact: match (listener, trunk) {
                (Some(listener), Some(trunk)) => trunk.contact(listener),
                (Some(listener), None) => listener.contact(),
                (None, _) => format!("sip:hotline@{nowhere}"),
            },
            user_agent: self.settings.user_agent.clone(),
            media: OwnMedia {
                address: listener.map_or(nowhere.ip(), |listener| listener.media_address),
                port,
                codecs: trunk.map_or(&self.settings.seat_codecs, |trunk| &trunk.codecs).clone(),
                ordered: trunk.map_or(self.settings.seat_codecs_ordered, |trunk| trunk.codecs_ordered),
                ptime: trunk.map_or(20, |trunk| trunk.ptime),
                id,
            },
            reliable: trunk.map_or(Reliable::Off, |trunk| trunk.reliable),
            session_expires: trunk.and_then(|trunk| trunk.session_expires),
            follow_contact: trunk.is_some(),
            login,
        }
    }
}
