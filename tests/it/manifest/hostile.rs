//! What a verifier reads may be anything: it names it, and neither panics nor leaves the folder.

use std::fs;
use std::os::unix::fs::symlink;

use hotline::archive::manifest::verify::{Scope, What};
use hotline::archive::manifest::{self, Read, Unreadable};

use super::town::overwrite;
use super::verified::archive;

#[tokio::test]
async fn hostile_manifests_are_named() {
    let town = archive("hostile").await;
    let path = town.root().join("manifests/2026/2026-11-25.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let line = whole.lines().nth(1).unwrap();
    let call = line.split("\"path\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let at = |other: &str| whole.replace(&format!("\"path\":\"{call}\""), &format!("\"path\":\"{other}\""));
    let file = |other: &str| whole.replacen("\"file\":\"call.wav\"", &format!("\"file\":\"{other}\""), 1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (what, text) in [
        ("empty", String::new()),
        ("no newline", whole.trim_end().to_owned()),
        ("one newline", "\n".to_owned()),
        ("torn", whole[..whole.len() / 2].to_owned()),
        ("a huge line", format!("{}\n", "x".repeat(2 << 20))),
        ("deep", format!("{deep}\n{deep}\n")),
        ("head twice", format!("{}\n{whole}", whole.lines().next().unwrap())),
        ("recordings less", whole.replace("\"recordings\":1", "\"recordings\":0")),
        ("another format", whole.replace("\"format\":1", "\"format\":2")),
        ("no day", whole.replace("\"day\":\"2026-11-25\"", "\"day\":\"2026-11-31\"")),
        ("number 0", whole.replace("\"number\":3", "\"number\":0")),
        ("greatest number", whole.replace("\"number\":3", "\"number\":18446744073709551615")),
        ("too great a number", whole.replace("\"number\":3", "\"number\":99999999999999999999999")),
        ("out of the folder", at("../../../etc/passwd")),
        ("absolute", at("/etc")),
        ("dots within", at("2026/11/25/..")),
        ("NUL", at("2026/11/25/\\u0000000000000003")),
        ("a file elsewhere", file("../../../../etc/passwd")),
        ("a file with NUL", file("call\\u0000.wav")),
        ("a live file", file("call.wav.part")),
        ("more bytes than there are", whole.replace("\"bytes\":70000", "\"bytes\":18446744073709551615")),
        ("fewer than none", whole.replace("\"bytes\":70000", "\"bytes\":-1")),
    ] {
        assert_ne!(text, whole, "{what}");
        overwrite(&path, text.as_bytes());
        for scope in [Scope::Everything, Scope::Day("2026-11-25".parse().unwrap()), Scope::Recording(call.clone())] {
            let report = town.verify(&scope);
            assert!(report.faults.iter().any(|fault| fault.path.contains("2026-11-25.jsonl")), "{what}: {report:?}");
        }
    }
    overwrite(&path, &[0xff, 0xfe, b'\n']);
    assert!(!town.verify(&Scope::Everything).faults.is_empty());
    assert!(town.manifests().last().is_err(), "the chain does not go on behind one that nobody can read");
}

#[tokio::test]
async fn links_and_pipes_among_the_manifests_are_not_followed() {
    for kind in ["link", "pipe", "folder"] {
        let town = archive("links").await;
        let path = town.root().join("manifests/2026/2026-11-25.jsonl");
        fs::rename(&path, town.folder.join("moved")).unwrap();
        match kind {
            "link" => symlink(town.folder.join("moved"), &path).unwrap(),
            "pipe" => assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success()),
            _ => fs::create_dir(&path).unwrap(),
        }
        let report = town.verify(&Scope::Everything);
        let named = |fault: &&hotline::archive::manifest::verify::Fault| {
            fault.what == What::Unreadable && fault.path == "manifests/2026/2026-11-25.jsonl"
        };
        assert!(report.faults.iter().any(|fault| named(&fault)), "{kind}: {report:?}");
    }
}

/// Any bit of a manifest may be another: it is read or refused, and never taken for what was signed.
#[tokio::test]
async fn each_flipped_bit_of_a_manifest_is_seen() {
    let town = archive("bits").await;
    let name = town.manifests().names().unwrap().0[2];
    let (whole, signature) =
        (town.manifests().read(name).unwrap(), town.manifests().read_signature(name).unwrap().unwrap());
    let public = town.public();
    assert!(public.has_signed(&whole, &signature));
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        if let Ok(read) = manifest::read(&bytes) {
            read.lines.iter().for_each(|line| drop(Read::recording(line)));
        }
        if at % 37 == 0 {
            assert!(!public.has_signed(&bytes, &signature), "byte {at}");
        }
    }
    for at in 0..64 {
        let mut wrong = signature.clone();
        wrong[at] ^= 1;
        assert!(!public.has_signed(&whole, &wrong), "byte {at}");
    }
    assert!(!public.has_signed(&whole, &signature[..63]));
    assert_eq!(manifest::read(b"x\n").unwrap_err(), Unreadable::Line(1));
}
