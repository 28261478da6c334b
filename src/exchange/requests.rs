//! What a request that arrives becomes: an answer at once, a word to its dialog, or a new call.

use crate::call;
use crate::sip::dialog::with_tag;
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Name, Request, Response};
use crate::sip::session::{ALLOW, EXTENSIONS, capabilities};
use crate::sip::transactions::ServerTx;
use crate::time::Now;

use super::Exchange;
use super::origin::Origin;

impl Exchange {
    pub(super) fn on_request(&mut self, now: Now, tx: ServerTx, flow: Flow, request: Request) {
        if let Some((status, header)) = unacceptable(&request) {
            return self.answer_with(now, tx, &request, status, header);
        }
        let in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
        if in_dialog && request.method != Method::Register {
            return match self.leg_of(&request) {
                Some(key) => {
                    self.note_stream(key.leg, flow);
                    self.with_session(now, key, |session, transactions| {
                        session.on_request(now.mono, transactions, tx, flow, &request);
                    });
                }
                None => self.answer(now, tx, &request, 481),
            };
        }
        let origin = self.origin(now.mono, flow, &request);
        if origin == Origin::Unknown {
            return self.answer(now, tx, &request, 403);
        }
        match &request.method {
            Method::Invite => self.on_invite(now, tx, flow, request, origin),
            Method::Register => self.on_register(now, tx, flow, &request, &origin),
            Method::Options => {
                let mut response = self.reply(&request, 200);
                capabilities(&mut response);
                self.transactions.respond(now.mono, tx, response);
            }
            Method::Bye | Method::Update | Method::Prack | Method::Info => self.answer(now, tx, &request, 481),
            // Only what we are asked in a call of ours can be transferred.
            Method::Refer => self.answer(now, tx, &request, 403),
            Method::Ack
            | Method::Cancel
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                self.answer_with(now, tx, &request, 405, Some((Name::Allow, ALLOW.to_string())));
            }
        }
    }

    /// Only a seat's listener registers, and a trunk's address cannot.
    fn on_register(&mut self, now: Now, tx: ServerTx, flow: Flow, request: &Request, origin: &Origin) {
        if matches!(origin, Origin::Trunk(_)) && !self.settings.serves_seats(flow.listener) {
            return self.answer(now, tx, request, 403);
        }
        let expires = self.registrar.next_timeout().is_some_and(|at| at <= now.mono);
        let (response, changes) = self.registrar.register(now.mono, flow, request);
        self.tell_wrong_passwords(now);
        let changed = response.is_success();
        self.transactions.respond(now.mono, tx, response);
        if expires {
            self.watch_all_phones(now);
        } else if changed && let Some(user) = request.headers.to().ok().and_then(|to| to.uri.unescaped_user()) {
            self.watch_phones_of(now, &user);
        }
        self.on_registrations(now, changes);
    }

    pub(super) fn answer(&mut self, now: Now, tx: ServerTx, request: &Request, status: u16) {
        self.answer_with(now, tx, request, status, None);
    }

    /// `header`: what explains the status, as Allow does a 405.
    pub(super) fn answer_with(
        &mut self,
        now: Now,
        tx: ServerTx,
        request: &Request,
        status: u16,
        header: Option<(Name, String)>,
    ) {
        let mut response = self.reply(request, status);
        if let Some((name, value)) = header {
            response.headers.push(name, value);
        }
        self.transactions.respond(now.mono, tx, response);
    }

    /// A final response of no dialog. Its To has a tag all the same (RFC 3261 §8.2.6.2).
    fn reply(&mut self, request: &Request, status: u16) -> Response {
        let mut response = request.respond(status);
        if request.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let to = with_tag(request.headers.get(&Name::To).unwrap_or_default(), &self.tokens.next());
            response.headers.set(Name::To, to);
        }
        response.headers.push(Name::Server, self.settings.user_agent.as_str());
        response
    }

    /// Turns away a call for which there is no room.
    pub(super) fn answer_overload(&mut self, now: Now, tx: ServerTx, invite: &Request, trunk: usize) {
        let Some(trunk) = self.settings.trunks.get(trunk) else { return };
        let (name, status) = (trunk.name.clone(), trunk.overload_status);
        let after = trunk.overload_retry_after.map(|seconds| (Name::RetryAfter, seconds.to_string()));
        if self.overloads.insert(name.clone(), now.mono + OVERLOAD_QUIET).is_none() {
            self.carry_out(now, call::Output::Alarm { name: "overload", subject: name, active: true });
        }
        self.answer_with(now, tx, invite, status, after);
    }
}

/// An overload alarm clears after this time without another call turned away.
const OVERLOAD_QUIET: std::time::Duration = std::time::Duration::from_secs(60);

/// What no request may have, whoever sent it: an extension that is required and not ours (420), an
/// unknown scheme (416). RFC 3261 §8.2.2.
fn unacceptable(request: &Request) -> Option<(u16, Option<(Name, String)>)> {
    if !matches!(request.method, Method::Cancel | Method::Ack) {
        let ours = |token: &String| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(token));
        let unknown: Vec<String> =
            request.headers.tokens(&Name::Require).into_iter().filter(|token| !ours(token)).collect();
        if !unknown.is_empty() {
            return Some((420, Some((Name::Unsupported, unknown.join(", ")))));
        }
    }
    let scheme = request.uri.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(scheme.as_str(), "sip" | "sips" | "tel") {
        return Some((416, None));
    }
    None
}
