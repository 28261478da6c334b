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
        let silent = self.seat_is_silent();
        conversation.extend(seat.filter(|_| self.with == With::Citizen && !silent));
        conversation.extend(self.others());
        let mut hearings = Hearing::all(&conversation);
        if let (Some(seat), Some(guest)) = (seat, apart) {
            let stands = guest.stage == GuestStage::Apart;
            hearings.extend(if stands { Hearing::all(&[seat, guest.leg]) } else { Hearing::all(&[seat]) });
        } else if let Some(leg) = seat.filter(|_| silent) {
            hearings.push(Hearing { leg, hears: conversation });
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
            Stage::Talking(talk) => self.with == With::Citizen && !talk.holds && !self.seat_is_silent(),
            Stage::Waiting | Stage::Offered(_) | Stage::Left => false,
        };
        let seat = seat && !self.guests.iter().any(|guest| guest.stage.wanted() == Some(How::Transfer));
        !seat && self.others().next().is_none()
    }

    pub(super) fn seat_state(&self, holds: bool) -> SeatState {
        match (self.with, self.others().next()) {
            (With::Guest(_), _) => SeatState::Consulting,
            (With::Citizen, Some(_)) => SeatState::ThreeWay,
            (With::Citizen, None) if holds => SeatState::Held,
            (With::Citizen, None) => SeatState::Talking,
        }
    }
}
