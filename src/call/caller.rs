//! Who calls, and over what: the citizen as a trunk delivers it. R30.

use std::time::Duration;

use super::LegId;
use crate::privacy::Private;
use crate::rules::dialling::e164;
use crate::rules::numbers::{AreaCode, Dialled};

/// How a caller of this trunk waits for a seat. A 200 sent so that a caller can wait is not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueAnswer {
    /// 183 with SDP until a seat answers.
    Early,
    /// 200 at once.
    Connect,
    /// 183 with SDP, then 200 after this time in the queue.
    EarlyThenConnect(Duration),
}

/// A call that a trunk delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Invited {
    pub leg: LegId,
    pub trunk: String,
    /// `Call-ID` of the caller's dialog, for the ticket.
    pub sip_call_id: String,
    pub dialled: Dialled,
    pub caller: Caller,
    pub queue_answer: QueueAnswer,
    /// Whether the caller offered audio that we can play prompts to before the answer.
    pub early_media: bool,
}

/// Who calls, as far as the trunk told. R30: the raw headers are kept beside the chosen number.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Caller {
    /// As the trunk wrote it. None where the number is withheld.
    pub number: Option<Private<String>>,
    /// The same as `rules::dialling::e164` writes it, which the switchboard does: one caller, one name.
    #[serde(default)]
    pub e164: Option<Private<String>>,
    /// No number came, or one that may not be shown.
    #[serde(default)]
    pub withheld: bool,
    /// `(header name, value)` of From, P-Asserted-Identity, Diversion, History-Info as they came.
    pub raw: Vec<(String, Private<String>)>,
    /// `110`, `119` … where the call was handed over by another platform (R30).
    pub platform: Option<String>,
    /// That platform's number of the incident, where it sent one (R29).
    #[serde(default)]
    pub platform_no: Option<String>,
}

impl Caller {
    /// The number under which tickets, missed calls and callback tasks find each other (R18).
    pub fn key(&self) -> Option<&Private<String>> {
        self.e164.as_ref().or(self.number.as_ref())
    }

    /// With its number in its one writing beside that of the trunk.
    pub(super) fn known(mut self, area: &AreaCode) -> Self {
        self.e164 = self.number.as_ref().map(|number| Private::new(e164(number.reveal(), area)));
        self.withheld = self.number.is_none();
        self
    }
}
