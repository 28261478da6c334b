//! `lines = [{ number = "…" }, { seat = "…" }, { device = "sip:…" }]`.

use serde::{Deserialize, Deserializer, de::Error};

use super::device::DeviceContact;
use crate::call::SeatNo;
use crate::call::directory::{Line, LineTo, Shown};
use crate::privacy::Private;

/// At least one.
pub struct Lines(pub Vec<Line>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineRow {
    number: Option<String>,
    seat: Option<SeatNo>,
    device: Option<String>,
    trunks: Option<Vec<String>>,
    shown: Option<Shown>,
    #[serde(default)]
    duty: bool,
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rows = Vec::<LineRow>::deserialize(from)?;
        if rows.is_empty() {
            return Err(D::Error::custom("without a line nobody can be reached"));
        }
        rows.into_iter().map(read).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

fn read(row: LineRow) -> Result<Line, &'static str> {
    let to = match (row.number, row.seat, row.device) {
        (Some(number), None, None) => {
            if !is_number(&number) {
                return Err("a number is made of 3 to 20 digits, with a + before them at most");
            }
            LineTo::Number { number: Private::new(number), trunks: row.trunks.unwrap_or_default(), shown: row.shown }
        }
        (None, _, _) if row.trunks.is_some() || row.shown.is_some() => {
            return Err("only a number has trunks and shown");
        }
        (None, Some(seat), None) => LineTo::Seat(seat),
        (None, None, Some(uri)) => DeviceContact::parse(&uri).map(|_| LineTo::Device(uri))?,
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (None, Some(_), Some(_)) | (None, None, None) => {
            return Err("a line has one of number, seat and device");
        }
    };
    Ok(Line { to, duty: row.duty })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
