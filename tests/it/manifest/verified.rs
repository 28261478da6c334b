//! Whatever happens to an archive is named by whoever has the files and the public key.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use clap::Parser;
use hotline::archive::manifest::folder::Manifests;
use hotline::archive::manifest::key::Key;
use hotline::archive::manifest::verify::{Kept, Report, Scope, What, verify};
use hotline::archive::manifest::{self, Head, Link, Read};
use hotline::archive::sums;
use hotline::call::CallId;
use hotline::commands::archive;

use super::town::{DAY, HOUR, MIDNIGHT, Town, overwrite, put};
use crate::serve::program::BINARY;

/// Calls 1 and 2 sealed on the 24th, 3 on the 25th, none on the 26th; and call 4, which is too young.
pub async fn archive(name: &str) -> Town {
    let mut town = Town::new(name);
    town.makes(MIDNIGHT + HOUR).await;
    town.record(1, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    town.record(2, "2026/11/24", MIDNIGHT + 3 * HOUR).await;
    town.makes(MIDNIGHT + DAY + HOUR).await;
    town.record(3, "2026/11/25", MIDNIGHT + DAY + 2 * HOUR).await;
    town.makes(MIDNIGHT + 3 * DAY + HOUR).await;
    town.record(4, "2026/11/27", MIDNIGHT + 3 * DAY + 2 * HOUR).await;
    town
}

fn folder(n: u64) -> String {
    let day = [(1, "24"), (2, "24"), (3, "25"), (4, "27")].iter().find(|(call, _)| *call == n).unwrap().1;
    format!("2026/11/{day}/{}", CallId(n))
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    overwrite(path, &bytes);
}

fn told(report: &Report) -> Vec<(What, String)> {
    report.faults.iter().map(|fault| (fault.what, fault.path.clone())).collect()
}

#[tokio::test]
async fn an_untouched_archive_is_whole_in_every_scope() {
    let town = archive("whole").await;
    let day = |text: &str| Scope::Day(text.parse().unwrap());
    for (scope, recordings, young) in [
        (Scope::Everything, 3, 1),
        (Scope::Year(2026), 3, 1),
        (Scope::Year(2025), 0, 0),
        (day("2026-11-24"), 2, 0),
        (day("2026-11-25"), 1, 0),
        (day("2026-11-26"), 0, 0),
        (day("2026-11-27"), 0, 1),
        (Scope::Recording(folder(1)), 1, 0),
        (Scope::Recording(folder(4)), 0, 1),
    ] {
        let report = town.verify(&scope);
        assert_eq!((told(&report), report.recordings), (vec![], recordings), "{scope:?}");
        assert_eq!((report.not_yet_listed.len(), report.manifests), (young, 4), "{scope:?}");
    }
    // On another machine, with a copy of the files and the key alone.
    let elsewhere = crate::facts::Folder::new("elsewhere");
    let copied = std::process::Command::new("cp").args(["-r"]).arg(town.root()).arg(elsewhere.join("copy")).status();
    assert!(copied.unwrap().success());
    let report = verify(&elsewhere.join("copy"), &town.public(), &Scope::Everything, None).unwrap();
    assert_eq!((told(&report), report.recordings), (vec![], 3));
}

/// What it is called, what is done to the recordings folder, and all that is named.
type Row = (&'static str, fn(&Path), Vec<(What, String)>);

#[tokio::test]
async fn whatever_is_changed_taken_away_or_put_in_is_named() {
    let manifest = |day: &str| format!("manifests/2026/{day}.jsonl");
    let at = |n: u64, file: &str| format!("{}/{file}", folder(n));
    let table: [Row; 15] = [
        ("audio", |root| flip(&root.join(folder(1)).join("call.wav")), vec![(What::Changed, at(1, "call.wav"))]),
        ("track", |root| flip(&root.join(folder(3)).join("p3.wav")), vec![(What::Changed, at(3, "p3.wav"))]),
        ("side-car", |root| flip(&root.join(folder(2)).join("call.json")), vec![(What::Changed, at(2, "call.json"))]),
        (
            "shorter",
            |root| overwrite(&root.join(folder(1)).join("call.wav"), b"RIFF"),
            vec![(What::Changed, at(1, "call.wav"))],
        ),
        (
            "file gone",
            |root| fs::remove_file(root.join(folder(1)).join("call.wav")).unwrap(),
            vec![(What::Missing, at(1, "call.wav"))],
        ),
        (
            "recording gone",
            |root| fs::remove_dir_all(root.join(folder(3))).unwrap(),
            ["call.json", "call.wav", "p3.wav"].map(|file| (What::Missing, at(3, file))).into(),
        ),
        (
            "file added",
            |root| fs::write(root.join(folder(1)).join("p4.wav"), b"RIFF").unwrap(),
            vec![(What::Added, at(1, "p4.wav"))],
        ),
        (
            "recording added",
            |root| drop(put(root, 77, "2026/11/24", MIDNIGHT + 4 * HOUR)),
            vec![(What::Added, format!("2026/11/24/{}", CallId(77)))],
        ),
        (
            "folder without side-car",
            |root| fs::create_dir(root.join("2026/11/24").join(CallId(78).to_string())).unwrap(),
            vec![(What::Added, format!("2026/11/24/{}", CallId(78)))],
        ),
        (
            "stray",
            |root| fs::write(root.join("2026/11/24/note.txt"), b"").unwrap(),
            vec![(What::Added, "2026/11/24/note.txt".into())],
        ),
        (
            "link",
            |root| {
                let file = root.join(folder(1)).join("call.wav");
                fs::rename(&file, root.join("moved.wav")).unwrap();
                symlink(root.join("moved.wav"), file).unwrap();
            },
            vec![(What::Unreadable, at(1, "call.wav"))],
        ),
        (
            "linked folder",
            |root| {
                fs::rename(root.join(folder(3)), root.join("moved")).unwrap();
                symlink(root.join("moved"), root.join(folder(3))).unwrap();
            },
            vec![(What::Unreadable, folder(3))],
        ),
        (
            "manifest's signature",
            |root| flip(&root.join("manifests/2026/2026-11-24.jsonl.sig")),
            vec![(What::Signature, manifest("2026-11-24"))],
        ),
        (
            "no signature",
            |root| fs::remove_file(root.join("manifests/2026/2026-11-26.jsonl.sig")).unwrap(),
            vec![(What::Signature, manifest("2026-11-26"))],
        ),
        (
            "manifest added",
            |root| fs::write(root.join("manifests/2026/2026-11-24-x.jsonl"), b"").unwrap(),
            vec![(What::Added, "manifests/2026/2026-11-24-x.jsonl".into())],
        ),
    ];
    for (what, deed, expected) in table {
        let town = archive("attack").await;
        deed(&town.root());
        assert_eq!(told(&town.verify(&Scope::Everything)), expected, "{what}");
    }
}

#[tokio::test]
async fn a_changed_manifest_breaks_signature_and_chain() {
    let town = archive("changed-manifest").await;
    let path = town.root().join("manifests/2026/2026-11-24.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let sum = text.split("\"sha256\":\"").nth(3).unwrap()[..64].to_owned();
    // A recording is said to be another, and its file with it.
    overwrite(&path, text.replace(&sum, &"0".repeat(64)).as_bytes());
    let faults = told(&town.verify(&Scope::Everything));
    let name = "manifests/2026/2026-11-24.jsonl".to_owned();
    assert!(faults.contains(&(What::Signature, name.clone())) && faults.contains(&(What::Chain, name)), "{faults:?}");
    assert!(faults.iter().any(|(what, _)| *what == What::Changed), "{faults:?}");
}

#[tokio::test]
async fn a_day_without_its_manifest_is_named_and_so_are_its_recordings() {
    let town = archive("no-day").await;
    fs::remove_file(town.root().join("manifests/2026/2026-11-24.jsonl")).unwrap();
    let faults = told(&town.verify(&Scope::Everything));
    let added = [1, 2].map(|n| (What::Added, folder(n)));
    let stray = (What::Added, "manifests/2026/2026-11-24.jsonl.sig".to_owned());
    let missing = (What::Missing, "manifests/2026/2026-11-24.jsonl".to_owned());
    let mut expected = vec![missing, stray];
    expected.extend(added);
    expected.sort();
    assert_eq!(faults, expected);
}

/// All manifests anew with another key, or with the stolen one: only what was kept elsewhere shows the second.
#[tokio::test]
async fn a_chain_that_was_made_anew_is_shown_by_the_key_or_by_the_head_that_was_kept_elsewhere() {
    let town = archive("forged").await;
    let (root, public) = (town.root(), town.public());
    let honest = town.manifests().last().unwrap().unwrap().link;
    let kept =
        |sha256: &str, day: Option<&str>| Kept { sha256: sha256.into(), day: day.map(|day| day.parse().unwrap()) };
    for day in [None, Some("2026-11-26")] {
        let report = verify(&root, &public, &Scope::Everything, Some(&kept(&honest.sha256, day))).unwrap();
        assert_eq!(told(&report), []);
    }
    let wrong_day = verify(&root, &public, &Scope::Everything, Some(&kept(&honest.sha256, Some("2026-11-25"))));
    assert_eq!(told(&wrong_day.unwrap()), [(What::Head, "manifests/2026/2026-11-25.jsonl".into())]);

    let other = Key::open(&town.folder.join("other.pem")).unwrap();
    make_anew(&town.manifests(), &other);
    let faults = verify(&root, &public, &Scope::Everything, None).unwrap();
    assert_eq!(faults.faults.iter().filter(|fault| fault.what == What::Signature).count(), 8, "{:?}", faults.faults);
    // By its own key it is whole: that is why the key must be known from elsewhere.
    assert_eq!(told(&verify(&root, &other.public(), &Scope::Everything, None).unwrap()), []);

    let stolen = Key::open(&town.folder.join("keys/archive.pem")).unwrap();
    make_anew(&town.manifests(), &stolen);
    assert_eq!(told(&verify(&root, &public, &Scope::Everything, None).unwrap()), []);
    let report = verify(&root, &public, &Scope::Everything, Some(&kept(&honest.sha256, None))).unwrap();
    assert_eq!(told(&report), [(What::Head, "manifests".into())]);
}

/// Another name of the hotline in each head, the chain and the signatures put right again.
fn make_anew(manifests: &Manifests, key: &Key) {
    let (names, _) = manifests.names().unwrap();
    let mut previous: Option<Link> = None;
    for name in names {
        let bytes = manifests.read(name).unwrap();
        let read = manifest::read(&bytes).unwrap();
        let head = Head { previous, hotline: format!("{}!", read.head.hotline), key: key.public().id(), ..read.head };
        let (number, day) = (head.number, head.day);
        let listed = read.lines.iter().map(|line| Read::recording(line).unwrap()).collect();
        let text = manifest::text(head, listed, read.end.failed, false).unwrap();
        overwrite(&manifests.path(name), &text);
        overwrite(&manifests.signature(name), &key.sign(&text));
        previous = Some(Link { number, day, sha256: sums::sha256(&text) });
    }
}

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    args: archive::Args,
}

#[tokio::test]
async fn the_commands_answer_from_files_alone_and_by_their_exit_code() {
    let town = archive("commands").await;
    let root = town.root().display().to_string();
    let said = |words: &[&str]| {
        let output = std::process::Command::new(BINARY).arg("archive").args(words).args(["--folder", &root]).output();
        let output = output.unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, head) = said(&["head"]);
    let head = head.trim().to_owned();
    assert!(code == 0 && head.ends_with("@2026-11-26") && head.len() == 64 + 11, "{head}");
    let (code, key) = said(&["key"]);
    assert_eq!((code, key.trim()), (0, fs::read_to_string(town.manifests().public_key()).unwrap().trim()));
    let public = town.folder.join("noted.pub").display().to_string();
    fs::copy(town.manifests().public_key(), &public).unwrap();
    let file = PathBuf::from(&root).join(folder(1)).join("call.wav").display().to_string();
    for words in [
        &["verify"][..],
        &["verify", "2026"],
        &["verify", "2026-11-24", "--key", &public],
        &["verify", &folder(1)],
        &["verify", &format!("{}/call.wav", folder(1))],
        &["verify", &file, "--head", &head],
        &["verify", "--head", head.split('@').next().unwrap()],
    ] {
        let (code, text) = said(words);
        assert!(code == 0 && text.trim_end().ends_with("\nwhole"), "{words:?}: {text}");
    }
    for words in [
        &["verify", "../../etc/passwd"][..],
        &["verify", "2026-13-01"],
        &["verify", "--head", "abc"],
        &["verify", "--head", &format!("{head}x")],
        &["verify", "2026/11/24/../24/0000000000000001"],
    ] {
        let (code, _) = said(words);
        assert_eq!(code, 1, "{words:?}");
    }
    assert_eq!(said(&["verify", "--key", "nowhere"]).0, 2);
    flip(Path::new(&file));
    let (code, text) = said(&["verify", "2026-11-24"]);
    assert!(code == 1 && text.contains(&format!("\nchanged: {}/call.wav: ", folder(1))), "{text}");
    assert!(text.trim_end().ends_with("NOT WHOLE: 1 faults"), "{text}");
    assert_eq!(said(&["verify", "2026-11-25"]).0, 0, "the other day is whole");
    let typed = Typed::parse_from(["archive", "verify", "--json", "--folder", &root]);
    let answer = archive::answer(&typed.args).unwrap();
    assert_eq!(answer["faults"][0]["what"], "changed");
    assert_eq!(answer["faults"][0]["path"], format!("{}/call.wav", folder(1)));
}
