//! Who hears whom in a call, and what that makes of its seat. R19, R20.

use super::guest::{GuestStage, How};
use super::live::{Call, Stage, With};
use super::{Hearing, LegId, SeatState};

impl Call {
    /// Who hears whom: the conversation with the citizen, and beside it the seat with whom it consults.
    pub(super) fn hearings(&self) -> Vec<Hearing> {
        let seat = self.seat_leg();
        let apart = match self.with {
            With::Citizen => None,
            With::Guest(leg) => self.guests.iter().find(|guest| guest.leg == leg),
        };
        let mut conversation = vec![self.leg()];
        conversation.extend(seat.filter(|_| self.with == With::Citizen));
        conversation.extend(self.others());
        let mut hearings = Hearing::all(&conversation);
        if let (Some(seat), Some(guest)) = (seat, apart) {
            let stands = guest.stage == GuestStage::Apart;
            hearings.extend(if stands { Hearing::all(&[seat, guest.leg]) } else { Hearing::all(&[seat]) });
        }
        if let Some(line) = self.second_line {
            let third = self.outside().filter(|guest| guest.stage == GuestStage::Apart).map(|guest| guest.leg);
            let third = third.filter(|_| line.answered);
            let pair: Vec<LegId> = std::iter::once(line.leg).chain(third).collect();
            hearings.extend(Hearing::all(&pair));
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
            Stage::Talking(talk) => self.with == With::Citizen && !talk.holds,
            Stage::Waiting | Stage::Offered(_) | Stage::Left => false,
        };
        let seat = seat && !self.guests.iter().any(|guest| guest.stage.wanted() == Some(How::Transfer));
        !seat && self.others().next().is_none()
    }

    /// The seat waits for one to answer, and hears nobody meanwhile.
    pub(super) fn seat_awaits(&self) -> bool {
        let consulted = self.guests.iter().find(|guest| self.with == With::Guest(guest.leg));
        matches!(self.stage, Stage::Talking(_)) && consulted.is_some_and(|guest| guest.stage.wanted().is_some())
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
