//! The program itself, as an operator runs it: what it prints, which files it leaves, how its
//! threads rank, what a signal does to it.

mod handset;
pub mod program;
mod restart;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::facts::{Folder, soon};
use program::Program;

#[test]
fn only_media_threads_keep_the_high_priority() {
    let program = Program::start("nice");
    let tasks = fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    let mut seen = Vec::new();
    for task in tasks {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        let (head, fields) = stat.rsplit_once(") ").unwrap();
        let name = head.split_once('(').unwrap().1.to_owned();
        // proc_pid_stat(5): nice is the 19th field, the third comes first here.
        let nice: i32 = fields.split(' ').nth(16).unwrap().parse().unwrap();
        seen.push((name, nice));
    }
    for begin in ["hotline", "signalling", "media-", "journal", "sqlx-sqlite"] {
        assert!(seen.iter().any(|(name, _)| name.starts_with(begin)), "no thread {begin}: {seen:?}");
    }
    let own = seen.iter().filter(|(name, _)| name.starts_with("media-")).map(|(_, nice)| *nice).max().unwrap();
    let equal: Vec<_> = seen.iter().filter(|(name, nice)| *nice <= own && !name.starts_with("media-")).collect();
    assert!(equal.is_empty(), "as high as media: {equal:?} of {seen:?}");
}

#[test]
fn nobody_else_reads_what_the_server_writes() {
    // One call with all that is kept of it; `serve` does no other.
    let home = Folder::new("serve-modes");
    let data = home.join("data");
    let demo = Command::new(program::BINARY).arg("demo").arg("--data").arg(&data).output().unwrap();
    assert!(demo.status.success(), "{demo:?}");
    let served = Program::start("modes");
    assert_eq!((mode(&data), mode(&served.data())), (0o700, 0o700));
    let mut written = files_below(&data);
    for part in ["journal/", "hotline.sqlite", "secrets.toml", "recordings/", "trace/"] {
        assert!(written.iter().any(|path| path.to_string_lossy().contains(part)), "{part}: {written:?}");
    }
    written.extend(files_below(&served.data()));
    // A sealed recording is 0440, in a folder that lets nobody in.
    let open: Vec<_> = written.iter().filter(|path| mode(path) & 0o037 != 0).collect();
    assert!(open.is_empty(), "{open:?}");
    let folders: Vec<_> = written.iter().filter_map(|path| path.parent()).filter(|path| mode(path) != 0o700).collect();
    assert!(folders.is_empty(), "{folders:?}");
}

#[test]
fn a_start_that_fails_says_what_it_tried_with_which_file() {
    type Spoil = fn(&Path);
    let folder = |path: &Path| fs::create_dir_all(path).unwrap();
    let table: [(&str, Spoil, &[&str]); 5] = [
        ("data", |data| fs::write(data, "").unwrap(), &["cannot make the data folder", "/data: File exists"]),
        ("lock", |data| fs::create_dir_all(data.join("lock")).unwrap(), &["cannot lock", "/data: Is a directory"]),
        ("http.addr", |data| fs::create_dir_all(data.join("http.addr")).unwrap(), &["/http.addr: Is a directory"]),
        (
            "recordings",
            |data| {
                fs::create_dir_all(data).unwrap();
                fs::write(data.join("recordings"), "").unwrap();
            },
            &["cannot record in", "/data/recordings: "],
        ),
        (
            "secrets.toml",
            |data| {
                fs::create_dir_all(data).unwrap();
                fs::write(data.join("secrets.toml"), "api_token = \"a\"\npassword = \"sesame\"\n").unwrap();
            },
            &["/secrets.toml: unknown field"],
        ),
    ];
    for (what, spoil, said) in table {
        let home = Program::prepare(&format!("fault-{}", what.replace('.', "-")));
        folder(&home.0);
        spoil(&home.join("data"));
        let told = Program::fail(&home);
        assert!(said.iter().all(|part| told.contains(part)), "{what}: {told}");
        assert!(!told.contains("sesame"), "{told}");
    }
}

#[test]
fn passwords_and_token_are_made_and_shown_once() {
    let program = Program::start("secrets");
    let file = program.data().join("secrets.toml");
    assert_eq!(mode(&file), 0o600);
    let kept = fs::read_to_string(&file).unwrap();
    let first = program.printed.clone();
    let shown: Vec<(&str, &str)> = first.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ")).collect();
    let of: Vec<&str> = shown.iter().map(|(of, _)| *of).collect();
    assert_eq!(of, ["API token", "seat 1001", "seat 1002", "seat 1003"], "{}", program.printed);
    for (of, secret) in &shown {
        assert!(secret.len() >= 16 && kept.contains(&format!("\"{secret}\"")), "{of}");
    }
    let secrets: BTreeSet<&str> = shown.iter().map(|(_, secret)| *secret).collect();
    assert_eq!(secrets.len(), 4, "each has its own");

    let mut program = program.restart();
    assert!(secrets.iter().all(|secret| !program.printed.contains(secret)), "{}", program.printed);
    assert!(!program.printed.contains("secrets.toml"), "{}", program.printed);
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);

    // A seat more, while it runs: told of, kept, not shown.
    let seat = "[[seat]]\nno = \"1004\"\nname = \"four\"\nkind = \"local\"\ncentre = \"jdz\"\nskills = [\"general\"]\n";
    program.edit("sip-configs/seats.toml", "[[seat]]\nno = \"1001\"", &format!("{seat}\n[[seat]]\nno = \"1001\""));
    let told = program.ask(&["reload"]).unwrap();
    assert!(told.contains("secrets.toml has new passwords: seat 1004"), "{told}");
    let kept = fs::read_to_string(&file).unwrap();
    let made = kept.lines().find_map(|line| line.strip_prefix("1004 = \"")?.strip_suffix('"')).expect("a password");
    assert_eq!((made.len(), mode(&file)), (16, 0o600));
    assert!(secrets.iter().all(|secret| kept.contains(secret)), "the others stay");
    let log = program.wait_for("configuration read again");
    assert!(log.contains("seat 1004") && !log.contains(made), "{log}");
}

#[test]
fn a_start_that_fails_loses_no_password() {
    let home = Program::prepare("secrets-late");
    let (sip, http) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let at = |address: SocketAddr, key: &str| format!("{key} = \"{address}\"");
    for (key, taken) in [("bind", sip.local_addr().unwrap()), ("http", http.local_addr().unwrap())] {
        let free = at(([127, 0, 0, 1], 0).into(), key);
        Program::edit_in(&home, "sip-configs/server.toml", &free, &at(taken, key));
        assert!(Program::fail(&home).contains("cannot listen on"), "{key}");
        assert!(!home.join("data/secrets.toml").exists(), "{key}: nobody has seen what would stand there");
        Program::edit_in(&home, "sip-configs/server.toml", &at(taken, key), &free);
    }
    let program = Program::run(home);
    let kept = fs::read_to_string(program.data().join("secrets.toml")).unwrap();
    assert!(kept.contains(&program.password("1001")) && kept.contains(&program.password("1003")));
}

#[test]
fn sighup_and_the_command_read_a_new_plan_and_a_bad_file_changes_nothing() {
    type Reload = fn(&mut Program) -> String;
    let by_signal: Reload = |program| {
        program.signal(libc::SIGHUP);
        program.wait_for("configuration ")
    };
    let by_command: Reload = |program| program.ask(&["reload"]).unwrap_or_else(|why| why);
    for (name, reload) in [("signal", by_signal), ("command", by_command)] {
        let mut program = Program::start(&format!("reload-{name}"));
        assert_eq!(program.dial("12999"), 404, "{name}");
        let rows = "[[number]]\ncode = \"12999\"\nmode = \"merged\"\nprimary = \"12345\"\nlabel = \"x\"\n\n[[number]]\ncode = \"12396\"";
        program.edit("dialplan/numbers.toml", "[[number]]\ncode = \"12396\"", rows);
        program.edit("sip-configs/server.toml", "trace_mib", "colour = \"red\"\ntrace_mib");
        let told = reload(&mut program);
        assert!(told.contains("colour") && !told.contains("read again"), "{name}: {told}");
        assert_eq!(program.dial("12999"), 404, "{name}: nothing of a bad configuration is used");

        program.edit("sip-configs/server.toml", "colour = \"red\"\n", "");
        let told = reload(&mut program);
        assert!(told.contains("read again"), "{name}: {told}");
        assert_ne!(program.dial("12999"), 404, "{name}");
    }
}

#[test]
fn a_reload_takes_what_is_not_bound_to_a_socket() {
    let home = Program::prepare("reload-all");
    Program::edit_in(&home, "sip-configs/server.toml", "trace_mib = 256", "trace_mib = 0");
    let program = Program::run(home);
    let alarms = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(program.dial("12399"), 404);
    assert!(!program.challenge().contains("realm=\"city\""));
    for (old, new) in [
        ("trace_mib = 0", "trace_mib = 1"),
        ("realm = \"hotline\"", "realm = \"city\""),
        ("digest = [\"MD5\"]", "digest = [\"SHA-256\", \"MD5\"]"),
        ("media_timeout_s = 30", "media_timeout_s = 20"),
        ("recording_format = \"alaw\"", "recording_format = \"pcm16\""),
    ] {
        program.edit("sip-configs/server.toml", old, new);
    }
    let hook = format!("alarm_webhook = \"http://{}/\"\n\n[[listen]]", alarms.local_addr().unwrap());
    program.edit(
        "sip-configs/server.toml",
        "\n[[listen]]\nname = \"local\"\n",
        &format!("\n{hook}\nname = \"local\"\n"),
    );
    program.ask(&["reload"]).unwrap();

    let challenge = program.challenge();
    assert!(challenge.contains("realm=\"city\"") && challenge.contains("SHA-256"), "{challenge}");
    // No seat has signed in.
    assert_ne!(program.dial("12345"), 404);
    let mut posted = String::new();
    BufReader::new(alarms.accept().unwrap().0).take(2000).read_line(&mut posted).unwrap();
    assert!(posted.starts_with("POST / "), "{posted}");
    let trace = program.data().join("trace");
    soon(|| files_below(&trace).iter().any(|path| fs::read(path).is_ok_and(|bytes| bytes.len() > 1000)));
}

#[test]
fn an_alarm_does_not_stand_for_ever_after_a_crash() {
    let mut program = Program::start("alarm");
    let alarms = |program: &Program, words: &[&str]| -> Vec<Value> {
        let said = program.ask(&[&["alarms", "--json"], words].concat()).unwrap();
        let rows = serde_json::from_str::<Value>(&said).unwrap()["rows"].as_array().unwrap().clone();
        rows.into_iter().filter(|row| row["name"] == "no_seat").collect()
    };
    program.dial("12345");
    soon(|| alarms(&program, &[])[..].iter().any(|row| row["cleared"].is_null()));
    let today = jiff::Timestamp::now().in_tz("Asia/Shanghai").unwrap().date().to_string();
    soon(|| !alarms(&program, &["--day", &today]).is_empty());
    program = program.crash();
    assert!(alarms(&program, &[]).is_empty());
    soon(|| alarms(&program, &["--day", &today]).iter().all(|row| row["cleared"].is_number()));
    // The caller of before is gone; another finds no seat either.
    program.dial("12345");
    soon(|| alarms(&program, &[]).len() == 1);
}

#[test]
fn a_fault_is_json_where_json_is_asked_for() {
    let said = |words: &[&str]| {
        let output = Command::new(program::BINARY).args(words).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), told["code"].clone(), told["error"].as_str().unwrap_or_default().to_owned())
    };
    let home = Folder::new("serve-json");
    let (config, data) = (home.join("none").display().to_string(), home.join("data").display().to_string());
    let (status, code, error) = said(&["serve", "--json", "--config", &config, "--data", &data]);
    assert_eq!((status, code), (Some(1), "config".into()));
    assert_eq!(error.lines().filter(|line| line.contains("cannot be read")).count(), 8, "{error}");
    fs::write(home.join("file"), "").unwrap();
    let file = home.join("file").display().to_string();
    let (status, code, error) = said(&["serve", "--json", "--data", &file]);
    assert_eq!((status, code), (Some(1), "start".into()));
    assert!(error.contains("cannot make the data folder"), "{error}");

    fs::create_dir_all(home.join("data/trace")).unwrap();
    let nothing = said(&["trace", "nobody", "--json", "--data", &data]);
    assert_eq!(nothing, (Some(1), "not_found".into(), "nothing is kept of nobody".into()));
    fs::remove_dir(home.join("data/trace")).unwrap();
    fs::write(home.join("data/trace"), "").unwrap();
    let (status, code, _) = said(&["trace", "nobody", "--json", "--data", &data]);
    assert_eq!((status, code), (Some(2), "client".into()));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
