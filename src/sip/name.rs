//! The words of SIP: methods and header names.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::lexer::text;

/// A request method. Unknown ones are values, so that they can be answered with 405. Methods
/// compare with case. (RFC 3261 §7.1, §8.2.1)
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

impl Method {
    pub fn parse(word: &str) -> Method {
        match word {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "OPTIONS" => Self::Options,
            "REGISTER" => Self::Register,
            "PRACK" => Self::Prack,
            "UPDATE" => Self::Update,
            "INFO" => Self::Info,
            "REFER" => Self::Refer,
            "NOTIFY" => Self::Notify,
            "SUBSCRIBE" => Self::Subscribe,
            "MESSAGE" => Self::Message,
            "PUBLISH" => Self::Publish,
            other => Self::Other(other.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Info => "INFO",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
            Self::Publish => "PUBLISH",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Each known header once: its variant, its name, and its compact form if it has one.
macro_rules! names {
    ($($variant:ident $full:literal $($compact:literal)?;)*) => {
        /// A header name that the engine uses, whatever spelling or compact form arrived. Other
        /// names keep their spelling and compare without case. (RFC 3261 §7.3.1, §7.3.3)
        #[derive(Clone, Debug)]
        pub enum Name {
            $($variant,)*
            Other(String),
        }

        impl Name {
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $full,)*
                    Self::Other(name) => name,
                }
            }

            fn known(word: &[u8]) -> Option<Name> {
                $(if word.eq_ignore_ascii_case($full.as_bytes()) $(|| word.eq_ignore_ascii_case($compact))? {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

names! {
    Accept "Accept";
    Allow "Allow";
    AllowEvents "Allow-Events" b"u";
    Authorization "Authorization";
    CallId "Call-ID" b"i";
    Contact "Contact" b"m";
    ContentLength "Content-Length" b"l";
    ContentType "Content-Type" b"c";
    CSeq "CSeq";
    Date "Date";
    Diversion "Diversion";
    Event "Event" b"o";
    Expires "Expires";
    From "From" b"f";
    HistoryInfo "History-Info";
    MaxForwards "Max-Forwards";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Path "Path";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RAck "RAck";
    RSeq "RSeq";
    Reason "Reason";
    RecordRoute "Record-Route";
    ReferSub "Refer-Sub";
    ReferTo "Refer-To" b"r";
    ReferredBy "Referred-By" b"b";
    Replaces "Replaces";
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    Server "Server";
    SessionExpires "Session-Expires" b"x";
    Subject "Subject" b"s";
    SubscriptionState "Subscription-State";
    Supported "Supported" b"k";
    Timestamp "Timestamp";
    To "To" b"t";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    Via "Via" b"v";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

impl Name {
    /// Full or compact, in any case.
    pub fn parse(word: &[u8]) -> Name {
        Self::known(word).unwrap_or_else(|| {
            // Compact forms of headers that the engine only passes on (IANA SIP header registry).
            let full = match word {
                b"a" | b"A" => "Accept-Contact",
                b"d" | b"D" => "Request-Disposition",
                b"e" | b"E" => "Content-Encoding",
                b"j" | b"J" => "Reject-Contact",
                b"n" | b"N" => "Identity-Info",
                b"y" | b"Y" => "Identity",
                _ => return Self::Other(text(word).into_owned()),
            };
            Self::Other(full.to_owned())
        })
    }

    /// Whether the header's value is a comma-separated list. (RFC 3261 §7.3.1, §20)
    pub(super) fn is_list(&self) -> bool {
        use Name::*;
        match self {
            Accept | Allow | AllowEvents | Contact | ContentLength | Diversion | HistoryInfo | PAssertedIdentity
            | PPreferredIdentity | Path | ProxyRequire | Reason | RecordRoute | Require | Route | Supported
            | Unsupported | Via | Warning => true,
            // The digest headers have commas of their own and stand one to a line.
            Authorization | CallId | ContentType | CSeq | Date | Event | Expires | From | MaxForwards | MinExpires
            | MinSe | Privacy | ProxyAuthenticate | ProxyAuthorization | RAck | RSeq | ReferSub | ReferTo
            | ReferredBy | Replaces | RetryAfter | Server | SessionExpires | Subject | SubscriptionState
            | Timestamp | To | UserAgent | WwwAuthenticate | Other(_) => false,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        match (self, other) {
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
