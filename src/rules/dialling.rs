//! How a number is written for a carrier who is to dial it.

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
