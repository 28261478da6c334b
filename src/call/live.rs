//! One live call: who is on it, where it stands, how long it has talked.

use std::time::Duration;

use super::guest::Guest;
use super::keys::Typing;
use super::leader::Led;
use super::outcome::Outcome;
use super::second_line::SecondLine;
use super::settings::Settings;
use super::supervise::Supervisor;
use super::waiting::Ear;
use super::{CallId, Course, Invited, LegId, Mark, OpenTicket, Output, Party, Role, SeatNo, ThirdView};
use crate::rules::numbers::Route;
use crate::time::{Mono, Now, Wall};

#[derive(Debug)]
pub(super) struct Call {
    pub id: CallId,
    /// What the trunk delivered; `invited.leg` is the citizen's leg.
    pub invited: Invited,
    pub route: Route,
    /// Told anew when a seat answers: its centre may decide.
    pub centre: String,
    pub priority: u8,
    pub arrived: Now,
    /// We called the citizen, who had been missed (R18).
    pub called_back: bool,
    /// Our 200 has gone to the citizen.
    pub connected: bool,
    /// Prompts reach the citizen: early media, or connected.
    pub audible: bool,
    pub citizen_holds: bool,
    pub stage: Stage,
    /// A seat did not answer, or was lost: this caller goes before the others of its priority.
    pub returned: bool,
    /// The service that its number leads to is being rung (R6).
    pub passed_on: bool,
    /// Seats that rang in vain for this caller.
    pub unanswered: u32,
    pub ear: Ear,
    /// None until a seat has answered.
    pub answer: Option<Answered>,
    pub meter: Meter,
    pub sip_call_ids: Vec<String>,
    /// When a seat was rung last.
    pub rung: Option<Mono>,
    pub course: Course,
    /// R35: marked by the seat.
    pub bad: Option<String>,
    /// Third parties, in the order in which they were brought in.
    pub guests: Vec<Guest>,
    pub outcome: Outcome,
    /// The last one of whose numbers none was reached.
    pub not_reached: Option<ThirdView>,
    pub supervisor: Option<Supervisor>,
    pub led: Led,
    /// With whom the seat speaks.
    pub with: With,
    pub second_line: Option<SecondLine>,
    /// The leg whose phone asked for the transfer that is under way.
    pub referrer: Option<LegId>,
    /// The seat that left the others alone last.
    pub transferred_by: Option<SeatNo>,
    /// When the transfer that the seat's phone wanted failed (REFER).
    pub transfer_failed: Option<Mono>,
    /// The seat hears that its third party's phone rings.
    pub has_ringback: bool,
    /// The citizen hears music because everybody else is elsewhere.
    pub has_music: bool,
}

/// With whom a seat speaks that has brought somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    Citizen,
    Guest(LegId),
}

#[derive(Debug)]
pub(super) enum Stage {
    Waiting,
    Offered(Offer),
    Talking(Talk),
    /// The seat has left; the citizen and the guests go on.
    Left,
}

/// A seat that is being rung for a call.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub seat: SeatNo,
    pub leg: LegId,
    pub dialled: Mono,
    pub rang: Option<Mono>,
    /// Of the dialog in which it answered.
    pub sip_call_id: Option<String>,
}

/// A seat that has answered.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub seat: SeatNo,
    pub leg: LegId,
    pub holds: bool,
    /// It hears, and is not heard, as long as somebody else is with the citizen.
    pub silent: bool,
    pub keys: Typing,
}

impl Talk {
    pub fn new(seat: SeatNo, leg: LegId) -> Self {
        Self { seat, leg, holds: false, silent: false, keys: Typing::default() }
    }
}

#[derive(Debug)]
pub(super) struct Answered {
    pub ticket: OpenTicket,
    /// The journal has spoken, or has been waited for long enough.
    pub journalled: bool,
    pub number: Option<String>,
}

impl Call {
    /// A call that waits for a seat; its 200 has not gone out.
    pub fn new(id: CallId, settings: &Settings, invited: Invited, route: Route, arrived: Now) -> Self {
        let mut call = Self {
            id,
            centre: settings.centre_of(&route.skill, None).to_owned(),
            priority: settings.priority_of(&route.skill),
            audible: invited.early_media,
            sip_call_ids: vec![invited.sip_call_id.clone()],
            invited,
            route,
            arrived,
            called_back: false,
            connected: false,
            citizen_holds: false,
            stage: Stage::Waiting,
            returned: false,
            passed_on: false,
            unanswered: 0,
            ear: Ear::default(),
            answer: None,
            meter: Meter::default(),
            rung: None,
            course: Course::default(),
            bad: None,
            guests: Vec::new(),
            outcome: Outcome::default(),
            not_reached: None,
            supervisor: None,
            led: Led::default(),
            with: With::Citizen,
            second_line: None,
            referrer: None,
            transferred_by: None,
            transfer_failed: None,
            has_ringback: false,
            has_music: false,
        };
        let citizen = Mark::Joined(call.citizen());
        call.course.mark(arrived.wall, &citizen);
        call
    }

    pub fn citizen(&self) -> Party {
        Party {
            role: Role::Citizen,
            number: self.invited.caller.number.as_ref().map(ToString::to_string).unwrap_or_default(),
            name: String::new(),
            leg: Some(self.leg()),
        }
    }

    /// What a phone shows beside the number: which hotline was called, and which platform has handed the call
    /// over (R30).
    pub fn label(&self) -> String {
        match &self.invited.caller.platform {
            Some(platform) => format!("{platform}转 {}", self.route.label),
            None => self.route.label.clone(),
        }
    }

    /// Notes it for the ticket; what comes back tells the recorder.
    pub fn mark(&mut self, at: Mono, mark: Mark) -> Output {
        self.course.mark(self.wall(at), &mark);
        Output::Mark { call: self.id, at, mark }
    }

    pub fn leg(&self) -> LegId {
        self.invited.leg
    }

    /// The wall time of `at` on this call's own clock, which a change of the machine's clock in
    /// mid-call does not touch: arrive ≤ queue ≤ ring ≤ answer ≤ end (I6).
    pub fn wall(&self, at: Mono) -> Wall {
        self.arrived.wall + at.since(self.arrived.mono)
    }

    /// From the INVITE; never reset (R11).
    pub fn waited(&self, now: Mono) -> Duration {
        now.since(self.arrived.mono)
    }

    /// The seat that is rung or talks.
    pub fn seat(&self) -> Option<&SeatNo> {
        match &self.stage {
            Stage::Waiting => None,
            Stage::Offered(offer) => Some(&offer.seat),
            Stage::Talking(talk) => Some(&talk.seat),
            Stage::Left => None,
        }
    }

    /// The leg of that seat.
    pub fn seat_leg(&self) -> Option<LegId> {
        match &self.stage {
            Stage::Waiting => None,
            Stage::Offered(offer) => Some(offer.leg),
            Stage::Talking(talk) => Some(talk.leg),
            Stage::Left => None,
        }
    }

    /// A seat has answered, or a leader.
    pub fn is_talked_to(&self) -> bool {
        match &self.stage {
            Stage::Waiting | Stage::Offered(_) => false,
            Stage::Talking(_) | Stage::Left => true,
        }
    }

    /// Reads the meter after a change of stage, connection or hold.
    pub fn measure(&mut self, now: Mono) {
        let doing = match &self.stage {
            Stage::Waiting | Stage::Offered(_) => Doing::Apart,
            Stage::Talking(_) | Stage::Left if !self.connected => Doing::Apart,
            Stage::Left if self.led.wants_seat && self.others().next().is_none() => Doing::OnHold,
            Stage::Talking(_) | Stage::Left if self.citizen_holds => Doing::OnHold,
            Stage::Talking(talk)
                if self.others().next().is_none()
                    && (talk.holds || self.with != With::Citizen || self.seat_is_silent()) =>
            {
                Doing::OnHold
            }
            Stage::Talking(_) | Stage::Left => Doing::Talking,
        };
        self.meter.turn(now, doing);
    }
}

/// Sums up how long citizen and seat were joined, and how long one held the other.
#[derive(Debug, Default)]
pub(super) struct Meter {
    doing: Doing,
    since: Mono,
    pub talk: Duration,
    pub hold: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Doing {
    #[default]
    Apart,
    Talking,
    OnHold,
}

impl Meter {
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    pub fn turn(&mut self, now: Mono, doing: Doing) {
        let spent = now.since(self.since);
        match self.doing {
            Doing::Apart => {}
            Doing::Talking => self.talk = self.talk.saturating_add(spent),
            Doing::OnHold => self.hold = self.hold.saturating_add(spent),
        }
        self.doing = doing;
        self.since = now;
    }
}

/// Milliseconds of a duration, as the records hold them.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
