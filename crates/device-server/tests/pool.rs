//! A pool through the whole server: bodies of success, token verification by the served keys, and a
//! real socket.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use device_server::{Administrators, Service, app};
use device_test::{FakeClock, PASSWORD, TestServer, access_key, service};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Pool {
    service: Arc<Service>,
    id: String,
    client: String,
}

impl Pool {
    /// A pool that always tracks devices, with a client and the user `ada`.
    async fn new() -> Self {
        Self::at(&FakeClock::new()).await
    }

    async fn at(clock: &FakeClock) -> Self {
        let mut pool =
            Self { service: service(clock).build(), id: String::new(), client: String::new() };
        let created = pool
            .call("CreateUserPool", json!({ "PoolName": "p", "DeviceConfiguration": {} }))
            .await;
        pool.id = created["UserPool"]["Id"].as_str().unwrap().to_owned();
        let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client =
            json!({ "UserPoolId": pool.id, "ClientName": "c", "ExplicitAuthFlows": flows });
        let created = pool.call("CreateUserPoolClient", client).await;
        pool.client = created["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
        let user = json!({ "UserPoolId": pool.id, "Username": "ada", "MessageAction": "SUPPRESS" });
        pool.call("AdminCreateUser", user).await;
        let password = json!({ "UserPoolId": pool.id, "Username": "ada", "Password": PASSWORD,
            "Permanent": true });
        assert_eq!(pool.text("AdminSetUserPassword", password).await, "{}");
        pool
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let (head, body) =
            app(Arc::clone(&self.service)).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The body of a success.
    async fn text(&self, operation: &str, body: Value) -> String {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, headers, body) = self.send(request).await;
        assert_eq!(status, StatusCode::OK, "{operation}: {body}");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
        assert!(!headers.contains_key("x-amzn-errortype"));
        assert_eq!(headers["x-amzn-requestid"].len(), 36);
        body
    }

    async fn call(&self, operation: &str, body: Value) -> Value {
        serde_json::from_str(&self.text(operation, body).await).unwrap()
    }

    async fn document(&self, name: &str) -> (HeaderMap, Value) {
        let path = format!("/{}/.well-known/{name}", self.id);
        let (status, headers, body) =
            self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        (headers, serde_json::from_str(&body).unwrap())
    }

    async fn sign_in(&self) -> Value {
        let parameters = json!({ "USERNAME": "ada", "PASSWORD": PASSWORD });
        let body = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self.client,
            "AuthParameters": parameters });
        self.call("InitiateAuth", body).await
    }
}

#[tokio::test]
async fn a_success_has_the_body_that_the_model_says() {
    let pool = Pool::new().await;
    let answer = pool.sign_in().await;
    assert_eq!(answer["ChallengeParameters"], json!({}));
    let result = &answer["AuthenticationResult"];
    let (token, device) = (&result["AccessToken"], &result["NewDeviceMetadata"]["DeviceKey"]);

    // Any number in the group's range will do: no test here proves to know the secret.
    let verifier =
        json!({ "PasswordVerifier": "AQEB".repeat(128), "Salt": "AQEBAQEBAQEBAQEBAQEBAQ==" });
    let confirm = json!({ "AccessToken": token, "DeviceKey": device,
        "DeviceSecretVerifierConfig": verifier });
    assert_eq!(pool.text("ConfirmDevice", confirm).await, r#"{"UserConfirmationNecessary":false}"#);
    assert_eq!(
        pool.text("ForgetDevice", json!({ "AccessToken": token, "DeviceKey": device })).await,
        ""
    );
    assert_eq!(pool.text("GlobalSignOut", json!({ "AccessToken": token })).await, "{}");
}

#[tokio::test]
async fn tokens_verify_with_the_served_keys_and_issuer() {
    let pool = Pool::new().await;
    let (headers, keys) = pool.document("jwks.json").await;
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "public, max-age=3600");
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    let (_, configuration) = pool.document("openid-configuration").await;
    let issuer = configuration["issuer"].as_str().unwrap();
    assert_eq!(issuer, format!("http://pool.test/{}", pool.id));
    assert_eq!(configuration["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));

    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
    let result = pool.sign_in().await["AuthenticationResult"].take();
    for (name, token_use) in [("AccessToken", "access"), ("IdToken", "id")] {
        let token = result[name].as_str().unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        // The server has a fake clock, so the library cannot check the expiry.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
        assert_eq!(claims["token_use"], token_use);
    }
}

#[tokio::test]
async fn keys_are_replaced_after_90_days_but_tokens_stay_valid() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let clock = FakeClock::new();
    let pool = Pool::at(&clock).await;
    let kids = |keys: &Value| -> Vec<String> {
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = kids(&pool.document("jwks.json").await.1);
    clock.advance(DAY * 90 - Duration::from_secs(60));
    let token = pool.sign_in().await["AuthenticationResult"]["AccessToken"].clone();
    pool.service.maintain().await;
    assert_eq!(kids(&pool.document("jwks.json").await.1), before, "the keys are not replaced yet");

    clock.advance(Duration::from_secs(60));
    pool.service.maintain().await;
    let after = kids(&pool.document("jwks.json").await.1);
    assert_eq!(after.len(), 4);
    assert!(before.iter().all(|kid| after.contains(kid)));
    pool.call("GetUser", json!({ "AccessToken": token })).await;
    let token = pool.sign_in().await["AuthenticationResult"]["AccessToken"].clone();
    let header = jsonwebtoken::decode_header(token.as_str().unwrap()).unwrap();
    assert!(!before.contains(&header.kid.unwrap()), "new tokens are signed by a new key");

    clock.advance(DAY * 2);
    let last = kids(&pool.document("jwks.json").await.1);
    assert!(last.len() == 2 && before.iter().all(|kid| !last.contains(kid)));
}

#[tokio::test]
async fn null_parameters_are_absent() {
    let pool = Pool::new().await;
    let parameters =
        json!({ "USERNAME": "ada", "PASSWORD": PASSWORD, "DEVICE_KEY": null, "SECRET_HASH": null });
    let body = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": pool.client,
        "AuthParameters": parameters, "ClientMetadata": null
    });
    assert!(
        pool.call("InitiateAuth", body).await["AuthenticationResult"]["AccessToken"].is_string()
    );
}

#[test]
fn the_test_server_serves_what_its_engine_makes() {
    let server = TestServer::start();
    let pool = server.create_pool(json!({}));
    let client = server.create_client(&pool, json!({}));
    server.create_user(&pool, "ada");

    let parameters = json!({ "USERNAME": "ada", "PASSWORD": PASSWORD });
    let body = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": parameters });
    let response = over_a_socket(&server, "InitiateAuth", &body);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.to_ascii_lowercase().contains("\r\ndate: "), "{response}");
    assert!(response.contains("\"AccessToken\""), "{response}");
}

/// The engine accepts settings that the server refuses. So the pool is like one that an earlier
/// release stored.
#[test]
fn without_its_hook_a_trigger_refuses_what_it_guards() {
    for is_allowed in [false, true] {
        let server = TestServer::start_with(|service| {
            let service = service.administrators(Administrators::Signing(access_key()));
            if is_allowed { service.allow_unrun_triggers() } else { service }
        });
        let pool = server.create_pool(json!({ "LambdaConfig": { "PreSignUp": "arn" } }));
        let client = server.create_client(&pool, json!({}));
        let ada = json!({ "ClientId": client, "Username": "ada", "Password": PASSWORD });
        let response = over_a_socket(&server, "SignUp", &ada);
        if is_allowed {
            assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        } else {
            let why = "PreSignUp invocation failed due to error this server was started without a \
                       hook.";
            assert!(response.contains("UnexpectedLambdaException"), "{response}");
            assert!(response.contains(why), "{response}");
        }
    }
}

/// The whole answer to an unsigned call, as read from the socket.
fn over_a_socket(server: &TestServer, operation: &str, body: &Value) -> String {
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
         application/x-amz-json-1.1\r\nx-amz-target: \
         AWSCognitoIdentityProviderService.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
