//! What a ticket is about: the closed set of types (Art. 8, R37).

/// Type of a ticket (工单类型), stored as its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Consult,
    Help,
    Complaint,
    Report,
    Opinion,
    Suggestion,
    /// Carries no deadline, like `Other`.
    Praise,
    Other,
}

impl Type {
    pub const ALL: [Self; 8] = [
        Self::Consult,
        Self::Help,
        Self::Complaint,
        Self::Report,
        Self::Opinion,
        Self::Suggestion,
        Self::Praise,
        Self::Other,
    ];

    /// A code, or the Chinese term.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == text || kind.term() == text)
    }

    pub const fn code(self) -> &'static str {
        match self {
            Self::Consult => "consult",
            Self::Help => "help",
            Self::Complaint => "complaint",
            Self::Report => "report",
            Self::Opinion => "opinion",
            Self::Suggestion => "suggestion",
            Self::Praise => "praise",
            Self::Other => "other",
        }
    }

    pub const fn term(self) -> &'static str {
        match self {
            Self::Consult => "咨询",
            Self::Help => "求助",
            Self::Complaint => "投诉",
            Self::Report => "举报",
            Self::Opinion => "意见",
            Self::Suggestion => "建议",
            Self::Praise => "表扬",
            Self::Other => "其他",
        }
    }
}
