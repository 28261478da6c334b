//! Who is behind what a seat dialled, and on which lines that party is tried. R19, R22, R31.

use std::collections::VecDeque;

use super::directory::{AfterSeat, AnswerPolicy, Line, LineTo};
use super::settings::local;
use super::switchboard::Switchboard;
use super::{AskRefused, Party, Role as PartyRole, Target};
use crate::privacy::{Private, mask};
use crate::time::Now;

/// A telephone number that is in no directory has so many digits at least.
const SHORTEST: usize = 7;

/// Who is to be brought in.
pub(super) struct Invitation {
    pub party: Party,
    pub untried: VecDeque<Target>,
    pub after_seat: AfterSeat,
    pub answer: AnswerPolicy,
}

impl Invitation {
    fn of_number(number: &str, target: Target) -> Self {
        let party = Party { role: PartyRole::Unit, number: mask(number), name: String::new(), leg: None };
        Self {
            party,
            untried: VecDeque::from([target]),
            after_seat: AfterSeat::EndAll,
            answer: AnswerPolicy::Announced,
        }
    }
}

impl Switchboard {
    /// Who is behind what the seat dialled: an entry of the directory by its code or an emergency service by
    /// its name (R31), another seat, else a telephone number.
    pub(super) fn invite_by(&self, now: Now, whom: &str) -> Result<Invitation, AskRefused> {
        let directory = &self.settings.directory;
        let Some(entry) = directory.entry(whom).or_else(|| directory.emergency(whom)) else {
            if let Some(colleague) = self.colleague(whom) {
                return self.is_free(&colleague).map(|()| self.invite_colleague(colleague));
            }
            let is_phone = whom.len() >= SHORTEST && whom.chars().all(|digit| digit.is_ascii_digit());
            let target = Target::number(Private::new(whom.to_owned()), String::new());
            return is_phone.then(|| Invitation::of_number(whom, target)).ok_or(AskRefused::UnknownParty);
        };
        if entry.is_leader() && !self.leader_is_free(&entry.code) {
            return Err(AskRefused::LeaderBusy);
        }
        let time = local(now.wall);
        let minutes = u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0);
        let lines = entry.lines_at(time.weekday(), minutes).map_err(|_| AskRefused::Closed)?;
        let target = |line: &Line| match &line.to {
            LineTo::Number { number, trunks, shown } => Target::Number {
                number: number.clone(),
                code: String::new(),
                reserved: entry.is_reserved(),
                trunks: trunks.clone(),
                shown: shown.unwrap_or(entry.kind.shown()),
            },
            LineTo::Seat(seat) => Target::Seat(seat.clone()),
            LineTo::Device(uri) => Target::Device { uri: uri.clone(), shown: entry.kind.shown() },
        };
        let mut untried: VecDeque<Target> = lines.into_iter().map(target).collect();
        if let [Target::Seat(only)] = untried.make_contiguous() {
            self.is_free(only)?;
        }
        let party = Party { role: entry.kind.role(), number: entry.code.clone(), name: entry.name.clone(), leg: None };
        Ok(Invitation { party, untried, after_seat: entry.after_seat_leaves, answer: entry.answer })
    }
}
