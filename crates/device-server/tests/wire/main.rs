//! The wire protocol, rule by rule, on a router without a socket.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access_keys;
mod administration;
mod device_link;
mod feedback_link;
mod hostile;
mod load;
mod outputs;
mod pages;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use device_server::{ServiceBuilder, app};
use device_test::{FakeClock, service};
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use tower::ServiceExt;

const AMZ_JSON: &str = "application/x-amz-json-1.1";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn router(change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Router {
    app(change(service(&FakeClock::new())).build())
}

async fn send(router: Router, request: Request<Body>) -> Answer {
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn request(operation: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/")
        .header("content-type", AMZ_JSON)
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(body.into())
        .unwrap()
}

async fn call(operation: &str, body: impl Into<Body>) -> Answer {
    send(router(|service| service), request(operation, body)).await
}

/// The output of an operation that must succeed.
async fn ok(router: &Router, operation: &str, body: Value) -> Value {
    let answer = send(router.clone(), request(operation, body.to_string())).await;
    assert_eq!(answer.status, StatusCode::OK, "{operation}: {}", answer.body);
    answer.json()
}

/// Code and message of a refusal, which body and headers must agree on.
async fn refused(request: Request<Body>) -> (String, String) {
    let answer = send(router(|service| service), request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert_eq!(answer.header("content-type"), AMZ_JSON);
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    let body = answer.json();
    let (code, message) = (body["__type"].as_str().unwrap(), body["message"].as_str().unwrap());
    assert_eq!(answer.header("x-amzn-errortype"), format!("{code}:"));
    assert_eq!(answer.header("x-amzn-errormessage"), &message[..message.len().min(1024)]);
    assert_eq!(body.as_object().unwrap().len(), 2);
    (code.to_owned(), message.to_owned())
}

fn of(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn a_target_other_than_an_operation_is_unknown() {
    let unknown = |message| of("UnknownOperationException", message);
    let no_such = "The service has no operation of that name.";
    assert_eq!(refused(request("InitiateAuthentication", "{}")).await, unknown(no_such));
    assert_eq!(refused(request("initiateauth", "{}")).await, unknown(no_such));
    assert_eq!(refused(request("", "{}")).await, unknown(no_such));

    let form = "The X-Amz-Target of a call must be AWSCognitoIdentityProviderService.<operation>.";
    for target in
        [None, Some("InitiateAuth"), Some("AWSCognitoIdentityService.GetId"), Some("\u{e9}")]
    {
        let mut request = request("InitiateAuth", "{}");
        request.headers_mut().remove("x-amz-target");
        if let Some(target) = target {
            request.headers_mut().insert("x-amz-target", target.try_into().unwrap());
        }
        assert_eq!(refused(request).await, unknown(form), "{target:?}");
    }
}

#[tokio::test]
async fn an_operation_not_implemented_is_named() {
    let (code, message) = refused(request("UpdateProvisionedLimit", "{}")).await;
    assert_eq!(code, "UnsupportedOperationException");
    assert!(message.contains("UpdateProvisionedLimit"), "{message}");
}

#[tokio::test]
async fn a_media_type_may_have_parameters() {
    for media_type in ["application/x-amz-json-1.1", "Application/X-Amz-Json-1.1; charset=utf-8"] {
        let mut request = request("GetUser", "{}");
        request.headers_mut().insert("content-type", media_type.parse().unwrap());
        assert_eq!(refused(request).await.0, "InvalidParameterException", "{media_type}");
    }
    for media_type in ["", "application/json", "application/x-amz-json-1.0", "text/plain"] {
        let mut request = request("GetUser", "{}");
        request.headers_mut().insert("content-type", media_type.parse().unwrap());
        let message = "The Content-Type of a call must be application/x-amz-json-1.1.";
        assert_eq!(
            refused(request).await,
            of("UnknownOperationException", message),
            "{media_type}"
        );
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_serialization_error() {
    for (body, message) in [
        ("{", "The body is not JSON: line 1, column 1."),
        ("{\"AccessToken\": hunter2}", "The body is not JSON: line 1, column 17."),
        ("[]", "The body of a call must be a JSON object."),
        ("null", "The body of a call must be a JSON object."),
        ("\"{}\"", "The body of a call must be a JSON object."),
        (r#"{"AccessToken": 1}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"AccessToken": true}"#, "TRUE_VALUE can not be converted to a String"),
        (r#"{"AccessToken": {}}"#, "Start of structure or map found where not expected"),
        (r#"{"AccessToken": ["x"]}"#, "Start of list found where not expected"),
    ] {
        assert_eq!(
            refused(request("GetUser", body)).await,
            of("SerializationException", message),
            "{body}"
        );
    }
    for (operation, body, message) in [
        (
            "ListDevices",
            r#"{"AccessToken":"x","Limit":"10"}"#,
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "ListDevices",
            r#"{"AccessToken":"x","Limit":1.5}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            "ListDevices",
            r#"{"AccessToken":"x","Limit":4294967296}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            "AdminSetUserPassword",
            r#"{"Permanent":"true"}"#,
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (
            "InitiateAuth",
            r#"{"AuthParameters":{"USERNAME":1}}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("InitiateAuth", r#"{"AuthParameters":"x"}"#, "STRING_VALUE can not be converted to a Map"),
        (
            "CreateUserPool",
            r#"{"AliasAttributes":[null]}"#,
            "NULL_VALUE can not be converted to a String",
        ),
        (
            "CreateUserPool",
            r#"{"Schema":{}}"#,
            "Start of structure or map found where not expected",
        ),
        ("CreateUserPool", r#"{"Policies":1}"#, "NUMBER_VALUE can not be converted to a Structure"),
    ] {
        assert_eq!(
            refused(request(operation, body)).await,
            of("SerializationException", message),
            "{body}"
        );
    }
    assert_eq!(
        refused(request("GetUser", &b"{\"AccessToken\":\"\xff\"}"[..])).await.0,
        "SerializationException"
    );
    let deep = format!("{{\"AccessToken\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(refused(request("GetUser", deep)).await.0, "SerializationException");
}

#[tokio::test]
async fn all_violations_are_reported_at_once() {
    let invalid = |message: &str| of("InvalidParameterException", message);

    // The token is sensitive, so it is not repeated; the device key is.
    let long = format!("us-east-1_{}", "a".repeat(50));
    assert_eq!(
        refused(request(
            "GetDevice",
            json!({ "AccessToken": "to ken", "DeviceKey": long }).to_string()
        ))
        .await,
        invalid(&format!(
            "2 validation errors detected: Value at 'accessToken' failed to satisfy constraint: \
             Member must satisfy \
             regular expression pattern: [A-Za-z0-9-_=.]+; Value '{long}' at 'deviceKey' failed to \
             satisfy \
             constraint: Member must have length less than or equal to 55"
        ))
    );
    assert_eq!(
        refused(request("AdminGetDevice", "{}")).await,
        invalid(
            "3 validation errors detected: Value null at 'deviceKey' failed to satisfy constraint: \
             Member must not be \
             null; Value null at 'userPoolId' failed to satisfy constraint: Member must not be \
             null; Value at \
             'username' failed to satisfy constraint: Member must not be null"
        )
    );
    assert_eq!(
        refused(request("InitiateAuth", r#"{"AuthFlow":"MAGIC","ClientId":"x"}"#)).await,
        invalid(
            "1 validation error detected: Value 'MAGIC' at 'authFlow' failed to satisfy \
             constraint: Member must \
             satisfy enum value set: [USER_SRP_AUTH, REFRESH_TOKEN_AUTH, REFRESH_TOKEN, \
             CUSTOM_AUTH, \
             ADMIN_NO_SRP_AUTH, USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH, USER_AUTH]"
        )
    );
}

#[tokio::test]
async fn a_space_within_a_password_counts_as_a_symbol() {
    let router = router(|service| service);
    let call = async |operation, body: Value| {
        send(router.clone(), request(operation, body.to_string())).await
    };
    let pool = call("CreateUserPool", json!({ "PoolName": "p" })).await.json();
    let pool = &pool["UserPool"]["Id"];
    call("AdminCreateUser", json!({ "UserPoolId": pool, "Username": "ada" })).await;
    let pattern = "Member must satisfy regular expression pattern: ^[\\S]+.*[\\S]+$";
    let length = "Member must have length greater than or equal to 6";
    let policy = "Password must have symbol characters";
    for (password, says) in [
        ("Correct Horse 7", ""),
        (" Correct-Horse-7", pattern),
        ("Correct-Horse-7 ", pattern),
        ("A1-b", length),
        ("CorrectHorse7", policy),
    ] {
        let body = json!({ "UserPoolId": pool, "Username": "ada", "Password": password });
        let answer = call("AdminSetUserPassword", body).await;
        assert_eq!(answer.status == StatusCode::OK, says.is_empty(), "{password:?}");
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(says), "{message}");
    }
}

/// The message for an invalid `body`, without the number of violations.
async fn told(operation: &str, body: Value) -> String {
    let (code, message) = refused(request(operation, body.to_string())).await;
    assert_eq!(code, "InvalidParameterException");
    message.split_once(": ").unwrap().1.to_owned()
}

#[tokio::test]
async fn each_kind_of_constraint_has_its_wording() {
    for (operation, body, expected) in [
        (
            "GetDevice",
            json!({ "DeviceKey": "" }),
            "Value '' at 'deviceKey' failed to satisfy constraint: Member must have length greater \
             than or equal to 1; \
             Value '' at 'deviceKey' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: \
             [\\w-]+_[0-9a-f-]+",
        ),
        (
            "ListDevices",
            json!({ "AccessToken": "x", "Limit": 61 }),
            "Value '61' at 'limit' failed to satisfy constraint: Member must have value less than \
             or equal to 60",
        ),
        (
            "ListDevices",
            json!({ "AccessToken": "x", "Limit": -1 }),
            "Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater \
             than or equal to 0",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "p", "Schema": [] }),
            "Value '[]' at 'schema' failed to satisfy constraint: Member must have length greater \
             than or equal to 1",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "p", "AliasAttributes": ["email", "shoe_size"] }),
            "Value '[email, shoe_size]' at 'aliasAttributes' failed to satisfy constraint: Member \
             must satisfy \
             constraint: [Member must satisfy enum value set: [phone_number, email, \
             preferred_username]]",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "p", "Policies": { "PasswordPolicy": { "MinimumLength": 5 } } }),
            "Value '5' at 'policies.passwordPolicy.minimumLength' failed to satisfy constraint: \
             Member must have value \
             greater than or equal to 6",
        ),
        (
            "AdminCreateUser",
            json!({ "UserPoolId": "us-east-1_a", "Username": "u",
                "UserAttributes": [{ "Name": "a" }, { "Value": "b" }] }),
            "Value null at 'userAttributes.2.member.name' failed to satisfy constraint: Member \
             must not be null",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolTags": { "a".repeat(129): "x" } }),
            "Value at 'userPoolTags' failed to satisfy constraint: Map keys must satisfy \
             constraint: [Member must have \
             length less than or equal to 128, Member must have length greater than or equal to 1]",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolTags": { "a": "x".repeat(257) } }),
            "Value at 'userPoolTags' failed to satisfy constraint: Map value must satisfy \
             constraint: [Member must have \
             length less than or equal to 256, Member must have length greater than or equal to 0]",
        ),
        (
            "CreateUserPool",
            json!({ "PoolName": "!".repeat(300) }),
            &format!(
                "Value '{shown}...' at 'poolName' failed to satisfy constraint: Member must have \
                 length less than or \
                 equal to 128; Value '{shown}...' at 'poolName' failed to satisfy constraint: \
                 Member must satisfy \
                 regular expression pattern: [\\w\\s+=,.@-]+",
                shown = "!".repeat(256)
            ),
        ),
    ] {
        let told = told(operation, body).await;
        assert!(told.contains(expected), "{told}\n\n{expected}");
    }
}

#[tokio::test]
async fn a_violation_never_repeats_a_secret() {
    let secret = "hun ter2".repeat(17_000);
    for (operation, body) in [
        ("AdminSetUserPassword", json!({ "Password": secret })),
        (
            "AdminCreateUser",
            json!({ "Username": secret, "UserAttributes": [{ "Name": "a", "Value": secret }] }),
        ),
        ("InitiateAuth", json!({ "AuthParameters": { "PASSWORD": secret } })),
        ("InitiateAuth", json!({ "ClientMetadata": { "a": secret } })),
        (
            "RespondToAuthChallenge",
            json!({ "Session": "short", "ChallengeResponses": { "ANSWER": secret } }),
        ),
        (
            "ConfirmDevice",
            json!({ "DeviceSecretVerifierConfig": { "PasswordVerifier": secret, "Salt": "x" } }),
        ),
        ("VerifySoftwareToken", json!({ "UserCode": "hun ter2", "Session": secret })),
        ("ConfirmSignUp", json!({ "ConfirmationCode": "hun ter2" })),
    ] {
        let told = told(operation, body).await;
        assert!(!told.contains("hun"), "{operation}: {told}");
    }
}

#[tokio::test]
async fn a_body_full_of_violations_gets_a_bounded_answer() {
    let attributes = vec![json!({}); 10_000];
    let told = told("AdminCreateUser", json!({ "UserAttributes": attributes })).await;
    assert!(told.len() < 10_000, "{}", told.len());
}

#[tokio::test]
async fn null_means_absent_and_unknown_members_are_ignored() {
    let told =
        told("GetDevice", json!({ "AccessToken": null, "DeviceKey": null, "Sesame": [1] })).await;
    assert_eq!(
        told,
        "Value null at 'deviceKey' failed to satisfy constraint: Member must not be null"
    );
    // This passes the checks, so the engine answers.
    let nulls = json!({
        "AuthFlow": "USER_SRP_AUTH", "ClientId": "nobody", "AuthParameters": { "USERNAME": "u",
        "DEVICE_KEY": null }
    });
    let (code, _) = refused(request("InitiateAuth", nulls.to_string())).await;
    assert_ne!(code, "SerializationException");
}

#[tokio::test]
async fn repeated_members_and_headers_are_refused() {
    for body in [r#"{"AccessToken":"a","AccessToken":"b"}"#, r#"{"a":[{"b":1,"b":1}]}"#] {
        let (code, message) = refused(request("GetUser", body)).await;
        assert_eq!(code, "SerializationException");
        assert!(message.starts_with("The body has a member twice: line 1"), "{message}");
    }
    for name in ["x-amz-target", "host", "content-type"] {
        let mut twice = request("GetUser", "{}");
        let value = twice.headers().get(name).cloned().unwrap_or("pool.test".parse().unwrap());
        twice.headers_mut().insert(name, value.clone());
        assert_eq!(refused(twice).await.0, "InvalidParameterException", "{name} once");
        let mut twice = request("GetUser", "{}");
        twice.headers_mut().insert(name, value.clone());
        twice.headers_mut().append(name, value);
        let message = format!("The header {name} is given twice.");
        assert_eq!(refused(twice).await, of("SerializationException", &message));
    }
}

#[tokio::test]
async fn no_answer_is_kept_or_taken_for_a_page() {
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for request in [request("GetUser", "{}"), get("/health"), get("/nowhere"), get("/")] {
        let answer = send(router(|service| service), request).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let answer = call("GetUser", "").await;
    assert_eq!(answer.json()["__type"], "InvalidParameterException");
}

#[tokio::test]
async fn a_stray_bearer_token_is_ignored() {
    let mut with = request("GetUser", "{}");
    with.headers_mut().insert("authorization", "Bearer abc".parse().unwrap());
    assert_eq!(refused(with).await, refused(request("GetUser", "{}")).await);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let body = json!({ "AccessToken": "a".repeat(600 * 1024) }).to_string();
    let answer = call("GetUser", body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["__type"], "RequestEntityTooLargeException");
    assert_eq!(answer.header("x-amzn-errortype"), "RequestEntityTooLargeException:");
}

type Next = Poll<Option<io::Result<Frame<Bytes>>>>;

/// A body whose length may differ from the stated one.
struct Odd {
    length: u64,
    next: fn() -> Next,
}

impl HttpBody for Odd {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Next {
        (self.next)()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_must_arrive_whole_and_in_time() {
    let body = |length, next| Body::new(Odd { length, next });
    for (body, status, code) in [
        // The server reads nothing of this body; otherwise it would time out.
        (body(600 * 1024, || Poll::Pending), 413, "RequestEntityTooLargeException"),
        (body(2, || Poll::Pending), 408, "RequestTimeoutException"),
        (
            body(2, || Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))),
            400,
            "SerializationException",
        ),
    ] {
        let answer = call("GetUser", body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["__type"], code);
    }
}

#[tokio::test]
async fn every_response_has_its_own_request_id() {
    let service = service(&FakeClock::new()).build();
    let mut seen = std::collections::HashSet::new();
    for (method, path) in [
        ("POST", "/"),
        ("GET", "/"),
        ("OPTIONS", "/"),
        ("GET", "/health"),
        ("GET", "/nowhere"),
        ("DELETE", "/health"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = send(app(Arc::clone(&service)), request).await;
        let id = answer.header("x-amzn-requestid").to_owned();
        assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4, "{method} {path}");
        assert!(seen.insert(id));
    }
}

#[tokio::test]
async fn health_names_version_and_store() {
    let answer =
        send(router(|service| service), Request::get("/health").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.json(),
        json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "store": "ok" })
    );
}

#[tokio::test]
async fn an_unknown_path_lists_the_known_paths() {
    for path in [
        "/nowhere",
        "/us-east-1_nobody/.well-known/jwks.json",
        "/us-east-1_nobody/.well-known/openid-configuration",
        // Not UTF-8.
        "/%ff/.well-known/jwks.json",
        "/%ff/.well-known/openid-configuration",
    ] {
        let answer =
            send(router(|service| service), Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.json()["message"].is_string());
    }
    for (method, path) in [(Method::GET, "/"), (Method::PUT, "/"), (Method::POST, "/health")] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(
            send(router(|service| service), request).await.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
}
