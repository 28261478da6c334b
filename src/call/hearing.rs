//! Who hears whom in a call, and what that makes of its seat. R19, R20.

use super::guest::{Guest, GuestStage, How};
use super::leg::Role;
use super::live::{Call, Stage, With};
use super::switchboard::Switchboard;
use super::{CallId, Hearing, LegId, Output, Prompt, SeatState};
use crate::time::Now;

impl Call {
    /// Who hears whom: the conversation with the citizen, and beside it the seat with whom it consults.
    pub(super) fn hearings(&self) -> Vec<Hearing> {
        let seat = self.seat_leg();
        let apart = match self.with {
            With::Citizen => None,
            With::Guest(leg) => self.guests.iter().find(|guest| guest.leg == leg),
        };
        let mut conversation = vec![self.leg()];
        let silent = self.seat_is_silent();
        conversation.extend(seat.filter(|_| self.seat_speaks()));
        conversation.extend(self.others());
        let mut hearings = Hearing::all(&conversation);
        if let (Some(seat), Some(guest)) = (seat, apart) {
            hearings.extend(guest.heard_by(seat));
        } else if let Some(leg) = seat.filter(|_| silent) {
            hearings.push(Hearing { leg, hears: conversation });
        }
        if let Some(line) = self.second_line {
            match self.outside() {
                Some(guest) => hearings.extend(guest.heard_by(line.leg)),
                None => hearings.extend(Hearing::all(&[line.leg])),
            }
        }
        self.supervised(&mut hearings);
        hearings
    }

    /// Who speaks with the citizen beside the seat.
    pub(super) fn others(&self) -> impl Iterator<Item = LegId> {
        self.joined().chain(self.barging())
    }

    pub(super) fn joined(&self) -> impl Iterator<Item = LegId> {
        self.guests.iter().filter(|guest| guest.stage == GuestStage::Joined).map(|guest| guest.leg)
    }

    /// Nobody speaks with the citizen.
    pub(super) fn citizen_is_alone(&self) -> bool {
        let seat = match &self.stage {
            Stage::Talking(talk) => !talk.holds && self.seat_speaks(),
            Stage::Waiting | Stage::Offered(_) | Stage::Left => false,
        };
        !seat && self.others().next().is_none()
    }

    /// The seat is in the conversation with the citizen. While the one to whom it hands the citizen rings,
    /// and nobody else is there, it has taken its leave: the citizen hears music.
    fn seat_speaks(&self) -> bool {
        let hands_over = self.guests.iter().any(|guest| guest.stage.wanted() == Some(How::Transfer));
        self.with == With::Citizen && !self.seat_is_silent() && (!hands_over || self.others().next().is_some())
    }

    /// The seat waits for one to answer, and hears nobody meanwhile.
    pub(super) fn seat_awaits(&self) -> bool {
        let consulted = self.guests.iter().find(|guest| self.with == With::Guest(guest.leg));
        matches!(self.stage, Stage::Talking(_))
            && consulted.is_some_and(|guest| guest.stage.wanted().is_some() && !guest.is_early())
    }

    pub(super) fn seat_state(&self, holds: bool) -> SeatState {
        match (self.with, self.others().next()) {
            (With::Guest(_), _) => SeatState::Consulting,
            (With::Citizen, _) if holds && self.second_line.is_some() => SeatState::Consulting,
            (With::Citizen, Some(_)) => SeatState::ThreeWay,
            (With::Citizen, None) if holds => SeatState::Held,
            (With::Citizen, None) => SeatState::Talking,
        }
    }
}

impl Guest {
    /// Its network speaks, and it does not yet.
    pub(super) fn is_early(&self) -> bool {
        self.early && matches!(self.stage, GuestStage::Ringing(How::Consult))
    }

    /// With the leg by which a seat consults it: an announcement of its network reaches the seat alone.
    fn heard_by(&self, seat: LegId) -> Vec<Hearing> {
        let alone = |leg, hears| Hearing { leg, hears };
        match self.stage {
            GuestStage::Apart => Hearing::all(&[seat, self.leg]),
            GuestStage::Ringing(_) if self.is_early() => {
                vec![alone(seat, vec![self.leg]), alone(self.leg, Vec::new())]
            }
            GuestStage::Ringing(_) | GuestStage::Asked(_) | GuestStage::Briefed(_) | GuestStage::Joined => {
                Hearing::all(&[seat])
            }
        }
    }
}

impl Switchboard {
    /// Tells media who hears whom, the citizen's ear whether there is somebody, and the desk what the
    /// seat does. After every change of guests.
    pub(super) fn arrange(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_talked_to()) else { return };
        call.hear_the_seat_where_it_is_alone();
        let alone = call.citizen_is_alone();
        let had_music = std::mem::replace(&mut call.has_music, alone);
        let citizen = call.leg();
        self.out.push(Output::Mix { call: id, citizen, hearings: call.hearings() });
        call.measure(now.mono);
        let seat = match &call.stage {
            Stage::Talking(talk) => Some((talk.seat.clone(), call.seat_state(talk.holds))),
            Stage::Waiting | Stage::Offered(_) | Stage::Left => None,
        };
        self.ring_back(id);
        match (had_music, alone) {
            (false, true) => self.play_music(id),
            (true, false) => self.out.push(Output::StopPlay { leg: citizen }),
            (true, true) | (false, false) => {}
        }
        if let Some((no, state)) = seat {
            self.desk.turn(now, &no, state, None, &mut self.out);
        }
    }

    /// The seat hears the ringing tone as long as it waits for whom it consults.
    fn ring_back(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let awaits = call.seat_awaits();
        let did = std::mem::replace(&mut call.has_ringback, awaits);
        let Some(leg) = call.seat_leg() else { return };
        match (did, awaits) {
            (false, true) => {
                let token = self.new_token();
                self.out.push(Output::Play { leg, prompts: vec![Prompt::Ringback], repeat: true, token });
            }
            (true, false) => self.out.push(Output::StopPlay { leg }),
            (true, true) | (false, false) => {}
        }
    }

    /// What the network of a third party says before the answer (busy, wrong number) is for the seat that
    /// consults; it is no answer, and not recorded.
    pub(super) fn early_media(&mut self, now: Now, leg: LegId) {
        let Some(Role::Guest(id)) = self.legs.get(&leg).copied() else { return };
        let Some(guest) = self.calls.get_mut(&id).and_then(|call| call.guest(leg)) else { return };
        if std::mem::replace(&mut guest.early, true) || !guest.is_early() {
            return;
        }
        let line = self.calls.get(&id).and_then(|call| call.second_line);
        self.out.extend(line.map(|line| Output::Progress { leg: line.leg, media: true }));
        self.arrange(now, id);
    }
}
