//! The signalling of recent calls with the reasons of each decision.

use crate::call::{CallId, LegId};
use crate::net::driver::Trace;
use crate::sip::flow::Flow;
use crate::time::Wall;

/// Writes the trace; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TraceBook;

impl TraceBook {
    /// This dialog belongs to this call.
    pub fn placed(&self, _call: CallId, _leg: LegId, _sip_call_id: &str) {}

    /// A reason: "seat 1002 chosen: idle longest (312 s)".
    pub fn note(&self, _at: Wall, _call: CallId, _text: String) {}
}

impl Trace for TraceBook {
    fn received(&mut self, _at: Wall, _flow: Flow, _bytes: &[u8]) {}
    fn sent(&mut self, _at: Wall, _flow: Flow, _bytes: &[u8]) {}
}
