//! A seat's phone transfers its call (REFER): what it wants becomes an input of the switchboard, and the
//! switchboard's word on it the 202 and the NOTIFYs. RFC 3515, 3891, 5589.

use crate::call::{self, Failure, LegId, ReferOutcome, ReferTarget};
use crate::privacy::Private;
use crate::sip::message::{Name, Request, text};
use crate::sip::refer::{ReferTo, Replaces};
use crate::sip::session::ReferId;
use crate::time::Now;

use super::Exchange;
use super::legs::LegKey;

impl Exchange {
    /// One transfer of a leg at a time. A dialog in Replaces that is not ours is told by NOTIFY, as the
    /// 481 of the INVITE would be (RFC 5589 §7); a 481 to the REFER itself would end the citizen's call
    /// (RFC 5057 §5.1).
    pub(super) fn on_referred(&mut self, now: Now, key: LegKey, id: ReferId, to: ReferTo) {
        let Some(leg) = self.legs.get_mut(&key.leg) else { return };
        let refusal = match leg.is_a_seats() {
            false => Some((403, "only a seat transfers a call")),
            true if leg.chosen != Some(key.branch) => Some((403, "another phone has the call")),
            true if leg.referral.is_some() => Some((491, "another transfer is under way")),
            true => None,
        };
        if let Some((status, reason)) = refusal {
            return self.with_session(now, key, |session, transactions| {
                session.refuse_refer(now.mono, transactions, id, status, reason);
            });
        }
        let target = match &to.replaces {
            None => Ok(ReferTarget::Number(Private::new(to.number))),
            Some(replaces) => self.replaced(key.leg, replaces).map(ReferTarget::Leg),
        };
        match target {
            Ok(to) => {
                if let Some(leg) = self.legs.get_mut(&key.leg) {
                    leg.referral = Some(id);
                }
                self.tell(now, call::Input::Transfer { leg: key.leg, to });
            }
            Err(status) => self.with_session(now, key, |session, transactions| {
                session.accept_refer(now.mono, transactions, id);
                session.finish_refer(now.mono, transactions, id, status);
            }),
        }
    }

    /// A phone that has hung up in the meantime is told nothing, and its transfer goes on.
    pub(super) fn on_refer_outcome(&mut self, now: Now, id: LegId, outcome: ReferOutcome) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(referral) = leg.referral else { return };
        if outcome != ReferOutcome::Accepted {
            leg.referral = None;
        }
        let result = match outcome {
            ReferOutcome::Accepted => None,
            ReferOutcome::Refused => Some(603),
            ReferOutcome::Done => Some(200),
            ReferOutcome::Failed(why) => Some(status_of(why)),
        };
        self.with_leg(now, id, |session, transactions| {
            if outcome == ReferOutcome::Refused {
                session.refuse_refer(now.mono, transactions, referral, 603, "this call is not transferred there");
            }
            // What has had its answer already gets no second one.
            match result {
                Some(status) => session.finish_refer(now.mono, transactions, referral, status),
                None => session.accept_refer(now.mono, transactions, referral),
            }
        });
    }

    /// The other leg that a seat's phone names, or the status that its INVITE would get (RFC 3891 §3). One
    /// that still rings may be named: it is our own call, not one that we would have to answer.
    fn replaced(&self, own: LegId, replaces: &Replaces) -> Result<LegId, u16> {
        let found = self.by_tag.get(&replaces.to_tag).filter(|key| key.leg != own);
        let leg = found.and_then(|key| Some((key, self.legs.get(&key.leg)?)));
        let (key, leg) = leg.filter(|(_, leg)| leg.is_a_seats() && !leg.is_over()).ok_or(481_u16)?;
        let session = leg.branches.get(key.branch).ok_or(481_u16)?;
        match session.dialog().is_some_and(|dialog| dialog.is_named_by(replaces)) {
            false => Err(481),
            true if replaces.early_only && session.is_confirmed() => Err(486),
            true => Ok(key.leg),
        }
    }

    /// Only the switchboard puts one party in the place of another: an INVITE may not, whoever sends it.
    pub(super) fn refusal_of_replaces(&self, invite: &Request) -> Option<u16> {
        let mut values = invite.headers.all(&Name::Replaces);
        let replaces = Replaces::parse(&text(values.next()?));
        let (Ok(replaces), None) = (replaces, values.next()) else { return Some(400) };
        let key = self.by_tag.get(&replaces.to_tag);
        let session = key.and_then(|key| self.legs.get(&key.leg)?.branches.get(key.branch));
        let is_ours = session.and_then(|session| session.dialog()).is_some_and(|dialog| dialog.is_named_by(&replaces));
        Some(if is_ours { 403 } else { 481 })
    }
}

/// What the phone is told of a leg that did not come about.
pub(super) const fn status_of(why: Failure) -> u16 {
    match why {
        Failure::Busy => 486,
        Failure::Declined => 603,
        Failure::NoAnswer => 480,
        Failure::Unreachable => 404,
        Failure::Refused => 488,
        Failure::NoWay => 503,
    }
}
