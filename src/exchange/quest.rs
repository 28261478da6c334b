//! Calling a telephone number through a trunk, or a device: host after host and trunk after trunk, until
//! one carries the call or the called party says no. (RFC 3263 §4.3)

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{self, CallId, Failure, LegId};
use crate::privacy::Private;
use crate::rules::dialling::written_for;
use crate::sip::digest::Answerer;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::message::{Method, Name, NameAddr, Response, Uri};
use crate::sip::session::{Place, Session};
use crate::time::{Mono, Now};

use super::device::{self, Visit};
use super::legs::{Leg, LegKey};
use super::settings::{AssertedIdentity, Trunk};
use super::{Exchange, Output};

/// Whom to call, and for whom.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) number: Private<String>,
    /// The hotline number on whose behalf.
    pub(super) code: String,
    /// It may take the reserved channels (R31).
    pub(super) is_emergency: bool,
    /// Names of those that may carry it, in this order; any where empty.
    pub(super) trunks: Vec<String>,
    /// Whose call is passed on; None: the call is our own.
    pub(super) caller: Option<Private<String>>,
}

/// Who is called in a quest.
#[derive(Clone, Debug)]
pub(super) enum Whom {
    Number(Errand),
    Device(Visit),
}

/// A trunk, by its name, since a reload may move it, or the URI of a device; and one of its hosts.
pub(super) type Hop = (Arc<str>, SocketAddr);

/// Somebody who is being called, and where that has not been tried yet.
#[derive(Debug)]
pub(super) struct Quest {
    whom: Whom,
    untried: VecDeque<Hop>,
    /// A host that has not said a word by then is left for the next one.
    pub(super) until: Option<Mono>,
    credentials: Answerer,
}

/// How the next attempt goes out.
struct Way {
    listener: ListenerId,
    /// How long the host may be silent.
    patience: Duration,
    /// None for a device.
    trunk: Option<(usize, Trunk)>,
}

impl Exchange {
    /// Calls the number through the first trunk that is up and has a channel for it.
    pub(super) fn call_number(&mut self, now: Now, call: CallId, leg: LegId, errand: Errand) {
        let untried = self.ways_out(&errand);
        self.set_out(now, call, leg, Whom::Number(errand), untried);
    }

    pub(super) fn set_out(&mut self, now: Now, call: CallId, leg: LegId, whom: Whom, untried: VecDeque<Hop>) {
        let is_emergency = matches!(&whom, Whom::Number(errand) if errand.is_emergency);
        let quest = Quest { whom, untried, until: None, credentials: Answerer::default() };
        self.legs.insert(leg, Leg::calling_out(call, quest));
        let goes_out = self.try_next_host(now, leg);
        if is_emergency {
            self.alarm("no_way_out", "emergency".to_owned(), !goes_out);
        }
        if !goes_out {
            self.end_leg(now, leg);
            self.tell(now, call::Input::Failed { leg, why: Failure::NoWay });
        }
    }

    /// Every host of every trunk that could carry the call now, in the order of the errand or else of the
    /// configuration. An emergency also tries those that are believed to be down, after the others.
    fn ways_out(&self, errand: &Errand) -> VecDeque<Hop> {
        let has_channel = |index: usize, trunk: &Trunk| {
            trunk.has_channel(self.busy.get(index).copied().unwrap_or(0), errand.is_emergency)
        };
        let up = self.lines.trunk_states(&self.settings);
        let trunks = self.settings.trunks.iter().enumerate().zip(up);
        let able = trunks.filter(|((index, trunk), _)| has_channel(*index, trunk));
        let mut able: Vec<(&Trunk, bool)> = able.map(|((_, trunk), (_, up))| (trunk, up)).collect();
        if !errand.trunks.is_empty() {
            let place = |trunk: &Trunk| errand.trunks.iter().position(|name| *name == trunk.name);
            able.retain(|(trunk, _)| place(trunk).is_some());
            able.sort_by_key(|(trunk, _)| place(trunk));
        }
        let mut hops: Vec<(bool, Hop)> = Vec::new();
        for (trunk, up) in able {
            let name: Arc<str> = Arc::from(trunk.name.as_str());
            let hop =
                |address: &SocketAddr| (!up || self.lines.is_down(&name, *address), (Arc::clone(&name), *address));
            hops.extend(trunk.addresses.iter().map(hop));
        }
        hops.retain(|(down, _)| errand.is_emergency || !down);
        hops.sort_by_key(|(down, _)| *down);
        hops.into_iter().map(|(_, hop)| hop).collect()
    }

    /// False: there is none left.
    fn try_next_host(&mut self, now: Now, id: LegId) -> bool {
        while let Some((by, remote)) = self.next_host(id) {
            if self.try_host(now, id, &by, remote) {
                return true;
            }
        }
        false
    }

    fn next_host(&mut self, id: LegId) -> Option<Hop> {
        let leg = self.legs.get_mut(&id).filter(|leg| !leg.is_over())?;
        leg.quest.as_mut()?.untried.pop_front()
    }

    /// None: the trunk or device is gone since, or another call has taken the last channel that this one may have.
    fn way(&self, id: LegId, whom: &Whom, by: &str) -> Option<Way> {
        let errand = match whom {
            Whom::Number(errand) => errand,
            Whom::Device(_) => {
                let listener = self.settings.device(by)?.listener;
                return Some(Way { listener, patience: device::PATIENCE, trunk: None });
            }
        };
        let (index, trunk) = self.settings.trunk(by)?;
        let has_one = self.legs.get(&id)?.trunk == Some(index);
        let busy = self.busy.get(index).copied().unwrap_or(0);
        let may = has_one || trunk.has_channel(busy, errand.is_emergency);
        let (listener, patience) = (trunk.listener, trunk.failover_after);
        may.then(|| Way { listener, patience, trunk: Some((index, trunk.clone())) })
    }

    /// False: there is no way there any more, or no port is left where media could come from there.
    fn try_host(&mut self, now: Now, id: LegId, by: &str, remote: SocketAddr) -> bool {
        let Some(whom) = self.legs.get(&id).and_then(|leg| Some(leg.quest.as_ref()?.whom.clone())) else {
            return false;
        };
        let Some(Way { listener, patience, trunk }) = self.way(id, &whom, by) else { return false };
        if !self.place_media(id, listener) {
            return false;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let (call, port) = (leg.call, leg.port);
        let Some(quest) = &mut leg.quest else { return false };
        quest.until = Some(now.mono + patience);
        quest.credentials = Answerer::default();
        if let Some((index, _)) = &trunk {
            self.carry_by(id, *index);
        }
        let trunk = trunk.map(|(_, trunk)| trunk);
        let settings = self.leg_settings(listener, port, trunk.as_ref());
        let Some(listener) = self.settings.listener(listener) else { return false };
        let flow = Flow { listener: listener.id, transport: listener.transport, remote };
        let wording = match (&whom, &trunk) {
            (Whom::Number(errand), Some(trunk)) => {
                Shown { trunk, errand, area: &self.settings.area, at: listener.sip_address }.wording(flow)
            }
            (Whom::Device(visit), _) => visit.wording(listener, flow),
            (Whom::Number(_), None) => return false,
        };
        let tag = self.tokens.next();
        let place = Place {
            call_id: format!("{}@hotline", self.tokens.next()),
            local_tag: tag.clone(),
            from: wording.from,
            to: format!("<{}>", wording.target).into_bytes(),
            target: wording.target,
            extra: wording.extra,
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

/// What an INVITE of ours says of both ends.
pub(super) struct Wording {
    pub(super) from: Vec<u8>,
    pub(super) target: String,
    pub(super) extra: Vec<(Name, Vec<u8>)>,
}

impl Shown<'_> {
    fn wording(&self, flow: Flow) -> Wording {
        let target = request_uri(self.trunk, self.errand.number.reveal(), self.area, flow);
        Wording { from: self.from(), target, extra: self.elsewhere() }
    }

    fn from(&self) -> Vec<u8> {
        self.address(self.number(self.trunk.shows_caller))
    }

    /// The headers that it reads beside From: our own number as the network's customer, or the caller's where
    /// the carrier reads it there, and the hotline number that the citizen dialled (RFC 3325 §9.1, RFC 5806 §4).
    fn elsewhere(&self) -> Vec<(Name, Vec<u8>)> {
        let asserted = match self.trunk.asserted_identity {
            AssertedIdentity::Off => None,
            AssertedIdentity::Ours => Some(self.own()),
            AssertedIdentity::Caller => Some(self.number(true)),
        };
        let asserted = asserted.map(|number| (Name::PAssertedIdentity, self.address(number)));
        let diverted = || [&self.address(&self.errand.code)[..], b";reason=unconditional"].concat();
        let diversion = self.trunk.diversion.then(|| (Name::Diversion, diverted()));
        asserted.into_iter().chain(diversion).collect()
    }

    /// The caller's, where there is one that may be shown.
    fn number(&self, foreign: bool) -> &str {
        self.errand.caller.as_ref().filter(|_| foreign).map_or(self.own(), |caller| caller.reveal())
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
