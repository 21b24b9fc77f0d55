//! Tests of the promises of [`DeviceStore`], for your own stores.
//!
//! [`device_store_conformance!`](crate::device_store_conformance) makes a test of each function
//! here.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking, and its name says what is promised"
)]

use std::slice;

use device_proto::{DeviceOwner, DeviceRecord};

use crate::store::DeviceStore;

/// Makes tests that check the promises of a [`DeviceStore`](crate::DeviceStore).
///
/// The expression opens an empty store. It is evaluated for each test, and returns the store and a
/// guard that is dropped after the test: a temporary directory, or `()`.
///
/// ```
/// # // The tests themselves are compiled out of an example.
/// mod my_store {
///     use device_auth::MemoryStore;
///
///     device_auth::device_store_conformance!((MemoryStore::new(), ()));
/// }
/// ```
#[macro_export]
macro_rules! device_store_conformance {
    ($open:expr) => {
        $crate::device_store_conformance! { $open;
            an_empty_store_finds_nothing
            a_record_is_found_as_it_was_saved
            a_record_is_found_by_every_name
            a_name_leads_to_the_user_it_was_saved_for_last
            names_that_differ_in_case_alone_are_two_users
            pools_and_clients_are_apart
            a_second_device_leaves_the_first
            saving_again_replaces_the_record_of_that_device
            removing_takes_that_device_alone
            a_removed_user_leaves_no_name
        }
    };
    ($open:expr; $($promise:ident)*) => {$(
        #[test]
        fn $promise() {
            $crate::conformance::run(async {
                let (store, guard) = $open;
                $crate::conformance::$promise(&store).await;
                drop(guard);
            });
        }
    )*};
}

/// Runs a test to its end.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

const NAMES: [&str; 3] = ["ada", "ada@example.com", "+15550100"];

fn owner(username: &str) -> DeviceOwner {
    DeviceOwner {
        user_pool_id: "eu-west-1_Ab12Cd34E".to_owned(),
        client_id: "4example5client6id7".to_owned(),
        username: username.to_owned(),
    }
}

fn record(username: &str, device_key: &str) -> DeviceRecord {
    let record = serde_json::json!({
        "user_pool_id": "eu-west-1_Ab12Cd34E", "client_id": "4example5client6id7",
        "username": username, "device_key": device_key, "group_key": "-Ab1Cd2Ef",
        "password": "the device's secret", "status": "not_remembered", "name": "device",
    });
    serde_json::from_value(record).expect("a record")
}

async fn find(store: &impl DeviceStore, name: &str) -> Vec<DeviceRecord> {
    store.find(&owner(name)).await.expect("found")
}

async fn save(store: &impl DeviceStore, record: &DeviceRecord, alias: &str) {
    store.save(record, alias).await.expect("saved");
}

async fn remove(store: &impl DeviceStore, name: &str, device_key: &str) {
    store.remove(&owner(name), device_key).await.expect("removed");
}

/// An empty store finds nothing, and removing an absent record is no error.
pub async fn an_empty_store_finds_nothing(store: &impl DeviceStore) {
    assert_eq!(find(store, "ada").await, []);
    remove(store, "ada", "eu_1").await;
}

/// A record is found with every member as it was saved.
pub async fn a_record_is_found_as_it_was_saved(store: &impl DeviceStore) {
    let record = record("ada", "eu_1");
    save(store, &record, "ada").await;
    assert_eq!(find(store, "ada").await, [record]);
}

/// A record is found by internal name and by every alias, in any letter case.
pub async fn a_record_is_found_by_every_name(store: &impl DeviceStore) {
    let record = record("ada", "eu_1");
    for name in NAMES {
        save(store, &record, name).await;
    }
    for name in NAMES {
        for typed in [name.to_owned(), name.to_uppercase()] {
            assert_eq!(find(store, &typed).await, slice::from_ref(&record), "{typed}");
        }
    }
}

/// A reassigned alias finds its new user; the first user's own name still works.
pub async fn a_name_leads_to_the_user_it_was_saved_for_last(store: &impl DeviceStore) {
    let (ada, bob) = (record("ada", "eu_1"), record("bob", "eu_2"));
    save(store, &ada, "a@example.com").await;
    save(store, &bob, "a@example.com").await;
    assert_eq!(find(store, "a@example.com").await, slice::from_ref(&bob));
    assert_eq!(find(store, "ada").await, [ada]);
    assert_eq!(find(store, "bob").await, [bob]);
}

/// Users whose internal names differ only in letter case have separate records.
pub async fn names_that_differ_in_case_alone_are_two_users(store: &impl DeviceStore) {
    let users = [record("ada", "eu_1"), record("Ada", "eu_2"), record("ADA", "eu_3")];
    for user in &users {
        save(store, user, &user.owner.username).await;
    }
    for user in &users {
        assert_eq!(find(store, &user.owner.username).await, slice::from_ref(user));
    }
    remove(store, "Ada", "eu_2").await;
    assert_eq!(find(store, "ada").await, users[..1]);
    remove(store, "ADA", "eu_1").await;
    assert_eq!(find(store, "ada").await, users[..1], "another user's");
}

/// The same name in another pool or app client belongs to another user.
pub async fn pools_and_clients_are_apart(store: &impl DeviceStore) {
    let here = record("ada", "eu_1");
    save(store, &here, "a@example.com").await;
    let elsewhere = [
        DeviceOwner { user_pool_id: "eu-west-1_Other".to_owned(), ..owner("ada") },
        DeviceOwner { client_id: "other".to_owned(), ..owner("ada") },
    ];
    for owner in elsewhere {
        for username in ["ada", "a@example.com"] {
            let owner = DeviceOwner { username: username.to_owned(), ..owner.clone() };
            assert_eq!(store.find(&owner).await.expect("found"), []);
        }
        let mut there = here.clone();
        there.owner = owner.clone();
        save(store, &there, "a@example.com").await;
        assert_eq!(store.find(&owner).await.expect("found"), [there]);
        store.remove(&owner, "eu_1").await.expect("removed");
    }
    assert_eq!(find(store, "a@example.com").await, [here]);
}

/// Several records of one user stay side by side, the last saved one last.
pub async fn a_second_device_leaves_the_first(store: &impl DeviceStore) {
    let (first, second) = (record("ada", "eu_1"), record("ada", "eu_2"));
    save(store, &first, "ada").await;
    save(store, &second, "a@example.com").await;
    for name in ["ada", "a@example.com"] {
        assert_eq!(find(store, name).await, [first.clone(), second.clone()], "{name}");
    }
    save(store, &first, "ada").await;
    assert_eq!(find(store, "ada").await, [second, first]);
}

/// A saved record replaces the one of the same device.
pub async fn saving_again_replaces_the_record_of_that_device(store: &impl DeviceStore) {
    let mut record = record("ada", "eu_1");
    save(store, &record, "ada").await;
    record.password = "another secret".into();
    record.name = None;
    save(store, &record, "a@example.com").await;
    assert_eq!(find(store, "ada").await, [record]);
}

/// Removing affects only that device of that user.
pub async fn removing_takes_that_device_alone(store: &impl DeviceStore) {
    let (first, second) = (record("ada", "eu_1"), record("ada", "eu_2"));
    let of_bob = record("bob", "eu_1");
    for record in [&first, &second, &of_bob] {
        save(store, record, "shared").await;
    }
    remove(store, "ada", "eu_3").await;
    remove(store, "ada", "eu_1").await;
    remove(store, "ada", "eu_1").await;
    assert_eq!(find(store, "ada").await, [second]);
    remove(store, "shared", "eu_1").await;
    assert_eq!(find(store, "bob").await, [of_bob], "an alias removes nothing");
}

/// After a user's last record is removed, no name finds that user.
pub async fn a_removed_user_leaves_no_name(store: &impl DeviceStore) {
    let record = record("ada", "eu_1");
    for name in NAMES {
        save(store, &record, name).await;
    }
    remove(store, "ada", "eu_1").await;
    for name in NAMES {
        assert_eq!(find(store, name).await, [], "{name}");
    }
}
