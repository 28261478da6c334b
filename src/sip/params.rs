//! `;name=value` parameters of URIs and header values.

use std::fmt;

use super::lexer::{end_of_quoted, quote, split, text};

/// Parameters in the order in which they came, values as they came (quotes included); names compare
/// without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, Option<String>)>);

impl Params {
    /// Reads what stands behind an address: nothing, or `;a;b=c`. One `;` too many at the end is
    /// forgiven, since telephones send it; an empty parameter elsewhere is not.
    pub(super) fn parse(source: &str) -> Option<Params> {
        let source = source.trim_ascii();
        let Some(list) = source.strip_prefix(';') else {
            return source.is_empty().then(Params::default);
        };
        let mut params = Vec::new();
        let mut pieces = split(list.as_bytes(), b';').peekable();
        while let Some(piece) = pieces.next() {
            if piece.is_empty() {
                return pieces.peek().is_none().then_some(Params(params));
            }
            params.push(read_one(piece)?);
        }
        Some(Params(params))
    }

    /// The parameter: `None` when it is absent, `Some(None)` when it stands without a value.
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.as_deref().map(unquoted))
    }

    /// The value, without the quotes if it has any.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).flatten()
    }

    /// Replaces the parameter in its place, or appends it. A value that needs quotes gets them.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value =
            value.map(
                |value| {
                    if needs_quotes(value) { text(&quote(value.as_bytes())).into_owned() } else { value.to_owned() }
                },
            );
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(place) => place.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl fmt::Display for Params {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(out, ";{name}={value}")?,
                None => write!(out, ";{name}")?,
            }
        }
        Ok(())
    }
}

fn read_one(piece: &[u8]) -> Option<(String, Option<String>)> {
    let (name, value) = match piece.iter().position(|&byte| byte == b'=') {
        Some(at) => (piece.get(..at)?.trim_ascii(), Some(piece.get(at + 1..)?.trim_ascii())),
        None => (piece, None),
    };
    let is_whole = match value {
        Some(quoted) if quoted.starts_with(b"\"") => end_of_quoted(quoted, 0, false) == Some(quoted.len()),
        Some(value) => is_plain(value),
        None => true,
    };
    (!name.is_empty() && is_plain(name) && is_whole)
        .then(|| (text(name).into_owned(), value.map(|value| text(value).into_owned())))
}

fn is_plain(word: &[u8]) -> bool {
    !word.iter().any(|byte| byte.is_ascii_control() || b" \"<>".contains(byte))
}

fn needs_quotes(value: &str) -> bool {
    !value.starts_with('"') && value.bytes().any(|byte| !byte.is_ascii_graphic() || b"\",;=<>?\\".contains(&byte))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}
