//! Via and CSeq: the two headers that tie a response to its request.

use std::fmt;

use super::lexer::{is_token, text};
use super::message::Fault;
use super::name::Method;
use super::params::Params;
use super::uri::read_host_port;

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

impl Via {
    /// Reads one value, blanks around `/` and `:` included. The version is not looked at: a 505
    /// needs its way back too.
    pub fn parse(value: &[u8]) -> Result<Via, Fault> {
        read_via(&text(value)).ok_or(Fault::Bad("Via"))
    }

    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch").filter(|branch| !branch.is_empty())
    }
}

impl fmt::Display for Via {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SIP/2.0/{} ", self.transport)?;
        match self.host.contains(':') {
            true => write!(out, "[{}]", self.host)?,
            false => out.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        write!(out, "{}", self.params)
    }
}

fn read_via(value: &str) -> Option<Via> {
    let (head, params) = value.split_at(value.find(';').unwrap_or(value.len()));
    let mut parts = head.splitn(3, '/');
    let (protocol, version, rest) =
        (parts.next()?.trim_ascii(), parts.next()?.trim_ascii(), parts.next()?.trim_ascii());
    let (transport, sent_by) = rest.split_once([' ', '\t'])?;
    let is_sip = protocol.eq_ignore_ascii_case("SIP") && is_token(version.as_bytes()) && is_token(transport.as_bytes());
    let sent_by = is_sip.then_some(sent_by.trim_ascii())?;
    let (host, port) = match sent_by.parse::<std::net::Ipv6Addr>() {
        // Never legal, but clear enough to find the way back.
        Ok(_) => (sent_by.to_owned(), None),
        Err(_) => read_host_port(sent_by)?,
    };
    let params = Params::parse(params)?;
    Some(Via { transport: transport.to_ascii_uppercase(), host, port, params })
}

/// Number and method of a request within its dialog. (RFC 3261 §20.16)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    pub number: u32,
    pub method: Method,
}

impl CSeq {
    pub fn parse(value: &[u8]) -> Result<CSeq, Fault> {
        read_cseq(&text(value)).ok_or(Fault::Bad("CSeq"))
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.number, self.method)
    }
}

fn read_cseq(value: &str) -> Option<CSeq> {
    let (number, method) = value.trim_ascii().split_once([' ', '\t'])?;
    let method = method.trim_ascii_start();
    let is_cseq = number.bytes().all(|byte| byte.is_ascii_digit()) && is_token(method.as_bytes());
    let number = is_cseq.then(|| number.parse().ok()).flatten()?;
    Some(CSeq { number, method: Method::parse(method) })
}
