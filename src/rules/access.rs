//! Who may do what (Art. 22, R99–R102), and of which centre (Art. 6, R13).

use crate::words::words;

words! {
    /// What an account is for (R100). One account has one role.
    pub enum Role {
        /// 坐席
        Seat = "seat",
        /// 班长
        ShiftLeader = "shift_leader",
        /// 质检
        Qa = "qa",
        /// 回访员
        CallbackClerk = "callback_clerk",
        /// 派单员
        Dispatcher = "dispatcher",
        /// 审批
        Approver = "approver",
        /// 成员单位受理转办员
        UnitClerk = "unit_clerk",
        /// 成员单位分管领导
        UnitLeader = "unit_leader",
        /// 热线中心主管领导
        CentreLeader = "centre_leader",
        /// 督办
        Supervisor = "supervisor",
        /// 档案管理员
        Archivist = "archivist",
        /// 审计
        Auditor = "auditor",
        /// 系统管理员
        Admin = "admin",
    }
}

words! {
    /// What a role may be allowed.
    pub enum Right {
        /// Seats, their states, and the directory; nothing of a citizen.
        SeeSeats = "see_seats",
        /// Lists of calls, tickets, missed calls and recordings, numbers masked (R101).
        ReadLists = "read_lists",
        /// One ticket, with the citizen's number and words.
        ReadTicket = "read_ticket",
        ChangeTicket = "change_ticket",
        /// Make a seat do something: a role with a seat of its own only that one.
        CommandSeat = "command_seat",
        /// Be on a live call as a shift leader.
        Supervise = "supervise",
        HearRecordings = "hear_recordings",
        /// What the citizen did not hear (R101).
        HearPrivate = "hear_private",
        /// Recordings in which a leader is heard (R26, R101).
        HearLeader = "hear_leader",
        ReadAlarms = "read_alarms",
        /// Reload the configuration.
        Operate = "operate",
        ManageAccounts = "manage_accounts",
        /// Who did what, and who heard what (R99, R105).
        ReadAudit = "read_audit",
        /// Classes, holds, lists of what is due; to carry out what others have approved (R70).
        KeepArchive = "keep_archive",
        /// To approve the destruction of what another has proposed, and the archive's clock (R70).
        ApproveDestruction = "approve_destruction",
    }
}

impl Role {
    /// The rights of R100; what is not named here is refused.
    pub const fn rights(self) -> &'static [Right] {
        use Right::*;
        match self {
            Self::Seat | Self::CallbackClerk => &[SeeSeats, ReadLists, ReadTicket, ChangeTicket, CommandSeat],
            Self::ShiftLeader => {
                &[SeeSeats, ReadLists, ReadTicket, ChangeTicket, CommandSeat, Supervise, HearRecordings, ReadAlarms]
            }
            Self::Qa => &[SeeSeats, ReadLists, ReadTicket, Supervise, HearRecordings, HearPrivate],
            Self::Dispatcher => &[SeeSeats, ReadLists, ReadTicket, ChangeTicket],
            Self::Approver => &[SeeSeats, ReadLists, ReadTicket, ChangeTicket, ApproveDestruction],
            // A unit sees what was dispatched to it, numbers masked (R101, R103); nothing is dispatched yet.
            Self::UnitClerk | Self::UnitLeader => &[],
            Self::CentreLeader => {
                &[SeeSeats, ReadLists, ReadTicket, HearRecordings, HearLeader, ReadAlarms, ApproveDestruction]
            }
            Self::Supervisor => &[SeeSeats, ReadLists, ReadTicket],
            Self::Archivist => {
                &[ReadLists, ReadTicket, HearRecordings, HearPrivate, HearLeader, KeepArchive, ApproveDestruction]
            }
            Self::Auditor => &[ReadAudit],
            Self::Admin => &[SeeSeats, ReadAlarms, Operate, ManageAccounts],
        }
    }

    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }

    /// Whether its password alone is not enough (R106).
    pub const fn needs_second_factor(self) -> bool {
        matches!(self, Self::Archivist | Self::Admin)
    }

    /// Whether it sits at a phone of the hotline, and commands that one only.
    pub const fn has_own_seat(self) -> bool {
        matches!(self, Self::Seat | Self::CallbackClerk)
    }

    /// Whether it is of the whole hotline and never of one county's centre.
    pub const fn is_of_the_city(self) -> bool {
        matches!(self, Self::Auditor | Self::Admin)
    }
}

/// Whose calls, tickets, recordings and seats an account sees (R13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The city's centre sees all.
    #[default]
    City,
    /// A county's centre sees its own.
    Centre(String),
}

impl Scope {
    /// None: nobody knows whose it is, so that it is the city's alone.
    pub fn sees(&self, centre: Option<&str>) -> bool {
        match self {
            Self::City => true,
            Self::Centre(own) => centre == Some(own.as_str()),
        }
    }

    /// The one centre that is seen; None: all.
    pub fn centre(&self) -> Option<&str> {
        match self {
            Self::City => None,
            Self::Centre(own) => Some(own),
        }
    }
}
