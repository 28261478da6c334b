//! Which bytes of a file a `Range` header wants. (RFC 9110 §14)

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No range, one that cannot be read, or several: the file as it is. (§14.2)
    Whole,
    /// Bytes `first..=last` of it.
    Part { first: u64, last: u64 },
    /// 416: nothing of what is wanted is there.
    Beyond,
}

/// `header` is the value of `Range`; `whole` the length of the file, bytes.
pub fn wanted(header: Option<&str>, whole: u64) -> Wanted {
    let spec = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.trim().split_once('-')) else { return Wanted::Whole };
    if first.is_empty() {
        return suffix(last, whole);
    }
    let (Some(first), last) = (number(first), if last.is_empty() { Some(u64::MAX) } else { number(last) }) else {
        return Wanted::Whole;
    };
    match last {
        None => Wanted::Whole,
        Some(last) if last < first => Wanted::Whole,
        Some(_) if first >= whole => Wanted::Beyond,
        Some(last) => Wanted::Part { first, last: last.min(whole.saturating_sub(1)) },
    }
}

/// The last so many bytes.
fn suffix(length: &str, whole: u64) -> Wanted {
    match number(length) {
        None => Wanted::Whole,
        Some(length) if length == 0 || whole == 0 => Wanted::Beyond,
        Some(length) => Wanted::Part { first: whole.saturating_sub(length), last: whole - 1 },
    }
}

/// Digits alone: no sign, no blank.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
