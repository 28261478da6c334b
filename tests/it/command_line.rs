//! Every command of `hotline`: each has `--help`, and speaks JSON where it is asked to.

use std::process::{Command, Output};

use serde_json::Value;

use crate::facts::Folder;
use crate::serve::program::{BINARY, Program};

fn said(words: &[&str]) -> Output {
    Command::new(BINARY).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// As the program itself lists them.
fn commands() -> Vec<String> {
    let help = text(&said(&["--help"]).stdout);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_help_and_json() {
    let all = commands();
    assert!(all.len() >= 14, "{all:?}");
    for command in all {
        let help = said(&[&command, "--help"]);
        assert!(help.status.success(), "{command}");
        let told = text(&help.stdout);
        assert!(told.contains("Usage: hotline") && told.contains("--json"), "{command}: {told}");
        let about = told.lines().next().unwrap_or_default();
        assert!(about.len() > 10 && !about.starts_with("Usage"), "{command} says what it does: {told}");
    }
}

/// What is typed behind the command; whether it needs a running server.
fn words(command: &str) -> Option<(Vec<&'static str>, bool)> {
    Some(match command {
        "check" => (vec![], false),
        "init" => (vec!["DIR"], false),
        "route" => (vec!["12331"], false),
        "users" | "audit" | "calls" | "seats" | "directory" | "sessions" | "tickets" | "recordings" | "mirror"
        | "missed" | "alarms" | "healthcheck" | "reload" => (vec![], true),
        "archive" => (vec!["key"], true),
        "trace" => (vec!["nobody"], true),
        // They answer only when they end; `it::demo` and `it::serve` read what they say.
        // Of a login `it::accounts` reads the answer: it asks for a password.
        "serve" | "demo" | "login" => return None,
        other => panic!("how is {other} asked?"),
    })
}

#[test]
fn every_command_that_answers_at_once_answers_in_json() {
    let program = Program::start("json");
    let (folder, data) = (Folder::new("json"), program.data().display().to_string());
    let (dir, nobody) = (folder.join("city").display().to_string(), folder.join("none").display().to_string());
    for command in commands() {
        let Some((mut typed, asks_the_server)) = words(&command) else { continue };
        typed.iter_mut().filter(|word| **word == "DIR").for_each(|word| *word = Box::leak(dir.clone().into()));
        let ask = |data: &str| {
            let at: &[&str] = if asks_the_server { &["--data", data] } else { &[] };
            said(&[&[&*command], &typed[..], &["--json"], at].concat())
        };
        let told = ask(&data);
        let answer: Value = serde_json::from_slice(&told.stdout)
            .unwrap_or_else(|error| panic!("{command}: {error}: {}{}", text(&told.stdout), text(&told.stderr)));
        assert!(answer.is_object(), "{command}: {answer}");
        if command != "trace" {
            assert!(told.status.success(), "{command}: {answer}");
        }
        if asks_the_server {
            let told = ask(&nobody);
            let answer: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
            assert!(!told.status.success(), "{command}");
            assert!(answer["code"].is_string() && answer["error"].is_string(), "{command}: {answer}");
        }
    }
}
