//! The words of records and seats, from closed sets.

use crate::words::words;

words! {
    /// What kind of call it is (rules.md §6.1).
    #[derive(Default)]
    pub enum CallKind {
        /// A citizen called.
        #[default]
        PublicIn = "public_in",
        /// Another platform (110, 119 …) handed the call over (R30).
        LinkedIn = "linked_in",
        /// We called a missed caller back (R18).
        MissedOut = "missed_out",
    }
}

impl CallKind {
    /// Somebody called us: it counts in the connect rate (rules.md §9.7).
    pub const fn is_offered(self) -> bool {
        match self {
            Self::PublicIn | Self::LinkedIn => true,
            Self::MissedOut => false,
        }
    }
}

words! {
    /// Seat states (坐席状态), R16. 咨询 and 三方 come with three-way calls.
    pub enum SeatState {
        /// 未签入
        SignedOut = "signed_out",
        /// 空闲
        Idle = "idle",
        /// 预占
        Reserved = "reserved",
        /// 振铃
        Ringing = "ringing",
        /// 通话
        Talking = "talking",
        /// 保持
        Held = "held",
        /// 话后整理
        WrapUp = "wrap_up",
        /// 示忙
        Busy = "busy",
        /// 小休
        Break = "break",
    }
}
