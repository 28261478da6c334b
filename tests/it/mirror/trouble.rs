//! Bad days of a mirror.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn alarm(house: &House, subject: &str) -> Option<String> {
    let standing = house.server.office.alarms.standing();
    let found = standing.into_iter().find(|alarm| alarm.name == "mirror" && alarm.subject == subject);
    found.map(|alarm| alarm.detail.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_away_stops_no_call_is_told_and_gets_everything_when_it_is_back() {
    let (files, copy) = mirrored("mirror-away", "alarm_after_s = 1");
    fs::remove_dir(&copy).unwrap();
    let house = with_a_call(files).await;
    house.settle(|| alarm(&house, "second").is_some()).await;
    let told = alarm(&house, "second").unwrap();
    assert!(told.contains("1 recordings") && told.contains("No such file"), "{told}");
    let page = house.get("/metrics").text;
    assert!(page.contains("hotline_mirror_waiting{mirror=\"second\"} 1"), "{page}");
    let samples = crate::api::house::samples(&page);
    assert!(samples["hotline_mirror_lag_bytes{mirror=\"second\"}"] > 16_000.0);
    let row = house.get("/api/mirrors").json()["rows"][0].clone();
    assert!(row["failing"].as_str().unwrap().contains("No such file"), "{row}");
    // Calls go on.
    house.record(facts::answered(2)).await;

    fs::create_dir(&copy).unwrap();
    house.settle(|| status(&house.server).waiting == 0 && alarm(&house, "second").is_none()).await;
    assert_eq!(fs::read(copy.join("recordings/2026/11/24/0000000000000001/call.wav")).ok(), house.recording);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_disk_in_its_place_gets_nothing() {
    let (files, copy) = mirrored("mirror-unmounted", "");
    let house = with_a_call(files).await;
    copied(&house).await;
    // The disk is no more mounted; its mount point is there.
    let elsewhere = copy.with_file_name("elsewhere");
    fs::rename(&copy, &elsewhere).unwrap();
    fs::create_dir(&copy).unwrap();
    house.settle(|| alarm(&house, "second").is_some_and(|told| told.contains("is the disk mounted?"))).await;
    assert_eq!(all_of(&copy).len(), 0);
    fs::remove_dir(&copy).unwrap();
    fs::rename(&elsewhere, &copy).unwrap();
    house.settle(|| alarm(&house, "second").is_none()).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_after_its_seal_is_named_and_not_copied_and_the_others_are() {
    let (files, copy) = mirrored("mirror-changed", "");
    // A side-car that knows another sum, of a call beside it.
    let other = CallId(7);
    let house = House::run_spoilt(files, CALL, other, |folder| {
        let path = folder.join("call.wav");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(path, bytes).unwrap();
    })
    .await;
    let subject = format!("second/{other}");
    house
        .settle(|| {
            let sent = copy.join(format!("recordings/2026/11/24/{CALL}/call.json")).exists();
            // What the status says is told behind the deed.
            alarm(&house, &subject).is_some() && sent && !status(&house.server).refused.is_empty()
        })
        .await;
    let told = alarm(&house, &subject).unwrap();
    assert!(told.contains("call.wav is not as it was sealed"), "{told}");
    let status = status(&house.server);
    assert!(status.refused.len() == 1 && status.refused[0].contains(&other.to_string()), "{status:?}");
    assert!(copy.join(format!("recordings/2026/11/24/{CALL}/call.json")).exists());
    assert!(!copy.join(format!("recordings/2026/11/24/{other}/call.json")).exists());
    assert!(!copy.join(format!("recordings/2026/11/24/{other}/call.wav")).exists());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_over_and_a_lost_ledger_sends_nothing_again() {
    let (files, copy) = mirrored("mirror-ledger", "");
    let house = with_a_call(files).await;
    copied(&house).await;
    let options = house.server.office.options.as_ref().clone();
    let files = house.stop_and_give_files().await;
    // A copy that is torn off, as of an older program's; and the ledger is lost.
    let wav = copy.join(format!("recordings/2026/11/24/{CALL}/call.wav"));
    let half = copy.join(format!("recordings/2026/11/24/{CALL}/call.wav.half"));
    fs::write(&half, "half").unwrap();
    fs::remove_file(options.data.join("mirror/second/2026-11-24")).unwrap();
    let before = fs::metadata(&wav).unwrap().modified().unwrap();
    let house = House::run(files, None).await;
    copied(&house).await;
    assert_eq!(fs::metadata(&wav).unwrap().modified().unwrap(), before);
    let files = house.stop_and_give_files().await;

    // Other bytes under the same name: neither side gives way.
    fs::remove_file(options.data.join("mirror/second/2026-11-24")).unwrap();
    fs::remove_file(&wav).unwrap();
    fs::write(&wav, "somebody else's").unwrap();
    let house = House::run(files, None).await;
    house.settle(|| alarm(&house, &format!("second/{CALL}")).is_some()).await;
    let told = alarm(&house, &format!("second/{CALL}")).unwrap();
    assert!(told.contains("with other content"), "{told}");
    assert_eq!(fs::read(&wav).unwrap(), b"somebody else's");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_sets_go_and_recordings_stay() {
    let (files, copy) = mirrored("mirror-sets", "keep_sets = 2");
    let house = with_a_call(files).await;
    for call in 2..6 {
        house.record(facts::answered(call)).await;
        copied(&house).await;
    }
    let files = all_of(&copy);
    let count = |under: &str| files.keys().filter(|path| path.starts_with(under)).count();
    assert!((1..=2).contains(&count("sets")), "{:?}", files.keys());
    // Whatever the sets that stay are made of is there, and little else.
    let used: std::collections::BTreeSet<String> = files
        .iter()
        .filter(|(path, _)| path.starts_with("sets"))
        .flat_map(|(_, text)| {
            let set: serde_json::Value = serde_json::from_slice(text).unwrap();
            let lines = set["files"].as_array().unwrap().clone();
            lines.into_iter().map(|line| line["sha256"].as_str().unwrap().to_owned())
        })
        .collect();
    assert!(used.iter().all(|sum| files.contains_key(&Path::new("objects").join(sum))), "{:?}", files.keys());
    assert_eq!(count("recordings/2026"), 2);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_left_as_whole_as_it_was() {
    let (files, copy) = mirrored("mirror-full-disk", "alarm_after_s = 1");
    let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&copy).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        return facts::leave_out("a full disk is a small tmpfs, which only root may mount");
    }
    let house = with_a_call(files).await;
    house.settle(|| alarm(&house, "second").is_some_and(|told| told.contains("No space left"))).await;
    let halves = all_of(&copy).into_keys().filter(|path| path.to_string_lossy().ends_with(".half")).count();
    assert!(halves <= 1, "{halves}");
    let bigger = std::process::Command::new("mount").args(["-o", "remount,size=16m"]).arg(&copy).status().unwrap();
    assert!(bigger.success());
    house.settle(|| status(&house.server).waiting == 0 && alarm(&house, "second").is_none()).await;
    house.stop().await;
    std::process::Command::new("umount").arg(&copy).status().unwrap();
}

/// A store that answers every request so.
fn store_that_says(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 65_536];
            let count = stream.read(&mut asked).unwrap_or(0);
            let body = if asked[..count].starts_with(b"HEAD") { "" } else { body };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(head.as_bytes());
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_says_no_is_quoted_at_once() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let wrong = store_that_says("403 Forbidden", "<Error><Code>InvalidAccessKeyId</Code></Error>");
    let ill = store_that_says("503 Slow Down", "<Error><Code>SlowDown</Code></Error>");
    for (name, endpoint, file, said) in [
        ("wrong", wrong.as_str(), "access_key_id = \"a\"\nsecret_access_key = \"sesame\"\n", "403"),
        ("ill", ill.as_str(), "access_key_id = \"a\"\nsecret_access_key = \"sesame\"\n", "503"),
        ("nobody", nobody.as_str(), "access_key_id = \"a\"\nsecret_access_key = \"sesame\"\n", "refused"),
        ("torn", wrong.as_str(), "access_key_id = \"a\"\nsecret_access_key = sesame\n", "s3.toml"),
        ("none", wrong.as_str(), "", "s3.toml"),
    ] {
        let files = House::prepare(&format!("mirror-{name}"));
        let path = files.options().data.with_file_name("s3.toml");
        if !file.is_empty() {
            fs::write(&path, file).unwrap();
        }
        let rows = "bucket = \"hotline\"\nallow_http = true\nalarm_after_s = 1";
        mirror(&files, &format!("endpoint = \"{endpoint}\"\n{rows}\ncredentials_file = \"{}\"", path.display()));
        let house = with_a_call(files).await;
        house.settle(|| alarm(&house, "second").is_some()).await;
        let told = alarm(&house, "second").unwrap();
        assert!(told.contains(said) && !told.contains("sesame"), "{name}: {told}");
        house.stop().await;
    }
}
