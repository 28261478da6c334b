//! What is made of a copy.

use std::fs;

use hotline::mirror::restore::{Report, Which, restore};
use hotline::mirror::{Fault, FolderTarget};
use jiff::civil::date;
use serde_json::Value;

use super::*;

/// On a thread of its own, as the command does it.
async fn brought(copy: &Path, to: &Path, which: Which) -> Result<Report, Fault> {
    let (copy, to) = (copy.to_path_buf(), to.to_path_buf());
    tokio::task::spawn_blocking(move || restore(&mut FolderTarget::reading(&copy), &to, which)).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotline_that_has_burnt_down_goes_on_elsewhere_with_ticket_and_recording() {
    let (files, copy) = mirrored("mirror-burnt", "");
    let house = with_a_call(files).await;
    let audio = house.recording.clone().unwrap();
    copied(&house).await;
    let number = house.get("/api/tickets").json()["rows"][0]["number"].as_str().unwrap().to_owned();
    let saved = burnt(house, &copy).await;

    let new = facts::Folder::new("mirror-new");
    let report = brought(&saved.0, &new.0, Which::All).await.unwrap();
    assert!(report.whole, "{report:?}");
    let totals = report.totals;
    assert_eq!((totals.calls, totals.tickets, totals.recordings, report.recordings), (1, 1, 1, 1));
    assert_eq!((report.missing, report.sets_passed_over, report.hotline.is_empty()), (0, 0, false));

    // It starts there, and goes on where the other has ended. Its mirror is that of the copy.
    let server = Server::start(options(&new.0)).await.unwrap();
    let house = House::of(server);
    let ticket = house.get(&format!("/api/tickets/{number}")).json();
    assert_eq!((ticket["call"].as_str(), ticket["recording"].as_str()), (Some("0000000000000001"), Some("sealed")));
    let heard = house.get(&format!("/api/recordings/{CALL}/audio?purpose=drill"));
    assert_eq!((heard.status, heard.bytes == audio), (200, true));
    house.record(facts::answered(2)).await;
    let rows = house.get("/api/tickets").json()["rows"].as_array().map(Vec::len);
    assert_eq!(rows, Some(2), "the next ticket has a number of its own");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_as_it_was_is_named_and_never_passed_off_as_whole() {
    type Spoil = fn(&Path);
    fn newest_set(copy: &Path) -> PathBuf {
        let sets = fs::read_dir(copy.join("sets")).unwrap().map(|entry| entry.unwrap().path());
        sets.max().unwrap()
    }
    fn spoil(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let (files, copy) = mirrored("mirror-spoilt", "");
    let house = with_a_call(files).await;
    copied(&house).await;
    // Another set, so that an older one is there to fall back on.
    house.record(facts::answered(2)).await;
    copied(&house).await;
    let saved = burnt(house, &copy).await;

    let table: [(&str, Spoil, &str, bool); 5] = [
        ("audio", |copy| spoil(&copy.join("recordings/2026/11/24/0000000000000001/call.wav")), "call.wav", true),
        (
            "audio is gone",
            |copy| fs::remove_file(copy.join("recordings/2026/11/24/0000000000000001/call.wav")).unwrap(),
            "call.wav",
            true,
        ),
        ("set", |copy| fs::write(newest_set(copy), "{}").unwrap(), "sets/", true),
        (
            "database",
            |copy| {
                let set: Value = serde_json::from_slice(&fs::read(newest_set(copy)).unwrap()).unwrap();
                spoil(&copy.join("objects").join(set["files"][0]["sha256"].as_str().unwrap()));
            },
            "objects/",
            true,
        ),
        (
            "a name that leads out",
            |copy| {
                let text = fs::read_to_string(newest_set(copy)).unwrap();
                let text = text.replace("data/hotline.sqlite", "../out.sqlite");
                fs::remove_file(newest_set(copy)).unwrap();
                let sets = fs::read_dir(copy.join("sets")).unwrap().map(|entry| entry.unwrap().path());
                sets.for_each(|path| fs::remove_file(path).unwrap());
                fs::write(copy.join("sets/20991231T000000.000Z.json"), text).unwrap();
            },
            "../out.sqlite",
            false,
        ),
    ];
    for (what, deed, named, comes_back) in table {
        let (spoilt, new) = (facts::Folder::new("mirror-spoilt-copy"), facts::Folder::new("mirror-spoilt-new"));
        for (path, bytes) in all_of(&saved.0) {
            fs::create_dir_all(spoilt.join(path.parent().unwrap().to_str().unwrap())).unwrap();
            fs::write(spoilt.0.join(path), bytes).unwrap();
        }
        deed(&spoilt.0);
        match brought(&spoilt.0, &new.0, Which::All).await {
            Ok(report) => {
                assert!(comes_back && !report.whole, "{what}: {report:?}");
                assert!(report.faults.iter().any(|fault| fault.contains(named)), "{what}: {:?}", report.faults);
                assert!(report.totals.tickets >= 1, "{what}: {report:?}");
            }
            Err(fault) => assert!(!comes_back && fault.to_string().contains(named), "{what}: {fault}"),
        }
        assert!(!new.0.with_file_name("out.sqlite").exists());
    }

    // Nothing is written over, and a place that is none says so.
    let new = facts::Folder::new("mirror-full");
    fs::write(new.join("mine"), "mine").unwrap();
    assert!(brought(&saved.0, &new.0, Which::All).await.unwrap_err().to_string().contains("not empty"));
    let (nothing, new) = (facts::Folder::new("mirror-nothing"), facts::Folder::new("mirror-of-nothing"));
    assert!(brought(&nothing.0, &new.0, Which::All).await.unwrap_err().to_string().contains("no set is there"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_come_back_as_far_as_they_are_wanted() {
    let (files, copy) = mirrored("mirror-wanted", "");
    let house = with_a_call(files).await;
    copied(&house).await;
    let saved = burnt(house, &copy).await;
    for (which, recordings) in [
        (Which::All, 1),
        (Which::None, 0),
        (Which::Since(date(2026, 11, 24)), 1),
        (Which::Since(date(2026, 11, 25)), 0),
    ] {
        let new = facts::Folder::new("mirror-some");
        let report = brought(&saved.0, &new.0, which).await.unwrap();
        assert!(report.whole, "{which:?}: {report:?}");
        assert_eq!((report.recordings, report.totals.tickets), (recordings, 1), "{which:?}");
    }
}

/// The program as an operator runs it: a real call, `kill -9`, another machine.
#[test]
fn the_program_is_killed_and_its_drill_finds_everything() {
    use crate::serve::program::{BINARY, Program};
    use std::process::Command;
    let home = Program::prepare("mirror-drill");
    let copy = facts::Folder::new("mirror-drill-copy");
    let demo = Command::new(BINARY).arg("demo").arg("--data").arg(home.join("data")).output().unwrap();
    assert!(demo.status.success(), "{demo:?}");
    let row =
        format!("[[mirror]]\nname = \"second\"\npath = \"{}\"\n\n[[listen]]\nname = \"local\"\n", copy.0.display());
    Program::edit_in(&home, "sip-configs/server.toml", "[[listen]]\nname = \"local\"\n", &row);
    let program = Program::run(home);
    facts::soon(|| {
        let told = program.ask(&["mirror", "status", "--json"]).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let row = &told["rows"][0];
        row["copied"].as_u64() > Some(0) && row["waiting"] == 0 && row["last_set"].is_i64()
    });
    assert!(program.ask(&["mirror"]).unwrap().contains("second"));
    let numbers = |text: &str| -> Vec<String> {
        let list: Value = serde_json::from_str(text).unwrap();
        list["rows"].as_array().unwrap().iter().map(|row| row["number"].to_string()).collect()
    };
    let before = numbers(&program.ask(&["tickets", "--json"]).unwrap());
    program.signal(libc::SIGKILL);
    drop(program);

    let from = copy.0.display().to_string();
    let drill = Command::new(BINARY).args(["mirror", "drill", "--from", &from]).output().unwrap();
    let told = String::from_utf8(drill.stdout).unwrap();
    assert!(drill.status.success(), "{told}");
    for line in ["1 answered calls, 1 tickets, 1 recordings known", "took ", "RPO seen: ", "recordings missing: 0"] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
    let new = facts::Folder::new("mirror-drill-new");
    let to = new.0.display().to_string();
    let restore = Command::new(BINARY).args(["mirror", "restore", "--from", &from, "--to", &to]).output().unwrap();
    assert!(restore.status.success(), "{restore:?}");
    Program::edit_in(&new, "sip-configs/server.toml", &bound(&new), "127.0.0.1:0");
    let program = Program::run(new);
    assert_eq!((numbers(&program.ask(&["tickets", "--json"]).unwrap()), before.len()), (before, 1));
}

/// The SIP address that the configuration has.
fn bound(home: &facts::Folder) -> String {
    let text = fs::read_to_string(home.join("config/sip-configs/server.toml")).unwrap();
    let own = text.split("[[listen]]\nname = \"local\"\n").nth(1).unwrap();
    own.lines().next().unwrap().trim_start_matches("bind = ").trim_matches('"').to_owned()
}
