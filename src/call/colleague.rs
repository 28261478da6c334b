//! A seat as third party: its phone is rung as for a caller, and after the call it wraps up. R19, and a
//! seat is in at most one call (I5).

use std::collections::VecDeque;

use super::ask::AskRefused;
use super::directory::{AfterSeat, AnswerPolicy};
use super::guest::Guest;
use super::invitation::Invitation;
use super::leg::Role;
use super::live::{Stage, Talk};
use super::switchboard::Switchboard;
use super::{CallId, LegId, Party, Role as PartyRole, SeatNo, SeatState, Target};
use crate::time::Now;

impl Switchboard {
    /// The seat that has this number.
    pub(super) fn colleague(&self, number: &str) -> Option<SeatNo> {
        let no = SeatNo(number.to_owned());
        self.desk.get(&no).map(|_| no)
    }

    /// Whether its phone may be rung for somebody else's call.
    pub(super) fn is_free(&self, no: &SeatNo) -> Result<(), AskRefused> {
        let seat = self.desk.get(no).ok_or(AskRefused::UnknownSeat)?;
        if seat.ready() { Ok(()) } else { Err(AskRefused::NotFree) }
    }

    pub(super) fn invite_colleague(&self, no: SeatNo) -> Invitation {
        Invitation {
            party: self.seat_party(&no, None),
            untried: VecDeque::from([Target::Seat(no)]),
            after_seat: AfterSeat::EndAll,
            answer: AnswerPolicy::Announced,
        }
    }

    /// A seat as the ticket names it.
    pub(super) fn seat_party(&self, no: &SeatNo, leg: Option<LegId>) -> Party {
        let name = self.desk.get(no).map_or_else(|| no.0.clone(), |seat| format!("{} {}", no.0, seat.settings.name));
        Party { role: PartyRole::Seat, number: no.0.clone(), name, leg }
    }

    pub(super) fn reserve(&mut self, now: Now, id: CallId, no: &SeatNo) {
        self.desk.update(no, |seat| seat.call = Some(id));
        self.desk.turn(now, no, SeatState::Reserved, None, &mut self.out);
    }

    /// The phone of a guest rings, or has answered: so does the seat, where it is one.
    pub(super) fn colleague_turns(&mut self, now: Now, id: CallId, leg: LegId, state: SeatState) {
        let seat = self.calls.get_mut(&id).and_then(|call| call.guest(leg)).and_then(|guest| guest.seat.clone());
        if let Some(no) = seat {
            self.desk.turn(now, &no, state, None, &mut self.out);
        }
    }

    /// A guest has been taken out of the call. A seat that was only rung is idle again.
    pub(super) fn release_colleague(&mut self, now: Now, id: CallId, guest: &Guest) {
        match &guest.seat {
            Some(no) if guest.stands() => self.seat_after_call(now, no, id),
            Some(no) => self.free_seat(now, no, SeatState::Idle, None),
            None => {}
        }
    }

    /// The seat has left a call in which another one is: that one is its seat from now on.
    pub(super) fn seat_succeeds(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let colleague = |guest: &Guest| guest.stands() && guest.seat.is_some();
        let Some(at) = call.guests.iter().position(colleague) else { return };
        let Guest { leg, seat, .. } = call.guests.remove(at);
        let Some(seat) = seat else { return };
        self.note(id, format!("seat {} has the call now", seat.0));
        self.becomes_seat(id, seat, leg);
    }

    pub(super) fn becomes_seat(&mut self, id: CallId, seat: SeatNo, leg: LegId) {
        if let Some(call) = self.calls.get_mut(&id) {
            self.desk.update(&seat, |seat| seat.last_third = Some(id));
            call.stage = Stage::Talking(Talk::new(seat, leg));
            self.legs.insert(leg, Role::Seat(id));
        }
    }

    /// The leg by which this seat is rung as third party of this call.
    pub(super) fn rung_as_colleague(&self, id: CallId, no: &SeatNo) -> Option<LegId> {
        let guests = self.calls.get(&id).map(|call| call.guests.as_slice()).unwrap_or_default();
        guests.iter().find(|guest| guest.seat.as_ref() == Some(no)).map(|guest| guest.leg)
    }
}
