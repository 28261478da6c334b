//! Leader sessions (领导接听): a call within a leader's window is his, beside an assisting seat. Either a
//! seat screens it and brings him in, or his own line is rung first and a free seat joins silently. R24–R26.

use std::time::Duration;

use jiff::civil::DateTime;

use super::directory::{Entry, Kind, LeaderSession, Mode};
use super::guest::{Guest, GuestStage, How, PARTIES, RINGS};
use super::live::{Call, Stage};
use super::settings::local;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{
    AskRefused, CallId, Failure, LeaderCall, LegId, Mark, Output, Party, Role, SeatFault, SeatNo, SeatState, Verb,
};
use crate::time::{Now, Wall};

/// How soon the next session may start for a waiting caller to be watched for it.
const SOON: Duration = Duration::from_secs(3600);

/// What leaders have to do with a call.
#[derive(Debug, Default)]
pub(super) struct Led {
    /// Whose session it was when it was offered last.
    pub sits: Option<LeaderCall>,
    /// Those who were rung in their session, in their order.
    pub rung: Vec<LeaderCall>,
    /// A leader has answered, and no seat assists him (R25).
    pub wants_seat: bool,
    /// Token of the briefing that was played last.
    pub briefing: u64,
}

impl Led {
    /// The one whose line rings for the citizen who waits.
    pub fn rings(&self) -> bool {
        self.rung.last().is_some_and(LeaderCall::is_rung)
    }

    /// Nobody is with the citizen any more, nor rung for it.
    pub fn ring_no_more(&mut self) {
        for rung in self.rung.iter_mut().filter(|rung| rung.is_rung()) {
            "dropped".clone_into(&mut rung.result);
        }
    }

    pub fn shown(&self) -> Option<&LeaderCall> {
        self.rung.last().or(self.sits.as_ref())
    }
}

impl LeaderCall {
    const RUNG: &str = "rung";
    const TAKEN: &str = "taken";

    /// What came of it is not known yet.
    pub fn is_rung(&self) -> bool {
        self.result == Self::RUNG
    }

    /// He spoke with the citizen, or with the seat.
    pub fn is_taken(&self) -> bool {
        self.result == Self::TAKEN
    }

    fn new(session: &LeaderSession, leader: &Entry, result: &str) -> Self {
        Self {
            session: session.id(),
            leader: leader.code.clone(),
            name: leader.name.clone(),
            post: leader.kind.post().unwrap_or_default().to_owned(),
            level: session.level,
            topic: session.topic.clone(),
            mode: session.mode,
            result: result.to_owned(),
        }
    }
}

impl Switchboard {
    /// The sessions that are configured to start in this time, the second not included.
    pub fn sessions_within(&self, from: Wall, until: Wall) -> Vec<LeaderCall> {
        let span = local(from)..local(until);
        let directory = &self.settings.directory;
        let within = directory.sessions().iter().filter(|session| span.contains(&session.start));
        within
            .filter_map(|session| Some(LeaderCall::new(session, directory.entry(&session.leader)?, "planned")))
            .collect()
    }

    /// The sessions that this call is offered to at this local time.
    fn sessions_of<'a>(
        &'a self,
        call: &'a Call,
        time: DateTime,
    ) -> impl Iterator<Item = (&'a LeaderSession, &'a Entry)> {
        let route = &call.route;
        self.settings.directory.sessions_for(&route.original_code, &route.hotline_primary, &route.skill, time)
    }

    /// A leader takes one call at a time.
    pub(super) fn leader_is_free(&self, code: &str) -> bool {
        let is_he = |guest: &Guest| guest.party.role == Role::Leader && guest.party.number == code;
        !self.calls.values().any(|call| call.guests.iter().any(is_he))
    }

    /// The first leader in session for this call who can be rung now.
    fn leader_on_duty(&self, now: Now, call: &Call) -> Result<String, AskRefused> {
        let mut refused = AskRefused::NoSession;
        for (_, leader) in self.sessions_of(call, local(now.wall)) {
            match self.invite_by(now, &leader.code) {
                Ok(_) => return Ok(leader.code.clone()),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// What a seat's phone shows of the call, and of the leader who sits for it.
    pub(super) fn label(&mut self, now: Now, id: CallId, guest_leg: Option<LegId>) -> String {
        let Some(call) = self.calls.get(&id) else { return String::new() };
        let mut label = call.label();
        if self.settings.directory.sessions().is_empty() {
            return label;
        }
        let sits = self.sessions_of(call, local(now.wall)).next();
        let sits = sits.map(|(session, leader)| LeaderCall::new(session, leader, "sits"));
        let assists = |guest: &Guest| Some(guest.leg) == guest_leg && guest.stage.wanted() == Some(How::Assist);
        let rung = call.led.rung.last().filter(|_| call.guests.iter().any(assists));
        match (rung, &sits) {
            (Some(leader), _) => label.push_str(&format!(" 协助领导 {}", leader.name)),
            (None, Some(leader)) => label.push_str(&format!(" 领导接听 {}", leader.name)),
            (None, None) => {}
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.led.sits = sits;
        }
        label
    }

    /// A leader is brought in who is in session for this call: it counts as one of the session's.
    pub(super) fn leader_rung(&mut self, now: Now, id: CallId, code: &str) {
        let Some(call) = self.calls.get(&id) else { return };
        let session = self.sessions_of(call, local(now.wall)).find(|(session, _)| session.leader == code);
        let Some(rung) = session.map(|(session, leader)| LeaderCall::new(session, leader, LeaderCall::RUNG)) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&id) {
            call.led.rung.push(rung.clone());
            self.write_down(now, id, rung);
        }
    }

    /// For the report of his session, should we not live to write the ticket's record. The recording of a
    /// call that nobody has answered begins later.
    fn write_down(&mut self, now: Now, id: CallId, leader: LeaderCall) {
        let call = self.calls.get_mut(&id).filter(|call| call.answer.is_some());
        self.out.extend(call.map(|call| call.mark(now.mono, Mark::Led(leader))));
    }

    /// What has become of the leader whose line rang.
    pub(super) fn leader_told(&mut self, now: Now, id: CallId, who: &Party, result: &str) {
        let Some(call) = self.calls.get_mut(&id).filter(|_| who.role == Role::Leader) else { return };
        let rung = call.led.rung.iter_mut().rfind(|rung| rung.leader == who.number);
        if let Some(rung) = rung.filter(|rung| rung.is_rung()) {
            result.clone_into(&mut rung.result);
            let told = rung.clone();
            self.write_down(now, id, told);
        }
    }

    /// How long this guest's phone rings.
    pub(super) fn rings(&self, id: CallId, leg: LegId) -> Duration {
        let Some(call) = self.calls.get(&id) else { return RINGS };
        let guest = call.guests.iter().find(|guest| guest.leg == leg);
        match guest.and_then(|guest| guest.stage.wanted()) {
            Some(How::Lead) => self.session_rung(call).map_or(RINGS, |session| session.ring),
            Some(How::Assist) => self.settings.ring_time,
            Some(How::Consult | How::Direct | How::Transfer | How::Passed) | None => RINGS,
        }
    }

    /// The session in which a leader was rung last for this call, where it is still configured.
    pub(super) fn session_rung(&self, call: &Call) -> Option<&LeaderSession> {
        let rung = call.led.rung.last()?;
        self.settings.directory.sessions().iter().find(|session| session.id() == rung.session)
    }

    /// Rings leaders who sit for waiting callers, and seats for leaders who have answered. Before the
    /// queue is served: what is a leader's goes to him first.
    pub(super) fn serve_leaders(&mut self, now: Now) {
        if !self.assisted.is_empty() {
            self.ring_assistants(now);
        }
        if !self.settings.directory.sessions().is_empty() && self.queue.len() > 0 {
            self.watch_for_sessions(now);
            self.ring_leaders(now);
        }
    }

    /// Whoever waits when a session starts is offered to it then.
    fn watch_for_sessions(&mut self, now: Now) {
        let time = local(now.wall);
        let starts = self.settings.directory.sessions().iter().map(|session| session.start);
        let until = |start: DateTime| Duration::try_from(start.duration_since(time)).ok();
        let next = starts.filter(|start| *start > time).min().and_then(until);
        if let Some(wait) = next.filter(|wait| *wait <= SOON) {
            self.timers.set(Timer::SessionStart, now.mono + wait);
        }
    }

    fn ring_leaders(&mut self, now: Now) {
        let time = local(now.wall);
        let sitting = |session: &&LeaderSession| session.mode == Mode::LeaderFirst && session.active(time);
        if !self.settings.directory.sessions().iter().any(|session| sitting(&session)) {
            return;
        }
        let waiting: Vec<CallId> = self.queue.iter().map(|place| place.call).collect();
        for id in waiting {
            let Some(code) = self.leader_to_ring(now, time, id) else { continue };
            let Some(call) = self.calls.get_mut(&id) else { continue };
            self.queue.leave(call);
            call.rung = Some(now.mono);
            self.timers.clear(Timer::Overflow(id));
            self.note(id, format!("leader {code} sits for this call: his line is rung before a seat"));
            self.bring_in(now, id, &code, How::Lead);
        }
    }

    /// Each leader is asked once for a citizen who has not been answered.
    fn leader_to_ring(&self, now: Now, time: DateTime, id: CallId) -> Option<String> {
        let call = self.calls.get(&id).filter(|call| call.answer.is_none())?;
        let is_new = |session: &LeaderSession| !call.led.rung.iter().any(|rung| rung.session == session.id());
        let mut sessions = self.sessions_of(call, time);
        let (_, leader) = sessions.find(|(session, leader)| {
            session.mode == Mode::LeaderFirst && is_new(session) && self.invite_by(now, &leader.code).is_ok()
        })?;
        Some(leader.code.clone())
    }

    /// His line was rung in vain: an ordinary call goes to the seats, in the place of its arrival.
    pub(super) fn leader_not_reached(&mut self, now: Now, id: CallId, why: Failure) {
        self.note(id, format!("the leader was not reached ({}): the call goes to the seats", SeatFault::from(why)));
        self.enqueue(now, id);
    }

    /// The leader picks up before any seat: the call is answered, with recorder and ticket.
    pub(super) fn leader_answers(&mut self, now: Now, id: CallId, leg: LegId) {
        self.stop_prompts(id);
        self.timers.clear(Timer::Connect(id));
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.stage = Stage::Left;
        call.led.wants_seat = true;
        self.assisted.insert(id);
        let assistant = self.next_assistant(now, id).unwrap_or_else(|| SeatNo(String::new()));
        let Some(call) = self.calls.get(&id) else { return };
        if let Some(at) = self.settings.next_overflow(&call.route.skill, call.arrived.mono, now) {
            self.timers.set(Timer::Overflow(id), at);
        }
        // The assistant's number is on the ticket from the beginning where a seat is free.
        self.open_for_third(now, id, leg, assistant);
        self.note(id, "the leader answered before a seat".into());
    }

    /// The free seat that would be offered this call.
    fn next_assistant(&self, now: Now, id: CallId) -> Option<SeatNo> {
        let call = self.calls.get(&id)?;
        let mut groups = self.settings.groups(&call.route.skill, call.waited(now.mono), now.wall);
        groups.find_map(|group| self.desk.longest_idle(|seat| group.has(seat))).cloned()
    }

    fn ring_assistants(&mut self, now: Now) {
        for id in self.assisted.clone() {
            let is_rung = |call: &Call| call.guests.iter().any(|guest| guest.stage.wanted() == Some(How::Assist));
            match self.calls.get(&id) {
                Some(call) if !matches!(call.stage, Stage::Left) => self.wants_no_assistant(id),
                Some(call) if !is_rung(call) => self.ring_assistant(now, id),
                Some(_) => {}
                None => drop(self.assisted.remove(&id)),
            }
        }
    }

    fn ring_assistant(&mut self, now: Now, id: CallId) {
        if let Some(no) = self.next_assistant(now, id) {
            self.note(id, format!("seat {} is rung to assist the leader", no.0));
            self.bring_in(now, id, &no.0, How::Assist);
        }
    }

    /// The assisting seat answers: it hears all, and is not heard before it speaks up (R26).
    pub(super) fn assistant_joins(&mut self, now: Now, id: CallId, leg: LegId) {
        self.timers.clear(Timer::Guest(leg));
        self.wants_no_assistant(id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(at) = call.guests.iter().position(|guest| guest.leg == leg) else { return };
        let Guest { seat: Some(no), party, .. } = call.guests.remove(at) else { return };
        let mark = call.mark(now.mono, Mark::Joined(party));
        let was_there = |seat: &SeatNo| {
            let mut stays = call.course.participants().iter().take(call.course.participants().len().saturating_sub(1));
            stays.any(|who| who.party.role == Role::Seat && who.party.number == seat.0)
        };
        let has_seat = call.answer.as_ref().is_some_and(|answer| was_there(&answer.ticket.seat));
        // Another seat may have been rung for him first.
        if let Some(answer) = call.answer.as_mut().filter(|_| !has_seat) {
            answer.ticket.is_of(&no, self.desk.get(&no).map(|seat| &seat.settings));
        }
        self.out.push(mark);
        self.note(id, format!("seat {} assists the leader, and is not heard", no.0));
        self.desk.turn(now, &no, SeatState::Talking, None, &mut self.out);
        self.becomes_seat(id, no, leg);
        self.silence(now, id, true);
    }

    /// Nobody has to join the leader of this call any more.
    pub(super) fn wants_no_assistant(&mut self, id: CallId) {
        if self.assisted.remove(&id) {
            self.timers.clear(Timer::Overflow(id));
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.led.wants_seat = false;
        }
    }

    /// The seat has failed beside a leader: another one joins him.
    pub(super) fn assistant_lost(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| matches!(call.stage, Stage::Left)) else { return };
        if call.guests.iter().any(|guest| guest.stands() && guest.party.role == Role::Leader) {
            call.led.wants_seat = true;
            self.assisted.insert(id);
        }
    }

    /// Whether the seat is heard by the others.
    pub(super) fn silence(&mut self, now: Now, id: CallId, silent: bool) {
        if let Some(call) = self.calls.get_mut(&id)
            && let Stage::Talking(talk) = &mut call.stage
        {
            talk.silent = silent;
        }
        self.arrange(now, id);
    }

    /// Whether a seat's call allows it.
    pub(super) fn may_lead(&self, now: Now, call: &Call, verb: &Verb) -> Result<(), AskRefused> {
        match verb {
            Verb::Leader if call.outside().is_some() => Err(AskRefused::Consulting),
            Verb::Leader if call.guests.len() + 2 >= PARTIES => Err(AskRefused::TooMany),
            Verb::Leader => self.leader_on_duty(now, call).map(|_| ()),
            Verb::Silent if call.others().next().is_none() => Err(AskRefused::NoThird),
            Verb::Silent | Verb::Speak => Ok(()),
            Verb::Consult(_)
            | Verb::Direct(_)
            | Verb::Transfer(_)
            | Verb::Join
            | Verb::Swap
            | Verb::Drop
            | Verb::Leave => Ok(()),
        }
    }

    /// Brings in the leader who sits for the call; or the seat is heard, or not.
    pub(super) fn lead(&mut self, now: Now, id: CallId, verb: &Verb) {
        match verb {
            Verb::Leader => {
                let code = self.calls.get(&id).and_then(|call| self.leader_on_duty(now, call).ok());
                if let Some(code) = code {
                    self.bring_in(now, id, &code, How::Direct);
                }
            }
            Verb::Speak => self.silence(now, id, false),
            Verb::Silent => self.silence(now, id, true),
            Verb::Consult(_)
            | Verb::Direct(_)
            | Verb::Transfer(_)
            | Verb::Join
            | Verb::Swap
            | Verb::Drop
            | Verb::Leave => {}
        }
    }

    pub(super) fn wants_seat(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.led.wants_seat)
    }

    /// The last who was with the citizen is gone, and no seat is there: the citizen waits for one, in the
    /// same call.
    pub(super) fn leave_to_the_queue(&mut self, now: Now, id: CallId, why: &str) {
        let citizen = self.calls.get(&id).map(Call::leg);
        let silence = citizen.map(|citizen| Output::Mix { call: id, citizen, hearings: Vec::new() });
        self.out.extend(silence);
        self.note(id, format!("the third party was lost ({why}); the caller is first in the queue"));
        self.wait_for_another(now, id);
    }
}

impl Call {
    /// Whoever the seat was silent beside has gone: silence would be all that the citizen hears.
    pub(super) fn hear_the_seat_where_it_is_alone(&mut self) {
        let has_others = self.has_others();
        if let Stage::Talking(talk) = &mut self.stage {
            talk.silent &= has_others;
        }
    }

    /// Somebody beside the seat is with the citizen, or will be in a moment.
    fn has_others(&self) -> bool {
        let briefed = |guest: &Guest| matches!(guest.stage, GuestStage::Briefed(_));
        self.others().next().is_some() || self.guests.iter().any(briefed)
    }

    /// The seat hears, and is not heard: somebody else is with the citizen.
    pub(super) fn seat_is_silent(&self) -> bool {
        matches!(&self.stage, Stage::Talking(talk) if talk.silent) && self.has_others()
    }
}

impl Entry {
    pub(super) const fn is_leader(&self) -> bool {
        matches!(self.kind, Kind::Leader { .. })
    }
}
