//! Personal data is a type: it can be used, and it cannot be printed by accident.

use std::fmt;

/// A value of a person, above all a telephone number. `Debug` and `Display` show only a mask
/// (`138****5678`), so that no log line and no error text can give it away. Rules R101, R104.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for dialling, storing and comparing. Never for a log line.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRef<str>> fmt::Display for Private<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask(self.0.as_ref()))
    }
}

impl<T: AsRef<str>> fmt::Debug for Private<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask(self.0.as_ref()))
    }
}

/// Keeps the first three and last four characters of a number of eight or more characters, and
/// nothing but the last character of a shorter one. China's country code is left out: it tells
/// callers apart no more than the mask does.
pub fn mask(number: &str) -> String {
    let number = number.strip_prefix("+86").unwrap_or(number);
    let chars: Vec<char> = number.chars().collect();
    let count = chars.len();
    if count >= 8 {
        let head: String = chars.iter().take(3).collect();
        let tail: String = chars.iter().skip(count - 4).collect();
        format!("{head}****{tail}")
    } else {
        let tail: String = chars.iter().skip(count.saturating_sub(1)).collect();
        format!("****{tail}")
    }
}

/// Masks every number within a text: each run of seven or more digits. Hotline codes, seat numbers,
/// ports and addresses are shorter.
pub fn mask_within(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let (run, behind) = from.split_at(from.find(|char: char| !char.is_ascii_digit()).unwrap_or(from.len()));
        out.push_str(before);
        if run.len() >= 7 {
            out.push_str(&mask(run))
        } else {
            out.push_str(run)
        }
        rest = behind;
    }
    out + rest
}
