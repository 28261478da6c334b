//! The ordinary call, and how it ends at each stage.

use std::time::Duration;

use hotline::call::mix_plan::Command;
use hotline::call::{Output as Wish, QueueAnswer, SeatState};
use hotline::exchange::Input;
use hotline::sip::message::{Method, Name};

use super::city::{CARRIER, City, LAN, LAN6, VLAN, flow, settings};
use super::peers::{Caller, Phone, sdp, talking};
use crate::call::{SECOND, seconds};
use hotline::sip::flow::Transport;
use hotline::sip::session::Reliable;

fn texts(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn a_call_is_recorded_and_has_its_ticket_before_the_caller_is_answered() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    assert_eq!(city.state("1001"), SeatState::Idle);
    city.story();

    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let seat = phone.flow.remote.to_string();
    assert_eq!(
        city.story(),
        [
            &format!("{CARRIER} < 100 INVITE"),
            "Open c1 198.51.100.1:20000",
            "Agree c1 198.51.100.20:4000",
            "Play c1 Greeting(12345)",
            "Open s1 10.0.0.1:30000",
            "1001 Reserved",
            &format!("{CARRIER} < 183 INVITE"),
            &format!("{seat} < INVITE"),
        ],
        "rung while the greeting plays"
    );
    let rung = phone.rung(&mut city);
    assert!(texts(&rung.invite.body).contains("c=IN IP4 10.0.0.1\r\n"));
    rung.reply(&mut city, 180);
    assert_eq!(city.story(), ["1001 Ringing"]);
    city.pass(3 * SECOND);
    city.willing = false;
    rung.answer(&mut city);
    assert_eq!(
        city.story(),
        [
            "Agree s1 10.0.0.101:6000",
            "Stands s1",
            "StopPlay c1",
            "OpenRecording",
            "OpenTicket 12345",
            "Mix c1 + [s1] recorded",
            "Mark seat_joined 1001",
            "1001 Talking",
            &format!("{seat} < ACK"),
        ],
        "no 200 before the ticket is on disk"
    );
    assert_eq!(caller.hears(&mut city), [183]);
    let Some(call) = city.wishes.iter().find_map(|wish| match wish {
        Wish::OpenTicket(ticket) => Some(ticket.call),
        _ => None,
    }) else {
        panic!("no ticket")
    };
    city.input(hotline::exchange::Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) });
    assert_eq!(city.story(), ["Stands c1", "Play c1 SeatNumber(1001)", &format!("{CARRIER} < 200 INVITE")]);
    city.willing = true;
    assert_eq!(caller.hears(&mut city), [200]);
    caller.ack(&mut city);
    city.pass(60 * SECOND);
    city.story();

    assert_eq!(caller.bye(&mut city), Some(200));
    assert_eq!(
        city.story(),
        [
            "Close c1",
            "Close s1",
            "SealRecording",
            "1001 WrapUp",
            "CloseCall normal",
            &format!("{CARRIER} < 200 BYE"),
            &format!("{seat} < BYE"),
        ]
    );
    assert_eq!(city.exchange.load().1, 0, "ports are free again");
    let (flow, bye) = city.request_to(phone.flow.remote, &Method::Bye).unwrap();
    city.send(flow, super::peers::reply(&bye, 200, "", &[], ""));
    city.pass(seconds(60));
    assert_eq!(city.exchange.load(), (0, 0));
}

#[test]
fn a_seat_that_hangs_up_ends_the_call() {
    let mut city = City::open();
    let (mut caller, _, mut rung) = talking(&mut city);
    assert_eq!(rung.bye(&mut city), Some(200));
    let (flow, bye) = city.request_to(caller.flow.remote, &Method::Bye).expect("a BYE for the caller");
    assert_eq!(
        bye.headers.to().unwrap().tag(),
        Some("from-").map(|tag| format!("{tag}{}", &caller.call_id[5..6])).as_deref()
    );
    city.send(flow, super::peers::reply(&bye, 200, "", &[], ""));
    assert!(city.deeds().contains(&"CloseCall normal".to_string()));
    assert_eq!(caller.bye(&mut city), Some(200), "both hung up at once");
    city.pass(seconds(60));
    assert_eq!(caller.bye(&mut city), Some(481), "the dialog is gone");
}

#[test]
fn a_caller_waits_as_the_trunk_wants() {
    for (how, at_once, later) in [
        (QueueAnswer::Early, vec![183], vec![183]),
        (QueueAnswer::Connect, vec![200], vec![]),
        (QueueAnswer::EarlyThenConnect(seconds(45)), vec![183], vec![200]),
    ] {
        let mut settings = settings();
        settings.trunks[0].queue_answer = how;
        let mut city = City::new(settings);
        let mut caller = Caller::new(&mut city, "12345");
        caller.invite(&mut city);
        assert_eq!(caller.hears(&mut city), at_once, "{how:?}");
        if at_once == [200] {
            caller.ack(&mut city);
        }
        city.pass(51 * SECOND);
        let mut heard = caller.hears(&mut city);
        heard.dedup();
        assert_eq!(heard, later, "{how:?}: a provisional at least each minute");
        assert_eq!(city.exchange.board().queued(), 1);
        assert!(!city.story().contains(&"OpenTicket 12345".to_string()), "waiting is no answer");
    }
}

#[test]
fn who_leaves_before_a_seat_answers_has_a_missed_call_and_no_ticket() {
    // (how the caller waits, whether a phone is there, whether it rings, connected when it leaves)
    let cases = [
        ("prompt", QueueAnswer::Early, false),
        ("ringing", QueueAnswer::Early, true),
        ("prompt", QueueAnswer::Connect, false),
        ("ringing", QueueAnswer::Connect, true),
    ];
    for (stage, how, rings) in cases {
        let mut settings = settings();
        settings.trunks[0].queue_answer = how;
        let mut city = City::new(settings);
        let mut phone = Phone::new("1001");
        if rings {
            phone.register(&mut city);
        }
        let mut caller = Caller::new(&mut city, "12345");
        caller.invite(&mut city);
        caller.hears(&mut city);
        let rung = rings.then(|| phone.rung(&mut city));
        if let Some(rung) = &rung {
            rung.reply(&mut city, 180);
        }
        city.pass(SECOND);
        city.story();
        if how == QueueAnswer::Connect {
            caller.ack(&mut city);
            assert_eq!(caller.bye(&mut city), Some(200));
        } else {
            caller.cancel(&mut city);
            assert_eq!(caller.hears(&mut city), [200, 487], "of the CANCEL and of the INVITE");
            caller.ack_failure(&mut city);
        }
        let deeds = city.deeds();
        assert!(deeds.iter().any(|deed| deed.starts_with(&format!("Missed {stage}"))), "{stage} {how:?}: {deeds:?}");
        assert!(!deeds.iter().any(|deed| deed.contains("OpenTicket")));
        if let Some(rung) = &rung {
            let (flow, cancel) = city.request_to(phone.flow.remote, &Method::Cancel).expect("a CANCEL for the phone");
            city.send(flow, super::peers::reply(&cancel, 200, "", &[], ""));
            rung.reply(&mut city, 487);
            assert!(city.request_to(phone.flow.remote, &Method::Ack).is_some());
        }
        city.pass(seconds(71));
        assert_eq!(city.exchange.load(), (0, 0));
    }
}

#[test]
fn a_caller_who_leaves_while_the_seat_answers_has_a_ticket_that_says_so() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let rung = phone.rung(&mut city);
    city.willing = false;
    rung.answer(&mut city);
    city.story();
    caller.cancel(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200, 487]);
    let deeds = city.deeds();
    assert!(deeds.iter().any(|deed| deed.starts_with("CloseCall")), "{deeds:?}");
    assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some());
}

#[test]
fn an_unknown_number_is_answered_404_and_written_down() {
    let mut city = City::open();
    let mut caller = Caller::new(&mut city, "99999");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [404]);
    caller.ack_failure(&mut city);
    let deeds = city.deeds();
    assert!(deeds.iter().any(|deed| deed.starts_with("Missed refused")), "{deeds:?}");
    assert!(deeds.contains(&"Alarm unknown_number carrier on".to_string()));
    assert_eq!(city.exchange.load().1, 0);
    city.pass(seconds(60));
    assert_eq!(city.exchange.load(), (0, 0));
}

#[test]
fn each_leg_names_the_addresses_of_its_own_listener() {
    let mut city = City::open();
    let mut phone = Phone::at("1001", flow(2, Transport::Udp, "[2001:db8::65]:5062"));
    phone.register(&mut city);
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let progress = caller.hear(&mut city).unwrap();
    let contact = |headers: &hotline::sip::message::Headers| headers.contact().unwrap().unwrap().uri.raw;
    assert_eq!(contact(&progress.headers), format!("sip:hotline@{VLAN}"));
    assert!(texts(&progress.body).contains("c=IN IP4 198.51.100.1\r\n"), "{}", texts(&progress.body));
    assert!(texts(&progress.body).contains("m=audio 20000 "));

    let rung = phone.rung(&mut city);
    let via = rung.invite.headers.text(&Name::Via).unwrap().into_owned();
    assert!(via.starts_with(&format!("SIP/2.0/UDP {LAN6};")), "{via}");
    assert_eq!(contact(&rung.invite.headers), format!("sip:hotline@{LAN6}"));
    assert!(texts(&rung.invite.body).contains("c=IN IP6 2001:db8::1\r\n"), "{}", texts(&rung.invite.body));
    rung.answer(&mut city);
    assert_eq!(caller.hears(&mut city), [200]);
    caller.ack(&mut city);

    // Over TCP the contact says so.
    let mut settings = settings();
    settings.board.seats.retain(|seat, _| seat.0 == "1002");
    let mut city = City::new(settings);
    let mut phone = Phone::at("1002", flow(4, Transport::Tcp, "10.0.0.102:49152"));
    phone.register(&mut city);
    Caller::new(&mut city, "12345").invite(&mut city);
    let rung = phone.rung(&mut city);
    assert_eq!(contact(&rung.invite.headers), format!("sip:hotline@{LAN};transport=tcp"));
    let via = rung.invite.headers.text(&Name::Via).unwrap().into_owned();
    assert!(via.starts_with(&format!("SIP/2.0/TCP {LAN};")), "{via}");
}

#[test]
fn hold_and_resume_reach_the_other_side_as_music_and_states() {
    let mut city = City::open();
    let (mut caller, _, mut rung) = talking(&mut city);
    let held = rung.ask(&mut city, "INVITE", &sdp("10.0.0.101", 6000, "sendonly")).unwrap();
    assert_eq!(held.status, 200);
    assert!(texts(&held.body).contains("a=recvonly"), "{}", texts(&held.body));
    let text = rung.text(&mut city, "ACK", "").replace("CSeq: 2 ACK", "CSeq: 1 ACK");
    city.send(rung.flow, text);
    assert_eq!(city.state("1001"), SeatState::Held);
    assert!(city.story().contains(&"Play c1 Music".to_string()));
    let resumed = rung.ask(&mut city, "UPDATE", &sdp("10.0.0.101", 6000, "sendrecv")).unwrap();
    assert_eq!(resumed.status, 200);
    assert_eq!(city.state("1001"), SeatState::Talking);

    // The carrier moves its media, by re-INVITE and by UPDATE.
    city.story();
    let moved = caller.ask(&mut city, "INVITE", &sdp("198.51.100.21", 4100, "sendrecv")).unwrap();
    assert_eq!(moved.status, 200);
    caller.ack(&mut city);
    assert!(city.story().contains(&"Agree c1 198.51.100.21:4100".to_string()));
    assert_eq!(caller.ask(&mut city, "UPDATE", &sdp("198.51.100.22", 4200, "sendrecv")).unwrap().status, 200);
    assert!(city.story().contains(&"Agree c1 198.51.100.22:4200".to_string()));
    assert_eq!(caller.ask(&mut city, "INFO", "").unwrap().status, 200);
    assert_eq!(caller.ask(&mut city, "OPTIONS", "").unwrap().status, 200);
    let message = caller.ask(&mut city, "MESSAGE", "").unwrap();
    assert_eq!(message.status, 405);
    assert!(message.headers.has_token(&Name::Allow, "INVITE"));
    city.pass(Duration::from_millis(10));
    assert_eq!(caller.bye(&mut city), Some(200));
}

#[test]
fn the_provisional_is_the_one_that_the_trunk_wants_with_sdp_where_audio_was_offered() {
    for status in [180, 183] {
        for offer in [sdp("198.51.100.20", 4000, "sendrecv"), String::new()] {
            let mut settings = settings();
            settings.trunks[0].ring_with_180 = status == 180;
            let mut city = City::new(settings);
            let mut caller = Caller::new(&mut city, "12345");
            caller.invite_with(&mut city, &offer);
            let provisional = caller.hear(&mut city).unwrap();
            assert_eq!((provisional.status, provisional.body.is_empty()), (status, offer.is_empty()), "{offer}");
        }
    }
}

#[test]
fn a_caller_who_asks_for_privacy_in_any_writing_stays_unknown() {
    let table = [
        ("id", true),
        ("ID", true),
        ("user", true),
        ("header", true),
        ("session", true),
        ("user;id", true),
        ("none;id", true),
        ("id;critical", true),
        ("critical ; Id", true),
        ("user,id", true),
        ("none", false),
        ("critical", false),
        ("history", false),
        ("idle", false),
        ("", false),
    ];
    for (value, withheld) in table {
        let mut city = City::open();
        let mut caller = Caller::new(&mut city, "12345");
        caller.more =
            vec![format!("Privacy: {value}"), "P-Asserted-Identity: <sip:13800000009@carrier.example>".into()];
        caller.invite(&mut city);
        caller.cancel(&mut city);
        assert_eq!(city.missed().caller.number.is_none(), withheld, "{value}");
    }
}

#[test]
fn a_caller_without_an_offer_is_welcomed_as_soon_as_its_prack_has_answered_ours() {
    let mut settings = settings();
    settings.trunks[0].reliable = Reliable::Supported;
    let mut city = City::new(settings);
    let mut caller = Caller::new(&mut city, "12345");
    caller.more = vec!["Supported: 100rel".into()];
    caller.invite_with(&mut city, "");
    let progress = caller.hear(&mut city).unwrap();
    assert!(!progress.body.is_empty(), "our offer");
    assert!(!city.story().iter().any(|line| line.starts_with("Play")), "nobody hears it yet");
    let rseq = progress.headers.text(&Name::RSeq).unwrap().into_owned();
    let answer = sdp("198.51.100.20", 4000, "sendrecv");
    let prack = caller.next("PRACK", &mut city, &answer);
    city.send(caller.flow, prack.replace("\r\nMax-", &format!("\r\nRAck: {rseq} 1 INVITE\r\nMax-")));
    assert_eq!(caller.hears(&mut city), [200]);
    let story = city.story();
    assert_eq!(story[..2], ["Agree c1 198.51.100.20:4000", "Play c1 Greeting(12345)"], "{story:?}");
    city.pass(seconds(46));
    assert!(!city.story().iter().any(|line| line.contains("Greeting")), "it is not told again once connected");
}

#[test]
fn a_caller_whose_sdp_names_a_host_is_let_in_and_heard_for_its_address() {
    let mut city = City::open();
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite_with(&mut city, &sdp("sbc.carrier.example", 4000, "sendrecv"));
    assert_eq!(caller.hears(&mut city), [183]);
    let agreed = city.media.iter().find_map(|command| match command {
        Command::Agree { media, .. } => Some(media.clone()),
        _ => None,
    });
    let agreed = agreed.expect("an agreement");
    assert_eq!((agreed.remote, agreed.send, agreed.receive), (None, true, true));
}

#[test]
fn a_caller_whose_connection_ends_waits_on_and_hears_the_answer_over_another() {
    let mut settings = settings();
    settings.listeners[4].serves_trunks = true;
    settings.trunks.push(super::city::trunk("streams", 4, "10.0.0.32"));
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    let from = flow(4, Transport::Tcp, "10.0.0.33:5060");
    let mut caller = Caller::on(&mut city, from, "sip:12345@10.0.0.1", "13800000001");
    caller.invite(&mut city);
    assert_eq!(caller.hears(&mut city), [183]);
    city.input(Input::TransportFailed { flow: from });
    assert!(caller.hears(&mut city).is_empty());
    let mut rung = phone.rung(&mut city);
    rung.answer(&mut city);
    assert_eq!(caller.hears(&mut city), [200]);
    caller.ack(&mut city);
    rung.bye(&mut city);
    assert!(city.request_to(from.remote, &Method::Bye).is_some());

    // Nobody can be reached there either: the caller is gone.
    let mut caller = Caller::on(&mut city, from, "sip:12345@10.0.0.1", "13800000001");
    caller.invite(&mut city);
    city.input(Input::TransportFailed { flow: from });
    city.input(Input::TransportFailed { flow: from });
    assert_eq!(city.exchange.board().live(), 0);
}

#[test]
fn an_offer_of_ours_that_is_never_answered_ends_the_call() {
    for answer in [
        "",
        "garbage",
        "v=0\r\no=- 1 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nm=audio 4000 RTP/AVP 18\r\n",
    ] {
        let mut city = City::open();
        let mut phone = Phone::registered(&mut city, "1001");
        let mut caller = Caller::new(&mut city, "12345");
        caller.invite_with(&mut city, "");
        phone.rung(&mut city).answer(&mut city);
        assert_eq!(caller.hears(&mut city).last(), Some(&200));
        city.story();
        let ack = caller.text("ACK", &caller.uri.clone(), caller.cseq, &[], answer);
        city.send(caller.flow, ack);
        assert!(city.request_to(caller.flow.remote, &Method::Bye).is_some(), "{answer}");
        assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some(), "{answer}");
        let story = city.story();
        assert!(story.contains(&"CloseCall caller_gone_at_answer".to_owned()), "{answer}: {story:?}");
    }
}
