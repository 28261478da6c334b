//! Carries out what the switchboard wants, one wish at a time, and brings media's reports to it.

use crate::call::mix_plan::{Command, Report};
use crate::call::{self, LegId, Loss, Output as Wish, Refusal};
use crate::sip::message::Name;
use crate::time::Now;

use super::transfer::status_of;
use super::{Exchange, Output};

impl Exchange {
    /// Gives the switchboard an input and carries out what it wants. What is found out meanwhile (a
    /// seat that cannot be rung) waits until the rest has been carried out.
    pub(super) fn tell(&mut self, now: Now, input: call::Input) {
        self.told.push_back(input);
        if !self.is_carrying_out {
            self.carry_out_all(now, Vec::new());
        }
    }

    pub(super) fn carry_out_all(&mut self, now: Now, wishes: Vec<Wish>) {
        self.is_carrying_out = true;
        for wish in wishes {
            self.carry_out(now, wish);
        }
        while let Some(input) = self.told.pop_front() {
            for wish in self.board.handle(now, input) {
                self.carry_out(now, wish);
            }
        }
        self.is_carrying_out = false;
    }

    pub(super) fn carry_out(&mut self, now: Now, wish: Wish) {
        match &wish {
            Wish::OpenRecording { call, .. } => {
                self.recording.insert(*call);
            }
            Wish::SealRecording { call, .. } => {
                self.recording.remove(call);
            }
            _ => {}
        }
        match wish {
            Wish::Dial { call, leg, target, caller, label } => self.dial(now, call, leg, &target, caller, label),
            Wish::Progress { leg, media } => {
                let ring_with_180 = self.trunk_of(leg).is_none_or(|trunk| trunk.ring_with_180);
                let status = if ring_with_180 { 180 } else { 183 };
                self.with_leg(now, leg, |session, transactions| {
                    session.progress(now.mono, transactions, status, media);
                });
            }
            Wish::Answer { leg } => {
                self.with_leg(now, leg, |session, transactions| session.answer(now.mono, transactions));
                self.journal_leg(leg);
            }
            Wish::Refuse { leg, why } => self.refuse(now, leg, why),
            Wish::Referred { leg, outcome } => self.on_refer_outcome(now, leg, outcome),
            Wish::HangUp { leg } => {
                self.end_leg(now, leg);
                self.stop_ringing(now, leg, None);
            }
            Wish::Play { leg, prompts, repeat, token } => self.media(Command::Play { leg, prompts, repeat, token }),
            Wish::StopPlay { leg } => self.media(Command::StopPlay { leg }),
            Wish::Mix { call, citizen, hearings } => {
                let record = self.recording.contains(&call);
                self.media(Command::Mix { call, citizen, hearings, record });
            }
            wish @ (Wish::OpenRecording { .. }
            | Wish::OpenTicket(_)
            | Wish::Mark { .. }
            | Wish::SealRecording { .. }
            | Wish::CloseCall(_)
            | Wish::MarkInvalid { .. }
            | Wish::MarkResult { .. }
            | Wish::Supervised { .. }
            | Wish::Arrived(_)
            | Wish::Missed(_)
            | Wish::SeatChanged { .. }
            | Wish::WantCallback { .. }
            | Wish::CalledBack { .. }
            | Wish::DutyCall(_)
            | Wish::Alarm { .. }
            | Wish::Note { .. }) => self.outputs.push_back(Output::Call(wish)),
        }
    }

    pub(super) fn on_media(&mut self, now: Now, report: Report) {
        match report {
            Report::NotOpened { leg, local, .. } => {
                self.counters.no_port += 1;
                if !self.has_left(leg, local) && !self.ring_elsewhere(now, leg) {
                    self.free_port(leg);
                    self.lose(now, leg, Loss::Media);
                }
            }
            Report::Played { leg, token } => self.tell(now, call::Input::Played { leg, token }),
            Report::Silent { leg, .. } => self.on_silence(now, leg, true),
            Report::Back { leg } => self.on_silence(now, leg, false),
            Report::Closed { leg, figures } => {
                self.port_closed(leg);
                self.outputs.push_back(Output::Figures { leg, figures, ended: true });
            }
            Report::Figures { leg, figures } => {
                self.tell(now, call::Input::Media { leg, figures: (&*figures).into() });
                self.outputs.push_back(Output::Figures { leg, figures, ended: false });
            }
            Report::SourceMoved { leg, .. } => self.tell(now, call::Input::SourceMoved { leg }),
            Report::Digit { leg, digit } => self.tell(now, call::Input::Digit { leg, digit }),
        }
    }

    fn refuse(&mut self, now: Now, leg: LegId, why: Refusal) {
        let trunk = self.trunk_of(leg);
        let (status, header) = match why {
            Refusal::UnknownNumber => (404, None),
            Refusal::Overload => (
                trunk.map_or(503, |trunk| trunk.overload_status),
                trunk.and_then(|trunk| trunk.overload_retry_after).map(|after| (Name::RetryAfter, after.to_string())),
            ),
            Refusal::Unavailable => (480, None),
            Refusal::Forbidden => (403, None),
            Refusal::NotReached(why) => (status_of(why), None),
        };
        self.with_leg(now, leg, |session, transactions| session.reject(now.mono, transactions, status, header));
        self.end_leg(now, leg);
    }

    fn trunk_of(&self, leg: LegId) -> Option<&super::settings::Trunk> {
        self.settings.trunks.get(self.legs.get(&leg)?.trunk?)
    }

    fn media(&mut self, command: Command) {
        self.outputs.push_back(Output::Media(command));
    }
}
