//! How it stands with a third party, for the seat that waits for it: which of its numbers is being tried,
//! and why those before did not come about. R22.

use super::guest::{Guest, GuestStage};
use super::live::Call;
use super::switchboard::Switchboard;
use super::{CallId, Failure, LegId, Role};

/// The numbers of one party so far.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// How many numbers it has in all.
    pub of: usize,
    /// Of those that were tried in vain, in their order.
    pub failures: Vec<Failure>,
}

/// A third party of a live call.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ThirdView {
    /// Its code in the directory, the number of a seat, or a telephone number, masked.
    pub number: String,
    pub name: String,
    pub role: Role,
    pub state: ThirdState,
    /// From 1: which of its numbers is rung, or has answered.
    pub attempt: usize,
    pub of: usize,
    /// Why the numbers before it did not come about, in their order.
    pub failures: Vec<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThirdState {
    Ringing,
    /// Its phone has answered, and it is asked to press 1.
    Asked,
    /// A leader who has answered, and is told what the call is about.
    Briefed,
    /// It speaks with the seat alone, or hears music.
    Consulted,
    Joined,
    /// No number of it was reached; it stands here until the next one is called.
    NotReached,
}

impl Guest {
    pub(super) fn view(&self) -> ThirdView {
        let state = match self.stage {
            GuestStage::Ringing(_) => ThirdState::Ringing,
            GuestStage::Asked(_) => ThirdState::Asked,
            GuestStage::Briefed(_) => ThirdState::Briefed,
            GuestStage::Apart => ThirdState::Consulted,
            GuestStage::Joined => ThirdState::Joined,
        };
        ThirdView {
            number: self.party.number.clone(),
            name: self.party.name.clone(),
            role: self.party.role,
            state,
            attempt: self.tries.failures.len().saturating_add(1),
            of: self.tries.of,
            failures: self.tries.failures.clone(),
        }
    }
}

impl Switchboard {
    pub(super) fn note_failure(&mut self, id: CallId, leg: LegId, why: Failure) {
        if let Some(guest) = self.calls.get_mut(&id).and_then(|call| call.guest(leg)) {
            guest.tries.failures.push(why);
        }
    }
}

impl Call {
    /// Those who are there or are being called, and before them the one who was not reached last.
    pub(super) fn thirds(&self) -> Vec<ThirdView> {
        self.not_reached.iter().cloned().chain(self.guests.iter().map(Guest::view)).collect()
    }

    /// Every number of this guest has been tried.
    pub(super) fn note_not_reached(&mut self, leg: LegId) {
        let Some(view) = self.guest(leg).map(|guest| guest.view()) else { return };
        let attempt = view.failures.len();
        self.not_reached = Some(ThirdView { state: ThirdState::NotReached, attempt, ..view });
    }
}
