//! What a caller hears until a seat answers: greeting, recording notice, music, announcements. R9.
//!
//! All of it plays while a seat is already being rung, so that it costs the caller no time; a seat
//! that answers cuts it.

use std::time::Duration;

use super::leg::Role;
use super::live::Stage;
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{CallId, LegId, NoticePlayed, Output, Prompt};
use crate::time::Now;

/// What is being played to the citizen.
#[derive(Debug)]
pub(super) struct Ear {
    playing: Option<(u64, Piece)>,
    /// How much of the recording notice was heard.
    pub notice: NoticePlayed,
    announced: u32,
}

impl Default for Ear {
    fn default() -> Self {
        Self { playing: None, notice: NoticePlayed::None, announced: 0 }
    }
}

impl Ear {
    /// Whether greeting or notice is still playing.
    pub fn in_prompt(&self) -> bool {
        match self.playing {
            Some((_, Piece::Greeting | Piece::Notice)) => true,
            Some((_, Piece::Announcement | Piece::Returning | Piece::Music | Piece::SeatNumber)) | None => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Greeting,
    Notice,
    Announcement,
    Returning,
    Music,
    SeatNumber,
}

impl Switchboard {
    /// The first thing that a caller hears, as soon as it can hear.
    pub(super) fn welcome(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id).filter(|call| call.audible) else {
            return;
        };
        if call.passed_on {
            return self.after(id, Piece::Greeting);
        }
        let code = call.route.greeting.as_ref().unwrap_or(&call.route.hotline_primary).clone();
        self.schedule_announcement(now, id);
        if self.settings.play_greeting {
            self.play(id, Piece::Greeting, vec![Prompt::Greeting(code)]);
        } else {
            self.after(id, Piece::Greeting);
        }
    }

    /// A caller who offered no audio has agreed on some while it waits.
    pub(super) fn audible(&mut self, now: Now, leg: LegId) {
        let Some(Role::Citizen(id)) = self.legs.get(&leg).copied() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        match call.stage {
            Stage::Waiting | Stage::Offered(_) if !std::mem::replace(&mut call.audible, true) => self.welcome(now, id),
            Stage::Waiting | Stage::Offered(_) | Stage::Talking(_) | Stage::Left => {}
        }
    }

    /// A seat was lost: the caller is told, and waits on.
    pub(super) fn play_returning(&mut self, now: Now, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| call.audible) {
            self.schedule_announcement(now, id);
            self.play(id, Piece::Returning, vec![Prompt::Returning]);
        }
    }

    /// Hold music, until something else is played; the ringing tone where a service is rung for the caller.
    pub(super) fn play_music(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(&id).filter(|call| call.audible) {
            let prompt = if call.passed_on { Prompt::Ringback } else { Prompt::Music };
            self.play(id, Piece::Music, vec![prompt]);
        }
    }

    /// 工号 to the citizen alone, who may already speak.
    pub(super) fn play_seat_number(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Stage::Talking(talk) = &call.stage else {
            return;
        };
        if self.settings.play_seat_number && !talk.holds {
            let prompts = vec![Prompt::SeatNumber(talk.seat.0.clone())];
            self.play(id, Piece::SeatNumber, prompts);
        }
    }

    /// A seat answers. A notice that was cut counts as partly heard.
    pub(super) fn stop_prompts(&mut self, id: CallId) {
        self.timers.clear(Timer::Announce(id));
        if let Some(call) = self.calls.get_mut(&id) {
            if let Some((_, Piece::Notice)) = call.ear.playing.take() {
                call.ear.notice = NoticePlayed::Partial;
            }
            self.out.push(Output::StopPlay { leg: call.leg() });
        }
    }

    /// A list played to a citizen came to its end.
    pub(super) fn heard(&mut self, id: CallId, token: u64) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some((playing, piece)) = call.ear.playing else {
            return;
        };
        if playing == token {
            call.ear.playing = None;
            self.after(id, piece);
        }
    }

    fn after(&mut self, id: CallId, piece: Piece) {
        match piece {
            Piece::Greeting if self.settings.play_notice && !self.has_heard_notice(id) => {
                self.play(id, Piece::Notice, vec![Prompt::Notice])
            }
            Piece::Notice => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.ear.notice = NoticePlayed::Full;
                }
                self.play_music(id);
            }
            Piece::Greeting | Piece::Announcement | Piece::Returning => self.play_music(id),
            Piece::Music | Piece::SeatNumber => {}
        }
    }

    fn has_heard_notice(&self, id: CallId) -> bool {
        self.calls.get(&id).is_some_and(|call| call.ear.notice == NoticePlayed::Full)
    }

    /// Every 20 s: the place in the queue and a word of comfort, in turn. Skipped where the caller is
    /// being told something else.
    pub(super) fn announce(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let position = self.position(call);
        let free = match call.ear.playing {
            Some((_, Piece::Music)) | None => true,
            Some((_, Piece::Greeting | Piece::Notice | Piece::Announcement | Piece::Returning | Piece::SeatNumber)) => {
                false
            }
        };
        self.schedule_announcement(now, id);
        if free && let Some(call) = self.calls.get_mut(&id) {
            let prompt =
                if call.ear.announced.is_multiple_of(2) { Prompt::Position(position) } else { Prompt::Comfort };
            call.ear.announced = call.ear.announced.wrapping_add(1);
            self.play(id, Piece::Announcement, vec![prompt]);
        }
    }

    fn schedule_announcement(&mut self, now: Now, id: CallId) {
        let every = self.settings.announce_every.max(Duration::from_secs(1));
        self.timers.set(Timer::Announce(id), now.mono + every);
    }

    /// The time for early media is up: the call is connected so that its caller can wait on. This is
    /// no answer of the hotline: whoever leaves now is abandoned (R17).
    pub(super) fn connect_waiting(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.connected {
            return;
        }
        let was_audible = std::mem::replace(&mut call.audible, true);
        call.connected = true;
        let leg = call.leg();
        self.out.push(Output::Answer { leg });
        self.note(id, "connected to wait in the queue; no seat has answered yet".into());
        if !was_audible {
            self.welcome(now, id);
        }
    }

    fn play(&mut self, id: CallId, piece: Piece, prompts: Vec<Prompt>) {
        let token = self.new_token();
        if let Some(call) = self.calls.get_mut(&id) {
            call.ear.playing = Some((token, piece));
            let repeat = piece == Piece::Music;
            self.out.push(Output::Play { leg: call.leg(), prompts, repeat, token });
        }
    }
}
