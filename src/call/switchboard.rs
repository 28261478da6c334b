//! The machine that decides what happens to callers. It only routes: each input goes to the file
//! that knows about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::alarms::Alarms;
use super::ask::FeatureLeg;
use super::callback::{Carried, Pending};
use super::duty::Duty;
use super::leg::{LegEvent, Role};
use super::live::Call;
use super::queue::Queue;
use super::seat::Desk;
use super::settings::Settings;
use super::timers::{Timer, Timers};
use super::{CallBack, CallId, Input, Invited, LegId, Output, SeatChange, SeatNo, SeatState};
use crate::rules::numbers::NumberPlan;
use crate::time::{Mono, Now, Wall};

/// Whoever sat at a phone before a restart is taken to sit there still where it took no longer.
const BRIEF: Duration = Duration::from_secs(300);

/// Every live call, every seat and the queue between them. No clock, no IO: `handle` an input, carry
/// out the outputs in their order, and come back with `Input::Tick` at `next_timeout`.
#[derive(Debug)]
pub struct Switchboard {
    pub(super) settings: Settings,
    pub(super) plan: NumberPlan,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) legs: BTreeMap<LegId, Role>,
    pub(super) features: BTreeMap<LegId, FeatureLeg>,
    pub(super) callbacks: BTreeMap<CallId, Pending>,
    pub(super) duties: BTreeMap<CallId, Duty>,
    /// Callbacks that wait until the seat's phone has hung up from the feature code.
    pub(super) callbacks_held: BTreeMap<SeatNo, CallBack>,
    pub(super) desk: Desk,
    pub(super) queue: Queue,
    pub(super) timers: Timers,
    pub(super) alarms: Alarms,
    /// Calls that a leader has answered and no seat assists yet.
    pub(super) assisted: BTreeSet<CallId>,
    /// Calls to unknown numbers, by trunk (R7).
    pub(super) unknown_numbers: BTreeMap<String, u64>,
    pub(super) draining: bool,
    pub(super) out: Vec<Output>,
    last_call: CallId,
    last_leg: u64,
    last_token: u64,
}

impl Switchboard {
    /// `last_call` is the highest id of an earlier run (0 at the very first start), so that an id is
    /// never given twice, even where the clock was set back in between. All seats begin signed out
    /// and unreachable.
    pub fn new(now: Now, settings: Settings, plan: NumberPlan, last_call: CallId) -> Self {
        let mut desk = Desk::default();
        desk.configure(now, &settings.seats, &mut Vec::new());
        Self {
            settings,
            plan,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            features: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            duties: BTreeMap::new(),
            callbacks_held: BTreeMap::new(),
            desk,
            queue: Queue::default(),
            timers: Timers::default(),
            alarms: Alarms::default(),
            assisted: BTreeSet::new(),
            unknown_numbers: BTreeMap::new(),
            draining: false,
            out: Vec::new(),
            last_call,
            last_leg: 0,
            last_token: 0,
        }
    }

    /// What the seats were before a restart, as it was told last, and when the server was up last. To be
    /// told before any input; the outputs say what they are now, where that is something else.
    pub fn resume(&mut self, now: Now, seats: Vec<SeatChange>, up: Option<Wall>) -> Vec<Output> {
        let brief = up.is_some_and(|up| now.wall <= up + BRIEF);
        for was in seats {
            let no = was.seat.clone();
            self.desk.resume(now, was, brief, &mut self.out);
            if self.desk.get(&no).is_some_and(|seat| seat.state == SeatState::WrapUp) {
                let wrap_up = self.wrap_up_of(&no);
                self.timers.set(Timer::WrapUp(no), now.mono + wrap_up);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Carries out one input. The outputs are to be carried out in their order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        match input {
            Input::Invited(invited) => self.invited(now, self.known(*invited)),
            Input::TurnedAway(invited) => self.turned_away(now, &self.known(*invited)),
            Input::SuperviseDialled { leg, by, of, how, sip_call_id } => {
                self.supervise_dialled(now, leg, &by, &of, how, sip_call_id);
            }
            Input::Dialled { leg, seat, number, sip_call_id } => {
                self.dialled(now, leg, &seat, number.reveal(), sip_call_id);
            }
            Input::FeatureCode { leg, seat, ask } => self.feature_code(now, leg, seat, &ask),
            Input::Ask { seat, ask } => {
                // The API asks `may` first; a seat that has changed in between is left as it is.
                let _ = self.ask(now, &seat, &ask);
            }
            Input::Supervise { call, by, how } => self.supervise(now, call, &by, how),
            Input::CallBack(due) => self.call_back(now, due),
            Input::NobodyDue { seat } => self.callback_told(&seat, false),
            Input::Duty(wish) => self.call_duty(now, wish),
            Input::Ringing { leg } => self.leg_event(now, leg, LegEvent::Ringing),
            Input::EarlyMedia { leg } => self.early_media(now, leg),
            Input::Carried { leg, sip_call_id, trunk } => self.carried(leg, Carried { sip_call_id, trunk }),
            Input::Answered { leg } => self.leg_event(now, leg, LegEvent::Answered),
            Input::Failed { leg, why } => self.leg_event(now, leg, LegEvent::Failed(why)),
            Input::HungUp { leg } => self.leg_event(now, leg, LegEvent::HungUp),
            Input::Lost { leg, why } => self.leg_event(now, leg, LegEvent::Lost(why)),
            Input::Digit { leg, digit } => self.digit(now, leg, digit),
            Input::Held { leg } => self.leg_event(now, leg, LegEvent::Held),
            Input::Resumed { leg } => self.leg_event(now, leg, LegEvent::Resumed),
            Input::Transfer { leg, to } => self.transfer(now, leg, &to),
            Input::Audible { leg } => self.audible(now, leg),
            Input::Played { leg, token } => self.played(now, leg, token),
            Input::SourceMoved { leg } => self.source_moved(now, leg),
            Input::Media { leg, figures } => self.media_figures(leg, figures),
            Input::TicketOpened { call, number } => self.ticket_opened(now, call, number),
            Input::JournalWorks => self.alarms.clear(super::alarms::JOURNAL, super::alarms::ANSWERS, &mut self.out),
            Input::Reachable { seat, reachable } => self.reachable(now, &seat, reachable),
            Input::Drain => self.draining = true,
            Input::EndAll => self.end_all(now),
            Input::Tick => {
                while let Some(timer) = self.timers.pop(now.mono) {
                    self.fire(now, timer);
                }
            }
        }
        self.settle(now)
    }

    fn known(&self, invited: Invited) -> Invited {
        Invited { caller: invited.caller.known(self.plan.area()), ..invited }
    }

    /// Takes over new settings and a new number plan. Live calls keep what they were given; a seat that
    /// is gone leaves after its call.
    pub fn reload(&mut self, now: Now, settings: Settings, plan: NumberPlan) -> Vec<Output> {
        self.settings = settings;
        self.plan = plan;
        self.desk.configure(now, &self.settings.seats, &mut self.out);
        self.settle(now)
    }

    /// When `Input::Tick` is due.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.timers.next()
    }

    fn fire(&mut self, now: Now, timer: Timer) {
        match timer {
            Timer::RingOut(call) => self.ring_out(now, call),
            Timer::Announce(call) => self.announce(now, call),
            Timer::Connect(call) => self.connect_waiting(now, call),
            Timer::Overflow(call) => self.overflow(now, call),
            Timer::CallBack(call) => self.callback_rang_out(now, call),
            Timer::Duty(call) => self.duty_rang_out(now, call),
            Timer::Journal(call) => self.journal_silent(now, call),
            Timer::LongCall(call) => self.alarms.raise(super::alarms::LONG_CALL, &call.to_string(), &mut self.out),
            Timer::Guest(leg) => self.guest_rang_out(now, leg),
            Timer::WrapUp(seat) => self.wrapped_up(now, &seat),
            Timer::PhoneTrouble(seat) => self.phone_tried_again(now, &seat),
            // What starts is seen when the queue is served.
            Timer::SessionStart => {}
            Timer::Feature(leg) => self.feature_over(now, leg),
            Timer::Quiet(trunk) => self.alarms.clear(super::alarms::UNKNOWN_NUMBER, &trunk, &mut self.out),
        }
    }

    /// Whatever has happened, a seat may have become free and a caller may wait.
    fn settle(&mut self, now: Now) -> Vec<Output> {
        self.serve_leaders(now);
        self.serve_queue(now);
        self.watch_staffing(now);
        std::mem::take(&mut self.out)
    }

    /// Milliseconds of the arrival above, a counter below; above the last id, save where there is none
    /// above it.
    pub(super) fn new_call_id(&mut self, now: Now) -> CallId {
        let by_clock = CallId::at(now.wall);
        self.last_call = self.last_call.0.checked_add(1).map_or(by_clock, |next| by_clock.max(CallId(next)));
        self.last_call
    }

    /// Ids of dialled legs have the top bit set; the exchange gives arriving legs ids without it.
    pub(super) fn new_dialled_leg(&mut self) -> LegId {
        self.last_leg += 1;
        LegId(1 << 63 | self.last_leg)
    }

    pub(super) fn new_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    pub(super) fn note(&mut self, call: CallId, text: String) {
        self.out.push(Output::Note { call, text });
    }
}
