//! What a start makes of the calls that the last run left open. R17, R32, I6, I7.

use std::time::Duration;

use hotline::audio::wav::{self, Format};
use hotline::call::{CallId, LegId, SeatChange, SeatNo, SeatState};
use hotline::commands::seats;
use hotline::privacy::Private;
use hotline::store::entry::{Entry, Leg, LegGone};
use hotline::store::journal::{Journal, Options};
use hotline::time::Wall;
use serde_json::{Value, json};

use super::commands::typed;
use super::house::{Files, House};
use crate::facts;

/// A journal of these entries, each written so many seconds after the morning's start.
fn journal_of(files: &Files, entries: impl IntoIterator<Item = (i64, Entry)>) {
    for (second, entry) in entries {
        let at = Wall(facts::MORNING.0 + second * 1000);
        let (journal, _) =
            Journal::open(&files.options().data.join("journal"), facts::clock(at), Options::default()).unwrap();
        facts::append(&journal, entry).unwrap();
        journal.close();
    }
}

async fn ticket(house: &House, call: u64) -> Value {
    let path = format!("/api/tickets?call={}", CallId(call));
    house.settle(|| house.get(&path).json()["rows"][0]["t_end"].is_i64()).await;
    let number = house.get(&path).json()["rows"][0]["number"].as_str().unwrap().to_owned();
    house.get(&format!("/api/tickets/{number}")).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_last_sign_of_life_and_not_with_the_restart() {
    let files = House::prepare("signs");
    let after = |seconds: i64| json!(facts::MORNING.0 + seconds * 1000);
    let gone = |call| Entry::LegGone(LegGone { call: CallId(call), leg: LegId(9) });
    let arrived = Entry::Arrived(Box::new(facts::missed_call(4, 4, Wall(facts::MORNING.0 + 9_000))));
    // Answered at seconds 1, 2 and 3; the journal speaks of call 2 again.
    journal_of(
        &files,
        [(1, facts::answered(1)), (2, facts::answered(2)), (3, facts::answered(3)), (8, arrived), (90, gone(2))],
    );
    // Of call 3 there are 200 s of sound, in two parts that no header has been put right in.
    let folder = files.options().data.join(format!("recordings/2026/11/24/{}", CallId(3)));
    std::fs::create_dir_all(&folder).unwrap();
    let sound = |seconds: usize| [wav::header(Format::Alaw.stereo(), 0), vec![0x55; seconds * 16_000 + 1]].concat();
    std::fs::write(folder.join("call.wav"), sound(150)).unwrap();
    std::fs::write(folder.join("call-2.wav.part"), sound(50)).unwrap();

    let house = House::run(files, None).await;
    for (call, end) in [(1, 1), (2, 90), (3, 203)] {
        let ended = ticket(&house, call).await["ended"].clone();
        let answer = i64::try_from(call).unwrap();
        assert_eq!(ended["t_end"], after(end), "call {call}");
        assert_eq!((&ended["end_reason"], &ended["released_by"]), (&json!("restart"), &json!("system")));
        assert_eq!(ended["talk_ms"], json!((end - answer) * 1000), "call {call}");
        let stays: Vec<_> = ended["participants"].as_array().unwrap().iter().collect();
        let of = |at: usize| (&stays[at]["role"], &stays[at]["joined"], &stays[at]["left"]);
        assert_eq!(of(0), (&json!("citizen"), &after(answer - 4), &after(end)));
        assert_eq!(of(1), (&json!("seat"), &after(answer), &after(end)));
    }
    house.settle(|| house.get("/api/missed").json()["rows"][0].is_object()).await;
    let missed = house.get("/api/missed").json()["rows"][0].clone();
    assert_eq!((&missed["t_end"], &missed["wait_ms"]), (&after(8), &json!(Duration::from_secs(8).as_millis())));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seats_keep_their_state_and_have_a_history() {
    let files = House::prepare("history");
    let change = |seat: &str, state, reason: Option<&str>| {
        let (seat, reason, at) =
            (SeatNo(seat.to_owned()), reason.map(|reason| reason.to_owned().into()), facts::MORNING);
        Entry::Seat(SeatChange { seat, state, reason, at })
    };
    let night = change("1001", SeatState::SignedOut, None);
    let lunch = change("1002", SeatState::Break, Some("午饭"));
    journal_of(&files, [(0, night), (1, lunch), (2, change("1003", SeatState::Talking, None))]);
    let house = House::run(files, None).await;
    let seats = house.get("/api/seats").json()["rows"].clone();
    let of = |at: usize| (seats[at]["state"].as_str().unwrap(), seats[at]["reason"].as_str());
    assert_eq!(of(0), ("signed_out", None));
    assert_eq!(of(1), ("break", Some("午饭")));
    assert_eq!(of(2), ("signed_out", Some("restart")));

    let ask = |words: &[&str]| seats::answer(&typed(&house, words)).unwrap();
    let then = ask(&["1002", "--history", "--day", "2026-11-24"]);
    assert_eq!(seats::history_as_text(&then), "AT                   STATE  REASON\n2026-11-24 08:00:00  break  午饭");
    assert_eq!(then["rows"], json!([{ "seat": "1002", "state": "break", "reason": "午饭", "at": facts::MORNING.0 }]));
    let last = || ask(&["1003", "--history"])["rows"].as_array().and_then(|rows| rows.last().cloned());
    house.settle(|| last().is_some_and(|last| last["state"] == "signed_out" && last["reason"] == "restart")).await;
    assert_eq!(house.get("/api/seats/1003/history?day=noon").status, 400);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_tells_after_a_crash_what_the_live_side_car_told() {
    let files = House::prepare("course");
    let bye = |call_id: &str| {
        let bye = format!(
            "BYE sip:x@127.0.0.1:9 SIP/2.0\r\nFrom: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:x@127.0.0.1>;tag=x\r\n\
             Call-ID: {call_id}\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        json!({ "listener": 0, "transport": "udp", "remote": "127.0.0.1:9", "bye": bye }).to_string()
    };
    let stands = |leg: u64, call_id: &str| {
        let dialog = Private::new(bye(call_id));
        Entry::Leg(Leg { call: CallId(1), leg: LegId(leg), at: facts::MORNING, dialog })
    };
    let legs = [(1, stands(1, "1@192.0.2.1")), (1, stands(2, "seat@hotline")), (1, stands(3, "unit@hotline"))];
    journal_of(&files, [(1, facts::answered(1))].into_iter().chain(legs));
    let after = |seconds: i64| json!(facts::MORNING.0 + seconds * 1000);
    let citizen = json!({ "role": "citizen", "number": "138****0001", "name": "" });
    let seat = json!({ "role": "seat", "number": "1001", "name": "1001 甲" });
    let unit = json!({ "role": "unit", "number": "138****0101", "name": "某物业" });
    let stay = |party: &Value, joined: i64, left: Value, result: &str| {
        let mut stay = party.clone();
        (stay["joined"], stay["left"], stay["result"]) = (after(joined), left, json!(result));
        stay
    };
    let media = json!({ "received": 900, "lost": 4, "jitter_ms": 2.5, "source_changes": 0 });
    let mut first = stay(&seat, 1, after(40), "transferred");
    first["media"] = media.clone();
    let segment = |kind: &str, parties: &[&Value], from: i64, to: Value| json!({ "kind": kind, "parties": parties, "from": after(from), "to": to });
    let led = |leader: &str, result: &str| {
        let led = json!({
            "session": format!("{leader}@2026-11-24T09:00:00"), "leader": leader, "name": "某市长", "post": "副市长",
            "level": "city", "topic": "城市管理", "mode": "seat_first", "result": result,
        });
        json!({ "at_ms": 0, "what": { "led": led } })
    };
    let marks =
        [led("951", "rung"), led("951", "no_answer"), led("951", "rung"), led("951", "taken"), led("952", "rung")];
    let side_car = json!({
        "call": CallId(1).to_string(), "started": after(1), "started_local": "", "format": "alaw", "sample_rate": 8000,
        "meta": { "hotline": "12345", "seat": "1001", "trunk": "carrier" }, "channels": ["", ""], "marks": marks,
        "gaps": [], "gap_count": 0, "corrections": [],
        "participants": [
            stay(&citizen, 1, Value::Null, "joined"), first, stay(&unit, 20, Value::Null, "joined"),
        ],
        "segments": [
            segment("talk", &[&citizen, &seat], 1, after(11)),
            segment("hold", &[&citizen, &seat], 11, after(20)),
            segment("consult", &[&seat, &unit], 20, after(30)),
            segment("talk", &[&citizen, &seat, &unit], 30, after(40)),
            segment("talk", &[&citizen, &unit], 40, Value::Null),
        ],
    });
    let folder = files.options().data.join(format!("recordings/2026/11/24/{}", CallId(1)));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("call.json.part"), side_car.to_string()).unwrap();
    // A minute of sound.
    let sound = [wav::header(Format::Alaw.stereo(), 0), vec![0x55; 60 * 16_000]].concat();
    std::fs::write(folder.join("call.wav.part"), sound).unwrap();

    let house = House::run(files, None).await;
    let ended = ticket(&house, 1).await["ended"].clone();
    assert_eq!((&ended["t_end"], &ended["end_reason"]), (&after(61), &json!("restart")));
    assert_eq!((&ended["talk_ms"], &ended["hold_ms"]), (&json!(41_000), &json!(19_000)));
    assert_eq!(ended["sip_call_ids"], json!(["1@192.0.2.1", "seat@hotline", "unit@hotline"]));
    let stays = ended["participants"].as_array().unwrap();
    let of = |at: usize| {
        let stay = &stays[at];
        (stay["role"].as_str().unwrap(), stay["joined"].clone(), stay["left"].clone(), stay["result"].as_str().unwrap())
    };
    assert_eq!(stays.len(), 3);
    assert_eq!(of(0), ("citizen", after(-3), after(61), "restart"));
    assert_eq!(of(1), ("seat", after(1), after(40), "transferred"));
    assert_eq!(of(2), ("unit", after(20), after(61), "restart"));
    assert_eq!((&stays[1]["media"], &stays[2]["name"]), (&media, &json!("某物业")));
    let segments = ended["segments"].as_array().unwrap();
    let kinds: Vec<_> = segments.iter().map(|segment| segment["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["waiting", "talk", "hold", "consult", "talk", "talk"]);
    assert_eq!((&segments[0]["from"], &segments[5]["to"]), (&after(-3), &after(61)));
    let sessions = house.get("/api/sessions?day=2026-11-24").json();
    let counted: Vec<_> = sessions["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["session"].as_str().unwrap(), row["rung"].clone(), row["taken"].clone()))
        .collect();
    let row = |session, rung, taken| (session, json!(rung), json!(taken));
    assert_eq!(counted, [row("951@2026-11-24T09:00:00", 2, 1), row("952@2026-11-24T09:00:00", 1, 0)], "{sessions}");
    let results = ended["leaders"].as_array().unwrap().iter().map(|leader| leader["result"].clone());
    assert_eq!(results.collect::<Vec<_>>(), ["no_answer", "taken", "restart"]);
    house.stop().await;
}
