//! How a telephone number is written: for a carrier who is to dial it, and as the one name of a caller.

use super::numbers::AreaCode;
use super::numbers::form::COUNTRY;

/// What a trunk wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberForm {
    /// `079812345678`, `13800000000`: as one dials within the country.
    National,
    /// `+8679812345678`, `+8613800000000`.
    E164,
    /// Without the own area's code; all else as national.
    Local,
}

/// Writes a number of whatever form in the trunk's form, digits and a leading `+` only. `area` is the
/// own area code with its zero: `0798`. Short codes (110, 12345) and numbers of other countries stay.
pub fn written_for(number: &str, form: NumberForm, area: &str) -> String {
    let bare: String = number.chars().filter(|sign| sign.is_ascii_digit() || *sign == '+').collect();
    let national = national(&bare);
    match form {
        NumberForm::National => national,
        NumberForm::Local => national.strip_prefix(area).map_or(national.clone(), str::to_owned),
        NumberForm::E164 if national.starts_with('+') || national.len() < 7 => national,
        NumberForm::E164 => format!("+86{}", national.strip_prefix('0').unwrap_or(&national)),
    }
}

/// `+86798…` and `0086798…` → `0798…`, `+86138…` → `138…`.
fn national(bare: &str) -> String {
    let inside = bare.strip_prefix("+86").or_else(|| bare.strip_prefix("0086"));
    match inside {
        Some(mobile) if mobile.len() == 11 && mobile.starts_with('1') => mobile.to_owned(),
        Some(short) if short.len() < 7 => short.to_owned(),
        Some(fixed) => format!("0{fixed}"),
        None => bare.to_owned(),
    }
}

/// Whether this number, in whatever form it came, can be a citizen's telephone, so that we may call it:
/// digits alone, at least a subscriber's number of them and no more than ITU-T E.164 §6 allows. Emergency
/// and service numbers (110, 12345, 95588) are shorter, also behind an area code.
pub fn is_telephone(number: &str) -> bool {
    const E164_MOST: usize = 15;
    let bare: String = number.chars().filter(|sign| !matches!(sign, '-' | '.' | '(' | ')' | ' ')).collect();
    let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")).unwrap_or(&bare);
    let inside = digits.strip_prefix(COUNTRY).filter(|_| digits.len() < bare.len());
    let length = match inside {
        Some(significant) => (SUBSCRIBER_MOST + 1..=NATIONAL_MOST).contains(&significant.len()),
        None => (SUBSCRIBER_LEAST..=E164_MOST).contains(&digits.len()),
    };
    length && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one writing of a caller's number, whatever form the carrier sent: `+8613800000000`,
/// `+867988000001` (ITU-T E.164, RFC 3966). A number without an area code is of `area`. Short codes
/// (110, 12345; fewer than seven digits, our own area's code left out) have no such form and stay
/// bare; what is no number that we know of stays as it came.
pub fn e164(number: &str, area: &AreaCode) -> String {
    let bare: String = number.chars().filter(|sign| !matches!(sign, '-' | '.' | '(' | ')' | ' ')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let abroad = if bare.starts_with('+') { Some(digits) } else { digits.strip_prefix("00") };
    // No area code begins with 86, and no subscriber's number is that long.
    let country = if digits.len() > SUBSCRIBER_MOST { digits.strip_prefix(COUNTRY) } else { None };
    let (inside, names_area) = match (abroad, country) {
        (Some(""), _) => return bare,
        (Some(global), _) => match global.strip_prefix(COUNTRY) {
            Some(national) => (national, true),
            None => return format!("+{global}"),
        },
        (None, Some(national)) => (national, true),
        (None, None) => (digits, digits.starts_with('0')),
    };
    let significant = inside.strip_prefix('0').unwrap_or(inside);
    let own = significant
        .strip_prefix(area.without_zero())
        .filter(|rest| names_area && (3..SUBSCRIBER_LEAST).contains(&rest.len()));
    match (own, significant.len()) {
        (Some(short), _) => short.to_owned(),
        (None, ..SUBSCRIBER_LEAST) => inside.to_owned(),
        (None, ..=SUBSCRIBER_MOST) if !names_area => format!("+{COUNTRY}{}{significant}", area.without_zero()),
        (None, ..=NATIONAL_MOST) => format!("+{COUNTRY}{significant}"),
        (None, _) => bare,
    }
}

/// Digits of the shortest and longest subscriber's number, and of the longest one with its area code.
const SUBSCRIBER_LEAST: usize = 7;
const SUBSCRIBER_MOST: usize = 8;
const NATIONAL_MOST: usize = 11;
