//! Holds the line between the pure machines and their shell (ARCHITECTURE.md).

use std::fs;
use std::path::{Path, PathBuf};

const PURE: [&str; 9] = ["rules", "sip", "call", "audio", "exchange", "time", "privacy", "words", "hex"];

/// What no pure file may name.
const FORBIDDEN: [&str; 12] = [
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::io",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "::now(",
    "tokio",
    "getrandom",
    "Mutex",
];

/// Outside crates that only one place of `src/` may name (design: one front door per crate).
const FRONT_DOORS: [(&str, &str); 17] = [
    ("rsip::", "src/sip/message.rs"),
    ("sdp_types", "src/sip/sdp"),
    ("encoding_rs", "src/sip/"),
    ("use opus::", "src/audio/opus.rs"),
    ("rtp_rs", "src/media/rtp.rs"),
    ("rtcp_types", "src/media/rtcp.rs"),
    ("WavReader", "src/media/prompt.rs"),
    ("sm3::", "src/archive/"),
    ("ed25519_dalek", "src/archive/manifest/key.rs"),
    ("sqlx::", "src/store/"),
    ("axum::", "src/web"),
    ("argon2::", "src/accounts/password.rs"),
    ("hmac::", "src/accounts/totp.rs"),
    ("hickory_resolver::", "src/net/resolve.rs"),
    ("object_store::", "src/mirror/s3"),
    ("rustls::", "src/mirror/s3/transport.rs"),
    ("http_body::", "src/mirror/s3/transport.rs"),
];

#[test]
fn pure_files_name_no_io() {
    for file in sources("src").into_iter().filter(|file| is_pure(file)) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in FORBIDDEN {
                assert!(!line.contains(word), "{}:{}: a pure file names `{word}`", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn the_pure_folders_know_only_their_neighbours() {
    let knows = |folder: &str, word: &str| {
        sources("src").into_iter().filter(|file| part(file) == folder).find(|file| {
            fs::read_to_string(file)
                .unwrap()
                .lines()
                .any(|line| line.contains(word) && !line.trim_start().starts_with("//"))
        })
    };
    for (folder, stranger) in [
        ("sip", "crate::call"),
        ("sip", "crate::rules"),
        ("call", "crate::sip"),
        ("rules", "crate::sip"),
        ("rules", "crate::call"),
        ("audio", "crate::sip"),
        ("audio", "crate::call"),
    ] {
        assert_eq!(knows(folder, stranger), None, "{folder}/ knows {stranger}");
    }
}

#[test]
fn each_outside_crate_has_one_front_door() {
    for (name, door) in FRONT_DOORS {
        for file in sources("src").into_iter().filter(|file| !file.to_string_lossy().starts_with(door)) {
            let text = fs::read_to_string(&file).unwrap();
            let named = text.lines().any(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            assert!(!named, "{} names {name}, whose front door is {door}", file.display());
        }
    }
}

#[test]
fn the_architecture_names_every_folder() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for entry in fs::read_dir("src").unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(text.contains(&format!("{name}/")), "ARCHITECTURE.md does not name src/{name}/");
        }
    }
}

fn is_pure(file: &Path) -> bool {
    PURE.contains(&part(file).as_str())
}

/// `sip` for `src/sip.rs` and `src/sip/dialog.rs`.
fn part(file: &Path) -> String {
    let below = file.strip_prefix("src").unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

fn sources(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A lean tree: whoever adds a crate that brings twenty more should notice.
#[test]
fn the_tree_has_at_most_330_crates() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("Cargo.lock");
    let crates = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!((1..=330).contains(&crates), "{crates}");
}
