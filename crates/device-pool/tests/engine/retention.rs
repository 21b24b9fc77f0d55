//! Retention: unconfirmed users, and records of unknown names.

use std::sync::Arc;

use device_pool::Retention;
use device_pool::store::{Store as _, Table};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attributes, sent_code, sign_up};
use crate::audit_log::{export, verify};
use crate::world::{Flow, World};

const DAY: i64 = 24 * 60 * 60;

fn world(retention: Retention) -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::keeping(retention, store.clone(), 7);
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    (world, store)
}

fn count(store: &MemoryStore, table: Table) -> usize {
    store.scan(table, "", None, 10_000).unwrap().len()
}

fn signed_up(world: &mut World, name: &str) -> String {
    let request = sign_up(world, name, &[("email", &format!("{name}@example.com"))]);
    world.ok(Operation::SignUp, request);
    sent_code(world)
}

#[test]
fn an_expired_grant_goes_with_its_deleted_user() {
    let (mut world, store) = world(Retention::default());
    world.user("ada");
    world.sign_in("ada", None, None);
    // The refresh token has expired, and an access token might need the grant for a day more.
    world.seconds(30 * DAY + 60);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::Grant), 1);
    let ada = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, ada);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::Grant), 0);
}

#[test]
fn unconfirmed_users_are_removed_after_a_week() {
    let (mut world, store) = world(Retention::default());
    signed_up(&mut world, "ada");
    let code = signed_up(&mut world, "bob");
    world.ok(
        Operation::ConfirmSignUp,
        json!({"ClientId": world.client, "Username": "bob", "ConfirmationCode": code}),
    );
    signed_up(&mut world, "eve");
    world.ok(
        Operation::AdminUpdateUserAttributes,
        json!({
            "UserPoolId": world.pool, "Username": "eve",
            "UserAttributes": attributes(&[("email", "other@example.com")]),
        }),
    );
    world.seconds(7 * DAY - 1);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::User), 3);
    world.seconds(2);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::User), 1);
    assert_eq!(count(&store, Table::Login), 2, "only Bob's name and id are left");
    world.first_factor(Flow::Password, "bob", None).unwrap();
    // The name and the address are free again.
    let code = signed_up(&mut world, "ada");
    world.ok(
        Operation::ConfirmSignUp,
        json!({"ClientId": world.client, "Username": "ada", "ConfirmationCode": code}),
    );
    world.seconds(8 * DAY);
    world.engine.purge(world.moment()).unwrap();
    world.first_factor(Flow::Password, "ada", None).unwrap();
}

#[test]
fn how_long_unconfirmed_users_are_kept_can_be_set() {
    let retention = Retention { unconfirmed_user_days: 30, ..Retention::default() };
    let (mut world, store) = world(retention);
    signed_up(&mut world, "ada");
    world.seconds(30 * DAY - 1);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::User), 1);
    world.seconds(2);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(count(&store, Table::User), 0);
}

#[test]
fn a_new_user_may_take_the_name_of_a_removed_one() {
    let (mut world, store) = world(Retention::default());
    signed_up(&mut world, "ada");
    let users = store.scan(Table::User, "", None, 10).unwrap();
    let writes = users.into_iter().map(|(key, _)| (key, device_pool::store::Write::Delete));
    let change = device_pool::store::Change { expect: Vec::new(), writes: writes.collect() };
    store.apply(change).unwrap();
    assert_eq!(count(&store, Table::Login), 2);
    signed_up(&mut world, "ada");
}

#[test]
fn records_of_unknown_names_are_capped_in_each_pool() {
    let retention = Retention { max_unknown_names: 30, ..Retention::default() };
    let (mut world, store) = world(retention);
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    }));
    let guess = |world: &World, name: &str| -> [(Operation, Value); 3] {
        let parameters = json!({"USERNAME": name, "PASSWORD": "wrong"});
        let named = json!({"ClientId": world.client, "Username": name});
        let mut reset = named.clone();
        reset["ConfirmationCode"] = json!("12345x");
        reset["Password"] = json!("Another-horse-8");
        let mut start = json!({"ClientId": world.client, "AuthParameters": parameters});
        start["AuthFlow"] = json!("USER_PASSWORD_AUTH");
        [
            (Operation::InitiateAuth, start),
            (Operation::ForgotPassword, named),
            (Operation::ConfirmForgotPassword, reset),
        ]
    };
    for name in std::iter::once("ada".to_owned()).chain((0..40).map(|n| format!("nobody{n}"))) {
        for (operation, body) in guess(&world, &name) {
            let _either_way = world.call(operation, body);
        }
        world.seconds(1);
    }
    let tables = [Table::Attempts, Table::Code, Table::SentCodes, Table::AuditEvent];
    let users = |table| {
        let nobodys = format!("{}//", world.pool);
        let all = store.scan(table, "", None, 10_000).unwrap();
        let nobody = all.iter().filter(|(key, _)| key.id.starts_with(&nobodys)).count();
        (all.len() - nobody, nobody)
    };
    let before = tables.map(users);
    world.engine.purge(world.moment()).unwrap();
    let after = tables.map(users);
    for (before, after) in before.iter().zip(after) {
        assert_eq!(after.0, before.0, "all records of users are kept");
        assert!(before.1 >= 40);
        assert_eq!(after.1, 30);
    }
    // The names that were tried last are still counted.
    for _ in 0..4 {
        let [(operation, body), ..] = guess(&world, "nobody39");
        world.refused(operation, body);
    }
    let [(operation, body), ..] = guess(&world, "nobody39");
    let refused = world.refused(operation, body);
    assert_eq!(refused, "NotAuthorizedException: Password attempts exceeded");
}

#[test]
fn old_failures_make_room_for_new_ones() {
    let retention = Retention { max_failures_per_user: 30, ..Retention::default() };
    let (mut world, store) = world(retention);
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    world.first_factor(Flow::Password, "ada", None).unwrap();
    for n in 0..20 {
        let forgot = json!({"ClientId": world.client, "Username": "ada"});
        world.ok(Operation::ForgotPassword, forgot.clone());
        world.seconds(DAY / 2);
        let parameters = json!({"USERNAME": "ada", "PASSWORD": format!("wrong {n}")});
        let guess = json!({"ClientId": world.client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": parameters});
        world.refused(Operation::InitiateAuth, guess);
        world.seconds(DAY / 2);
    }
    let events = || -> Vec<Value> {
        let all = store.scan(Table::AuditEvent, "", None, 10_000).unwrap();
        let all = all.iter().map(|(_, record)| serde_json::from_slice(&record.body).unwrap());
        all.filter(|event: &Value| event["sub"].is_string()).collect()
    };
    let of_anyone =
        |event: &Value| event["outcome"] == "failed" || event["operation"] == "ForgotPassword";
    let before = events();
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(events(), before, "none is 30 days old");
    world.seconds(30 * DAY);
    world.engine.purge(world.moment()).unwrap();
    let after = events();
    assert_eq!(before.iter().filter(|event| of_anyone(event)).count(), 40);
    assert_eq!(after.iter().filter(|event| of_anyone(event)).count(), 30);
    let kept = |events: &[Value]| events.iter().filter(|event| !of_anyone(event)).count();
    assert_eq!(kept(&after), kept(&before), "acts of the user and of administrators stay");
    let at = |event: &Value| event["at"].as_i64().unwrap();
    let oldest = after.iter().filter(|event| of_anyone(event)).map(at).min().unwrap();
    let gone = before.iter().filter(|event| !after.contains(event));
    assert!(gone.map(at).all(|at| at < oldest), "the oldest were removed");
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(events(), after, "a second purge removes nothing");
    let lines = export(&mut world);
    assert_eq!(verify(&lines).unwrap().removed, 10, "the audit log says that they may be gone");
}

#[test]
fn a_user_keeps_the_latest_sessions() {
    let retention = Retention { max_sessions_per_user: 3, ..Retention::default() };
    let (mut world, _) = world(retention);
    for name in ["ada", "bob"] {
        world.user(name);
    }
    let other = world.sign_in("bob", None, None);
    let signed_in: Vec<_> = (0..5)
        .map(|_| {
            world.seconds(1);
            world.sign_in("ada", None, None)
        })
        .collect();
    for _ in 0..2 {
        world.engine.purge(world.moment()).unwrap();
    }
    let still: Vec<bool> = signed_in
        .iter()
        .chain([&other])
        .map(|signed_in| {
            let body = json!({"AccessToken": signed_in.access_token()});
            world.call(Operation::GetUser, body).is_ok()
        })
        .collect();
    assert_eq!(still, [false, false, true, true, true, true]);
    let list = json!({"AccessToken": signed_in[4].access_token()});
    let sessions = world.ok(Operation::ListUserSessions, list);
    assert_eq!(sessions["Sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_user_keeps_remembered_and_recent_devices() {
    let retention = Retention { max_devices_per_user: 3, ..Retention::default() };
    let store = Arc::new(MemoryStore::new());
    let mut world = World::keeping(retention, store, 10);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
    );
    world.user("ada");
    let devices: Vec<_> = (0..5)
        .map(|_| {
            world.seconds(60);
            world.confirmed_device("ada", None).0
        })
        .collect();
    world.set_status("ada", &devices[0], "remembered");
    for _ in 0..2 {
        world.engine.purge(world.moment()).unwrap();
    }
    let list = json!({"UserPoolId": world.pool, "Username": "ada"});
    let listed = world.ok(Operation::AdminListDevices, list);
    let mut keys: Vec<_> =
        listed["Devices"].as_array().unwrap().iter().map(|d| &d["DeviceKey"]).collect();
    keys.sort_by_key(|key| devices.iter().position(|device| *key == device.key.as_str()));
    assert_eq!(keys, [0, 3, 4].map(|n| devices[n].key.as_str()));
}
