//! A dialog: what two user agents must remember so that a request of one reaches the other.
//! (RFC 3261 §12)

use std::net::SocketAddr;

use super::flow::Transport;
use super::message::{CSeq, Fault, Method, Name, NameAddr, Request, Response, Uri};
use super::refer::Replaces;

/// Call-ID, tags, sequence numbers, route set and remote target of one dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub call_id: String,
    pub local_tag: String,
    /// Empty where the peer is an RFC 2543 user agent that sent no tag.
    pub remote_tag: String,
    /// Our From (or To) with our tag, as it stands in every request we send.
    local: Vec<u8>,
    /// The peer's To (or From), byte for byte as it arrived.
    remote: Vec<u8>,
    pub local_cseq: u32,
    remote_cseq: Option<u32>,
    route_set: Vec<NameAddr>,
    pub remote_target: Uri,
}

impl Dialog {
    /// The dialog of an INVITE that came to us and is answered with `local_tag` (§12.1.1).
    pub fn from_request(invite: &Request, local_tag: &str) -> Result<Self, Fault> {
        let headers = &invite.headers;
        headers.to()?;
        let from = headers.from()?;
        let contact = headers.contact().ok_or(Fault::Missing("Contact"))??;
        Ok(Self {
            call_id: headers.call_id()?.to_string(),
            local_tag: local_tag.to_string(),
            remote_tag: from.tag().unwrap_or_default().to_string(),
            local: with_tag(headers.get(&Name::To).unwrap_or_default(), local_tag),
            remote: headers.get(&Name::From).unwrap_or_default().to_vec(),
            local_cseq: 0,
            remote_cseq: Some(headers.cseq()?.number),
            route_set: headers.routes(&Name::RecordRoute)?,
            remote_target: contact.uri,
        })
    }

    /// The dialog that a response makes of our own INVITE (§12.1.2). A response without Contact (some
    /// gateways' 18x) keeps the INVITE's Request-URI as target; a Record-Route that cannot be read is
    /// passed over, since an answer must be acknowledged by any means.
    pub fn from_response(invite: &Request, response: &Response) -> Result<Self, Fault> {
        let to = response.headers.to()?;
        let from = invite.headers.from()?;
        let remote_target = match response.headers.contact() {
            Some(Ok(contact)) => contact.uri,
            Some(Err(_)) | None => Uri::parse(&invite.uri)?,
        };
        let mut route_set = response.headers.addrs(&Name::RecordRoute);
        route_set.reverse();
        Ok(Self {
            call_id: invite.headers.call_id()?.to_string(),
            local_tag: from.tag().unwrap_or_default().to_string(),
            remote_tag: to.tag().unwrap_or_default().to_string(),
            local: invite.headers.get(&Name::From).unwrap_or_default().to_vec(),
            remote: response.headers.get(&Name::To).unwrap_or_default().to_vec(),
            local_cseq: invite.headers.cseq()?.number,
            remote_cseq: None,
            route_set,
            remote_target,
        })
    }

    /// The 2xx's dialog goes on from the early one: its numbers and, where the 2xx names no Contact,
    /// its target. The route set is the 2xx's (§13.2.2.4).
    pub fn follow(&mut self, early: Self, response: &Response) {
        self.local_cseq = early.local_cseq;
        self.remote_cseq = early.remote_cseq;
        if response.headers.contact().is_none() {
            self.remote_target = early.remote_target;
        }
    }

    /// A new request inside the dialog (§12.2.1.1). ACK and CANCEL keep the number of their INVITE:
    /// give it as `cseq`.
    pub fn request(&mut self, method: Method, cseq: Option<u32>) -> Request {
        let number = cseq.unwrap_or_else(|| {
            self.local_cseq = self.local_cseq.wrapping_add(1);
            self.local_cseq
        });
        // A first route without `lr` is a strict router: it wants itself as Request-URI and the
        // target as the last route (§12.2.1.1).
        let strict = self.route_set.first().is_some_and(|first| first.uri.params.get("lr").is_none());
        let uri = match self.route_set.first() {
            Some(first) if strict => request_uri(&first.uri),
            Some(_) | None => request_uri(&self.remote_target),
        };
        let mut request = Request::new(method.clone(), uri);
        for route in self.route_set.iter().skip(usize::from(strict)) {
            request.headers.push(Name::Route, route.to_bytes());
        }
        if strict {
            request.headers.push(Name::Route, NameAddr::new(self.remote_target.clone()).to_bytes());
        }
        request.headers.push(Name::MaxForwards, "70");
        request.headers.push(Name::From, self.local.clone());
        request.headers.push(Name::To, self.remote.clone());
        request.headers.push(Name::CallId, self.call_id.as_str());
        request.headers.push(Name::CSeq, CSeq { number, method }.to_string());
        request
    }

    /// Where the next request goes over `transport`: first route, else remote target. None where that
    /// is no address (RFC 3263 is not for the middle of a call), or wants another transport.
    pub fn next_hop(&self, transport: Transport) -> Option<SocketAddr> {
        let uri = self.route_set.first().map_or(&self.remote_target, |first| &first.uri);
        let fits =
            uri.params.value("transport").is_none_or(|wanted| wanted.eq_ignore_ascii_case(transport.param_name()));
        uri.socket_addr().filter(|hop| fits && !hop.ip().is_unspecified())
    }

    /// Checks the order of the peer's requests (§12.2.2): false where the number went back.
    pub fn accept(&mut self, cseq: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| cseq < last) {
            return false;
        }
        self.remote_cseq = Some(cseq);
        true
    }

    /// A target refresh (re-INVITE, UPDATE and their 2xx) may move the peer's contact (§12.2).
    pub fn refresh_target(&mut self, contact: Option<Result<NameAddr, Fault>>) {
        if let Some(Ok(contact)) = contact {
            self.remote_target = contact.uri;
        }
    }

    /// Whether a request with these tags belongs to this dialog. A peer that sent no tag at first
    /// matches any (RFC 2543).
    pub fn matches(&self, remote_tag: Option<&str>) -> bool {
        self.remote_tag.is_empty() || remote_tag == Some(self.remote_tag.as_str())
    }

    /// Whether the peer means this dialog; the tag 0 stands for none at all (RFC 3891 §3).
    pub fn is_named_by(&self, replaces: &Replaces) -> bool {
        let theirs = if self.remote_tag.is_empty() { "0" } else { &self.remote_tag };
        self.call_id == replaces.call_id && self.local_tag == replaces.to_tag && theirs == replaces.from_tag
    }
}

/// A Request-URI has neither headers nor a method (RFC 3261 §19.1.1, table 1).
fn request_uri(uri: &Uri) -> String {
    let bare = match uri.headers() {
        Some(headers) => uri.raw.strip_suffix(headers).and_then(|rest| rest.strip_suffix('?')).unwrap_or(&uri.raw),
        None => &uri.raw,
    };
    match uri.params.value("method") {
        Some(method) => bare.replacen(&format!(";method={method}"), "", 1),
        None => bare.to_owned(),
    }
}

/// A To that arrived without a tag, byte for byte, with ours added.
pub fn with_tag(to: &[u8], tag: &str) -> Vec<u8> {
    [to, b";tag=", tag.as_bytes()].concat()
}
