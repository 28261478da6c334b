//! What a caller hears, how it is connected, and what is left behind when it goes too early. R7, R9, R17.

use hotline::call::*;
use hotline::rules::numbers::Dialled;

use crate::call::*;

#[test]
fn a_queued_caller_hears_greeting_notice_music_and_announcements() {
    let mut hall = Hall::new(one_seat());
    let greeting = hall.invite(1, "12331");
    assert_eq!(
        brief(&greeting),
        ["Progress 1 with media", "Play 1 Greeting(12315)", "Alarm no_seat market on"],
        "queued though nobody is there (R8)"
    );
    hall.pass(3 * SECOND);
    let notice = hall.send(Input::Played { leg: LegId(1), token: token(&greeting) });
    assert_eq!(brief(&notice), ["Play 1 Notice"]);
    assert_eq!(hall.tell(Input::Played { leg: LegId(1), token: token(&greeting) }), [""; 0], "an old token");
    hall.pass(3 * SECOND);
    let music = hall.tell(Input::Played { leg: LegId(1), token: token(&notice) });
    assert_eq!(music, ["Play 1 Music …"]);

    let place = hall.pass(14 * SECOND);
    assert_eq!(brief(&place), ["Play 1 Position(1)"], "20 s after the arrival");
    assert_eq!(hall.tell(Input::Played { leg: LegId(1), token: token(&place) }), ["Play 1 Music …"]);
    let comfort = hall.pass(20 * SECOND);
    assert_eq!(brief(&comfort), ["Play 1 Comfort"]);
    assert_eq!(hall.wait(5 * SECOND), ["Answer 1"], "45 s: connected to wait on, what plays goes on");
    assert_eq!((hall.call().connected, hall.call().answered), (true, None), "this is no answer of the hotline");

    hall.send(Input::Reachable { seat: no("1001"), reachable: true });
    let answer = hall.seat_answers();
    assert_eq!(
        brief(&answer),
        [
            "StopPlay 1",
            "OpenRecording",
            "OpenTicket 12331",
            "Mix 1 + [d1]",
            "Mark seat_joined 1001",
            "1001 Talking",
            "Play 1 SeatNumber(1001)"
        ]
    );
    assert_eq!(brief(&hall.journalled()), [""; 0], "no second 200");
    let record = closed(&hall.send(Input::HungUp { leg: LegId(1) }));
    assert_eq!(record.ended.notice_played, NoticePlayed::Full);
    assert!(!record.opened.within_15s);
}

#[test]
fn how_a_caller_waits_is_the_trunks_choice() {
    let arrive = |queue_answer, early_media| {
        let mut hall = Hall::new(settings());
        let mut call = invited(1, "12345");
        (call.queue_answer, call.early_media) = (queue_answer, early_media);
        let first = hall.tell(Input::Invited(Box::new(call)));
        let later: Vec<String> = hall.wait(50 * SECOND).into_iter().filter(|line| !line.contains("Position")).collect();
        (first[..first.len() - 1].to_vec(), later)
    };
    let (greeting, connect) = ("Play 1 Greeting(12345)".to_owned(), QueueAnswer::EarlyThenConnect(seconds(45)));
    let table = [
        (QueueAnswer::Early, true, vec!["Progress 1 with media".into(), greeting.clone()], vec![]),
        (QueueAnswer::Early, false, vec!["Progress 1".into()], vec![]),
        (QueueAnswer::Connect, true, vec!["Answer 1".into(), greeting.clone()], vec![]),
        (QueueAnswer::Connect, false, vec!["Answer 1".into(), greeting.clone()], vec![]),
        (connect, true, vec!["Progress 1 with media".into(), greeting.clone()], vec!["Answer 1".to_owned()]),
        (connect, false, vec!["Progress 1".into()], vec!["Answer 1".to_owned(), greeting]),
    ];
    for (queue_answer, early_media, first, later) in table {
        assert_eq!(arrive(queue_answer, early_media), (first, later), "{queue_answer:?}, early media: {early_media}");
    }
}

#[test]
fn a_seat_that_answers_cuts_the_notice() {
    for (pieces_heard, expected) in [(0, NoticePlayed::None), (1, NoticePlayed::Partial), (2, NoticePlayed::Full)] {
        let mut hall = Hall::open();
        let mut playing = hall.invite(1, "12345");
        for _ in 0..pieces_heard {
            playing = hall.send(Input::Played { leg: LegId(1), token: token(&playing) });
        }
        let answer = hall.seat_answers();
        let ticket = answer.iter().find_map(|output| match output {
            Output::OpenTicket(ticket) => Some(ticket.notice_played),
            _ => None,
        });
        assert_eq!(ticket, Some(expected), "{pieces_heard} pieces heard");
    }
}

#[test]
fn prompts_can_be_switched_off() {
    let mut settings = settings();
    (settings.play_greeting, settings.play_seat_number) = (false, false);
    let mut hall = Hall::open_with(settings.clone());
    assert!(brief(&hall.invite(1, "12345")).contains(&"Play 1 Notice".to_owned()));
    hall.seat_answers();
    assert_eq!(brief(&hall.journalled()), ["Answer 1"]);

    settings.play_notice = false;
    let mut hall = Hall::open_with(settings);
    assert!(brief(&hall.invite(1, "12345")).contains(&"Play 1 Music …".to_owned()));
    hall.seat_answers();
    hall.journalled();
    assert_eq!(closed(&hall.send(Input::HungUp { leg: LegId(1) })).ended.notice_played, NoticePlayed::None);
}

#[test]
fn who_leaves_too_early_has_a_missed_record_of_its_stage_and_no_ticket() {
    let leave = |hall: &mut Hall| missed(&hall.send(Input::HungUp { leg: LegId(1) }));
    let stage = |record: &MissedCall| (record.stage, record.wait_ms, record.position_in_queue);

    let mut hall = Hall::new(settings());
    hall.invite(1, "12345");
    assert_eq!(stage(&leave(&mut hall)), (MissedStage::Arrived, 0, Some(1)));

    let mut hall = Hall::new(settings());
    hall.invite(1, "12345");
    hall.pass(2 * SECOND);
    assert_eq!(stage(&leave(&mut hall)), (MissedStage::Prompt, 2_000, Some(1)));

    let mut hall = Hall::new(settings());
    hall.invite(7, "12345");
    let greeting = hall.invite(1, "12345");
    let notice = hall.send(Input::Played { leg: LegId(1), token: token(&greeting) });
    hall.send(Input::Played { leg: LegId(1), token: token(&notice) });
    hall.pass(60 * SECOND);
    let record = leave(&mut hall);
    assert_eq!(stage(&record), (MissedStage::Queue, 60_000, Some(2)), "a BYE in a connected queue is no answered call");
    assert_eq!((record.reason.as_str(), record.original_code.as_deref()), ("caller_gone", Some("12345")));
    assert_eq!(record.t_end.0 - record.t_arrive.0, 60_000);

    let mut hall = Hall::open();
    hall.invite(1, "12345");
    hall.pass(9 * SECOND);
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(brief(&end), ["HangUp d1", "1001 Idle", "Missed ringing caller_gone"]);
    assert_eq!(stage(&missed(&end)), (MissedStage::Ringing, 9_000, Some(1)));
    assert!(hall.board.next_timeout().is_none(), "nothing is left to do");
}

#[test]
fn a_waiting_caller_can_be_lost_too() {
    let mut hall = Hall::new(settings());
    let mut call = invited(1, "12345");
    call.queue_answer = QueueAnswer::Connect;
    hall.send(Input::Invited(Box::new(call)));
    hall.pass(32 * SECOND);
    let end = hall.tell(Input::Lost { leg: LegId(1), why: Loss::NoAck });
    assert_eq!(end, ["HangUp 1", "Missed prompt no_ack"]);
}

#[test]
fn an_unknown_number_is_404_recorded_counted_and_alarmed_per_trunk() {
    let mut hall = Hall::open();
    let refused = hall.invite(1, "12399");
    assert_eq!(
        brief(&refused)[..2],
        ["Alarm unknown_number carrier on".to_owned(), "Refuse 1 UnknownNumber".to_owned()]
    );
    let record = missed(&refused);
    assert_eq!((record.stage, record.original_code), (MissedStage::Refused, None));
    assert_eq!(record.dialed_raw, "sip:12399@198.51.100.1");
    hall.pass(seconds(3_000));
    hall.invite(2, "12399");
    assert_eq!(hall.board.unknown_numbers().collect::<Vec<_>>(), [("carrier", 2)]);
    assert_eq!(hall.wait(seconds(3_599)), [""; 0]);
    assert_eq!(hall.wait(SECOND), ["Alarm unknown_number carrier off"], "an hour after the last one");
}

#[test]
fn the_trunks_pilot_takes_its_code_from_what_the_trunk_says() {
    let mut settings = settings();
    let codes = settings.trunks.get_mut("carrier").unwrap();
    codes.pilots = vec!["07988123456".into()];
    codes.default_code = Some("12345".into());
    let mut hall = Hall::open_with(settings);
    let mut pilot = |leg, diversion: &[&str]| {
        let mut call = invited(leg, "07988123456");
        let to = "<sip:07988123456@198.51.100.1>".to_owned();
        let diversion = diversion.iter().map(|user| (*user).to_owned()).collect();
        call.dialled = Dialled { to, diversion, ..call.dialled };
        hall.send(Input::Invited(Box::new(call)));
        hall.board.calls().pop().unwrap()
    };
    let diverted = pilot(1, &["12331"]);
    assert_eq!((diverted.original_code.as_str(), diverted.hotline_primary.as_str()), ("12331", "12315"));
    assert_eq!(pilot(2, &[]).original_code, "12345");
}

#[test]
fn whoever_is_let_in_is_written_down_before_anything_else() {
    let mut hall = Hall::open();
    let out = hall.invite(1, "12345");
    let arrived: Vec<&MissedCall> = out
        .iter()
        .filter_map(|output| match output {
            Output::Arrived(arrived) => Some(&**arrived),
            _ => None,
        })
        .collect();
    assert_eq!(arrived.len(), 1);
    assert_eq!((arrived[0].call, arrived[0].stage), (hall.call().call, MissedStage::Queue));
    assert_eq!(arrived[0].original_code.as_deref(), Some("12345"));
    let refused = hall.invite(2, "99999");
    assert!(!refused.iter().any(|output| matches!(output, Output::Arrived(_))), "it has its record already");
}
