//! Checking all records of a store.

use std::sync::Arc;

use device_pool::store::{Change, Key, Store, Table, Write};
use device_pool::{RecordCheck, check_records};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::json;

use crate::world::World;

/// A store after a user's and a device's life, with records of most kinds.
fn lived() -> (Arc<MemoryStore>, World) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.set_devices(json!({"ChallengeRequiredOnNewDevice": true,
        "DeviceOnlyRememberedOnUserPrompt": true}));
    world.set_mfa("OPTIONAL");
    for name in ["ada", "bob", "eve"] {
        world.user(name);
        let (device, _) = world.confirmed_device(name, None);
        world.set_status(name, &device, "remembered");
    }
    let (lost, _) = world.confirmed_device("ada", None);
    world.forget("ada", &lost);
    let (pool, client) = (world.pool.clone(), world.client.clone());
    world.enrol_totp("bob");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("name", "Ada")]);
    world.ok(Operation::CreateGroup, json!({"UserPoolId": pool, "GroupName": "staff"}));
    let member = json!({"UserPoolId": pool, "GroupName": "staff", "Username": "ada"});
    world.ok(Operation::AdminAddUserToGroup, member);
    world.ok(
        Operation::SignUp,
        json!({"ClientId": client, "Username": "new", "Password": "Correct-horse-7",
            "UserAttributes": [{"Name": "email", "Value": "new@example.com"}]}),
    );
    world.ok(Operation::AdminDisableUser, json!({"UserPoolId": pool, "Username": "bob"}));
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": pool, "Username": "eve"}));
    (store, world)
}

fn check(store: &dyn Store, world: &World) -> RecordCheck {
    check_records(store, world.moment(), &|_, _| false, &mut |_| {}).unwrap()
}

/// What is found after a change that no rule would make.
fn found_after(change: impl Fn(&MemoryStore, &World) -> (Key, Write)) -> Vec<String> {
    let (store, world) = lived();
    let (key, write) = change(&store, &world);
    store.apply(Change { expect: vec![], writes: vec![(key, write)] }).unwrap();
    check(&*store, &world).problems.iter().map(ToString::to_string).collect()
}

fn the(store: &MemoryStore, table: Table, part: &str) -> (Key, String) {
    let records = store.scan(table, "", None, usize::MAX).unwrap();
    let (key, record) = records.into_iter().find(|(key, _)| key.id.contains(part)).unwrap();
    (key, String::from_utf8(record.body).unwrap())
}

fn put(key: Key, body: String) -> (Key, Write) {
    (key, Write::Put { body: body.into_bytes(), expires_at: None })
}

#[test]
fn a_sound_store_has_no_problems() {
    let (store, mut world) = lived();
    let found = check(&*store, &world);
    assert_eq!(found.problems, []);
    assert_eq!((found.records[&Table::User], found.records[&Table::Device]), (3, 2));
    // The same after upkeep, and once the unconfirmed user is gone.
    world.seconds(90 * 24 * 60 * 60);
    world.engine.purge(world.moment()).unwrap();
    let found = check(&*store, &world);
    assert_eq!(found.problems, []);
    assert_eq!(found.records[&Table::User], 2);
}

#[test]
fn a_record_that_does_not_read_is_named_without_its_values() {
    let found = found_after(|store, _| {
        let (key, body) = the(store, Table::User, "/ada");
        put(key, body.replace("\"enabled\":true", "\"enabled\":\"s3cret\""))
    });
    assert!(found[0].starts_with("user ") && found[0].contains("/ada: it does not read"));
    assert!(found.iter().all(|line| !line.contains("s3cret")), "{found:?}");
}

#[test]
fn a_record_under_another_id_is_found() {
    let found = found_after(|store, _| {
        let (key, _) = the(store, Table::Device, "/ada");
        put(key, the(store, Table::Device, "/bob").1)
    });
    assert!(found.iter().any(|line| line.contains("of another id")), "{found:?}");
}

#[test]
fn a_missing_user_entry_or_client_is_found() {
    let remove = |table, part: &'static str| {
        found_after(move |store, _| (the(store, table, part).0, Write::Delete))
    };
    let says = |found: Vec<String>, text: &str| {
        assert!(found.iter().any(|line| line.contains(text)), "{text}: {found:?}");
    };
    let without_user = remove(Table::User, "/ada");
    says(without_user.clone(), "login ");
    says(without_user.clone(), "device ");
    says(without_user.clone(), "user_index ");
    says(without_user, "the counts say 2 users");
    says(remove(Table::UserIndex, "ada@example.com"), "its entry does not exist");
    says(remove(Table::Device, "/ada"), "the counts say 2 users, 2 devices remembered");
    says(remove(Table::Client, ""), "its app client does not exist");
    says(remove(Table::PoolClient, ""), "its entry in its pool does not exist");
    says(remove(Table::Grant, ""), "its sign-in does not exist");
    says(remove(Table::UserToken, "/bob"), "its software token does not exist");
    says(remove(Table::Pool, ""), "its pool");
}

#[test]
fn an_entry_of_another_value_is_found() {
    let found = found_after(|store, _| {
        let (mut key, body) = the(store, Table::UserIndex, "ada@example.com");
        key.id = key.id.replace("ada@", "eve@");
        put(key, body)
    });
    assert!(found.iter().any(|line| line.contains("has another value")), "{found:?}");
}
