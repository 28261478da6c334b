//! What a seat's phone dials that becomes a leg of a call: somebody else on its second line, or as a shift
//! leader's the call of another seat. Whether it may, the switchboard says before a port is taken.

use crate::call::{self, AskRefused, CallId, LegId, SeatAsk, SeatNo, SuperviseRefused, Supervision, Verb};
use crate::privacy::Private;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::transactions::ServerTx;
use crate::time::Now;

use super::Exchange;

impl Exchange {
    pub(super) fn on_second_line(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: Request,
        seat: SeatNo,
        number: String,
    ) {
        let ask = SeatAsk::Talk(Verb::Consult(number.clone()));
        let call = match (self.board.may(now, &seat, &ask), self.board.call_of_seat(&seat)) {
            (Ok(()), Some(call)) => call,
            (Ok(()), None) => return self.answer(now, tx, &invite, status_of(AskRefused::NotTalking)),
            (Err(why), _) => return self.answer(now, tx, &invite, status_of(why)),
        };
        if let Some((leg, sip_call_id)) = self.admit_to(now, tx, flow, invite, call) {
            self.tell(now, call::Input::Dialled { leg, seat, number: Private::new(number), sip_call_id });
        }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn on_supervision(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: Request,
        by: SeatNo,
        of: SeatNo,
        how: Supervision,
    ) {
        let call = self.board.call_of_seat(&of).ok_or(SuperviseRefused::NoCall);
        let call = match call.and_then(|call| self.board.may_supervise(call, &by).map(|()| call)) {
            Ok(call) => call,
            Err(why) => return self.answer(now, tx, &invite, status_of_supervision(why)),
        };
        if let Some((leg, sip_call_id)) = self.admit_to(now, tx, flow, invite, call) {
            self.tell(now, call::Input::SuperviseDialled { leg, by, of, how, sip_call_id });
        }
    }

    /// The INVITE becomes a leg of this call, whose Call-ID comes with it.
    fn admit_to(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        invite: Request,
        call: CallId,
    ) -> Option<(LegId, String)> {
        let Some(port) = self.take_port_of_feature(flow.listener) else {
            self.counters.no_port += 1;
            self.answer(now, tx, &invite, 503);
            return None;
        };
        let sip_call_id = invite.headers.call_id().unwrap_or_default().to_string();
        let settings = self.leg_settings(flow.listener, port.number, None);
        let leg = self.admit(now, tx, flow, invite, settings, port, None)?;
        self.join_call(now, leg, call);
        Some((leg, sip_call_id))
    }
}

const fn status_of_supervision(why: SuperviseRefused) -> u16 {
    match why {
        SuperviseRefused::UnknownSeat | SuperviseRefused::NoCall => 404,
        SuperviseRefused::NoSupervisor => 403,
        SuperviseRefused::NotFree | SuperviseRefused::Taken => 486,
    }
}

/// What the phone shows. A seat that is in no call has nobody to consult for: it reaches nobody.
const fn status_of(why: AskRefused) -> u16 {
    match why {
        AskRefused::UnknownSeat
        | AskRefused::SignedOut
        | AskRefused::NoPhone
        | AskRefused::NoCall
        | AskRefused::NotTalking
        | AskRefused::NoThird
        | AskRefused::UnknownParty
        | AskRefused::NoSession => 404,
        AskRefused::Closed => 480,
        AskRefused::InCall
        | AskRefused::Consulting
        | AskRefused::SecondLine
        | AskRefused::TooMany
        | AskRefused::NotFree
        | AskRefused::LeaderBusy => 486,
    }
}
