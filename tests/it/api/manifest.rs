//! The server makes its manifests by itself, and commands verify them beside it.

use clap::Parser;
use hotline::archive::manifest::folder::Manifests;
use hotline::call::CallId;
use hotline::commands::archive;
use serde_json::Value;

use super::house::House;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    args: archive::Args,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_has_its_key_at_once_and_lists_what_was_sealed_before_there_were_manifests() {
    let call = CallId(0x0193_5d2e_8a00_0001);
    let house = House::with_recording("manifest", call).await;
    let data = house.data().display().to_string();
    let ask = |words: &[&str]| -> Result<Value, _> {
        archive::answer(&Typed::parse_from([&["archive"], words, &["--data", &data]].concat()).args)
    };
    assert!(ask(&["key"]).unwrap()["pem"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let manifests = Manifests::new(&house.data().join("recordings"));
    house.settle(|| manifests.names().is_ok_and(|(names, _)| !names.is_empty())).await;
    house.settle(|| ask(&["verify"]).is_ok_and(|report| report["faults"] == Value::Array(vec![]))).await;
    let (head, report) = (ask(&["head"]).unwrap(), ask(&["verify"]).unwrap());
    assert_eq!((&report["head"], &report["manifests"]), (&head["sha256"], &1.into()));
    // Sealed today, before or after the first manifest was made: it is tomorrow that lists it.
    assert_eq!(report["not_yet_listed"], serde_json::json!([format!("2026/11/24/{call}")]));
    let day = ask(&["reconcile", "2026-11-24"]).unwrap();
    assert_eq!((&day["answered"], &day["recordings"]), (&0.into(), &1.into()));
    assert_eq!(day["differences"], serde_json::json!([{ "call": call.to_string(), "what": "no_call" }]));
    assert_eq!(archive::as_text(&day).lines().last(), Some("1 differences"));
    assert!(ask(&["reconcile", "noon"]).is_err());
    assert!(!house.get("/metrics").text.contains("name=\"manifest\""), "no alarm");
    house.stop().await;
}
