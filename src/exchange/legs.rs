//! The table of legs: which dialogs they are, which call they belong to, when they are forgotten.

use std::time::Duration;

use crate::call::mix_plan as media;
use crate::call::{self, CallId, Failure, LegId, Loss};
use crate::sip::flow::ListenerId;
use crate::sip::message::{Request, Response};
use crate::sip::sdp::Agreed;
use crate::sip::session::{Event, Lost, ReferId, Session};
use crate::sip::transactions::{ClientTx, ServerTx, Transactions};
use crate::time::{Mono, Now};

use super::loss::Presence;
use super::outbound::Ring;
use super::quest::Quest;
use super::{Exchange, Output, Owner};

/// An ended leg that we dialled is remembered this long, to acknowledge repeated answers of its peer
/// (RFC 6026 timer M, and a little).
const LINGER: Duration = Duration::from_secs(35);

/// One that was given up unanswered may be answered as long as its INVITE and CANCEL live (timers B
/// and 64·T1 after the CANCEL), and then wants ACK and BYE.
const UNANSWERED_LINGER: Duration = Duration::from_secs(70);

/// One that called us has no such duty; stray requests of its dialog get a moment all the same.
const SHORT_LINGER: Duration = Duration::from_secs(5);

/// What is agreed before the answer; the answer begins anew.
const BEFORE_ANSWER: u32 = u32::MAX;

/// So many transactions of one leg are kept before those that are over are looked for.
const MANY: usize = 8;

/// One dialog of one leg. A seat with several phones is one leg with a branch each; a leg that
/// called us has the branch 0 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LegKey {
    pub(super) leg: LegId,
    pub(super) branch: usize,
}

#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) listener: ListenerId,
    /// Of its RTP; 0 until it is rung.
    pub(super) port: u16,
    pub(super) branches: Vec<Session>,
    /// The branch that answered (or called).
    pub(super) chosen: Option<usize>,
    is_citizens: bool,
    /// Index of the trunk it came from.
    pub(super) trunk: Option<usize>,
    /// We ring a seat.
    pub(super) ring: Option<Box<Ring>>,
    /// We call a number through a trunk.
    pub(super) quest: Option<Box<Quest>>,
    /// The transfer that its phone wants, from its REFER until it has ended.
    pub(super) referral: Option<ReferId>,
    rang: bool,
    /// The best reason so far why a branch failed.
    failure: Option<Failure>,
    media_open: bool,
    over: bool,
    /// The journal holds its BYE.
    pub(super) journalled: bool,
    transactions: Vec<ClientTx>,
    pub(super) server_tx: Option<ServerTx>,
    pub(super) presence: Presence,
    alarm: Option<Mono>,
    forget_at: Option<Mono>,
}

impl Leg {
    /// One that called us.
    pub(super) fn calling(listener: ListenerId, port: u16, trunk: Option<usize>) -> Self {
        Self {
            call: CallId(0),
            listener,
            port,
            branches: Vec::new(),
            chosen: Some(0),
            is_citizens: trunk.is_some(),
            trunk,
            ring: None,
            quest: None,
            referral: None,
            rang: false,
            failure: None,
            media_open: false,
            over: false,
            journalled: false,
            transactions: Vec::new(),
            server_tx: None,
            presence: Presence::default(),
            alarm: None,
            forget_at: None,
        }
    }

    /// One that we are to ring.
    pub(super) fn dialled(call: CallId, ring: Ring) -> Self {
        let ring = Some(Box::new(ring));
        Self { call, chosen: None, ring, ..Self::calling(ListenerId::default(), 0, None) }
    }

    /// One with which we call a number.
    pub(super) fn calling_out(call: CallId, quest: Quest) -> Self {
        let quest = Some(Box::new(quest));
        Self { call, chosen: None, quest, ..Self::calling(ListenerId::default(), 0, None) }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// A seat's phone, whether we rang it or it dialled us; every other leg has to do with a trunk.
    pub(super) const fn is_a_seats(&self) -> bool {
        self.trunk.is_none() && self.quest.is_none()
    }

    /// It came to us over a trunk.
    pub(super) const fn is_citizens(&self) -> bool {
        self.is_citizens
    }

    /// Its media could not be opened.
    pub(super) const fn close_media(&mut self) {
        self.media_open = false;
    }

    /// The dialog that stands for it, once it has been answered.
    pub(super) fn talk(&self) -> Option<&Session> {
        self.chosen.and_then(|branch| self.branches.get(branch)).filter(|session| session.is_confirmed())
    }

    /// Whether none of its phones is at work on a request of ours.
    pub(super) fn is_quiet(&self, transactions: &Transactions) -> bool {
        !self.transactions.iter().any(|tx| transactions.is_at_work(*tx))
    }

    fn wants_waking(&self) -> Option<Mono> {
        let sessions = self.branches.iter().filter_map(Session::next_timeout);
        let held = self.ring.as_ref().and_then(|ring| ring.held_until);
        let quest = self.quest.as_ref().and_then(|quest| quest.until);
        sessions.chain(self.forget_at).chain(self.presence.next_timeout()).chain(held).chain(quest).min()
    }
}

impl Exchange {
    /// The leg whose tag a request inside a dialog carries in To.
    pub(super) fn leg_of(&self, request: &Request) -> Option<LegKey> {
        let to = request.headers.to().ok()?;
        let key = self.by_tag.get(to.tag()?).copied()?;
        let session = self.legs.get(&key.leg)?.branches.get(key.branch)?;
        let from = request.headers.from().ok()?;
        session.knows(request.headers.call_id().ok()?, from.tag()).then_some(key)
    }

    /// The answer to an INVITE of ours whose transaction is over: its leg is remembered a little longer.
    pub(super) fn on_stray_response(&mut self, now: Now, response: &Response) {
        let from = response.headers.from().ok();
        let key = from.as_ref().and_then(|from| from.tag()).and_then(|tag| self.by_tag.get(tag)).copied();
        if let Some(key) = key.filter(|_| response.is_success()) {
            self.with_session(now, key, |session, transactions| {
                session.on_stray_answer(now.mono, transactions, response);
            });
        }
    }

    /// Lets a session act, then carries on what it has to say.
    pub(super) fn with_session(&mut self, now: Now, key: LegKey, act: impl FnOnce(&mut Session, &mut Transactions)) {
        let Some(session) = self.legs.get_mut(&key.leg).and_then(|leg| leg.branches.get_mut(key.branch)) else {
            return;
        };
        act(session, &mut self.transactions);
        self.settle(now, key);
    }

    /// The same for the branch that stands for the leg.
    pub(super) fn with_leg(&mut self, now: Now, leg: LegId, act: impl FnOnce(&mut Session, &mut Transactions)) {
        let branch = self.legs.get(&leg).and_then(|leg| leg.chosen).unwrap_or(0);
        self.with_session(now, LegKey { leg, branch }, act);
    }

    /// Takes a session's new transactions and events, and sets its alarm.
    pub(super) fn settle(&mut self, now: Now, key: LegKey) {
        while let Some(leg) = self.legs.get_mut(&key.leg) {
            let Some(session) = leg.branches.get_mut(key.branch) else { break };
            if let Some(tx) = session.poll_transaction() {
                if leg.transactions.len() >= MANY {
                    let owners = &mut self.owners;
                    let transactions = &self.transactions;
                    leg.transactions
                        .retain(|tx| transactions.client_state(*tx).is_some() || owners.remove(tx).is_none());
                }
                leg.transactions.push(tx);
                self.owners.insert(tx, Owner::Leg(key));
            } else if let Some(event) = session.poll() {
                self.on_session_event(now, key, event);
            } else {
                break;
            }
        }
        self.arm(key.leg);
    }

    pub(super) fn arm(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let wanted = leg.wants_waking();
        if leg.alarm != wanted {
            if let Some(at) = leg.alarm {
                self.alarms.remove(&(at, id));
            }
            if let Some(at) = wanted {
                self.alarms.insert((at, id));
            }
            leg.alarm = wanted;
        }
    }

    pub(super) fn on_leg_time(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.alarm = None;
        if leg.forget_at.is_some_and(|at| at <= now.mono) {
            // An answer whose ACK has not come is repeated, and a BYE waits for it.
            if !leg.branches.iter().any(|session| session.next_timeout().is_some()) {
                return self.forget(id);
            }
            leg.forget_at = Some(now.mono + SHORT_LINGER);
        }
        self.on_presence_time(now, id);
        if self.held.contains(&id) {
            self.ring_if_free(now, id);
        }
        self.on_quest_time(now, id);
        for branch in 0..self.legs.get(&id).map_or(0, |leg| leg.branches.len()) {
            self.with_session(now, LegKey { leg: id, branch }, |session, transactions| {
                if session.next_timeout().is_some_and(|at| at <= now.mono) {
                    session.handle_timeout(now.mono, transactions);
                }
            });
        }
        self.arm(id);
    }

    fn on_session_event(&mut self, now: Now, key: LegKey, event: Event) {
        let held = self.held.contains(&key.leg);
        let Some(leg) = self.legs.get_mut(&key.leg) else { return };
        let id = key.leg;
        match event {
            Event::Ringing => {
                if !leg.over && !held && leg.chosen.is_none() && !std::mem::replace(&mut leg.rang, true) {
                    self.tell(now, call::Input::Ringing { leg: id });
                }
            }
            Event::Agreed { agreed, generation } => {
                if leg.chosen.is_none_or(|chosen| chosen == key.branch) {
                    let media = leg_media(&agreed, generation);
                    let waits = leg.server_tx.is_some() && leg.talk().is_none();
                    self.outputs.push_back(Output::Media(media::Command::Agree { leg: id, media }));
                    if waits {
                        self.tell(now, call::Input::Audible { leg: id });
                    }
                }
            }
            // Only a carrier makes announcements.
            Event::EarlyMedia(agreed) => {
                if !leg.over && leg.quest.is_some() && leg.chosen.is_none() {
                    let media = leg_media(&agreed, BEFORE_ANSWER);
                    self.outputs.push_back(Output::Media(media::Command::Agree { leg: id, media }));
                    self.tell(now, call::Input::EarlyMedia { leg: id });
                }
            }
            Event::Answered => self.on_branch_answered(now, key),
            // Its 200 may have waited for a PRACK, after the switchboard wanted it.
            Event::Acknowledged => {
                if !leg.journalled {
                    self.journal_leg(id);
                }
            }
            Event::Held => self.on_hold(now, id, true),
            Event::Resumed => self.on_hold(now, id, false),
            Event::HungUp => {
                self.end_leg(now, id);
                self.tell(now, call::Input::HungUp { leg: id });
            }
            Event::Failed { status } => {
                if !self.failed_over(now, key, status) {
                    self.on_branch_failed(now, key, failure_of(status));
                }
            }
            // A carrier may challenge us, a seat's phone may not.
            Event::Challenged { response } => {
                if self.answer_challenge(now, key, &response) {
                    return;
                }
                self.with_session(now, key, |session, transactions| session.hang_up(now.mono, transactions));
                self.on_branch_failed(now, key, Failure::Refused);
            }
            Event::Lost(why) => {
                self.end_leg(now, id);
                let why = match why {
                    Lost::NoAck => Loss::NoAck,
                    Lost::Expired => Loss::Session,
                };
                self.tell(now, call::Input::Lost { leg: id, why });
            }
            Event::Probed { alive } => self.on_probed(now, id, alive),
            Event::Referred { id, to } => self.on_referred(now, key, id, *to),
        }
    }

    /// The first phone that answers is the seat; the others stop ringing.
    fn on_branch_answered(&mut self, now: Now, key: LegKey) {
        let Some(leg) = self.legs.get_mut(&key.leg) else { return };
        if leg.over || leg.chosen.is_some() {
            return self.with_session(now, key, |session, transactions| session.hang_up(now.mono, transactions));
        }
        leg.chosen = Some(key.branch);
        self.stop_ringing(now, key.leg, Some(key.branch));
        self.journal_leg(key.leg);
        self.tell_dialog(now, key);
        self.tell(now, call::Input::Answered { leg: key.leg });
    }

    /// For the records.
    fn tell_dialog(&mut self, now: Now, key: LegKey) {
        let Some(leg) = self.legs.get(&key.leg) else { return };
        let dialog = leg.branches.get(key.branch).and_then(Session::dialog);
        let trunk = leg.trunk.and_then(|trunk| self.settings.trunks.get(trunk)).map(|trunk| trunk.name.clone());
        if let Some(sip_call_id) = dialog.map(|dialog| dialog.call_id.clone()) {
            self.tell(now, call::Input::Carried { leg: key.leg, sip_call_id, trunk });
        }
    }

    /// A phone turned the call away; the seat has, once all its phones have.
    fn on_branch_failed(&mut self, now: Now, key: LegKey, why: Failure) {
        let Some(leg) = self.legs.get_mut(&key.leg) else { return };
        if leg.over || leg.chosen.is_some() || self.held.contains(&key.leg) {
            return;
        }
        leg.failure = Some(leg.failure.map_or(why, |known| known.min_by_weight(why)));
        if leg.branches.iter().all(Session::is_ended) {
            let why = leg.failure.unwrap_or(why);
            self.end_leg(now, key.leg);
            self.tell(now, call::Input::Failed { leg: key.leg, why });
        }
    }

    pub(super) fn stop_ringing(&mut self, now: Now, id: LegId, but: Option<usize>) {
        let count = self.legs.get(&id).map_or(0, |leg| leg.branches.len());
        for branch in (0..count).filter(|branch| Some(*branch) != but) {
            self.with_session(now, LegKey { leg: id, branch }, |session, transactions| {
                session.hang_up(now.mono, transactions);
            });
        }
    }

    pub(super) fn open_media(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(listener) = self.settings.listeners.iter().find(|listener| listener.id == leg.listener) else {
            return;
        };
        leg.media_open = true;
        let local = std::net::SocketAddr::new(listener.media_bind, leg.port);
        self.outputs.push_back(Output::Media(media::Command::Open { call: leg.call, leg: id, local }));
    }

    /// The leg is over for the call: its media closes, its dialog lingers as long as SIP needs it.
    pub(super) fn end_leg(&mut self, now: Now, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if std::mem::replace(&mut leg.over, true) {
            return;
        }
        let linger = match (&leg.ring, &leg.quest) {
            (Some(_), _) if leg.branches.is_empty() => Duration::ZERO,
            (Some(_), _) | (None, Some(_)) if leg.chosen.is_none() => UNANSWERED_LINGER,
            (Some(_), _) | (None, Some(_)) => LINGER,
            (None, None) => SHORT_LINGER,
        };
        leg.quest = None;
        leg.forget_at = Some(now.mono + linger);
        leg.presence = Presence::default();
        if let Some(ring) = &mut leg.ring {
            ring.held_until = None;
            self.leaving.entry(ring.seat.clone()).or_default().push(id);
        }
        if let Some(busy) = leg.trunk.and_then(|trunk| self.busy.get_mut(trunk)) {
            *busy = busy.saturating_sub(1);
        }
        if leg.is_citizens() {
            self.citizens.remove(&leg.call);
        }
        if std::mem::take(&mut leg.journalled) {
            self.outputs.push_back(Output::LegGone { call: leg.call, leg: id });
        }
        let open = std::mem::take(&mut leg.media_open);
        self.held.remove(&id);
        self.seat_left(id);
        if open {
            self.outputs.push_back(Output::Media(media::Command::Close { leg: id }));
        } else {
            self.free_port(id);
        }
        self.arm(id);
    }

    fn forget(&mut self, id: LegId) {
        let Some(leg) = self.legs.remove(&id) else { return };
        for session in &leg.branches {
            self.by_tag.remove(session.local_tag());
        }
        for tx in leg.transactions {
            self.owners.remove(&tx);
        }
        if let Some(tx) = leg.server_tx {
            self.by_server_tx.remove(&tx);
        }
        if let Some(at) = leg.alarm {
            self.alarms.remove(&(at, id));
        }
        if let Some(ring) = leg.ring
            && let Some(leaving) = self.leaving.get_mut(&ring.seat)
        {
            leaving.retain(|leg| *leg != id);
            if leaving.is_empty() {
                self.leaving.remove(&ring.seat);
            }
        }
        self.streams.remove(&id);
    }
}

/// What the media thread must know of an agreement.
fn leg_media(agreed: &Agreed, generation: u32) -> media::LegMedia {
    let silent = agreed.remote.ip().is_unspecified() || agreed.remote.port() == 0;
    media::LegMedia {
        // Of a peer that told a name, the lock finds the address.
        remote: (!silent).then_some(agreed.remote),
        remote_rtcp: (!silent).then_some(agreed.remote_rtcp),
        codec: agreed.codec,
        payload: agreed.payload,
        events_out: agreed.events_out,
        events_in: agreed.events_in,
        fast_events: agreed.fast_events,
        ptime: agreed.ptime,
        send: agreed.our_direction.sends() && !agreed.on_hold,
        receive: agreed.our_direction.receives(),
        generation,
    }
}

/// Why a phone did not take the call, from its final status.
const fn failure_of(status: u16) -> Failure {
    match status {
        486 | 600 => Failure::Busy,
        603 | 480 => Failure::Declined,
        487 => Failure::NoAnswer,
        404 | 408 | 410 | 500..=512 | 514..=599 => Failure::Unreachable,
        _ => Failure::Refused,
    }
}

impl Failure {
    /// Of two phones' reasons, the one that says more about the seat.
    fn min_by_weight(self, other: Self) -> Self {
        let weight = |failure| match failure {
            Self::Busy => 0,
            Self::Declined => 1,
            Self::NoAnswer => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::NoWay => 5,
        };
        if weight(other) < weight(self) { other } else { self }
    }
}
