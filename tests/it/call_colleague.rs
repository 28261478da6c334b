//! Another seat as third party: rung as for a caller, and a party like others.

use hotline::call::*;

use crate::call::*;
use crate::call_guest::*;

/// Seat 1002 as third party, answered and in the state that `verb` leads to.
fn colleague(verb: Verb) -> Hall {
    let mut hall = talking();
    hall.verb(verb);
    hall.answers(THIRD);
    hall
}

#[test]
fn another_seat_is_rung_as_for_a_caller_and_wraps_up() {
    let mut hall = talking();
    let consult = hall.verb(Verb::Consult("1002".into()));
    assert_eq!((consult[1].as_str(), consult[2].as_str()), ("Dial d3 1002", "1002 Reserved"));
    assert_eq!(hall.tell(Input::Ringing { leg: THIRD }), ["1002 Ringing"]);
    hall.invite(9, "12345");
    assert_eq!(hall.board.queued(), 1, "it is in one call at most (I5)");
    hall.tell(Input::HungUp { leg: LegId(9) });
    let answer = hall.answers(THIRD);
    assert_eq!(
        answer,
        ["Mark seat_joined 1002", "1002 Talking", "Mix 1 hears nobody, d1 hears d3, d3 hears d1", "StopPlay d1"]
    );
    let alien = hall.board.may(hall.now, &no("1002"), &SeatAsk::Talk(Verb::Drop));
    assert_eq!(alien, Err(AskRefused::NotTalking), "the call is another seat's");
    hall.verb(Verb::Join);
    let dropped = hall.verb(Verb::Drop);
    assert!(dropped.contains(&"1002 WrapUp".to_owned()), "{dropped:?}");
    hall.pass(60 * SECOND);
    assert_eq!((hall.state("1001"), hall.state("1002")), (SeatState::Talking, SeatState::Idle));
}

#[test]
fn what_becomes_of_a_seat_that_is_rung_as_third_party() {
    type Event = fn(&mut Hall) -> Vec<Output>;
    let table: [(&str, Event, SeatState); 7] = [
        ("busy", |hall| hall.send(Input::Failed { leg: THIRD, why: Failure::Busy }), SeatState::Busy),
        ("declines", |hall| hall.send(Input::HungUp { leg: THIRD }), SeatState::Busy),
        ("rings out", |hall| hall.pass(T_THIRD), SeatState::Busy),
        ("its phone goes", |hall| hall.send(Input::Reachable { seat: no("1002"), reachable: false }), SeatState::Busy),
        ("is given up", |hall| hall.send(ask(Verb::Drop)), SeatState::Idle),
        ("the seat hangs up", |hall| hall.send(Input::HungUp { leg: SEAT }), SeatState::Idle),
        ("the citizen hangs up", |hall| hall.send(Input::HungUp { leg: CITIZEN }), SeatState::Idle),
    ];
    for (case, event, expected) in table {
        let mut hall = talking();
        hall.verb(Verb::Consult("1002".into()));
        let out = brief(&event(&mut hall));
        assert_eq!(hall.state("1002"), expected, "{case}: {out:?}");
        assert_eq!(hall.seat("1002").call, None, "{case}");
        if !case.ends_with("hangs up") {
            assert_eq!(hall.call().stage, "talking", "{case}: {out:?}");
        }
    }
    // Joined, then lost: the conversation goes on without it.
    let mut hall = colleague(Verb::Direct("1002".into()));
    let lost = hall.tell(Input::Lost { leg: THIRD, why: Loss::Media });
    assert!(lost.contains(&"Mix 1 + [d1]".to_owned()), "{lost:?}");
    assert_eq!(hall.state("1002"), SeatState::Busy);
    // The citizen hangs up: both seats wrap up.
    let mut hall = colleague(Verb::Direct("1002".into()));
    hall.tell(Input::HungUp { leg: CITIZEN });
    assert_eq!((hall.state("1001"), hall.state("1002")), (SeatState::WrapUp, SeatState::WrapUp));
    assert_eq!(hall.board.legs(), 0);
}

#[test]
fn a_seat_that_is_not_free_is_not_rung() {
    let busy = || {
        let mut hall = talking();
        hall.tell(Input::Ask { seat: no("1002"), ask: SeatAsk::Busy });
        hall
    };
    for own in ["1001", "1002"] {
        let hall = busy();
        let may = hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(Verb::Consult(own.into())));
        assert_eq!(may, Err(AskRefused::NotFree), "{own}");
    }
    let next = busy().verb(Verb::Consult("651".into()));
    assert!(next.contains(&"Dial d4 13800000605".to_owned()), "the next line of the entry: {next:?}");
    let free = talking().verb(Verb::Consult("651".into()));
    assert!(free.contains(&"Dial d3 1002".to_owned()), "{free:?}");
}

#[test]
fn a_call_that_a_seat_hands_to_another_is_that_ones_call() {
    for verb in [Verb::Consult("1002".into()), Verb::Direct("1002".into())] {
        let mut hall = colleague(verb);
        let left = hall.verb(Verb::Leave);
        assert!(left.contains(&"Mix 1 + [d3]".to_owned()), "{left:?}");
        assert_eq!((hall.state("1001"), hall.state("1002")), (SeatState::WrapUp, SeatState::Talking));
        assert_eq!(hall.call().seat, Some(no("1002")));
        let may = hall.board.may(hall.now, &no("1002"), &SeatAsk::Talk(Verb::Consult("601".into())));
        assert_eq!(may, Ok(()));
        let record = closed(&hall.send(Input::HungUp { leg: THIRD }));
        assert_eq!(record.ended.released_by, By::Seat);
        assert_eq!(hall.state("1002"), SeatState::WrapUp);
    }
}
