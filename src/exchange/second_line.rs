//! A seat's phone that is in a call dials somebody else: its second leg of that call. Whether it may, the
//! switchboard says before a port is taken.

use crate::call::{self, AskRefused, SeatAsk, SeatNo, Verb};
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
        let Some(port) = self.take_port_of_feature(flow.listener) else {
            self.counters.no_port += 1;
            return self.answer(now, tx, &invite, 503);
        };
        let sip_call_id = invite.headers.call_id().unwrap_or_default().to_string();
        let settings = self.leg_settings(flow.listener, port.number, None);
        let Some(leg) = self.admit(now, tx, flow, invite, settings, port, None) else { return };
        self.join_call(now, leg, call);
        self.tell(now, call::Input::Dialled { leg, seat, number: Private::new(number), sip_call_id });
    }
}

/// What the phone shows. A seat that is in no call has nobody to consult for: it reaches nobody.
const fn status_of(why: AskRefused) -> u16 {
    match why {
        AskRefused::UnknownSeat
        | AskRefused::SignedOut
        | AskRefused::NoCall
        | AskRefused::NotTalking
        | AskRefused::NoThird
        | AskRefused::UnknownParty => 404,
        AskRefused::Closed => 480,
        AskRefused::InCall
        | AskRefused::Consulting
        | AskRefused::SecondLine
        | AskRefused::TooMany
        | AskRefused::NotFree => 486,
    }
}
