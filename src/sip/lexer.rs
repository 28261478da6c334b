//! Blanks, quoted strings and lists, as they stand in header values. (RFC 3261 §25.1)

use std::borrow::Cow;

/// Bytes of a display name or reason as text: UTF-8 where it is valid, else GB18030, which the
/// older gateways of Chinese carriers send.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    }
}

/// A `token`: methods, header names, transports. (RFC 3261 §25.1)
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte))
}

/// The elements of a list, blanks around them removed, split at `separator` outside quotes and `<>`.
/// Empty elements are kept. A quote that never closes holds the rest of the list together.
pub(super) fn split(value: &[u8], separator: u8) -> Split<'_> {
    Split { rest: Some(value), separator, gbk: is_gbk(value) }
}

pub(super) struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
    gbk: bool,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut at = 0;
        let mut in_uri = false;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'"' if !in_uri => {
                    at = end_of_quoted(rest, at, self.gbk).unwrap_or(rest.len());
                    continue;
                }
                b'<' => in_uri = true,
                b'>' => in_uri = false,
                _ if byte == self.separator && !in_uri => {
                    let (element, after) = rest.split_at(at);
                    self.rest = after.get(1..);
                    return Some(element.trim_ascii());
                }
                _ => {}
            }
            at += 1;
        }
        self.rest = None;
        Some(rest.trim_ascii())
    }
}

/// Where the quoted string that opens at `start` ends: the place behind its closing quote.
pub(super) fn end_of_quoted(bytes: &[u8], start: usize, gbk: bool) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += width(bytes, at, gbk),
        }
    }
}

/// The content of a quoted string, the quotes already removed, `\x` as `x`.
pub(super) fn unescape(bytes: &[u8], gbk: bool) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' && at + 1 < bytes.len() {
            at += 1;
        }
        let end = at + width(bytes, at, gbk && byte != b'\\');
        plain.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        at = end;
    }
    plain
}

/// The quoted string that says `plain`.
pub(super) fn quote(plain: &[u8]) -> Vec<u8> {
    let gbk = is_gbk(plain);
    let mut quoted = Vec::with_capacity(plain.len() + 2);
    quoted.push(b'"');
    let mut at = 0;
    while let Some(&byte) = plain.get(at) {
        let end = at + width(plain, at, gbk);
        match byte {
            b'\r' | b'\n' => quoted.push(b' '),
            b'"' | b'\\' | 0..=0x1f | 0x7f => quoted.extend_from_slice(&[b'\\', byte]),
            // Half a character must not make one with the `\` of an escape behind it.
            0x80.. if gbk && end == at + 1 => quoted.extend_from_slice(&[b'\\', byte]),
            _ => quoted.extend_from_slice(plain.get(at..end).unwrap_or_default()),
        }
        at = end;
    }
    quoted.push(b'"');
    quoted
}

/// In GBK the second byte of a character may be `\`, which then escapes nothing.
pub(super) fn is_gbk(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
}

/// Bytes of the character at a place: in GB18030 one, two or four.
fn width(bytes: &[u8], at: usize, gbk: bool) -> usize {
    let ahead = |by: usize| bytes.get(at + by).copied().unwrap_or_default();
    match [ahead(0), ahead(1), ahead(2), ahead(3)] {
        [0x81..=0xfe, 0x40..=0x7e | 0x80..=0xfe, _, _] if gbk => 2,
        [0x81..=0xfe, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9'] if gbk => 4,
        _ => 1,
    }
}
