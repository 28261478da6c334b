//! A merged number does not come back, also where the table was edited while the server was stopped. R3.

use std::fs;

use hotline::app::{Server, StartError};
use hotline::rules::numbers::{AreaCode, Merged, Mode, NumberPlan, NumberRow};
use jiff::civil::{Date, date};

use crate::api::house::{Files, House};

fn plan(rows: Vec<NumberRow>) -> NumberPlan {
    NumberPlan::new([vec![row("12345", Mode::Own)], rows].concat(), AreaCode::parse("0798").unwrap()).unwrap()
}

fn row(code: &str, mode: Mode) -> NumberRow {
    NumberRow {
        code: code.into(),
        mode,
        primary: (mode == Mode::Merged).then(|| "12345".to_owned()),
        label: "x".into(),
        skill: (mode != Mode::Merged).then(|| "general".to_owned()),
        greeting: None,
        target: None,
        valid_from: None,
        valid_to: None,
        allow_revive: false,
    }
}

fn merged_from(day: Date) -> Vec<NumberRow> {
    vec![NumberRow { valid_from: Some(day), ..row("12999", Mode::Merged) }]
}

/// Tables in the order in which they were in force, and what the last one is told.
#[test]
fn what_was_merged_once_is_remembered_until_it_is_revived_on_purpose() {
    let day = date(2026, 11, 24);
    let (yesterday, tomorrow) = (day.yesterday().unwrap(), day.tomorrow().unwrap());
    let merged = || vec![row("12999", Mode::Merged)];
    let dual = || vec![row("12999", Mode::Dual)];
    let revived = || vec![NumberRow { allow_revive: true, ..row("12999", Mode::Dual) }];
    type Table = Vec<NumberRow>;
    let cases: Vec<(&str, Vec<Table>, Table, Option<Date>)> = vec![
        ("never merged", vec![vec![], dual()], dual(), None),
        ("still merged", vec![merged()], merged(), None),
        ("merged, then dual", vec![merged()], dual(), Some(yesterday)),
        ("merged, then own", vec![merged()], vec![row("12999", Mode::Own)], Some(yesterday)),
        ("merged, then gone", vec![merged()], vec![], None),
        ("merged, gone, then dual", vec![merged(), vec![]], dual(), Some(yesterday)),
        ("revived on purpose", vec![merged()], revived(), None),
        ("revived, and the override taken out", vec![merged(), revived()], dual(), None),
        ("revived, and merged anew", vec![merged(), revived(), merged()], dual(), Some(yesterday)),
        ("merged since long", vec![merged_from(date(2020, 1, 1))], dual(), Some(date(2020, 1, 1))),
        ("merged today", vec![merged_from(day)], dual(), Some(day)),
        ("to be merged tomorrow", vec![merged_from(tomorrow)], dual(), None),
        ("put off until tomorrow", vec![merged_from(day), merged_from(tomorrow)], dual(), None),
    ];
    for (what, before, last, since) in cases {
        let mut merged = Merged::default();
        for rows in before {
            merged.follow(&plan(rows), yesterday);
        }
        let found: Vec<(&str, Date)> = since.iter().map(|since| ("12999", *since)).collect();
        assert_eq!(merged.revived_by(&plan(last), day), found, "{what}");
    }
}

async fn starts(files: &Files) -> Result<(), String> {
    match Server::start(files.options()).await {
        Ok(server) => {
            server.stop().await;
            Ok(())
        }
        Err(StartError::Config(faults)) => Err(faults.iter().map(ToString::to_string).collect()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_while_the_server_is_stopped_revives_no_number() {
    let files = House::prepare("merged");
    const MERGED: &str = "code = \"12999\"\nlabel = \"x\"\nmode = \"merged\"\nprimary = \"12345\"";
    const DUAL: &str = "code = \"12999\"\nlabel = \"x\"\nmode = \"dual\"\nskill = \"general\"";
    let numbers = "dialplan/numbers.toml";
    files.edit(
        numbers,
        "[[number]]\ncode = \"12345\"",
        &format!("[[number]]\n{MERGED}\n\n[[number]]\ncode = \"12345\""),
    );
    starts(&files).await.expect("merged");

    files.edit(numbers, MERGED, DUAL);
    let refused = starts(&files).await.expect_err("revived");
    assert!(
        refused.contains("numbers.toml: 12999: a merged number does not come back (R3), merged since"),
        "{refused}"
    );
    assert!(refused.contains("allow_revive = true overrides"), "{refused}");
    starts(&files).await.expect_err("a start that was refused has forgotten nothing");

    files.edit(numbers, DUAL, &format!("{DUAL}\nallow_revive = true"));
    starts(&files).await.expect("on purpose");
    files.edit(numbers, "\nallow_revive = true", "");
    starts(&files).await.expect("it has come back for good");
}

/// The same by a reload, of a number that no table names any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_revives_none_that_was_merged_before_the_last_start() {
    let files = House::prepare("merged-reload");
    starts(&files).await.expect("the shipped numbers");
    let kept = files.options().data.join("merged-numbers.toml");
    let text = fs::read_to_string(&kept).unwrap();
    assert_eq!(text.matches(" = \"").count(), 11, "those of Art. 16: {text}");
    fs::write(&kept, format!("{text}12999 = \"2026-01-02\"\n")).unwrap();

    let house = House::run(files, None).await;
    let dual = "[[number]]\ncode = \"12999\"\nlabel = \"x\"\nmode = \"dual\"\nskill = \"general\"\n";
    house.edit(
        "dialplan/numbers.toml",
        "[[number]]\ncode = \"12345\"",
        &format!("{dual}\n[[number]]\ncode = \"12345\""),
    );
    let refused = house.post("/api/reload", serde_json::json!({}));
    assert_eq!((refused.status, refused.code()), (422, "config"));
    assert!(
        refused.text.contains("12999: a merged number does not come back (R3), merged since 2026-01-02"),
        "{}",
        refused.text
    );
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_that_cannot_be_read_is_named_and_not_forgotten() {
    for text in ["[merged", "[merged]\n12999 = \"never\"\n", "[other]\n"] {
        let files = House::prepare("merged-torn");
        let data = files.options().data;
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("merged-numbers.toml"), text).unwrap();
        match Server::start(files.options()).await {
            Err(StartError::Io(error)) => assert!(error.to_string().contains("merged-numbers.toml"), "{error}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("started on {text}"),
        }
        assert_eq!(fs::read_to_string(data.join("merged-numbers.toml")).unwrap(), text);
    }
}
