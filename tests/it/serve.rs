//! The program itself, as an operator runs it: what it prints, which files it leaves, how its
//! threads rank, what a signal does to it.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::facts::Folder;
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

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
