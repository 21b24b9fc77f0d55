//! Rotation of refresh tokens, and of the keys of pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use device_pool::PoolKeyKind;
use device_pool::store::{Key, Store as _, StoreError, Table};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::meddled::{Call, Meddled};
use crate::world::{SignedIn, World, claims};

const REVOKED: &str = "NotAuthorizedException: Refresh Token has been revoked";
const REUSED: &str = "RefreshTokenReuseException: Refresh token has been invalidated by rotation.";

/// A user who has signed in with a client that rotates refresh tokens, with this grace period in
/// seconds.
fn rotating(grace: u32) -> (World, SignedIn) {
    let mut world = World::new();
    world.user("ada");
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
    }));
    let signed_in = world.sign_in("ada", None, None);
    (world, signed_in)
}

fn request(world: &World, token: &str) -> Value {
    json!({"ClientId": world.client, "RefreshToken": token})
}

/// Refreshes. Returns the next refresh token and the access token.
fn refresh(world: &mut World, token: &str) -> (String, String) {
    let request = request(world, token);
    let answer = world.ok(Operation::GetTokensFromRefreshToken, request);
    let text = |name: &str| answer["AuthenticationResult"][name].as_str().unwrap().to_owned();
    (text("RefreshToken"), text("AccessToken"))
}

#[test]
fn each_refresh_replaces_the_token_and_knows_old_ones() {
    let (mut world, signed_in) = rotating(0);
    let first = signed_in.refresh_token();
    let (second, access) = refresh(&mut world, &first);
    let (third, _) = refresh(&mut world, &second);
    assert!(first != second && second != third && first != third);
    assert_eq!(claims(&access)["origin_jti"], claims(&signed_in.access_token())["origin_jti"]);
    let (fourth, _) = refresh(&mut world, &third);
    let old = request(&world, &first);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, old), REUSED);
    // Two parties hold the grant, so it is revoked for both.
    let current = request(&world, &fourth);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, current), REVOKED);
    let get = json!({"AccessToken": access});
    assert_eq!(
        world.refused(Operation::GetUser, get),
        "NotAuthorizedException: Access Token has been revoked"
    );
}

#[test]
fn within_the_grace_a_repetition_gets_the_same_new_token() {
    let (mut world, signed_in) = rotating(10);
    let first = signed_in.refresh_token();
    let (second, _) = refresh(&mut world, &first);
    world.now += 9_999;
    assert_eq!(refresh(&mut world, &first).0, second);
    let (third, _) = refresh(&mut world, &second);
    assert_eq!(refresh(&mut world, &second).0, third);
    let two_back = request(&world, &first);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, two_back), REUSED);
}

#[test]
fn after_the_grace_a_repetition_ends_the_sign_in() {
    let (mut world, signed_in) = rotating(10);
    let first = signed_in.refresh_token();
    let (second, _) = refresh(&mut world, &first);
    world.now += 10_000;
    let late = request(&world, &first);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, late), REUSED);
    let current = request(&world, &second);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, current), REVOKED);
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_grace() {
    for grace in [0, 10] {
        let (mut world, signed_in) = rotating(grace);
        let first = signed_in.refresh_token();
        refresh(&mut world, &first);
        world.seconds(-300);
        let old = request(&world, &first);
        assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, old), REUSED);
    }
}

#[test]
fn rotation_does_not_extend_a_grant() {
    let (mut world, signed_in) = rotating(0);
    world.seconds(29 * 24 * 60 * 60);
    let (second, _) = refresh(&mut world, &signed_in.refresh_token());
    world.seconds(24 * 60 * 60);
    let late = request(&world, &second);
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, late),
        "NotAuthorizedException: Refresh Token has expired"
    );
}

#[test]
fn a_rotating_client_refreshes_only_by_the_operation() {
    let (mut world, signed_in) = rotating(0);
    let by_flow = |client: &str, token: &str| {
        json!({"AuthFlow": "REFRESH_TOKEN_AUTH",
        "ClientId": client, "AuthParameters": {"REFRESH_TOKEN": token}})
    };
    let refused = "InvalidParameterException: REFRESH_TOKEN_AUTH flow not enabled for this client";
    let request = by_flow(&world.client, &signed_in.refresh_token());
    assert_eq!(world.refused(Operation::InitiateAuth, request), refused);
    // A client without a list of flows allows this one, except for the rotation.
    world.client = world.make_client(json!({"RefreshTokenRotation": {"Feature": "ENABLED"}}));
    let token = world.sign_in("ada", None, None).refresh_token();
    let request = by_flow(&world.client, &token);
    assert_eq!(world.refused(Operation::InitiateAuth, request), refused);
    refresh(&mut world, &token);
}

#[test]
fn a_replaced_token_stays_replaced_without_rotation() {
    let (mut world, signed_in) = rotating(60);
    let (second, _) = refresh(&mut world, &signed_in.refresh_token());
    let off = json!({"UserPoolId": world.pool, "ClientId": world.client});
    world.ok(Operation::UpdateUserPoolClient, off);
    let current = request(&world, &second);
    let answer = world.ok(Operation::GetTokensFromRefreshToken, current);
    assert!(answer["AuthenticationResult"].get("RefreshToken").is_none());
    let old = request(&world, &signed_in.refresh_token());
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, old), REUSED);
}

#[test]
fn revoking_any_token_of_a_sign_in_ends_it() {
    let (mut world, signed_in) = rotating(0);
    let first = signed_in.refresh_token();
    let (second, access) = refresh(&mut world, &first);
    world.ok(Operation::RevokeToken, json!({"ClientId": world.client, "Token": first}));
    let revoked = "NotAuthorizedException: Refresh Token has been revoked";
    let current = request(&world, &second);
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, current), revoked);
    assert_eq!(
        world.refused(Operation::GetUser, json!({"AccessToken": access})),
        "NotAuthorizedException: Access Token has been revoked"
    );
}

#[test]
fn revocation_can_be_switched_off_for_a_client() {
    let mut world = World::new();
    world.user("ada");
    world.client = world.make_client(json!({"EnableTokenRevocation": false}));
    let token = world.sign_in("ada", None, None).refresh_token();
    let revoke = json!({"ClientId": world.client, "Token": token});
    let refused = world.refused(Operation::RevokeToken, revoke);
    assert!(refused.starts_with("UnsupportedOperationException"), "{refused}");
    let request = request(&world, &token);
    world.ok(Operation::GetTokensFromRefreshToken, request);
}

#[test]
fn a_client_with_a_secret_revokes_with_it() {
    let mut world = World::new();
    let made = world.ok(
        Operation::CreateUserPoolClient,
        json!({
            "UserPoolId": world.pool, "ClientName": "app", "GenerateSecret": true,
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        }),
    );
    let id = made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let secret = made["UserPoolClient"]["ClientSecret"].as_str().unwrap().to_owned();
    world.user("ada");
    let hash = device_srp::secret_hash("ada", &id, &secret);
    let parameters =
        json!({"USERNAME": "ada", "PASSWORD": crate::world::PASSWORD, "SECRET_HASH": hash});
    let start =
        json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": id, "AuthParameters": parameters});
    let signed_in = world.ok(Operation::InitiateAuth, start);
    let mut revoke =
        json!({"ClientId": id, "Token": signed_in["AuthenticationResult"]["RefreshToken"]});
    for wrong in [Value::Null, json!("A".repeat(51))] {
        revoke["ClientSecret"] = wrong;
        let refused = world.refused(Operation::RevokeToken, revoke.clone());
        assert!(refused.starts_with("UnauthorizedException: Unable to verify secret"), "{refused}");
    }
    revoke["ClientSecret"] = json!(secret);
    assert_eq!(world.ok(Operation::RevokeToken, revoke), json!({}));
    let nobodys = json!({"ClientId": "nobody", "Token": "AAAA"});
    assert_eq!(
        world.refused(Operation::RevokeToken, nobodys),
        "InvalidParameterException: User pool client nobody does not exist."
    );
}

#[test]
fn a_changed_refresh_token_is_not_recognised() {
    let (mut world, signed_in) = rotating(0);
    let token = signed_in.refresh_token();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let request = request(&world, &String::from_utf8(changed).unwrap());
        assert_eq!(
            world.refused(Operation::GetTokensFromRefreshToken, request),
            "NotAuthorizedException: Invalid Refresh Token.",
            "at {at}"
        );
    }
}

/// The key ids that the pool publishes.
fn published(world: &World) -> Vec<String> {
    let set = world.engine.jwks(&world.pool, world.moment()).unwrap().unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    set["keys"].as_array().unwrap().iter().map(kid).collect()
}

#[test]
fn replaced_signing_keys_verify_while_tokens_are_out() {
    let mut world = World::new();
    world.user("ada");
    world.client = world.make_client(json!({"AccessTokenValidity": 24}));
    let before = published(&world);
    assert_eq!(before.len(), 2);
    let old = world.sign_in("ada", None, None);
    assert!(before.contains(&header(&old.access_token())));
    assert_eq!(world.rotate_keys(Duration::ZERO), 1);
    let after = published(&world);
    assert_eq!(after.len(), 4, "two keys that sign, and their two predecessors");
    assert!(before.iter().all(|kid| after.contains(kid)));
    let new = world.sign_in("ada", None, None);
    for token in [new.access_token(), new.result["IdToken"].as_str().unwrap().to_owned()] {
        assert!(after.contains(&header(&token)) && !before.contains(&header(&token)));
    }
    // Just before the old token expires, it is accepted and its key is still published.
    world.seconds(24 * 60 * 60 - 1);
    for token in [old.access_token(), new.access_token()] {
        world.ok(Operation::GetUser, json!({"AccessToken": token}));
    }
    assert!(published(&world).contains(&header(&old.access_token())));
    world.seconds(301);
    let last = published(&world);
    assert_eq!(last.len(), 2);
    assert!(before.iter().all(|kid| !last.contains(kid)));
}

#[test]
fn sealed_state_outlives_a_rotation() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let claim = world.srp_claim("ada", crate::world::PASSWORD);
    assert_eq!(world.rotate_keys(Duration::ZERO), 1);
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
    let request = request(&world, &signed_in.refresh_token());
    // A refresh token is good for 30 days, whatever is replaced meanwhile.
    for _ in 0..29 {
        world.ok(Operation::GetTokensFromRefreshToken, request.clone());
        world.seconds(24 * 60 * 60);
        assert_eq!(world.rotate_keys(Duration::ZERO), 1);
    }
}

#[test]
fn a_device_key_is_confirmed_after_a_rotation() {
    let mut world = World::opt_in();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    assert_eq!(world.rotate_keys(Duration::ZERO), 1);
    let request = world.confirmation(&signed_in.access_token(), &device);
    world.ok(Operation::ConfirmDevice, request);
    world.sign_in("ada", Some(&device), None);
}

#[test]
fn keys_are_replaced_by_kind_with_an_event() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    let pool = world.pool.clone();
    let place = Key { table: Table::PoolKeys, id: pool.clone() };
    let keys = || {
        let record = store.get(&place).unwrap().unwrap();
        let record: Value = serde_json::from_slice(&record.body).unwrap();
        ["sealing", "seals", "access", "id"].map(|name| record[name].clone())
    };
    let events = || store.scan(Table::AuditEvent, "server/", None, 100).unwrap();
    let first = keys();
    assert_eq!(world.replace_keys(PoolKeyKind::Sealing, Some("us-east-1_none")), 0);
    assert!(events().is_empty(), "nothing was done");

    assert_eq!(world.replace_keys(PoolKeyKind::Sealing, Some(&pool)), 1);
    let second = keys();
    assert_eq!((&first[0], &first[2..]), (&second[0], &second[2..]));
    assert_eq!(second[1].as_array().unwrap().len(), 2);
    assert_eq!(second[1][0], first[1][0]);

    world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    assert_eq!(world.replace_keys(PoolKeyKind::Signing, None), 2);
    let third = keys();
    assert_eq!(second[..2], third[..2]);
    assert!(second[2] != third[2] && second[3] != third[3]);
    assert_eq!(events().len(), 2, "one for each act");
}

#[test]
fn keys_that_change_meanwhile_are_replaced_all_the_same() {
    let store = Arc::new(Meddled::default());
    let mut world = World::over(store.clone(), 7);
    let refuses = AtomicBool::new(true);
    store.meddle(move |call| match call {
        Call::Apply(_) if refuses.swap(false, Ordering::Relaxed) => Err(StoreError::Conflict),
        _ => Ok(()),
    });
    let pool = world.pool.clone();
    assert_eq!(world.replace_keys(PoolKeyKind::Sealing, Some(&pool)), 1);
}

#[test]
fn keys_are_replaced_at_their_maximum_age() {
    let mut world = World::new();
    world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    const DAY: u64 = 24 * 60 * 60;
    assert_eq!(world.rotate_keys(Duration::from_secs(DAY)), 0);
    world.seconds(DAY as i64);
    world.ok(Operation::CreateUserPool, json!({"PoolName": "a newer one"}));
    assert_eq!(world.rotate_keys(Duration::from_secs(DAY)), 2);
    assert_eq!(world.rotate_keys(Duration::from_secs(DAY)), 0);
}

#[test]
fn a_replaced_key_keeps_no_private_half() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.rotate_keys(Duration::ZERO);
    let key = Key { table: Table::PoolKeys, id: world.pool.clone() };
    let record: Value = serde_json::from_slice(&store.get(&key).unwrap().unwrap().body).unwrap();
    for kind in ["access", "id"] {
        let retired: Vec<&String> =
            record[kind]["retired"][0].as_object().unwrap().keys().collect();
        assert_eq!(retired, ["e", "kid", "n", "published_until"]);
    }
}

/// The key id in a token's header.
fn header(token: &str) -> String {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}
