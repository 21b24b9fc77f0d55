//! Tokens: their claims, refresh and end of validity.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::pool_with;
use crate::world::{Flow, PASSWORD, START, World, claims};

#[test]
fn the_claims_match_the_services() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let access = claims(&signed_in.access_token());
    let id = claims(signed_in.result["IdToken"].as_str().unwrap());
    assert_eq!(access["iss"], format!("http://localhost:9229/{}", world.pool));
    assert_eq!(access["client_id"], json!(world.client));
    assert_eq!(access["device_key"], json!(device.key));
    assert_eq!(access["token_use"], "access");
    assert_eq!(access["scope"], "aws.cognito.signin.user.admin");
    assert_eq!(access["username"], "ada");
    assert_eq!(access["auth_time"], START / 1000);
    assert_eq!(access["exp"], START / 1000 + 3600);
    assert!(access.get("aud").is_none());
    assert_eq!(id["aud"], json!(world.client));
    assert_eq!(id["cognito:username"], "ada");
    assert_eq!(id["token_use"], "id");
    for shared in ["sub", "iss", "origin_jti", "event_id", "auth_time", "iat"] {
        assert_eq!(access[shared], id[shared], "{shared}");
    }
    assert_ne!(access["jti"], id["jti"]);
    assert_eq!(signed_in.result["ExpiresIn"], 3600);
    assert_eq!(signed_in.result["TokenType"], "Bearer");
}

#[test]
fn both_keys_are_published_and_nothing_private_with_them() {
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let jwks = world.engine.jwks(&world.pool, world.moment()).unwrap().unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    }
    use base64::Engine as _;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert!(keys.iter().any(|key| key["kid"] == header["kid"]));
    let discovery = world.engine.openid_configuration(&world.pool).unwrap().unwrap();
    assert_eq!(discovery["issuer"], claims(&token)["iss"]);
    assert_eq!(world.engine.jwks("eu-test-1_nowhere", world.moment()).unwrap(), None);
    assert_eq!(world.engine.openid_configuration("eu-test-1_nowhere").unwrap(), None);
}

#[test]
fn an_access_token_counts_until_it_expires() {
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    world.seconds(3599);
    world.ok(Operation::GetUser, json!({"AccessToken": token}));
    world.seconds(1);
    assert_eq!(
        world.refused(Operation::GetUser, json!({"AccessToken": token})),
        "NotAuthorizedException: Access Token has expired"
    );
}

#[test]
fn tokens_of_another_kind_signer_or_shape_are_refused() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let token = signed_in.access_token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let kid = serde_json::from_slice::<serde_json::Value>(&BASE64.decode(header).unwrap()).unwrap()
        ["kid"]
        .clone();
    let unsigned = BASE64.encode(json!({"alg": "none", "kid": kid}).to_string());
    let hmac = BASE64.encode(json!({"alg": "HS256", "kid": kid}).to_string());
    let mut promoted = claims(&token);
    promoted["username"] = json!("bob");
    let promoted = BASE64.encode(promoted.to_string());
    for bad in [
        signed_in.result["IdToken"].as_str().unwrap().to_owned(),
        signed_in.refresh_token(),
        format!("{unsigned}.{payload}."),
        format!("{hmac}.{payload}.{signature}"),
        format!("{header}.{promoted}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        String::new(),
        "...".into(),
    ] {
        assert_eq!(
            world.refused(Operation::GetUser, json!({"AccessToken": bad})),
            "NotAuthorizedException: Invalid Access Token",
            "{bad}"
        );
    }
}

#[test]
fn refreshing_keeps_origin_sign_in_time_and_refresh_token() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let before = claims(&signed_in.access_token());
    world.seconds(600);
    let by_flow = world.ok(
        Operation::InitiateAuth,
        json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
            "AuthParameters": {"REFRESH_TOKEN": signed_in.refresh_token()},
        }),
    );
    let by_operation = world.ok(
        Operation::GetTokensFromRefreshToken,
        json!({"ClientId": world.client, "RefreshToken": signed_in.refresh_token()}),
    );
    for answer in [by_flow, by_operation] {
        let result = &answer["AuthenticationResult"];
        assert!(result.get("RefreshToken").is_none());
        let after = claims(result["AccessToken"].as_str().unwrap());
        assert_eq!(after["origin_jti"], before["origin_jti"]);
        assert_eq!(after["auth_time"], before["auth_time"]);
        assert_eq!(after["iat"], START / 1000 + 600);
        assert_ne!(after["jti"], before["jti"]);
    }
}

#[test]
fn a_refresh_needs_the_device_that_the_token_is_bound_to() {
    let mut world = World::opt_in();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let (other, _) = world.confirmed_device("ada", None);
    let refresh = |key: Option<&str>, world: &World| {
        json!({"ClientId": world.client,
        "RefreshToken": signed_in.refresh_token(), "DeviceKey": key})
    };
    let invalid = "NotAuthorizedException: Invalid Refresh Token.";
    let request = refresh(Some(&device.key), &world);
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, request.clone()),
        invalid,
        "the device is not confirmed yet"
    );
    let confirmation = world.confirmation(&signed_in.access_token(), &device);
    world.ok(Operation::ConfirmDevice, confirmation);
    for key in [None, Some(""), Some(other.key.as_str())] {
        let request = refresh(key, &world);
        assert_eq!(
            world.refused(Operation::GetTokensFromRefreshToken, request),
            invalid,
            "{key:?}"
        );
    }
    world.ok(Operation::GetTokensFromRefreshToken, request);
}

#[test]
fn a_refresh_token_belongs_to_its_client_and_expires() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let other = world.make_client(json!({}));
    let refresh =
        |client: &str| json!({"ClientId": client, "RefreshToken": signed_in.refresh_token()});
    let own = world.client.clone();
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh(&other)),
        "NotAuthorizedException: Invalid Refresh Token."
    );
    for bad in ["", "AAAA", "not base64!", &signed_in.access_token()] {
        let request = json!({"ClientId": own, "RefreshToken": bad});
        assert_eq!(
            world.refused(Operation::GetTokensFromRefreshToken, request),
            "NotAuthorizedException: Invalid Refresh Token."
        );
    }
    world.seconds(30 * 24 * 60 * 60);
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh(&own)),
        "NotAuthorizedException: Refresh Token has expired"
    );
}

#[test]
fn revoking_ends_one_sign_in_and_global_sign_out_all() {
    let mut world = World::new();
    world.user("ada");
    let first = world.sign_in("ada", None, None);
    let second = world.sign_in("ada", None, None);
    let user = |token: String| json!({"AccessToken": token});
    let revoke = json!({"ClientId": world.client, "Token": first.refresh_token()});
    world.ok(Operation::RevokeToken, revoke.clone());
    world.ok(Operation::RevokeToken, revoke);
    let revoked = "NotAuthorizedException: Access Token has been revoked";
    assert_eq!(world.refused(Operation::GetUser, user(first.access_token())), revoked);
    world.ok(Operation::GetUser, user(second.access_token()));
    let not_a_refresh_token = json!({"ClientId": world.client, "Token": second.access_token()});
    let refused = world.refused(Operation::RevokeToken, not_a_refresh_token);
    assert!(refused.starts_with("UnsupportedTokenTypeException"), "{refused}");

    world.seconds(1);
    world.ok(Operation::GlobalSignOut, user(second.access_token()));
    assert_eq!(world.refused(Operation::GetUser, user(second.access_token())), revoked);
    let refresh = json!({"ClientId": world.client, "RefreshToken": second.refresh_token()});
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh),
        "NotAuthorizedException: Refresh Token has been revoked"
    );
    world.seconds(1);
    let third = world.sign_in("ada", None, None).access_token();
    world.ok(Operation::GetUser, user(third));
}

#[test]
fn global_sign_out_leaves_devices() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    world.ok(Operation::GlobalSignOut, json!({"AccessToken": signed_in.access_token()}));
    world.seconds(1);
    assert_eq!(world.sign_in("ada", Some(&device), None).challenges, ["DEVICE_SRP_AUTH"]);
}

#[test]
fn an_administrator_signs_a_user_out_everywhere() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    world.seconds(1);
    let ada = json!({"UserPoolId": world.pool, "Username": "ADA"});
    assert_eq!(world.ok(Operation::AdminUserGlobalSignOut, ada), json!({}));
    assert_eq!(
        world.refused(Operation::GetUser, json!({"AccessToken": signed_in.access_token()})),
        "NotAuthorizedException: Access Token has been revoked"
    );
    let refresh = json!({"ClientId": world.client, "RefreshToken": signed_in.refresh_token()});
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh),
        "NotAuthorizedException: Refresh Token has been revoked"
    );
    let nobody = json!({"UserPoolId": world.pool, "Username": "nobody"});
    assert_eq!(
        world.refused(Operation::AdminUserGlobalSignOut, nobody),
        "UserNotFoundException: User does not exist."
    );
    let nowhere = json!({"UserPoolId": "eu-test-1_x", "Username": "ada"});
    assert!(
        world
            .refused(Operation::AdminUserGlobalSignOut, nowhere)
            .starts_with("ResourceNotFoundException")
    );
}

#[test]
fn a_client_is_shown_the_attributes_that_it_may_read() {
    let mut world = pool_with(json!({"Schema": [
        {"Name": "badge", "AttributeDataType": "String"},
        {"Name": "score", "AttributeDataType": "String", "DeveloperOnlyAttribute": true},
    ]}));
    world.user("ada");
    world.set_attributes(
        "ada",
        &[
            ("email", "ada@example.com"),
            ("email_verified", "true"),
            ("name", "Ada"),
            ("custom:badge", "7"),
            ("dev:custom:score", "3"),
        ],
    );
    let every = ["custom:badge", "email", "email_verified", "name"];
    for (readable, shown) in
        [(None, &every[..]), (Some(["email", "custom:badge"]), &["custom:badge", "email"])]
    {
        world.client = world.make_client(json!({"ReadAttributes": readable}));
        let signed_in = world.sign_in("ada", None, None);
        let refresh = json!({"ClientId": world.client, "RefreshToken": signed_in.refresh_token()});
        let refreshed = world.ok(Operation::GetTokensFromRefreshToken, refresh);
        for token in [&signed_in.result["IdToken"], &refreshed["AuthenticationResult"]["IdToken"]] {
            let claims = claims(token.as_str().unwrap());
            let claimed = claims.as_object().unwrap().keys().map(String::as_str);
            let claimed: Vec<&str> =
                claimed.filter(|name| every.contains(name) || name.starts_with("dev:")).collect();
            assert_eq!(claimed, shown, "{readable:?}");
            assert!(claims["sub"].is_string());
        }
        let user = world.ok(Operation::GetUser, json!({"AccessToken": signed_in.access_token()}));
        let named = user["UserAttributes"].as_array().unwrap().iter();
        let named: Vec<&str> = named.map(|attribute| attribute["Name"].as_str().unwrap()).collect();
        assert_eq!(named, [shown, &["sub"]].concat(), "{readable:?}");
    }
    let request = json!({"UserPoolId": world.pool, "Username": "ada"});
    let user = world.ok(Operation::AdminGetUser, request.clone());
    assert_eq!(
        user["UserAttributes"].as_array().unwrap().len(),
        6,
        "an administrator is shown all of them"
    );

    let mut temporary = request;
    temporary["Password"] = json!(PASSWORD);
    world.ok(Operation::AdminSetUserPassword, temporary);
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    let told: Value =
        serde_json::from_str(asked["ChallengeParameters"]["userAttributes"].as_str().unwrap())
            .unwrap();
    assert_eq!(told, json!({"custom:badge": "7", "email": "ada@example.com"}));
}

#[test]
fn the_roles_of_groups_are_in_the_id_token() {
    let mut world = World::new();
    world.user("ada");
    let role = |name: &str| format!("arn:aws:iam::000000000000:role/{name}");
    for (name, precedence) in [("staff", 5), ("admins", 1)] {
        let group = json!({
            "UserPoolId": world.pool, "GroupName": name, "Precedence": precedence,
            "RoleArn": role(name),
        });
        world.ok(Operation::CreateGroup, group);
        let member = json!({"UserPoolId": world.pool, "Username": "ada", "GroupName": name});
        world.ok(Operation::AdminAddUserToGroup, member);
    }
    let signed_in = world.sign_in("ada", None, None);
    let id = claims(signed_in.result["IdToken"].as_str().unwrap());
    assert_eq!(id["cognito:roles"], json!([role("admins"), role("staff")]));
    assert_eq!(id["cognito:preferred_role"], role("admins"));
    let access = claims(&signed_in.access_token());
    assert!(
        access.get("cognito:roles").is_none() && access.get("cognito:preferred_role").is_none()
    );
}
