//! `hotline calls|seats|directory|tickets|recordings|alarms|healthcheck|reload` against a real server.

use std::fs;
use std::path::PathBuf;

use clap::Parser;
use hotline::call::CallId;
use hotline::commands::client::ClientError;
use hotline::commands::{alarms, calls, directory, healthcheck, recordings, reload, seats, tickets};
use hotline::store::Store;
use hotline::time::Wall;
use serde_json::json;

use super::house::House;
use crate::facts;

/// The arguments as they are typed, without the program's name.
#[derive(Parser)]
struct Typed<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

pub fn typed<A: clap::Args>(house: &House, words: &[&str]) -> A {
    let data = house.data().display().to_string();
    let words = ["hotline"].iter().chain(words).copied().chain(["--data", &data]);
    Typed::<A>::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).args
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_are_shown_and_changed() {
    let house = House::with_phone("cli-seats", "1002").await;
    let ask = |words: &[&str]| seats::answer(&typed(&house, words));
    let text = seats::as_text(&ask(&[]).unwrap(), Wall(0));
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.starts_with("SEAT  NAME"), "{text}");
    match ask(&["1002", "busy"]) {
        Err(ClientError::Refused { code, text }) => assert_eq!((&*code, &*text), ("seat", "the seat is not signed in")),
        other => panic!("{other:?}"),
    }
    ask(&["1002", "sign-in"]).unwrap();
    let text = seats::as_text(&ask(&["1002", "break", "--reason", "午饭"]).unwrap(), Wall(0));
    assert!(text.lines().count() == 2 && text.contains("break") && text.contains("午饭"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_is_shown_and_searched() {
    let house = House::start("cli-directory").await;
    let ask = |words: &[&str]| directory::as_text(&directory::answer(&typed(&house, words)).unwrap());
    let all = ask(&[]);
    assert_eq!(all.lines().count(), 15, "{all}");
    let one = ask(&["gjj", "贷款"]);
    assert!(one.lines().count() == 2 && one.contains("seat 1003, 138****0651"), "{one}");
    assert!(ask(&["副市长"]).contains("901   张示例"), "{}", ask(&["副市长"]));
    assert_eq!(ask(&["气象"]), "nobody found");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_are_shown_and_changed() {
    let house = House::start("cli-tickets").await;
    house.record(facts::answered(1)).await;
    let ask = |words: &[&str]| tickets::as_text(&tickets::answer(&typed(&house, words)).unwrap());
    let list = ask(&["--day", "2026-11-24"]);
    assert!(list.contains("JDZ-20261124-000001  2026-11-24 08:00:01  12345  138****0001"), "{list}");
    assert_eq!(ask(&["--caller", "13800000009"]), "no tickets");
    let one = ask(&["JDZ-20261124-000001", "--type", "求助", "--place", "昌江区"]);
    for line in ["type       help", "place      昌江区", "version    2", "caller     13800000001"] {
        assert!(one.lines().any(|shown| shown.trim() == line), "{line} in\n{one}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_becomes_a_file() {
    let call = CallId(0x0193_5d2e_8a00_0001);
    let house = House::with_recording("cli-recordings", call).await;
    let id = call.to_string();
    let ask = |words: &[&str]| recordings::answer(&typed(&house, words)).map(|answer| recordings::as_text(&answer));
    assert!(ask(&[]).unwrap().contains(&id));
    assert!(ask(&[&id]).unwrap().contains("verdict     ok"), "{}", ask(&[&id]).unwrap());
    let out: PathBuf = house.data().join("copy.wav");
    let path = out.display().to_string();
    let copy = [&*id, "--out", &path, "--purpose", "质检"];
    assert!(ask(&copy).unwrap().ends_with("as it was sealed"));
    assert!(Some(fs::read(&out).unwrap()) == house.recording);
    assert!(matches!(ask(&copy), Err(ClientError::File { .. })), "nothing is overwritten");
    assert!(Some(fs::read(&out).unwrap()) == house.recording);
    house.applied().await;
    let accesses = house.server.office.store.accesses(call).await.unwrap();
    assert!(accesses.iter().all(|access| access.purpose == "质检") && !accesses.is_empty());
    let asked = recordings::answer(&typed(&house, &[&*id, "--accesses"])).unwrap();
    let shown = recordings::accesses_as_text(&asked);
    assert!(shown.lines().skip(1).all(|line| line.contains("api") && line.ends_with("127.0.0.1  质检")), "{shown}");
    assert_eq!(shown.lines().count(), accesses.len() + 1);
    let nobody = recordings::answer(&typed(&house, &["00000000000000aa", "--accesses"])).unwrap();
    assert_eq!(recordings::accesses_as_text(&nobody), "nobody has asked for it");
    let data = house.data().display().to_string();
    let mix = house.data().join("mix.wav").display().to_string();
    let export = ["export", &id, "--mix", "-o", &mix, "--purpose", "质检", "--data", &data];
    let parse = |words: &[&str]| Typed::<recordings::Args>::try_parse_from([&["hotline"], words].concat());
    let wanted = parse(&export).expect("as the help says").args;
    let shown = recordings::as_text(&recordings::answer(&wanted).unwrap());
    assert!(shown.starts_with("wrote ") && shown.contains("mix.wav"), "{shown}");
    assert_eq!(hound::WavReader::open(&mix).unwrap().spec().channels, 1);
    for wrong in [&["--channels"][..], &["--participant", "2"]] {
        assert!(parse(&[&export[..], wrong].concat()).is_err(), "one form at a time");
    }
    assert!(parse(&["export", &id, "-o", &mix, "--purpose", "x"]).is_err(), "a form is needed");
    let without = Typed::<recordings::Args>::try_parse_from(["hotline", &id, "--out", &path, "--data", &data]);
    assert!(without.err().expect("refused").to_string().contains("--purpose"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_reload_and_alarms_have_their_commands() {
    let house = House::start("cli-health").await;
    assert_eq!(calls::as_text(&calls::answer(&typed(&house, &[])).unwrap(), Wall(0)), "no calls");
    let third = json!({ "number": "601", "state": "ringing", "attempt": 2, "of": 3, "failures": ["busy"] });
    let text = calls::as_text(&json!({ "rows": [{ "stage": "consulting", "thirds": [third] }] }), Wall(0));
    assert!(text.contains("601 ringing 2/3 (busy)"), "{text}");
    house.server.office.alarms.set(facts::MORNING, "trunk_down", "carrier", true, None);
    let alarms = alarms::as_text(&alarms::answer(&typed(&house, &[])).unwrap());
    assert!(alarms.contains("major") && alarms.contains("2026-11-24 08:00:00"), "{alarms}");
    reload::answer(&typed(&house, &[])).unwrap();

    healthcheck::answer(&typed(&house, &[])).unwrap();
    healthcheck::answer(&typed(&house, &["--ready"])).unwrap();
    house.server.office.drain();
    healthcheck::answer(&typed(&house, &[])).unwrap();
    let not = healthcheck::answer(&typed(&house, &["--ready"])).unwrap_err();
    assert_eq!(not.to_string(), "not ready: draining");

    let address = format!("http://{}", house.server.office.http);
    healthcheck::answer(&typed(&house, &["--api", &address])).unwrap();
    let nobody = healthcheck::answer(&typed(&house, &["--api", "http://127.0.0.1:9"])).unwrap_err();
    assert!(matches!(nobody, ClientError::Silent { .. }) && nobody.to_string().contains("127.0.0.1:9"), "{nobody}");
    fs::remove_file(house.data().join("http.addr")).unwrap();
    let nowhere = healthcheck::answer(&typed(&house, &[])).unwrap_err();
    assert!(nowhere.to_string().contains("--data"), "{nowhere}");
    house.stop().await;
}
