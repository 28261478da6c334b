//! Calling back whoever got no seat (漏接电话回拨), R18.

use std::time::Duration;

use super::dialling::is_telephone;
use crate::time::Wall;

/// A caller who tries again and gets a seat within this time needs no call back (R18).
pub const GRACE: Duration = Duration::from_secs(10 * 60);

/// So often is a caller called back in vain before the task is given up (R18).
pub const ATTEMPTS: u32 = 3;

/// A citizen whom the hotline owes a call. At most one open task per caller number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// When the first missed call ended; `GRACE` runs from here, and trying again in vain does not prolong it.
    pub first_missed: Wall,
    pub last_missed: Wall,
    pub misses: u32,
    /// Calls back made in vain.
    pub attempts: u32,
    pub last_attempt: Option<Wall>,
    pub closed: Option<(Wall, Closed)>,
}

/// Why nobody owes the citizen a call any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// A later call of the same number was answered.
    GotThrough,
    /// We called back and the citizen answered.
    Reached,
    /// `ATTEMPTS` calls back found nobody.
    Unreached,
}

impl Task {
    /// Whether somebody must call back now: open, and the time of grace is over.
    pub fn is_due(&self, now: Wall) -> bool {
        self.closed.is_none() && now >= self.due_from()
    }

    pub fn due_from(&self) -> Wall {
        self.first_missed + GRACE
    }
}

/// Whether a missed call leaves a task at all: not for a withheld number nor one that can be no citizen's
/// telephone, nor for a call to a number that is none of ours.
pub fn is_owed(caller: Option<&str>, hotline_known: bool) -> bool {
    caller.is_some_and(is_telephone) && hotline_known
}

/// A call of this number, which leaves a task, ended at `at` without a seat. `last_answered` is
/// the latest answered call of the same number: entries may be told out of order.
/// Returns the caller's task as it is from now on; None where nothing is owed.
pub fn missed(open: Option<Task>, last_answered: Option<Wall>, at: Wall) -> Option<Task> {
    if last_answered.is_some_and(|answered| answered >= at) {
        return open;
    }
    Some(match open {
        Some(task) => Task {
            first_missed: task.first_missed.min(at),
            last_missed: task.last_missed.max(at),
            misses: task.misses.saturating_add(1),
            ..task
        },
        None => Task { first_missed: at, last_missed: at, misses: 1, attempts: 0, last_attempt: None, closed: None },
    })
}

/// A call of this number was answered at `at`. An answer before the last miss closes nothing.
pub fn answered(mut task: Task, at: Wall) -> Task {
    if task.closed.is_none() && at >= task.last_missed {
        task.closed = Some((at, Closed::GotThrough));
    }
    task
}

/// We called back at `at`. The same attempt told twice counts once.
pub fn tried(mut task: Task, at: Wall, reached: bool) -> Task {
    if task.closed.is_some() || task.last_attempt.is_some_and(|last| last >= at) {
        return task;
    }
    task.last_attempt = Some(at);
    if reached {
        task.closed = Some((at, Closed::Reached));
    } else {
        task.attempts = task.attempts.saturating_add(1);
        if task.attempts >= ATTEMPTS {
            task.closed = Some((at, Closed::Unreached));
        }
    }
    task
}
