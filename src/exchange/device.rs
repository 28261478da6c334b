//! Calling a SIP device of the directory that is no seat and stands at a fixed address. It does not
//! register and has no password with us: whether it is there shows when it is called.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{CallId, LegId};
use crate::privacy::Private;
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{NameAddr, Uri};
use crate::time::Now;

use super::Exchange;
use super::quest::{Whom, Wording};
use super::settings::Listener;

/// How long one of its addresses may be silent before the next is tried.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What its display shows.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// None: ours.
    pub(super) caller: Option<Private<String>>,
    /// Of the hotline number.
    pub(super) label: String,
    /// Before the `@` of its address.
    pub(super) user: Option<String>,
}

impl Exchange {
    /// At the addresses of its host, in their order.
    pub(super) fn call_device(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        uri: &str,
        caller: Option<Private<String>>,
        label: String,
    ) {
        let device = self.settings.device(uri);
        let by: Arc<str> = Arc::from(uri);
        let untried = device.into_iter().flat_map(|device| &device.addresses);
        let untried = untried.map(|address| (Arc::clone(&by), *address)).collect();
        let visit = Visit { caller, label, user: device.and_then(|device| device.user.clone()) };
        self.set_out(now, call, leg, Whom::Device(visit), untried);
    }
}

impl Visit {
    /// As a seat's phone is rung: the label and, where it is to be seen, who calls.
    pub(super) fn wording(&self, listener: &Listener, flow: Flow) -> Wording {
        let number = self.caller.as_ref().map_or("hotline", |number| number.reveal());
        let mut from = NameAddr::new(Uri::sip(Some(number), listener.sip_address));
        let display = self.caller.as_ref().map_or(self.label.clone(), |_| format!("{} {number}", self.label));
        from.display = Some(display.into_bytes());
        let target = Uri::sip(self.user.as_deref(), flow.remote).raw;
        let transport = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        Wording { from: from.to_bytes(), target: format!("{target}{transport}"), extra: Vec::new() }
    }
}
