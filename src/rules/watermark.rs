//! How late it is at least, whatever the machine's clock says: a clock that is set ahead erases nothing
//! (R69). Two sources must agree: the clock on the wall, and a mark on disk that moves forward only as far
//! as time has passed by the monotonic clock while the server ran. The mark therefore falls behind with each
//! hour of downtime, which only postpones, until somebody who may has compared the clock with another one.

use std::time::Duration;

use crate::time::Wall;

/// A clock this far ahead of the mark is not believed.
pub const AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// The mark, as it lies on disk: milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    pub at: Wall,
}

impl Mark {
    /// Of an archive that never had one: as late as the newest thing on record, or now where there is none.
    pub fn first(wall: Wall, newest: Option<Wall>) -> Self {
        Self { at: newest.map_or(wall, |newest| newest.min(wall)) }
    }

    /// So much time has passed by the monotonic clock. The two clocks may differ by a little (0.1 %), which
    /// is no reason to fall behind for ever.
    #[must_use]
    pub fn passed(self, wall: Wall, elapsed: Duration) -> Self {
        Self { at: self.at.max(wall.min(self.at + elapsed + elapsed / 1000)) }
    }

    /// Somebody has compared the clock with another one.
    #[must_use]
    pub fn confirmed(self, wall: Wall) -> Self {
        Self { at: self.at.max(wall) }
    }

    /// The time for anything that erases; a clock that was set back only postpones.
    pub fn now(self, wall: Wall) -> Result<Wall, Ahead> {
        if wall > self.at + AHEAD { Err(Ahead { clock: wall, mark: self.at }) } else { Ok(wall.min(self.at)) }
    }
}

/// The clock is further ahead than it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub clock: Wall,
    pub mark: Wall,
}
