//! Turns of the sign-ins of a device, in a pool that replaces device secrets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use device_auth::{DeviceStatus, FileStore, SessionStore as _, StoreError, Turn};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use super::files::owner;
use super::*;

/// A pool that replaces secrets, in which Ada's device is remembered.
async fn rotating() -> (Shared, MemoryStore, DeviceRecord) {
    let (service, store) = (Shared::new(Devices::Always, Mfa::Suppressed), MemoryStore::new());
    sign_in(&service.client_with(store.clone())).await;
    service.with(|service| service.rotates = true);
    let record = found(&store, &owner(USER)).await.unwrap();
    (service, store, record)
}

/// The turn, unless it is taken.
async fn try_turn(store: &impl DeviceStore, device_key: &str) -> Option<Turn> {
    timeout(Duration::from_secs(1), store.take_device_turn(device_key))
        .await
        .ok()
        .map(Result::unwrap)
}

/// Each device has turns of its own, in the store and in another that shares its records.
async fn each_device_has_its_turns(store: &impl DeviceStore, other: &impl DeviceStore) {
    let turn = try_turn(store, "eu_1").await.unwrap();
    assert!(try_turn(store, "eu_1").await.is_none());
    assert!(try_turn(other, "eu_1").await.is_none());
    let _another = try_turn(other, "eu_2").await.expect("another device does not wait");
    drop(turn);
    let turn = try_turn(other, "eu_1").await.expect("the turn is over");
    assert!(try_turn(store, "eu_1").await.is_none());
    drop(turn);
    assert!(try_turn(store, "eu_1").await.is_some(), "a wait that was given up leaves nothing");
}

#[tokio::test(start_paused = true)]
async fn devices_wait_for_turns_of_their_own() {
    let memory = MemoryStore::new();
    each_device_has_its_turns(&memory, &memory.clone()).await;
    let directory = TempDir::new().unwrap();
    let file = || FileStore::open(directory.path().join("devices.json"));
    each_device_has_its_turns(&file(), &file()).await;
    let shared = file();
    each_device_has_its_turns(&shared, &shared.clone()).await;
}

#[cfg(feature = "keyring")]
#[tokio::test(start_paused = true)]
async fn clones_of_a_keychain_share_their_turns() {
    let keychain = keyring_core::mock::Store::new().unwrap();
    let store = device_auth::KeychainStore::within(keychain, "app");
    each_device_has_its_turns(&store, &store.clone()).await;
}

/// A thread that blocks in a wait would outlive it, and the runtime would wait for the thread.
#[test]
fn a_runtime_ends_while_a_turn_is_taken() {
    let directory = TempDir::new().unwrap();
    let store = FileStore::open(directory.path().join("devices.json"));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let holder = runtime();
    let turns = holder.block_on(async {
        (store.take_device_turn("eu_1").await.unwrap(), store.take_turn(CLIENT).await.unwrap())
    });
    let waiting = runtime();
    waiting.block_on(async {
        let other = FileStore::open(directory.path().join("devices.json"));
        let wait = Duration::from_millis(1);
        assert!(timeout(wait, other.take_device_turn("eu_1")).await.is_err());
        assert!(timeout(wait, other.take_turn(CLIENT)).await.is_err());
    });
    drop(waiting);
    drop(turns);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_waits_only_so_long_for_its_turn() {
    let (service, store, record) = rotating().await;
    let auth = service.client_with(store.clone());
    let _taken = store.take_device_turn(&record.device_key).await.unwrap();
    for (rotates, waits) in [(false, 0), (true, 10)] {
        service.with(|service| service.rotates = rotates);
        let start = Instant::now();
        assert!(sign_in(&auth).await.warnings.is_empty());
        assert_eq!(start.elapsed().as_secs(), waits, "where secrets are replaced: {rotates}");
    }
}

/// The secret of a device is replaced while another sign-in of it waits for a code.
#[tokio::test]
async fn a_secret_replaced_during_a_question_stays() {
    let (service, store, mut record) = rotating().await;
    let auth = service.client_with(store.clone());
    let forgotten = serde_json::json!({
        "DeviceKey": record.device_key, "DeviceRememberedStatus": "not_remembered",
    });
    let body = forgotten.to_string().into_bytes();
    assert!(service.with(|it| it.serve(Operation::UpdateDeviceStatus, &body)).is_ok());
    let asked = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap();
    assert!(matches!(asked, SignInStep::Challenge(_)), "{asked:?}");
    record.password = "a later secret".into();
    store.save(&record, USER).await.unwrap();
    finish(asked).await;
    record.status = DeviceStatus::NotRemembered;
    assert_eq!(found(&store, &owner(USER)).await, Some(record));
}

/// A store that finds records once, and has no turns.
struct Failing(MemoryStore, AtomicUsize);

impl DeviceStore for Failing {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            self.0.find(owner)
        } else {
            Box::pin(async { Err(StoreError::new("gone")) })
        }
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.save(record, alias)
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.remove(owner, device_key)
    }

    fn take_device_turn<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Turn, StoreError>> {
        Box::pin(async { Err(StoreError::new("gone")) })
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_reread_ends_no_sign_in() {
    let (service, store, record) = rotating().await;
    let auth = service.client_with(Failing(store, AtomicUsize::new(0)));
    let step = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap();
    assert_eq!(finish(step).await.device_key(), Some(&*record.device_key));
}
