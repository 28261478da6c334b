//! How single values are written in the files.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use crate::audio::codec::Codec;
use crate::rules::language::is_tag;

/// A password. It can be used and not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"…\"")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Serde's own words would quote what stands there.
        match String::deserialize(from) {
            Ok(text) if !text.is_empty() => Ok(Self(text)),
            Ok(_) | Err(_) => Err(D::Error::custom("must be text in quotes, not empty")),
        }
    }
}

/// Whole seconds between two bounds.
pub fn seconds<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(bounded::<MIN, MAX, D>(from)?))
}

/// The same, 0 being none.
pub fn seconds_or_none<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    match u64::deserialize(from)? {
        0 => Ok(None),
        value if (MIN..=MAX).contains(&value) => Ok(Some(Duration::from_secs(value))),
        value => Err(D::Error::custom(format!("{value} is neither 0 nor between {MIN} and {MAX}"))),
    }
}

pub fn seconds_given<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    seconds::<MIN, MAX, D>(from).map(Some)
}

pub fn bounded<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let value = u64::deserialize(from)?;
    if (MIN..=MAX).contains(&value) {
        Ok(value)
    } else {
        Err(D::Error::custom(format!("{value} is not between {MIN} and {MAX}")))
    }
}

pub fn bounded_u32<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    u32::try_from(bounded::<MIN, MAX, D>(from)?).map_err(D::Error::custom)
}

/// Text that says something.
pub fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(D::Error::custom("must be a line of text"));
    }
    Ok(text)
}

/// Language tags, in small letters (R10).
pub fn languages<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(from)?.into_iter().map(tag).collect()
}

pub fn language_given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    tag(String::deserialize(from)?).map(Some)
}

/// A language for each name, in the order of the names.
pub fn languages_by_name<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    let named = BTreeMap::<String, String>::deserialize(from)?;
    named.into_iter().map(|(name, text)| Ok((name, tag(text)?))).collect()
}

fn tag<E: Error>(text: String) -> Result<String, E> {
    if is_tag(&text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(E::custom(format!("`{text}` is no language such as en or zh-hant")))
    }
}

/// Digits, where a number is optional.
pub fn digits_given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || !text.strip_prefix('+').unwrap_or(&text).bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(D::Error::custom(format!("`{text}` is not made of digits")));
    }
    Ok(Some(text))
}

/// Codecs in order of preference, at least one.
pub fn codecs_given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Codec>>, D::Error> {
    let names = || Codec::ALL.map(Codec::name).join(", ");
    let mut codecs = Vec::new();
    for name in Vec::<String>::deserialize(from)? {
        let codec = Codec::ALL.into_iter().find(|codec| name.eq_ignore_ascii_case(codec.name()));
        let codec = codec.ok_or_else(|| D::Error::custom(format!("`{name}` is none of {}", names())))?;
        if codecs.contains(&codec) {
            return Err(D::Error::custom(format!("{name} stands there twice")));
        }
        codecs.push(codec);
    }
    if codecs.is_empty() { Err(D::Error::custom(format!("at least one of {}", names()))) } else { Ok(Some(codecs)) }
}
