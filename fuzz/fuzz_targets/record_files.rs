//! Arbitrary files of device records and sessions.
//!
//! Reading never panics, and what was read can be written and read again.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use device_auth::{DeviceOwner, DeviceStore, FileStore, SessionStore};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

/// A file that only this process uses.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("device-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder.join("devices.json")
});

const CLIENT: &str = "4example5client6id7";

fn owner(username: &str) -> DeviceOwner {
    let owner = json!({"user_pool_id": "us-east-1_Ab12Cd34E", "client_id": CLIENT,
        "username": username});
    serde_json::from_value(owner).unwrap()
}

fuzz_target!(|data: &[u8]| {
    fs::write(&*FILE, data).unwrap();
    let store = FileStore::open(&*FILE);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let found = store.find(&owner("ada")).await;
            let session = store.load_session(CLIENT).await;
            assert_eq!(found.is_err(), session.is_err(), "{found:?} {session:?}");
            if let Ok(Some(session)) = session {
                store.save_session(&session).await.unwrap();
                assert_eq!(store.load_session(CLIENT).await.unwrap(), Some(session));
                store.remove_session(CLIENT).await.unwrap();
            }
            let Some(record) = found.unwrap_or_default().pop() else { return };
            store.save(&record, "ADA@example.com").await.unwrap();
            assert!(store.find(&record.owner).await.unwrap().contains(&record));
            store.remove(&record.owner, &record.device_key).await.unwrap();
            assert!(!store.find(&record.owner).await.unwrap().contains(&record));
        });
    });
});
