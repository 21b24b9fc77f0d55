//! Strings that the server issues keep the model's constraints, so that clients can send them back.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Identity, Salt, Verifier};
use device_test::{FakeClock, totp_code};
use regex::Regex;
use serde_json::{Value, json};

use crate::{request, router, send};

/// The service's own names of attributes are longer than the model allows: the maximum applies to
/// the name that an operator chooses, without the prefix.
const TOO_LONG_BY_DESIGN: &str = "CustomAttributeNameType";

const PASSWORD: &str = "Correct-horse-7";

/// Calls a server and checks each answer against the model.
struct Caller {
    router: Router,
    model: Value,
    called: BTreeSet<String>,
    violations: BTreeSet<String>,
}

impl Caller {
    fn new() -> Self {
        Self {
            router: router(|service| service),
            model: serde_json::from_str(device_wire::MODEL_JSON).unwrap(),
            called: BTreeSet::new(),
            violations: BTreeSet::new(),
        }
    }

    async fn call(&mut self, operation: &str, body: Value) -> Value {
        let answer = send(self.router.clone(), request(operation, body.to_string())).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {}", answer.body);
        self.called.insert(operation.to_owned());
        if answer.body.is_empty() {
            return Value::Null;
        }
        let body = answer.json();
        if let Some(shape) = self.model["operations"][operation]["output"].as_str() {
            let found = violations(&self.model, shape, &body, operation);
            self.violations.extend(found);
        }
        body
    }

    async fn refused(&mut self, operation: &str, body: Value) -> String {
        let answer = send(self.router.clone(), request(operation, body.to_string())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{operation}: {}", answer.body);
        answer.json()["__type"].as_str().unwrap().to_owned()
    }
}

/// The violations of the model in `value`, each with its path.
fn violations(model: &Value, shape_name: &str, value: &Value, path: &str) -> Vec<String> {
    let shape = &model["shapes"][shape_name];
    let below = |name: &Value, value: &Value, path: String| {
        violations(model, name.as_str().unwrap(), value, &path)
    };
    match (shape["type"].as_str().unwrap(), value) {
        (_, Value::Null) => Vec::new(),
        ("structure", Value::Object(members)) => members
            .iter()
            .flat_map(|(name, value)| match &shape["members"][name] {
                Value::Null => vec![format!("{path}.{name} is no member of {shape_name}")],
                member => below(member, value, format!("{path}.{name}")),
            })
            .collect(),
        ("list", Value::Array(items)) => items
            .iter()
            .flat_map(|item| below(&shape["member"], item, format!("{path}[]")))
            .collect(),
        ("map", Value::Object(members)) => members
            .iter()
            .flat_map(|(name, value)| {
                let key = below(&shape["key"], &json!(name), format!("{path} key"));
                key.into_iter().chain(below(&shape["value"], value, format!("{path}.{name}")))
            })
            .collect(),
        ("string", Value::String(text)) => of_text(shape, shape_name, text)
            .map(|rule| format!("{path} = {text:?} breaks {rule} of {shape_name}"))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

/// The rule that a string breaks, if any.
fn of_text(shape: &Value, shape_name: &str, text: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    if shape["max"].as_u64().is_some_and(|max| length > max) && shape_name != TOO_LONG_BY_DESIGN {
        return Some(format!("the maximum {}", shape["max"]));
    }
    if shape["min"].as_u64().is_some_and(|min| length < min) {
        return Some(format!("the minimum {}", shape["min"]));
    }
    if let Some(pattern) = shape["pattern"].as_str() {
        let whole = Regex::new(&format!(r"\A(?:{pattern})\z")).unwrap();
        if !whole.is_match(text) {
            return Some(format!("the pattern {pattern}"));
        }
    }
    let values = shape["enum"].as_array()?;
    (!values.contains(&json!(text))).then(|| "the values".to_owned())
}

/// Creates a pool with devices, MFA and groups, and an app client.
async fn pool(caller: &mut Caller) -> (String, String) {
    let made = caller
        .call(
            "CreateUserPool",
            json!({
                "PoolName": "people", "AutoVerifiedAttributes": ["email"],
                "UserPoolTags": {"team": "a"},
                "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true,
                    "DeviceOnlyRememberedOnUserPrompt": false},
                "Policies": {"SignInPolicy":
                    {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
                "Schema": [{"Name": "shoe", "AttributeDataType": "String"}],
            }),
        )
        .await;
    let pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let mfa = json!({"UserPoolId": pool, "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": {"Enabled": true}});
    caller.call("SetUserPoolMfaConfig", mfa).await;
    let settings = json!({
        "UserPoolId": pool, "ClientName": "app", "GenerateSecret": false,
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
    });
    let made = caller.call("CreateUserPoolClient", settings).await;
    (pool, made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned())
}

async fn user(caller: &mut Caller, pool: &str, name: &str) {
    let body = json!({"UserPoolId": pool, "Username": name, "UserAttributes": [
        {"Name": "email", "Value": format!("{name}@mail.example")},
        {"Name": "email_verified", "Value": "true"},
        {"Name": "custom:shoe", "Value": "39"},
    ]});
    caller.call("AdminCreateUser", body).await;
    let body =
        json!({"UserPoolId": pool, "Username": name, "Password": PASSWORD, "Permanent": true});
    caller.call("AdminSetUserPassword", body).await;
}

fn sign_in(client: &str, flow: &str, parameters: Value) -> Value {
    json!({"ClientId": client, "AuthFlow": flow, "AuthParameters": parameters})
}

async fn tokens(caller: &mut Caller, client: &str, name: &str) -> Value {
    let body =
        sign_in(client, "USER_PASSWORD_AUTH", json!({"USERNAME": name, "PASSWORD": PASSWORD}));
    caller.call("InitiateAuth", body).await["AuthenticationResult"].take()
}

/// The request that confirms the device of a sign-in.
fn confirmation(tokens: &Value) -> Value {
    let text = |member: &str| tokens["NewDeviceMetadata"][member].as_str().unwrap().to_owned();
    let (group, key) = (text("DeviceGroupKey"), text("DeviceKey"));
    let salt = Salt::from_hex("5a17").unwrap();
    let verifier = Verifier::derive(&Identity::device(&group, &key), "secret", &salt);
    json!({
        "AccessToken": tokens["AccessToken"], "DeviceKey": key, "DeviceName": "phone",
        "DeviceSecretVerifierConfig": {
            "Salt": STANDARD.encode(salt.padded()),
            "PasswordVerifier": STANDARD.encode(verifier.padded()),
        },
    })
}

#[tokio::test]
async fn strings_keep_the_constraints_of_the_model() {
    let mut caller = Caller::new();
    let (pool, client) = pool(&mut caller).await;
    for name in ["ada", "bob"] {
        user(&mut caller, &pool, name).await;
    }
    let tokens = tokens(&mut caller, &client, "ada").await;
    let token = &tokens["AccessToken"];
    let confirmed = confirmation(&tokens);
    let key = confirmed["DeviceKey"].clone();
    caller.call("ConfirmDevice", confirmed).await;
    let group = json!({"UserPoolId": pool, "GroupName": "staff", "Precedence": 1});
    caller.call("CreateGroup", group).await;
    let member = json!({"UserPoolId": pool, "Username": "ada", "GroupName": "staff"});
    caller.call("AdminAddUserToGroup", member).await;

    for (operation, mut body) in [
        ("GetUser", json!({})),
        ("ListDevices", json!({"Limit": 1})),
        ("GetDevice", json!({"DeviceKey": key})),
        ("ListUserSessions", json!({})),
        ("GetUserAuthFactors", json!({})),
        ("GetUserAttributeVerificationCode", json!({"AttributeName": "email"})),
    ] {
        body["AccessToken"] = token.clone();
        caller.call(operation, body).await;
    }
    for (operation, mut body) in [
        ("AdminGetUser", json!({})),
        ("AdminListDevices", json!({"Limit": 1})),
        ("AdminGetDevice", json!({"DeviceKey": key})),
        ("AdminListUserAuthEvents", json!({"MaxResults": 1})),
        ("AdminListUserSessions", json!({})),
        ("AdminGetUserAuthFactors", json!({})),
        ("AdminListGroupsForUser", json!({"Limit": 1})),
    ] {
        body["UserPoolId"] = json!(pool);
        body["Username"] = json!("ada");
        caller.call(operation, body).await;
    }
    for (operation, mut body) in [
        ("DescribeUserPool", json!({})),
        ("DescribeUserPoolClient", json!({"ClientId": client})),
        ("ListUserPoolClients", json!({"MaxResults": 1})),
        ("GetUserPoolMfaConfig", json!({})),
        ("ListUsers", json!({"Limit": 1})),
        ("GetGroup", json!({"GroupName": "staff"})),
        ("ListGroups", json!({"Limit": 1})),
        ("ListUsersInGroup", json!({"GroupName": "staff", "Limit": 1})),
    ] {
        body["UserPoolId"] = json!(pool);
        caller.call(operation, body).await;
    }
    caller.call("ListUserPools", json!({"MaxResults": 1})).await;
    challenges(&mut caller, &client, token).await;

    let fit = caller.violations.is_empty();
    assert!(fit, "{:#?}", caller.violations);
    assert!(caller.called.len() > 35, "{:?}", caller.called);
}

/// Makes the calls that answer with challenges of each kind, and those of sign-up, reset and
/// refresh.
async fn challenges(caller: &mut Caller, client: &str, token: &Value) {
    for (flow, parameters) in [
        ("USER_SRP_AUTH", json!({"USERNAME": "ada", "SRP_A": "5"})),
        ("USER_AUTH", json!({"USERNAME": "ada"})),
        ("USER_AUTH", json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "EMAIL_OTP"})),
    ] {
        caller.call("InitiateAuth", sign_in(client, flow, parameters)).await;
    }
    let made = caller.call("AssociateSoftwareToken", json!({"AccessToken": token})).await;
    let code = totp_code(made["SecretCode"].as_str().unwrap(), FakeClock::START_MILLIS);
    let verify = json!({"AccessToken": token, "UserCode": code});
    caller.call("VerifySoftwareToken", verify).await;
    let switch = json!({"AccessToken": token,
        "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true}});
    caller.call("SetUserMFAPreference", switch).await;
    let parameters = json!({"USERNAME": "ada", "PASSWORD": PASSWORD});
    caller.call("InitiateAuth", sign_in(client, "USER_PASSWORD_AUTH", parameters)).await;

    let named = |name: &str| json!({"ClientId": client, "Username": name});
    let mut new = named("eve");
    new["Password"] = json!(PASSWORD);
    new["UserAttributes"] = json!([{"Name": "email", "Value": "eve@mail.example"}]);
    caller.call("SignUp", new).await;
    caller.call("ResendConfirmationCode", named("eve")).await;
    caller.call("ForgotPassword", named("ada")).await;
    let tokens = tokens(caller, client, "bob").await;
    let device = confirmation(&tokens);
    let refresh = json!({"ClientId": client, "RefreshToken": tokens["RefreshToken"],
        "DeviceKey": device["DeviceKey"]});
    caller.call("ConfirmDevice", device).await;
    caller.call("GetTokensFromRefreshToken", refresh).await;
}

#[tokio::test]
async fn one_session_is_ended_and_the_others_are_not() {
    for administrators in [false, true] {
        let mut caller = Caller::new();
        let (pool, client) = pool(&mut caller).await;
        user(&mut caller, &pool, "ada").await;
        let mine = tokens(&mut caller, &client, "ada").await["AccessToken"].take();
        let before = caller.call("ListUserSessions", json!({"AccessToken": mine})).await;
        let own = &before["Sessions"][0]["SessionId"];
        let thief = tokens(&mut caller, &client, "ada").await["AccessToken"].take();
        let listed = caller.call("ListUserSessions", json!({"AccessToken": mine})).await;
        let ids = listed["Sessions"].as_array().unwrap().iter().map(|one| &one["SessionId"]);
        let [theirs] = ids.filter(|id| *id != own).collect::<Vec<_>>()[..] else {
            panic!("{listed}");
        };
        if administrators {
            let end = json!({"UserPoolId": pool, "Username": "ada", "SessionId": theirs});
            caller.call("AdminRevokeUserSession", end).await;
        } else {
            let end = json!({"AccessToken": mine, "SessionId": theirs});
            caller.call("RevokeUserSession", end).await;
        }
        let refused = caller.refused("GetUser", json!({"AccessToken": thief})).await;
        assert_eq!(refused, "NotAuthorizedException");
        caller.call("GetUser", json!({"AccessToken": mine})).await;
        let left = caller.call("ListUserSessions", json!({"AccessToken": mine})).await;
        assert_eq!(left, before, "administrators: {administrators}");
    }
}
