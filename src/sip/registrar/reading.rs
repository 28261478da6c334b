//! What a REGISTER asks for.

use super::RegistrarLimits;
use super::bindings::{Order, Wish};
use crate::sip::message::{Fault, Name, NameAddr, Request};

#[derive(Debug)]
pub(super) enum Asked {
    /// No Contact: only tell.
    List,
    /// `Contact: *` with `Expires: 0`.
    Clear(Order),
    Bind(Order, Vec<Wish>),
}

#[derive(Debug)]
pub(super) enum Unregistrable {
    /// For a 400's reason phrase.
    Bad(String),
    /// For a 423.
    TooBrief,
}

impl Asked {
    /// RFC 3261 §10.3 steps 6 and 7.
    pub fn read(request: &Request, limits: &RegistrarLimits) -> Result<Self, Unregistrable> {
        let headers = &request.headers;
        let values: Vec<&[u8]> = headers.all(&Name::Contact).map(<[u8]>::trim_ascii).collect();
        if values.is_empty() {
            return Ok(Self::List);
        }
        let order = Order { call_id: headers.call_id()?.to_owned(), cseq: headers.cseq()?.number };
        if values.contains(&b"*".as_slice()) {
            return match (values.len(), headers.expires()) {
                (1, Some(0)) => Ok(Self::Clear(order)),
                _ => Err(Unregistrable::Bad("Contact * Needs Expires 0 And No Other Contact".to_owned())),
            };
        }
        let wishes = headers.contacts()?.into_iter().map(|contact| wish(contact, headers.expires(), limits));
        Ok(Self::Bind(order, wishes.collect::<Result<_, _>>()?))
    }
}

impl From<Fault> for Unregistrable {
    fn from(fault: Fault) -> Self {
        Self::Bad(fault.to_string())
    }
}

fn wish(contact: NameAddr, general: Option<u32>, limits: &RegistrarLimits) -> Result<Wish, Unregistrable> {
    if contact.uri.scheme != "sip" {
        return Err(Unregistrable::Bad("Contact Must Be A sip URI".to_owned()));
    }
    // A malformed value counts as the default (RFC 3261 §10.2.1.1, §20.19).
    let own = contact.params.value("expires").map(|text| text.trim().parse().unwrap_or(limits.max_expires));
    let wanted: u32 = own.or(general).unwrap_or(limits.max_expires);
    if wanted > 0 && wanted < limits.min_expires {
        return Err(Unregistrable::TooBrief);
    }
    let mut params = contact.params;
    params.remove("expires");
    Ok(Wish { contact: contact.uri, params, expires: wanted.min(limits.max_expires) })
}
