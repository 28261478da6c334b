//! What surrounds the program: its systemd unit, and which files git leaves alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use hotline::commands::{check, serve};
use hotline::config::{Config, ports};

use crate::facts::{Folder, leave_out};

const UNIT: &str = include_str!("../../packaging/hotline.service");

/// Section and key → values, in their order.
fn unit() -> BTreeMap<(String, String), Vec<String>> {
    let (mut found, mut section) = (BTreeMap::<_, Vec<String>>::new(), String::new());
    for line in UNIT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("`{line}` sets nothing"));
        found.entry((section.clone(), key.to_owned())).or_default().push(value.to_owned());
    }
    found
}

#[derive(Parser)]
struct Serve {
    #[command(flatten)]
    _args: serve::Args,
}

#[derive(Parser)]
struct Check {
    #[command(flatten)]
    args: check::Args,
}

#[test]
fn the_unit_starts_stops_and_limits_the_program_as_it_needs() {
    let unit = unit();
    let all = |section: &str, key: &str| unit.get(&(section.to_owned(), key.to_owned())).cloned().unwrap_or_default();
    let service = |key: &str| match &all("Service", key)[..] {
        [value] => value.clone(),
        other => panic!("{key}: {other:?}"),
    };
    let start = service("ExecStart");
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words[1], "serve");
    Serve::try_parse_from(words.iter().skip(1)).unwrap_or_else(|error| panic!("{start}: {error}"));
    let after = |flag: &str| words[words.iter().position(|word| *word == flag).unwrap() + 1].to_owned();
    assert_eq!(after("--data"), format!("/var/lib/{}", service("StateDirectory")));
    assert_eq!(after("--config"), format!("/etc/{}", service("ConfigurationDirectory")));

    // A bad file is told before SIGHUP lets the server read it.
    let reload = all("Service", "ExecReload");
    let words: Vec<&str> = reload[0].split(' ').skip(1).collect();
    let checked = Check::try_parse_from(&words).unwrap_or_else(|error| panic!("{}: {error}", reload[0])).args;
    assert_eq!(checked.config.unwrap().display().to_string(), after("--config"));
    assert!(reload[1].ends_with("kill -HUP $MAINPID"), "{}", reload[1]);

    assert_eq!((service("KillSignal").as_str(), service("KillMode").as_str()), ("SIGTERM", "mixed"), "it drains");
    assert_eq!((service("Restart").as_str(), service("UMask").as_str()), ("always", "0077"));
    assert_eq!(service("StateDirectoryMode"), "0700");
    let files: u64 = service("LimitNOFILE").parse().unwrap();
    assert!(files >= ports::open_files(&Config::embedded()), "{files} open files");
    assert!(service("LimitRTPRIO").parse::<u8>().unwrap() > 0, "media threads are real-time threads");
    assert!(service("RestrictAddressFamilies").contains("AF_INET6"));
    assert_eq!(all("Install", "WantedBy"), ["multi-user.target"]);
}

#[test]
fn systemd_takes_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return leave_out("systemd-analyze is not here");
    }
    let folder = Folder::new("unit");
    let here = folder.join("hotline.service");
    // The program is not installed on this machine.
    fs::write(&here, UNIT.replace("/usr/local/bin/hotline", env!("CARGO_BIN_EXE_hotline"))).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&here).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = told.lines().filter(|line| line.contains("hotline.service")).collect();
    assert!(ours.is_empty() && verified.status.success(), "{told}");
}

#[test]
fn git_leaves_alone_what_holds_numbers_of_persons() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let git = |words: &[&str]| Command::new("git").arg("-C").arg(root).args(words).output();
    if !git(&["rev-parse", "--git-dir"]).is_ok_and(|told| told.status.success()) {
        return leave_out("this is no git repository");
    }
    let is_ignored = |path: &str| git(&["check-ignore", "--quiet", "--no-index", path]).unwrap().status.success();
    for path in [
        "sip-configs/server.toml",
        "sip-configs/seats.toml",
        "sip-configs/trunks.toml",
        "dialplan/units.toml",
        "dialplan/leaders.toml",
        "dialplan/emergency.toml",
        "recordings/2026/11/24/0193abcd00000001/call.wav",
        "recordings/2026/11/24/0193abcd00000001/call.json",
        "data/secrets.toml",
        "data/hotline.sqlite",
        "data/journal/000001.log",
    ] {
        assert!(is_ignored(path), "{path}");
    }
    for path in [
        "sip-configs/seats.example.toml",
        "sip-configs/trunks.example.toml",
        "dialplan/units.example.toml",
        "dialplan/leaders.example.toml",
        "dialplan/emergency.example.toml",
        "dialplan/numbers.toml",
        "dialplan/queues.toml",
        "dialplan/retention.toml",
        "recordings/README.md",
    ] {
        assert!(root.join(path).exists() && !is_ignored(path), "{path}");
    }
}
