//! Finding users by what they have, and counting users and devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use device_pool::store::{Change, Key, Store, Table, Write};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attributes, sent_code, sign_up};
use crate::meddled::Meddled;
use crate::world::World;

fn world() -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
    );
    (world, store)
}

fn create(world: &mut World, name: &str, given: &[(&str, &str)]) {
    let user = json!({"UserPoolId": world.pool, "Username": name, "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(given)});
    world.ok(Operation::AdminCreateUser, user);
}

/// The names of all users that a filter admits, page by page.
fn found(world: &mut World, filter: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut request = json!({"UserPoolId": world.pool, "Filter": filter, "Limit": 2});
    loop {
        let page = world.ok(Operation::ListUsers, request.clone());
        let users = page["Users"].as_array().unwrap();
        names.extend(users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("PaginationToken").filter(|token| !token.is_null()) else {
            return names;
        };
        request["PaginationToken"] = token.clone();
    }
}

/// Rewrites all records of a table, as an earlier release would have left them.
fn rewrite(store: &MemoryStore, table: Table, change: impl Fn(&mut Value)) {
    for (key, record) in store.scan(table, "", None, usize::MAX).unwrap() {
        let mut body: Value = serde_json::from_slice(&record.body).unwrap();
        change(&mut body);
        let body = body.to_string().into_bytes();
        let writes = vec![(key, Write::Put { body, expires_at: None })];
        store.apply(Change { expect: Vec::new(), writes }).unwrap();
    }
}

fn remove_all(store: &MemoryStore, table: Table) {
    let found = store.scan(table, "", None, usize::MAX).unwrap();
    let writes = found.into_iter().map(|(key, _)| (key, Write::Delete)).collect();
    store.apply(Change { expect: Vec::new(), writes }).unwrap();
}

/// Makes the store one of an earlier release.
fn age(store: &MemoryStore) {
    for table in [Table::Pool, Table::User, Table::Device] {
        rewrite(store, table, |body| drop(body.as_object_mut().unwrap().remove("is_listed")));
    }
    remove_all(store, Table::UserIndex);
    remove_all(store, Table::Count);
}

const FILTERS: [&str; 18] = [
    "username = \"ben\"",
    "username ^= \"be\"",
    "username ^= \"\"",
    "email = \"BEA@example.com\"",
    "email = \"bea@example.co\"",
    "email ^= \"be\"",
    "email ^= \"b\"",
    "email ^= \"\"",
    "phone_number ^= \"+1555\"",
    "phone_number = \"+15550102\"",
    "preferred_username ^= \"a/\"",
    "preferred_username = \"a/b~c\"",
    "cognito:user_status = \"FORCE_CHANGE_PASSWORD\"",
    "cognito:user_status ^= \"con\"",
    "status = \"Disabled\"",
    "status = \"Enabled\"",
    "status ^= \"Dis\"",
    "name ^= \"B\"",
];

fn people(world: &mut World) {
    create(world, "zoe", &[("email", "bea@example.com"), ("name", "Bea")]);
    create(world, "ben", &[("email", "ben@example.com"), ("phone_number", "+15550102")]);
    create(world, "adam", &[("email", "Bea@Example.com"), ("preferred_username", "a/b~c")]);
    create(world, "bert", &[("phone_number", "+15550199"), ("preferred_username", "a/")]);
    create(world, "cora", &[("email", "cora@example.com"), ("name", "b")]);
    world.user("dora");
    let bert = json!({"UserPoolId": world.pool, "Username": "bert"});
    world.ok(Operation::AdminDisableUser, bert);
}

#[test]
fn filters_find_by_entries_what_they_find_without() {
    let (mut world, store) = world();
    people(&mut world);
    let by_entries = FILTERS.map(|filter| found(&mut world, filter));
    assert_eq!(by_entries[3], ["adam", "zoe"]);
    assert_eq!(by_entries[5], ["adam", "zoe", "ben"], "in the order of values, then of names");
    assert_eq!(by_entries[14], ["bert"]);
    age(&store);
    let without = FILTERS.map(|filter| found(&mut world, filter));
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(by_entries.map(sorted), without.map(sorted));
}

#[test]
fn an_entry_goes_with_its_value_and_its_user() {
    let (mut world, store) = world();
    people(&mut world);
    let ben = json!({"UserPoolId": world.pool, "Username": "ben",
        "UserAttributes": attributes(&[("email", "other@example.com")])});
    world.ok(Operation::AdminUpdateUserAttributes, ben);
    assert!(found(&mut world, "email = \"ben@example.com\"").is_empty());
    assert_eq!(found(&mut world, "email ^= \"other\""), ["ben"]);
    for name in ["zoe", "ben", "adam", "bert", "cora", "dora"] {
        world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": name}));
    }
    assert!(store.scan(Table::UserIndex, "", None, 99).unwrap().is_empty());
}

#[test]
fn members_are_found_by_their_group() {
    let (mut world, store) = world();
    people(&mut world);
    let group = |name: &str| json!({"UserPoolId": world.pool, "GroupName": name});
    let (staff, other) = (group("staff"), group("sta"));
    let member = |name: &str, group: &Value| {
        let mut members = group.clone();
        members["Username"] = json!(name);
        members
    };
    world.ok(Operation::CreateGroup, staff.clone());
    world.ok(Operation::CreateGroup, other.clone());
    for name in ["zoe", "adam", "ben"] {
        world.ok(Operation::AdminAddUserToGroup, member(name, &staff));
    }
    world.ok(Operation::AdminAddUserToGroup, member("cora", &other));
    world.ok(Operation::AdminRemoveUserFromGroup, member("ben", &staff));
    let listed = |world: &mut World| {
        let answer = world.ok(Operation::ListUsersInGroup, staff.clone());
        let users = answer["Users"].as_array().unwrap().clone();
        users.iter().map(|user| user["Username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut world), ["adam", "zoe"]);
    age(&store);
    assert_eq!(listed(&mut world), ["adam", "zoe"]);
    // A later group of the name has no members.
    let mut world = world;
    world.ok(Operation::DeleteGroup, staff.clone());
    world.ok(Operation::CreateGroup, staff.clone());
    assert!(listed(&mut world).is_empty());
}

#[test]
fn counts_are_exact_through_all_changes() {
    let (mut world, store) = world();
    let counted = |world: &World| {
        let counts = world.engine.pool_counts(&world.pool).unwrap().unwrap();
        assert!(!counts.has_more);
        (counts.users, counts.remembered, counts.not_remembered)
    };
    assert_eq!(counted(&world), (0, 0, 0));
    world.user("ada");
    let request = sign_up(&world, "bob", &[("email", "bob@example.com")]);
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    world.ok(Operation::SignUp, request);
    assert_eq!(counted(&world), (2, 0, 0));
    let code = sent_code(&world);
    world.ok(
        Operation::ConfirmSignUp,
        json!({"ClientId": world.client, "Username": "bob", "ConfirmationCode": code}),
    );
    assert_eq!(counted(&world), (2, 0, 0));
    let (first, _) = world.confirmed_device("ada", None);
    let (second, _) = world.confirmed_device("ada", None);
    assert_eq!(counted(&world), (2, 0, 2));
    world.set_status("ada", &first, "remembered");
    assert_eq!(counted(&world), (2, 1, 1));
    // The changes become a total, and count no twice.
    let now = world.moment();
    world.engine.purge(now).unwrap();
    assert_eq!(counted(&world), (2, 1, 1));
    let prefix = format!("{}/change/", world.pool);
    assert!(store.scan(Table::Count, &prefix, None, 9).unwrap().is_empty());
    world.forget("ada", &second);
    assert_eq!(counted(&world), (2, 1, 0));
    world.sign_in("ada", Some(&first), None);
    assert_eq!(counted(&world), (2, 1, 0));
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_eq!(counted(&world), (1, 0, 0));
    world.engine.purge(now).unwrap();
    assert_eq!(counted(&world), (1, 0, 0));
}

#[test]
fn the_records_of_an_earlier_release_are_listed_in_time() {
    let (mut world, store) = world();
    people(&mut world);
    world.confirmed_device("dora", None);
    let entries = store.scan(Table::UserIndex, "", None, 99).unwrap();
    age(&store);
    assert!(world.engine.pool_counts(&world.pool).unwrap().unwrap().has_more);
    let now = world.moment();
    world.engine.purge(now).unwrap();
    let ids = |entries: &[(Key, _)]| entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let again = store.scan(Table::UserIndex, "", None, 99).unwrap();
    assert_eq!(ids(&again), ids(&entries));
    let counts = world.engine.pool_counts(&world.pool).unwrap().unwrap();
    assert_eq!((counts.users, counts.not_remembered, counts.has_more), (6, 1, false));
}

#[test]
fn sign_ins_are_counted_by_the_hour() {
    let (mut world, store) = world();
    world.set_mfa("OPTIONAL");
    world.user("ada");
    let secret = world.enrol_totp("ada");
    let (phone, _) = world.confirmed_device("ada", Some(&secret));
    world.set_status("ada", &phone, "remembered");
    world.sign_in("ada", Some(&phone), None);
    let guess = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": "Wrong-horse-7"}});
    world.refused(Operation::InitiateAuth, guess.clone());
    let counted = |world: &World| {
        let hours = world.engine.sign_ins_by_hour(&world.pool, 24, world.moment()).unwrap();
        assert_eq!(hours.len(), 24);
        let sum = |count: fn(&device_pool::SignInHour) -> u64| hours.iter().map(count).sum::<u64>();
        (sum(|hour| hour.passed), sum(|hour| hour.by_device), sum(|hour| hour.failed))
    };
    assert_eq!(counted(&world), (3, 1, 1));
    // Written, and counted on.
    world.engine.write_counts().unwrap();
    assert_eq!(counted(&world), (3, 1, 1));
    world.refused(Operation::InitiateAuth, guess);
    assert_eq!(counted(&world), (3, 1, 2));
    let now = world.moment();
    world.engine.purge(now).unwrap();
    assert_eq!(counted(&world), (3, 1, 2));
    let prefix = format!("{}/hour/", world.pool);
    assert_eq!(store.scan(Table::Count, &prefix, None, 9).unwrap().len(), 1);
    world.seconds(24 * 60 * 60);
    assert_eq!(counted(&world), (0, 0, 0));
}

/// With a database on another machine each call of the store is a round trip.
#[test]
fn a_page_of_users_is_read_in_few_calls_of_the_store() {
    let store = Arc::new(Meddled::default());
    let mut world = World::over(store.clone(), 7);
    for n in 0..60 {
        let email = format!("bea{n:02}@example.com");
        create(&mut world, &format!("bea{n:02}"), &[("email", &email), ("name", "Bea")]);
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    store.meddle(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    for filter in [
        "username ^= \"bea\"",
        "email ^= \"bea\"",
        "name = \"Bea\"",
        "cognito:user_status ^= \"F\"",
        "status = \"Enabled\"",
        "",
    ] {
        calls.store(0, Ordering::Relaxed);
        let request = json!({"UserPoolId": world.pool, "Filter": filter});
        let page = world.ok(Operation::ListUsers, request);
        assert_eq!(page["Users"].as_array().unwrap().len(), 60, "{filter}");
        let calls = calls.load(Ordering::Relaxed);
        assert!(calls <= 4, "{calls} calls: {filter}");
    }
}
