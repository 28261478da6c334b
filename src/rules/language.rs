//! Which language a caller speaks (RFC 5646 tags, in small letters), so that a group that speaks it answers. R10.

/// Whether this can be a language: `en`, `zh-hant`, `yue`.
pub fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=8).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// What is liked best of `Accept-Language`, of several liked equally the first. What comes behind it is no
/// more than understood. None where it names no language. (RFC 3261 §20.3, RFC 9110 §12.5.4)
pub fn preferred(accept_language: &str) -> Option<String> {
    let mut best: Option<(u16, &str)> = None;
    for range in accept_language.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let weight = match parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q="))) {
            Some(text) => thousandths(text),
            None => Some(1000),
        };
        let Some(weight) = weight.filter(|weight| *weight > best.map_or(0, |(weight, _)| weight)) else { continue };
        if is_tag(tag) || tag == "*" {
            best = Some((weight, tag));
        }
    }
    best.map(|(_, tag)| tag.to_ascii_lowercase()).filter(|tag| tag != "*")
}

/// A tag and what it is a kind of: `zh-hant-tw`, `zh-hant`, `zh` (RFC 4647 §3.4).
pub fn fallbacks(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once('-').map(|(kind, _)| kind))
}

/// `0.85` is 850.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<3}");
    let sum = whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(part.parse().ok()?)?;
    Some(sum).filter(|sum| *sum <= 1000 && part.len() == 3)
}
