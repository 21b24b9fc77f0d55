//! Several secrets of an app client.

use std::sync::Arc;

use device_pool::store::{Change, Key, Store, Table, Write};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

fn client_with_secret(world: &mut World) -> Value {
    let request = json!({
        "UserPoolId": world.pool, "ClientName": "server", "GenerateSecret": true,
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    });
    let made = world.ok(Operation::CreateUserPoolClient, request)["UserPoolClient"].clone();
    json!({"UserPoolId": world.pool, "ClientId": made["ClientId"]})
}

fn secret_of(world: &mut World, client: &Value) -> String {
    let described = world.ok(Operation::DescribeUserPoolClient, client.clone());
    described["UserPoolClient"]["ClientSecret"].as_str().unwrap().to_owned()
}

fn added(world: &mut World, client: &Value) -> (String, String) {
    let made = world.ok(Operation::AddUserPoolClientSecret, client.clone());
    let made = &made["ClientSecretDescriptor"];
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("ClientSecretId"), text("ClientSecretValue"))
}

/// Whether a sign-in with a hash by this secret gets tokens.
fn accepts(world: &mut World, client: &Value, secret: &str) -> bool {
    let id = client["ClientId"].as_str().unwrap();
    let hash = device_srp::secret_hash("ada", id, secret);
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": id,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD, "SECRET_HASH": hash},
    });
    match world.call(Operation::InitiateAuth, request) {
        Ok(answer) => answer["AuthenticationResult"]["AccessToken"].is_string(),
        Err(error) => {
            assert!(error.message().starts_with("Unable to verify secret hash"), "{error}");
            false
        }
    }
}

fn delete(world: &mut World, client: &Value, id: &str) -> Result<Value, String> {
    let mut request = client.clone();
    request["ClientSecretId"] = json!(id);
    world.call(Operation::DeleteUserPoolClientSecret, request).map_err(|error| error.to_string())
}

#[test]
fn either_secret_is_good_until_it_is_deleted() {
    let mut world = World::new();
    world.user("ada");
    let client = client_with_secret(&mut world);
    let first = secret_of(&mut world, &client);
    let (_, second) = added(&mut world, &client);
    assert!(accepts(&mut world, &client, &first) && accepts(&mut world, &client, &second));
    assert!(!accepts(&mut world, &client, "neither-of-the-two-secrets"));

    let listed = world.ok(Operation::ListUserPoolClientSecrets, client.clone());
    let ids: Vec<&str> = listed["ClientSecrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| secret["ClientSecretId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(!listed.to_string().contains(&second), "a list shows no secret");

    delete(&mut world, &client, ids[0]).unwrap();
    assert!(!accepts(&mut world, &client, &first) && accepts(&mut world, &client, &second));
    assert_eq!(secret_of(&mut world, &client), second);
}

#[test]
fn a_client_has_one_or_two_secrets_or_none() {
    let mut world = World::new();
    let client = client_with_secret(&mut world);
    let (id, _) = added(&mut world, &client);
    let third = world.refused(Operation::AddUserPoolClientSecret, client.clone());
    assert!(third.starts_with("LimitExceededException"), "{third}");
    delete(&mut world, &client, &id).unwrap();
    let again = delete(&mut world, &client, &id).unwrap_err();
    assert!(again.starts_with("ResourceNotFoundException"), "{again}");
    let listed = world.ok(Operation::ListUserPoolClientSecrets, client.clone());
    let last = listed["ClientSecrets"][0]["ClientSecretId"].as_str().unwrap();
    let refused = delete(&mut world, &client, last).unwrap_err();
    assert!(refused.starts_with("InvalidParameterException: The only secret"), "{refused}");

    let mut given = client;
    given["ClientSecret"] = json!("givenbytheadministrator01");
    let made = world.ok(Operation::AddUserPoolClientSecret, given);
    assert!(made["ClientSecretDescriptor"].get("ClientSecretValue").is_none(), "{made}");
    let public = json!({"UserPoolId": world.pool, "ClientId": world.client});
    let refused = world.refused(Operation::AddUserPoolClientSecret, public);
    assert!(refused.starts_with("InvalidParameterException"), "{refused}");
}

#[test]
fn no_secret_is_stored_in_clear_after_a_change() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.user("ada");
    let client = client_with_secret(&mut world);
    let secret = secret_of(&mut world, &client);
    let key = Key { table: Table::Client, id: client["ClientId"].as_str().unwrap().to_owned() };
    let stored = || store.get(&key).unwrap().unwrap().body;
    assert!(!String::from_utf8(stored()).unwrap().contains(&secret));

    // An earlier release kept the secret in the description.
    let mut record: Value = serde_json::from_slice(&stored()).unwrap();
    record.as_object_mut().unwrap().remove("secrets");
    record["description"]["ClientSecret"] = json!(secret);
    let write = Write::Put { body: record.to_string().into_bytes(), expires_at: None };
    store.apply(Change { expect: vec![], writes: vec![(key.clone(), write)] }).unwrap();
    assert!(accepts(&mut world, &client, &secret));
    let (_, second) = added(&mut world, &client);
    assert!(accepts(&mut world, &client, &secret) && accepts(&mut world, &client, &second));
    assert!(!String::from_utf8(stored()).unwrap().contains(&secret));
    assert_eq!(secret_of(&mut world, &client), secret);
}
