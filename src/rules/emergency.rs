//! Emergency tickets (突发事件工单, Art. 13, R28): what may be one, and by when a duty phone must have it.

use std::time::Duration;

use super::ticket::Type;
use crate::time::Wall;
use crate::words::words;

/// Two hours of wall time, day and night; a period of hours begins at once (Civil Code Art. 201).
pub const WITHIN: Duration = Duration::from_secs(120 * 60);

words! {
    /// What the emergency is about (Art. 13).
    pub enum Category {
        Water = "water",
        Power = "power",
        Gas = "gas",
        Road = "road",
        Fire = "fire",
        Flood = "flood",
        /// 泥石流
        DebrisFlow = "debris_flow",
        /// Another public emergency.
        Other = "other",
    }
}

/// Whether a ticket of this type can be one: a call for help (求助) or a report (举报), nothing else.
pub const fn may_be(kind: Type) -> bool {
    match kind {
        Type::Help | Type::Report => true,
        Type::Consult | Type::Complaint | Type::Opinion | Type::Suggestion | Type::Praise | Type::Other => false,
    }
}

/// By when a ticket that was accepted then must be handed over.
pub fn due(accepted: Wall) -> Wall {
    accepted + WITHIN
}

/// 120:00 is in time, and whatever is later is not.
pub fn is_on_time(accepted: Wall, handed_over: Wall) -> bool {
    handed_over <= due(accepted)
}
