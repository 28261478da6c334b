//! The headers of one message: kept as bytes in their order, read when they are asked for.

use std::borrow::Cow;

use super::address::NameAddr;
use super::lexer::{split, text};
use super::message::Fault;
use super::name::Name;
use super::via::{CSeq, Via};

/// One header as it arrived: continuation lines joined by one space, bytes otherwise untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: Name,
    pub value: Vec<u8>,
}

/// All headers but Content-Length, which belongs to the framing: reading removes it, printing
/// writes it from the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    /// The whole value of the first line of that name.
    pub fn get(&self, name: &Name) -> Option<&[u8]> {
        self.lines(name).next()
    }

    /// The whole value of the first line of that name, as text.
    pub fn text(&self, name: &Name) -> Option<Cow<'_, str>> {
        self.get(name).map(text)
    }

    /// Every value of that name: list headers are split at commas outside quotes and `<>`.
    pub fn all(&self, name: &Name) -> impl Iterator<Item = &[u8]> {
        let is_list = name.is_list();
        self.lines(name).flat_map(move |line| match is_list {
            true => split(line, b',').filter(|element| !element.is_empty()).collect(),
            false => vec![line],
        })
    }

    pub fn push(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        self.0.push(Header { name, value: value.into() });
    }

    pub fn push_front(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        self.0.insert(0, Header { name, value: value.into() });
    }

    /// Leaves exactly one line of that name, in the place of the first, else at the end.
    pub fn set(&mut self, name: Name, value: impl Into<Vec<u8>>) {
        let at = self.0.iter().position(|header| header.name == name).unwrap_or(self.0.len());
        self.remove(&name);
        self.0.insert(at, Header { name, value: value.into() });
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, name: &Name) {
        self.0.retain(|header| header.name != *name);
    }

    /// The topmost Via: who sent this message to us.
    pub fn via(&self) -> Result<Via, Fault> {
        Via::parse(self.all(&Name::Via).next().ok_or(Fault::Missing("Via"))?)
    }

    /// Puts another value in place of the topmost Via; what stands behind it on its line stays.
    pub fn replace_top_via(&mut self, via: &Via) {
        let Some(header) = self.0.iter_mut().find(|header| header.name == Name::Via) else {
            return self.push_front(Name::Via, via.to_string());
        };
        let mut value = via.to_string().into_bytes();
        for below in split(&header.value, b',').filter(|element| !element.is_empty()).skip(1) {
            value.extend_from_slice(b", ");
            value.extend_from_slice(below);
        }
        header.value = value;
    }

    pub fn from(&self) -> Result<NameAddr, Fault> {
        self.address(&Name::From, "From")
    }

    pub fn to(&self) -> Result<NameAddr, Fault> {
        self.address(&Name::To, "To")
    }

    /// The first Contact; `None` when there is none. `*` is no address: see `is_contact_star`.
    pub fn contact(&self) -> Option<Result<NameAddr, Fault>> {
        self.all(&Name::Contact).next().map(|value| NameAddr::parse(value).map_err(|_| Fault::Bad("Contact")))
    }

    pub fn contacts(&self) -> Result<Vec<NameAddr>, Fault> {
        self.addresses(&Name::Contact, "Contact")
    }

    /// `Contact: *`, the wish of a REGISTER to remove every binding. (RFC 3261 §10.2.2)
    pub fn is_contact_star(&self) -> bool {
        let mut values = self.all(&Name::Contact);
        values.next() == Some(b"*") && values.next().is_none()
    }

    pub fn cseq(&self) -> Result<CSeq, Fault> {
        CSeq::parse(self.get(&Name::CSeq).ok_or(Fault::Missing("CSeq"))?)
    }

    pub fn call_id(&self) -> Result<&str, Fault> {
        let value = self.get(&Name::CallId).ok_or(Fault::Missing("Call-ID"))?;
        let is_word = !value.is_empty() && !value.iter().any(|byte| byte.is_ascii_whitespace());
        std::str::from_utf8(value).ok().filter(|_| is_word).ok_or(Fault::Bad("Call-ID"))
    }

    /// Seconds. A number too large to hold is the largest; anything else is none. (RFC 3261 §20.19)
    pub fn expires(&self) -> Option<u32> {
        let digits = self.text(&Name::Expires)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().unwrap_or(u32::MAX))
    }

    /// The hop after which this request may go no further: `None` when the header is absent.
    pub fn max_forwards(&self) -> Result<Option<u8>, Fault> {
        let Some(digits) = self.text(&Name::MaxForwards) else { return Ok(None) };
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok()).flatten().map(Some).ok_or(Fault::Bad("Max-Forwards"))
    }

    /// The clock of the sender. Only the form that RFC 3261 §20.17 allows is read: GMT, English names.
    pub fn date(&self) -> Option<Result<jiff::Timestamp, Fault>> {
        let date = self.text(&Name::Date)?;
        let read = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", date.as_ref())
            .and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date));
        Some(read.map_err(|_| Fault::Bad("Date")))
    }

    /// Every address of Route, Record-Route, Path or Service-Route, in order.
    pub fn routes(&self, name: &Name) -> Result<Vec<NameAddr>, Fault> {
        let label = match name {
            Name::Route => "Route",
            Name::RecordRoute => "Record-Route",
            Name::Path => "Path",
            _ => "route",
        };
        self.addresses(name, label)
    }

    /// The readable addresses of Diversion, P-Asserted-Identity, History-Info …
    pub fn addrs(&self, name: &Name) -> Vec<NameAddr> {
        self.elements(name).filter_map(|value| NameAddr::parse(value).ok()).collect()
    }

    /// Whether a list such as Supported or Require names the token, in any case.
    pub fn has_token(&self, name: &Name, token: &str) -> bool {
        self.elements(name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    pub fn tokens(&self, name: &Name) -> Vec<String> {
        self.elements(name).map(|element| text(element).into_owned()).collect()
    }

    fn lines(&self, name: &Name) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |header| header.name == *name).map(|header| header.value.as_slice())
    }

    /// Like `all`, for callers that know the header to be a list.
    fn elements(&self, name: &Name) -> impl Iterator<Item = &[u8]> {
        self.lines(name).flat_map(|line| split(line, b',')).filter(|element| !element.is_empty())
    }

    fn address(&self, name: &Name, label: &'static str) -> Result<NameAddr, Fault> {
        NameAddr::parse(self.get(name).ok_or(Fault::Missing(label))?).map_err(|_| Fault::Bad(label))
    }

    fn addresses(&self, name: &Name, label: &'static str) -> Result<Vec<NameAddr>, Fault> {
        self.elements(name).map(|value| NameAddr::parse(value).map_err(|_| Fault::Bad(label))).collect()
    }
}
