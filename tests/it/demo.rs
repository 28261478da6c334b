//! `hotline demo`: one call through the real program, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hotline::archive::shelf::Shelf;
use hotline::audio::g711::Law;
use hotline::commands::demo::story::Voices;
use hotline::commands::demo::{self, DemoError};
use hotline::commands::init;
use hotline::media::prompt::Clip;
use hotline::store::Store;
use hotline::store::query::{MissedQuery, TicketQuery};
use hotline::store::sqlite::Sqlite;

#[test]
fn a_call_is_played_and_leaves_one_ticket_with_both_voices() {
    let (telling, quiet) = (scratch("telling"), scratch("quiet"));
    // Two at once: each finds ports of its own.
    let (told, json) = (start(&telling, &[]), start(&quiet, &["--json"]));
    let (told, json) = (told.wait_with_output().unwrap(), json.wait_with_output().unwrap());
    assert!(told.status.success() && json.status.success(), "{told:?}\n{json:?}");

    let told = String::from_utf8(told.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    let number = report["ticket"]["number"].as_str().unwrap();
    for part in [
        "dials 12331",
        "why: 12331 → skill 12315",
        "seat 1001 chosen",
        "briefing, which nobody else hears",
        "The leader joins",
        "in a third voice",
        "12331 → 12315",
        "示例市副市长 张示例",
        "sealed",
        "ffplay",
    ] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
    assert!(!told.contains(demo::CITIZEN) && !String::from_utf8_lossy(&json.stdout).contains(demo::CITIZEN));
    assert!(report["timeline"].as_array().unwrap().len() > 10, "{report}");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tickets, missed) = runtime.block_on(async {
        let store = Sqlite::new(&quiet.join("hotline.sqlite"));
        let tickets = store.tickets(&TicketQuery::default()).await.unwrap().rows;
        (tickets, store.missed(&MissedQuery::default()).await.unwrap().rows)
    });
    let ([ticket], []) = (&tickets[..], &missed[..]) else { panic!("{tickets:?} {missed:?}") };
    assert_eq!((ticket.number.as_str(), ticket.opened.seat.0.as_str()), (number, "1001"));
    assert_eq!((ticket.opened.original_code.as_str(), ticket.opened.hotline_primary.as_str()), ("12331", "12315"));

    let path = PathBuf::from(report["recording"]["path"].as_str().unwrap());
    let shelf = Shelf::new(quiet.join("recordings"));
    let sealed = shelf.find(ticket.call, Some(ticket.opened.t_answer)).expect("sealed");
    assert_eq!(path, quiet.join("recordings").join(&sealed.path));
    assert_eq!(report["recording"]["sha256"].as_str(), Some(sealed.sha256.as_str()));
    assert_eq!(report["recording"]["condition"], "verified");
    let voices = Voices::load();
    let loud = |words: &[&Clip]| words.iter().map(|words| loud_frames(words.codes(Law::A)).len()).sum::<usize>();
    let sides = [(0, vec![&*voices.citizen]), (1, vec![&*voices.seat, &*voices.leader])].map(|(side, words)| {
        let (heard, said) = (loud_frames(&recorded(&path, side, 2)), loud(&words));
        let lost = said.abs_diff(heard.len());
        assert!(said > 30 && lost < 10, "side {side}: {} frames of 20 ms for {said}", heard.len());
        heard
    });
    assert!(sides[0].last() < sides[1].first(), "the citizen on the left, then the seat on the right");
    // The leader, third on the line, on a track of his own; the briefing apart.
    let track = |name: &str| loud_frames(&recorded(&path.with_file_name(name), 0, 1)).len();
    assert!(loud(&[&*voices.leader]).abs_diff(track("p3.wav")) < 10, "{} frames", track("p3.wav"));
    assert!(track("p3-private.wav") > 100, "{} frames of the briefing", track("p3-private.wav"));
    assert!(sealed.leader, "the recording is to be given out by the extra right only");
    let leaders = &ticket.ended.as_ref().unwrap().leaders;
    assert_eq!(leaders.iter().map(|leader| leader.result.as_str()).collect::<Vec<_>>(), ["taken"]);
    [telling, quiet].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}

#[test]
fn the_data_of_a_hotline_are_left_alone() {
    let folder = scratch("foreign");
    init::write(&folder).unwrap();
    let refused = demo::demo(&demo::Args { data: folder.clone(), json: true });
    assert!(matches!(refused, Err(DemoError::Foreign(_))), "{refused:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "sip-configs/ and dialplan/");
    fs::remove_dir_all(&folder).unwrap();
}

fn start(folder: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.args(["demo", "--data"]).arg(folder).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The codes of one channel of an A-law recording.
fn recorded(path: &Path, side: usize, channels: usize) -> Vec<u8> {
    let file = fs::read(path).unwrap();
    let data = file.windows(4).position(|word| word == b"data").expect("a WAV") + 8;
    file[data..].chunks_exact(channels).map(|frame| frame[side]).collect()
}

/// The frames of 20 ms in which somebody speaks.
fn loud_frames(codes: &[u8]) -> Vec<usize> {
    let loudness = |codes: &[u8]| codes.iter().map(|code| u32::from(Law::A.decode(*code).unsigned_abs())).sum::<u32>();
    let frames = codes.chunks(160).enumerate();
    frames.filter(|(_, codes)| loudness(codes) / 160 > 150).map(|(at, _)| at).collect()
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hotline-demo-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}
