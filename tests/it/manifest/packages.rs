//! A recording that is given out as a package: what is in it, and what is noticed of what was done to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotline::archive::Sealed;
use hotline::archive::manifest::key::{Key, PublicKey};
use hotline::archive::manifest::verify::{Kept, What};
use hotline::archive::package::verify::{Report, verify};
use hotline::archive::package::{Order, pack};
use hotline::archive::shelf::Shelf;
use hotline::archive::sums::{Sums, sha256};
use hotline::audio::wav::{Format, Layout, header};
use hotline::call::CallId;
use hotline::store::entry::Entry;
use hotline::time::Wall;
use serde_json::json;

use super::town::{DAY, HOUR, MIDNIGHT, Town};
use crate::facts::{self, leave_out};

const PURPOSE: &str = "信访 <7> & \"证据\"";

/// A second of both sides, and a private track of half of it, sealed in the town's folder.
async fn record(town: &Town, sealed_at: i64) -> Sealed {
    let path = PathBuf::from(format!("2026/11/24/{}", CallId(9)));
    let folder = town.root().join(&path);
    fs::create_dir_all(&folder).unwrap();
    let line = |file: &str, bytes: &[u8]| {
        fs::write(folder.join(file), bytes).unwrap();
        let sums = Sums::of(bytes);
        json!({ "file": file, "bytes": bytes.len(), "sha256": sums.sha256, "sm3": sums.sm3 })
    };
    let wav = |layout: Layout, frames: usize, code: u8| {
        [header(layout, frames as u64), vec![code; frames * layout.frame_bytes()]].concat()
    };
    let (call, private) = (wav(Format::Alaw.stereo(), 8_000, 0x55), wav(Format::Alaw.mono(), 4_000, 0x2a));
    let parts = [line("call.wav", &call), line("p2-private.wav", &private)];
    let sum = Sums::of(&[&call[..], &private[..]].concat());
    let seat = json!({ "role": "seat", "number": "1001", "name": "</script><b>甲", "joined": facts::MORNING.0, "left": null, "result": "joined" });
    let citizen = json!({ "role": "citizen", "number": "138****5678", "name": "", "joined": facts::MORNING.0, "left": null, "result": "joined" });
    let side_car = json!({
        "call": CallId(9).to_string(), "started": facts::MORNING.0, "started_local": "2026-11-24T08:00:00.000+08:00",
        "format": "alaw", "sample_rate": 8000, "meta": { "hotline": "12345", "seat": "1001", "trunk": "carrier" },
        "channels": ["", ""], "marks": [], "gaps": [], "gap_count": 0, "corrections": [],
        "participants": [citizen, seat],
        "tracks": [{ "participant": 2, "class": "private", "file": "p2-private.wav", "offset_ms": 100, "length_ms": 500,
                     "parts": [parts[1]] }],
        "seal": {
            "ended": facts::MORNING.0 + 1_000, "duration_ms": 1_000, "bytes": call.len() + private.len(),
            "sha256": sum.sha256, "sm3": sum.sm3, "sealed_at": sealed_at, "parts": [parts[0]], "verdict": "ok",
            "keep_until": "2029-11-25", "recovered": false,
        },
    });
    line("call.json", side_car.to_string().as_bytes());
    let sealed = Shelf::new(town.root()).sealed(&path).expect("as a seal leaves it");
    town.tell(Entry::Sealed(Box::new(sealed.clone()))).await;
    sealed
}

fn order(sealed: &Sealed, masters: bool, private: bool) -> Order {
    let (ticket, who, purpose) = (Some("JDZ-20261124-000001".into()), "dang".into(), PURPOSE.into());
    Order { sealed: sealed.clone(), ticket, masters, private, who, purpose, made: Wall(MIDNIGHT + 3 * DAY) }
}

fn packed(town: &Town, order: &Order) -> Vec<u8> {
    let key = Key::open(&hotline::app::manifest::key_file(&town.folder.0)).unwrap();
    let mut bytes = Vec::new();
    pack(&Shelf::new(town.root()), &town.root(), key, order).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn put(town: &Town, bytes: &[u8]) -> PathBuf {
    let path = town.folder.join("out.zip");
    fs::write(&path, bytes).unwrap();
    path
}

fn look(town: &Town, bytes: &[u8], key: Option<&PublicKey>) -> Report {
    verify(&put(town, bytes), key, None).unwrap()
}

/// Name and bytes of each file, read from its own head: they are stored as they are.
fn files(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number =
        |at: usize, len: usize| bytes[at..at + len].iter().rev().fold(0, |sum, byte| sum << 8 | *byte as usize);
    let directory = number(bytes.len() - 6, 4);
    let (mut at, mut found) = (directory, BTreeMap::new());
    while number(at, 4) == 0x0201_4b50 {
        let (length, name_len, offset) = (number(at + 20, 4), number(at + 28, 2), number(at + 42, 4));
        let name = String::from_utf8(bytes[at + 46..at + 46 + name_len].to_vec()).unwrap();
        let begin = offset + 30 + name_len;
        found.insert(name, bytes[begin..begin + length].to_vec());
        at += 46 + name_len;
    }
    found
}

async fn town(name: &str) -> (Town, Sealed) {
    let mut town = Town::new(name);
    town.makes(MIDNIGHT + HOUR).await;
    let sealed = record(&town, MIDNIGHT + 10 * HOUR).await;
    town.makes(MIDNIGHT + 3 * DAY + HOUR).await;
    (town, sealed)
}

#[tokio::test]
async fn a_package_proves_itself_and_holds_nothing_private_unasked() {
    let (town, sealed) = town("package").await;
    for (masters, private, expected) in [
        (false, false, &["recording/call.json"][..]),
        (true, false, &["recording/call.json", "recording/call.wav"]),
        (true, true, &["recording/call.json", "recording/call.wav", "recording/p2-private.wav"]),
    ] {
        let bytes = packed(&town, &order(&sealed, masters, private));
        let files = files(&bytes);
        let own: Vec<_> = files.keys().filter(|name| name.starts_with("recording/")).collect();
        assert_eq!(own, expected);
        for name in [
            "SHA256SUMS",
            "SHA256SUMS.sig",
            "archive.pub",
            "audio/mix.wav",
            "index.html",
            "metadata.json",
            "metadata.xml",
            "verify.txt",
            "manifests/2026-11-24.jsonl",
            "manifests/2026-11-24.jsonl.sig",
            "manifests/line.json",
            "manifests/chain.jsonl",
        ] {
            assert!(files.contains_key(name), "{name}");
        }
        let mix = hound::WavReader::new(&files["audio/mix.wav"][..]).unwrap().into_samples::<i16>();
        let loudest: Vec<i16> = mix.map(Result::unwrap).collect();
        // The private track begins at 100 ms.
        assert_eq!(loudest[100] == loudest[2_000], !private);
        for (key, given) in [(None, false), (Some(town.public()), true)] {
            let report = look(&town, &bytes, key.as_ref());
            assert_eq!((&report.faults[..], report.key_given), (&[][..], given));
            assert_eq!((report.call, report.manifest.as_deref()), (Some(CallId(9).to_string()), Some("2026-11-24")));
            assert_eq!((report.sealed_files, report.listed_files), (expected.len(), 3));
        }
    }
}

#[tokio::test]
async fn the_page_and_the_metadata_hold_what_others_wrote_as_text() {
    let (town, sealed) = town("package-page").await;
    let files = files(&packed(&town, &order(&sealed, false, false)));
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let page = text("index.html");
    assert!(page.contains("12345 热线通话录音，2026-11-24 08:00:00，工单 JDZ-20261124-000001"), "{page}");
    assert_eq!(page.matches("</script>").count(), 2, "no name ends a script");
    assert!(page.contains("\\u003c/script\\u003e\\u003cb\\u003e甲") && !page.contains("<b>"));
    assert!(!page.contains("http://") && !page.contains("https://") && page.contains("default-src 'none'"));
    assert!(page.contains("\"left_out\":[\"private\"]"), "it is said that something is not in it");
    let xml = text("metadata.xml");
    assert!(xml.contains("编号=\"M7\" 名称=\"题名\">12345 热线"), "{xml}");
    assert!(xml.contains("名称=\"档号\" 来源=\"由立档单位著录\"/>"), "what only the owner knows");
    assert!(xml.contains("信访 &lt;7&gt; &amp; &quot;证据&quot;") && xml.contains(">dang<"));
    let fields: serde_json::Value = serde_json::from_str(&text("metadata.json")).unwrap();
    let value = |name: &str| {
        let found = fields["fields"].as_array().unwrap().iter().find(|field| field["name"] == name);
        found.unwrap_or_else(|| panic!("{name}"))["value"].clone()
    };
    for (name, expected) in
        [("时间长度", json!("00:00:01.000")), ("音频编码标准", json!("G.711 A 律")), ("密级", json!(null))]
    {
        assert_eq!(value(name), expected, "{name}");
    }
    let line = text("manifests/line.json");
    assert!(text("manifests/2026-11-24.jsonl").contains(&line) && line.contains(&sealed.files[0].sha256));
    let all = ["index.html", "metadata.xml", "metadata.json", "recording/call.json"].map(text).concat();
    assert!(!all.contains("13800"), "numbers stay masked");
}

#[tokio::test]
async fn whatever_is_done_to_a_package_is_named() {
    let (town, sealed) = town("package-tampered").await;
    let bytes = packed(&town, &order(&sealed, true, false));
    let files = files(&bytes);
    // A bit in the middle of each file.
    for (name, content) in &files {
        let mut changed = bytes.clone();
        let at = bytes.windows(content.len()).position(|window| window == &content[..]).unwrap() + content.len() / 2;
        changed[at] ^= 1;
        let path = put(&town, &changed);
        let told = match verify(&path, Some(&town.public()), None) {
            Ok(report) => {
                report.faults.iter().any(|fault| fault.path.starts_with(name) || name.starts_with(&fault.path))
            }
            Err(_) => panic!("{name}: the rest is still looked at"),
        };
        assert!(told, "{name}");
    }
    // Cut off anywhere, or with something behind it, it is none.
    for length in [0, 21, 22, 4_000, bytes.len() / 2, bytes.len() - 1] {
        assert!(verify(&put(&town, &bytes[..length]), None, None).is_err(), "{length} bytes");
    }
    assert!(verify(&put(&town, &[&bytes[..], b"x"].concat()), None, None).is_err());
    // Another key, or one that was made for another package.
    let other = Key::open(&town.folder.join("other.pem")).unwrap().public();
    let report = look(&town, &bytes, Some(&other));
    let signatures = report.faults.iter().filter(|fault| fault.what == What::Signature).count();
    assert_eq!(signatures, 3, "the key itself, the sums, the manifest: {:?}", report.faults);
    // The heads that were kept elsewhere.
    let own = sha256(&files["manifests/2026-11-24.jsonl"]);
    let last = town.manifests().last().unwrap().unwrap().link;
    for (sha256, day, whole) in [
        (&own, "2026-11-24", true),
        (&last.sha256, "2026-11-26", true),
        (&own, "2026-11-25", false),
        (&"0".repeat(64), "2026-11-24", false),
    ] {
        let kept = Kept { sha256: sha256.clone(), day: Some(day.parse().unwrap()) };
        let report = verify(&put(&town, &bytes), None, Some(&kept)).unwrap();
        assert_eq!(report.faults.iter().all(|fault| fault.what != What::Head), whole, "{sha256}@{day}");
    }
}

/// No name and no number of the directory is trusted.
#[tokio::test]
async fn a_hostile_zip_is_refused_or_named() {
    let (town, sealed) = town("package-hostile").await;
    let bytes = packed(&town, &order(&sealed, false, false));
    let directory = bytes.len()
        - 22
        - bytes[bytes.len() - 10..bytes.len() - 6].iter().rev().fold(0, |sum, byte| sum << 8 | *byte as usize);
    for at in directory..bytes.len() {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let _ = verify(&put(&town, &changed), None, None);
        }
    }
    for bad in ["../../etc/pass", "/etc/passwds", "a\\..\\b.html", "./ndex.html", "a//dex.html", "a\0\0dex.html"] {
        let (from, to) = (b"index.html", bad.as_bytes());
        let mut changed = bytes.clone();
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, window)| window == from).map(|(at, _)| at).collect();
        for at in places {
            let end = (at + to.len()).min(at + from.len());
            changed[at..end].copy_from_slice(&to[..end - at]);
        }
        let told = verify(&put(&town, &changed), None, None).map_or(true, |report| !report.faults.is_empty());
        assert!(told, "{bad}");
    }
}

#[tokio::test]
async fn a_stranger_verifies_a_package_with_common_tools() {
    let (town, sealed) = town("package-stranger").await;
    let there = |tool: &str, word: &str| Command::new(tool).arg(word).output().is_ok();
    if !(there("openssl", "version") && there("sha256sum", "--version")) {
        return leave_out("openssl or sha256sum is not installed");
    }
    let bytes = packed(&town, &order(&sealed, true, false));
    let folder = town.folder.join("unpacked");
    for (name, content) in files(&bytes) {
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let told = fs::read_to_string(folder.join("verify.txt")).unwrap();
    let commands: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let run = |at: &Path| {
        let done = |command: &&str| Command::new("sh").current_dir(at).args(["-c", command]).output().unwrap();
        commands
            .iter()
            .filter(|line| !line.starts_with("hotline "))
            .map(|line| done(line).status.success())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(&folder), [true; 6], "each line of verify.txt");
    let call = folder.join("recording/call.wav");
    let mut changed = fs::read(&call).unwrap();
    changed[100] ^= 1;
    fs::write(&call, changed).unwrap();
    assert!(!run(&folder)[0], "sha256sum names it");
}

#[tokio::test]
async fn a_recording_of_today_has_a_package_without_a_manifest() {
    let mut town = Town::new("package-young");
    town.makes(MIDNIGHT + HOUR).await;
    let sealed = record(&town, MIDNIGHT + 10 * HOUR).await;
    let report = look(&town, &packed(&town, &order(&sealed, true, false)), None);
    assert_eq!((report.faults.len(), report.manifest, report.call), (0, None, None));
}
