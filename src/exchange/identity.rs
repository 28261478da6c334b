//! What an INVITE's headers say about who calls and which number was dialled.

use crate::call::Caller;
use crate::privacy::Private;
use crate::rules::dialling::is_telephone;
use crate::rules::numbers::Dialled;
use crate::sip::message::{Name, NameAddr, Request, text};

use super::settings::Trunk;

/// The number that was dialled, in every place where a carrier may have put it (R1).
pub(super) fn dialled(invite: &Request) -> Dialled {
    let users = |name| invite.headers.addrs(name).iter().filter_map(user).collect::<Vec<_>>();
    let accept_language = Name::Other("Accept-Language".into());
    let languages = invite.headers.0.iter().filter(|header| header.name == accept_language);
    let languages = languages.map(|header| text(&header.value));
    Dialled {
        request_uri: invite.uri.clone(),
        to: invite.headers.text(&Name::To).unwrap_or_default().into_owned(),
        history: users(&Name::HistoryInfo),
        diversion: users(&Name::Diversion),
        accept_language: languages.collect::<Vec<_>>().join(","),
    }
}

/// Who calls. From another platform the citizen is whoever was diverted first, then
/// P-Asserted-Identity, then From (R30); on an ordinary trunk the network's word goes first.
pub(super) fn caller(invite: &Request, trunk: &Trunk) -> Caller {
    let platform = trunk.platform.as_deref();
    let withheld = is_withheld(invite);
    let from = invite.headers.from().ok();
    let asserted = invite.headers.addrs(&Name::PAssertedIdentity);
    // The newest diversion comes first (RFC 5806 §5.1), the oldest entry of a history (RFC 7044 §10.2).
    let (diverted, history) = (invite.headers.addrs(&Name::Diversion), invite.headers.addrs(&Name::HistoryInfo));
    let mut candidates: Vec<&NameAddr> = Vec::new();
    if platform.is_some() {
        candidates.extend(diverted.last());
        candidates.extend(history.first());
    }
    candidates.extend(asserted.first());
    candidates.extend(from.as_ref());
    let numbers: Vec<String> = candidates.into_iter().filter_map(user).filter(|user| is_number(user)).collect();
    // A platform may stand in these headers with its own short number, or we with ours: no citizen has one.
    let citizen = numbers.iter().find(|number| platform.is_some() && is_telephone(number));
    let number = citizen.or(numbers.first()).cloned();
    let raw = [Name::From, Name::PAssertedIdentity, Name::Diversion, Name::HistoryInfo]
        .iter()
        .flat_map(|name| {
            invite
                .headers
                .0
                .iter()
                .filter(move |header| header.name == *name)
                .map(|header| (name.as_str().to_string(), Private::new(kept(&header.value))))
        })
        .collect();
    Caller {
        number: number.filter(|_| !withheld).map(Private::new),
        raw,
        platform: platform.map(str::to_string),
        platform_no: platform.and_then(|_| incident(invite, &trunk.incident_headers)),
        ..Caller::default()
    }
}

/// Whether the caller wants not to be known, in whatever way (RFC 3323 §4.2, RFC 3325 §9.3). The values
/// stand between semicolons; some carriers write commas.
fn is_withheld(invite: &Request) -> bool {
    let lines = invite.headers.0.iter().filter(|header| header.name == Name::Privacy);
    let values = lines.flat_map(|header| header.value.split(|byte| matches!(byte, b';' | b',')));
    values.map(<[u8]>::trim_ascii).any(|value| WITHHOLDING.iter().any(|known| value.eq_ignore_ascii_case(known)))
}

const WITHHOLDING: [&[u8]; 4] = [b"id", b"user", b"header", b"session"];

fn kept(value: &[u8]) -> String {
    text(value).chars().take(KEPT).collect()
}

fn user(address: &NameAddr) -> Option<String> {
    address.uri.unescaped_user().map(|user| user.split(';').next().unwrap_or_default().to_string())
}

/// The longest number that we pass on, characters: twice what E.164 allows.
const LONGEST: usize = 32;
/// So much of each header is kept for the records, characters.
const KEPT: usize = 512;

/// `anonymous`, `unknown` and the like are no numbers, nor is what no telephone can have.
fn is_number(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    digits.len() <= LONGEST
        && digits.contains(|sign: char| sign.is_ascii_digit())
        && digits.chars().all(|sign| sign.is_ascii_digit() || matches!(sign, '-' | '*' | '#'))
}

/// Another platform's number of the incident, from the first of its headers that has one (R29).
fn incident(invite: &Request, headers: &[String]) -> Option<String> {
    let read = |header: &String| match Name::parse(header.as_bytes()) {
        name @ (Name::From | Name::PAssertedIdentity) => {
            let display = invite.headers.addrs(&name).first()?.display_text()?.into_owned();
            number_within(&display)
        }
        Name::Subject => number_within(&invite.headers.text(&Name::Subject)?),
        name if name == user_to_user_name() => user_to_user(invite),
        name => {
            let value = invite.headers.text(&name)?;
            let said = value.split(';').next().unwrap_or_default().trim();
            Some(said.to_owned()).filter(|said| fits(said)).or_else(|| number_within(said))
        }
    };
    headers.iter().find_map(read)
}

/// `J20261124001` in `警情 J20261124001 转办`: the first word with six digits or more.
fn number_within(text: &str) -> Option<String> {
    const DIGITS: usize = 6;
    let mut words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'));
    let digits = |word: &str| word.bytes().filter(u8::is_ascii_digit).count();
    words.find(|word| digits(word) >= DIGITS && fits(word)).map(str::to_owned)
}

fn fits(said: &str) -> bool {
    (1..=64).contains(&said.len()) && said.bytes().all(|byte| byte.is_ascii_graphic())
}

fn user_to_user_name() -> Name {
    Name::Other("User-to-User".into())
}

/// What another platform says about the call beside who calls. Hex
/// unless it is quoted, after the octet that says that it is text. (RFC 7433 §4.1, Q.931 §4.5.30)
fn user_to_user(invite: &Request) -> Option<String> {
    let value = invite.headers.text(&user_to_user_name())?;
    let data = value.split(';').next().unwrap_or_default().trim();
    let quoted = data.strip_prefix('"').and_then(|data| data.strip_suffix('"'));
    // What is no text in hex was sent as it is, by whatever rule.
    let hex = text_of_hex(data).filter(|said| fits(said));
    quoted.map(str::to_owned).or(hex).or_else(|| Some(data.to_owned())).filter(|said| fits(said))
}

fn text_of_hex(data: &str) -> Option<String> {
    const IA5: u8 = 4;
    let octets = crate::hex::read(data)?;
    String::from_utf8(octets.strip_prefix(&[IA5]).unwrap_or(&octets).to_vec()).ok()
}
