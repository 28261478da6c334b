//! Things that happen at the same time. rules.md §6, glare cases.

use std::time::Duration;

use hotline::call::*;

use crate::call::*;

/// A seat has answered and the journal has not spoken yet.
fn answering() -> Hall {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    hall.pass(SECOND);
    hall.seat_answers();
    hall
}

#[test]
fn a_caller_who_is_gone_when_the_seat_answers_has_an_invalid_ticket() {
    let mut hall = answering();
    let call = hall.call().call;
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(brief(&end), ["HangUp d1", "SealRecording", "1001 WrapUp", "CloseCall caller_gone_at_answer"]);
    let record = closed(&end);
    assert_eq!(record.invalid.as_deref(), Some("caller_gone_at_answer"));
    assert_eq!((record.ended.talk_ms, record.ended.released_by), (0, By::Caller));
    assert_eq!(
        hall.tell(Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) }),
        [""; 0],
        "the ticket opens into a call that is closed already"
    );
}

#[test]
fn a_200_that_crosses_the_cancel_is_an_answered_call_of_no_length() {
    let mut hall = answering();
    hall.journalled();
    hall.pass(Duration::from_millis(80));
    let end = hall.send(Input::Failed { leg: LegId(1), why: Failure::Refused });
    let record = closed(&end);
    assert_eq!((record.ended.talk_ms, record.invalid.as_deref()), (0, Some("caller_gone_at_answer")));
}

#[test]
fn the_caller_goes_before_the_seats_answer_arrives() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    let leg = hall.seat_leg();
    hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(hall.tell(Input::Answered { leg }), [""; 0], "its HangUp has been said; the exchange sends the BYE");
    assert_eq!(hall.state("1001"), SeatState::Idle);
}

#[test]
fn both_hang_up_at_once() {
    let mut hall = Hall::talking();
    let seat = hall.seat_leg();
    hall.pass(SECOND);
    assert_eq!(hall.tell(Input::HungUp { leg: seat }).last().unwrap(), "CloseCall normal");
    assert_eq!(hall.tell(Input::HungUp { leg: LegId(1) }), [""; 0]);
    assert_eq!(hall.tell(Input::Lost { leg: seat, why: Loss::Media }), [""; 0]);
}

#[test]
fn a_seat_that_hangs_up_before_the_caller_is_connected_has_ended_nothing() {
    let mut hall = answering();
    let seat = hall.seat_leg();
    assert_eq!(
        hall.tell(Input::HungUp { leg: seat }),
        [
            "Mix 1 + []",
            "Mark seat_lost 1001 hung_up",
            "Play 1 Returning",
            "1001 WrapUp",
            "Dial d2 1002",
            "1002 Reserved"
        ]
    );
    assert_eq!(brief(&hall.journalled()), ["Answer 1"], "the call has been answered");
    assert_eq!(
        brief(&hall.seat_answers()),
        ["StopPlay 1", "Mix 1 + [d2]", "Mark seat_joined 1002", "1002 Talking", "Play 1 SeatNumber(1002)"]
    );
}

#[test]
fn a_seat_without_wrap_up_that_does_so_is_not_rung_again_at_once() {
    let mut hall = Hall::open_with(Settings { wrap_up: Duration::ZERO, ..settings() });
    hall.invite(1, "12345");
    hall.seat_answers();
    let seat = hall.seat_leg();
    let told = hall.tell(Input::HungUp { leg: seat });
    assert_eq!(told[3..], ["1001 Busy (declined)", "Dial d2 1002", "1002 Reserved"]);
}

#[test]
fn a_seat_lost_before_the_ticket_is_open_opens_no_second_one() {
    let mut hall = answering();
    let first = hall.seat_leg();
    hall.send(Input::Lost { leg: first, why: Loss::Transport });
    let second = hall.seat_answers();
    assert!(!brief(&second).iter().any(|line| line.starts_with("Open")), "{:?}", brief(&second));
    assert_eq!(brief(&hall.journalled()), ["Answer 1", "Play 1 SeatNumber(1002)"]);
    assert_eq!(brief(&hall.journalled()), [""; 0], "said twice, done once");
}

#[test]
fn a_failed_journal_does_not_stop_the_answer() {
    let mut hall = answering();
    let call = hall.call().call;
    assert_eq!(
        hall.tell(Input::TicketOpened { call, number: None }),
        ["Alarm journal answers on", "Answer 1", "Play 1 SeatNumber(1001)"]
    );
    hall.invite(2, "12345");
    let second = hall.board.calls()[1].clone();
    hall.send(Input::Answered { leg: second.seat_leg.unwrap() });
    let number = Some("JDZ-20261124-000002".into());
    let mended = hall.tell(Input::TicketOpened { call: second.call, number });
    assert_eq!(mended[0], "Alarm journal answers off");

    // And where nobody calls any more.
    hall.send(Input::TicketOpened { call, number: None });
    assert_eq!(hall.tell(Input::JournalWorks), ["Alarm journal answers off"]);
    assert_eq!(hall.tell(Input::JournalWorks), [""; 0]);
}

#[test]
fn a_journal_that_does_not_speak_is_not_waited_for() {
    let mut hall = answering();
    assert_eq!(hall.wait(2 * SECOND), ["Alarm journal answers on", "Answer 1", "Play 1 SeatNumber(1001)"]);
    assert_eq!(brief(&hall.journalled()), ["Alarm journal answers off"]);
    assert_eq!(hall.call().ticket.as_deref(), Some("JDZ-20261124-000001"));
}

#[test]
fn the_seat_answers_in_the_moment_in_which_the_caller_is_connected_to_wait() {
    for seat_first in [true, false] {
        let mut hall = Hall::open_with(one_seat());
        hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Busy });
        hall.invite(1, "12345");
        hall.pass(seconds(44));
        hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Free });
        let mut lines = Vec::new();
        if seat_first {
            lines.extend(brief(&hall.seat_answers()));
            lines.extend(hall.wait(SECOND));
        } else {
            lines.extend(hall.wait(SECOND));
            lines.extend(brief(&hall.seat_answers()));
        }
        let connected = lines.contains(&"Answer 1".to_owned());
        assert_eq!(connected, !seat_first, "once a seat has answered, the 200 waits for the journal");
        lines.extend(brief(&hall.journalled()));
        assert_eq!(lines.iter().filter(|line| *line == "Answer 1").count(), 1, "{lines:?}");
    }
}

#[test]
fn an_answer_at_the_last_moment_of_the_ringing_counts() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    let leg = hall.seat_leg();
    hall.now.mono = hall.now.mono + seconds(12);
    hall.send(Input::Answered { leg });
    assert_eq!(hall.tell(Input::Tick), [""; 0]);
    assert_eq!(hall.state("1001"), SeatState::Talking);
}

#[test]
fn a_repeated_invite_of_a_live_leg_is_one_call() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    assert_eq!(brief(&hall.invite(1, "12345")), [""; 0]);
    assert_eq!(hall.board.live(), 1);
}
