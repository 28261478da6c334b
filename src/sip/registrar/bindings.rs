//! Where each seat can be reached. (RFC 3261 §10.3; RFC 5626 §6 for phones that name themselves)

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Params, Uri};
use crate::sip::sources::source_of;
use crate::time::Mono;

/// One contact of a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The URI that the phone gave; listed in answers as it came.
    pub contact: Uri,
    /// The contact's other parameters (`q`, `+sip.instance` …), kept and listed, not used for
    /// choosing.
    pub params: Params,
    /// Where the REGISTER came from; requests to the seat go there and nowhere else.
    pub flow: Flow,
    pub expires_at: Mono,
    pub call_id: String,
    pub cseq: u32,
    /// The last keep-alive had no answer: no call goes there until one has.
    pub lost: bool,
}

impl Binding {
    /// The Request-URI for this seat: the contact's user and parameters at the address that the
    /// REGISTER came from, since the contact's own may be a private one behind a NAT.
    pub fn request_uri(&self) -> Uri {
        let mut params = self.contact.params.clone();
        params.remove("maddr");
        match self.flow.transport {
            Transport::Udp => params.remove("transport"),
            Transport::Tcp => params.set("transport", Some("tcp")),
        }
        // The user as it came: its escapes are already in place.
        let user = self.contact.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        let raw = format!("sip:{user}{}{params}", self.flow.remote);
        let (host, port) = (self.flow.remote.ip().to_string(), Some(self.flow.remote.port()));
        Uri { raw, scheme: "sip".to_owned(), user: self.contact.user.clone(), host, port, params }
    }

    /// The same contact; or the same device, which has moved or restarted. Two contacts of one
    /// device in one REGISTER are meant as two.
    fn gives_way_to(&self, wish: &Wish, order: &Order) -> bool {
        let same_device = device(&self.params).is_some_and(|name| device(&wish.params) == Some(name));
        self.contact.same_as(&wish.contact) || (same_device && !order.wrote(self))
    }
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub contact: Uri,
    pub params: Params,
    /// Seconds, already within the limits; 0 removes.
    pub expires: u32,
}

fn device(params: &Params) -> Option<(&str, Option<&str>)> {
    params.value("+sip.instance").map(|name| (name, params.value("reg-id")))
}

/// Where in its sequence a REGISTER stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub call_id: String,
    pub cseq: u32,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// An older REGISTER arrived after a newer one (RFC 3261 §10.3 step 7).
    OutOfOrder,
    TooMany,
}

#[derive(Debug, Default)]
pub(super) struct Bindings {
    of: BTreeMap<String, Vec<Binding>>,
    /// The earliest expiry: asked for after every event, so kept.
    next: Option<Mono>,
    revision: u64,
}

impl Bindings {
    /// All wishes or none. More than `most` in one request are refused; a phone that comes on top
    /// of `most` old ones (it has restarted under new ports) takes the place of the one that is
    /// lost or else runs out first.
    pub fn apply(
        &mut self,
        now: Mono,
        user: &str,
        flow: Flow,
        order: &Order,
        wishes: Vec<Wish>,
        most: usize,
    ) -> Result<(), Refusal> {
        let mut list: Vec<Binding> = self.of(user).cloned().collect();
        let overtaken = |wish: &Wish| list.iter().any(|old| old.contact.same_as(&wish.contact) && order.is_behind(old));
        if wishes.iter().any(overtaken) {
            return Err(Refusal::OutOfOrder);
        }
        if wishes.iter().filter(|wish| wish.expires > 0).count() > most {
            return Err(Refusal::TooMany);
        }
        for wish in wishes {
            let place = list.iter().position(|old| old.gives_way_to(&wish, order)).unwrap_or(list.len());
            list.retain(|old| !old.gives_way_to(&wish, order));
            if wish.expires > 0 {
                list.insert(place.min(list.len()), order.bind(now, flow, wish));
            }
        }
        while list.len() > most {
            let weakest = list.iter().enumerate().filter(|(_, old)| !order.wrote(old));
            let Some((place, _)) = weakest.min_by_key(|(_, old)| (!old.lost, old.expires_at)) else { break };
            list.remove(place);
        }
        self.put(user, list);
        Ok(())
    }

    /// `Contact: *`: every binding goes, unless one was written by a later request.
    pub fn clear(&mut self, user: &str, order: &Order) -> Result<(), Refusal> {
        if self.of(user).any(|old| order.is_behind(old)) {
            return Err(Refusal::OutOfOrder);
        }
        self.drop_user(user);
        Ok(())
    }

    /// One of an earlier run, unless there are enough.
    pub fn restore(&mut self, user: &str, binding: Binding, most: usize) {
        let mut list: Vec<Binding> = self.of(user).cloned().collect();
        if list.len() < most {
            list.push(binding);
            self.put(user, list);
        }
    }

    pub const fn revision(&self) -> u64 {
        self.revision
    }

    pub fn of(&self, user: &str) -> impl Iterator<Item = &Binding> {
        self.of.get(user).into_iter().flatten()
    }

    pub fn drop_user(&mut self, user: &str) {
        self.put(user, Vec::new());
    }

    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.of.keys().map(String::as_str)
    }

    /// Users with a live contact that came from exactly there.
    pub fn users_at(&self, now: Mono, flow: Flow) -> impl Iterator<Item = &str> {
        let there = move |binding: &Binding| binding.flow == flow && binding.expires_at > now;
        self.of.iter().filter(move |(_, list)| list.iter().any(there)).map(|(user, _)| user.as_str())
    }

    pub fn any_from(&self, now: Mono, source: IpAddr) -> bool {
        let from_there = |binding: &Binding| binding.expires_at > now && source_of(binding.flow.remote.ip()) == source;
        self.of.values().flatten().any(from_there)
    }

    /// Marks what is at `flow` as lost or found; the users concerned.
    pub fn mark(&mut self, flow: Flow, lost: bool) -> Vec<String> {
        let mut concerned = Vec::new();
        for (user, list) in &mut self.of {
            for binding in list.iter_mut().filter(|binding| binding.flow == flow && binding.lost != lost) {
                binding.lost = lost;
                concerned.push(user.clone());
            }
        }
        concerned.dedup();
        concerned
    }

    /// Removes what has run out; the users concerned.
    pub fn expire(&mut self, now: Mono) -> Vec<String> {
        let run_out = |binding: &Binding| binding.expires_at <= now;
        let concerned: Vec<String> =
            self.of.iter().filter(|(_, list)| list.iter().any(run_out)).map(|(user, _)| user.clone()).collect();
        for user in &concerned {
            let rest = self.of(user).filter(|binding| !run_out(binding)).cloned().collect();
            self.put(user, rest);
        }
        concerned
    }

    pub const fn next_expiry(&self) -> Option<Mono> {
        self.next
    }

    fn put(&mut self, user: &str, list: Vec<Binding>) {
        self.revision += 1;
        if list.is_empty() {
            self.of.remove(user);
        } else {
            self.of.insert(user.to_owned(), list);
        }
        self.next = self.of.values().flatten().map(|binding| binding.expires_at).min();
    }
}

impl Order {
    fn is_behind(&self, old: &Binding) -> bool {
        old.call_id == self.call_id && self.cseq <= old.cseq
    }

    fn wrote(&self, binding: &Binding) -> bool {
        binding.call_id == self.call_id && binding.cseq == self.cseq
    }

    fn bind(&self, now: Mono, flow: Flow, wish: Wish) -> Binding {
        Binding {
            contact: wish.contact,
            params: wish.params,
            flow,
            expires_at: now + Duration::from_secs(wish.expires.into()),
            call_id: self.call_id.clone(),
            cseq: self.cseq,
            lost: false,
        }
    }
}
