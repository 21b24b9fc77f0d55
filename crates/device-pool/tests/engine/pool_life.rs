//! Pools: listed, tagged and deleted.

use std::sync::Arc;

use device_pool::store::{Change, Store, Table, Write};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, World};

/// All records except those of the audit trail that outlive their pools.
fn records(store: &MemoryStore) -> Vec<(Table, String)> {
    let of_log = [Table::AuditEvent, Table::UnsealedEvent, Table::AuditLog, Table::AuditTile];
    let of = |table| {
        store
            .scan(table, "", None, usize::MAX)
            .unwrap()
            .into_iter()
            .filter(move |(key, _)| !of_log.contains(&table) || !key.id.starts_with("pool/"))
            .map(move |(key, _)| (table, key.id))
    };
    Table::ALL.into_iter().flat_map(of).collect()
}

#[test]
fn a_deleted_pool_is_gone_at_once_with_its_users() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    let other = world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    let kept = records(&store).len() - 4;
    world.set_devices(json!({}));
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let pool = json!({"UserPoolId": world.pool});
    assert_eq!(world.ok(Operation::DeleteUserPool, pool.clone()), Value::Null);

    let gone = format!("ResourceNotFoundException: User pool {} does not exist.", world.pool);
    for operation in
        [Operation::DescribeUserPool, Operation::DeleteUserPool, Operation::ListUserPoolClients]
    {
        assert_eq!(world.refused(operation, pool.clone()), gone);
    }
    assert_eq!(
        world.refused(Operation::GetUser, json!({"AccessToken": signed_in.access_token()})),
        "NotAuthorizedException: Invalid Access Token"
    );
    let refresh = json!({
        "ClientId": world.client, "RefreshToken": signed_in.refresh_token(),
        "DeviceKey": device.key,
    });
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, refresh), gone);
    let revoke = json!({"ClientId": world.client, "Token": signed_in.refresh_token()});
    let refused = format!("InvalidParameterException: User pool {} does not exist.", world.pool);
    assert_eq!(world.refused(Operation::RevokeToken, revoke), refused);
    assert_eq!(world.engine.jwks(&world.pool, world.moment()).unwrap(), None);

    world.engine.purge(world.moment()).unwrap();
    let left = records(&store);
    assert!(
        left.iter().all(|(table, id)| !id.contains(&world.pool) && *table != Table::DeletedPool),
        "{left:?}"
    );
    assert!(!left.contains(&(Table::Client, world.client.clone())));
    // The keys of used tokens do not name a pool. They are removed once the tokens would have
    // expired.
    world.seconds(32 * 24 * 60 * 60);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(records(&store).len(), kept, "{left:?}");
    world.ok(Operation::DescribeUserPool, json!({"UserPoolId": other["UserPool"]["Id"]}));
}

#[test]
fn a_session_does_not_outlive_its_pool() {
    let mut world = World::with(json!(null), "ON");
    world.user("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "MFA_SETUP");
    world.ok(Operation::DeleteUserPool, json!({"UserPoolId": world.pool}));

    let invalid = "NotAuthorizedException: Invalid session for the user.";
    let associate = json!({"Session": asked["Session"]});
    assert_eq!(world.refused(Operation::AssociateSoftwareToken, associate), invalid);
    let verify = json!({"Session": asked["Session"], "UserCode": "123456"});
    assert_eq!(world.refused(Operation::VerifySoftwareToken, verify), invalid);
}

#[test]
fn more_than_one_batch_of_records_goes_too() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    for n in 0..260 {
        let request = json!({"UserPoolId": world.pool, "Username": format!("user{n}")});
        world.ok(Operation::AdminCreateUser, request);
    }
    assert!(store.scan(Table::Login, "", None, 600).unwrap().len() > 500);
    world.ok(Operation::DeleteUserPool, json!({"UserPoolId": world.pool}));
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(records(&store), []);
}

#[test]
fn guesses_at_unknown_names_are_not_kept() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.user("ada");
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"], "PreventUserExistenceErrors": "ENABLED",
    }));
    let before = records(&store).len();
    for name in ["ada", "eve", "bob"] {
        let request = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": name, "PASSWORD": "Wrong-horse-7"},
        });
        world.refused(Operation::InitiateAuth, request);
    }
    world.seconds(25 * 60 * 60);
    world.engine.purge(world.moment()).unwrap();
    let kept = "what happened to a user is kept, how often in a row, and how often in that hour";
    assert_eq!(records(&store).len(), before + 3, "{kept}");
}

#[test]
fn codes_of_releases_without_an_address_are_read() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    let forgot = json!({"ClientId": world.client, "Username": "ada"});
    world.ok(Operation::ForgotPassword, forgot.clone());
    let (key, record) = store.scan(Table::Code, "", None, 1).unwrap().remove(0);
    let mut body: Value = serde_json::from_slice(&record.body).unwrap();
    body.as_object_mut().unwrap().remove("sent_to").unwrap();
    let write = Write::Put { body: serde_json::to_vec(&body).unwrap(), expires_at: None };
    store.apply(Change { expect: Vec::new(), writes: vec![(key, write)] }).unwrap();
    let reset = json!({
        "ClientId": world.client, "Username": "ada", "ConfirmationCode": body["code"],
        "Password": "Another-horse-8",
    });
    // The error does not say what the token proves.
    assert!(
        world.refused(Operation::ConfirmForgotPassword, reset).starts_with("CodeMismatchException")
    );
    world.ok(Operation::ForgotPassword, forgot);
}

#[test]
fn a_protected_pool_is_not_deleted() {
    let mut world = World::new();
    let pool = json!({"UserPoolId": world.pool});
    let protect = json!({"UserPoolId": world.pool, "DeletionProtection": "ACTIVE"});
    world.ok(Operation::UpdateUserPool, protect);
    let refused = world.refused(Operation::DeleteUserPool, pool.clone());
    assert!(
        refused.starts_with("InvalidParameterException: The user pool cannot be deleted"),
        "{refused}"
    );
    let release = json!({"UserPoolId": world.pool, "DeletionProtection": "INACTIVE"});
    world.ok(Operation::UpdateUserPool, release);
    world.ok(Operation::DeleteUserPool, pool);
}

#[test]
fn pools_are_listed_by_pages() {
    let mut world = World::new();
    for name in ["b", "c"] {
        world.ok(Operation::CreateUserPool, json!({"PoolName": name}));
    }
    let all = world.ok(Operation::ListUserPools, json!({"MaxResults": 60}));
    let all_pools = all["UserPools"].as_array().unwrap();
    let mut names: Vec<&str> =
        all_pools.iter().map(|pool| pool["Name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["b", "c", "people"]);
    assert!(all.get("NextToken").is_none());
    for member in ["Id", "CreationDate", "LastModifiedDate"] {
        assert!(all_pools.iter().all(|pool| !pool[member].is_null()), "{member}");
    }
    let first = world.ok(Operation::ListUserPools, json!({"MaxResults": 2}));
    let rest = world
        .ok(Operation::ListUserPools, json!({"MaxResults": 2, "NextToken": first["NextToken"]}));
    assert_eq!(first["UserPools"].as_array().unwrap(), &all_pools[..2]);
    assert_eq!(rest, json!({"UserPools": &all_pools[2..]}));
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let mut world = World::new();
    let shown = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
    let arn = shown["UserPool"]["Arn"].clone();
    let list = json!({"ResourceArn": arn});
    assert_eq!(world.ok(Operation::ListTagsForResource, list.clone()), json!({"Tags": {}}));
    for tags in [json!({"team": "a", "cost": "low"}), json!({"team": "b"})] {
        let tag = json!({"ResourceArn": arn, "Tags": tags});
        assert_eq!(world.ok(Operation::TagResource, tag), json!({}));
    }
    let tags = json!({"team": "b", "cost": "low"});
    assert_eq!(world.ok(Operation::ListTagsForResource, list.clone()), json!({"Tags": tags}));
    let shown = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
    assert_eq!(shown["UserPool"]["UserPoolTags"], tags);
    let untag = |keys: Value| json!({"ResourceArn": arn, "TagKeys": keys});
    assert_eq!(world.ok(Operation::UntagResource, untag(json!(["team", "unknown"]))), json!({}));
    assert_eq!(world.ok(Operation::ListTagsForResource, list), json!({"Tags": {"cost": "low"}}));

    let many: Value = (0..50).map(|n| (format!("tag{n}"), json!(""))).collect();
    for (tags, says) in [(many, "at most 50 tags"), (json!({"aws:team": "a"}), "reserved")] {
        let refused =
            world.refused(Operation::TagResource, json!({"ResourceArn": arn, "Tags": tags}));
        assert!(refused.contains(says), "{refused}");
        let made =
            world.call(Operation::CreateUserPool, json!({"PoolName": "p", "UserPoolTags": tags}));
        assert_eq!(made.is_err(), says == "reserved", "fifty tags are allowed");
    }
}

#[test]
fn tags_of_unknown_resources_are_refused() {
    let mut world = World::new();
    let foreign = format!("arn:aws:cognito-idp:eu-test-1:999999999999:userpool/{}", world.pool);
    for (arn, code) in [
        (foreign.as_str(), "ResourceNotFoundException"),
        (
            "arn:aws:cognito-idp:eu-test-1:000000000000:userpool/eu-test-1_x",
            "ResourceNotFoundException",
        ),
        ("arn:aws:s3:::bucket", "InvalidParameterException"),
    ] {
        for (operation, rest) in [
            (Operation::TagResource, json!({"Tags": {"a": "b"}})),
            (Operation::UntagResource, json!({"TagKeys": ["a"]})),
            (Operation::ListTagsForResource, json!({})),
        ] {
            let mut request = rest;
            request["ResourceArn"] = json!(arn);
            let refused = world.refused(operation, request);
            assert!(refused.starts_with(code), "{operation}: {refused}");
        }
    }
}
