//! Start line and headers of a message: bytes in, values out, faults named but not fatal.

use super::headers::Headers;
use super::lexer::{is_token, split, text};
use super::message::Fault;
use super::name::{Method, Name};

/// A message up to its empty line, and what stands behind.
pub(super) struct Head<'a> {
    pub start: &'a [u8],
    pub headers: Headers,
    pub fault: Option<Fault>,
    pub body: &'a [u8],
}

/// Reads start line and headers. Lines end with LF, any CR before it belongs to the end; a head
/// that just stops is taken as complete.
pub(super) fn read_head(bytes: &[u8]) -> Head<'_> {
    let blank = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    let (start, mut rest) = next_line(bytes.get(blank..).unwrap_or_default());
    let mut headers = Headers::default();
    let mut fault = None;
    loop {
        let (line, behind) = next_line(rest);
        rest = behind;
        if line.is_empty() {
            return Head { start, headers, fault, body: rest };
        }
        let continues = line.first().is_some_and(|&first| first == b' ' || first == b'\t');
        let is_read = if continues { unfold(&mut headers, line) } else { read_header(&mut headers, line) };
        if !is_read {
            fault.get_or_insert(Fault::Bad("header line"));
        }
    }
}

fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (mut line, rest) = bytes.split_at(end);
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    (line, rest.get(1..).unwrap_or_default())
}

fn read_header(headers: &mut Headers, line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii_end();
    if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return false;
    }
    headers.push(Name::parse(name), clean(value.get(1..).unwrap_or_default()));
    true
}

/// A line that begins with a blank belongs to the header before it. (RFC 3261 §7.3.1)
fn unfold(headers: &mut Headers, line: &[u8]) -> bool {
    let Some(header) = headers.0.last_mut() else { return false };
    let more = clean(line);
    if !header.value.is_empty() && !more.is_empty() {
        header.value.push(b' ');
    }
    header.value.extend(more);
    true
}

/// Without the blanks around it; a CR that ends no line is a blank.
fn clean(value: &[u8]) -> Vec<u8> {
    value.trim_ascii().iter().map(|&byte| if byte == b'\r' { b' ' } else { byte }).collect()
}

/// The one length that all Content-Length values agree on. (RFC 3261 §20.14, RFC 4475 §3.3.9)
pub(super) fn content_length(headers: &Headers) -> Result<Option<usize>, Fault> {
    let mut agreed = None;
    for header in headers.0.iter().filter(|header| header.name == Name::ContentLength) {
        for digits in split(&header.value, b',') {
            let is_number = !digits.is_empty() && digits.iter().all(|byte| byte.is_ascii_digit());
            let length: usize = text(digits).parse().ok().filter(|_| is_number).ok_or(Fault::ContentLength)?;
            if *agreed.get_or_insert(length) != length {
                return Err(Fault::ContentLength);
            }
        }
    }
    Ok(agreed)
}

/// What the first line says.
pub(super) enum Start {
    /// A fault here still leaves a request that can be answered.
    Request {
        method: Method,
        uri: String,
        fault: Option<Fault>,
    },
    Response {
        status: u16,
        reason: String,
    },
    Neither(Fault),
}

pub(super) fn read_start(line: &[u8]) -> Start {
    if line.get(..4).is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"SIP/")) {
        return read_status(line);
    }
    let trimmed = line.trim_ascii_end();
    let ends = (line.iter().position(|&byte| byte == b' '), trimmed.iter().rposition(|&byte| byte == b' '));
    let (Some(first), Some(last)) = ends else { return Start::Neither(Fault::NotSip) };
    let (Some(method), Some(version)) = (line.get(..first), trimmed.get(last + 1..)) else {
        return Start::Neither(Fault::NotSip);
    };
    let uri = line.get(first + 1..last).unwrap_or_default();
    let Some(is_ours) = is_our_version(version) else { return Start::Neither(Fault::NotSip) };
    let is_clean = trimmed.len() == line.len()
        && is_token(method)
        && !uri.is_empty()
        && !uri.iter().any(|byte| byte.is_ascii_whitespace());
    let fault = match (is_ours, is_clean) {
        (false, _) => Some(Fault::Version),
        (true, false) => Some(Fault::Bad("request line")),
        (true, true) => None,
    };
    Start::Request { method: Method::parse(&text(method)), uri: text(uri).into_owned(), fault }
}

fn read_status(line: &[u8]) -> Start {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    match words.next().and_then(is_our_version) {
        Some(true) => {}
        Some(false) => return Start::Neither(Fault::Version),
        None => return Start::Neither(Fault::NotSip),
    }
    let digits = words.next().unwrap_or_default();
    let status = text(digits).parse().ok().filter(|status| digits.len() == 3 && (100..700).contains(status));
    let Some(status) = status else { return Start::Neither(Fault::Bad("status code")) };
    let reason = text(&clean(words.next().unwrap_or_default())).into_owned();
    Start::Response { status, reason }
}

/// `None` when it is no version of SIP at all.
fn is_our_version(word: &[u8]) -> Option<bool> {
    let (protocol, number) = word.split_at_checked(4)?;
    let is_version = protocol.eq_ignore_ascii_case(b"SIP/")
        && !number.is_empty()
        && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    is_version.then_some(number == b"2.0")
}
