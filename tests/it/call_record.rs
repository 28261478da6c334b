//! What a ticket and a missed call carry, field by field (rules.md §8).

use hotline::call::*;
use hotline::privacy::Private;
use hotline::rules::numbers::Mode;
use hotline::time::Wall;

use crate::call::*;

fn at(millis: i64) -> Wall {
    Wall(MORNING.0 + millis)
}

/// The hall opens three seconds after `MORNING`; a call that 110 hands over, for an alias of 12315.
fn linked() -> (Hall, Invited) {
    let mut invited = invited(1, "12331");
    invited.dialled.to = "<sip:12331@hotline.example>".to_owned();
    invited.caller = Caller {
        number: Some(Private::new("013800000001".to_owned())),
        raw: vec![("From".to_owned(), Private::new("<sip:013800000001@carrier.example>".to_owned()))],
        platform: Some("110".to_owned()),
        platform_no: Some("J20261124001".to_owned()),
        ..Caller::default()
    };
    (Hall::open(), invited)
}

fn opened(outputs: &[Output]) -> OpenTicket {
    let ticket = outputs.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some((**ticket).clone()),
        _ => None,
    });
    ticket.expect("a ticket")
}

#[test]
fn a_ticket_carries_what_the_call_told() {
    let (mut hall, invited) = linked();
    hall.send(Input::Invited(Box::new(invited)));
    let (id, leg) = (hall.call().call, hall.seat_leg());
    hall.pass(SECOND);
    hall.send(Input::Ringing { leg });
    hall.pass(SECOND);
    hall.send(Input::Carried { leg, sip_call_id: "seat@hotline".to_owned(), trunk: None });
    let ticket = opened(&hall.seat_answers());
    hall.journalled();
    hall.pass(10 * SECOND);
    hall.send(Input::Held { leg });
    hall.pass(5 * SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: LegId(1) }));

    // No field that is not looked at.
    let OpenTicket {
        call,
        prefix,
        centre,
        sip_call_id,
        kind,
        source,
        caller,
        dialed_raw,
        original_code,
        hotline_primary,
        mode,
        skill,
        trunk,
        t_arrive,
        t_queue,
        t_ring,
        t_answer,
        wait_ms,
        within_15s,
        seat,
        seat_name,
        seat_kind,
        notice_played,
    } = ticket;
    assert_eq!(call, id);
    assert_eq!(prefix, "JDZ");
    assert_eq!(centre, "city");
    assert_eq!(sip_call_id, "call-1@carrier");
    assert_eq!(kind, CallKind::LinkedIn);
    assert_eq!(source.as_deref(), Some("110"));
    let Caller { number, e164, withheld, raw, platform, platform_no } = caller;
    assert_eq!(number.as_ref().map(|number| number.reveal().as_str()), Some("013800000001"));
    assert_eq!(e164.as_ref().map(|number| number.reveal().as_str()), Some("+8613800000001"));
    assert!(!withheld);
    assert_eq!(raw.len(), 1);
    assert_eq!(platform.as_deref(), Some("110"));
    assert_eq!(platform_no.as_deref(), Some("J20261124001"));
    assert_eq!(dialed_raw, "sip:12331@198.51.100.1 To: <sip:12331@hotline.example>");
    assert_eq!(original_code, "12331");
    assert_eq!(hotline_primary, "12315");
    assert_eq!(mode, Mode::Dual);
    assert_eq!(skill, "market");
    assert_eq!(trunk, "carrier");
    assert_eq!(t_arrive, at(3_000));
    assert_eq!(t_queue, at(3_000));
    assert_eq!(t_ring, at(4_000));
    assert_eq!(t_answer, at(5_000));
    assert_eq!(wait_ms, 2_000);
    assert!(within_15s);
    assert_eq!(seat, no("1003"));
    assert_eq!(seat_name, "三号");
    assert_eq!(seat_kind, "local");
    assert_eq!(notice_played, NoticePlayed::None);

    assert_eq!(record.ended.t_end, at(20_000));
    assert_eq!(record.ended.talk_ms, 10_000);
    assert_eq!(record.ended.hold_ms, 5_000);
    assert_eq!(record.ended.end_reason, EndReason::Normal);
    assert_eq!(record.ended.released_by, By::Caller);
    assert_eq!(record.ended.sip_call_ids, ["call-1@carrier", "seat@hotline"]);
    assert_eq!(record.ended.participants.len(), 2);
    assert_eq!(record.invalid, None);
    assert_eq!(record.ended.notice_played, NoticePlayed::None);
}

#[test]
fn a_missed_call_carries_the_same_numbers_and_times() {
    let (mut hall, invited) = linked();
    hall.send(Input::Invited(Box::new(invited)));
    let id = hall.call().call;
    hall.pass(2 * SECOND);
    hall.send(Input::Ringing { leg: hall.seat_leg() });
    hall.pass(7 * SECOND);
    let record = missed(&hall.send(Input::HungUp { leg: LegId(1) }));
    let MissedCall {
        call,
        sip_call_id,
        caller,
        dialed_raw,
        kind,
        original_code,
        hotline_primary,
        mode,
        centre,
        trunk,
        t_arrive,
        t_queue,
        t_ring,
        t_end,
        wait_ms,
        stage,
        position_in_queue,
        reason,
        callback_task,
    } = record;
    assert_eq!(call, id);
    assert_eq!(sip_call_id, "call-1@carrier");
    assert_eq!(caller.key().map(|number| number.reveal().as_str()), Some("+8613800000001"));
    assert_eq!(dialed_raw, "sip:12331@198.51.100.1 To: <sip:12331@hotline.example>");
    assert_eq!(kind, CallKind::LinkedIn);
    assert_eq!(original_code.as_deref(), Some("12331"));
    assert_eq!(hotline_primary.as_deref(), Some("12315"));
    assert_eq!(mode, Some(Mode::Dual));
    assert_eq!(centre.as_deref(), Some("city"));
    assert_eq!(trunk, "carrier");
    assert_eq!(t_arrive, at(3_000));
    assert_eq!(t_queue, Some(at(3_000)));
    assert_eq!(t_ring, Some(at(5_000)));
    assert_eq!(t_end, at(12_000));
    assert_eq!(wait_ms, 9_000);
    assert_eq!(stage, MissedStage::Ringing);
    assert_eq!(position_in_queue, Some(1));
    assert_eq!(reason, "caller_gone");
    assert_eq!(callback_task, None, "the store finds it");
}

#[test]
fn a_call_that_is_refused_has_what_can_be_known() {
    let mut hall = Hall::open();
    hall.send(Input::Drain);
    let withheld = Invited { caller: Caller::default(), ..invited(1, "12331") };
    let record = missed(&hall.send(Input::Invited(Box::new(withheld))));
    assert!(record.caller.withheld);
    assert_eq!((record.hotline_primary.as_deref(), record.mode), (Some("12315"), Some(Mode::Dual)));
    assert_eq!((record.centre.as_deref(), record.t_queue, record.t_ring), (Some("city"), None, None));
    let unknown = missed(&hall.send(Input::Invited(Box::new(invited(2, "12346")))));
    assert_eq!(
        (unknown.original_code, unknown.hotline_primary, unknown.mode, unknown.centre),
        (None, None, None, None)
    );
}
