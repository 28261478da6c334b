//! What a place must do, whichever it is: a folder, and a real S3 server (moto) where it is installed.

use std::process::{Child, Command, Stdio};

use hotline::config::mirror::{LockMode, S3Settings};
use hotline::mirror::restore::{Which, restore};
use hotline::mirror::{Fault, FolderTarget, Found, Pace, S3Target, Source, Target};
use jiff::civil::date;
use sha2::{Digest, Sha256};

use super::*;

/// `moto_server`, a process of its own.
struct Store {
    child: Child,
    endpoint: String,
    folder: facts::Folder,
}

impl Store {
    /// With a bucket `hotline` that has Object Lock. None where moto is not installed.
    fn start() -> Option<Self> {
        let program = std::env::var("MOTO_SERVER").unwrap_or_else(|_| "moto_server".into());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            eprintln!("SKIPPED: no moto_server here (pip install 'moto[server,s3]'): no real S3 server was asked");
            return None;
        };
        let store = Self { child, endpoint: format!("http://127.0.0.1:{port}"), folder: facts::Folder::new("moto") };
        std::fs::write(store.credentials(), "access_key_id = \"test\"\nsecret_access_key = \"sesame\"\n").unwrap();
        facts::soon(|| {
            store.ask("PUT", "/hotline", &[("x-amz-bucket-object-lock-enabled", "true")]).is_some_and(|a| a.0 == 200)
        });
        Some(store)
    }

    fn credentials(&self) -> PathBuf {
        self.folder.join("s3.toml")
    }

    /// Plain HTTP, which moto takes without a signature: status and headers.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<(u16, Vec<(String, String)>)> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        // Its own credentials: moto takes whoever names any.
        let credentials =
            "AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        request = request.header("authorization", credentials);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let answer = agent.run(request.body(()).unwrap()).ok()?;
        let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Some((answer.status().as_u16(), headers))
    }

    fn settings(&self) -> S3Settings {
        S3Settings {
            endpoint: self.endpoint.clone(),
            bucket: "hotline".into(),
            prefix: "jdz/北".into(),
            region: "us-east-1".into(),
            credentials_file: Some(self.credentials()),
            path_style: true,
            allow_http: true,
            ca_file: None,
            object_lock: Some(LockMode::Compliance),
            object_lock_years: 3,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts these bytes, which are said to have this sum.
fn put(target: &mut dyn Target, key: &str, bytes: &[u8], sha256: &str) -> Result<(), Fault> {
    let folder = facts::Folder::new("mirror-put");
    let path = folder.join("file");
    fs::write(&path, bytes).unwrap();
    let mut pace = Pace::unbounded();
    let mut source = Source { path: &path, bytes: bytes.len() as u64, sha256, pace: &mut pace };
    target.put(key, &mut source, Some(date(2029, 11, 25)))
}

fn read(target: &mut dyn Target, key: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    target.read(key).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

use std::io::Read;

fn keeps_its_promises(target: &mut dyn Target) {
    // Nothing, little, and more than fits into one request.
    let large: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 251) as u8).collect();
    for (key, bytes) in [
        ("recordings/2026/11/24/0000000000000001/call.wav", &large[..]),
        ("recordings/2026/11/24/0000000000000001/call.json", b"{}"),
        ("objects/empty", b""),
    ] {
        assert_eq!(target.found(key).unwrap(), None, "{key}");
        put(target, key, bytes, &sum(bytes)).unwrap();
        let Found { bytes: len, sha256 } = target.found(key).unwrap().expect(key);
        assert!(len == bytes.len() as u64 && sha256.is_none_or(|said| said == sum(bytes)), "{key}");
        assert!(read(target, key) == bytes, "{key}");
    }
    // Never over what is there.
    let key = "recordings/2026/11/24/0000000000000001/call.json";
    assert!(matches!(put(target, key, b"[]", &sum(b"[]")), Err(Fault::Taken(_))));
    assert_eq!(read(target, key), b"{}");
    // What is not what it must be leaves nothing behind, in one request or in many.
    for bytes in [&b"{}"[..], &large] {
        let key = "recordings/2026/11/24/0000000000000002/call.wav";
        assert!(matches!(put(target, key, bytes, &sum(b"other")), Err(Fault::Changed(_))));
        assert_eq!(target.found(key).unwrap(), None);
    }
    assert_eq!(target.keys("objects/").unwrap(), ["objects/empty"]);
    assert_eq!(target.keys("recordings/").unwrap().len(), 2);
    assert!(target.keys("sets/").unwrap().is_empty());
    // Recordings are not removed, whatever is asked.
    assert!(target.remove(key).is_err());
    target.remove("objects/empty").unwrap();
    assert!(target.keys("objects/").unwrap().is_empty());
}

#[test]
fn a_folder_keeps_its_promises() {
    let (place, memory) = (facts::Folder::new("mirror-place"), facts::Folder::new("mirror-memory"));
    keeps_its_promises(&mut FolderTarget::open(&place.0, &memory.0).unwrap());
    assert!(all_of(&place.0).keys().all(|path| !path.to_string_lossy().ends_with(".half")));
}

#[test]
fn a_real_store_keeps_its_promises_and_lets_nobody_remove_what_is_locked() {
    let Some(store) = Store::start() else { return };
    keeps_its_promises(&mut S3Target::open(&store.settings()).unwrap());
    // Both ways to put one: in one request, and in many.
    for name in ["call.json", "call.wav"] {
        let path = format!("/hotline/jdz/%E5%8C%97/recordings/2026/11/24/0000000000000001/{name}");
        let (status, headers) = store.ask("HEAD", &path, &[]).unwrap();
        let said = |name: &str| headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        assert_eq!((status, said("x-amz-object-lock-mode")), (200, "COMPLIANCE"), "{name}: {headers:?}");
        let until = said("x-amz-object-lock-retain-until-date");
        assert!(until.starts_with("2029-11-24T16:00:00"), "{name}: {until}");
        let version = said("x-amz-version-id");
        let (status, _) = store.ask("DELETE", &format!("{path}?versionId={version}"), &[]).unwrap();
        assert_eq!(status, 403, "{name}");
        assert_eq!(store.ask("HEAD", &path, &[]).unwrap().0, 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotline_comes_back_from_a_real_store() {
    let Some(store) = tokio::task::spawn_blocking(Store::start).await.unwrap() else { return };
    let files = House::prepare("mirror-s3");
    let rows = "bucket = \"hotline\"\nprefix = \"jdz/北\"\nallow_http = true\nobject_lock = \"compliance\"";
    let credentials = store.credentials().display().to_string();
    mirror(&files, &format!("endpoint = \"{}\"\n{rows}\ncredentials_file = \"{credentials}\"", store.endpoint));
    let house = with_a_call(files).await;
    let audio = house.recording.clone();
    copied(&house).await;
    house.stop().await;
    let new = facts::Folder::new("mirror-s3-new");
    let to = new.0.clone();
    let settings = store.settings();
    let report = tokio::task::spawn_blocking(move || restore(&mut S3Target::open(&settings).unwrap(), &to, Which::All));
    let report = report.await.unwrap().unwrap();
    assert!(report.whole && report.totals.tickets == 1, "{report:?}");
    assert_eq!(fs::read(new.join("data/recordings/2026/11/24/0000000000000001/call.wav")).ok(), audio);
}
