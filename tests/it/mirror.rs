//! The second copy: recordings, manifests and sets at another place, and a hotline made of them. R71.

mod places;
mod restored;
mod trouble;

use std::fs;
use std::path::{Path, PathBuf};

use hotline::app::{Options, Server};
use hotline::call::CallId;
use hotline::mirror::Status;

use crate::api::house::{Files, House};
use crate::facts;

const CALL: CallId = CallId(1);

/// A house with a mirror, and the folder in which its copy is made.
fn mirrored(name: &str, more: &str) -> (Files, PathBuf) {
    let files = House::prepare(name);
    let copy = files.options().data.with_file_name("copy");
    fs::create_dir_all(&copy).unwrap();
    mirror(&files, &format!("path = \"{}\"\n{more}", copy.display()));
    (files, copy)
}

/// Adds a `[[mirror]]` by the name of `second`.
fn mirror(files: &Files, rows: &str) {
    let row = format!("[[mirror]]\nname = \"second\"\nset_every_s = 1\n{rows}\n\n[[listen]]\nname = \"local\"\n");
    files.edit("sip-configs/server.toml", "[[listen]]\nname = \"local\"\n", &row);
}

/// With one answered call, closed, and its recording.
async fn with_a_call(files: Files) -> House {
    let house = House::run_with_recording(files, CALL).await;
    house.record(facts::answered(CALL.0)).await;
    house.record(facts::closed(CALL.0)).await;
    house
}

fn status(server: &Server) -> Status {
    server.office.mirrors[0].get()
}

/// Until the place has all that the server has now.
async fn copied(house: &House) {
    let now = house.server.office.clock.wall();
    house
        .settle(|| {
            let status = status(&house.server);
            status.copied > 0 && status.waiting == 0 && status.last_set.is_some_and(|made| made > now)
        })
        .await;
}

/// Kept beyond the house, which is thrown away: as after a fire.
async fn burnt(house: House, copy: &Path) -> facts::Folder {
    let saved = facts::Folder::new("mirror-copy");
    fs::remove_dir(&saved.0).unwrap();
    fs::rename(copy, &saved.0).unwrap();
    house.stop().await;
    saved
}

fn options(restored: &Path) -> Options {
    Options { config: Some(restored.join("config")), data: restored.join("data"), recordings: None }
}

/// Every file below, by its path, with its content.
fn all_of(root: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (std::collections::BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
