//! The program itself, as an operator runs it: what it prints, which files it leaves, how its
//! threads rank, what a signal does to it.

mod program;

use std::fs;
use std::path::Path;

use crate::facts::Folder;
use program::Program;

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
