//! Ringing a seat: its phones, what they answer, and how a seat is lost.

use std::time::Duration;

use hotline::call::mix_plan::{Command, Report};
use hotline::call::{LegId, Output as Wish, SeatNo, SeatState};
use hotline::exchange::Input;
use hotline::sip::flow::Transport;
use hotline::sip::message::{Method, NameAddr};

use super::city::{City, flow, settings};
use super::peers::{Caller, Phone, Rung, reply, sdp, talking};
use crate::call::{SECOND, seconds};

/// One seat, so that every call goes to it.
fn one_seat() -> City {
    let mut settings = settings();
    settings.board.seats.retain(|seat, _| seat.0 == "1001");
    settings.board.wrap_up = Duration::ZERO;
    City::new(settings)
}

fn ok(city: &mut City, phone: &Phone, method: &Method) {
    let (flow, request) = city.request_to(phone.flow.remote, method).expect("a request to answer");
    city.send(flow, reply(&request, 200, "", &[], ""));
}

/// The phone answers our CANCEL, and then the INVITE with 487.
fn is_cancelled(city: &mut City, phone: &Phone, rung: &Rung) {
    ok(city, phone, &Method::Cancel);
    rung.reply(city, 487);
    assert!(city.request_to(phone.flow.remote, &Method::Ack).is_some());
}

#[test]
fn the_phone_shows_who_calls_and_for_which_number() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    Caller::new(&mut city, "12345").invite(&mut city);
    let rung = phone.rung(&mut city);
    let from: NameAddr = rung.invite.headers.from().unwrap();
    assert_eq!(from.uri.unescaped_user().as_deref(), Some("13800000001"));
    assert_eq!(from.display_text().unwrap(), "热线 12345 13800000001");
    assert_eq!(rung.invite.uri, "sip:1001@10.0.0.101:5060");

    let mut caller = Caller::new(&mut city, "12345");
    caller.more = vec!["Privacy: id".into()];
    let mut phone = Phone::registered(&mut city, "1002");
    caller.invite(&mut city);
    assert_eq!(phone.rung(&mut city).invite.headers.from().unwrap().uri.user.as_deref(), Some("anonymous"));
}

#[test]
fn all_phones_of_a_seat_ring_and_the_first_to_answer_is_the_seat() {
    let mut city = City::open();
    let mut desk = Phone::registered(&mut city, "1001");
    let mut soft = Phone::at("1001", flow(1, Transport::Udp, "10.0.0.201:5080"));
    let mut stream = Phone::at("1001", flow(4, Transport::Tcp, "10.0.0.202:49152"));
    soft.register(&mut city);
    stream.register(&mut city);
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let (one, two, three) = (desk.rung(&mut city), soft.rung(&mut city), stream.rung(&mut city));
    for rung in [&one, &two, &three] {
        rung.reply(&mut city, 180);
    }
    assert_eq!(city.story().iter().filter(|line| *line == "1001 Ringing").count(), 1);
    two.answer(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200]);
    caller.ack(&mut city);
    is_cancelled(&mut city, &desk, &one);
    // The third answered while our CANCEL was on its way.
    ok(&mut city, &stream, &Method::Cancel);
    three.reply(&mut city, 200);
    assert!(city.request_to(stream.flow.remote, &Method::Ack).is_some());
    ok(&mut city, &stream, &Method::Bye);
    assert_eq!(city.state("1001"), SeatState::Talking);
    assert_eq!(city.exchange.load(), (2, 2));
    // What the losers say of it later does not touch the call.
    city.pass(seconds(60));
    assert_eq!(city.exchange.board().live(), 1);
    caller.bye(&mut city);
    assert!(city.request_to(soft.flow.remote, &Method::Bye).is_some());
    assert!(city.request_to(desk.flow.remote, &Method::Bye).is_none());
}

#[test]
fn a_seat_that_turns_the_call_away_is_busy_and_the_next_is_rung() {
    for (status, reason) in
        [(486, "busy"), (603, "declined"), (480, "declined"), (404, "unreachable"), (488, "refused")]
    {
        let mut city = City::open();
        let mut one = Phone::registered(&mut city, "1001");
        city.pass(SECOND);
        let mut two = Phone::registered(&mut city, "1002");
        Caller::new(&mut city, "12345").invite(&mut city);
        one.rung(&mut city).reply(&mut city, status);
        let seat = city.seat("1001");
        assert_eq!((seat.state, seat.reason.as_deref()), (SeatState::Busy, Some(reason)), "{status}");
        assert!(two.is_rung(&mut city).is_some(), "{status}");
    }
    // Nobody picks up.
    let mut city = City::open();
    let mut one = Phone::registered(&mut city, "1001");
    city.pass(SECOND);
    let mut two = Phone::registered(&mut city, "1002");
    Caller::new(&mut city, "12345").invite(&mut city);
    let rung = one.rung(&mut city);
    rung.reply(&mut city, 180);
    city.pass(seconds(12));
    assert_eq!(city.seat("1001").reason.as_deref(), Some("no_answer"));
    assert!(two.is_rung(&mut city).is_some());
    is_cancelled(&mut city, &one, &rung);
}

#[test]
fn a_phone_is_rung_again_only_when_it_is_done_with_the_call_before() {
    let mut city = one_seat();
    let mut phone = Phone::registered(&mut city, "1001");
    let (mut first, mut second) = (Caller::new(&mut city, "12345"), Caller::new(&mut city, "12345"));
    first.invite(&mut city);
    second.invite(&mut city);
    let rung = phone.rung(&mut city);
    rung.reply(&mut city, 180);
    first.cancel(&mut city);
    assert!(phone.is_rung(&mut city).is_none(), "it would answer 486 until it has seen the CANCEL");
    assert_eq!(city.state("1001"), SeatState::Reserved);
    ok(&mut city, &phone, &Method::Cancel);
    assert!(phone.is_rung(&mut city).is_none());
    rung.reply(&mut city, 487);
    let rung = phone.rung(&mut city);
    rung.reply(&mut city, 180);

    // It answers while our CANCEL is on its way: rung again when the BYE is answered too.
    let mut third = Caller::new(&mut city, "12345");
    third.invite(&mut city);
    second.cancel(&mut city);
    rung.reply(&mut city, 200);
    assert!(phone.is_rung(&mut city).is_none());
    ok(&mut city, &phone, &Method::Cancel);
    ok(&mut city, &phone, &Method::Bye);
    let rung = phone.rung(&mut city);
    rung.answer(&mut city);
    assert_eq!(third.hears(&mut city).last(), Some(&200));
    third.ack(&mut city);

    // The same after an ordinary BYE.
    let mut fourth = Caller::new(&mut city, "12345");
    fourth.invite(&mut city);
    third.bye(&mut city);
    assert!(phone.is_rung(&mut city).is_none());
    ok(&mut city, &phone, &Method::Bye);
    assert!(phone.is_rung(&mut city).is_some());
}

#[test]
fn a_phone_that_does_not_answer_a_cancel_is_rung_all_the_same_after_a_moment() {
    let mut city = one_seat();
    let mut phone = Phone::registered(&mut city, "1001");
    let (mut first, mut second) = (Caller::new(&mut city, "12345"), Caller::new(&mut city, "12345"));
    first.invite(&mut city);
    second.invite(&mut city);
    phone.rung(&mut city).reply(&mut city, 180);
    first.cancel(&mut city);
    city.pass(Duration::from_millis(2_900));
    assert!(phone.is_rung(&mut city).is_none());
    city.pass(Duration::from_millis(200));
    let rung = phone.rung(&mut city);
    assert_eq!(rung.invite.headers.from().unwrap().uri.user.as_deref(), Some("13800000001"));
    // A caller who leaves meanwhile takes the held call along.
    let mut city = one_seat();
    let mut phone = Phone::registered(&mut city, "1001");
    let (mut first, mut second) = (Caller::new(&mut city, "12345"), Caller::new(&mut city, "12345"));
    first.invite(&mut city);
    second.invite(&mut city);
    let rung = phone.rung(&mut city);
    rung.reply(&mut city, 180);
    first.cancel(&mut city);
    second.cancel(&mut city);
    is_cancelled(&mut city, &phone, &rung);
    city.pass(seconds(70));
    assert!(phone.is_rung(&mut city).is_none());
    assert_eq!((city.exchange.load(), city.state("1001")), ((0, 0), SeatState::Idle));
}

#[test]
fn a_seat_without_a_phone_is_busy_and_not_reserved_for_ever() {
    let mut city = one_seat();
    let mut phone = Phone::new("1001");
    phone.more = vec!["Expires: 60".into()];
    phone.register(&mut city);
    city.mail(phone.flow.remote);
    // Its registration runs out at the very moment of the call.
    while city.now.mono < hotline::time::Mono::from_millis(65_000) {
        city.now.mono = city.now.mono + SECOND;
    }
    city.story();
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let story = city.story();
    let states: Vec<&String> = story.iter().filter(|line| line.starts_with("1001 ")).collect();
    assert_eq!(states, ["1001 Reserved", "1001 Busy (unreachable)"]);
    assert_eq!(city.exchange.board().queued(), 1);
}

#[test]
fn a_seat_whose_media_falls_silent_is_asked_and_lost_only_without_an_answer() {
    let mut city = City::open();
    let (mut caller, phone, _) = talking(&mut city);
    let mut other = Phone::registered(&mut city, "1002");
    city.pass(seconds(10));
    let leg = LegId(1 << 63 | 1);
    let silent = |city: &mut City| city.input(Input::Media(Report::Silent { leg, since: city.now.mono }));
    silent(&mut city);
    let (flow, options) = city.request_to(phone.flow.remote, &Method::Options).expect("OPTIONS in the dialog");
    assert!(options.headers.to().unwrap().tag().is_some());
    city.send(flow, reply(&options, 200, "", &[], ""));
    assert_eq!(city.state("1001"), SeatState::Talking, "silence suppression");
    city.pass(seconds(21));
    let (flow, options) = city.request_to(phone.flow.remote, &Method::Options).expect("asked again while it is silent");
    city.send(flow, reply(&options, 200, "", &[], ""));
    city.input(Input::Media(Report::Back { leg }));
    city.mail(phone.flow.remote);
    city.pass(seconds(25));
    let in_dialog = |city: &mut City| {
        let all = std::iter::from_fn(|| city.request_to(phone.flow.remote, &Method::Options));
        all.filter(|(_, options)| options.headers.to().unwrap().tag().is_some()).last()
    };
    assert!(in_dialog(&mut city).is_none(), "not while it speaks");
    while let Some((flow, options)) = city.request_to(phone.flow.remote, &Method::Options) {
        city.send(flow, reply(&options, 200, "", &[], ""));
    }

    silent(&mut city);
    city.story();
    city.wishes.clear();
    let (flow, options) = in_dialog(&mut city).unwrap();
    city.send(flow, reply(&options, 481, "", &[], ""));
    let story = city.story();
    let mix: Vec<&String> = story.iter().filter(|line| line.starts_with("Mix") || line.starts_with("Play")).collect();
    assert_eq!(mix, ["Mix c1 + [] recorded", "Play c1 Returning"]);
    assert_eq!(city.seat("1001").reason.as_deref(), Some("media_lost"));
    assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some(), "its dialog may still stand");

    // First in the queue: the next seat is rung, in the same recording and with the same ticket.
    other.rung(&mut city).answer(&mut city);
    let story = city.story();
    assert!(story.contains(&"Mix c1 + [s2] recorded".to_string()), "{story:?}");
    let again =
        |wish: &Wish| matches!(wish, Wish::OpenRecording { .. } | Wish::OpenTicket(_) | Wish::SealRecording { .. });
    assert!(!city.wishes.iter().any(again));
    assert!(caller.hears(&mut city).is_empty(), "its caller hears of it by the prompt alone");
    assert_eq!(caller.bye(&mut city), Some(200));
    assert!(city.story().contains(&"SealRecording".to_string()));
}

#[test]
fn a_seat_whose_connection_breaks_is_asked_and_lost_without_an_answer() {
    for (status, state) in [(200, SeatState::Talking), (481, SeatState::Busy)] {
        let mut city = City::open();
        let mut phone = Phone::at("1001", flow(4, Transport::Tcp, "10.0.0.201:49152"));
        phone.register(&mut city);
        let mut caller = Caller::new(&mut city, "12345");
        caller.invite(&mut city);
        let rung = phone.rung(&mut city);
        // Its contact is where it listens, not where its connection comes from.
        let contact = ["Contact: <sip:phone@10.0.0.201:5060;transport=tcp>".to_string()];
        city.send(rung.flow, reply(&rung.invite, 200, &rung.tag, &contact, &rung.body));
        assert_eq!(caller.hears(&mut city), [183, 200]);
        caller.ack(&mut city);
        city.mail(phone.flow.remote);
        city.input(Input::TransportFailed { flow: phone.flow });
        let listens = "10.0.0.201:5060".parse().unwrap();
        let (flow, options) = city.request_to(listens, &Method::Options).expect("asked over a new connection");
        city.send(flow, reply(&options, status, "", &[], ""));
        assert_eq!(city.state("1001"), state, "{status}");
        assert_eq!(city.exchange.board().live(), 1, "the citizen stays");
    }
}

#[test]
fn a_silent_citizen_who_answers_no_options_ends_the_call() {
    let mut city = City::open();
    let (caller, phone, _) = talking(&mut city);
    city.input(Input::Media(Report::Silent { leg: LegId(1), since: city.now.mono }));
    assert!(city.request_to(caller.flow.remote, &Method::Options).is_some());
    city.pass(seconds(33));
    assert!(city.story().contains(&"CloseCall media_lost".to_string()));
    assert!(city.request_to(phone.flow.remote, &Method::Bye).is_some());
    assert!(city.request_to(caller.flow.remote, &Method::Bye).is_some());
}

#[test]
fn a_caller_who_was_silent_in_the_queue_is_asked_once_it_talks() {
    let mut city = City::open();
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    city.input(Input::Media(Report::Silent { leg: LegId(1), since: city.now.mono }));
    assert!(city.request_to(caller.flow.remote, &Method::Options).is_none(), "there is no dialog to ask in");
    city.pass(SECOND);
    let mut phone = Phone::registered(&mut city, "1001");
    phone.rung(&mut city).answer(&mut city);
    caller.hears(&mut city);
    caller.ack(&mut city);
    city.pass(seconds(21));
    assert!(city.request_to(caller.flow.remote, &Method::Options).is_some());
}

#[test]
fn a_port_that_cannot_be_bound_is_left_for_another_and_no_seat_is_blamed() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    let rung = phone.rung(&mut city);
    let leg = LegId(1 << 63 | 1);
    let taken = |city: &City| {
        city.media.iter().rev().find_map(|command| match command {
            Command::Open { leg: of, local, .. } if *of == leg => Some(*local),
            _ => None,
        })
    };
    let local = taken(&city).unwrap();
    let error = "address in use".to_string();
    city.input(Input::Media(Report::NotOpened { leg, local, error }));
    rung.reply(&mut city, 100);
    is_cancelled(&mut city, &phone, &rung);
    assert_eq!(city.state("1001"), SeatState::Reserved);
    let rung = phone.rung(&mut city);
    let other = taken(&city).unwrap();
    assert_ne!(local, other);
    assert!(String::from_utf8_lossy(&rung.invite.body).contains(&format!("m=audio {} ", other.port())));
    rung.answer(&mut city);
    assert_eq!(caller.hears(&mut city), [183, 200]);
    assert_eq!(city.exchange.load().1, 2);
}

#[test]
fn a_seat_that_answers_without_a_common_codec_is_released_and_the_next_is_rung() {
    let mut city = City::open();
    let mut one = Phone::registered(&mut city, "1001");
    city.pass(SECOND);
    let mut two = Phone::registered(&mut city, "1002");
    Caller::new(&mut city, "12345").invite(&mut city);
    let mut rung = one.rung(&mut city);
    rung.body = rung.body.replace("RTP/AVP 8 0 101", "RTP/AVP 18");
    rung.answer(&mut city);
    assert!(city.request_to(one.flow.remote, &Method::Bye).is_some());
    assert_eq!(city.seat("1001").reason.as_deref(), Some("refused"));
    assert!(two.is_rung(&mut city).is_some());
}

#[test]
fn a_phone_that_rings_may_ask_in_its_early_dialog() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    Caller::new(&mut city, "12345").invite(&mut city);
    let mut rung = phone.rung(&mut city);
    rung.reply(&mut city, 180);
    city.mail(phone.flow.remote);
    assert_eq!(rung.ask(&mut city, "OPTIONS", "").map(|response| response.status), Some(200));
}

#[test]
fn a_seat_that_is_silent_in_every_way_is_lost_within_eight_seconds() {
    let mut city = City::open();
    talking(&mut city);
    city.pass(seconds(10));
    let leg = LegId(1 << 63 | 1);
    let silent = Input::Media(Report::Silent { leg, since: city.now.mono });
    city.input(silent);
    city.pass(seconds(7));
    assert_eq!(city.state("1001"), SeatState::Talking);
    city.pass(seconds(1));
    assert_eq!(city.seat("1001").reason.as_deref(), Some("media_lost"));
}

#[test]
fn a_seat_that_dies_while_it_holds_does_not_leave_the_citizen_with_the_music() {
    let mut city = City::open();
    let (_, _, mut rung) = talking(&mut city);
    rung.ask(&mut city, "INVITE", &sdp("10.0.0.11", 6000, "inactive"));
    assert_eq!(city.state("1001"), SeatState::Held);
    let leg = LegId(1 << 63 | 1);
    city.input(Input::Media(Report::Silent { leg, since: city.now.mono }));
    city.pass(seconds(8));
    assert_eq!(city.seat("1001").reason.as_deref(), Some("media_lost"));
    assert!(city.story().contains(&"Play c1 Returning".to_string()));
}

#[test]
fn a_citizen_who_holds_is_asked_when_it_comes_back_and_stays_silent() {
    let mut city = City::open();
    let (mut caller, _, _) = talking(&mut city);
    caller.invite_with(&mut city, &sdp("198.51.100.20", 4000, "inactive"));
    caller.hears(&mut city);
    caller.ack(&mut city);
    let silent = Input::Media(Report::Silent { leg: LegId(1), since: city.now.mono });
    city.input(silent);
    city.pass(seconds(60));
    assert_eq!(city.state("1001"), SeatState::Talking, "a carrier need not answer while it holds");
    caller.invite_with(&mut city, &sdp("198.51.100.20", 4000, "sendrecv"));
    caller.hears(&mut city);
    caller.ack(&mut city);
    city.pass(seconds(33));
    assert!(city.story().contains(&"CloseCall media_lost".to_string()));
}

#[test]
fn a_seat_that_is_heard_again_is_kept_though_it_never_answered() {
    let mut city = City::open();
    talking(&mut city);
    city.pass(seconds(10));
    let leg = LegId(1 << 63 | 1);
    let silent = Input::Media(Report::Silent { leg, since: city.now.mono });
    city.input(silent);
    city.pass(seconds(4));
    city.input(Input::Media(Report::Back { leg }));
    city.pass(seconds(40));
    assert_eq!(city.state("1001"), SeatState::Talking);
}

#[test]
fn who_calls_is_shown_where_a_telephone_can_have_that_number() {
    let (longest, too_long) = ("1".repeat(32), "1".repeat(33_000));
    for (user, shown) in [
        ("13800000001", "13800000001"),
        ("+8613800000001", "+8613800000001"),
        (&longest, &longest),
        (&too_long, "anonymous"),
        ("-----", "anonymous"),
        ("*#", "anonymous"),
    ] {
        let mut city = City::open();
        let mut phone = Phone::registered(&mut city, "1001");
        let mut caller = Caller::on(&mut city, super::city::carrier(), "sip:12345@198.51.100.1", user);
        caller.invite(&mut city);
        let from = phone.rung(&mut city).invite.headers.from().unwrap();
        assert_eq!(from.uri.unescaped_user().as_deref(), Some(shown));
        caller.cancel(&mut city);
        let raw = &city.missed().caller.raw;
        assert!(
            raw.iter().all(|(_, value)| (10..=512).contains(&value.reveal().len())),
            "the record keeps its beginning"
        );
    }
}

#[test]
fn a_request_too_long_for_its_way_fails_alone() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    let mut other = Caller::new(&mut city, "12345");
    caller.invite(&mut city);
    other.invite(&mut city);
    let rung = phone.rung(&mut city);
    let too_long = |city: &mut City, flow, bytes| city.input(Input::TooLong { flow, bytes });
    // Our answers are as long for every caller who sends so much: nothing follows from it.
    let answer = reply(&rung.invite, 200, "", &[], "").into_bytes();
    too_long(&mut city, caller.flow, answer);
    assert_eq!((city.exchange.board().live(), city.state("1001")), (2, SeatState::Reserved));
    too_long(&mut city, rung.flow, hotline::sip::message::Message::Request(rung.invite).to_bytes());
    assert_eq!((city.exchange.board().live(), city.state("1001")), (2, SeatState::Busy));
    let seat = city.seat("1001");
    assert_eq!((seat.reason.as_deref(), seat.reachable), (Some("refused"), true), "its phone is there");
}

#[test]
fn a_phone_that_never_says_a_word_holds_the_others_of_its_seat_back_no_longer() {
    let mut city = one_seat();
    let mut phone = Phone::registered(&mut city, "1001");
    let mut dead = Phone::at("1001", flow(1, Transport::Udp, "10.0.0.201:5080"));
    dead.register(&mut city);
    for _ in 0..3 {
        let mut caller = Caller::new(&mut city, "12345");
        caller.invite(&mut city);
        assert!(dead.is_rung(&mut city).is_some());
        let mut rung = phone.is_rung(&mut city).expect("at once");
        rung.answer(&mut city);
        caller.hears(&mut city);
        caller.ack(&mut city);
        city.pass(SECOND);
        rung.bye(&mut city);
    }
}

#[test]
fn phones_of_an_earlier_run_are_asked_at_once_and_rung_as_soon_as_they_answer() {
    let mut before = City::open();
    let mut phone = Phone::registered(&mut before, "1001");
    Phone::registered(&mut before, "1002");
    let (revision, kept) = before.exchange.registered_phones(before.now);
    let kept: Vec<_> = kept.map(|(seat, binding)| (SeatNo(seat.to_owned()), binding.clone())).collect();
    assert_eq!((kept.len(), before.exchange.registered_phones(before.now).0), (2, revision));

    let mut city = City::open();
    city.exchange.restore_phones(city.now, kept);
    city.pass(SECOND);
    assert_eq!(city.state("1001"), SeatState::SignedOut);
    assert!(phone.pong(&mut city), "it is asked at once");
    assert_eq!((city.state("1001"), city.state("1002")), (SeatState::Idle, SeatState::SignedOut));
    Caller::new(&mut city, "12345").invite(&mut city);
    phone.rung(&mut city).answer(&mut city);
    assert_eq!(city.state("1001"), SeatState::Talking);
    // Seat 1002's phone is gone, and counts as a stranger's once its time is over.
    city.pass(seconds(700));
    assert!(!city.exchange.knows(Phone::new("1002").flow));
    phone.register(&mut city);
    assert!(city.exchange.knows(phone.flow));
}

#[test]
fn a_wrong_password_is_told_and_a_seat_that_is_locked_out_is_an_alarm() {
    let mut city = City::open();
    let mut phone = Phone::new("1001");
    phone.password = "wrong".into();
    let mut statuses = Vec::new();
    for pause in [0, 1, 2, 4, 8, 1] {
        city.pass(seconds(pause));
        statuses.push(phone.prove(&mut city, "REGISTER", "sip:10.0.0.1:5060", "").status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 403]);
    let of = |city: &mut City| {
        let story = city.story().into_iter();
        story.filter(|line| line.starts_with("Wrong") || line.starts_with("Alarm")).collect::<Vec<_>>()
    };
    let source = phone.flow.remote.ip();
    assert_eq!(
        of(&mut city),
        [format!("Wrong {source} 1001"), format!("Wrong {source} 1001 locked"), "Alarm password_locked 1001 on".into()]
    );
    assert_eq!(city.exchange.counters().wrong_passwords, 5);
    city.pass(seconds(900));
    assert_eq!(of(&mut city), ["Alarm password_locked 1001 off"]);
    phone.password = "secret-1001".into();
    phone.register(&mut city);
}
