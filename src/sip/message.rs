//! The wire layer: what arrived is kept byte for byte, what is used is checked when it is used.
//!
//! Lenient in what is stored, strict in what is used: folded and compact headers, LF-only lines,
//! GBK names, unknown methods and schemes are values, not errors. (RFC 3261 §7, §25; RFC 4475.)

use thiserror::Error;

pub use super::address::NameAddr;
pub use super::framing::{Framed, Framer};
use super::head::{Start, content_length, read_head, read_start};
pub use super::headers::{Header, Headers};
pub use super::lexer::text;
pub use super::name::{Method, Name};
pub use super::params::Params;
pub use super::uri::Uri;
pub use super::via::{CSeq, Via};

/// The largest message that is read, in bytes: what a datagram can hold.
pub const MAX_MESSAGE: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// The Request-URI exactly as it arrived (or as it will be sent).
    pub uri: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// What is wrong with a message, in words that can stand in a 400's reason phrase.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("not a SIP message")]
    NotSip,
    #[error("version not supported")]
    Version,
    #[error("missing {0}")]
    Missing(&'static str),
    #[error("bad {0}")]
    Bad(&'static str),
    #[error("more than one {0}")]
    Repeated(&'static str),
    #[error("bad Content-Length")]
    ContentLength,
    #[error("message too large")]
    TooLarge,
}

/// A parse that failed. Where enough was readable to answer (Via, From, To, Call-ID, CSeq), the
/// message is here all the same, so that the sender gets a 400 that names the fault. An ACK is
/// never answered and so never here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub fault: Fault,
    pub answerable: Option<Box<Request>>,
}

impl Message {
    /// Reads one datagram, or one message that a [`Framer`] cut from a stream. Line ends before it
    /// are skipped, bytes behind its Content-Length are dropped. (RFC 3261 §7.5, §18.3)
    pub fn parse(bytes: &[u8]) -> Result<Message, Unreadable> {
        let head = read_head(bytes.get(..MAX_MESSAGE).unwrap_or(bytes));
        let length = content_length(&head.headers);
        let mut headers = head.headers;
        headers.remove(&Name::ContentLength);

        let too_large = (bytes.len() > MAX_MESSAGE).then_some(Fault::TooLarge);
        let (body, length_fault) = match length {
            Ok(None) => (head.body, None),
            Ok(Some(length)) => match head.body.get(..length) {
                Some(body) => (body, None),
                None => (head.body, Some(Fault::ContentLength)),
            },
            Err(fault) => (head.body, Some(fault)),
        };
        let fault = |start_fault: Option<Fault>| too_large.or(start_fault).or(head.fault).or(length_fault);

        match read_start(head.start) {
            Start::Request { method, uri, fault: start_fault } => {
                let request = Request { method, uri, headers, body: body.to_vec() };
                match fault(start_fault) {
                    None => Ok(Message::Request(request)),
                    Some(fault) => {
                        Err(Unreadable { fault, answerable: request.is_answerable().then(|| request.into()) })
                    }
                }
            }
            Start::Response { status, reason } => match fault(None) {
                None => Ok(Message::Response(Response { status, reason, headers, body: body.to_vec() })),
                Some(fault) => Err(Unreadable { fault, answerable: None }),
            },
            Start::Neither(fault) => Err(Unreadable { fault, answerable: None }),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }
}

impl Request {
    pub fn new(method: Method, uri: impl Into<String>) -> Request {
        Request { method, uri: uri.into(), headers: Headers::default(), body: Vec::new() }
    }

    /// As it goes on the wire, Content-Length written from the body.
    pub fn to_bytes(&self) -> Vec<u8> {
        print(&[self.method.as_str(), &self.uri, "SIP/2.0"], &self.headers, &self.body)
    }

    /// A response with the usual reason phrase: Via, From, To, Call-ID and CSeq copied as they
    /// arrived, Timestamp too in a 100. No To tag is added. (RFC 3261 §8.2.6)
    pub fn respond(&self, status: u16) -> Response {
        self.respond_because(status, &reason_phrase(status))
    }

    pub fn respond_because(&self, status: u16, reason: &str) -> Response {
        let is_copied = |name: &Name| match name {
            Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq => true,
            Name::Timestamp => status == 100,
            _ => false,
        };
        let headers = Headers(self.headers.0.iter().filter(|header| is_copied(&header.name)).cloned().collect());
        Response { status, reason: reason.to_owned(), headers, body: Vec::new() }
    }

    /// Whether the request can be worked on; the fault names what a 400 must name. A fault in Via
    /// comes first, since such a request cannot be answered. Max-Forwards may be absent, as in
    /// RFC 2543, and an unknown scheme is for a 416. (RFC 3261 §8.1.1, §8.2; RFC 4475)
    pub fn check(&self) -> Result<(), Fault> {
        let headers = &self.headers;
        headers.via()?;
        for (name, label) in SINGLE {
            if headers.all(&name).nth(1).is_some() {
                return Err(Fault::Repeated(label));
            }
        }
        headers.from()?;
        headers.to()?;
        headers.call_id()?;
        if headers.cseq()?.method != self.method {
            return Err(Fault::Bad("CSeq"));
        }
        headers.max_forwards()?;
        let uri = Uri::parse(&self.uri).map_err(|_| Fault::Bad("Request-URI"))?;
        if uri.headers().is_some() {
            return Err(Fault::Bad("Request-URI"));
        }
        match self.method {
            Method::Invite | Method::Subscribe | Method::Refer | Method::Update => {
                headers.contacts()?;
                headers.routes(&Name::RecordRoute)?;
            }
            Method::Register if !headers.is_contact_star() => {
                headers.contacts()?;
            }
            // A BYE with a bad Contact must still end its call.
            _ => {}
        }
        Ok(())
    }

    /// Whether a response could find its way: Via and what it copies are readable. An ACK has none.
    pub fn is_answerable(&self) -> bool {
        let headers = &self.headers;
        self.method != Method::Ack
            && headers.via().is_ok()
            && headers.from().is_ok()
            && headers.to().is_ok()
            && headers.call_id().is_ok()
            && headers.cseq().is_ok()
    }
}

impl Response {
    /// As it goes on the wire, Content-Length written from the body.
    pub fn to_bytes(&self) -> Vec<u8> {
        print(&["SIP/2.0", &self.status.to_string(), &self.reason], &self.headers, &self.body)
    }

    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn is_final(&self) -> bool {
        self.status >= 200
    }
}

/// Headers that a request has once. (RFC 3261 §20, RFC 4475 §3.3.8)
const SINGLE: [(Name, &str); 5] = [
    (Name::From, "From"),
    (Name::To, "To"),
    (Name::CallId, "Call-ID"),
    (Name::CSeq, "CSeq"),
    (Name::MaxForwards, "Max-Forwards"),
];

/// The phrase of rsip's table of status codes, whose names are run together there.
pub(super) fn reason_phrase(status: u16) -> String {
    let known = match rsip::StatusCode::from(status) {
        rsip::StatusCode::Other(..) => return String::new(),
        rsip::StatusCode::OK => return "OK".to_owned(),
        rsip::StatusCode::NotAcceptableGlobal => rsip::StatusCode::NotAcceptable,
        known => known,
    };
    let mut phrase = String::new();
    for letter in format!("{known:?}").chars() {
        if letter.is_ascii_uppercase() && !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push(letter);
    }
    phrase.replace("Uri", "URI").replace("Call Transaction", "Call/Transaction").replace("Time Out", "Time-out")
}

fn print(start: &[&str; 3], headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512 + body.len());
    put_line(&mut bytes, start.join(" ").as_bytes());
    for header in headers.0.iter().filter(|header| header.name != Name::ContentLength) {
        put_line(&mut bytes, &[header.name.as_str().as_bytes(), b": ", &header.value].concat());
    }
    put_line(&mut bytes, format!("Content-Length: {}", body.len()).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// No value can end its line early and so smuggle in a header.
fn put_line(bytes: &mut Vec<u8>, line: &[u8]) {
    bytes.extend(line.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    bytes.extend_from_slice(b"\r\n");
}
