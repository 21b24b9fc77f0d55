//! What developers control under `/dev/`, on a router without a socket.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use device_server::SeedVerifiers::OnFirstRead;
use device_server::{Administrators, DevMode, Seed, Service, ServiceBuilder, app};
use device_test::{FakeClock, access_key, service, totp_code};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const POOL: &str = "us-east-1_Local0001";
const CLIENT: &str = "localclient";
const PASSWORD: &str = "Correct-Horse-7";
const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const SUB: &str = "5ae1c0de-0000-4000-8000-000000000001";

const SEED: &str = r#"
[[UserPools]]
Id = "us-east-1_Local0001"
Name = "people"
MfaConfiguration = "OPTIONAL"
SoftwareTokenMfaConfiguration = { Enabled = true }
AutoVerifiedAttributes = ["email"]

[[UserPools.Clients]]
ClientId = "localclient"
ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

[[UserPools.Groups]]
GroupName = "staff"

[[UserPools.Users]]
Username = "ada"
Password = "Correct-Horse-7"
Attributes = { sub = "5ae1c0de-0000-4000-8000-000000000001", email = "ada@example.com" }
Groups = ["staff"]

[[UserPools.Users]]
Username = "grace"
Password = "Correct-Horse-7"
TotpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"#;

struct Dev {
    service: Arc<Service>,
    router: Router,
}

fn start_with(clock: &FakeClock, change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Dev {
    let service = change(service(clock)).build();
    Dev { router: app(Arc::clone(&service)), service }
}

async fn seeded() -> Dev {
    let dev = start_with(&FakeClock::new(), |service| service);
    dev.service.plant(&Seed::parse("seed.toml", SEED).unwrap(), OnFirstRead).await.unwrap();
    dev
}

impl Dev {
    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn dev(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(format!("/dev/{path}"));
        self.send(request.header("host", "localhost:9229").body(body).unwrap()).await
    }

    async fn done(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.dev(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, String> {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, answer) = self.send(request).await;
        if status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(answer["message"].as_str().unwrap_or_default().to_owned())
        }
    }

    async fn sign_in(&self, name: &str) -> Result<Value, String> {
        let body = json!({ "ClientId": CLIENT, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": name, "PASSWORD": PASSWORD } });
        self.call("InitiateAuth", body).await
    }

    async fn get_user(&self, tokens: &Value) -> Result<Value, String> {
        let token = &tokens["AuthenticationResult"]["AccessToken"];
        self.call("GetUser", json!({ "AccessToken": token })).await
    }

    async fn refresh(&self, tokens: &Value) -> Result<Value, String> {
        let token = &tokens["AuthenticationResult"]["RefreshToken"];
        let body = json!({ "ClientId": CLIENT, "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": { "REFRESH_TOKEN": token } });
        self.call("InitiateAuth", body).await
    }
}

#[tokio::test]
async fn a_seed_has_ids_users_groups_and_factors_of_choice() {
    let dev = seeded().await;
    let tokens = dev.sign_in("ada").await.unwrap();
    let user = dev.get_user(&tokens).await.unwrap();
    let attributes = user["UserAttributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({ "Name": "sub", "Value": SUB })), "{user}");
    let groups = json!({ "UserPoolId": POOL, "Username": "ada" });
    let groups = dev.call("AdminListGroupsForUser", groups).await.unwrap();
    assert_eq!(groups["Groups"][0]["GroupName"], "staff");

    let challenge = dev.sign_in("grace").await.unwrap();
    assert_eq!(challenge["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = totp_code(TOTP, FakeClock::START_MILLIS);
    let answer = json!({ "ClientId": CLIENT, "ChallengeName": "SOFTWARE_TOKEN_MFA",
        "Session": challenge["Session"],
        "ChallengeResponses": { "USERNAME": "grace", "SOFTWARE_TOKEN_MFA_CODE": code } });
    let tokens = dev.call("RespondToAuthChallenge", answer).await.unwrap();
    assert!(tokens["AuthenticationResult"]["AccessToken"].is_string(), "{tokens}");
}

#[tokio::test]
async fn what_a_server_describes_is_a_seed() {
    let dev = seeded().await;
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for operation in [
        "DescribeUserPool",
        "GetUserPoolMfaConfig",
        "DescribeUserPoolClient",
        "ListGroups",
        "ListUsers",
    ] {
        let mut body = json!({ "UserPoolId": POOL });
        if operation == "DescribeUserPoolClient" {
            body["ClientId"] = CLIENT.into();
        }
        let described = dev.call(operation, body).await.unwrap();
        files.push(folder.path().join(format!("{operation}.json")));
        fs::write(files.last().unwrap(), described.to_string()).unwrap();
    }
    let other = start_with(&FakeClock::new(), |service| service);
    other.service.plant(&Seed::read(files).unwrap(), OnFirstRead).await.unwrap();
    for operation in ["DescribeUserPool", "GetUserPoolMfaConfig", "ListGroups", "ListUsers"] {
        let described =
            async |dev: &Dev| dev.call(operation, json!({ "UserPoolId": POOL })).await.unwrap();
        assert_eq!(described(&other).await, described(&dev).await, "{operation}");
    }
}

#[tokio::test]
async fn planting_again_changes_nothing() {
    let dev = seeded().await;
    let password = json!({ "UserPoolId": POOL, "Username": "ada", "Password": "Other-Horse-8",
        "Permanent": true });
    dev.call("AdminSetUserPassword", password).await.unwrap();
    dev.service.plant(&Seed::parse("seed.toml", SEED).unwrap(), OnFirstRead).await.unwrap();
    assert!(dev.sign_in("ada").await.is_err(), "the password stays as it was set");
}

#[tokio::test]
async fn what_the_rules_refuse_is_named_by_its_line() {
    let dev = start_with(&FakeClock::new(), |service| service);
    for (from, to, told) in [
        ("Groups = [\"staff\"]", "Groups = [\"board\"]", "Groups[0]: Group not found."),
        (PASSWORD, "short", "Password: Password did not conform with policy"),
        ("email = \"ada@", "emial = \"ada@", "Attributes: Attributes did not conform"),
    ] {
        let line = 1 + SEED.lines().position(|line| line.contains(from)).unwrap();
        let seed = Seed::parse("seed.toml", &SEED.replacen(from, to, 1)).unwrap();
        let due = format!("the seed seed.toml, line {line}, UserPools[0].Users[0].{told}");
        let error = dev.service.plant(&seed, OnFirstRead).await.unwrap_err().to_string();
        assert!(error.starts_with(&due), "{error}");
        let pools = dev.call("ListUserPools", json!({ "MaxResults": 1 })).await.unwrap();
        assert_eq!(pools["UserPools"], json!([]), "nothing is planted");
    }
}

#[tokio::test]
async fn the_clock_is_advanced_and_tokens_expire() {
    let dev = seeded().await;
    let tokens = dev.sign_in("ada").await.unwrap();
    dev.get_user(&tokens).await.unwrap();
    let clock = dev.done(Method::POST, "clock", json!({ "advance": "1h1s" })).await;
    assert_eq!(clock["millis"], FakeClock::START_MILLIS + 3_601_000);
    assert_eq!(dev.get_user(&tokens).await.unwrap_err(), "Access Token has expired");
    let clock = dev.done(Method::DELETE, "clock", Value::Null).await;
    assert_eq!(clock["millis"], FakeClock::START_MILLIS);
    assert_eq!(dev.done(Method::GET, "clock", Value::Null).await, clock);
    let (status, answer) = dev.dev(Method::POST, "clock", json!({ "advance": "soon" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["message"], "\"soon\" is no duration like 31d, 1h30m or 250ms");
}

#[tokio::test]
async fn an_advanced_clock_purges_and_replaces_keys() {
    let dev = seeded().await;
    let sign_up = json!({ "ClientId": CLIENT, "Username": "eve", "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": "eve@example.com" }] });
    dev.call("SignUp", sign_up).await.unwrap();
    let jwks = || async {
        let path = format!("/{POOL}/.well-known/jwks.json");
        dev.send(Request::get(path).body(Body::empty()).unwrap()).await.1
    };
    let before = jwks().await;
    assert_eq!(before["keys"].as_array().map(Vec::len), Some(2));
    dev.done(Method::POST, "clock", json!({ "advance": "91d" })).await;
    let eve = json!({ "UserPoolId": POOL, "Username": "eve" });
    assert_eq!(dev.call("AdminGetUser", eve).await.unwrap_err(), "User does not exist.");
    assert_ne!(jwks().await["keys"][0]["kid"], before["keys"][0]["kid"]);
}

#[test]
fn a_seed_shows_no_secret() {
    let shown = format!("{:?}", Seed::parse("seed.toml", SEED).unwrap());
    assert!(shown.contains(CLIENT), "{shown}");
    for secret in [PASSWORD, TOTP] {
        assert!(SEED.contains(secret) && !shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn a_reset_goes_back_to_the_seed() {
    let dev = seeded().await;
    let tokens = dev.sign_in("ada").await.unwrap();
    let user = json!({ "UserPoolId": POOL, "Username": "eve" });
    dev.call("AdminCreateUser", user.clone()).await.unwrap();
    dev.call("CreateUserPool", json!({ "PoolName": "other" })).await.unwrap();
    let remove = json!({ "UserPoolId": POOL, "Username": "ada" });
    dev.call("AdminDeleteUser", remove).await.unwrap();
    dev.done(Method::POST, "clock", json!({ "advance": "1d" })).await;

    dev.done(Method::POST, "reset", Value::Null).await;
    let pools = dev.call("ListUserPools", json!({ "MaxResults": 9 })).await.unwrap();
    assert_eq!(pools["UserPools"].as_array().map(Vec::len), Some(1));
    assert!(dev.call("AdminGetUser", user).await.is_err());
    assert!(dev.get_user(&tokens).await.is_err(), "tokens from before are invalid");
    let clock = dev.done(Method::GET, "clock", Value::Null).await;
    assert_eq!(clock["millis"], FakeClock::START_MILLIS);
    let again = dev.sign_in("ada").await.unwrap();
    assert!(dev.get_user(&again).await.is_ok());
}

#[tokio::test]
async fn a_reset_keeps_the_keys_of_the_seeds_pools() {
    let dev = seeded().await;
    let path = format!("/{POOL}/.well-known/jwks.json");
    let jwks = || async { dev.send(Request::get(&path).body(Body::empty()).unwrap()).await.1 };
    let before = jwks().await;
    dev.done(Method::POST, "reset", Value::Null).await;
    assert_eq!(jwks().await, before);
}

#[tokio::test]
async fn a_reset_is_refused_where_data_must_stay() {
    let mode = DevMode::default().keep_data("others use this data");
    let dev = start_with(&FakeClock::new(), |service| {
        service.administrators(Administrators::Anyone(mode))
    });
    let (status, answer) = dev.dev(Method::POST, "reset", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(answer["message"], "/dev/reset is refused: others use this data.");
}

#[tokio::test]
async fn tokens_expire_one_by_one_and_by_user() {
    let dev = seeded().await;
    let [one, other] = [dev.sign_in("ada").await.unwrap(), dev.sign_in("ada").await.unwrap()];
    let access = &one["AuthenticationResult"]["AccessToken"];
    dev.done(Method::POST, "expire", json!({ "AccessToken": access })).await;
    assert_eq!(dev.get_user(&one).await.unwrap_err(), "Access Token has expired");
    dev.get_user(&other).await.unwrap();

    let user = json!({ "UserPoolId": POOL, "Username": "ada" });
    let expired = dev.done(Method::POST, "expire", user).await;
    assert_eq!(expired["expired"], 2);
    assert_eq!(dev.get_user(&other).await.unwrap_err(), "Access Token has expired");
    let fresh = dev.refresh(&other).await.unwrap();
    dev.get_user(&fresh).await.unwrap();

    let refresh = &other["AuthenticationResult"]["RefreshToken"];
    dev.done(Method::POST, "expire", json!({ "RefreshToken": refresh })).await;
    assert_eq!(dev.refresh(&other).await.unwrap_err(), "Refresh Token has expired");
    let all = json!({ "UserPoolId": POOL, "Username": "ada", "RefreshTokens": true });
    dev.done(Method::POST, "expire", all).await;
    assert_eq!(dev.refresh(&one).await.unwrap_err(), "Refresh Token has expired");
}

#[tokio::test]
async fn a_session_expires_when_it_is_told_to() {
    let dev = seeded().await;
    let challenge = dev.sign_in("grace").await.unwrap();
    dev.done(Method::POST, "expire", json!({ "Session": challenge["Session"] })).await;
    let code = totp_code(TOTP, FakeClock::START_MILLIS);
    let answer = json!({ "ClientId": CLIENT, "ChallengeName": "SOFTWARE_TOKEN_MFA",
        "Session": challenge["Session"],
        "ChallengeResponses": { "USERNAME": "grace", "SOFTWARE_TOKEN_MFA_CODE": code } });
    let refused = dev.call("RespondToAuthChallenge", answer).await.unwrap_err();
    assert_eq!(refused, "Invalid session for the user, session is expired.");
}

#[tokio::test]
async fn an_expiry_that_names_nothing_is_refused() {
    let dev = seeded().await;
    for body in [
        json!({}),
        json!({ "Username": "ada" }),
        json!({ "AccessToken": "x", "RefreshToken": "y" }),
        json!({ "AccessTokens": "x" }),
    ] {
        let (status, _) = dev.dev(Method::POST, "expire", body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    let unknown = json!({ "UserPoolId": POOL, "Username": "eve" });
    let (_, answer) = dev.dev(Method::POST, "expire", unknown).await;
    assert_eq!(answer["__type"], "UserNotFoundException");
}

#[tokio::test]
async fn a_user_is_confirmed_and_the_addresses_verified() {
    let dev = seeded().await;
    let sign_up = json!({ "ClientId": CLIENT, "Username": "eve", "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": "eve@example.com" }] });
    dev.call("SignUp", sign_up).await.unwrap();
    assert_eq!(dev.sign_in("eve").await.unwrap_err(), "User is not confirmed.");
    let eve = json!({ "UserPoolId": POOL, "Username": "eve" });
    for _ in 0..2 {
        dev.done(Method::POST, "confirm-user", eve.clone()).await;
    }
    let user = dev.call("AdminGetUser", eve).await.unwrap();
    assert_eq!(user["UserStatus"], "CONFIRMED");
    let attributes = user["UserAttributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({ "Name": "email_verified", "Value": "true" })), "{user}");
    dev.sign_in("eve").await.unwrap();
}

#[tokio::test]
async fn messages_are_listed_waited_for_and_deleted() {
    let dev = seeded().await;
    let none = dev.done(Method::GET, "messages", Value::Null).await;
    assert_eq!(none, json!({ "messages": [], "last": 0 }));
    let sign_up = |name: &str| {
        json!({ "ClientId": CLIENT, "Username": name, "Password": PASSWORD,
            "UserAttributes": [{ "Name": "email", "Value": format!("{name}@example.com") }] })
    };
    // The wait begins first, and the message ends it.
    let (waited, sent) = tokio::join!(
        dev.done(Method::GET, "messages?since=0&wait=30&to=eve@example.com", Value::Null),
        async {
            tokio::task::yield_now().await;
            dev.call("SignUp", sign_up("eve")).await
        }
    );
    sent.unwrap();
    let [message] = &waited["messages"].as_array().unwrap()[..] else { panic!("{waited}") };
    assert_eq!((&message["id"], &message["topic"]), (&json!(1), &json!("SignUp")));
    assert_eq!(message["time"], "2025-11-06T09:05:07Z");
    dev.call("SignUp", sign_up("bob")).await.unwrap();
    for (query, ids) in [
        ("", json!([1, 2])),
        ("?since=1", json!([2])),
        ("?since=2", json!([])),
        ("?since=2025-11-06T09:05:06Z", json!([1, 2])),
        ("?since=2025-11-06T09:05:07Z", json!([])),
        ("?to=BOB", json!([2])),
        ("?pool=us-east-1_Other", json!([])),
    ] {
        let found = dev.done(Method::GET, &format!("messages{query}"), Value::Null).await;
        let found: Vec<_> =
            found["messages"].as_array().unwrap().iter().map(|m| &m["id"]).collect();
        assert_eq!(json!(found), ids, "{query}");
    }
    dev.done(Method::DELETE, "messages?to=eve", Value::Null).await;
    let left = dev.done(Method::GET, "messages", Value::Null).await;
    assert_eq!((&left["messages"][0]["id"], &left["last"]), (&json!(2), &json!(2)));
    let (status, _) = dev.dev(Method::GET, "messages?since=yesterday", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn everyone_gets_the_code_of_choice() {
    let mode = DevMode::default().code("123456").unwrap();
    let dev = start_with(&FakeClock::new(), |service| {
        service.administrators(Administrators::Anyone(mode))
    });
    dev.service.plant(&Seed::parse("seed.toml", SEED).unwrap(), OnFirstRead).await.unwrap();
    let sign_up = json!({ "ClientId": CLIENT, "Username": "eve", "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": "eve@example.com" }] });
    dev.call("SignUp", sign_up).await.unwrap();
    let confirm = json!({ "ClientId": CLIENT, "Username": "eve", "ConfirmationCode": "123456" });
    dev.call("ConfirmSignUp", confirm).await.unwrap();
    for code in ["", "123", "12345a", "123456789"] {
        assert!(DevMode::default().code(code).is_err(), "{code}");
    }
}

#[tokio::test]
async fn ids_are_chosen_by_a_tag_and_by_a_name() {
    let dev = start_with(&FakeClock::new(), |service| service);
    let pool = json!({ "PoolName": "p", "UserPoolTags": { "_custom_id_": POOL } });
    let created = dev.call("CreateUserPool", pool.clone()).await.unwrap();
    assert_eq!(created["UserPool"]["Id"], POOL);
    let taken = dev.call("CreateUserPool", pool.clone()).await.unwrap_err();
    assert_eq!(taken, format!("_custom_id_: there is a user pool {POOL}."));
    let client = json!({ "UserPoolId": POOL, "ClientName": "_custom_id_:myclient" });
    let created = dev.call("CreateUserPoolClient", client.clone()).await.unwrap();
    assert_eq!(created["UserPoolClient"]["ClientId"], "myclient");
    assert!(dev.call("CreateUserPoolClient", client).await.is_err());
    let strange = json!({ "PoolName": "p", "UserPoolTags": { "_custom_id_": "p" } });
    assert!(dev.call("CreateUserPool", strange).await.unwrap_err().contains("is no pool id"));

    // A pool that is created again is not erased with the deleted one.
    dev.call("DeleteUserPool", json!({ "UserPoolId": POOL })).await.unwrap();
    dev.call("CreateUserPool", pool).await.unwrap();
    dev.service.maintain().await;
    dev.call("DescribeUserPool", json!({ "UserPoolId": POOL })).await.unwrap();
}

#[tokio::test]
async fn without_dev_mode_it_is_named_as_missing() {
    let dev = start_with(&FakeClock::new(), |service| {
        service.administrators(Administrators::Signing(access_key()))
    });
    for (method, path) in [
        (Method::POST, "reset"),
        (Method::GET, "clock"),
        (Method::POST, "clock"),
        (Method::GET, "messages"),
        (Method::GET, "messages/p/ada"),
        (Method::DELETE, "messages"),
        (Method::POST, "anything"),
    ] {
        let (status, answer) = dev.dev(method, path, Value::Null).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        let message = "Calls under /dev/ need --dev: this server was started without it.";
        assert_eq!(answer["message"], message, "{path}");
    }
    let seed = Seed::parse("seed.toml", SEED).unwrap();
    let told = dev.service.plant(&seed, OnFirstRead).await.unwrap_err().to_string();
    assert_eq!(told, "the seed seed.toml: seeds are for dev mode");
}

#[tokio::test]
async fn foreign_pages_control_nothing() {
    let dev = seeded().await;
    for (method, path) in [
        (Method::POST, "reset"),
        (Method::POST, "clock"),
        (Method::DELETE, "clock"),
        (Method::POST, "expire"),
        (Method::POST, "confirm-user"),
        (Method::GET, "messages"),
        (Method::DELETE, "messages"),
    ] {
        let request = Request::builder().method(method).uri(format!("/dev/{path}"));
        let request = request.header("origin", "https://evil.example").body(Body::empty()).unwrap();
        assert_eq!(dev.send(request).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let (status, answer) = dev.dev(Method::POST, "rest", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(answer["message"].as_str().unwrap().contains("POST /dev/reset"), "{answer}");
}

#[tokio::test]
async fn a_wait_for_messages_ends_without_one() {
    let dev = seeded().await;
    let wait = dev.done(Method::GET, "messages?wait=0.01", Value::Null);
    let answer = tokio::time::timeout(Duration::from_secs(5), wait).await.unwrap();
    assert_eq!(answer["messages"], json!([]));
}

#[tokio::test]
async fn devices_that_a_user_forgot_stay_away() {
    let dev = start_with(&FakeClock::new(), |service| service);
    let tracks = "[UserPools.DeviceConfiguration]\nChallengeRequiredOnNewDevice = true\n\n";
    let device = "Devices = [{ DeviceKey = \"us-east-1_0a1b\", DeviceGroupKey = \"-g\", \
                  DevicePassword = \"secret\" }]\n";
    let text = SEED
        .replacen("[[UserPools.Clients]]", &format!("{tracks}[[UserPools.Clients]]"), 1)
        .replacen("Groups = [\"staff\"]", &format!("Groups = [\"staff\"]\n{device}"), 1);
    let seed = Seed::parse("seed.toml", &text).unwrap();
    dev.service.plant(&seed, OnFirstRead).await.unwrap();
    let ada = json!({ "UserPoolId": POOL, "Username": "ada" });
    let listed = dev.call("AdminListDevices", ada.clone()).await.unwrap();
    assert_eq!(listed["Devices"][0]["DeviceKey"], "us-east-1_0a1b");
    let forget = json!({ "UserPoolId": POOL, "Username": "ada", "DeviceKey": "us-east-1_0a1b" });
    dev.call("AdminForgetDevice", forget).await.unwrap();
    dev.service.plant(&seed, OnFirstRead).await.unwrap();
    assert_eq!(dev.call("AdminListDevices", ada).await.unwrap()["Devices"], json!([]));
}

#[tokio::test]
async fn a_seed_is_planted_over_users_and_clients_of_others() {
    let dev = start_with(&FakeClock::new(), |service| service);
    let text = SEED
        .replacen("Name = \"people\"", "UsernameAttributes = [\"email\"]", 1)
        .replacen("Username = \"ada\"", "Username = \"ada@example.com\"", 1)
        .replacen("Username = \"grace\"", "Username = \"grace@example.com\"", 1);
    let seed = Seed::parse("seed.toml", &text).unwrap();
    dev.service.plant(&seed, OnFirstRead).await.unwrap();
    let ada = json!({ "UserPoolId": POOL, "Username": "ada@example.com" });
    dev.call("AdminDeleteUser", ada.clone()).await.unwrap();
    dev.call("AdminCreateUser", ada.clone()).await.unwrap();
    let client = json!({ "UserPoolId": POOL, "ClientId": CLIENT });
    dev.call("DeleteUserPoolClient", client).await.unwrap();
    let other = dev.call("CreateUserPool", json!({ "PoolName": "other" })).await.unwrap();
    let name = format!("_custom_id_:{CLIENT}");
    let client = json!({ "UserPoolId": other["UserPool"]["Id"], "ClientName": name });
    dev.call("CreateUserPoolClient", client).await.unwrap();

    dev.service.plant(&seed, OnFirstRead).await.unwrap();
    let user = dev.call("AdminGetUser", ada).await.unwrap();
    assert_eq!(user["UserStatus"], "FORCE_CHANGE_PASSWORD", "the present user stays");
    let clients = json!({ "UserPoolId": POOL });
    let clients = dev.call("ListUserPoolClients", clients).await.unwrap();
    assert_eq!(clients["UserPoolClients"], json!([]), "the other pool keeps the id");
}

#[tokio::test]
async fn a_client_id_is_free_once_its_pool_is_deleted() {
    let dev = seeded().await;
    let other = dev.call("CreateUserPool", json!({ "PoolName": "other" })).await.unwrap();
    dev.call("DeleteUserPool", json!({ "UserPoolId": POOL })).await.unwrap();
    let name = format!("_custom_id_:{CLIENT}");
    let client = json!({ "UserPoolId": other["UserPool"]["Id"], "ClientName": name });
    dev.call("CreateUserPoolClient", client).await.unwrap();
    dev.service.maintain().await;
    let client = json!({ "UserPoolId": other["UserPool"]["Id"], "ClientId": CLIENT });
    dev.call("DescribeUserPoolClient", client).await.unwrap();
}

#[tokio::test]
async fn tokens_of_an_earlier_client_of_the_id_are_refused() {
    let dev = seeded().await;
    let tokens = dev.sign_in("ada").await.unwrap();
    let client = json!({ "UserPoolId": POOL, "ClientId": CLIENT });
    dev.call("DeleteUserPoolClient", client).await.unwrap();
    dev.done(Method::POST, "clock", json!({ "advance": "1s" })).await;
    let client = json!({ "UserPoolId": POOL, "ClientName": format!("_custom_id_:{CLIENT}"),
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    dev.call("CreateUserPoolClient", client).await.unwrap();
    let refused = dev.get_user(&tokens).await.unwrap_err();
    assert_eq!(refused, "Access Token has been revoked");
    assert!(dev.refresh(&tokens).await.is_err());
    let again = dev.sign_in("ada").await.unwrap();
    dev.get_user(&again).await.unwrap();
    dev.refresh(&again).await.unwrap();
}
