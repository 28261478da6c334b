//! Each day that has ended gets its manifest, once, whatever happens in between.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hotline::archive::manifest::verify::Scope;
use hotline::archive::manifest::{self, Listed, Read};
use hotline::call::CallId;
use hotline::store::entry::Entry;
use serde_json::{Value, json};

use super::town::{DAY, HOUR, MIDNIGHT, Town, overwrite};
use crate::facts::{self, leave_out};

fn days(made: &[hotline::archive::manifest::chain::Last]) -> Vec<String> {
    made.iter().map(|last| last.name.to_string()).collect()
}

fn listed(town: &Town, day: &str) -> Vec<Listed> {
    let text = fs::read(town.root().join(format!("manifests/{}/{day}.jsonl", &day[..4]))).unwrap();
    manifest::read(&text).unwrap().lines.into_iter().map(|line| Read::recording(line).unwrap()).collect()
}

#[tokio::test]
async fn a_day_is_listed_by_the_seal_once_and_with_all_that_failed() {
    let mut town = Town::new("day");
    assert_eq!(days(&town.makes(MIDNIGHT + 8 * HOUR).await), ["2026-11-23"], "the chain begins with the first start");
    // One across midnight, one sealed after a crash a day later, one of the next day already.
    town.tell(facts::answered(1)).await;
    town.record(2, "2026/11/24", MIDNIGHT + DAY - 1).await;
    town.record(1, "2026/11/23", MIDNIGHT).await;
    town.record(3, "2026/11/24", MIDNIGHT + DAY).await;
    town.fail(9, MIDNIGHT + HOUR, "cannot write: no space").await;
    assert_eq!(days(&town.makes(MIDNIGHT + DAY + 4 * 60_000).await), [""; 0], "seals are given five minutes");
    assert_eq!(days(&town.makes(MIDNIGHT + DAY + 5 * 60_000).await), ["2026-11-24"]);
    assert_eq!(days(&town.makes(MIDNIGHT + DAY + HOUR).await), [""; 0]);
    assert_eq!(days(&town.makes(MIDNIGHT + 2 * DAY + HOUR).await), ["2026-11-25"]);

    let text = fs::read_to_string(town.root().join("manifests/2026/2026-11-24.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    let head = &lines[0]["head"];
    assert_eq!((&head["format"], &head["number"], &head["day"]), (&json!(1), &json!(2), &json!("2026-11-24")));
    assert_eq!((&head["hotline"], &head["previous"]["day"]), (&json!("12345"), &json!("2026-11-23")));
    assert_eq!((&head["made"], &head["key"]), (&json!("2026-11-25T00:05:00.000+08:00"), &json!(town.public().id())));
    let first = &lines[1]["recording"];
    assert_eq!(first["path"], json!(format!("2026/11/23/{}", CallId(1))));
    assert_eq!((&first["ticket"], &first["verdict"]), (&json!("JDZ-20261124-000001"), &json!("ok")));
    let names: Vec<_> = first["files"].as_array().unwrap().iter().map(|file| file["file"].clone()).collect();
    assert_eq!(names, ["call.wav", "p3.wav", "call.json"]);
    assert!(first["files"][2]["sm3"].as_str().is_some_and(|sum| sum.len() == 64));
    let end = &lines[3]["end"];
    assert_eq!(end["recordings"], 2);
    let failed = json!([{ "call": CallId(9).to_string(), "at": MIDNIGHT + HOUR, "error": "cannot write: no space" }]);
    assert_eq!(end["failed"], failed);
    assert_eq!(listed(&town, "2026-11-25").iter().map(|one| one.call).collect::<Vec<_>>(), [CallId(3)]);

    let report = town.verify(&Scope::Everything);
    assert_eq!((report.faults.as_slice(), report.recordings, report.files), (&[][..], 3, 9));
    assert_eq!((report.failed.len(), report.manifests, report.not_yet_listed.len()), (1, 3, 0));
    for file in ["manifests/2026/2026-11-24.jsonl", "manifests/2026/2026-11-24.jsonl.sig"] {
        let mode = fs::metadata(town.root().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o440, "{file}");
    }
    let key = fs::metadata(town.folder.join("keys/archive.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn openssl_alone_verifies_a_manifest() {
    if Command::new("openssl").arg("version").output().is_err() {
        return leave_out("openssl is not installed");
    }
    let mut town = Town::new("openssl");
    town.makes(MIDNIGHT + HOUR).await;
    let folder = town.root().join("manifests");
    let openssl = |words: &[&str]| Command::new("openssl").current_dir(&folder).args(words).output().unwrap();
    let file = "2026/2026-11-23.jsonl";
    let words = ["pkeyutl", "-verify", "-pubin", "-inkey", "archive.pub", "-rawin", "-in", file, "-sigfile"];
    let verify = |signature: &str| openssl(&[&words[..], &[signature]].concat());
    let told = verify("2026/2026-11-23.jsonl.sig");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut signature = fs::read(folder.join("2026/2026-11-23.jsonl.sig")).unwrap();
    assert_eq!(signature.len(), 64);
    signature[7] ^= 1;
    fs::write(folder.join("wrong"), signature).unwrap();
    assert!(!verify("wrong").status.success());
    // The private key is one that openssl can use as well, should this program be gone.
    let key = town.folder.join("keys/archive.pem").display().to_string();
    let public = openssl(&["pkey", "-in", &key, "-pubout"]);
    assert_eq!(public.stdout, fs::read(folder.join("archive.pub")).unwrap());
}

#[tokio::test]
async fn days_without_a_server_get_their_manifests_at_the_next_start() {
    let mut town = Town::new("away");
    town.makes(MIDNIGHT + HOUR).await;
    town.record(1, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    let mut town = town.restart().await;
    let made = town.makes(MIDNIGHT + 4 * DAY + HOUR).await;
    assert_eq!(days(&made), ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"]);
    let counts = ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"].map(|day| listed(&town, day).len());
    assert_eq!(counts, [1, 0, 0, 0]);
    assert_eq!(town.verify(&Scope::Everything).faults, []);
}

/// What a crash leaves at each step, and that the next start goes on from there.
#[tokio::test]
async fn a_crash_between_two_steps_is_made_good() {
    let mut town = Town::new("steps");
    town.makes(MIDNIGHT + HOUR).await;
    town.record(1, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    town.fail(9, MIDNIGHT + HOUR, "slow").await;
    town.makes(MIDNIGHT + DAY + HOUR).await;
    let path = town.root().join("manifests/2026/2026-11-24.jsonl");
    let signature = town.root().join("manifests/2026/2026-11-24.jsonl.sig");
    let (whole, signed) = (fs::read(&path).unwrap(), fs::read(&signature).unwrap());

    // Half a manifest aside, none in its place; then a manifest without a signature, and half of one aside.
    fs::write(town.root().join("manifests/2026/2026-11-25.jsonl.new"), &whole[..20]).unwrap();
    fs::remove_file(&signature).unwrap();
    fs::write(town.root().join("manifests/2026/2026-11-24.jsonl.sig.new"), &signed[..20]).unwrap();
    let mut town = town.restart().await;
    assert_eq!(days(&town.makes(MIDNIGHT + 2 * DAY + HOUR).await), ["2026-11-25"]);
    assert_eq!((fs::read(&path).unwrap(), fs::read(&signature).unwrap()), (whole, signed), "the same bytes");
    assert_eq!(listed(&town, "2026-11-25"), [], "nothing is listed twice");
    assert_eq!(town.verify(&Scope::Everything).faults, []);

    // The manifest is there, and the journal was never told.
    town.record(2, "2026/11/26", MIDNIGHT + 2 * DAY + 2 * HOUR).await;
    town.set(MIDNIGHT + 3 * DAY + HOUR);
    town.journal.close();
    let refused = town.round().await;
    assert!(refused.is_err(), "{refused:?}");
    let mut town = town.restart().await;
    town.makes(MIDNIGHT + 4 * DAY + HOUR).await;
    let counts = ["2026-11-26", "2026-11-27"].map(|day| listed(&town, day).len());
    assert_eq!(counts, [1, 0]);
    assert_eq!(town.verify(&Scope::Everything).faults, []);
}

/// A database that is gone is made anew from the journal, which knows what was listed.
#[tokio::test]
async fn a_database_made_anew_lists_nothing_twice() {
    let mut town = Town::new("anew");
    town.makes(MIDNIGHT + HOUR).await;
    town.record(1, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    town.makes(MIDNIGHT + DAY + HOUR).await;
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(town.folder.join(&format!("hotline.sqlite{end}")));
    }
    let mut town = town.restart().await;
    town.makes(MIDNIGHT + 2 * DAY + HOUR).await;
    assert_eq!(listed(&town, "2026-11-25"), []);
}

#[tokio::test]
async fn a_lost_or_strange_key_stops_the_making_and_is_never_replaced() {
    let mut town = Town::new("key");
    town.makes(MIDNIGHT + HOUR).await;
    let key = town.folder.join("keys/archive.pem");
    let whole = fs::read(&key).unwrap();
    let other = Town::new("other-key");
    let mut other = other;
    other.makes(MIDNIGHT + HOUR).await;
    for wrong in [None, Some(&b"no key"[..]), Some(&fs::read(other.folder.join("keys/archive.pem")).unwrap())] {
        match wrong {
            None => fs::remove_file(&key).unwrap(),
            Some(bytes) => overwrite(&key, bytes),
        }
        town = town.restart().await;
        town.set(MIDNIGHT + DAY + HOUR);
        let refused = town.round().await.unwrap_err().to_string();
        assert!(refused.contains("archive.pem"), "{refused}");
        assert_eq!(fs::read(&key).ok().as_deref(), wrong);
    }
    overwrite(&key, &whole);
    assert_eq!(days(&town.makes(MIDNIGHT + DAY + HOUR).await), ["2026-11-24"]);
}

/// A row of the database from before there were sums of single files: its side-car tells them.
#[tokio::test]
async fn an_older_recording_is_listed_by_its_side_car() {
    let mut town = Town::new("older");
    let sealed = super::town::put(&town.root(), 1, "2026/11/22", MIDNIGHT - DAY);
    let mut row = serde_json::to_value(&sealed).unwrap();
    ["sm3", "sealed_at", "files"].iter().for_each(|field| drop(row.as_object_mut().unwrap().remove(*field).unwrap()));
    town.tell(Entry::Sealed(Box::new(serde_json::from_value(row).unwrap()))).await;
    let lost = hotline::archive::Sealed { files: Vec::new(), ..facts::sealed_recording(7) };
    let lost = hotline::archive::Sealed { ended: sealed.ended, sealed_at: None, ..lost };
    town.tell(Entry::Sealed(Box::new(lost))).await;
    assert_eq!(days(&town.makes(MIDNIGHT + HOUR).await), ["2026-11-23"]);
    let lines = listed(&town, "2026-11-23");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>(), ["call.wav", "call.json"]);
    let report = town.verify(&Scope::Day("2026-11-23".parse().unwrap()));
    assert!(report.failed[0].error.contains("its side-car cannot be read"), "{report:?}");
}

/// Each night the day's calls, tickets and recordings are compared (R65, R110).
#[tokio::test]
async fn a_night_that_finds_a_call_without_a_recording_raises_an_alarm() {
    let mut town = Town::new("reconciled");
    town.makes(MIDNIGHT + HOUR).await;
    town.tell(facts::closed(1)).await;
    town.tell(facts::sealed(1)).await;
    let stands = |town: &Town| town.maker.alarms.standing().iter().any(|alarm| alarm.name == "reconciliation");
    town.tell(facts::closed(2)).await;
    town.makes(MIDNIGHT + DAY + HOUR).await;
    assert!(stands(&town), "call 2 has neither a recording nor a failure");
    town.makes(MIDNIGHT + 2 * DAY + HOUR).await;
    assert!(!stands(&town), "the next day fits");
}

#[tokio::test]
async fn a_day_with_more_than_one_manifest_holds_has_several() {
    let mut town = Town::new("many");
    town.makes(MIDNIGHT + HOUR).await;
    for n in 1..=5 {
        town.record(n, "2026/11/24", MIDNIGHT + 2 * HOUR).await;
    }
    town.maker.most = 2;
    assert_eq!(days(&town.makes(MIDNIGHT + DAY + HOUR).await), ["2026-11-24", "2026-11-24-2", "2026-11-24-3"]);
    let counts = ["2026-11-24", "2026-11-24-2", "2026-11-24-3"].map(|name| listed(&town, name).len());
    assert_eq!(counts, [2, 2, 1]);
    for scope in [Scope::Everything, Scope::Day("2026-11-24".parse().unwrap())] {
        let report = town.verify(&scope);
        assert_eq!((report.faults, report.recordings), (vec![], 5));
    }
}
