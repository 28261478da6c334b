//! The messages of a session: what stands in every request and response, and which way they go.

use crate::sip::dialog::{Dialog, with_tag};
use crate::sip::digest::{Answerer, Login};
use crate::sip::flow::Flow;
use crate::sip::message::{CSeq, Method, Name, Request, Response};
use crate::sip::sdp::SdpFault;
use crate::sip::transactions::{ServerTx, Transactions};
use crate::time::Mono;

use super::body::ACCEPT;
use super::{ALLOW, Asked, EXTENSIONS, MIN_SE, Pending, Session, Settings};

/// A final failure, and the header that explains it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    header: Option<(Name, String)>,
}

impl Refusal {
    /// Not now (RFC 3261 §14.2, RFC 3311 §5.2); with a time to try again.
    pub(super) fn not_now() -> Self {
        Self { status: 500, header: Some((Name::RetryAfter, "3".to_owned())) }
    }

    pub(super) fn unreadable(reason: &str) -> Self {
        Self { status: 400, header: Some((Name::Warning, warning(reason))) }
    }

    pub(super) fn of_description(fault: &SdpFault) -> Self {
        let status = if matches!(fault, SdpFault::Syntax(_)) { 400 } else { 488 };
        Self { status, header: Some((Name::Warning, warning(&fault.to_string()))) }
    }

    pub(super) fn foreign_body() -> Self {
        Self { status: 415, header: Some((Name::Accept, ACCEPT.to_owned())) }
    }

    /// The session interval is too small (RFC 4028 §9).
    pub(super) fn too_brief() -> Self {
        Self { status: 422, header: Some((Name::MinSe, MIN_SE.as_secs().to_string())) }
    }

    pub(super) fn without_100rel() -> Self {
        Self { status: 421, header: Some((Name::Require, "100rel".to_owned())) }
    }

    pub(super) fn method() -> Self {
        Self { status: 405, header: Some((Name::Allow, ALLOW.to_owned())) }
    }
}

impl From<u16> for Refusal {
    fn from(status: u16) -> Self {
        Self { status, header: None }
    }
}

/// `Warning: 399 hotline "reason"` (RFC 3261 §20.43).
pub(super) fn warning(reason: &str) -> String {
    format!("399 hotline \"{}\"", reason.replace(['"', '\\'], "'"))
}

impl Settings {
    /// The flow of the next request inside the dialog; `flow` is how the peer was last reached.
    pub(super) fn hop(&self, flow: Flow, dialog: &Dialog) -> Flow {
        if !self.follow_contact || flow.transport.is_reliable() {
            return flow;
        }
        // A contact of the other address family cannot be reached from this listener.
        match dialog.next_hop(flow.transport).filter(|remote| remote.is_ipv4() == flow.remote.is_ipv4()) {
            // The source of a link-local address has a scope, which no URI can name.
            Some(hop) if hop.ip() == flow.remote.ip() => {
                let mut remote = flow.remote;
                remote.set_port(hop.port());
                Flow { remote, ..flow }
            }
            Some(remote) => Flow { remote, ..flow },
            None => flow,
        }
    }

    /// Contact, Supported and Allow where the request may move the target, and User-Agent.
    pub(super) fn sign(&self, request: &mut Request) {
        if matches!(request.method, Method::Invite | Method::Update | Method::Notify) {
            request.headers.push(Name::Contact, format!("<{}>", self.contact));
            request.headers.push(Name::Supported, EXTENSIONS.join(", "));
            request.headers.push(Name::Allow, ALLOW);
        }
        request.headers.push(Name::UserAgent, self.user_agent.as_str());
    }
}

/// What we can, in a 200 to OPTIONS inside or outside of a dialog (RFC 3261 §11.2).
pub fn capabilities(response: &mut Response) {
    response.headers.push(Name::Allow, ALLOW);
    response.headers.push(Name::Accept, ACCEPT);
    response.headers.push(Name::Supported, EXTENSIONS.join(", "));
}

impl Session {
    /// Sends a request inside the dialog.
    pub(super) fn ask(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        method: Method,
        asked: Asked,
        offer: Option<Vec<u8>>,
    ) {
        let Some(dialog) = &mut self.dialog else { return };
        let flow = self.settings.hop(self.flow, dialog);
        let mut request = dialog.request(method, None);
        self.settings.sign(&mut request);
        if let Asked::Refresh { .. } = asked {
            self.refresh.write(&mut request);
        }
        if let Some(body) = offer {
            request.headers.push(Name::ContentType, "application/sdp");
            request.body = body;
        }
        self.send(now, transactions, Pending { asked, flow, request, credentials: Answerer::default() });
    }

    pub(super) fn send(&mut self, now: Mono, transactions: &mut Transactions, pending: Pending) {
        let tx = transactions.request(now, pending.flow, &self.settings.sent_by, pending.request.clone());
        self.asked.insert(tx, pending);
        self.begun.push(tx);
    }

    /// Repeats a challenged request with credentials and the next number (RFC 3261 §22.2). The request
    /// comes back where we have none, or they were refused.
    pub(super) fn ask_again(
        &mut self,
        now: Mono,
        transactions: &mut Transactions,
        mut pending: Pending,
        challenge: &Response,
    ) -> Option<Pending> {
        let Some(Login { user, password, cnonce }) = &self.settings.login else { return Some(pending) };
        let Request { method, uri, .. } = &pending.request;
        let Some((name, value)) = pending.credentials.authorize(challenge, method, uri, user, password, cnonce) else {
            return Some(pending);
        };
        let cseq = CSeq { number: self.next_number(&pending.request), method: method.clone() };
        pending.request.headers.set(name, value);
        pending.request.headers.set(Name::CSeq, cseq.to_string());
        self.send(now, transactions, pending);
        None
    }

    /// The next number in the dialog of this request: ours, an early one's, or that of a fork we released.
    fn next_number(&mut self, request: &Request) -> u32 {
        let to = request.headers.to().ok();
        let tag = to.as_ref().and_then(|to| to.tag());
        let early = self.placed.as_mut().zip(tag).and_then(|(placed, tag)| placed.early.get_mut(tag));
        let of_early = early.map(|early| &mut early.dialog);
        match self.dialog.as_mut().filter(|dialog| dialog.matches(tag)).or(of_early) {
            Some(dialog) => {
                dialog.local_cseq = dialog.local_cseq.wrapping_add(1);
                dialog.local_cseq
            }
            None => request.headers.cseq().map_or(1, |cseq| cseq.number).wrapping_add(1),
        }
    }

    /// A response with our tag and, where it makes or moves a dialog, our contact (RFC 3261 §12.1.1).
    pub(super) fn reply(&self, request: &Request, status: u16) -> Response {
        let mut response = request.respond(status);
        if status > 100 && request.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let to = with_tag(request.headers.get(&Name::To).unwrap_or_default(), &self.local_tag);
            response.headers.set(Name::To, to);
        }
        if matches!(request.method, Method::Invite | Method::Update | Method::Refer) && (101..300).contains(&status) {
            for route in request.headers.0.iter().filter(|header| header.name == Name::RecordRoute) {
                response.headers.push(Name::RecordRoute, route.value.clone());
            }
            response.headers.push(Name::Contact, format!("<{}>", self.settings.contact));
            response.headers.push(Name::Allow, ALLOW);
            response.headers.push(Name::Supported, EXTENSIONS.join(", "));
        }
        response.headers.push(Name::Server, self.settings.user_agent.as_str());
        response
    }

    pub(super) fn refusal(&self, request: &Request, why: Refusal) -> Response {
        let mut response = self.reply(request, why.status);
        if let Some((name, value)) = why.header {
            response.headers.push(name, value);
        }
        response
    }

    pub(super) fn refuse(
        &self,
        now: Mono,
        transactions: &mut Transactions,
        tx: ServerTx,
        request: &Request,
        why: impl Into<Refusal>,
    ) {
        transactions.respond(now, tx, self.refusal(request, why.into()));
    }
}
