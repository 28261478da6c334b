//! Peers that are gone without a word: their connection broke, or nothing is heard of them.

use std::time::Duration;

use crate::call::{self, LegId, Loss};
use crate::sip::flow::Flow;
use crate::sip::message::{Message, Method};
use crate::time::{Mono, Now};

use super::Exchange;

/// A leg that stays silent and answers is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(20);

/// A silent peer that lives answers OPTIONS within a repetition or four; the citizen at the other end
/// hears nothing while we wait.
const PATIENCE: Duration = Duration::from_secs(8);

/// What speaks against a peer's still being there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Its connection broke, and nothing has been heard of it since.
    cut_off: bool,
    /// Neither RTP nor RTCP comes from it.
    silent: bool,
    /// It has put us on hold, and need not speak.
    pub(super) holds: bool,
    ask_at: Option<Mono>,
    /// Until when an OPTIONS that is out may be answered.
    answer_until: Option<Mono>,
}

impl Presence {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.ask_at.into_iter().chain(self.answer_until).min()
    }
}

impl Exchange {
    /// A seat that talks over this connection is asked whether it is still there. A carrier closes
    /// connections as it likes, and opens another for its next request.
    pub(super) fn on_transport_failed(&mut self, now: Now, flow: Flow) {
        self.transactions.transport_failed(now.mono, flow);
        let mut cut_off = Vec::new();
        // A datagram that could not be sent says nothing about the next one.
        for id in self.streams.iter().filter(|_| flow.transport.is_reliable()) {
            let Some(leg) = self.legs.get_mut(id) else { continue };
            if leg.is_a_seats() && !leg.is_over() && leg.talk().is_some_and(|session| session.flow() == flow) {
                leg.presence.cut_off = true;
                cut_off.push(*id);
            }
            for session in &mut leg.branches {
                session.on_transport_failed(flow);
            }
        }
        let changes = self.registrar.unreachable(flow);
        self.on_registrations(now, changes);
        for leg in cut_off {
            self.probe(now, leg);
        }
    }

    /// A request of ours that no datagram holds gets the answer that its peer would have had to give, and
    /// nothing else is touched (RFC 3261 §8.1.3.1, §21.5.7). A response is lost.
    pub(super) fn on_too_long(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        if let Ok(Message::Request(request)) = Message::parse(bytes)
            && request.method != Method::Ack
        {
            self.transactions.receive(now.mono, flow, Message::Response(request.respond(513)));
        }
    }

    /// A leg whose dialog is to be led another way when this connection ends.
    pub(super) fn note_stream(&mut self, leg: LegId, flow: Flow) {
        if flow.transport.is_reliable() {
            self.streams.insert(leg);
        }
    }

    /// Media heard nothing of this leg for a while, or hears it again. Silence may be a phone's
    /// silence suppression or a hold: only a peer that no longer answers is lost. A carrier that holds is
    /// not even asked: there are some that leave such a question unanswered, and a citizen hangs on it. A
    /// seat's phone is, for a seat that died while it held would leave the citizen with the music.
    pub(super) fn on_silence(&mut self, now: Now, id: LegId, silent: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.presence.silent = silent;
        leg.presence.ask_at = None;
        if !leg.presence.cut_off {
            leg.presence.answer_until = None;
        }
        let need_not_speak = leg.presence.holds && !leg.is_a_seats();
        if silent && !need_not_speak {
            self.probe(now, id);
        }
        self.arm(id);
    }

    pub(super) fn on_hold(&mut self, now: Now, id: LegId, holds: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.presence.holds = holds;
        if leg.presence.silent && !holds {
            self.probe(now, id);
        }
        self.tell(now, if holds { call::Input::Held { leg: id } } else { call::Input::Resumed { leg: id } });
    }

    pub(super) fn on_presence_time(&mut self, now: Now, id: LegId) {
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        let Some(presence) = self.legs.get(&id).map(|leg| &leg.presence) else { return };
        if due(presence.answer_until) {
            self.lose_unanswered(now, id);
        } else if due(presence.ask_at) {
            self.probe(now, id);
        }
    }

    fn probe(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.is_over()) else { return };
        // Before the answer there is nobody to ask.
        let talks = leg.talk().is_some();
        let presence = &mut leg.presence;
        presence.ask_at = (!talks).then(|| now.mono + ASK_AGAIN);
        presence.answer_until = presence.answer_until.or_else(|| talks.then(|| now.mono + PATIENCE));
        self.with_leg(now, id, |session, transactions| session.probe(now.mono, transactions));
    }

    pub(super) fn on_probed(&mut self, now: Now, id: LegId, alive: bool) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let presence = &mut leg.presence;
        if alive {
            let ask_at = presence.silent.then(|| now.mono + ASK_AGAIN);
            *presence = Presence { silent: presence.silent, holds: presence.holds, ask_at, ..Presence::default() };
        } else if presence.silent || presence.cut_off {
            self.lose_unanswered(now, id);
        }
        // A peer that speaks again lives, whatever became of the question.
    }

    fn lose_unanswered(&mut self, now: Now, id: LegId) {
        let cut_off = self.legs.get(&id).is_some_and(|leg| leg.presence.cut_off);
        self.lose(now, id, if cut_off { Loss::Transport } else { Loss::Media });
    }

    /// Our side lost the leg: BYE to be sure, and the switchboard decides what follows.
    pub(super) fn lose(&mut self, now: Now, id: LegId, why: Loss) {
        if self.legs.get(&id).is_some_and(|leg| !leg.is_over()) {
            self.end_leg(now, id);
            self.stop_ringing(now, id, None);
            self.tell(now, call::Input::Lost { leg: id, why });
        }
    }
}
