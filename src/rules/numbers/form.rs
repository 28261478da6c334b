//! The forms in which carriers write one and the same number (R1; RFC 3261 §19.1, RFC 3966).

use std::fmt;

/// A Chinese area code with its trunk prefix: `0798` is Jingdezhen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaCode(String);

impl AreaCode {
    /// `0` and two or three more digits.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (3..=4).contains(&text.len()) && text.starts_with('0') && !text.starts_with("00");
        (fits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    pub fn jingdezhen() -> Self {
        Self("0798".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it follows the country code: `798`.
    pub fn without_zero(&self) -> &str {
        self.0.strip_prefix('0').unwrap_or(&self.0)
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// China's country code.
pub const COUNTRY: &str = "86";

/// The local numbers that this text can mean: a URI, a name-addr or a bare user part, in national or
/// international writing. The likeliest comes first; empty where the text is no number of ours.
///
/// `86…` without a plus is read both ways, because it may also be a local subscriber's number; a
/// number that names another area or country has no reading.
pub fn readings(text: &str, area: &AreaCode, strip_prefix: Option<&str>) -> Vec<String> {
    let Some(Part { number, context }) = part(text) else { return Vec::new() };
    let Some(number) = digits(&number) else { return Vec::new() };
    let stripped = strip_prefix.and_then(|prefix| number.strip_prefix(prefix)).filter(|rest| !rest.is_empty());
    let mut found = Vec::new();
    for number in stripped.into_iter().chain([number.as_str()]) {
        // RFC 3966 §5.1.5: a global context completes a local number.
        match context.as_deref().filter(|context| context.starts_with('+') && !number.starts_with('+')) {
            Some(context) => read(&format!("{}{number}", digits(context).unwrap_or_default()), area, &mut found),
            None => read(number, area, &mut found),
        }
    }
    found
}

/// The user part of a URI, a name-addr or a bare user, %-escapes resolved and parameters left out.
pub fn user(text: &str) -> Option<String> {
    part(text).map(|part| part.number)
}

fn read(number: &str, area: &AreaCode, found: &mut Vec<String>) {
    let mut push = |reading: &str| {
        if !reading.is_empty() && !found.iter().any(|known| known == reading) {
            found.push(reading.to_owned());
        }
    };
    if let Some(global) = number.strip_prefix('+').or_else(|| number.strip_prefix("00")) {
        let Some(national) = global.strip_prefix(COUNTRY) else { return };
        match local(national, area) {
            Some(local) => push(local),
            // A short code without an area: `+8612345`.
            None if national.len() <= 5 => push(national),
            None => {}
        }
        return;
    }
    push(number);
    if let Some(local) = number.strip_prefix(area.as_str()) {
        push(local);
    }
    if let Some(local) = number.strip_prefix(COUNTRY).and_then(|national| local(national, area)) {
        push(local);
    }
}

/// A national number without its area code, with or without the trunk prefix 0 that some leave in.
fn local<'a>(national: &'a str, area: &AreaCode) -> Option<&'a str> {
    national.strip_prefix(area.without_zero()).or_else(|| national.strip_prefix(area.as_str()))
}

struct Part {
    number: String,
    context: Option<String>,
}

fn part(text: &str) -> Option<Part> {
    let uri = inside_brackets(text.trim());
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            (Some(scheme), rest)
        }
        Some(_) | None => (None, uri),
    };
    let (user, uri_params) = match rest.split_once('@') {
        Some((user, host)) => (user, host.split_once(';').map_or("", |(_, params)| params)),
        None => (rest, ""),
    };
    let (number, user_params) = user.split_once(';').unwrap_or((user, ""));
    let number = number.split([':', '?']).next().unwrap_or_default();
    // `sip:10.0.0.1` has no user; `sip:12345`, which some write, has nothing but one.
    let host_only = scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case("tel")) && !rest.contains('@');
    if number.is_empty() || (host_only && !number.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let context = param(user_params, "phone-context").or_else(|| param(uri_params, "phone-context"));
    Some(Part { number: unescape(number), context: context.map(unescape) })
}

/// What stands between `<` and `>`, looking past a quoted display name.
fn inside_brackets(text: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => {
                let rest = text.get(at + 1..).unwrap_or_default();
                return rest.split('>').next().unwrap_or_default();
            }
            _ => {}
        }
    }
    text
}

fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    let params = params.split(['?', '>']).next().unwrap_or_default();
    params
        .split(';')
        .filter_map(|param| param.split_once('='))
        .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"')))
}

/// `+` and digits, visual separators left out (RFC 3966 §5.1.1); None where anything else is in it.
fn digits(number: &str) -> Option<String> {
    let kept: String = number.chars().filter(|letter| !matches!(letter, '-' | '.' | '(' | ')' | ' ')).collect();
    let body = kept.strip_prefix('+').unwrap_or(&kept);
    (!body.is_empty() && body.bytes().all(|byte| byte.is_ascii_digit())).then_some(kept)
}

/// Resolves `%2B` and the like; what is no escape stays as it is.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(byte));
                bytes = ahead;
            }
            (byte, _, _) => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
