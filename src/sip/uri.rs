//! `sip:`, `sips:`, `tel:`, and any other URI as a value. (RFC 3261 §19.1, RFC 3966)

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::lexer::text;
use super::message::Fault;
use super::params::Params;

/// A URI with its parts, and `raw`, the text as it arrived. (RFC 3261 §19.1, RFC 3966)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    pub raw: String,
    /// Lower case: `sip`, `sips`, `tel`, or whatever came.
    pub scheme: String,
    /// The user part without password (or the number of a `tel:` URI) with %-escapes still in place.
    pub user: Option<String>,
    /// Without brackets for IPv6; empty unless the scheme is `sip` or `sips`.
    pub host: String,
    pub port: Option<u16>,
    pub params: Params,
}

impl Uri {
    /// Reads a URI that stands alone: no blanks, brackets or quotes around or in it. Schemes that
    /// the engine does not know keep their text in `raw` only.
    pub fn parse(source: &str) -> Result<Uri, Fault> {
        read(source).ok_or(Fault::Bad("URI"))
    }

    /// `sip:user@address:port`; whatever a user part cannot hold is %-escaped.
    pub fn sip(user: Option<&str>, addr: SocketAddr) -> Uri {
        let user = user.map(escape);
        // Without the scope of a link-local address, which means nothing to the peer.
        let addr = SocketAddr::new(addr.ip(), addr.port());
        let raw = match &user {
            Some(user) => format!("sip:{user}@{addr}"),
            None => format!("sip:{addr}"),
        };
        let (host, port) = (addr.ip().to_string(), Some(addr.port()));
        Uri { raw, scheme: "sip".to_owned(), user, host, port, params: Params::default() }
    }

    /// Where the URI points when its host (or `maddr`) is an IP address: its port, else 5060, or
    /// 5061 for `sips`. (RFC 3263 §4.2)
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let default = match self.scheme.as_str() {
            "sip" => 5060,
            "sips" => 5061,
            _ => return None,
        };
        let ip = ip_literal(self.params.value("maddr").unwrap_or(&self.host))?;
        Some(SocketAddr::new(ip, self.port.unwrap_or(default)))
    }

    /// The user part as the person means it: `%E4%B8%AD` is 中. Escapes that are none stay as they are.
    pub fn unescaped_user(&self) -> Option<String> {
        self.user.as_deref().map(|user| text(&unescape(user, |_| true)).into_owned())
    }

    /// The `?name=value&…` part of a `sip:` URI, without the question mark. (RFC 3261 §19.1.1)
    pub fn headers(&self) -> Option<&str> {
        if !self.is_sip() {
            return None;
        }
        let behind_user = self.raw.split_once('@').map_or(self.raw.as_str(), |(_, rest)| rest);
        behind_user.split_once('?').map(|(_, headers)| headers)
    }

    pub fn is_sip(&self) -> bool {
        matches!(self.scheme.as_str(), "sip" | "sips")
    }

    /// Whether both name the same thing. (RFC 3261 §19.1.4; RFC 3966 §5 for `tel:`)
    pub fn same_as(&self, other: &Uri) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme.as_str() {
            "sip" | "sips" => {
                self.user_info() == other.user_info()
                    && same_host(&self.host, &other.host)
                    && self.port == other.port
                    && same_params(&self.params, &other.params)
                    && self.header_list() == other.header_list()
            }
            "tel" => self.digits() == other.digits() && sorted(&self.params).eq(&sorted(&other.params)),
            _ => self.raw == other.raw,
        }
    }

    /// User and password, escapes of unreserved characters resolved.
    fn user_info(&self) -> Option<Vec<u8>> {
        let (user_info, _) = self.raw.split_once(':')?.1.split_once('@')?;
        Some(unescape(user_info, |byte| !b";/?:@&=+$,".contains(&byte)))
    }

    fn header_list(&self) -> Vec<Vec<u8>> {
        let mut headers: Vec<_> = self
            .headers()
            .into_iter()
            .flat_map(|headers| headers.split('&'))
            .map(|header| unescape(header, |byte| !b";/?:@&=+$,".contains(&byte)).to_ascii_lowercase())
            .collect();
        headers.sort();
        headers
    }

    /// A telephone number without its visual separators.
    fn digits(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        Some(
            user.chars().filter(|sign| !matches!(sign, '-' | '.' | '(' | ')')).collect::<String>().to_ascii_lowercase(),
        )
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.raw)
    }
}

fn read(source: &str) -> Option<Uri> {
    if source.bytes().any(|byte| byte <= b' ' || byte == 0x7f || b"\"<>".contains(&byte)) {
        return None;
    }
    let (scheme, rest) = source.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || rest.is_empty() {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let (user, host, port, params) = match scheme.as_str() {
        "sip" | "sips" => read_sip(rest)?,
        "tel" => {
            let (number, params) = cut_at(rest, ';');
            if number.is_empty() {
                return None;
            }
            (Some(number.to_owned()), String::new(), None, Params::parse(params)?)
        }
        _ => (None, String::new(), None, Params::default()),
    };
    Some(Uri { raw: source.to_owned(), scheme, user, host, port, params })
}

type SipParts = (Option<String>, String, Option<u16>, Params);

/// User parts hold `;`, `?` and `,` but never `@`, so the first `@` ends them.
fn read_sip(rest: &str) -> Option<SipParts> {
    let (user, rest) = match rest.split_once('@') {
        Some((user_info, rest)) => (Some(cut_at(user_info, ':').0), rest),
        None => (None, rest),
    };
    if user == Some("") {
        return None;
    }
    let (address, _headers) = cut_at(rest, '?');
    let (address, params) = cut_at(address, ';');
    let (host, port) = read_host_port(address)?;
    Some((user.map(str::to_owned), host, port, Params::parse(params)?))
}

/// `host`, `host:port`, `[IPv6]`, `[IPv6]:port`, blanks around the colon allowed (Via has them).
pub(super) fn read_host_port(source: &str) -> Option<(String, Option<u16>)> {
    let (host, rest) = match source.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            read_ipv6(host)?;
            (host, rest.trim_ascii())
        }
        None => {
            let (host, rest) = cut_at(source, ':');
            let host = host.trim_ascii();
            let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            (is_host.then_some(host)?, rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(read_port(port.trim_ascii())?),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((host.to_owned(), port))
}

fn read_port(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|&port| port != 0)
}

/// An IP address in text, IPv6 with or without brackets.
pub(super) fn ip_literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().or_else(|| read_ipv6(bare).map(IpAddr::V6))
}

/// The grammar of RFC 3261 lets a third colon in before an IPv4 tail, and such messages must be
/// read. (RFC 5118 §4.10, RFC 5954)
fn read_ipv6(host: &str) -> Option<Ipv6Addr> {
    host.parse().or_else(|_| host.replacen(":::", "::", 1).parse()).ok()
}

/// Before the mark, and from the mark on.
fn cut_at(source: &str, mark: char) -> (&str, &str) {
    source.find(mark).map_or((source, ""), |at| source.split_at(at))
}

fn escape(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Resolves the %-escapes of the bytes that `which` names.
pub(super) fn unescape(escaped: &str, which: impl Fn(u8) -> bool) -> Vec<u8> {
    let bytes = escaped.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |place: usize| bytes.get(place).and_then(|&digit| char::from(digit).to_digit(16));
        let value = match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        match value {
            Some(value) if which(value) => {
                plain.push(value);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// IP addresses compare as addresses (RFC 5954 §3), names without case.
fn same_host(a: &str, b: &str) -> bool {
    match (ip_literal(a), ip_literal(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// Parameters on both sides must match; these must also not stand on one side only.
const NEVER_ALONE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn same_params(a: &Params, b: &Params) -> bool {
    let agrees = |one: &Params, other: &Params| {
        one.0.iter().all(|(name, value)| {
            let mut twins = other.0.iter().filter(|(twin, _)| twin.eq_ignore_ascii_case(name)).peekable();
            match twins.peek() {
                Some(_) => twins.any(|(_, twin)| same_value(value.as_deref(), twin.as_deref())),
                None => !NEVER_ALONE.iter().any(|strict| strict.eq_ignore_ascii_case(name)),
            }
        })
    };
    agrees(a, b) && agrees(b, a)
}

fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => unescape(a, |_| true).eq_ignore_ascii_case(&unescape(b, |_| true)),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn sorted(params: &Params) -> Vec<String> {
    let mut all: Vec<_> =
        params.0.iter().map(|(n, v)| format!("{n}={}", v.as_deref().unwrap_or("")).to_ascii_lowercase()).collect();
    all.sort();
    all
}
