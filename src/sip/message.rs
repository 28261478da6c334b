//! The wire layer: what arrived is kept byte for byte, what is used is checked when it is used.
//!
//! Lenient in what is stored, strict in what is used: folded and compact headers, LF-only lines,
//! GBK names, unknown methods and schemes are values, not errors. (RFC 3261 §7, §25; RFC 4475.)

use std::borrow::Cow;

use thiserror::Error;

/// A request method. Unknown ones are values, so that they can be answered with 405 (R: RFC 3261 §8.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,
    Update,
    Info,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Other(String),
}

/// A header name that the engine uses, whatever spelling or compact form arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    Accept,
    Allow,
    AllowEvents,
    Authorization,
    CallId,
    Contact,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    Event,
    Expires,
    From,
    HistoryInfo,
    MaxForwards,
    MinExpires,
    MinSe,
    PAssertedIdentity,
    PPreferredIdentity,
    Path,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    RAck,
    RSeq,
    Reason,
    RecordRoute,
    ReferTo,
    ReferredBy,
    Replaces,
    Require,
    RetryAfter,
    Route,
    Server,
    SessionExpires,
    Subject,
    SubscriptionState,
    Supported,
    Timestamp,
    To,
    Unsupported,
    UserAgent,
    Via,
    Warning,
    WwwAuthenticate,
    Other(String),
}

/// One header as it arrived: continuation lines joined by one space, bytes otherwise untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: Name,
    pub value: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<Header>);

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Request(Request),
    Response(Response),
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
    #[error("bad Content-Length")]
    ContentLength,
    #[error("message too large")]
    TooLarge,
}

/// A parse that failed. Where enough was readable to answer (Via, From, To, Call-ID, CSeq), the
/// message is here all the same, so that the sender gets a 400 that names the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub fault: Fault,
    pub answerable: Option<Box<Request>>,
}

/// `;name=value` parameters in the order in which they came; names compare without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, Option<String>)>);

/// A URI with its parts, and `raw`, the text as it arrived. (RFC 3261 §19.1, RFC 3966)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    pub raw: String,
    /// Lower case: `sip`, `sips`, `tel`, or whatever came.
    pub scheme: String,
    /// The user part (or the number of a `tel:` URI) with %-escapes still in place.
    pub user: Option<String>,
    /// Without brackets for IPv6; empty for `tel:`.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
}

/// `"display" <uri>;params`, as in From, To, Contact, Route, Diversion … (RFC 3261 §20.10)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Unquoted bytes of the display name, in whatever charset came.
    pub display: Option<Vec<u8>>,
    pub uri: Uri,
    pub params: Params,
}

/// One Via value. (RFC 3261 §20.42, RFC 3581)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// Upper case: `UDP`, `TCP` …
    pub transport: String,
    /// Without brackets for IPv6.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

/// Bytes of a display name or reason as text: UTF-8 where it is valid, else GB18030, which the
/// older gateways of Chinese carriers send.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    }
}
