//! What a restart leaves of the seats and their phones.

use std::fs;
use std::time::Duration;

use hotline::sip::message::Method;
use serde_json::Value;

use super::handset::Handset;
use super::{mode, program::Program};
use crate::facts::soon;

fn seat(program: &Program) -> Value {
    let said: Value = serde_json::from_str(&program.ask(&["seats", "--json"]).unwrap()).unwrap();
    said["rows"][0].clone()
}

#[test]
fn a_restart_leaves_the_hotline_answered() {
    let mut program = Program::start("staffed");
    let mut phone = Handset::new("1001", program.sip());
    let why = program.ask(&["seats", "1001", "sign-in"]).unwrap_err();
    assert!(why.contains("no phone of the seat is registered"), "{why}");
    assert_eq!(phone.register(&program.password("1001")).status, 200);
    soon(|| seat(&program)["free"] == true);
    let file = program.data().join("phones.json");
    soon(|| fs::read_to_string(&file).is_ok_and(|text| text.contains(&phone.own().to_string())));
    assert_eq!(mode(&file), 0o600);
    for end in [Program::crash, Program::restart] {
        program = end(program);
        // It has not registered again.
        soon(|| seat(&program)["free"] == true);
        assert_eq!((&seat(&program)["state"], &seat(&program)["reason"]), (&"idle".into(), &"restart".into()));
        let history = program.ask(&["seats", "1001", "--history", "--json"]).unwrap();
        let history: Value = serde_json::from_str(&history).unwrap();
        let last = history["rows"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["state"], &last["reason"]), (&"idle".into(), &"restart".into()), "{history}");
    }
    program.dial("12345");
    let invite = phone.asked.recv_timeout(Duration::from_secs(30)).expect("a call");
    assert_eq!(invite.method, Method::Invite);
    assert!(invite.uri.starts_with(&format!("sip:1001@{}", phone.own())), "{}", invite.uri);
    assert!(!fs::read_to_string(&file).unwrap().contains("13800005678"), "nothing of a citizen");

    // A file that cannot be read leaves the hotline without that, and no worse.
    program.stop();
    fs::write(&file, "{ torn").unwrap();
    program = program.again();
    assert_eq!(seat(&program)["reachable"], false);
    assert_eq!(phone.register(&password_in(&program)).status, 200);
    soon(|| seat(&program)["reachable"] == true);
}

/// As `secrets.toml` has it: a later start prints none.
fn password_in(program: &Program) -> String {
    let kept = fs::read_to_string(program.data().join("secrets.toml")).unwrap();
    kept.lines().find_map(|line| line.strip_prefix("1001 = \"")?.strip_suffix('"')).expect("a password").to_owned()
}
