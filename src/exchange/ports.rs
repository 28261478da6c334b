//! RTP ports: an even one for RTP, the next for RTCP, each in use once. (RFC 3550 §11)

use std::collections::BTreeSet;

/// The free ports of one range. A port returns to the end of the line, so that late packets of the
/// last call do not meet the next one.
#[derive(Debug)]
pub struct PortPool {
    free: std::collections::VecDeque<u16>,
    used: BTreeSet<u16>,
}

impl PortPool {
    /// `first..=last`; an odd first or an unpaired last port is left out.
    pub fn new(first: u16, last: u16) -> Self {
        let even = first.saturating_add(first % 2);
        let free = (even..last).step_by(2).collect();
        Self { free, used: BTreeSet::new() }
    }

    /// None: every port carries a call.
    pub fn take(&mut self) -> Option<u16> {
        let port = self.free.pop_front()?;
        self.used.insert(port);
        Some(port)
    }

    pub fn give_back(&mut self, port: u16) {
        if self.used.remove(&port) {
            self.free.push_back(port);
        }
    }

    pub fn in_use(&self) -> usize {
        self.used.len()
    }
}
