//! What a REFER asks for: whom the call goes to, and which other call it takes the place of.
//! (RFC 3515 §2.1, RFC 3891 §6.1, RFC 5589)

use thiserror::Error;

use super::lexer::text;
use super::message::{Fault, Headers, Name, NameAddr, Params, Uri};
use super::uri::unescape;

/// The one Refer-To of a REFER. Headers in its URI other than Replaces are passed over: they are for an
/// INVITE of ours, and we write our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferTo {
    pub uri: Uri,
    /// What a person would have dialled, without what only makes a number readable (RFC 3966 §5.1.1).
    /// Empty only beside `replaces`.
    pub number: String,
    pub replaces: Option<Replaces>,
}

/// A dialog as its peer names it: `to_tag` is of the side that is asked, `from_tag` of the peer.
/// (RFC 3891 §3)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
    /// Only if it is not answered yet.
    pub early_only: bool,
}

/// Why a REFER is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReferFault {
    #[error(transparent)]
    Unreadable(#[from] Fault),
    /// Any method may be asked for (RFC 3515 §2.1), but we only call.
    #[error("only an INVITE can be referred")]
    Method,
}

impl ReferTo {
    /// Reads the header that a REFER must have exactly once (RFC 3515 §2.4.2).
    pub fn read(headers: &Headers) -> Result<Self, ReferFault> {
        const NAME: &str = "Refer-To";
        let mut values = headers.all(&Name::ReferTo);
        let value = values.next().ok_or(Fault::Missing(NAME))?;
        if values.next().is_some() {
            return Err(Fault::Repeated(NAME).into());
        }
        let uri = NameAddr::parse(value).map_err(|_| Fault::Bad(NAME))?.uri;
        if !matches!(uri.scheme.as_str(), "sip" | "sips" | "tel") {
            return Err(Fault::Bad(NAME).into());
        }
        if uri.params.value("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
            return Err(ReferFault::Method);
        }
        let (number, replaces) = (number(&uri), embedded_replaces(&uri)?);
        if number.chars().any(char::is_control) || (number.is_empty() && replaces.is_none()) {
            return Err(Fault::Bad(NAME).into());
        }
        Ok(Self { uri, number, replaces })
    }
}

impl Replaces {
    const NAME: &str = "Replaces";

    /// Reads the value of the header: `call-id;to-tag=…;from-tag=…`, each tag exactly once.
    pub fn parse(value: &str) -> Result<Self, Fault> {
        read(value.trim_ascii()).ok_or(Fault::Bad(Self::NAME))
    }
}

fn read(value: &str) -> Option<Replaces> {
    let (call_id, params) = value.split_at(value.find(';')?);
    let call_id = call_id.trim_ascii_end();
    let params = Params::parse(params)?;
    let tag = |name: &str| {
        let mut same = params.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let tag = same.next()?.1.clone().filter(|tag| !tag.is_empty())?;
        same.next().is_none().then_some(tag)
    };
    let is_word = !call_id.is_empty() && call_id.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then_some(Replaces {
        call_id: call_id.to_owned(),
        to_tag: tag("to-tag")?,
        from_tag: tag("from-tag")?,
        early_only: params.get("early-only").is_some(),
    })
}

/// The Replaces among the `?name=value&…` of a URI, whose escapes are resolved only here
/// (RFC 3261 §19.1.1).
fn embedded_replaces(uri: &Uri) -> Result<Option<Replaces>, Fault> {
    let plain = |escaped: &str| text(&unescape(escaped, |_| true)).into_owned();
    let mut found = None;
    for header in uri.headers().unwrap_or_default().split('&') {
        let (name, value) = header.split_once('=').unwrap_or((header, ""));
        if !plain(name).eq_ignore_ascii_case(Replaces::NAME) {
            continue;
        }
        if found.replace(Replaces::parse(&plain(value))?).is_some() {
            return Err(Fault::Repeated(Replaces::NAME));
        }
    }
    Ok(found)
}

fn number(uri: &Uri) -> String {
    let user = uri.unescaped_user().unwrap_or_default();
    // A telephone number may carry parameters of its own: `110;phone-context=…`.
    let number = user.split(';').next().unwrap_or_default();
    let is_phone = uri.scheme == "tel" || uri.params.value("user").is_some_and(|kind| kind == "phone");
    number.chars().filter(|sign| !(is_phone && matches!(sign, '-' | '.' | '(' | ')'))).collect()
}
