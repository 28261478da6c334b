//! What is encrypted is verified without a key, and its key can be wrapped anew without anybody noticing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hotline::archive::Settings;
use hotline::archive::cipher::Suite;
use hotline::archive::keys::MasterKeys;
use hotline::archive::manifest::verify::{Scope, What};
use hotline::call::CallId;
use hotline::store::entry::Entry;

use super::town::{DAY, HOUR, MIDNIGHT, Town};
use crate::api::house::record;
use crate::serve::program::BINARY;

const CALL: CallId = CallId(0x0193_5d2e_8a00_0001);

#[tokio::test]
async fn an_encrypted_archive_is_verified_without_a_key_and_rewrapped_by_a_command() {
    let mut town = Town::new("encrypted");
    town.makes(MIDNIGHT + HOUR).await;
    let (old, new) = ("1f".repeat(32), "2e".repeat(32));
    let keys = MasterKeys::of_text("test", &old).unwrap();
    let mut sealed = record(Settings { suite: Some(Suite::Aes256Gcm), keys, ..Settings::new(town.root()) }, CALL);
    sealed.sealed_at = Some(hotline::time::Wall(MIDNIGHT + 2 * HOUR));
    town.tell(Entry::Sealed(Box::new(sealed.clone()))).await;
    town.makes(MIDNIGHT + DAY + HOUR).await;
    let told = |town: &Town| -> Vec<_> {
        let faults = town.verify(&Scope::Everything).faults.into_iter();
        faults.map(|fault| (fault.what, fault.path)).collect()
    };
    assert_eq!(told(&town), vec![]);

    let file = town.folder.join("master.keys");
    let rewrap = |keys: &[&str]| {
        fs::write(&file, keys.join("\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["archive", "rewrap", "--json", "--master-keys"]).arg(&file).arg("--folder").arg(town.root());
        let output = command.output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let counts = ["rewrapped", "current"].map(|name| answer[name].as_u64().unwrap());
        (output.status.code().unwrap(), counts, answer["faults"].as_array().unwrap().len())
    };
    assert_eq!(rewrap(&[&new]), (1, [0, 0], 1), "without the old key");
    assert_eq!(rewrap(&[&new, &old]), (0, [1, 0], 0));
    assert_eq!(rewrap(&[&new]), (0, [0, 1], 0), "the old key is of no use any more");
    assert_eq!(told(&town), vec![]);

    let key = town.root().join(sealed.path.parent().unwrap()).join("call.key");
    let path = key.strip_prefix(town.root()).unwrap().display().to_string();
    fs::remove_file(&key).unwrap();
    assert_eq!(told(&town), [(What::Missing, path.clone())]);
    fs::write(&key, "{}").unwrap();
    assert_eq!(told(&town), [(What::Unreadable, path)]);
}
