//! No path in the program removes, shortens, renames or writes over a sealed recording: every line of it
//! that could do such a thing to any file is known, with its reason.

use std::fs;
use std::path::{Path, PathBuf};

/// What can destroy a file that is there. Opening one for writing is such a thing too, unless it is made new.
const DEEDS: [&str; 10] = [
    "remove_file",
    "remove_dir",
    "unlink",
    "truncate(true)",
    "set_len(",
    "rename(",
    "hard_link",
    "fs::write(",
    "fs::copy(",
    "File::create(",
];

/// File, what stands in the line, and to what it is done.
const KNOWN: [(&str, &str, &str); 26] = [
    ("app/manifest/outside.rs", "fs::write(&taken, sha256)", "which head was taken elsewhere"),
    ("whole.rs", "truncate(true)", "new secrets, accounts, merged numbers, phones or archive's clock, beside the old"),
    ("whole.rs", "fs::rename(&aside, path)", "the secrets, accounts, merged numbers, phones, archive's clock"),
    ("app/trace/ring.rs", "open.file.set_len(open.written)", "a segment of the trace"),
    ("app/trace/ring.rs", "fs::remove_file(oldest)", "the oldest segment of the trace"),
    ("app/trace/ring.rs", "fs::remove_file(&path)", "a segment of the trace that could not be begun"),
    ("archive/destroy.rs", "fs::remove_file(file)", "a recording for which two people have signed: see below"),
    ("archive/keys.rs", "truncate(true)", "a recording's key that is being wrapped, beside its place"),
    ("archive/keys.rs", "fs::rename(&aside, folder.join(KEY_FILE))", "the same key, wrapped anew, in place of the old"),
    ("archive/lock.rs", "truncate(false)", "the lock of the recordings folder"),
    ("archive/lock.rs", "file.set_len(0)", "the lock of the recordings folder"),
    ("archive/manifest/key.rs", "truncate(true)", "a manifest, signature or key that is being made, beside its place"),
    ("archive/manifest/key.rs", "fs::rename(&aside, path)", "the same gets its name, which nothing has"),
    ("archive/pages.rs", "file.set_len(end * PAGE as u64)", "a part that a crash cut off"),
    ("archive/pages.rs", "file.set_len(number * PAGE as u64)", "a part that a crash cut off"),
    (
        "archive/seal.rs",
        "OpenOptions::new().read(true).write(writes).open(&path)",
        "an encrypted part, never a sealed file",
    ),
    ("archive/seal.rs", "fn rename(from: &Path, to: &Path)", "never over another file"),
    (
        "archive/seal.rs",
        "(true | false, false) => fs::rename(from, to)",
        "a part gets its sealed name, which nothing has",
    ),
    ("archive/seal.rs", "rename(&self.folder.join(format!(\"{name}.part\"))", "the same, of a part"),
    ("archive/seal.rs", "rename(&live, &self.folder.join(SIDE_CAR))", "the same, of the live side-car"),
    ("archive/sidecar.rs", "truncate(false)", "the live side-car, call.json.part"),
    ("archive/sidecar.rs", "file.set_len(text.len() as u64)", "the live side-car, call.json.part"),
    ("archive/sweep.rs", "OpenOptions::new().read(true).write(is_cut_off).open(&path)", "a part that a crash cut off"),
    ("archive/sweep.rs", "file.set_len(repair.file_len)", "a part that a crash cut off"),
    ("commands/demo/house.rs", "fs::write(path, text)", "the demo's own configuration"),
    ("commands/recordings.rs", "fs::remove_file(out)", "a copy that could not be written to its end"),
];

/// Files of the accounts, of the audit log, of the journal, of second copies, and of the API's address.
const ELSEWHERE: [(&str, &str, &str); 19] = [
    ("audit/log.rs", "options.read(true).write(true)", "the audit log's month, written to at its end only"),
    ("audit/log.rs", "OpenOptions::new().write(true).open(path)", "the torn or refused end of the audit log"),
    ("audit/log.rs", "file.set_len(length)", "the torn or refused end of the audit log"),
    ("mirror/folder.rs", "fs::remove_file(half)", "the half copy of an earlier try, at the other place"),
    ("mirror/folder.rs", "fs::remove_file(&half)", "a half copy, at the other place"),
    ("mirror/folder.rs", "fs::rename(&half, &path)", "a whole copy gets its name, which nothing has"),
    ("mirror/folder.rs", "fs::remove_file(&object)", "an old set, or what it alone was made of, at the other place"),
    ("mirror/restore.rs", "fs::rename(&from, to.join(part))", "a set that was brought whole, in a folder made for it"),
    ("mirror/restore.rs", "fs::remove_dir_all(&aside).map", "the empty folder that a set was brought to"),
    ("mirror/restore.rs", "fs::remove_dir_all(&aside).or_else", "a set that was not whole, in a folder made for it"),
    ("mirror/set.rs", "fs::write(&path, text)", "the list of a set, in the scratch folder"),
    ("mirror/set.rs", "File::create(&copy)", "a copy of a growing file, in the scratch folder"),
    ("mirror/set.rs", "fs::remove_dir_all(scratch)", "the scratch folder"),
    ("commands/mirror.rs", "remove_dir_all(&folder)", "what a drill has brought, in a folder made for it"),
    ("store/journal/segments.rs", "fs::remove_file(&path)", "a segment of the journal that the database has followed"),
    ("store/journal/writer.rs", "segment.file.set_len(segment.length)", "the torn end of the journal's segment"),
    ("store/journal/writer.rs", "fs::remove_file(&path)", "a segment of the journal that could not be begun"),
    ("web.rs", "fs::write(&path", "http.addr"),
    ("web.rs", "fs::remove_file(self.address_file)", "http.addr"),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn every_line_that_could_destroy_a_file_has_its_reason() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut used = Vec::new();
    for path in sources(&source).iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let file = path.strip_prefix(&source).unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        // What follows is no part of the program.
        let program = text.split("#[cfg(test)]").next().unwrap();
        for line in program.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let writes = line.contains(".write(true)") || line.contains(".write(") && line.contains("open(");
            let opens = writes && !line.contains("create_new(true)");
            if !opens && !DEEDS.iter().any(|deed| line.contains(deed)) {
                continue;
            }
            let mut all = KNOWN.iter().chain(&ELSEWHERE);
            let known = all.find(|(of, what, _)| *of == file && line.contains(what));
            used.push(known.unwrap_or_else(|| panic!("{file}: `{}` could destroy a file; what?", line.trim())));
        }
    }
    for known in KNOWN.iter().chain(&ELSEWHERE) {
        assert!(used.contains(&known), "{}: `{}` is no more; strike it off", known.0, known.1);
    }
}

/// R70: a file of a recording is removed in one place, which asks for a warrant; a warrant comes from one
/// function, which asks for the approval of two, and one place of the program asks it.
#[test]
fn recordings_are_removed_in_one_place_and_by_warrant_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let naming = |what: &str| -> Vec<(String, usize)> {
        let files = sources(&source).into_iter().filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let count = lines.filter(|line| line.contains(what)).count();
            let name = path.strip_prefix(&source).unwrap().display().to_string();
            (count > 0).then_some((name, count))
        });
        files.collect()
    };
    let one = |file: &str, count: usize| vec![(file.to_owned(), count)];
    let text = fs::read_to_string(source.join("archive/destroy.rs")).unwrap();
    assert!(text.contains("pub fn destroy(root: &Path, tombstone: &Tombstone, _warrant: Warrant)"));
    assert_eq!(naming("Warrant(())"), one("rules/destruction.rs", 1), "made by `judge` alone");
    assert_eq!(naming("destroy::destroy("), one("app/keeper/batch.rs", 1));
    assert_eq!(naming("destroy::finish("), one("app/keeper/batch.rs", 1), "where a tombstone lies already");
    assert_eq!(naming("judge(&batch.approval()"), one("app/keeper/batch.rs", 1));
    let mut knowing: Vec<_> = naming("Warrant").into_iter().map(|(file, _)| file).collect();
    knowing.sort();
    assert_eq!(knowing, ["app/keeper/batch.rs", "archive/destroy.rs", "rules/destruction.rs"]);
    let in_archive = naming("remove_file(").into_iter().filter(|(file, _)| file.starts_with("archive/"));
    assert_eq!(in_archive.collect::<Vec<_>>(), one("archive/destroy.rs", 1));
}
