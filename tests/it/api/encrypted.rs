//! A server whose recordings are encrypted.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hotline::app::{Server, StartError};
use hotline::archive::Settings;
use hotline::archive::cipher::Suite;
use hotline::archive::keys::{MasterKeys, rewrap};
use hotline::call::CallId;
use hotline::store::entry::Entry;

use super::house::{Files, House, record};

const CALL: CallId = CallId(0x0193_5d2e_8a00_0001);

fn prepare(name: &str, suite: &str, keys: &[&str]) -> Files {
    let files = House::prepare(name);
    let path = files.path("master.keys");
    let line = format!("recording_encryption = \"{suite}\"\nmaster_key_file = \"{}\"", path.display());
    files.edit("sip-configs/server.toml", "recording_encryption = \"off\"", &line);
    fs::write(&path, keys.join("\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_recording_is_played_and_exported_like_any_other() {
    let (old, new) = ("1f".repeat(32), "2e".repeat(32));
    for (name, suite) in [("aes", Suite::Aes256Gcm), ("sm4", Suite::Sm4Gcm)] {
        let files = prepare(&format!("encrypted-{name}"), suite.name(), &[&new, &old]);
        let (secret, clear) = (files.path("data/recordings"), files.path("clear"));
        let expected = fs::read(clear.join(record(Settings::new(clear.clone()), CALL).path)).unwrap();
        let keys = MasterKeys::of_text("test", &old).unwrap();
        let settings = Settings { suite: Some(suite), keys, ..Settings::new(secret.clone()) };
        let sealed = record(settings, CALL);
        assert!(sealed.path.ends_with("call.wav.enc"));
        let folder = secret.join(sealed.path.parent().unwrap());
        let key_file = fs::read(folder.join("call.key")).unwrap();
        let house = House::run(files, None).await;
        house.record(Entry::Sealed(Box::new(sealed))).await;

        let path = format!("/api/recordings/{CALL}");
        let audio = format!("{path}/audio?purpose=complaint");
        let whole = house.get(&audio);
        assert_eq!((whole.status, &whole.bytes), (200, &expected));
        assert_eq!(whole.header("content-disposition"), format!("attachment; filename=\"{CALL}.wav\""));
        let part = house.ask("GET", &audio, &[("range", "bytes=5000-9999")], None);
        assert_eq!((part.status, part.bytes.as_slice()), (206, &expected[5_000..10_000]));
        assert_eq!(part.header("content-range"), format!("bytes 5000-9999/{}", expected.len()));
        let mix = house.get(&format!("{path}/export?purpose=complaint&form=mix"));
        let samples = hound::WavReader::new(mix.bytes.as_slice()).unwrap().into_samples::<i16>().count();
        assert_eq!((mix.status, samples), (200, (expected.len() - 58) / 2));

        // A new master key while the server runs.
        assert!(rewrap(&folder, &MasterKeys::of_text("test", &[new.as_str(), &old].join("\n")).unwrap()).unwrap());
        assert_ne!(fs::read(folder.join("call.key")).unwrap(), key_file);
        assert_eq!(house.get(&audio).bytes, expected);
        fs::remove_file(folder.join("call.key")).unwrap();
        assert_eq!(house.get(&audio).status, 503);
        house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_encrypt_as_it_should_does_not_start() {
    let key = "1f".repeat(32);
    for (name, keys, mode, told) in [
        ("open-key", &[key.as_str()][..], 0o644, "chmod 600"),
        ("no-key", &["# none"], 0o600, "no key in it"),
        ("bad-key", &["secret"], 0o600, "line 1: not 64 hex digits"),
    ] {
        let files = prepare(name, "aes-256-gcm", keys);
        let path = files.path("master.keys");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let Err(error) = Server::start(files.options()).await else { panic!("it starts") };
        assert!(matches!(error, StartError::Keys(_)) && error.to_string().contains(told), "{error}");
        // With encryption off it concerns old recordings only.
        files.edit("sip-configs/server.toml", "\"aes-256-gcm\"", "\"off\"");
        let house = House::run(files, None).await;
        let alarms = house.get("/api/alarms").text;
        assert!(alarms.contains("master_key") && !alarms.contains(&key), "{alarms}");
        house.stop().await;
    }
}
