//! Reload, drain, the end, and what an earlier run left behind.

use hotline::call::{SeatNo, SeatState};
use hotline::exchange::Input;
use hotline::exchange::settings::{FixedPhone, Settings};
use hotline::sip::flow::Transport;
use hotline::sip::message::{Method, Name};

use super::city::{City, flow, settings, trunk};
use super::peers::{Caller, Phone, reply, talking};
use crate::call::seconds;

#[test]
fn a_drained_hotline_turns_new_calls_away_and_lets_the_others_talk() {
    let mut settings = settings();
    settings.trunks[0].overload_status = 480;
    let mut city = City::new(settings);
    let (mut caller, _, _) = talking(&mut city);
    let mut waiting = Caller::new(&mut city, "12345");
    waiting.invite(&mut city);
    assert_eq!(waiting.hears(&mut city), [183]);
    city.input(Input::Drain);
    let mut late = Caller::new(&mut city, "12345");
    late.invite(&mut city);
    let refusal = late.hear(&mut city).unwrap();
    assert_eq!(refusal.status, 480, "the trunk's overload code");
    assert!(refusal.headers.get(&Name::RetryAfter).is_none());
    late.ack_failure(&mut city);
    let mut phone = Phone::registered(&mut city, "1002");
    phone.rung(&mut city).answer(&mut city);
    assert_eq!(waiting.hears(&mut city), [200], "who was there before is served");
    waiting.ack(&mut city);
    assert_eq!((caller.bye(&mut city), waiting.bye(&mut city)), (Some(200), Some(200)));
    assert_eq!(city.exchange.board().live(), 0);
}

#[test]
fn the_end_releases_every_leg_and_seals_every_recording() {
    let mut city = City::open();
    let (caller, phone, _) = talking(&mut city);
    let mut waiting = Caller::new(&mut city, "12345");
    waiting.invite(&mut city);
    waiting.hears(&mut city);
    let mut other = Phone::registered(&mut city, "1002");
    let rung = other.rung(&mut city);
    rung.reply(&mut city, 180);
    city.story();
    city.input(Input::EndAll);
    let deeds = city.deeds();
    for deed in ["SealRecording", "CloseCall shutdown"] {
        assert!(deeds.contains(&deed.to_string()), "{deed}: {deeds:?}");
    }
    assert!(deeds.iter().any(|deed| deed.starts_with("Missed ")), "{deeds:?}");
    assert_eq!(waiting.hears(&mut city), [480]);
    waiting.ack_failure(&mut city);
    for remote in [caller.flow.remote, phone.flow.remote] {
        let (flow, bye) = city.request_to(remote, &Method::Bye).expect("a BYE");
        city.send(flow, reply(&bye, 200, "", &[], ""));
    }
    let (flow, cancel) = city.request_to(other.flow.remote, &Method::Cancel).expect("a CANCEL");
    city.send(flow, reply(&cancel, 200, "", &[], ""));
    rung.reply(&mut city, 487);
    assert_eq!(city.exchange.load().1, 0);
    city.pass(seconds(71));
    assert_eq!(city.exchange.load(), (0, 0));
}

#[test]
fn a_leg_of_an_earlier_run_gets_the_bye_that_its_journal_holds() {
    let mut city = City::open();
    let (mut caller, phone, rung) = talking(&mut city);
    let orphans = std::mem::take(&mut city.orphans);
    assert_eq!(orphans.len(), 2, "both legs stand in the journal");
    // The caller's dialog goes on meanwhile.
    assert_eq!(caller.ask(&mut city, "OPTIONS", "").unwrap().status, 200);

    let mut next = City::open();
    for (flow, bye) in orphans {
        next.input(Input::Orphan { flow, bye });
    }
    let (flow, bye) = next.request_to(phone.flow.remote, &Method::Bye).expect("a BYE for the seat");
    assert_eq!(bye.headers.to().unwrap().tag(), Some(rung.tag.as_str()));
    assert_eq!(bye.headers.call_id().unwrap(), rung.invite.headers.call_id().unwrap());
    assert!(bye.headers.cseq().unwrap().number > 1_000);
    next.send(flow, reply(&bye, 200, "", &[], ""));
    let (_, bye) = next.request_to(caller.flow.remote, &Method::Bye).expect("a BYE for the caller");
    assert_eq!(bye.headers.to().unwrap().tag(), caller.from.split("tag=").nth(1));
    assert_eq!(bye.headers.from().unwrap().tag(), caller.to_tag.as_deref());
    next.pass(seconds(60));
    assert_eq!(next.exchange.holdings().client_transactions, 0);
    next.input(Input::Orphan { flow, bye: b"nonsense".to_vec() });
    assert!(next.mail(flow.remote).is_empty());
}

/// The settings with another trunk before the carrier, and without seat 1003.
fn changed() -> Settings {
    let mut settings = settings();
    settings.trunks.insert(0, trunk("another", 0, "198.51.100.64"));
    settings.trunks[1].overload_status = 486;
    settings.trunks[1].channels = 4;
    settings.seats.pop();
    settings.board.seats.remove(&SeatNo("1003".into()));
    settings
}

#[test]
fn a_reload_leaves_live_calls_alone_and_counts_them_on() {
    let mut city = City::open();
    let mut phone = Phone::registered(&mut city, "1003");
    assert!(city.seat("1003").reachable);
    let (mut caller, _, _) = talking(&mut city);
    city.input(Input::Reload(Box::new(changed())));
    assert!(city.exchange.board().seats().iter().all(|seat| seat.seat.0 != "1003"));
    assert_eq!(phone.prove(&mut city, "REGISTER", "sip:10.0.0.1", "").status, 401, "its account is gone");
    assert_eq!(caller.ask(&mut city, "OPTIONS", "").unwrap().status, 200);
    // The carrier stands elsewhere in the file now; its live call counts.
    let mut second = Caller::new(&mut city, "12345");
    second.invite(&mut city);
    assert_eq!(second.hears(&mut city), [183]);
    let mut third = Caller::new(&mut city, "12345");
    third.invite(&mut city);
    assert_eq!(third.hears(&mut city), [486]);
    third.ack_failure(&mut city);
    assert_eq!(caller.bye(&mut city), Some(200));
    let mut fourth = Caller::new(&mut city, "12345");
    fourth.invite(&mut city);
    assert_eq!(fourth.hears(&mut city), [183]);
    // A trunk that is gone in mid-call takes nothing along.
    let mut without = changed();
    without.trunks.clear();
    city.input(Input::Reload(Box::new(without)));
    second.cancel(&mut city);
    assert_eq!(second.hears(&mut city), [200, 487]);
    assert_eq!(city.exchange.holdings().calls, 0);
}

#[test]
fn a_fixed_phone_that_moves_is_sought_at_its_new_place() {
    let at = |remote: &str| {
        let mut settings = settings();
        settings.seats[0].fixed = Some(FixedPhone { flow: flow(1, Transport::Udp, remote), user: "1001".into() });
        settings
    };
    let mut city = City::new(at("10.0.0.150:5060"));
    city.pass(seconds(0));
    let mut old = Phone::at("1001", flow(1, Transport::Udp, "10.0.0.150:5060"));
    assert!(old.pong(&mut city));
    assert!(city.seat("1001").reachable);
    city.input(Input::Reload(Box::new(at("10.0.0.151:5060"))));
    assert!(!city.seat("1001").reachable);
    city.pass(seconds(0));
    let mut new = Phone::at("1001", flow(1, Transport::Udp, "10.0.0.151:5060"));
    assert!(new.pong(&mut city) && city.seat("1001").reachable);
    city.pass(seconds(31));
    assert!(new.pong(&mut city) && !old.pong(&mut city), "only the new place is watched");
    city.input(Input::Reload(Box::new(settings())));
    assert!(!city.seat("1001").reachable);
    // A phone that registers elsewhere is reachable whatever becomes of the fixed one.
    city.input(Input::Reload(Box::new(at("10.0.0.151:5060"))));
    let mut soft = Phone::registered(&mut city, "1001");
    assert!(city.seat("1001").reachable);
    city.pass(seconds(31));
    assert!(soft.pong(&mut city));
    city.pass(seconds(20));
    soft.pong(&mut city);
    city.pass(seconds(20));
    soft.pong(&mut city);
    city.pass(seconds(80));
    soft.pong(&mut city);
    assert!(city.seat("1001").reachable);
    assert_eq!(city.state("1001"), SeatState::Idle);
}

#[test]
fn the_journal_has_nothing_to_release_once_everything_is_over() {
    let mut city = City::open();
    let (mut caller, mut phone, _) = talking(&mut city);
    assert_eq!(city.standing.len(), 2);
    assert_eq!(caller.bye(&mut city), Some(200));
    assert!(city.standing.is_empty(), "{:?}", city.standing);
    city.pass(seconds(120));

    // A feature code is no call: a crash in its seconds leaves its phone to its own timers.
    let stood = city.orphans.len();
    let body = phone.body();
    assert_eq!(phone.prove(&mut city, "INVITE", "sip:*21@10.0.0.1", &body).status, 200);
    assert_eq!(city.orphans.len(), stood, "a feature code's leg is not journalled");
    city.pass(seconds(60));
    assert!(city.standing.is_empty(), "{:?}", city.standing);
}

#[test]
fn an_answer_that_waited_for_its_prack_stands_in_the_journal_too() {
    let mut settings = settings();
    settings.trunks[0].reliable = hotline::sip::session::Reliable::Required;
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.more = vec!["Supported: 100rel".into()];
    caller.invite(&mut city);
    let progress = caller.hear(&mut city).unwrap();
    let rseq = progress.headers.text(&Name::RSeq).unwrap().into_owned();
    phone.rung(&mut city).answer(&mut city);
    assert_eq!((caller.hears(&mut city), city.standing.len()), (vec![], 1), "the 200 waits");
    let prack = caller.next("PRACK", &mut city, "").replace("\r\nMax-", &format!("\r\nRAck: {rseq} 1 INVITE\r\nMax-"));
    city.send(caller.flow, prack);
    assert_eq!(caller.hears(&mut city), [200, 200]);
    caller.cseq = 1;
    caller.ack(&mut city);
    assert_eq!(city.standing.len(), 2);
    caller.cseq = 2;
    assert_eq!(caller.bye(&mut city), Some(200));
    assert!(city.standing.is_empty());
}
