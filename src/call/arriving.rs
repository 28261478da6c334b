//! A call arrives: which hotline number it is for, and what it is told at once. R1–R8.

use super::leg::Role;
use super::live::Call;
use super::settings::{TrunkCodes, local};
use super::switchboard::Switchboard;
use super::timers::Timer;
use super::{Invited, Output, QueueAnswer, Refusal, alarms, record};
use crate::rules::numbers::{Route, TrunkNumbers, UnknownNumber};
use crate::time::Now;

impl Switchboard {
    pub(super) fn invited(&mut self, now: Now, invited: Invited) {
        if self.legs.contains_key(&invited.leg) {
            return;
        }
        match self.route(now, &invited) {
            Err(unknown) => {
                self.count_unknown(now, &invited.trunk);
                self.refuse(now, &invited, None, Refusal::UnknownNumber, &unknown.to_string());
            }
            Ok(route) if self.draining => self.refuse(now, &invited, Some(route), Refusal::Overload, "draining"),
            Ok(route) => self.admit(now, invited, route),
        }
    }

    /// R7: nobody was told to refuse it, and it leaves a record all the same.
    pub(super) fn turned_away(&mut self, now: Now, invited: &Invited) {
        let route = self.route(now, invited).ok();
        self.write_refused(now, invited, route, "overload");
    }

    fn route(&self, now: Now, invited: &Invited) -> Result<Route, UnknownNumber> {
        let none = TrunkCodes::default();
        let codes = self.settings.trunks.get(&invited.trunk).unwrap_or(&none);
        let trunk = TrunkNumbers {
            pilots: &codes.pilots,
            default_code: codes.default_code.as_deref(),
            strip_prefix: codes.strip_prefix.as_deref(),
            pilot_languages: &codes.pilot_languages,
            language: codes.language.as_deref(),
        };
        let route = self.plan.route(&invited.dialled, &trunk, local(now.wall).date())?;
        Ok(route.spoken(|language| self.settings.languages.get(language).cloned()))
    }

    fn admit(&mut self, now: Now, invited: Invited, route: Route) {
        let id = self.new_call_id(now);
        let (leg, queue_answer) = (invited.leg, invited.queue_answer);
        self.note(id, format!("{} → skill {}: {}", route.original_code, route.skill, route.why.join("; ")));
        self.legs.insert(leg, Role::Citizen(id));
        self.timers.set(Timer::LongCall(id), now.mono + self.settings.long_call);
        if let QueueAnswer::EarlyThenConnect(after) = queue_answer {
            self.timers.set(Timer::Connect(id), now.mono + after);
        }
        let connected = queue_answer == QueueAnswer::Connect;
        let audible = connected || invited.early_media;
        let call = Call { connected, audible, ..Call::new(id, &self.settings, invited, route, now) };
        let due = record::arrived(now, id, &call.invited, &call.route, &call.centre);
        self.out.push(Output::Arrived(Box::new(due)));
        self.calls.insert(id, call);
        self.out.push(match queue_answer {
            QueueAnswer::Connect => Output::Answer { leg },
            QueueAnswer::Early | QueueAnswer::EarlyThenConnect(_) => Output::Progress { leg, media: audible },
        });
        if !self.pass_on(now, id) {
            self.welcome(now, id);
            self.enqueue(now, id);
        }
    }

    /// R7: an attempt that is turned away leaves a record too.
    fn refuse(&mut self, now: Now, invited: &Invited, route: Option<Route>, why: Refusal, reason: &str) {
        self.out.push(Output::Refuse { leg: invited.leg, why });
        self.write_refused(now, invited, route, reason);
    }

    fn write_refused(&mut self, now: Now, invited: &Invited, route: Option<Route>, reason: &str) {
        let id = self.new_call_id(now);
        self.note(id, format!("refused: {reason}"));
        let known = route.as_ref().map(|route| (route, self.settings.centre_of(&route.skill, None)));
        let missed = record::refused(now, id, invited, known, reason);
        self.out.push(Output::Missed(Box::new(missed)));
    }

    fn count_unknown(&mut self, now: Now, trunk: &str) {
        let count = self.unknown_numbers.entry(trunk.to_owned()).or_default();
        *count = count.saturating_add(1);
        self.alarms.raise(alarms::UNKNOWN_NUMBER, trunk, &mut self.out);
        self.timers.set(Timer::Quiet(trunk.to_owned()), now.mono + self.settings.unknown_number_quiet);
    }
}
