//! Records in a file.

use std::path::Path;

use device_auth::{FileStore, SessionStore as _};
use tempfile::TempDir;

use super::*;

pub(crate) fn record(username: &str, key: &str) -> DeviceRecord {
    serde_json::from_value(serde_json::json!({
        "user_pool_id": POOL, "client_id": CLIENT, "username": username,
        "device_key": key, "group_key": "-g",
        "password": "hush", "status": "remembered", "name": null,
    }))
    .unwrap()
}

pub(crate) fn owner(username: &str) -> DeviceOwner {
    record(username, "").owner
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_device_outlives_the_process() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("app").join("devices.json");
    let service = Shared::new(Devices::Always, Mfa::Suppressed);
    let first = sign_in(&service.client_with(FileStore::open(&path))).await;
    let auth = service.client_with(FileStore::open(&path));
    let SignInStep::Done(second) = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap()
    else {
        panic!("asked for a code")
    };
    assert_eq!(first.device_key(), second.device_key());
    #[cfg(unix)]
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

/// A request of users of other clients: documentation of the stored data. The guide shows a file;
/// here it is read and written again unchanged.
#[tokio::test]
async fn the_file_has_the_documented_format() {
    let guide = include_str!("../../src/guide.md");
    let shown = guide.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let directory = TempDir::new().unwrap();
    let (there, anew) = (directory.path().join("shown.json"), directory.path().join("anew.json"));
    std::fs::write(&there, shown).unwrap();

    let (there, store) = (FileStore::open(there), FileStore::open(&anew));
    let alias = DeviceOwner { client_id: "4example5client6id7".into(), ..owner("ada@example.com") };
    let record = found(&there, &alias).await.unwrap();
    let session = there.load_session(&alias.client_id).await.unwrap().unwrap();
    store.save(&record, &alias.username).await.unwrap();
    store.save_session(&session).await.unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&std::fs::read_to_string(anew).unwrap()), json(shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_take_turns() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("devices.json");
    let writers = (0..16).map(|n| {
        // Each writer has its own store, as if it were another process.
        let store = FileStore::open(&path);
        tokio::spawn(async move {
            store.save(&record(&format!("user {n}"), "eu_1"), "alias").await.unwrap()
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let store = FileStore::open(&path);
    for n in 0..16 {
        assert!(found(&store, &owner(&format!("user {n}"))).await.is_some(), "user {n}");
    }
}

#[tokio::test]
async fn the_leftover_of_a_killed_writer_does_no_harm() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("devices.json");
    std::fs::write(directory.path().join("devices.json.new"), "{\"half\":").unwrap();
    let store = FileStore::open(&path);
    store.save(&record(USER, "eu_1"), USER).await.unwrap();
    assert!(found(&store, &owner(USER)).await.is_some());
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_file_of_another_program_is_left_unchanged() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("devices.json");
    for contents in [
        "hush",
        "{}",
        r#"{"version":2,"records":[],"aliases":[]}"#,
        r#"{"version":1,"records":["hush"]}"#,
    ] {
        std::fs::write(&path, contents).unwrap();
        let store = FileStore::open(&path);
        for error in [
            store.find(&owner(USER)).await.unwrap_err(),
            store.save(&record(USER, "eu_1"), USER).await.unwrap_err(),
            store.remove(&owner(USER), "eu_1").await.unwrap_err(),
        ] {
            let text = format!("{error} {error:?}");
            assert!(text.contains("devices.json") && !text.contains("hush"), "{text}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
    }
    let auth = Shared::new(Devices::Off, Mfa::Off).client_with(FileStore::open(&path));
    assert!(matches!(auth.sign_in(Credentials::srp(USER, PASSWORD)).await, Err(Error::Store(_))));
}

#[tokio::test]
async fn a_record_that_cannot_be_kept_is_a_warning() {
    let directory = TempDir::new().unwrap();
    // A directory takes the place of the lock file, so that saving fails.
    std::fs::create_dir(directory.path().join("devices.json.lock")).unwrap();
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client_with(FileStore::open(directory.path().join("devices.json")));
    let signed_in = sign_in(&auth).await;
    assert!(
        matches!(signed_in.warnings[..], [device_auth::Warning::RecordNotSaved(_)]),
        "{signed_in:?}"
    );
    assert!(signed_in.device_key().is_some());
}
