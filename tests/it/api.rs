//! The API of a real server: who gets in, what it shows, what it changes, what it writes down.

mod access;
mod centres;
mod commands;
mod crash;
mod emergency;
mod encrypted;
mod find;
pub mod house;
mod keeping;
mod leaders;
mod manifest;
mod metrics;
mod parts;
mod played;
mod supervise;
mod verify;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hotline::app::{Server, StartError};
use hotline::audio::ear;
use hotline::call::{CallId, CallKind, LegId, OpenTicket};
use hotline::commands::missed;
use hotline::exchange::Input;
use hotline::media::LegFigures;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::store::Store;
use hotline::store::entry::Entry;
use hotline::store::numbering::local_day;
use serde_json::{Value, json};

use crate::facts;
use house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_token_opens_the_api() {
    let house = House::start("auth").await;
    for token in ["", "wrong", &house.server.office.token[1..], &format!("{}x", house.server.office.token)] {
        let answer = house.ask_as(token, "GET", "/api/calls", &[], None);
        assert_eq!((answer.status, answer.code()), (401, "token"), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(house.ask_as("", "POST", "/api/reload", &[], None).status, 401);
    assert_eq!(house.ask_as("", "GET", "/api/nothing", &[], None).status, 401);
    assert_eq!(house.get("/api/calls").json(), json!({ "rows": [], "next": null }));
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(house.ask_as("", "GET", open, &[], None).status, 200, "{open}");
    }
    for (method, path, status, code) in [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("POST", "/api/calls", 405, "method"),
        ("GET", "/api/directory?query=1", 400, "bad_request"),
        ("GET", "/api/tickets?day=noon", 400, "bad_request"),
        ("GET", "/api/tickets?cursor=1", 400, "bad_request"),
        ("GET", "/api/tickets?limit=0", 400, "bad_request"),
        ("GET", "/api/tickets?colour=red", 400, "bad_request"),
        ("GET", "/api/tickets/JDZ-1", 404, "not_found"),
        ("GET", "/api/recordings/xyz", 400, "bad_request"),
        ("POST", "/api/seats/1001/ask", 415, "bad_request"),
    ] {
        let answer = house.ask(method, path, &[], None);
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}");
        assert!(answer.json()["error"].is_string(), "{method} {path}");
    }
    let long = json!({ "ask": "break", "reason": "x".repeat(70_000) });
    assert_eq!(house.post("/api/seats/1001/ask", long).status, 413);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_changes_its_state_or_is_told_why_not() {
    let house = House::with_phone("seats", "1001").await;
    let ask = |seat: &str, wish| house.post(&format!("/api/seats/{seat}/ask"), wish);
    let refused = ask("1001", json!({ "ask": "busy" }));
    assert_eq!((refused.status, refused.code()), (409, "seat"));
    assert_eq!(refused.json()["error"], "the seat is not signed in");
    assert_eq!(ask("1001", json!({ "ask": "sign_in" })).json()["state"], "idle");
    let pause = ask("1001", json!({ "ask": "break", "reason": "午饭" })).json();
    assert_eq!((&pause["state"], &pause["reason"]), (&json!("break"), &json!("午饭")));
    assert_eq!(ask("1001", json!({ "ask": "bad_call" })).status, 400, "it needs a reason");
    for reason in ["short", "silent", "wrong_number", "harassing"] {
        assert_eq!(ask("1001", json!({ "ask": "bad_call", "reason": reason })).status, 409, "it has had no call");
    }
    let unknown = ask("1001", json!({ "ask": "bad_call", "reason": "rude" }));
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("short, silent, wrong_number, harassing"), "{}", unknown.text);
    assert_eq!(ask("1001", json!({ "ask": "dance" })).status, 422);
    assert_eq!((ask("9999", json!({ "ask": "busy" })).status), 404);
    let without = ask("1002", json!({ "ask": "sign_in" }));
    assert_eq!((without.status, without.code()), (409, "no_phone"));
    let seats = house.get("/api/seats").json();
    assert_eq!((&seats["rows"][0]["seat"], &seats["rows"][0]["state"]), (&json!("1001"), &json!("break")));
    assert!(house.get("/metrics").text.contains("hotline_seats{state=\"break\"} 1\n"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_is_searched_without_numbers_and_follows_a_reload() {
    let house = House::start("directory").await;
    assert_eq!(house.ask_as("", "GET", "/api/directory", &[], None).status, 401);
    let all = house.get("/api/directory");
    assert_eq!(all.json()["rows"].as_array().map(Vec::len), Some(14));
    assert!(!all.text.contains("13800000901") && all.text.contains("138****0901"), "{}", all.text);
    // 物业
    let found = house.get("/api/directory?q=%E7%89%A9%E4%B8%9A").json();
    assert_eq!((&found["rows"][0]["code"], &found["rows"][1]), (&json!("601"), &json!(null)));
    assert_eq!(
        found["rows"][0]["lines"][2],
        json!({
            "kind": "number", "to": "138****0101", "trunks": [], "shown": "ours", "duty": true, "reachable": null
        })
    );
    let police = &house.get("/api/directory?q=110").json()["rows"][0];
    assert_eq!((&police["service"], &police["reserved"]), (&json!("110"), &json!(true)));
    assert_eq!((&police["open"], &police["reason"]), (&json!(true), &json!(null)));
    assert_eq!(police["after_seat_leaves"], "keep_talking");

    house.edit("dialplan/units.toml", "code = \"601\"", "code = \"609\"");
    assert_eq!(house.post("/api/reload", json!({})).status, 200);
    assert_eq!(house.get("/api/directory?q=601").json()["rows"], json!([]));
    house.edit("dialplan/units.toml", "code = \"609\"", "code = \"1001\"");
    let refused = house.post("/api/reload", json!({}));
    assert!(
        refused.text.contains("units.toml") && refused.text.contains("1001: is a seat's number"),
        "{}",
        refused.text
    );
    assert_eq!(house.get("/api/directory?q=609").json()["rows"][0]["name"], "示例市住房和城乡建设局");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_and_missed_calls_are_shown_without_numbers() {
    let house = House::start("calls").await;
    // Any port: what is sent back to the caller is of no concern here.
    let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, remote: "127.0.0.1:9".parse().unwrap() };
    house.server.office.tell(Input::Received { flow, bytes: house::INVITE.replace('\n', "\r\n").into() }).await;
    let calls = house.get("/api/calls").json();
    let call = &calls["rows"][0];
    assert_eq!(
        (&call["stage"], &call["original_code"], &call["caller"]["number"], &call["caller"]["raw"]),
        (&json!("waiting"), &json!("12345"), &json!("138****5678"), &json!([]))
    );
    assert!(house.get("/metrics").text.contains("hotline_calls_active 1\n"));
    house.server.office.tell(Input::EndAll).await;
    house.settle(|| house.get("/api/missed").json()["rows"][0].is_object()).await;
    let missed = house.get("/api/missed").text;
    assert!(missed.contains("138****5678") && !missed.contains("13800005678"), "{missed}");
    let metrics = house.get("/metrics").text;
    assert!(metrics.contains("hotline_calls_offered_total 1\n") && metrics.contains("hotline_calls_active 0\n"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_are_listed_read_and_edited() {
    let house = House::start("tickets").await;
    for n in 1..=3 {
        house.record(facts::answered(n)).await;
    }
    house.record(facts::closed(1)).await;
    let first = house.get("/api/tickets?day=2026-11-24&limit=2").json();
    let numbers: Vec<_> = first["rows"].as_array().unwrap().iter().map(|row| row["number"].clone()).collect();
    assert_eq!(numbers, ["JDZ-20261124-000003", "JDZ-20261124-000002"]);
    assert_eq!(first["rows"][0]["caller"], "138****0003");
    let cursor = first["next"].as_str().expect("a second page");
    let second = house.get(&format!("/api/tickets?limit=2&cursor={cursor}")).json();
    assert_eq!((&second["rows"][0]["end_reason"], &second["next"]), (&json!("normal"), &json!(null)));
    for (query, count) in [
        ("caller=13800000002", 1),
        ("call=0000000000000002", 1),
        ("call=00000000000000ff", 0),
        ("day=2026-11-25", 0),
        ("seat=1001", 3),
        ("code=12331", 0),
        ("state=drafting", 3),
    ] {
        let found = house.get(&format!("/api/tickets?{query}")).json();
        assert_eq!(found["rows"].as_array().unwrap().len(), count, "{query}");
    }

    let path = "/api/tickets/JDZ-20261124-000002";
    let before = house.get(path).json();
    assert_eq!(before["opened"]["caller"]["number"], "13800000002", "one ticket shows it in full");
    let edit = json!({ "version": 1, "type": "投诉", "place": "珠山区", "text": "路灯不亮" });
    let after = house.ask("PATCH", path, &[("x-user", "甲")], Some(edit)).json();
    assert_eq!(
        (&after["version"], &after["type"], &after["text"]),
        (&json!(2), &json!("complaint"), &json!("路灯不亮"))
    );
    let stale = house.ask("PATCH", path, &[], Some(json!({ "version": 1, "text": "late" })));
    assert_eq!((stale.status, stale.code()), (409, "stale"));
    assert_eq!(house.get(path).json()["text"], "路灯不亮");
    for (wrong, status) in [
        (json!({ "version": 2 }), 400),
        (json!({ "version": 2, "type": "poetry" }), 400),
        (json!({ "version": 2, "place": "x".repeat(201) }), 400),
        (json!({ "version": 2, "number": "JDZ-1" }), 422),
    ] {
        assert_eq!(house.ask("PATCH", path, &[], Some(wrong.clone())).status, status, "{wrong}");
    }
    let unknown = house.ask("PATCH", "/api/tickets/JDZ-1", &[], Some(json!({ "version": 1, "text": "x" })));
    assert_eq!(unknown.status, 404);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_given_out_for_a_purpose_and_written_down() {
    let call = CallId(0x0193_5d2e_8a00_0001);
    let house = House::with_recording("recordings", call).await;
    let file = house.recording.clone().expect("sealed");
    let listed = house.get(&format!("/api/recordings?call={call}")).json();
    assert_eq!(listed["rows"][0]["bytes"], file.len());
    let side_car = house.get(&format!("/api/recordings/{call}")).json();
    assert_eq!(side_car["seal"]["bytes"], file.len());

    let path = format!("/api/recordings/{call}/audio");
    let refused = house.get(&path);
    assert_eq!((refused.status, refused.code()), (400, "purpose"));
    let whole = house.get(&format!("{path}?purpose=complaint%207"));
    assert_eq!((whole.status, whole.header("content-type")), (200, "audio/wav"));
    assert!(whole.bytes == file && whole.header("accept-ranges") == "bytes");
    assert!(whole.header("content-disposition").contains(&format!("{call}.wav")));

    let part =
        |range: &str| house.ask("GET", &path, &[("range", range), ("x-purpose", "质检"), ("x-user", "乙")], None);
    let middle = part("bytes=100-299");
    assert_eq!((middle.status, middle.header("content-length")), (206, "200"));
    assert_eq!(middle.header("content-range"), format!("bytes 100-299/{}", file.len()));
    assert!(middle.bytes == file[100..300]);
    assert!(part("bytes=-50").bytes == file[file.len() - 50..]);
    let beyond = part(&format!("bytes={}-", file.len()));
    assert_eq!((beyond.status, beyond.code()), (416, "range"));
    assert_eq!(beyond.header("content-range"), format!("bytes */{}", file.len()));
    let other = [("range", "bytes=0-9"), ("if-range", "\"another\""), ("x-purpose", "x")];
    assert_eq!(house.ask("GET", &path, &other, None).status, 200, "another file is sent whole");
    assert_eq!(house.get(&format!("{path}?purpose=x&part=2")).status, 404);
    house.record(facts::answered(0xab)).await;
    for (unknown, code) in [("ffffffffffffffff", 404), ("00000000000000aa", 404), ("00000000000000ab", 404)] {
        assert_eq!(house.get(&format!("/api/recordings/{unknown}/audio?purpose=x")).status, code);
        assert_eq!(house.get(&format!("/api/recordings/{unknown}/audio")).status, 400);
    }

    house.applied().await;
    let office = &house.server.office;
    let rows = office.store.accesses(call).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.who.as_str(), row.purpose.as_str())).collect();
    assert_eq!(told[..3], [("api", "refused: no purpose"), ("api", "complaint 7"), ("api:乙", "质检")]);
    assert!(rows.iter().all(|row| row.from.as_deref() == Some("127.0.0.1")));
    for (call, rows) in [(0xab, 2), (0xaa, 0), (u64::MAX, 0)] {
        let told = office.store.accesses(CallId(call)).await.unwrap();
        assert_eq!(told.len(), rows, "attempts count, for a call that was: {call:x}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_rendered_for_a_purpose_and_written_down() {
    let call = CallId(0x0193_5d2e_8a00_0003);
    let house = House::with_recording("export", call).await;
    let path = format!("/api/recordings/{call}/export");
    // status, code or channels
    for (query, status, told) in [
        ("form=mix", 400, "purpose"),
        ("purpose=x", 400, "bad_request"),
        ("purpose=x&form=loud", 400, "bad_request"),
        ("purpose=x&form=participant", 400, "bad_request"),
        ("purpose=x&form=mix&participant=1", 400, "bad_request"),
        ("purpose=x&form=participant&participant=9", 404, "not_found"),
    ] {
        let answer = house.get(&format!("{path}?{query}"));
        assert_eq!((answer.status, answer.code()), (status, told), "{query}");
    }
    for (query, channels) in [("form=mix", 1), ("form=channels&private=true", 2)] {
        let answer = house.get(&format!("{path}?{query}&purpose=complaint%207"));
        assert_eq!((answer.status, answer.header("content-type")), (200, "audio/wav"));
        let reader = hound::WavReader::new(&answer.bytes[..]).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().bits_per_sample, reader.duration()), (channels, 16, 8_160));
    }
    let left = std::fs::read_dir(house.data()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().starts_with("export")), "nothing stays behind");

    house.applied().await;
    let rows = house.server.office.store.accesses(call).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| row.purpose.as_str()).collect();
    let expected = [
        "refused: no purpose",
        "x (participant-9)",
        "complaint 7 (mix)",
        "complaint 7 (channels, with what the citizen did not hear)",
    ];
    assert_eq!(told, expected);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarms_are_listed_now_and_by_day() {
    let house = House::start("alarms").await;
    let office = &house.server.office;
    office.alarms.set(facts::MORNING, "trunk_down", "carrier", true, Some("no answer".into()));
    let standing = house.get("/api/alarms").json()["rows"].as_array().unwrap().clone();
    let alarm = standing.iter().find(|alarm| alarm["name"] == "trunk_down").expect("it stands");
    assert_eq!((&alarm["severity"], &alarm["raised"]), (&json!("major"), &json!(facts::MORNING.0)));
    let metrics = house.get("/metrics").text;
    assert!(metrics.contains("hotline_alarm{name=\"trunk_down\",subject=\"carrier\",severity=\"major\"} 1\n"));
    office.alarms.set(facts::MORNING + Duration::from_secs(60), "trunk_down", "carrier", false, None);
    house.settle(|| house.get("/api/alarms?day=2026-11-24").json()["rows"][0]["cleared"].is_number()).await;
    assert!(!house.get("/api/alarms").text.contains("trunk_down"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_server_is_alive_and_not_ready() {
    let house = House::start("drain").await;
    assert_eq!(house.get("/readyz").json(), json!({ "ready": true }));
    house.server.office.drain();
    let ready = house.get("/readyz");
    assert_eq!((ready.status, ready.json()["error"].clone()), (503, json!("not ready: draining")));
    assert_eq!(house.get("/healthz").status, 200);
    assert!(house.get("/metrics").text.contains("hotline_draining 1\n"));
    let (address, data) = (house.server.office.http, house.data());
    house.stop_but_keep_files().await;
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    assert!(!data.join("http.addr").exists());
    assert!(data.join("hotline.sqlite").exists() && !data.join("hotline.sqlite-wal").exists(), "folded in");
    std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_can_be_parsed_and_count() {
    let house = House::start("metrics").await;
    let figures = &house.server.office.figures;
    figures.call_answered(&facts::opened(1));
    figures.call_answered(&OpenTicket { kind: CallKind::MissedOut, ..facts::opened(4) });
    figures.call_missed(&facts::missed_call(2, 7, facts::MORNING));
    let leg = |received, jitter_ms| LegFigures {
        received,
        lost: 1,
        unrecorded: 2,
        jitter_ms,
        in_room: ear::Figures { frames: received - 1, concealed: 3, late: 2, ..ear::Figures::default() },
        ..LegFigures::default()
    };
    // One leg that stands and was told of twice, one that has ended.
    for (id, figures_of, ended) in
        [(1, leg(10, 9.0), false), (1, leg(20, 1.5), false), (2, leg(5, 3.0), false), (2, leg(7, 3.0), true)]
    {
        figures.leg(LegId(id), figures_of, ended);
    }
    house.record(facts::answered_at(3, house.server.office.clock.wall())).await;
    let text = house.get("/metrics").text;
    let samples = house::samples(&text);
    for (name, value) in [
        ("hotline_calls_offered_total", 2.0),
        ("hotline_calls_answered_total", 1.0),
        ("hotline_calls_abandoned_total", 1.0),
        ("hotline_wait_seconds_bucket{le=\"2\"}", 0.0),
        ("hotline_wait_seconds_bucket{le=\"5\"}", 1.0),
        ("hotline_wait_seconds_bucket{le=\"+Inf\"}", 1.0),
        ("hotline_wait_seconds_sum", 4.0),
        ("hotline_wait_seconds_count", 1.0),
        ("hotline_seats{state=\"signed_out\"}", 3.0),
        ("hotline_trunk_up{trunk=\"loopback\"}", 1.0),
        ("hotline_unknown_source_total{fate=\"dropped\"}", 0.0),
        ("hotline_rtp_received_total", 27.0),
        ("hotline_rtp_lost_total", 2.0),
        ("hotline_rtp_unrecorded_total", 4.0),
        ("hotline_rtp_jitter_ms", 1.5),
        ("hotline_room_frames_total", 25.0),
        ("hotline_room_concealed_total", 6.0),
        ("hotline_room_late_total", 4.0),
        ("hotline_recordings_sealing", 0.0),
        ("hotline_journal_up", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in\n{text}");
    }
    assert!(samples["hotline_disk_free_bytes"] > 0.0);
    assert!(!samples.contains_key("hotline_disk_days_left"), "too early to tell");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_changes_nothing() {
    let house = House::start("reload").await;
    assert_eq!(house.post("/api/reload", json!({})).json(), json!({ "reloaded": true }));
    house.edit("sip-configs/seats.toml", "no = \"1001\"", "no = \"1001\"\ncolour = \"red\"");
    let refused = house.post("/api/reload", json!({}));
    assert_eq!((refused.status, refused.code()), (422, "config"));
    assert!(refused.json()["error"].as_str().unwrap().contains("colour"), "{}", refused.text);
    assert_eq!(house.get("/api/seats").json()["rows"].as_array().unwrap().len(), 3);
    house.stop().await;
}

/// R33: callers were answered without the journal; it works again, and nobody calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alarm_of_answers_that_are_not_on_disk_ends_with_its_cause() {
    let house = House::start("answers").await;
    let office = &house.server.office;
    let today = local_day(office.clock.wall());
    office.tell(Input::TicketOpened { call: CallId(1), number: None }).await;
    let ended = |row: &Value| row["name"] == "journal" && row["subject"] == "answers" && !row["cleared"].is_null();
    let rows = || house.get(&format!("/api/alarms?day={today}")).json()["rows"].as_array().cloned();
    house.settle(|| rows().is_some_and(|rows| rows.iter().any(ended))).await;
    assert!(office.alarms.standing().is_empty(), "{:?}", office.alarms.standing());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_is_named() {
    let house = House::start("taken").await;
    let address = house.server.office.http;
    let second = House::prepare("taken-too");
    second.edit("sip-configs/server.toml", "http = \"127.0.0.1:0\"", &format!("http = \"{address}\""));
    match Server::start(second.options()).await {
        Err(error @ StartError::Io(_)) => assert!(error.to_string().contains(&address.to_string()), "{error}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two servers on one address"),
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_holds_up_nobody() {
    let house = House::start("slow").await;
    let slow: Vec<TcpStream> = (0..32)
        .map(|_| {
            let mut stream = TcpStream::connect(house.server.office.http).unwrap();
            stream.write_all(b"GET /api/calls HTTP/1.1\r\nHost: x\r\n").unwrap();
            stream
        })
        .collect();
    assert_eq!(house.get("/healthz").status, 200);
    for mut stream in slow {
        stream.write_all(b"Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_to_call_back_is_told_without_the_number() {
    let house = House::start("callbacks").await;
    let long_ago = facts::MORNING.0.min(house.server.office.clock.wall().0) - 3_600_000;
    let mut missed = facts::missed_call(5, 42, hotline::time::Wall(long_ago));
    missed.original_code = Some("12331".into());
    house.record(Entry::Missed(Box::new(missed))).await;
    let due = house.get("/api/callbacks").json();
    assert_eq!((&due["rows"][0]["caller"], &due["rows"][0]["code"]), (&json!("138****0042"), &json!("12331")));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_told_by_whom_and_when_that_nobody_is_to_be_called_back() {
    let house = House::with_phone("nobody-due", "1001").await;
    let ask = |wish: &str| house.post("/api/seats/1001/ask", json!({ "ask": wish }));
    let text = || missed::as_text(&missed::answer(&commands::typed(&house, &[])).unwrap());
    assert_eq!(ask("call_back").code(), "seat", "it is signed out");
    ask("sign_in");
    let refused = ask("call_back");
    assert_eq!((refused.status, refused.code()), (409, "nobody_due"));
    assert_eq!(refused.json()["error"], "nobody is to be called back now");
    assert_eq!(text(), "no missed calls\n\nnobody is to be called back");

    let now = house.server.office.clock.wall();
    house.record(Entry::Missed(Box::new(facts::missed_call(5, 42, now)))).await;
    let refused = ask("call_back");
    assert_eq!((refused.status, refused.code()), (409, "nobody_due"));
    let due = hotline::rules::retention::local_text(now + hotline::rules::callback::GRACE);
    assert!(
        refused.json()["error"].as_str().unwrap().ends_with(&format!("the next one is due at {due}")),
        "{}",
        refused.text
    );
    assert_eq!(house.get("/api/callbacks").json()["rows"], json!([]));
    assert_eq!(house.get("/api/callbacks?open=true").json()["rows"][0]["attempts"], 0);
    let lists = text();
    assert!(lists.lines().count() == 5 && lists.matches("138****0042").count() == 2, "{lists}");

    let long_ago = hotline::time::Wall(now.0 - 3_600_000);
    house.record(Entry::Missed(Box::new(facts::missed_call(6, 43, long_ago)))).await;
    assert_eq!(ask("call_back").status, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_its_database_is_not_ready_and_says_so() {
    let house = House::start("gone").await;
    house.record(facts::answered(1)).await;
    let path = house.data().join("hotline.sqlite");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    std::fs::create_dir(&path).unwrap();
    house.server.office.journal.record(facts::answered(2)).await.unwrap();
    facts::soon(|| house.server.office.progress.standing().failing.is_some());
    let ready = house.get("/readyz");
    assert_eq!((ready.status, ready.json()["error"].clone()), (503, "not ready: database".into()));
    assert_eq!(house.get("/healthz").status, 200);
    let samples = house::samples(&house.get("/metrics").text);
    assert_eq!((samples["hotline_database_up"], samples["hotline_database_behind"] >= 1.0), (0.0, true));
    assert_eq!(house.get("/api/calls").status, 200, "calls are not affected");

    std::fs::remove_dir(&path).unwrap();
    house.settle(|| house.get("/readyz").status == 200).await;
    assert_eq!(house.get("/api/tickets").json()["rows"].as_array().unwrap().len(), 2, "nothing is lost");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_when_the_server_crashed_is_a_missed_call() {
    let files = House::prepare("crash");
    let (journal, _) = facts::open(&files.options().data.join("journal"));
    let arrived = |call, last| Entry::Arrived(Box::new(facts::missed_call(call, last, facts::MORNING)));
    for entry in [arrived(1, 5678), arrived(2, 5679), facts::missed(2, 5679, facts::MORNING), arrived(3, 5680)] {
        journal.record(entry).await.unwrap();
    }
    journal.record(facts::answered(3)).await.unwrap();
    journal.close();
    let house = House::run(files, None).await;
    house.settle(|| house.get("/api/missed").json()["rows"].as_array().is_some_and(|rows| rows.len() == 2)).await;
    let missed = house.get("/api/missed").json();
    let waited = missed["rows"].as_array().unwrap().iter().find(|row| row["call"] == "0000000000000001").unwrap();
    assert_eq!((&waited["stage"], &waited["reason"]), (&json!("queue"), &json!("restart")));
    let ticket = house.get("/api/tickets?call=0000000000000003").json();
    assert_eq!(ticket["rows"][0]["end_reason"], "restart");
    assert!(house.get("/metrics").text.contains("hotline_recovered_calls_total 2\n"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_with_folders_of_their_own_do_not_share_recordings() {
    let house = House::start("one-shelf").await;
    let other = House::prepare("same-shelf");
    let recordings = Some(house.data().join("recordings"));
    let options = hotline::app::Options { recordings, ..other.options() };
    let refused = Server::start(options).await.err().expect("the recordings belong to the first");
    assert!(matches!(&refused, StartError::Lock(_)), "{refused}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_ask_nothing_keep_nobody_out() {
    let house = House::start("idle").await;
    let idle: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(house.server.office.http).unwrap();
            // Some say nothing at all, some never come to an end.
            let said: &[u8] = [&b""[..], b"\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"][number % 3];
            stream.write_all(said).unwrap();
            stream
        })
        .collect();
    assert_eq!(house.ask_as("", "GET", "/healthz", &[], None).status, 200);
    assert_eq!(house.get("/api/calls").status, 200);
    // Those who came last still have their place; those who gave it up are told so.
    let mut last = &idle[299];
    last.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\r\n").unwrap();
    last.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = [0; 12];
    last.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1."), "{answer:?}");
    let mut first = &idle[0];
    first.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(first.read(&mut answer).unwrap_or(0), 0, "closed");
    house.stop().await;
}
