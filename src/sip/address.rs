//! `"display" <uri>;params`, as in From, To, Contact, Route, Diversion … (RFC 3261 §20.10)

use std::borrow::Cow;
use std::fmt;

use super::lexer::{end_of_quoted, is_gbk, quote, text, unescape};
use super::message::Fault;
use super::params::Params;
use super::uri::Uri;

/// An address of a header, with the name shown for it and the header's own parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Unquoted bytes of the display name, in whatever charset came.
    pub display: Option<Vec<u8>>,
    pub uri: Uri,
    pub params: Params,
}

impl NameAddr {
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr { display: None, uri, params: Params::default() }
    }

    /// Reads one address. Without `<>` the parameters are the header's, and the URI may hold no
    /// comma and no question mark. (RFC 3261 §20.10)
    pub fn parse(value: &[u8]) -> Result<NameAddr, Fault> {
        read(value.trim_ascii()).ok_or(Fault::Bad("address"))
    }

    /// The dialog tag; an empty one is none.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", Some(tag));
    }

    /// The display name as text (UTF-8 or GB18030), if there is one and it is not empty.
    pub fn display_text(&self) -> Option<Cow<'_, str>> {
        self.display.as_deref().map(text).filter(|name| !name.is_empty())
    }

    /// As it stands in a header: the display name always quoted, in the charset in which it came.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(display) = &self.display {
            bytes.extend(quote(display));
            bytes.push(b' ');
        }
        bytes.extend(format!("<{}>{}", self.uri, self.params).into_bytes());
        bytes
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&text(&self.to_bytes()))
    }
}

fn read(value: &[u8]) -> Option<NameAddr> {
    let (display, rest) = read_display(value)?;
    let Some(inner) = rest.strip_prefix(b"<") else {
        let (uri, params) = cut(rest, b';');
        let uri = uri.trim_ascii();
        let is_bare = display.is_none() && !uri.iter().any(|byte| b",?".contains(byte));
        let uri = Uri::parse(&text(is_bare.then_some(uri)?)).ok()?;
        return Some(NameAddr { display, uri, params: Params::parse(&text(params))? });
    };
    let (uri, behind) = cut(inner, b'>');
    let uri = Uri::parse(&text(uri)).ok()?;
    Some(NameAddr { display, uri, params: Params::parse(&text(behind.strip_prefix(b">")?))? })
}

/// The display name, and the rest from `<` on; or no name and everything.
fn read_display(value: &[u8]) -> Option<(Option<Vec<u8>>, &[u8])> {
    if value.starts_with(b"\"") {
        let gbk = is_gbk(value);
        let (quoted, rest) = value.split_at_checked(end_of_quoted(value, 0, gbk)?)?;
        let rest = rest.trim_ascii_start();
        let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
        return rest.starts_with(b"<").then(|| (Some(unescape(inner, gbk)), rest));
    }
    let (name, rest) = cut(value, b'<');
    if rest.is_empty() || name.is_empty() {
        return Some((None, value));
    }
    // More than the tokens of the grammar, for Chinese names and brackets, but nothing that could
    // be a second address.
    let is_name = !name.iter().any(|byte| b",;\">".contains(byte));
    is_name.then(|| (Some(name.trim_ascii_end().to_vec()), rest))
}

/// Before the mark, and from the mark on.
fn cut(value: &[u8], mark: u8) -> (&[u8], &[u8]) {
    value.split_at(value.iter().position(|&byte| byte == mark).unwrap_or(value.len()))
}
