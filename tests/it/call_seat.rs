//! What a seat asks for, by feature code and by API. R16, R35.

use hotline::call::*;

use crate::call::*;

/// A hall in which seat 1001 is in this state.
fn in_state(state: SeatState) -> Hall {
    let mut hall = Hall::open();
    let ask = |hall: &mut Hall, ask| hall.send(Input::Ask { seat: no("1001"), ask });
    match state {
        SeatState::Idle => {}
        SeatState::SignedOut => drop(ask(&mut hall, SeatAsk::SignOut)),
        SeatState::Busy => drop(ask(&mut hall, SeatAsk::Busy)),
        SeatState::Break => drop(ask(&mut hall, SeatAsk::Break("lunch".into()))),
        SeatState::Reserved
        | SeatState::Ringing
        | SeatState::Talking
        | SeatState::Held
        | SeatState::Consulting
        | SeatState::ThreeWay
        | SeatState::WrapUp => {
            hall.invite(1, "12345");
            let leg = hall.seat_leg();
            if state == SeatState::Ringing {
                hall.send(Input::Ringing { leg });
            } else if state != SeatState::Reserved {
                hall.seat_answers();
                hall.journalled();
            }
            if state == SeatState::Held {
                hall.send(Input::Held { leg });
            } else if state == SeatState::Consulting || state == SeatState::ThreeWay {
                ask(&mut hall, SeatAsk::Talk(Verb::Consult("13800000009".into())));
                if state == SeatState::ThreeWay {
                    hall.send(Input::Answered { leg: crate::call_guest::THIRD });
                    ask(&mut hall, SeatAsk::Talk(Verb::Join));
                }
            } else if state == SeatState::WrapUp {
                hall.send(Input::HungUp { leg });
            }
        }
    }
    assert_eq!(hall.state("1001"), state);
    hall
}

fn lunch() -> SeatAsk {
    SeatAsk::Break("lunch".into())
}

fn silent() -> SeatAsk {
    SeatAsk::BadCall(BadCall::Silent)
}

fn drop_third() -> SeatAsk {
    SeatAsk::Talk(Verb::Drop)
}

fn resolved() -> SeatAsk {
    SeatAsk::Result(ThreewayResult::ResolvedOnSpot)
}

/// One of each kind.
fn asks() -> Vec<SeatAsk> {
    use SeatAsk::{BadCall, Break, Busy, CallBack, Free, Result, SignIn, SignOut, Talk};
    let all = vec![SignIn, SignOut, Busy, lunch(), Free, CallBack, silent(), resolved(), drop_third()];
    // A new one is to be put into the list above.
    let named = |ask: &SeatAsk| match ask {
        SignIn | SignOut | Busy | Break(_) | Free | CallBack | BadCall(_) | Result(_) | Talk(_) => (),
    };
    all.iter().for_each(named);
    all
}

/// What a seat in this state becomes when it asks for this: at once, and after its call and its wrap-up.
#[test]
fn every_state_and_every_ask() {
    use SeatState::{Break, Busy, Consulting, Held, Idle, Reserved, Ringing, SignedOut, Talking, ThreeWay, WrapUp};
    // state, ask, allowed, at once, in the end
    let table = [
        (SignedOut, SeatAsk::SignIn, true, Idle, Idle),
        (SignedOut, SeatAsk::SignOut, true, SignedOut, SignedOut),
        (SignedOut, SeatAsk::Busy, false, SignedOut, SignedOut),
        (SignedOut, lunch(), false, SignedOut, SignedOut),
        (SignedOut, SeatAsk::Free, false, SignedOut, SignedOut),
        (Idle, SeatAsk::SignIn, true, Idle, Idle),
        (Idle, SeatAsk::SignOut, true, SignedOut, SignedOut),
        (Idle, SeatAsk::Busy, true, Busy, Busy),
        (Idle, lunch(), true, Break, Break),
        (Idle, SeatAsk::Free, true, Idle, Idle),
        (WrapUp, SeatAsk::SignIn, true, WrapUp, Idle),
        (WrapUp, SeatAsk::SignOut, true, SignedOut, SignedOut),
        (WrapUp, SeatAsk::Busy, true, Busy, Busy),
        (WrapUp, lunch(), true, Break, Break),
        (WrapUp, SeatAsk::Free, true, Idle, Idle),
        (Busy, SeatAsk::SignIn, true, Busy, Busy),
        (Busy, SeatAsk::SignOut, true, SignedOut, SignedOut),
        (Busy, SeatAsk::Busy, true, Busy, Busy),
        (Busy, lunch(), true, Break, Break),
        (Busy, SeatAsk::Free, true, Idle, Idle),
        (Break, SeatAsk::SignIn, true, Break, Break),
        (Break, SeatAsk::SignOut, true, SignedOut, SignedOut),
        (Break, SeatAsk::Busy, true, Busy, Busy),
        (Break, lunch(), true, Break, Break),
        (Break, SeatAsk::Free, true, Idle, Idle),
        (Reserved, SeatAsk::SignOut, true, Reserved, SignedOut),
        (Reserved, SeatAsk::Busy, true, Reserved, Busy),
        (Reserved, lunch(), true, Reserved, Break),
        (Reserved, SeatAsk::Free, true, Reserved, Idle),
        (Reserved, SeatAsk::SignIn, true, Reserved, Idle),
        (Ringing, SeatAsk::SignOut, true, Ringing, SignedOut),
        (Ringing, SeatAsk::Busy, true, Ringing, Busy),
        (Ringing, lunch(), true, Ringing, Break),
        (Ringing, SeatAsk::Free, true, Ringing, Idle),
        (Ringing, SeatAsk::SignIn, true, Ringing, Idle),
        (Talking, SeatAsk::SignOut, true, Talking, SignedOut),
        (Talking, SeatAsk::Busy, true, Talking, Busy),
        (Talking, lunch(), true, Talking, Break),
        (Talking, SeatAsk::Free, true, Talking, Idle),
        (Talking, SeatAsk::SignIn, true, Talking, Idle),
        (Held, SeatAsk::SignOut, true, Held, SignedOut),
        (Held, SeatAsk::Busy, true, Held, Busy),
        (Held, lunch(), true, Held, Break),
        (Held, SeatAsk::Free, true, Held, Idle),
        (Held, SeatAsk::SignIn, true, Held, Idle),
        (SignedOut, SeatAsk::CallBack, false, SignedOut, SignedOut),
        (Idle, SeatAsk::CallBack, true, Idle, Idle),
        (WrapUp, SeatAsk::CallBack, true, WrapUp, Idle),
        (Busy, SeatAsk::CallBack, true, Busy, Busy),
        (Break, SeatAsk::CallBack, true, Break, Break),
        (Reserved, SeatAsk::CallBack, false, Reserved, Idle),
        (Ringing, SeatAsk::CallBack, false, Ringing, Idle),
        (Talking, SeatAsk::CallBack, false, Talking, Idle),
        (Held, SeatAsk::CallBack, false, Held, Idle),
        (SignedOut, silent(), false, SignedOut, SignedOut),
        (Idle, silent(), false, Idle, Idle),
        (WrapUp, silent(), true, WrapUp, Idle),
        (Busy, silent(), false, Busy, Busy),
        (Break, silent(), false, Break, Break),
        (Reserved, silent(), false, Reserved, Idle),
        (Ringing, silent(), false, Ringing, Idle),
        (Talking, silent(), true, Talking, Idle),
        (Held, silent(), true, Held, Idle),
        (Consulting, SeatAsk::SignOut, true, Consulting, SignedOut),
        (Consulting, SeatAsk::Busy, true, Consulting, Busy),
        (Consulting, lunch(), true, Consulting, Break),
        (Consulting, SeatAsk::Free, true, Consulting, Idle),
        (Consulting, SeatAsk::SignIn, true, Consulting, Idle),
        (Consulting, SeatAsk::CallBack, false, Consulting, Idle),
        (Consulting, silent(), true, Consulting, Idle),
        (Consulting, drop_third(), true, Talking, Idle),
        (ThreeWay, SeatAsk::SignOut, true, ThreeWay, SignedOut),
        (ThreeWay, SeatAsk::Busy, true, ThreeWay, Busy),
        (ThreeWay, lunch(), true, ThreeWay, Break),
        (ThreeWay, SeatAsk::Free, true, ThreeWay, Idle),
        (ThreeWay, SeatAsk::SignIn, true, ThreeWay, Idle),
        (ThreeWay, SeatAsk::CallBack, false, ThreeWay, Idle),
        (ThreeWay, silent(), true, ThreeWay, Idle),
        (ThreeWay, drop_third(), true, Talking, Idle),
        (SignedOut, drop_third(), false, SignedOut, SignedOut),
        (Idle, drop_third(), false, Idle, Idle),
        (WrapUp, drop_third(), false, WrapUp, Idle),
        (Busy, drop_third(), false, Busy, Busy),
        (Break, drop_third(), false, Break, Break),
        (Reserved, drop_third(), false, Reserved, Idle),
        (Ringing, drop_third(), false, Ringing, Idle),
        (Talking, drop_third(), false, Talking, Idle),
        (Held, drop_third(), false, Held, Idle),
        // Only of a call in which there was a third party.
        (Consulting, resolved(), true, Consulting, Idle),
        (ThreeWay, resolved(), true, ThreeWay, Idle),
        (SignedOut, resolved(), false, SignedOut, SignedOut),
        (Idle, resolved(), false, Idle, Idle),
        (WrapUp, resolved(), false, WrapUp, Idle),
        (Busy, resolved(), false, Busy, Busy),
        (Break, resolved(), false, Break, Break),
        (Reserved, resolved(), false, Reserved, Idle),
        (Ringing, resolved(), false, Ringing, Idle),
        (Talking, resolved(), false, Talking, Idle),
        (Held, resolved(), false, Held, Idle),
    ];
    for state in SeatState::ALL {
        for ask in asks() {
            let rows = table.iter().filter(|row| (row.0, &row.1) == (*state, &ask)).count();
            assert_eq!(rows, 1, "{ask:?} in {state:?}");
        }
    }
    assert_eq!(table.len(), SeatState::ALL.len() * asks().len());
    for (state, ask, allowed, at_once, in_the_end) in table {
        let mut hall = in_state(state);
        let case = format!("{ask:?} in {state:?}");
        assert_eq!(hall.board.may(hall.now, &no("1001"), &ask).is_ok(), allowed, "{case}");
        hall.send(Input::Ask { seat: no("1001"), ask });
        assert_eq!(hall.state("1001"), at_once, "{case}");
        hall.send(Input::HungUp { leg: LegId(1) });
        hall.pass(60 * SECOND);
        assert_eq!(hall.state("1001"), in_the_end, "{case}, in the end");
    }
}

#[test]
fn a_feature_code_is_answered_told_and_released() {
    let mut hall = in_state(SeatState::Busy);
    hall.send(Input::Ask { seat: no("1002"), ask: SeatAsk::Busy });
    hall.invite(1, "12345");
    let asked = hall.send(Input::FeatureCode { leg: LegId(9), seat: no("1001"), ask: SeatAsk::Free });
    assert_eq!(
        brief(&asked),
        ["1001 Idle", "Answer 9", "Play 9 Done"],
        "free, but not rung while its phone is telling it so"
    );
    assert_eq!(hall.tell(Input::Played { leg: LegId(9), token: token(&asked) }), ["HangUp 9"]);
    assert_eq!(hall.wait(2 * SECOND), ["Dial d1 1001", "1001 Reserved"], "the handset is back on its hook");
    assert_eq!(hall.board.legs(), 2);
}

#[test]
fn a_seat_that_hangs_up_after_its_feature_code_is_rung_at_once() {
    let mut hall = in_state(SeatState::Busy);
    hall.send(Input::Ask { seat: no("1002"), ask: SeatAsk::Busy });
    hall.invite(1, "12345");
    hall.send(Input::FeatureCode { leg: LegId(9), seat: no("1001"), ask: SeatAsk::Free });
    assert_eq!(hall.tell(Input::HungUp { leg: LegId(9) }), ["Dial d1 1001", "1001 Reserved"]);
}

#[test]
fn a_feature_code_that_cannot_be_had_says_so_and_never_stays_open() {
    let mut hall = in_state(SeatState::SignedOut);
    let asked = hall.tell(Input::FeatureCode { leg: LegId(9), seat: no("1001"), ask: SeatAsk::Free });
    assert_eq!(asked, ["Answer 9", "Play 9 Refused"]);
    assert_eq!(hall.wait(10 * SECOND), ["HangUp 9"], "though nothing says that it was played");
    hall.pass(2 * SECOND);
    assert_eq!(hall.board.legs(), 0);
    let stranger = hall.tell(Input::FeatureCode { leg: LegId(9), seat: no("4711"), ask: SeatAsk::SignIn });
    assert_eq!(stranger, ["Refuse 9 Forbidden"]);
    assert_eq!(hall.board.may(hall.now, &no("4711"), &SeatAsk::SignIn), Err(AskRefused::UnknownSeat));
}

#[test]
fn a_bad_call_is_marked_in_the_call_or_after_it() {
    let by_phone: Vec<_> = feature_codes()
        .into_iter()
        .filter_map(|(code, ask)| if let SeatAsk::BadCall(why) = ask { Some((code, why.as_str())) } else { None })
        .collect();
    let words = [("*30", "harassing"), ("*31", "silent"), ("*32", "wrong_number"), ("*33", "short")];
    assert_eq!(by_phone, words, "each word of R35");
    for why in BadCall::ALL {
        let bad = || SeatAsk::BadCall(*why);
        let mut hall = in_state(SeatState::Talking);
        assert_eq!(hall.tell(Input::Ask { seat: no("1001"), ask: bad() }), [""; 0]);
        let record = closed(&hall.send(Input::HungUp { leg: LegId(1) }));
        assert_eq!(record.invalid.as_deref(), Some(why.as_str()));

        let mut hall = in_state(SeatState::WrapUp);
        let marked = hall.send(Input::Ask { seat: no("1001"), ask: bad() });
        assert_eq!(brief(&marked), [format!("MarkInvalid {why}")]);
        assert_eq!(hall.board.may(hall.now, &no("1002"), &bad()), Err(AskRefused::NoCall));
    }
}

#[test]
fn a_phone_signs_its_seat_in_unless_the_seat_signed_out_by_hand() {
    let again = |hall: &mut Hall| {
        hall.send(Input::Reachable { seat: no("1001"), reachable: false });
        hall.send(Input::Reachable { seat: no("1001"), reachable: true });
        hall.state("1001")
    };
    let mut hall = Hall::open();
    assert_eq!(again(&mut hall), SeatState::Idle);
    hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::SignOut });
    assert_eq!(again(&mut hall), SeatState::SignedOut);
    hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::SignIn });
    assert_eq!(again(&mut hall), SeatState::Idle);

    let mut settings = settings();
    settings.sign_in_on_register = false;
    let mut hall = Hall::open_with(settings);
    assert_eq!(hall.state("1001"), SeatState::SignedOut);
    hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::SignIn });
    hall.invite(1, "12345");
    assert_eq!(hall.call().seat, Some(no("1001")));
}

#[test]
fn a_seat_that_is_signed_in_but_out_of_reach_is_not_rung() {
    let mut hall = Hall::open();
    hall.send(Input::Reachable { seat: no("1001"), reachable: false });
    assert_eq!((hall.state("1001"), hall.seat("1001").reachable), (SeatState::Idle, false));
    hall.invite(1, "12345");
    assert_eq!(hall.call().seat, Some(no("1002")));
}

#[test]
fn wrap_up_can_be_nothing_and_can_end_busy() {
    let mut quick = settings();
    quick.wrap_up = std::time::Duration::ZERO;
    let mut hall = Hall::open_with(quick);
    hall.invite(1, "12345");
    hall.seat_answers();
    hall.journalled();
    assert_eq!(
        hall.tell(Input::HungUp { leg: LegId(1) }),
        ["HangUp d1", "SealRecording", "1001 Idle", "CloseCall caller_gone_at_answer"]
    );

    let mut strict = settings();
    strict.after_wrap_up = hotline::call::settings::AfterWrapUp::Busy;
    strict.seats.get_mut(&no("1001")).unwrap().wrap_up = Some(seconds(5));
    let mut hall = Hall::open_with(strict);
    hall.invite(1, "12345");
    hall.seat_answers();
    hall.journalled();
    hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(hall.wait(5 * SECOND), ["1001 Busy"], "after its own time");
}

#[test]
fn the_file_says_whether_a_seat_is_free_after_its_wrap_up() {
    use hotline::config::{Config, Texts};
    for (word, after) in [("idle", "1001 Idle"), ("busy", "1001 Busy")] {
        let mut texts = Texts::embedded();
        texts.server.text =
            texts.server.text.replace("after_wrap_up = \"idle\"", &format!("after_wrap_up = \"{word}\""));
        let mut told = hotline::app::setup::board_settings(&Config::read(&texts).unwrap());
        told.seats = one_seat().seats;
        told.skills = one_seat().skills;
        let mut hall = Hall::open_with(told);
        hall.invite(1, "12345");
        hall.seat_answers();
        hall.journalled();
        hall.send(Input::HungUp { leg: LegId(1) });
        assert_eq!(hall.wait(seconds(60)), [after]);
    }
}

#[test]
fn every_change_of_state_is_told_with_its_time() {
    let mut hall = Hall::open();
    hall.pass(5 * SECOND);
    let out = hall.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Break("lunch".into()) });
    let expected = Output::SeatChanged {
        seat: no("1001"),
        state: SeatState::Break,
        reason: Some(SeatReason::Said("lunch".into())),
        at: hall.now.wall,
    };
    assert_eq!(out, [expected]);
    assert_eq!(hall.seat("1001").since, hall.now.wall);
}

#[test]
fn readme_and_guide_name_every_feature_code_and_key() {
    for readme in ["README.md", "README.zh.md", "docs/seats.md", "docs/seats.zh.md"] {
        let text = std::fs::read_to_string(readme).unwrap();
        let in_call = keys_in_call().map(|(keys, _)| keys);
        for code in feature_codes().map(|(code, _)| code).into_iter().chain(in_call) {
            assert!(text.contains(&format!("`{code}`")), "{readme} does not name {code}");
        }
    }
}

/// What a seat was when the server went down, what it is after the start, and once its phone is back;
/// `told` where that is a change.
#[test]
fn a_seat_stays_what_a_person_made_of_it_over_a_restart() {
    use SeatState::{Break, Busy, Held, Idle, Reserved, Ringing, SignedOut, Talking, WrapUp};
    let table = [
        (SignedOut, None, SignedOut, SignedOut, false),
        (SignedOut, Some("restart"), SignedOut, Idle, false),
        (SignedOut, Some("removed"), SignedOut, Idle, false),
        (Busy, None, Busy, Busy, false),
        (Busy, Some("no_answer"), Busy, Busy, false),
        (Busy, Some("declined"), Busy, Busy, false),
        (Busy, Some("unreachable"), SignedOut, Idle, true),
        (Busy, Some("media_lost"), SignedOut, Idle, true),
        (Busy, Some("refused"), SignedOut, Idle, true),
        (Break, Some("lunch"), Break, Break, false),
        (Idle, None, SignedOut, Idle, true),
        (Reserved, None, SignedOut, Idle, true),
        (Ringing, None, SignedOut, Idle, true),
        (Talking, None, SignedOut, Idle, true),
        (Held, None, SignedOut, Idle, true),
        (WrapUp, None, SignedOut, Idle, true),
    ];
    for (state, reason, starts, back, told) in table {
        let case = format!("{state:?} {reason:?}");
        let was = |seat: &str| SeatChange {
            seat: no(seat),
            state,
            reason: reason.map(|reason| reason.to_owned().into()),
            at: hotline::time::Wall(MORNING.0 - 60_000),
        };
        let mut hall = Hall::new(settings());
        let out = brief(&hall.board.resume(hall.now, vec![was("1001")], None));
        assert_eq!(out, ["1001 SignedOut (restart)"].map(str::to_owned)[..usize::from(told)], "{case}");
        assert_eq!(hall.state("1001"), starts, "{case}");
        let since = if told { MORNING } else { was("1001").at };
        assert_eq!(hall.seat("1001").since, since, "{case}");
        hall.send(Input::Reachable { seat: no("1001"), reachable: true });
        assert_eq!(hall.state("1001"), back, "{case}");
        let gone = hall.board.resume(hall.now, vec![was("1999")], None);
        let expected = if state == SignedOut { vec![] } else { vec!["1999 SignedOut (removed)"] };
        assert_eq!(brief(&gone), expected, "{case}, of a seat that is no longer configured");
    }
}

/// What a seat was when the server went down, what it is after a start soon afterwards, and what in the end.
#[test]
fn a_seat_that_was_signed_in_is_so_again_after_a_short_restart() {
    use SeatState::{Break, Busy, Consulting, Held, Idle, Reserved, Ringing, SignedOut, Talking, ThreeWay, WrapUp};
    let table = [
        (SignedOut, None, "", SignedOut),
        (SignedOut, Some("restart"), "", Idle),
        (Break, Some("lunch"), "", Break),
        (Busy, None, "", Busy),
        (Busy, Some("no_answer"), "", Busy),
        (Busy, Some("unreachable"), "1001 Idle (restart)", Idle),
        (Idle, None, "1001 Idle (restart)", Idle),
        (Idle, Some("restart"), "1001 Idle (restart)", Idle),
        (Reserved, None, "1001 Idle (restart)", Idle),
        (Ringing, None, "1001 Idle (restart)", Idle),
        (Talking, None, "1001 WrapUp (restart)", Idle),
        (Held, None, "1001 WrapUp (restart)", Idle),
        (Consulting, None, "1001 WrapUp (restart)", Idle),
        (ThreeWay, None, "1001 WrapUp (restart)", Idle),
        (WrapUp, None, "1001 WrapUp (restart)", Idle),
    ];
    let ago = |seconds: i64| hotline::time::Wall(MORNING.0 - seconds * 1000);
    let was = |state, reason: Option<&str>| {
        let reason = reason.map(|reason| reason.to_owned().into());
        vec![SeatChange { seat: no("1001"), state, reason, at: ago(7_000) }]
    };
    for (state, reason, told, end) in table {
        let case = format!("{state:?} {reason:?}");
        let mut hall = Hall::new(one_seat());
        let out = brief(&hall.board.resume(hall.now, was(state, reason), Some(ago(300))));
        assert_eq!(out.join(" "), told, "{case}");
        assert!(!hall.seat("1001").free, "{case}: nobody has found its phone yet");
        hall.send(Input::Reachable { seat: no("1001"), reachable: true });
        hall.pass(seconds(60));
        assert_eq!(hall.state("1001"), end, "{case}");
        hall.invite(1, "12345");
        assert_eq!(hall.call().seat.is_some(), end == Idle, "{case}");
    }
    for (up, starts) in [(Some(ago(301)), SignedOut), (None, SignedOut), (Some(ago(-3_600)), Idle)] {
        let mut hall = Hall::new(one_seat());
        hall.board.resume(hall.now, was(Idle, None), up);
        assert_eq!(hall.state("1001"), starts, "{up:?}");
    }
}

#[test]
fn a_seat_without_a_phone_is_not_signed_in_and_never_looks_free() {
    let mut hall = Hall::new(one_seat());
    assert_eq!(hall.board.may(hall.now, &no("1001"), &SeatAsk::SignIn), Err(AskRefused::NoPhone));
    let told = hall.tell(Input::FeatureCode { leg: LegId(9), seat: no("1001"), ask: SeatAsk::SignIn });
    assert_eq!(told, ["Answer 9", "Play 9 Refused"]);
    assert_eq!(hall.state("1001"), SeatState::SignedOut);
    hall.send(Input::HungUp { leg: LegId(9) });
    hall.send(Input::Reachable { seat: no("1001"), reachable: true });
    assert!(hall.seat("1001").free);

    hall.send(Input::Reachable { seat: no("1001"), reachable: false });
    assert_eq!((hall.state("1001"), hall.seat("1001").free), (SeatState::Idle, false));
    let row = hotline::commands::seats::as_text(&serde_json::to_value(hall.seat("1001")).unwrap(), hall.now.wall);
    assert!(row.contains(" no phone ") && !row.contains(" idle "), "{row}");
    assert_eq!(hall.tell(Input::Invited(Box::new(invited(1, "12345")))).last().unwrap(), "Alarm no_seat general on");
    let back = hall.tell(Input::Reachable { seat: no("1001"), reachable: true });
    assert!(back.contains(&"Alarm no_seat general off".to_owned()), "{back:?}");
}
