//! A seat consults on its phone's second line and transfers between its two lines. R14, RFC 5589.

use hotline::call::*;
use hotline::privacy::Private;

use crate::call::*;
use crate::call_guest::{SEAT, THIRD, talking_with};

const LINE: LegId = LegId(7);

fn dial(hall: &mut Hall, whom: &str) -> Vec<String> {
    let sip_call_id = "second@phone".to_owned();
    hall.tell(Input::Dialled { leg: LINE, seat: no("1001"), number: Private::new(whom.to_owned()), sip_call_id })
}

/// The citizen is held, and 601 is rung on the second line.
fn dialling() -> Hall {
    let mut hall = talking_with(settings());
    hall.tell(Input::Held { leg: SEAT });
    dial(&mut hall, "601");
    hall.pass(SECOND);
    hall
}

fn consulting() -> Hall {
    let mut hall = dialling();
    hall.tell(Input::Answered { leg: THIRD });
    hall.pass(SECOND);
    hall
}

#[test]
fn the_second_line_is_the_seats_mouth_and_ear_towards_whom_it_called() {
    let mut hall = talking_with(settings());
    hall.tell(Input::Held { leg: SEAT });
    let rings = dial(&mut hall, "601");
    assert_eq!(
        rings,
        ["Progress 7", "Dial d3 13800000601", "Mix 1 hears d1, d1 hears 1, 7 hears nobody", "1001 Consulting"]
    );
    let answer = hall.tell(Input::Answered { leg: THIRD });
    assert_eq!(
        answer,
        ["Mark joined 601", "Mark seat_joined 1001", "Answer 7", "Mix 1 hears d1, d1 hears 1, 7 hears d3, d3 hears 7"]
    );
    hall.pass(SECOND);
    // Its own hold leaves the third with music.
    assert_eq!(hall.tell(Input::Held { leg: LINE }), ["Play d3 Music …"]);
    assert_eq!(hall.tell(Input::Resumed { leg: LINE }), ["StopPlay d3"]);
    let back = hall.tell(Input::HungUp { leg: LINE });
    assert!(back.contains(&"HangUp d3".to_owned()), "{back:?}");
    assert_eq!(hall.state("1001"), SeatState::Held, "until its phone resumes");
    let resumed = hall.tell(Input::Resumed { leg: SEAT });
    assert!(resumed.contains(&"StopPlay 1".to_owned()), "{resumed:?}");
    hall.pass(SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: SEAT }));
    let roles: Vec<Role> = record.ended.participants.iter().map(|who| who.party.role).collect();
    assert_eq!(roles, [Role::Citizen, Role::Seat, Role::Unit, Role::Seat]);
    let consult =
        record.ended.segments.iter().find(|segment| segment.kind == Kind::Consult).expect("a private segment");
    let parties: Vec<Role> = consult.parties.iter().map(|party| party.role).collect();
    assert_eq!(parties, [Role::Seat, Role::Unit], "the seat is one party, on whatever line");
    assert!(record.ended.sip_call_ids.contains(&"second@phone".to_owned()));
}

#[test]
fn a_transfer_between_the_lines_puts_the_third_in_the_seats_place() {
    for (on, other) in [(SEAT, LINE), (LINE, SEAT)] {
        let mut hall = consulting();
        let out = hall.tell(Input::Transfer { leg: on, to: ReferTarget::Leg(other) });
        assert_eq!(out[0], format!("Referred {} Done", leg(on)));
        for gone in ["HangUp 7", "HangUp d1"] {
            assert!(out.contains(&gone.to_owned()), "{out:?}");
        }
        assert!(out.contains(&"Mix 1 + [d3]".to_owned()), "{out:?}");
        assert_eq!((hall.call().stage, hall.state("1001")), ("handed_over", SeatState::WrapUp));
    }
}

#[test]
fn whom_the_seat_transfers_to_may_still_ring() {
    let refer = |on: LegId, other: LegId| Input::Transfer { leg: on, to: ReferTarget::Leg(other) };
    let mut hall = dialling();
    assert!(hall.tell(refer(SEAT, LINE)).contains(&"Referred d1 Accepted".to_owned()));
    let out = hall.tell(Input::Answered { leg: THIRD });
    assert!(out.contains(&"Referred d1 Done".to_owned()) && out.contains(&"Mix 1 + [d3]".to_owned()), "{out:?}");
    // Nobody is reached: the seat's phone is told, on both lines, and the citizen is the same seat's.
    let mut hall = dialling();
    hall.tell(refer(SEAT, LINE));
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    let out = hall.wait(30 * SECOND);
    assert!(out.contains(&"Referred d1 Failed(NoAnswer)".to_owned()), "{out:?}");
    assert!(out.contains(&"Refuse 7 NotReached(NoAnswer)".to_owned()), "{out:?}");
    assert_eq!(hall.state("1001"), SeatState::Held);
    // It gives the second line up behind its REFER: the third rings on.
    let mut hall = dialling();
    hall.tell(refer(SEAT, LINE));
    let out = hall.tell(Input::HungUp { leg: LINE });
    assert!(!out.contains(&"HangUp d3".to_owned()), "{out:?}");
    assert!(hall.tell(Input::Answered { leg: THIRD }).contains(&"Mix 1 + [d3]".to_owned()));
    // And the first one as well: who is not reached brings the citizen back to that seat.
    let mut hall = dialling();
    hall.tell(refer(SEAT, LINE));
    hall.tell(Input::HungUp { leg: SEAT });
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    hall.wait(30 * SECOND);
    assert_eq!(hall.state("1001"), SeatState::Reserved);
}

#[test]
fn keys_on_the_second_line_join_all_three_and_the_seat_goes_on_by_it() {
    let mut hall = consulting();
    let out: Vec<String> = "*3".chars().flat_map(|digit| hall.tell(Input::Digit { leg: LINE, digit })).collect();
    assert!(out.contains(&"HangUp d1".to_owned()), "{out:?}");
    assert!(out.contains(&"Mix 1 + [7 d3]".to_owned()), "{out:?}");
    assert_eq!(hall.state("1001"), SeatState::ThreeWay);
    hall.pass(SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: LINE }));
    assert_eq!(record.ended.released_by, By::Seat, "a unit's calls end with the seat (R22)");
}

#[test]
fn only_a_seat_in_a_call_has_a_second_line_and_only_one() {
    let mut hall = talking_with(settings());
    assert_eq!(dial(&mut hall, "999"), ["Refuse 7 Forbidden"]);
    let other = Input::Dialled {
        leg: LegId(8),
        seat: no("1002"),
        number: Private::new("601".to_owned()),
        sip_call_id: "other@phone".to_owned(),
    };
    assert_eq!(hall.tell(other.clone()), ["Refuse 8 Forbidden"], "it is in no call");
    let mut hall = consulting();
    let third_line = Input::Dialled {
        leg: LegId(9),
        seat: no("1001"),
        number: Private::new("110".to_owned()),
        sip_call_id: "third@phone".to_owned(),
    };
    assert_eq!(hall.tell(third_line), ["Refuse 9 Forbidden"]);
    let swap = hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(Verb::Swap));
    assert_eq!(swap, Err(AskRefused::SecondLine), "the phone holds and resumes");
    // Nobody else's legs can be named.
    for other in [LegId(1), THIRD, LegId(99)] {
        let refused = hall.tell(Input::Transfer { leg: SEAT, to: ReferTarget::Leg(other) });
        assert_eq!(refused, ["Referred d1 Refused"], "{other:?}");
    }
}
