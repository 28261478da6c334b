//! The BYE of each leg that stands, for the case that we cannot say it ourselves.

use crate::call::{CallId, LegId};
use crate::sip::flow::Flow;
use crate::sip::message::{Message, Method, Name};
use crate::time::Now;

use super::{Exchange, Output};

impl Exchange {
    /// Hands the journal the BYE that would end this leg after a crash. Its CSeq leaves room for what
    /// the dialog may still send before. A feature code is no call, and is over in seconds.
    pub(super) fn journal_leg(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| !leg.is_over() && leg.call != CallId(id.0)) else { return };
        let Some(session) = leg.talk() else { return };
        let flow = session.flow();
        let Some(mut dialog) = session.dialog().cloned() else { return };
        let cseq = dialog.local_cseq.saturating_add(10_000);
        let mut bye = dialog.request(Method::Bye, Some(cseq));
        bye.headers.push(Name::UserAgent, self.settings.user_agent.as_str());
        leg.journalled = true;
        self.outputs.push_back(Output::LegStands { call: leg.call, leg: id, flow, bye: bye.to_bytes() });
    }

    /// A call that an earlier run left behind: its peer is told that it is over.
    pub(super) fn release_orphan(&mut self, now: Now, flow: Flow, bye: &[u8]) {
        let Some(listener) = self.settings.listener(flow.listener) else { return };
        let sent_by = listener.sip_address.to_string();
        if let Ok(Message::Request(bye)) = Message::parse(bye) {
            self.transactions.request(now.mono, flow, &sent_by, bye);
        }
    }
}
