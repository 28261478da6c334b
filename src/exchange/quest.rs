//! Calling a telephone number through a trunk: host after host and trunk after trunk, until one
//! carries the call or the called party says no. (RFC 3263 §4.3)

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::call::{self, CallId, Failure, LegId};
use crate::privacy::Private;
use crate::rules::dialling::written_for;
use crate::sip::digest::Answerer;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::message::{Method, Name, NameAddr, Response, Uri};
use crate::sip::session::{Place, Session};
use crate::time::{Mono, Now};

use super::legs::{Leg, LegKey};
use super::settings::Trunk;
use super::{Exchange, Output};

/// Whom to call, and for whom.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) number: Private<String>,
    /// The hotline number on whose behalf.
    pub(super) code: String,
    /// It may take the reserved channels (R31).
    pub(super) is_emergency: bool,
    /// Whose call is passed on; None: the call is our own.
    pub(super) caller: Option<Private<String>>,
}

/// A number that is being called, and where it has not been tried yet.
#[derive(Debug)]
pub(super) struct Quest {
    errand: Errand,
    /// Trunk, by its name, since a reload may move it; and host.
    untried: VecDeque<(Arc<str>, SocketAddr)>,
    /// A host that has not said a word by then is left for the next one.
    pub(super) until: Option<Mono>,
    credentials: Answerer,
}

impl Exchange {
    /// Calls the number through the first trunk that is up and has a channel for it.
    pub(super) fn call_number(&mut self, now: Now, call: CallId, leg: LegId, errand: Errand) {
        let untried = self.ways_out(errand.is_emergency);
        let quest = Quest { errand, untried, until: None, credentials: Answerer::default() };
        self.legs.insert(leg, Leg::calling_out(call, quest));
        if !self.try_next_host(now, leg) {
            self.end_leg(now, leg);
            self.tell(now, call::Input::Failed { leg, why: Failure::NoWay });
        }
    }

    /// Every host of every trunk that could carry a call now, in the order of the configuration.
    fn ways_out(&self, is_emergency: bool) -> VecDeque<(Arc<str>, SocketAddr)> {
        let has_channel =
            |index: usize, trunk: &Trunk| trunk.has_channel(self.busy.get(index).copied().unwrap_or(0), is_emergency);
        let up = self.lines.trunk_states(&self.settings);
        let trunks = self.settings.trunks.iter().enumerate().zip(up);
        trunks
            .filter(|((index, trunk), (_, up))| *up && has_channel(*index, trunk))
            .flat_map(|((_, trunk), _)| {
                let name: Arc<str> = Arc::from(trunk.name.as_str());
                let alive = |address: &&SocketAddr| !self.lines.is_down(&name, **address);
                trunk.addresses.iter().filter(alive).map(|address| (Arc::clone(&name), *address)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// False: there is none left.
    fn try_next_host(&mut self, now: Now, id: LegId) -> bool {
        while let Some((trunk, remote)) = self.next_host(id) {
            if self.try_host(now, id, &trunk, remote) {
                return true;
            }
        }
        false
    }

    fn next_host(&mut self, id: LegId) -> Option<(Arc<str>, SocketAddr)> {
        let leg = self.legs.get_mut(&id).filter(|leg| !leg.is_over())?;
        leg.quest.as_mut()?.untried.pop_front()
    }

    /// False: the trunk is gone since, or no port is left where its carrier could send media.
    fn try_host(&mut self, now: Now, id: LegId, name: &str, remote: SocketAddr) -> bool {
        let Some((index, trunk)) = self.settings.trunk(name).map(|(index, trunk)| (index, trunk.clone())) else {
            return false;
        };
        if !self.place_media(id, trunk.listener) {
            return false;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let (call, port) = (leg.call, leg.port);
        let Some(quest) = &mut leg.quest else { return false };
        quest.until = Some(now.mono + trunk.failover_after);
        quest.credentials = Answerer::default();
        let errand = quest.errand.clone();
        self.carry_by(id, index);
        let settings = self.leg_settings(trunk.listener, port, Some(&trunk));
        let Some(listener) = self.settings.listener(trunk.listener) else { return false };
        let flow = Flow { listener: listener.id, transport: listener.transport, remote };
        let shown = Shown { trunk: &trunk, errand: &errand, area: &self.settings.area, at: listener.sip_address };
        let tag = self.tokens.next();
        let target = request_uri(&trunk, errand.number.reveal(), &self.settings.area, flow);
        let place = Place {
            call_id: format!("{}@hotline", self.tokens.next()),
            local_tag: tag.clone(),
            from: shown.from(),
            to: format!("<{target}>").into_bytes(),
            target,
            extra: shown.elsewhere(),
        };
        self.outputs.push_back(Output::Placed { call, leg: id, sip_call_id: place.call_id.clone() });
        let (session, _) = Session::outgoing(now.mono, &mut self.transactions, flow, place, settings);
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let key = LegKey { leg: id, branch: leg.branches.len() };
        leg.branches.push(session);
        self.by_tag.insert(tag, key);
        self.note_stream(id, flow);
        self.settle(now, key);
        true
    }

    /// Gives the leg a port that carriers of this listener reach, where it has none. False: none is free.
    fn place_media(&mut self, id: LegId, listener: ListenerId) -> bool {
        let Some(leg) = self.legs.get(&id) else { return false };
        if self.taken.contains_key(&id) && self.settings.shares_media(leg.listener, listener) {
            return true;
        }
        let Some(port) = self.take_port_of_feature(listener) else {
            self.counters.no_port += 1;
            return false;
        };
        self.leave_port(id);
        if let Some(leg) = self.legs.get_mut(&id) {
            (leg.listener, leg.port) = (listener, port.number);
        }
        self.taken.insert(id, port);
        self.open_media(id);
        true
    }

    /// The leg is on this trunk now, and takes one of its channels.
    fn carry_by(&mut self, id: LegId, trunk: usize) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let before = leg.trunk.replace(trunk);
        if let Some(busy) = before.and_then(|before| self.busy.get_mut(before)) {
            *busy = busy.saturating_sub(1);
        }
        if let Some(busy) = self.busy.get_mut(trunk) {
            *busy += 1;
        }
    }

    /// A host refused the call, or never answered. True: another one is being tried.
    pub(super) fn failed_over(&mut self, now: Now, key: LegKey, status: u16) -> bool {
        let Some(leg) = self.legs.get(&key.leg).filter(|leg| leg.chosen.is_none()) else { return false };
        // Only the last branch speaks for the leg; an older one was given up already.
        if leg.quest.is_none() || key.branch + 1 != leg.branches.len() {
            return leg.quest.is_some();
        }
        let next_may_do_better = status == 408 || (500..600).contains(&status);
        next_may_do_better && self.try_next_host(now, key.leg)
    }

    /// Nothing came from the host within its time: a silent one is left for the next.
    pub(super) fn on_quest_time(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(branch) = leg.branches.len().checked_sub(1) else { return };
        let Some(quest) = leg.quest.as_mut().filter(|quest| quest.until.is_some_and(|until| until <= now.mono)) else {
            return;
        };
        quest.until = None;
        let heard =
            leg.branches.get(branch).and_then(Session::invite_tx).is_none_or(|tx| self.transactions.was_heard(tx));
        if !heard && leg.chosen.is_none() && self.try_next_host(now, id) {
            self.with_session(now, LegKey { leg: id, branch }, |session, transactions| {
                session.hang_up(now.mono, transactions);
            });
        }
    }

    /// The carrier wants to know who calls. False: we have no password for it, or it was refused.
    pub(super) fn answer_challenge(&mut self, now: Now, key: LegKey, response: &Response) -> bool {
        let cnonce = self.tokens.next();
        let Some(leg) = self.legs.get_mut(&key.leg) else { return false };
        let trunk = leg.trunk.and_then(|trunk| self.settings.trunks.get(trunk));
        let Some((user, password)) = trunk.and_then(|trunk| trunk.credentials.clone()) else { return false };
        let (Some(quest), Some(session)) = (&mut leg.quest, leg.branches.get_mut(key.branch)) else { return false };
        let Some(uri) = session.target().map(str::to_owned) else { return false };
        let Some(credentials) = quest.credentials.authorize(response, &Method::Invite, &uri, &user, &password, &cnonce)
        else {
            return false;
        };
        let sent = session.authorize(now.mono, &mut self.transactions, credentials).is_some();
        self.settle(now, key);
        sent
    }
}

/// Who calls, as this carrier wants to read it.
struct Shown<'a> {
    trunk: &'a Trunk,
    errand: &'a Errand,
    area: &'a str,
    /// Of our listener.
    at: SocketAddr,
}

impl Shown<'_> {
    fn from(&self) -> Vec<u8> {
        let caller = self.errand.caller.as_ref().filter(|_| self.trunk.shows_caller);
        self.address(caller.map_or(self.own(), |caller| caller.reveal()))
    }

    /// The headers that it reads beside From: our own number as the network's customer, and the hotline
    /// number that the citizen dialled (RFC 3325 §9.1, RFC 5806 §4).
    fn elsewhere(&self) -> Vec<(Name, Vec<u8>)> {
        let asserted = self.trunk.asserted_identity.then(|| (Name::PAssertedIdentity, self.address(self.own())));
        let diverted = || [&self.address(&self.errand.code)[..], b";reason=unconditional"].concat();
        let diversion = self.trunk.diversion.then(|| (Name::Diversion, diverted()));
        asserted.into_iter().chain(diversion).collect()
    }

    fn own(&self) -> &str {
        self.trunk.shown.as_deref().unwrap_or(&self.errand.code)
    }

    fn address(&self, number: &str) -> Vec<u8> {
        let mut uri = Uri::sip(Some(&written_for(number, self.trunk.number_form, self.area)), self.at);
        uri.raw.push_str(phone(self.trunk));
        NameAddr::new(uri).to_bytes()
    }
}

fn phone(trunk: &Trunk) -> &'static str {
    if trunk.user_phone { ";user=phone" } else { "" }
}

/// `sip:` number in the trunk's form `@host`, with what this carrier wants behind it.
fn request_uri(trunk: &Trunk, number: &str, area: &str, flow: Flow) -> String {
    let written = written_for(number, trunk.number_form, area);
    let prefix = trunk.add_prefix.as_deref().unwrap_or_default();
    let transport = match flow.transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
    };
    format!("sip:{prefix}{written}@{}{transport}{}", flow.remote, phone(trunk))
}
