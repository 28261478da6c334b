//! A third party's phone is picked up: by a person or by a voicemail (R22), and a leader hears what the call
//! is about before he is joined (R26).

use std::time::Duration;

use super::directory::AnswerPolicy;
use super::guest::{GuestStage, How};
use super::live::{Call, Stage};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, LegId, Mark, Output, Prompt, Role};
use crate::time::Now;

/// Whoever picks up a telephone whose voicemail may answer must press 1 within this time.
const PRESSES: Duration = Duration::from_secs(15);
/// A leader is joined after this time, also where nobody has told that the briefing was played.
const BRIEFING: Duration = Duration::from_secs(30);

impl Switchboard {
    /// A phone answers; a voicemail may do so too.
    pub(super) fn guest_picks_up(&mut self, now: Now, id: CallId, leg: LegId, how: How) {
        let Some(guest) = self.calls.get_mut(&id).and_then(|call| call.guest(leg)) else { return };
        match guest.answer {
            AnswerPolicy::Announced => self.guest_accepts(now, id, leg, how),
            AnswerPolicy::Press1 => {
                guest.stage = GuestStage::Asked(how);
                self.timers.set(Timer::Guest(leg), now.mono + PRESSES);
                self.note(id, "the third party's phone answered; it is asked to press 1".into());
                let token = self.new_token();
                self.out.push(Output::Play { leg, prompts: vec![Prompt::Press1], repeat: true, token });
            }
        }
    }

    /// `1` takes the call; `#` skips the briefing.
    pub(super) fn guest_digit(&mut self, now: Now, id: CallId, leg: LegId, digit: char) {
        let stage = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).map(|guest| guest.stage);
        match (stage, digit) {
            (Some(GuestStage::Asked(how)), '1') => {
                self.out.push(Output::StopPlay { leg });
                self.guest_accepts(now, id, leg, how);
            }
            (Some(GuestStage::Briefed(_)), '#') => drop(self.briefing_is_over(now, id, leg)),
            (Some(_) | None, _) => {}
        }
    }

    /// A person has answered.
    fn guest_accepts(&mut self, now: Now, id: CallId, leg: LegId, how: How) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let without_seat = matches!(call.stage, Stage::Left);
        let leads = call.guest(leg).is_some_and(|guest| guest.party.role == Role::Leader);
        match how {
            How::Lead => {
                self.leader_answers(now, id, leg);
                self.brief(now, id, leg, how);
            }
            How::Passed => self.service_answers(now, id, leg),
            How::Direct if leads && call.led.rings() => self.brief(now, id, leg, how),
            How::Assist if without_seat => self.assistant_joins(now, id, leg),
            How::Consult | How::Direct | How::Transfer | How::Assist => self.guest_answers(now, id, leg, how),
        }
    }

    /// The leader hears the number that the citizen dialled, and the topic. Nobody else does, and nobody
    /// hears him; it is on the record, apart.
    fn brief(&mut self, now: Now, id: CallId, leg: LegId, how: How) {
        let Some(call) = self.calls.get(&id) else { return };
        let topic = self.session_rung(call).and_then(|session| session.briefing.clone());
        let prompt = Prompt::Briefing { code: call.route.original_code.clone(), topic };
        let token = self.new_token();
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.led.briefing = token;
        let Some(guest) = call.guest(leg) else { return };
        guest.stage = GuestStage::Briefed(how);
        guest.untried.clear();
        let mark = Mark::Briefed(guest.party.clone());
        let mark = call.mark(now.mono, mark);
        self.out.push(mark);
        self.timers.set(Timer::Guest(leg), now.mono + BRIEFING);
        self.note(id, "the leader answered, and is told what the call is about".into());
        self.arrange(now, id);
        self.out.push(Output::Play { leg, prompts: vec![prompt], repeat: false, token });
    }

    /// What was played to a third party came to its end.
    pub(super) fn guest_heard(&mut self, now: Now, id: CallId, leg: LegId, token: u64) {
        if self.calls.get(&id).is_some_and(|call: &Call| call.led.briefing == token) {
            self.briefing_is_over(now, id, leg);
        }
    }

    /// The leader joins. False: this is none who is being briefed.
    pub(super) fn briefing_is_over(&mut self, now: Now, id: CallId, leg: LegId) -> bool {
        let stage = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).map(|guest| guest.stage);
        let Some(GuestStage::Briefed(how)) = stage else { return false };
        self.out.push(Output::StopPlay { leg });
        self.guest_answers(now, id, leg, how);
        true
    }
}
