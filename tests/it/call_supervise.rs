//! A shift leader on the call of a seat: who hears whom, and what becomes of it when somebody leaves.

use hotline::call::*;

use crate::call::*;
use crate::call_guest::{THIRD, talking_with};

const CITIZEN: LegId = LegId(1);
const SEAT: LegId = LegId(1 << 63 | 1);
const LEADER: LegId = LegId(1 << 63 | 2);

/// Seat 1001 talks with the citizen; 1002 is the shift leader's.
fn talking() -> Hall {
    let mut settings = settings();
    if let Some(seat) = settings.seats.get_mut(&no("1002")) {
        seat.supervisor = true;
    }
    talking_with(settings)
}

impl Hall {
    fn supervise(&mut self, how: Supervision) -> Vec<String> {
        let call = self.call().call;
        self.tell(Input::Supervise { call, by: no("1002"), how })
    }
}

fn on_the_call(how: Supervision) -> Hall {
    let mut hall = talking();
    hall.supervise(how);
    hall.tell(Input::Answered { leg: LEADER });
    hall
}

#[test]
fn each_way_lets_hear_those_and_no_others() {
    let listening = "Mix 1 hears d1, d1 hears 1, d2 hears 1 d1";
    let whispering = "Mix 1 hears d1, d1 hears 1 d2, d2 hears 1 d1";
    let mut hall = talking();
    assert_eq!(hall.supervise(Supervision::Listen), ["Dial d2 1002", "1002 Reserved"]);
    assert_eq!(hall.tell(Input::Ringing { leg: LEADER }), ["1002 Ringing"]);
    assert_eq!(hall.tell(Input::Answered { leg: LEADER }), ["1002 Talking", listening]);
    // From one to another; what the citizen hears changes with a barge only, and only that is on the record.
    assert_eq!(hall.supervise(Supervision::Whisper), [whispering]);
    assert_eq!(hall.supervise(Supervision::Barge), ["Mark seat_joined 1002", "Mix 1 + [d1 d2]", "1001 ThreeWay"]);
    assert_eq!(hall.supervise(Supervision::Listen), ["Mark seat_lost 1002 listen", listening, "1001 Talking"]);
    let taken = hall.supervise(Supervision::TakeOver);
    assert_eq!(
        taken,
        ["Mark seat_joined 1002", "HangUp d1", "Mark seat_lost 1001 taken_over", "Mix 1 + [d2]", "1001 WrapUp"]
    );
    assert_eq!(hall.call().seat, Some(no("1002")));
    let record = closed(&hall.send(Input::HungUp { leg: LEADER }));
    assert_eq!((record.ended.released_by, record.opened.seat), (By::Seat, no("1001")));
    assert_eq!(hall.state("1002"), SeatState::WrapUp);
}

#[test]
fn a_consultation_is_heard_and_a_whisper_reaches_the_seat_in_it() {
    for (how, expected) in [
        (Supervision::Listen, "Mix 1 hears nobody, d1 hears d4, d4 hears d1, d2 hears 1 d1 d4"),
        (Supervision::Whisper, "Mix 1 hears nobody, d1 hears d4 d2, d4 hears d1, d2 hears 1 d1 d4"),
        // The citizen is not alone any more.
        (Supervision::Barge, "Mix 1 hears d2, d2 hears 1, d1 hears d4, d4 hears d1"),
    ] {
        let mut hall = on_the_call(how);
        hall.tell(Input::Ask { seat: no("1001"), ask: SeatAsk::Talk(Verb::Consult("13800000601".into())) });
        let out = hall.tell(Input::Answered { leg: LegId(THIRD.0 + 1) });
        assert!(out.iter().any(|line| line.ends_with(expected.trim_start_matches("Mix "))), "{how:?}: {out:?}");
    }
}

/// What happens, while the shift leader does what; whom the citizen hears, or the end of the call.
#[test]
fn whoever_leaves_the_citizen_is_not_dropped_by_it() {
    use Supervision::{Barge, Listen, Whisper};
    let hung_up = |leg| Input::HungUp { leg };
    let lost = |leg| Input::Lost { leg, why: Loss::Media };
    let table = [
        (Listen, hung_up(CITIZEN), "ended", SeatState::Idle),
        (Barge, hung_up(CITIZEN), "ended", SeatState::Idle),
        (Listen, hung_up(SEAT), "ended", SeatState::Idle),
        (Whisper, hung_up(SEAT), "ended", SeatState::Idle),
        (Barge, hung_up(SEAT), "Mix 1 + [d2]", SeatState::Talking),
        (Barge, lost(SEAT), "Mix 1 + [d2]", SeatState::Talking),
        (Listen, hung_up(LEADER), "Mix 1 + [d1]", SeatState::Idle),
        (Whisper, lost(LEADER), "Mix 1 + [d1]", SeatState::Busy),
        (Barge, hung_up(LEADER), "Mix 1 + [d1]", SeatState::Idle),
    ];
    for (how, event, expected, state) in table {
        let mut hall = on_the_call(how);
        let case = format!("{event:?} while {how:?}");
        let out = hall.tell(event);
        if expected == "ended" {
            assert_eq!((hall.board.live(), hall.board.legs()), (0, 0), "{case}: {out:?}");
        } else {
            assert!(out.contains(&expected.to_owned()), "{case}: {out:?}");
        }
        assert_eq!(hall.state("1002"), state, "{case}: {out:?}");
    }
    // The seat is lost: the citizen is first in the queue, and the leader, who only listened, is free for him.
    let mut hall = on_the_call(Listen);
    let out = hall.tell(lost(SEAT));
    assert!(out.contains(&"Play 1 Returning".to_owned()) && out.contains(&"HangUp d2".to_owned()), "{out:?}");
    assert_eq!(hall.call().seat, Some(no("1002")));
}

#[test]
fn a_leader_that_does_not_pick_up_changes_nothing() {
    for event in [Input::HungUp { leg: LEADER }, Input::Failed { leg: LEADER, why: Failure::Busy }] {
        let mut hall = talking();
        hall.supervise(Supervision::Barge);
        assert!(hall.tell(event).contains(&"Mix 1 + [d1]".to_owned()));
        assert_eq!((hall.state("1001"), hall.state("1002")), (SeatState::Talking, SeatState::Busy));
    }
    let mut hall = talking();
    hall.supervise(Supervision::Listen);
    assert!(hall.wait(seconds(12)).contains(&"1002 Busy (no_answer)".to_owned()));
    assert_eq!(hall.board.legs(), 2);
    // It was busy before: it is so again, and no caller is offered to it.
    let mut hall = talking();
    hall.tell(Input::Ask { seat: no("1002"), ask: SeatAsk::Busy });
    hall.supervise(Supervision::Listen);
    hall.tell(Input::Answered { leg: LEADER });
    hall.tell(Input::HungUp { leg: LEADER });
    assert_eq!(hall.state("1002"), SeatState::Busy);
}

#[test]
fn only_a_shift_leader_who_is_free_may_and_only_on_a_call_that_was_answered() {
    let hall = talking();
    let call = hall.call().call;
    assert_eq!(hall.board.may_supervise(call, &no("1002")), Ok(()));
    assert_eq!(hall.board.may_supervise(call, &no("1003")), Err(SuperviseRefused::NoSupervisor));
    assert_eq!(hall.board.may_supervise(call, &no("9999")), Err(SuperviseRefused::UnknownSeat));
    assert_eq!(hall.board.may_supervise(CallId(1), &no("1002")), Err(SuperviseRefused::NoCall));
    let mut hall = talking();
    hall.tell(Input::Ask { seat: no("1002"), ask: SeatAsk::SignOut });
    assert_eq!(hall.board.may_supervise(hall.call().call, &no("1002")), Err(SuperviseRefused::NotFree));
    let call = hall.call().call;
    assert_eq!(hall.tell(Input::Supervise { call, by: no("1003"), how: Supervision::Listen }), [""; 0]);
}

/// From a plain phone: the leader dials the code and the seat's number, and is on the call at once.
#[test]
fn a_shift_leaders_phone_dials_the_call_of_a_seat() {
    use Supervision::{Barge, Listen, TakeOver, Whisper};
    let code = |dialled: &str| supervision_code(dialled);
    assert_eq!(code("*811001"), Some((Listen, no("1001"))));
    assert_eq!(code("*841001"), Some((TakeOver, no("1001"))));
    for nothing in ["*81", "*851001", "811001", "*8", "*"] {
        assert_eq!(code(nothing), None, "{nothing}");
    }
    let dial = |leg: u64, by: &str, of: &str, how| Input::SuperviseDialled {
        leg: LegId(leg),
        by: no(by),
        of: no(of),
        how,
        sip_call_id: "leader@phone".into(),
    };
    let mut hall = talking();
    assert_eq!(
        hall.tell(dial(7, "1002", "1001", Listen)),
        [
            "Supervised listen by 1002",
            "1002 Reserved",
            "Answer 7",
            "1002 Talking",
            "Mix 1 hears d1, d1 hears 1, 7 hears 1 d1"
        ]
    );
    assert_eq!(hall.tell(dial(8, "1002", "1001", Listen)), ["Refuse 8 Forbidden"], "he is on it");
    let keys = |hall: &mut Hall, keys: &str| -> Vec<String> {
        keys.chars().flat_map(|digit| hall.tell(Input::Digit { leg: LegId(7), digit })).collect()
    };
    let whispers = ["Supervised whisper by 1002", "Mix 1 hears d1, d1 hears 1 7, 7 hears 1 d1"];
    assert_eq!(keys(&mut hall, "*82"), whispers);
    assert_eq!(keys(&mut hall, "*3"), ["Play 7 Refused"], "the call's verbs are its seat's");
    assert_eq!(keys(&mut hall, "5"), [""; 0]);
    assert!(keys(&mut hall, "*84").contains(&"HangUp d1".to_owned()));
    assert_eq!(hall.call().seat, Some(no("1002")));
    let record = closed(&hall.send(Input::HungUp { leg: LegId(7) }));
    assert_eq!(record.ended.released_by, By::Seat);
    assert_eq!(hall.state("1002"), SeatState::WrapUp);

    for (by, of) in [("1003", "1001"), ("1002", "1003"), ("1002", "9999"), ("9999", "1001")] {
        let mut hall = talking();
        assert_eq!(hall.tell(dial(7, by, of, Barge)), ["Refuse 7 Forbidden"], "{by} on the call of {of}");
    }
    // He hangs up, and the call goes on as it was.
    let mut hall = talking();
    hall.tell(dial(7, "1002", "1001", Whisper));
    assert_eq!(hall.tell(Input::HungUp { leg: LegId(7) }), ["1002 Idle", "Mix 1 + [d1]"]);
}
