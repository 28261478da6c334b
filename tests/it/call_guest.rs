//! Third parties in a live call: consult, join, drop, leave, transfer, and what becomes of the citizen
//! when something goes wrong. R14, R19–R22, rules.md §6.2.

use std::time::Duration;

use hotline::call::directory::{AfterSeat, AnswerPolicy, Directory, Entry, Kind, Line, LineTo, Service};
use hotline::call::*;
use hotline::privacy::Private;

use crate::call::*;

/// The citizen is leg 1, the seat d1. Of what is dialled next the first number is d3.
pub const CITIZEN: LegId = LegId(1);
pub const SEAT: LegId = dialled(1);
pub const THIRD: LegId = dialled(3);
const NEXT: LegId = dialled(4);
pub const T_THIRD: Duration = Duration::from_secs(30);

const fn dialled(number: u64) -> LegId {
    LegId(1 << 63 | number)
}

/// 601: a unit with two numbers, whose calls end with the seat. 110: reserved channels, and it stays.
pub fn directory() -> Directory {
    let numbers_only = with_seats().entries().filter(|entry| entry.code != "651").cloned().collect::<Vec<_>>();
    Directory::new(numbers_only, Vec::new())
}

/// And 651, whose first line is a seat.
pub fn with_seats() -> Directory {
    let number = |number: &str| LineTo::Number { number: Private::new(number.into()), trunks: Vec::new(), shown: None };
    let entry = |code: &str, kind: Kind, numbers: &[&str], after_seat_leaves| Entry {
        code: code.into(),
        name: format!("单位 {code}"),
        pinyin: None,
        kind,
        lines: numbers.iter().map(|text| Line { to: number(text), duty: true }).collect(),
        hours: None,
        answer: AnswerPolicy::Announced,
        after_seat_leaves,
        competence: Vec::new(),
    };
    Directory::new(
        [
            entry("601", Kind::Unit, &["13800000601", "13800000602"], AfterSeat::EndAll),
            entry("110", Kind::Emergency(Service::Police), &["110"], AfterSeat::KeepTalking),
            entry("803", Kind::Emergency(Service::Gas), &["13800000803", "13800000804"], AfterSeat::EndAll),
            Entry {
                lines: [LineTo::Seat(no("1002")), number("13800000605")].map(|to| Line { to, duty: true }).into(),
                ..entry("651", Kind::Expert, &[], AfterSeat::KeepTalking)
            },
            Entry {
                answer: AnswerPolicy::Press1,
                ..entry("602", Kind::Unit, &["13800000603", "13800000604"], AfterSeat::EndAll)
            },
        ],
        Vec::new(),
    )
}

pub fn talking() -> Hall {
    talking_with(settings())
}

pub fn talking_with(settings: Settings) -> Hall {
    let mut hall = Hall::open_with(Settings { directory: with_seats(), ..settings });
    hall.invite(1, "12345");
    hall.pass(3 * SECOND);
    hall.seat_answers();
    hall.journalled();
    hall.pass(SECOND);
    hall
}

pub fn ask(verb: Verb) -> Input {
    Input::Ask { seat: no("1001"), ask: SeatAsk::Talk(verb) }
}

impl Hall {
    pub fn verb(&mut self, verb: Verb) -> Vec<String> {
        self.tell(ask(verb))
    }

    pub fn keys(&mut self, keys: &str) -> Vec<String> {
        keys.chars().flat_map(|digit| self.tell(Input::Digit { leg: SEAT, digit })).collect()
    }

    pub fn answers(&mut self, leg: LegId) -> Vec<String> {
        self.tell(Input::Answered { leg })
    }
}

pub fn consulting() -> Hall {
    let mut hall = talking();
    hall.verb(Verb::Consult("601".into()));
    hall.pass(SECOND);
    hall.answers(THIRD);
    hall
}

pub fn three_way() -> Hall {
    let mut hall = consulting();
    hall.verb(Verb::Join);
    hall
}

#[test]
fn consult_join_and_drop_are_three_steps() {
    let mut hall = talking();
    let consult = hall.verb(Verb::Consult("601".into()));
    assert_eq!(
        consult,
        [
            "Mark hold",
            "Dial d3 13800000601",
            "Mix 1 hears nobody, d1 hears nobody",
            "Play d1 Ringback …",
            "Play 1 Music …",
            "1001 Consulting"
        ],
        "the citizen hears music from the moment in which the seat turns away"
    );
    assert_eq!(hall.answers(THIRD), ["Mark joined 601", "Mix 1 hears nobody, d1 hears d3, d3 hears d1", "StopPlay d1"]);
    assert_eq!(hall.verb(Verb::Join), ["StopPlay d3", "Mark resume", "Mix 1 + [d1 d3]", "StopPlay 1", "1001 ThreeWay"]);
    assert_eq!(hall.call().stage, "three_way");
    assert_eq!(hall.verb(Verb::Drop), ["HangUp d3", "Mark left 601 dropped", "Mix 1 + [d1]", "1001 Talking"]);
    hall.pass(SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: SEAT }));
    let third = record.ended.participants.iter().find(|who| who.party.role == Role::Unit).unwrap();
    assert_eq!((third.party.name.as_str(), third.result.as_str()), ("单位 601", "dropped"));
    assert!(third.left.is_some());
    assert_eq!(record.ended.hold_ms, 0, "nobody was held for any time in this test");
}

#[test]
fn a_direct_join_has_no_private_phase() {
    let mut hall = talking();
    assert_eq!(hall.verb(Verb::Direct("110".into())), ["Dial d3 110", "Mix 1 + [d1]"]);
    assert_eq!(hall.answers(THIRD), ["Mark joined 110", "Mix 1 + [d1 d3]", "1001 ThreeWay"]);
}

#[test]
fn an_emergency_takes_reserved_channels_and_nobody_else_does() {
    for (whom, expected) in [("110", true), ("601", false), ("13800000009", false)] {
        let out = talking().send(Input::Ask { seat: no("1001"), ask: SeatAsk::Talk(Verb::Direct(whom.into())) });
        let reserved = out.iter().find_map(|output| match output {
            Output::Dial { target: Target::Number { reserved, .. }, .. } => Some(*reserved),
            _ => None,
        });
        assert_eq!(reserved, Some(expected), "{whom}");
    }
}

#[test]
fn a_swap_leaves_music_with_whom_the_seat_turns_from() {
    let mut hall = consulting();
    assert_eq!(hall.verb(Verb::Swap), ["Play d3 Music …", "Mark resume", "Mix 1 + [d1]", "StopPlay 1", "1001 Talking"]);
    assert_eq!(
        hall.verb(Verb::Swap),
        [
            "StopPlay d3",
            "Mark hold",
            "Mix 1 hears nobody, d1 hears d3, d3 hears d1",
            "Play 1 Music …",
            "1001 Consulting"
        ]
    );
}

#[test]
fn the_same_by_keys_on_a_plain_phone() {
    let mut hall = talking();
    let consult = hall.keys("*1601#");
    assert!(consult.contains(&"Dial d3 13800000601".to_owned()), "{consult:?}");
    hall.answers(THIRD);
    assert!(hall.keys("*3").contains(&"Mix 1 + [d1 d3]".to_owned()));
    assert!(hall.keys("*5").contains(&"HangUp d3".to_owned()));
    // What means nothing, or cannot be now, is told by a prompt; keys without a star are not for us.
    for wrong in ["*99", "*91", "*09", "*008", "*08#", "*3", "*4", "*5", "*6", "*1#", "*1999#"] {
        assert_eq!(hall.keys(wrong), ["Play d1 Refused"], "{wrong}");
    }
    assert_eq!(hall.keys("12345#"), [""; 0]);
    assert_eq!(keys_in_call().len(), 17);
}

/// R22: the citizen is back with the seat, after every number of the unit was tried.
#[test]
fn a_third_party_that_is_not_reached_costs_the_citizen_nothing() {
    let mut hall = talking();
    hall.verb(Verb::Consult("601".into()));
    let next = hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    assert_eq!(next[0], "Dial d4 13800000602", "the next number of the unit");
    let back = hall.wait(T_THIRD);
    assert_eq!(
        back,
        [
            "HangUp d4",
            "Mark resume",
            "Mix 1 + [d1]",
            "StopPlay d1",
            "StopPlay 1",
            "1001 Talking",
            "Play d1 NotReached(NoAnswer)"
        ]
    );
    assert_eq!(hall.board.legs(), 2);
}

#[test]
fn seats_may_not_do_what_cannot_be_done() {
    let mut hall = talking();
    let may = |hall: &Hall, verb: Verb| hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(verb));
    assert_eq!(may(&hall, Verb::Consult("999".into())), Err(AskRefused::UnknownParty));
    assert_eq!(may(&hall, Verb::Consult("12ab".into())), Err(AskRefused::UnknownParty));
    assert_eq!(may(&hall, Verb::Join), Err(AskRefused::NoThird));
    hall.verb(Verb::Consult("601".into()));
    assert_eq!(may(&hall, Verb::Join), Err(AskRefused::NoThird), "it has not answered");
    assert_eq!(may(&hall, Verb::Direct("110".into())), Err(AskRefused::Consulting));
    for turn in 0..6_u64 {
        let leg = dialled(3 + 2 * turn);
        hall.answers(leg);
        assert_eq!(may(&hall, Verb::Join), Ok(()), "party {turn}");
        hall.verb(Verb::Join);
        if turn < 5 {
            hall.verb(Verb::Consult("601".into()));
        }
    }
    assert_eq!(may(&hall, Verb::Direct("110".into())), Err(AskRefused::TooMany), "eight are on the line (R25)");
}

/// A voicemail picks up too: whoever must press 1 is nobody until it has.
#[test]
fn an_answer_is_one_only_when_1_is_pressed() {
    let asked = |how: fn(String) -> Verb| {
        let mut hall = talking();
        hall.verb(how("602".into()));
        assert_eq!(hall.answers(THIRD), ["Play d3 Press1 …"], "it hears nobody, and nobody hears it");
        hall
    };
    let third = |digit| Input::Digit { leg: THIRD, digit };
    let mut hall = asked(Verb::Consult);
    assert_eq!(hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(Verb::Join)), Err(AskRefused::NoThird));
    for other in ['2', '*', '#', '0'] {
        assert_eq!(hall.tell(third(other)), [""; 0], "{other}");
    }
    let pressed = ["StopPlay d3", "Mark joined 602", "Mix 1 hears nobody, d1 hears d3, d3 hears d1", "StopPlay d1"]
        .map(str::to_owned);
    assert_eq!(hall.tell(third('1')), pressed);
    assert_eq!(hall.tell(third('1')), [""; 0], "once");
    assert_eq!(hall.wait(60 * SECOND), [""; 0], "and the time for it is over");
    let mut hall = asked(Verb::Direct);
    assert_eq!(hall.tell(third('1')), ["StopPlay d3", "Mark joined 602", "Mix 1 + [d1 d3]", "1001 ThreeWay"]);

    // Whatever else becomes of it, the next number is called: it was not reached.
    let next = "Dial d4 13800000604".to_owned();
    assert!(!asked(Verb::Consult).wait(seconds(14)).contains(&next));
    let silent = asked(Verb::Consult).wait(seconds(15));
    assert_eq!((&silent[0], &silent[1]), (&"HangUp d3".to_owned(), &next));
    for gone in [Input::HungUp { leg: THIRD }, Input::Lost { leg: THIRD, why: Loss::Media }] {
        let mut hall = asked(Verb::Consult);
        let out = hall.tell(gone.clone());
        assert!(out.contains(&next), "{gone:?}: {out:?}");
        assert!(!out.iter().any(|line| line.starts_with("Mark left")), "{gone:?}: it has never been there");
        assert_eq!(hall.answers(NEXT), ["Play d4 Press1 …"], "the next one is asked too");
        let back = hall.wait(seconds(15));
        assert_eq!(
            back[..6],
            ["HangUp d4", "Mark resume", "Mix 1 + [d1]", "StopPlay d1", "StopPlay 1", "1001 Talking"]
        );
    }
    // A transfer stands when somebody is there, and not before.
    let transfer = Input::Transfer { leg: SEAT, to: ReferTarget::Number(Private::new("602".into())) };
    let mut hall = talking();
    hall.tell(transfer);
    assert_eq!(hall.answers(THIRD), ["Play d3 Press1 …"]);
    assert!(hall.tell(third('1')).contains(&"Referred d1 Done".to_owned()));
    // The seat gives up while it is asked.
    let mut hall = asked(Verb::Direct);
    assert!(hall.verb(Verb::Drop).contains(&"HangUp d3".to_owned()));
    assert_eq!(hall.wait(60 * SECOND), [""; 0]);
}

/// Who ends, in which state, and who is connected to whom afterwards.
#[test]
fn every_end_of_a_leg_in_every_state() {
    type State = (&'static str, fn() -> Hall);
    let ringing = || {
        let mut hall = talking();
        hall.verb(Verb::Consult("601".into()));
        hall
    };
    let keeping = || {
        let mut hall = talking();
        hall.verb(Verb::Direct("110".into()));
        hall.answers(THIRD);
        hall
    };
    let left = || {
        let mut hall = three_way();
        hall.verb(Verb::Leave);
        hall
    };
    let states: [State; 5] = [
        ("ringing", ringing),
        ("consulting", consulting),
        ("three-way", three_way),
        ("with 110", keeping),
        ("left", left),
    ];
    let lost = |leg| Input::Lost { leg, why: Loss::Media };
    let hung_up = |leg| Input::HungUp { leg };
    // state, event; whom the citizen hears, or the end of the call
    let table = [
        ("ringing", hung_up(CITIZEN), "ended by Caller"),
        ("ringing", hung_up(SEAT), "ended by Seat"),
        ("ringing", lost(SEAT), "queued"),
        ("ringing", hung_up(THIRD), "Dial d4 13800000602"),
        ("consulting", hung_up(CITIZEN), "ended by Caller"),
        ("consulting", hung_up(SEAT), "Mix 1 + [d3]"),
        ("consulting", lost(SEAT), "Mix 1 + [d3]"),
        ("consulting", hung_up(THIRD), "Mix 1 + [d1]"),
        ("consulting", lost(THIRD), "Mix 1 + [d1]"),
        ("three-way", hung_up(CITIZEN), "ended by Caller"),
        ("three-way", lost(CITIZEN), "ended by Trunk"),
        ("three-way", hung_up(SEAT), "ended by Seat"),
        ("three-way", lost(SEAT), "Mix 1 + [d3]"),
        ("three-way", hung_up(THIRD), "Mix 1 + [d1]"),
        ("three-way", lost(THIRD), "Mix 1 + [d1]"),
        ("with 110", hung_up(SEAT), "Mix 1 + [d3]"),
        ("with 110", lost(SEAT), "Mix 1 + [d3]"),
        ("with 110", hung_up(THIRD), "Mix 1 + [d1]"),
        ("left", hung_up(CITIZEN), "ended by Caller"),
        ("left", hung_up(THIRD), "ended by Third"),
        ("left", lost(THIRD), "queued"),
    ];
    for (name, event, expected) in table {
        let (_, state) = states.iter().find(|(state, _)| *state == name).unwrap();
        let mut hall = state();
        let case = format!("{event:?} while {name}");
        let out = hall.send(event);
        let told = brief(&out);
        match expected.strip_prefix("ended by ") {
            Some(by) => {
                assert_eq!(format!("{:?}", closed(&out).ended.released_by), by, "{case}: {told:?}");
                assert_eq!(hall.board.legs(), 0, "{case}: {told:?}");
            }
            None if expected == "queued" => {
                assert!(told.contains(&"Play 1 Returning".to_owned()), "{case}: {told:?}");
                assert!(told.contains(&"Mix 1 + []".to_owned()), "{case}: {told:?}");
            }
            None => assert!(told.contains(&expected.to_owned()), "{case}: {told:?}"),
        }
        assert_eq!(
            out.iter().filter(|output| matches!(output, Output::SealRecording { .. })).count(),
            usize::from(expected.starts_with("ended")),
            "{case}: the one recording goes on as long as the call"
        );
    }
}

#[test]
fn a_seat_that_leaves_is_free_and_the_others_talk_on_in_the_same_record() {
    let mut hall = three_way();
    let left = hall.verb(Verb::Leave);
    assert_eq!(left, ["HangUp d1", "Mark seat_lost 1001 left", "Mix 1 + [d3]", "1001 WrapUp"]);
    assert_eq!(hall.call().stage, "handed_over");
    hall.pass(60 * SECOND);
    assert_eq!(hall.state("1001"), SeatState::Idle);
    let record = closed(&hall.send(Input::HungUp { leg: CITIZEN }));
    assert!(record.ended.talk_ms >= 60_000, "{}", record.ended.talk_ms);
    assert_eq!(record.ended.participants.len(), 3);
}

/// R14: the phone's own transfer button.
#[test]
fn a_blind_transfer_is_told_and_a_failed_one_brings_the_citizen_back() {
    let number = |text: &str| ReferTarget::Number(Private::new(text.to_owned()));
    let mut hall = talking();
    let begun = hall.tell(Input::Transfer { leg: SEAT, to: number("601") });
    assert_eq!(begun, ["Referred d1 Accepted", "Dial d3 13800000601", "Mix 1 + []", "Play 1 Music …"]);
    let done = hall.answers(THIRD);
    assert_eq!(
        done,
        [
            "Mark joined 601",
            "Referred d1 Done",
            "HangUp d1",
            "Mark seat_lost 1001 left",
            "Mix 1 + [d3]",
            "StopPlay 1",
            "1001 WrapUp"
        ]
    );

    let mut hall = talking();
    hall.tell(Input::Transfer { leg: SEAT, to: number("601") });
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    let failed = hall.tell(Input::Failed { leg: NEXT, why: Failure::Busy });
    assert_eq!(
        failed,
        ["Referred d1 Failed(Busy)", "Mix 1 + [d1]", "StopPlay 1", "Play d1 NotReached(Busy)"],
        "with the same seat again"
    );

    // The phone has hung up behind its REFER, as many do.
    let mut hall = talking();
    hall.tell(Input::Transfer { leg: SEAT, to: number("601") });
    assert_eq!(hall.tell(Input::HungUp { leg: SEAT }), ["Mark seat_lost 1001 hung_up", "Mix 1 + []", "1001 WrapUp"]);
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    let failed = hall.tell(Input::Failed { leg: NEXT, why: Failure::Busy });
    assert!(failed.contains(&"Dial d6 1001".to_owned()), "the same seat is rung again: {failed:?}");

    for nobody in [number("999"), ReferTarget::Leg(CITIZEN)] {
        assert_eq!(talking().tell(Input::Transfer { leg: SEAT, to: nobody }), ["Referred d1 Refused"]);
    }
}

/// R23: the seat's word, in the call or after it; else what we see ourselves.
#[test]
fn the_result_of_a_three_way_call_is_the_seats_word_else_ours() {
    use ThreewayResult::{NotCompetent, Refused, ResolvedOnSpot, Unreachable};
    let result = |hall: &mut Hall| closed(&hall.send(Input::HungUp { leg: SEAT })).threeway_result;
    for (why, expected) in [
        (Failure::Busy, Unreachable),
        (Failure::NoAnswer, Unreachable),
        (Failure::Declined, Refused),
        (Failure::NoWay, Unreachable),
    ] {
        let mut hall = talking();
        hall.verb(Verb::Consult("110".into()));
        hall.tell(Input::Failed { leg: THIRD, why });
        assert_eq!(result(&mut hall), Some(expected), "{why:?}");
    }
    let mut hall = talking();
    assert_eq!(hall.keys("*71"), ["Play d1 Refused"], "there was no third party");
    assert_eq!(result(&mut hall), None);
    // One was not reached, another one was: nobody said how it went.
    let mut hall = talking();
    hall.verb(Verb::Consult("110".into()));
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    hall.verb(Verb::Direct("110".into()));
    hall.answers(dialled(6));
    assert_eq!(hall.keys("*99"), ["Play d1 Refused"]);
    assert_eq!(hall.call().stage, "three_way");
    assert_eq!(hall.keys("*75"), ["Play d1 Done"]);
    hall.verb(Verb::Drop);
    assert_eq!(result(&mut hall), Some(NotCompetent));
    // After the call, until the next one ends.
    let after = |hall: &mut Hall, ask: SeatAsk| hall.tell(Input::Ask { seat: no("1001"), ask });
    assert_eq!(after(&mut hall, SeatAsk::Result(ResolvedOnSpot)), ["MarkResult resolved_on_spot"]);
    hall.invite(9, "12345");
    hall.wait(SECOND);
    let refused = hall.board.may(hall.now, &no("1003"), &SeatAsk::Result(ResolvedOnSpot));
    assert_eq!(refused, Err(AskRefused::NoCall));
}

/// A busy announcement of the carrier is no answer: the seat hears it instead of the ringing tone, nobody else.
#[test]
fn what_the_thirds_network_says_is_heard_by_the_seat_alone() {
    let early = || Input::EarlyMedia { leg: THIRD };
    let mut hall = talking();
    hall.verb(Verb::Consult("601".into()));
    assert_eq!(hall.tell(early()), ["Mix 1 hears nobody, d1 hears d3, d3 hears nobody", "StopPlay d1"]);
    assert_eq!(hall.tell(early()), [""; 0], "once");
    assert_eq!(hall.board.may(hall.now, &no("1001"), &SeatAsk::Talk(Verb::Join)), Err(AskRefused::NoThird));
    let next = hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
    assert!(next.contains(&"Play d1 Ringback …".to_owned()), "the next one rings: {next:?}");
    let mut hall = talking();
    hall.verb(Verb::Direct("601".into()));
    assert_eq!(hall.tell(early()), [""; 0], "the seat is with the citizen");
}

/// R22: the reason for each number reaches the seat, also after the last one.
#[test]
fn the_seat_sees_which_number_is_tried_and_why_those_before_failed() {
    let seen = |hall: &Hall| {
        let thirds = hall.call().thirds;
        let seen = |third: ThirdView| (third.number, third.state, third.attempt, third.of, third.failures);
        thirds.into_iter().map(seen).collect::<Vec<_>>()
    };
    let one = |state, attempt, failures: &[Failure]| vec![("601".to_owned(), state, attempt, 2, failures.to_vec())];
    let mut hall = talking();
    assert_eq!(seen(&hall), []);
    hall.verb(Verb::Consult("601".into()));
    assert_eq!(seen(&hall), one(ThirdState::Ringing, 1, &[]));
    hall.tell(Input::Failed { leg: THIRD, why: Failure::Declined });
    assert_eq!(seen(&hall), one(ThirdState::Ringing, 2, &[Failure::Declined]));
    hall.wait(T_THIRD);
    let all = [Failure::Declined, Failure::NoAnswer];
    assert_eq!(seen(&hall), one(ThirdState::NotReached, 2, &all), "the seat is back with the citizen, and reads why");

    // The next one takes its place.
    hall.verb(Verb::Direct("601".into()));
    assert_eq!(seen(&hall), one(ThirdState::Ringing, 1, &[]));
}

/// R29, R31: the key, or the name by API; the seat goes only when somebody is there.
#[test]
fn one_key_brings_an_emergency_service_in_or_hands_the_citizen_to_it() {
    let mut hall = talking();
    assert_eq!(hall.keys("*01"), ["Dial d3 110", "Mix 1 + [d1]"]);
    assert_eq!(hall.answers(THIRD), ["Mark joined 110", "Mix 1 + [d1 d3]", "1001 ThreeWay"]);

    for by_key in [true, false] {
        let mut hall = talking();
        let out = if by_key { hall.keys("*007") } else { hall.verb(Verb::Transfer("gas".into())) };
        assert_eq!(out, ["Dial d3 13800000803", "Mix 1 + []", "Play 1 Music …"]);
        let next = hall.tell(Input::Failed { leg: THIRD, why: Failure::Busy });
        assert_eq!(next[0], "Dial d4 13800000804", "its other number");
        let out = hall.answers(NEXT);
        assert!(out.contains(&"HangUp d1".to_owned()) && out.contains(&"Mix 1 + [d4]".to_owned()), "{out:?}");
        assert_eq!(hall.state("1001"), SeatState::WrapUp);
        assert_eq!(hall.call().stage, "handed_over");
    }

    let mut hall = talking();
    hall.keys("*001");
    let back = hall.tell(Input::Failed { leg: THIRD, why: Failure::NoWay });
    assert!(back.contains(&"Mix 1 + [d1]".to_owned()) && back.contains(&"StopPlay 1".to_owned()), "{back:?}");
    assert_eq!(hall.state("1001"), SeatState::Talking, "the citizen is back with the same seat");
}
