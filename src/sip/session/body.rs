//! Which part of a body is the session description. (RFC 3261 §7.4, RFC 2046 §5.1)
//!
//! ISUP gateways send `multipart/mixed` with the description in one part and the ISUP message in
//! another. The ISUP part is passed over even where it says `handling=required`: what a hotline needs
//! of it stands in the SIP headers as well, and a refusal would lose the call. (RFC 3204 §2)

use crate::sip::message::{Headers, Name, Params, Response, text};

/// What we can read; the text of an Accept header.
pub(super) const ACCEPT: &str = "application/sdp, multipart/mixed";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// None, or one that may be passed over (`handling=optional`).
    Absent,
    Description(&'a [u8]),
    /// Something else, and nothing in it that describes the session.
    Foreign,
}

impl<'a> Body<'a> {
    /// A body that does not say what it is counts as a description.
    pub(super) fn read(headers: &Headers, body: &'a [u8]) -> Self {
        if body.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            return Self::Absent;
        }
        let value = |name: &str| headers.get(&Name::Other(name.to_owned()));
        let found = read_part(
            headers.get(&Name::ContentType).unwrap_or(SDP),
            value("Content-Disposition"),
            value("Content-Encoding"),
            body,
        );
        match found {
            Found::Description(description) => Self::Description(description),
            Found::Parts(boundary) => among(body, &boundary, NESTED).map_or(Self::Foreign, Self::Description),
            Found::Foreign if value("Content-Disposition").is_some_and(is_optional) => Self::Absent,
            Found::Foreign => Self::Foreign,
        }
    }

    pub(super) const fn description(self) -> Option<&'a [u8]> {
        match self {
            Self::Description(description) => Some(description),
            Self::Absent | Self::Foreign => None,
        }
    }
}

/// Puts a session description into a response.
pub(super) fn describe(response: &mut Response, body: Vec<u8>) {
    response.headers.push(Name::ContentType, "application/sdp");
    response.body = body;
}

const SDP: &[u8] = b"application/sdp";

/// Parts within parts are looked into so deep.
const NESTED: u8 = 3;

/// RFC 3261 §20.11: whoever does not know the body passes over it.
fn is_optional(disposition: &[u8]) -> bool {
    let params = disposition.iter().position(|byte| *byte == b';').and_then(|at| disposition.get(at..));
    let params = params.and_then(|params| Params::parse(&text(params)));
    params.is_some_and(|params| params.value("handling").is_some_and(|word| word.eq_ignore_ascii_case("optional")))
}

enum Found<'a> {
    Description(&'a [u8]),
    /// Several parts, and their boundary.
    Parts(String),
    Foreign,
}

fn read_part<'a>(kind: &[u8], disposition: Option<&[u8]>, encoding: Option<&[u8]>, body: &'a [u8]) -> Found<'a> {
    let plain = encoding.is_none_or(|encoding| {
        [&b"identity"[..], b"7bit", b"8bit", b"binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain))
    });
    let of_session = disposition.is_none_or(|disposition| first_word(disposition).eq_ignore_ascii_case(b"session"));
    let word = first_word(kind);
    if word.eq_ignore_ascii_case(SDP) && plain && of_session {
        return Found::Description(body);
    }
    let multipart = word.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    let params = kind.iter().position(|byte| *byte == b';').and_then(|at| kind.get(at..));
    let boundary = params.filter(|_| multipart && plain).and_then(|params| Params::parse(&text(params)));
    match boundary.as_ref().and_then(|params| params.value("boundary")) {
        Some(boundary) => Found::Parts(boundary.to_owned()),
        None => Found::Foreign,
    }
}

/// `application/sdp` of `Application/SDP; charset=utf-8`.
fn first_word(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// The bodies between the boundaries, each with its own headers. The last boundary may be missing.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut found = Vec::new();
    let (mut start, mut at) = (None, 0_usize);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let behind = line.trim_ascii_end().strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary));
        if let Some(behind) = behind.filter(|behind| matches!(*behind, b"" | b"--")) {
            found.extend(start.and_then(|start| body.get(start..at)));
            start = behind.is_empty().then_some(at + line.len());
        }
        at += line.len();
    }
    found.extend(start.and_then(|start| body.get(start..)));
    found.into_iter()
}

/// The first session description among these parts.
fn among<'a>(body: &'a [u8], boundary: &str, depth: u8) -> Option<&'a [u8]> {
    let depth = depth.checked_sub(1)?;
    parts(body, boundary.as_bytes()).find_map(|part| description(part, depth))
}

/// The session description of one part, or of the parts that it has itself.
fn description(part: &[u8], depth: u8) -> Option<&[u8]> {
    let (mut kind, mut disposition, mut encoding) = (None, None, None);
    let mut rest = part;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at_checked(end + 1)?;
        rest = behind;
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?.trim_ascii());
        if name.eq_ignore_ascii_case(b"content-type") || name.eq_ignore_ascii_case(b"c") {
            kind = Some(value);
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            disposition = Some(value);
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            encoding = Some(value);
        }
    }
    match read_part(kind?, disposition, encoding, rest) {
        Found::Description(description) => Some(description),
        Found::Parts(boundary) => among(rest, &boundary, depth),
        Found::Foreign => None,
    }
}
