//! `hotline init`, `check` and `route`: what they write and what they answer.

use std::fs;
use std::path::PathBuf;

use hotline::commands::{check, init, route};
use hotline::config::Config;
use hotline::rules::numbers::Merged;

use crate::config_faults::{File, edited};

#[test]
fn init_writes_what_serve_reads_and_never_overwrites() {
    let dir = scratch("init");
    let written = init::write(&dir).expect("init");
    assert_eq!(written.len(), 10);
    assert!(dir.join("dialplan/prompts/README.md").exists(), "what own prompts are called");
    assert_eq!(Config::load(Some(&dir)), Ok(Config::embedded()));
    let seats = dir.join("sip-configs/seats.toml");
    fs::write(&seats, "# mine\n").expect("edit");
    let refused = init::write(&dir).expect_err("a second time").to_string();
    assert!(refused.contains("seats.toml") && refused.contains("nothing was written"), "{refused}");
    assert_eq!(fs::read_to_string(&seats).expect("read"), "# mine\n");

    fs::remove_file(&seats).expect("remove");
    let found = Config::load(Some(&dir)).expect_err("a file is missing");
    assert_eq!((found.len(), found[0].line), (1, None));
    assert!(found[0].file.ends_with("sip-configs/seats.toml") && found[0].reason.contains("hotline init"));
    assert!(init::write(&dir).is_err(), "the others are there");
    assert!(!seats.exists(), "nothing was written");
    fs::remove_dir_all(&dir).expect("clean up");
}

#[test]
fn a_reload_is_whole_or_nothing() {
    let dir = scratch("reload");
    init::write(&dir).expect("init");
    let edit = |file: &str, old: &str, new: &str| {
        let path = dir.join(file);
        let text = fs::read_to_string(&path).expect("read");
        assert!(text.contains(old), "{old}");
        fs::write(&path, text.replacen(old, new, 1)).expect("write");
    };
    let today = jiff::civil::date(2026, 11, 24);
    let reasons = |running: &Config| {
        let mut merged = Merged::default();
        merged.follow(&running.numbers, today);
        let found = running.reload(Some(&dir), &merged, today).err().unwrap_or_default();
        found.iter().map(|fault| fault.reason.clone()).collect::<Vec<_>>().join("; ")
    };
    let later = "[[number]]\ncode = \"12999\"\nlabel = \"x\"\nmode = \"merged\"\nprimary = \"12345\"\n\n";
    edit("dialplan/numbers.toml", "[[number]]", &format!("{later}[[number]]"));
    edit("sip-configs/server.toml", "wrap_up_s = 60", "wrap_up_s = 30");
    let running = Config::embedded().reload(Some(&dir), &Merged::default(), today).expect("a good reload");
    assert_eq!(running.server.wrap_up.as_secs(), 30);

    // Merged by the running table, brought back by an edit that leaves no trace of it in the file.
    edit("dialplan/numbers.toml", "mode = \"merged\"\nprimary = \"12345\"", "mode = \"dual\"\nskill = \"general\"");
    assert!(reasons(&running).contains("12999: a merged number does not come back"));
    assert_eq!(reasons(&Config::embedded()), "", "no table knew it as merged");
    edit("dialplan/numbers.toml", "mode = \"dual\"", "allow_revive = true\nmode = \"dual\"");
    assert_eq!(reasons(&running), "");

    edit("sip-configs/server.toml", "bind = \"127.0.0.1:5060\"", "bind = \"127.0.0.1:5070\"");
    edit("sip-configs/server.toml", "http = \"127.0.0.1:8080\"", "http = \"127.0.0.1:8081\"");
    assert_eq!(reasons(&running), "[[listen]] and rtp_ports change only at a restart; http changes only at a restart");
    fs::remove_dir_all(&dir).expect("clean up");
}

#[test]
fn check_tells_text_and_json() {
    let args = check::Args { config: None, json: false };
    let found = check::check(&args, u64::MAX);
    assert_eq!(
        check::as_text(&found),
        "ok: 2 listeners, 2 trunks, 3 seats, 12 groups, 28 codes, 14 targets, 1 devices\n\
         warning: no trunk has `hosts`: nobody outside can be called, 110 included"
    );
    assert_eq!(check::as_json(&found)["warnings"].as_array().map(Vec::len), Some(1));
    let hosts = "default_code = \"12345\"\nhosts = [\"198.51.100.9\"]";
    let (texts, _) = edited(File::Trunks, "default_code = \"12345\"", hosts);
    assert!(Config::read(&texts).expect("config").warnings().is_empty());
    assert_eq!(check::as_json(&found)["counts"]["codes"], 28);
    let found = check::check(&args, 1024);
    assert!(check::as_text(&found).contains("LimitNOFILE"));
    assert_eq!(check::as_json(&found)["ok"], false);
    assert!(check::hard_open_files() > 0);
}

fn asked(args: route::Args) -> route::Answer {
    route::answer(&Config::embedded(), &args, jiff::Timestamp::UNIX_EPOCH).expect("an answer")
}

#[test]
fn route_tells_what_would_happen_and_why() {
    let args = route::Args { number: "12331".into(), at: Some("2026-10-01T03:00".into()), ..Default::default() };
    let answer = asked(args.clone());
    let text = route::as_text(&answer);
    for part in [
        "12331 at 2026-10-01 03:00, night",
        "code      12331 食品药品投诉举报",
        "primary   12315",
        "mode      dual",
        "skill     12315 市场监管, priority 5",
        "greeting  greeting-12315.wav",
        "seats     1001 一号坐席 (local), 1002 二号坐席 (local)\n",
        "overflow  general after 8 s: 1001 一号坐席 (local), 1002 二号坐席 (local), 1003 三号坐席 (remote)",
        "because   Request-URI reads 12331\n",
        "12331 is an alias of 12315",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let json = serde_json::to_value(&answer).expect("json");
    assert_eq!(json["result"], "queued");
    assert_eq!((&json["hotline_primary"], &json["seats"][0]["no"]), (&"12315".into(), &"1001".into()));
    assert_eq!(
        answer,
        asked(route::Args { at: Some("2026-09-30T19:00Z".into()), ..args }),
        "an instant is shown as local time"
    );
}

#[test]
fn route_knows_night_pilots_and_404() {
    let fate = |args: route::Args| asked(args).fate;
    let night = route::Args { number: "12350".into(), at: Some("2026-02-17T03:00".into()), ..Default::default() };
    let route::Fate::Queued(queued) = fate(night.clone()) else { panic!("refused") };
    assert_eq!(
        queued.overflow.iter().map(|overflow| overflow.skill.as_str()).collect::<Vec<_>>(),
        ["12319", "general"]
    );
    let route::Fate::Queued(queued) = fate(route::Args { at: Some("2026-02-17T12:00".into()), ..night.clone() }) else {
        panic!("refused")
    };
    assert_eq!(queued.overflow.iter().map(|overflow| overflow.skill.as_str()).collect::<Vec<_>>(), ["general"]);

    let route::Fate::Refused { status, .. } = fate(route::Args { number: "12344".into(), ..night.clone() }) else {
        panic!("queued")
    };
    assert_eq!(status, 404);

    let (texts, _) = edited(File::Trunks, "channels = 1000", "channels = 1000\npilots = [\"0798-8220000\"]");
    let config = Config::read(&texts).expect("config");
    let pilot = route::Args {
        number: "8220000".into(),
        trunk: Some("loopback".into()),
        diversion: vec!["12331".into()],
        ..night.clone()
    };
    let answer = route::answer(&config, &pilot, jiff::Timestamp::UNIX_EPOCH).expect("an answer");
    assert!(route::as_text(&answer).contains("Diversion reads 12331"));

    let (texts, _) = edited(File::Queues, "label = \"综合\"", "label = \"综合\"\nlanguages = [\"en\"]");
    let config = Config::read(&texts).expect("config");
    let english = route::Args { language: Some("en-GB".into()), ..night.clone() };
    let answer = route::answer(&config, &english, jiff::Timestamp::UNIX_EPOCH).expect("an answer");
    assert!(route::as_text(&answer).contains("the caller speaks en-gb: skill general in place of 12350"));

    let wrong = |args: route::Args| {
        route::answer(&config, &args, jiff::Timestamp::UNIX_EPOCH).expect_err("an error").to_string()
    };
    assert!(wrong(route::Args { trunk: Some("mars".into()), ..night.clone() }).contains("no trunk mars"));
    assert!(wrong(route::Args { at: Some("noon".into()), ..night }).contains("noon is no time"));
}

fn scratch(what: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hotline-config-{what}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}
