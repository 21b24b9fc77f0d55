//! App clients: described, changed, listed and deleted.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::World;

fn of(world: &World, client: &str) -> Value {
    json!({"UserPoolId": world.pool, "ClientId": client})
}

/// Creates a second pool. Returns its id.
fn other_pool(world: &mut World) -> String {
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    made["UserPool"]["Id"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_is_described_as_it_was_made() {
    let mut world = World::new();
    let made = world.ok(
        Operation::CreateUserPoolClient,
        json!({"UserPoolId": world.pool, "ClientName": "app", "GenerateSecret": true,
            "IdTokenValidity": 2}),
    );
    let id = made["UserPoolClient"]["ClientId"].as_str().unwrap();
    let shown = world.ok(Operation::DescribeUserPoolClient, of(&world, id));
    assert_eq!(shown, made);
    for (member, value) in [
        ("TokenValidityUnits", json!({})),
        ("RefreshTokenValidity", json!(30)),
        ("AllowedOAuthFlowsUserPoolClient", json!(false)),
        ("EnableTokenRevocation", json!(true)),
        ("EnablePropagateAdditionalUserContextData", json!(false)),
        ("AuthSessionValidity", json!(3)),
    ] {
        assert_eq!(shown["UserPoolClient"][member], value, "{member}");
    }
    assert_eq!(shown["UserPoolClient"]["UserPoolId"], json!(world.pool));
    assert_eq!(shown["UserPoolClient"]["ClientSecret"].as_str().unwrap().len(), 51);
}

#[test]
fn a_client_update_resets_omitted_settings() {
    let mut world = World::new();
    let made = world.ok(
        Operation::CreateUserPoolClient,
        json!({
            "UserPoolId": world.pool, "ClientName": "app", "GenerateSecret": true,
            "RefreshTokenValidity": 7,
            "AuthSessionValidity": 9, "PreventUserExistenceErrors": "ENABLED",
        }),
    )["UserPoolClient"]
        .clone();
    world.seconds(1);
    let mut request = of(&world, made["ClientId"].as_str().unwrap());
    request["AccessTokenValidity"] = json!(3);
    let updated =
        world.ok(Operation::UpdateUserPoolClient, request.clone())["UserPoolClient"].clone();
    for kept in ["ClientId", "ClientSecret", "ClientName", "CreationDate", "UserPoolId"] {
        assert_eq!(updated[kept], made[kept], "{kept}");
    }
    assert_eq!(updated["AccessTokenValidity"], 3);
    assert_eq!(updated["RefreshTokenValidity"], 30);
    assert_eq!(updated["AuthSessionValidity"], 3);
    assert_eq!(updated["PreventUserExistenceErrors"], Value::Null);
    assert_ne!(updated["LastModifiedDate"], made["LastModifiedDate"]);
    let shown = world.ok(Operation::DescribeUserPoolClient, request);
    assert_eq!(shown["UserPoolClient"], updated);
}

#[test]
fn contradictory_client_settings_are_refused() {
    let mut world = World::new();
    let client = world.client.clone();
    for (settings, says) in [
        (json!({"AccessTokenValidity": 25}), "Invalid range for token validity"),
        (
            json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"]}),
            "can't be combined",
        ),
        (json!({"ReadAttributes": ["email", "shoe_size"]}), "Invalid read attributes specified"),
        (json!({"WriteAttributes": ["custom:shoe_size"]}), "Invalid write attributes specified"),
        (
            json!({
                "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"],
                "RefreshTokenRotation": {"Feature": "ENABLED"},
            }),
            "Refresh token rotation can't be enabled",
        ),
    ] {
        for (operation, name, value) in [
            (Operation::CreateUserPoolClient, "ClientName", "app"),
            (Operation::UpdateUserPoolClient, "ClientId", client.as_str()),
        ] {
            let mut request = settings.clone();
            request["UserPoolId"] = json!(world.pool);
            request[name] = json!(value);
            let refused = world.refused(operation, request);
            assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
            assert!(refused.contains(says), "{refused}");
        }
    }
}

#[test]
fn a_secret_is_kept_in_no_secrets_manager() {
    let mut world = World::new();
    for (operation, publish, refused) in [
        (Operation::CreateUserPoolClient, true, true),
        (Operation::UpdateUserPoolClient, true, true),
        (Operation::CreateUserPoolClient, false, false),
    ] {
        let request = json!({
            "UserPoolId": world.pool, "ClientId": world.client, "ClientName": "app",
            "GenerateSecret": true, "PublishSecretsInAWSSecretsManager": publish,
        });
        let answer = world.call(operation, request);
        assert_eq!(answer.is_err(), refused, "{operation}");
        match answer {
            Ok(made) => assert!(made["UserPoolClient"]["ClientSecret"].is_string(), "{made}"),
            Err(error) => {
                let says = "PublishSecretsInAWSSecretsManager is not supported";
                assert!(error.message().starts_with(says), "{error}");
            }
        }
    }
}

#[test]
fn a_client_is_found_in_its_own_pool_only() {
    let mut world = World::new();
    let client = world.client.clone();
    let other = other_pool(&mut world);
    for operation in [
        Operation::DescribeUserPoolClient,
        Operation::UpdateUserPoolClient,
        Operation::DeleteUserPoolClient,
    ] {
        for (pool, id, missing) in [
            (other.as_str(), client.as_str(), format!("User pool client {client} does not exist.")),
            (other.as_str(), "nobody", "User pool client nobody does not exist.".to_owned()),
            ("eu-test-1_x", client.as_str(), "User pool eu-test-1_x does not exist.".to_owned()),
        ] {
            let refused = world.refused(operation, json!({"UserPoolId": pool, "ClientId": id}));
            assert_eq!(refused, format!("ResourceNotFoundException: {missing}"), "{operation}");
        }
    }
    world.ok(Operation::DescribeUserPoolClient, of(&world, &client));
}

#[test]
fn a_deleted_client_has_no_sign_ins_and_no_tokens() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let client = world.client.clone();
    assert_eq!(world.ok(Operation::DeleteUserPoolClient, of(&world, &client)), Value::Null);
    let gone = format!("ResourceNotFoundException: User pool client {client} does not exist.");
    let refresh = json!({"ClientId": client, "RefreshToken": signed_in.refresh_token()});
    assert_eq!(world.refused(Operation::GetTokensFromRefreshToken, refresh), gone);
    let start = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": client,
        "AuthParameters": {"USERNAME": "ada"}});
    assert_eq!(world.refused(Operation::InitiateAuth, start), gone);
    let token = json!({"AccessToken": signed_in.access_token()});
    let revoked = "NotAuthorizedException: Access Token has been revoked";
    for operation in [Operation::GetUser, Operation::AssociateSoftwareToken] {
        assert_eq!(world.refused(operation, token.clone()), revoked, "{operation}");
    }
    let listed = world.ok(Operation::ListUserPoolClients, json!({"UserPoolId": world.pool}));
    assert_eq!(listed, json!({"UserPoolClients": []}));
}

#[test]
fn clients_are_listed_by_pages_and_by_pool() {
    let mut world = World::new();
    let mut made: Vec<String> = (0..4).map(|_| world.make_client(json!({}))).collect();
    made.push(world.client.clone());
    made.sort();
    let other = other_pool(&mut world);
    let nothing = world.ok(Operation::ListUserPoolClients, json!({"UserPoolId": other}));
    assert_eq!(nothing, json!({"UserPoolClients": []}));
    let mut listed = Vec::new();
    let mut request = json!({"UserPoolId": world.pool, "MaxResults": 2});
    for pages in 1.. {
        let page = world.ok(Operation::ListUserPoolClients, request.clone());
        for client in page["UserPoolClients"].as_array().unwrap() {
            assert_eq!(client["ClientName"], "app");
            assert_eq!(client["UserPoolId"], json!(world.pool));
            assert!(client.get("ClientSecret").is_none());
            listed.push(client["ClientId"].as_str().unwrap().to_owned());
        }
        let Some(next) = page.get("NextToken") else {
            assert_eq!(pages, 3);
            break;
        };
        request["NextToken"] = next.clone();
    }
    assert_eq!(listed, made);
    let dynamic = json!({"UserPoolId": world.pool, "ClientType": "DCR"});
    assert_eq!(world.ok(Operation::ListUserPoolClients, dynamic), json!({"UserPoolClients": []}));
    let nowhere = json!({"UserPoolId": "eu-test-1_x"});
    assert!(world.refused(Operation::ListUserPoolClients, nowhere).contains("does not exist"));
}
