//! What the log says about a request, and what it must not say.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use device_server::{Administrators, TrustedProxies, app};
use device_test::{FakeClock, service};
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The prefix of every value in these requests that must not be logged.
const SECRET: &str = "s3cret";

#[tokio::test]
async fn each_request_has_a_log_line_without_secrets() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let service = service(&FakeClock::new()).build();
    let bodies = [
        (
            "InitiateAuth",
            r#"{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"s3cretclient","AuthParameters":{"USERNAME":"s3cret-user","PASSWORD":"s3cret-password"}}"#,
        ),
        ("InitiateAuth", r#"{"AuthFlow":"s3cret-flow","ClientId":"s3cretclient"}"#),
        ("GetUser", r#"{"AccessToken":"s3cret.token.x"}"#),
        ("GetUser", r#"{"AccessToken":s3cret}"#),
        ("s3cretOperation", "{}"),
        ("AdminCreateUser", r#"{"UserPoolId":"s3cret_a","Username":"s3cret user"}"#),
    ];
    for (operation, body) in bodies {
        let request = Request::post("/?s3cret=query")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .header("authorization", "Bearer s3cret-bearer")
            .header("user-agent", "s3cret-agent")
            .body(Body::from(body))
            .unwrap();
        app(Arc::clone(&service)).oneshot(request).await.unwrap();
    }
    for path in ["/s3cret-path/.well-known/jwks.json", "/dev/messages/s3cret/s3cret"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app(Arc::clone(&service)).oneshot(request).await.unwrap();
    }

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> =
        events.iter().map(|event| &event["fields"]).filter(|f| f["message"] == "request").collect();
    assert_eq!(requests.len(), bodies.len() + 2);
    for fields in &requests {
        assert_eq!(fields["request_id"].as_str().unwrap().len(), 36);
        assert!(fields["micros"].is_u64());
    }
    assert_eq!(requests[1]["operation"], "InitiateAuth");
    assert_eq!(requests[1]["error"], "InvalidParameterException");
    assert_eq!(requests[1]["status"], 400);
    assert_eq!(requests[4]["error"], "UnknownOperationException");
    assert_eq!(requests[4]["operation"], Value::Null);
    assert_eq!(requests[6]["operation"], "jwks");
    assert_eq!(requests[6]["status"], 404);
    assert_eq!(requests[7]["operation"], "dev/messages");
}

#[tokio::test]
async fn a_line_names_operation_pool_and_client_if_known() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let app = app(service(&FakeClock::new()).build());
    let call = async |operation: &str, body: Value| {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let body = app.clone().oneshot(request).await.unwrap().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let pool = call("CreateUserPool", json!({ "PoolName": "p" })).await["UserPool"]["Id"].take();
    let client = json!({ "UserPoolId": pool, "ClientName": "c" });
    let client = call("CreateUserPoolClient", client).await["UserPoolClient"]["ClientId"].take();
    let refused = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": { "USERNAME": "ada", "PASSWORD": "wrong" },
    });
    call("InitiateAuth", refused).await;
    call("UpdateProvisionedLimit", json!({})).await;

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take())
        .collect();
    let [_, created, refused, unsupported] = &lines[..] else { panic!("{text}") };
    assert_eq!((&created["pool"], &created["client"]), (&pool, &Value::Null));
    assert_eq!((&refused["operation"], &refused["client"]), (&json!("InitiateAuth"), &client));
    assert_eq!(refused["status"], 400);
    assert_eq!(unsupported["operation"], "UpdateProvisionedLimit");
    assert_eq!(unsupported["error"], "UnsupportedOperationException");
}

/// The log lines of `requests`, and their answers.
async fn lines_of(app: &axum::Router, requests: Vec<Request<Body>>) -> (Vec<Value>, Vec<Value>) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let mut answers = Vec::new();
    for request in requests {
        let body = app.clone().oneshot(request).await.unwrap().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        answers.push(serde_json::from_slice(&body).unwrap_or_default());
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), answers)
}

fn request(operation: &str, body: &Value) -> Request<Body> {
    Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(body.to_string()))
        .unwrap()
}

#[tokio::test]
async fn a_line_names_the_user_by_sub_and_warns_of_failures() {
    let app = app(service(&FakeClock::new()).build());
    let (_, made) =
        lines_of(&app, vec![request("CreateUserPool", &json!({"PoolName": "p"}))]).await;
    let pool = &made[0]["UserPool"]["Id"];
    let client = json!({
        "UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    });
    let user = json!({"UserPoolId": pool, "Username": "ada-s3cret"});
    let password = json!({
        "UserPoolId": pool, "Username": "ada-s3cret", "Password": "Correct-horse-7",
        "Permanent": true,
    });
    let requests = vec![
        request("CreateUserPoolClient", &client),
        request("AdminCreateUser", &user),
        request("AdminSetUserPassword", &password),
    ];
    let (lines, made) = lines_of(&app, requests).await;
    let sub = &made[1]["User"]["Attributes"][0]["Value"];
    assert_eq!((&lines[1]["fields"]["sub"], &lines[1]["level"]), (sub, &json!("INFO")));

    let sign_in = |name: &str, password: &str| {
        let body = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": made[0]["UserPoolClient"]["ClientId"],
            "AuthParameters": {"USERNAME": name, "PASSWORD": password},
        });
        request("InitiateAuth", &body)
    };
    let requests = vec![
        sign_in("ada-s3cret", "Wrong-horse-7"),
        sign_in("ada-s3cret", "Correct-horse-7"),
        sign_in("nobody-s3cret", "Wrong-horse-7"),
    ];
    let (lines, _) = lines_of(&app, requests).await;
    let [wrong, right, nobody] = &lines[..] else { panic!("{lines:?}") };
    for line in [wrong, right] {
        assert_eq!(line["fields"]["sub"], *sub);
        assert_eq!(line["fields"]["pool"], *pool);
        assert_eq!(line["fields"]["client"], made[0]["UserPoolClient"]["ClientId"]);
        assert_eq!(line["fields"]["operation"], "InitiateAuth");
    }
    assert_eq!((&wrong["level"], &right["level"]), (&json!("WARN"), &json!("INFO")));
    assert_eq!(nobody["fields"]["sub"], Value::Null);
    assert!(!json!(lines).to_string().contains(SECRET), "{lines:?}");
}

#[tokio::test]
async fn a_failed_signature_tells_the_key_id_and_no_secret() {
    let administrators = Administrators::Signing(device_test::access_key());
    let app = app(service(&FakeClock::new()).administrators(administrators).build());
    let signed = |key: &str| {
        let mut request = request("DescribeUserPool", &json!({"UserPoolId": "us-east-1_a"}));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/cognito-idp/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={}",
            "0".repeat(64)
        );
        let headers = request.headers_mut();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", "20260101T000000Z".parse().unwrap());
        request
    };
    let requests =
        vec![signed("AKIDEXAMPLE"), signed("AKIDSTRANGER"), signed("s3cret+inPlaceOfTheId")];
    let (lines, _) = lines_of(&app, requests).await;
    let told: Vec<(&Value, &Value)> =
        lines.iter().map(|line| (&line["fields"]["administrator"], &line["level"])).collect();
    let warn = &json!("WARN");
    assert_eq!(
        told,
        [
            (&json!("AKIDEXAMPLE"), warn),
            (&json!("AKIDSTRANGER"), warn),
            (&json!("unreadable"), warn)
        ]
    );
    assert!(!json!(lines).to_string().contains(SECRET), "{lines:?}");
}

#[tokio::test]
async fn the_peer_is_the_one_a_trusted_proxy_names() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
    let service = service(&FakeClock::new()).trusted_proxies(proxies).build();
    for peer in ["10.0.0.1:4711", "203.0.113.9:4711"] {
        let mut request = Request::get("/health")
            .header("x-forwarded-for", "1.1.1.1, 198.51.100.7")
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        app(Arc::clone(&service)).oneshot(request).await.unwrap();
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let peers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"]["peer"].clone())
        .collect();
    assert_eq!(peers, ["198.51.100.7", "203.0.113.9"]);
}

#[tokio::test]
async fn settings_without_effect_are_named_once() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let service = service(&FakeClock::new()).build();
    let call = async |operation: &str, body: Value| {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let body = app(Arc::clone(&service)).oneshot(request).await.unwrap().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let pool = call("CreateUserPool", json!({ "PoolName": "p" })).await["UserPool"]["Id"].take();
    let refused = json!({ "UserPoolId": pool, "Domain": "cognito" });
    call("CreateUserPoolDomain", refused).await;
    for identifier in ["a", "b"] {
        let server = json!({ "UserPoolId": pool, "Identifier": identifier, "Name": "api" });
        call("CreateResourceServer", server).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let named: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take())
        .filter(|fields| fields["message"] == "stored, without effect in this server")
        .map(|mut fields| fields["operation"].take())
        .collect();
    assert_eq!(named, ["CreateResourceServer"]);
}

/// So that the heads of the audit logs are kept where the log goes.
#[tokio::test]
async fn each_new_head_of_an_audit_log_is_logged() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let service = service(&FakeClock::new()).build();
    let body = request("CreateUserPool", &json!({ "PoolName": "p" }));
    app(Arc::clone(&service)).oneshot(body).await.unwrap();
    // Nothing is new the second time.
    service.maintain().await;
    service.maintain().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let heads: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take())
        .filter(|fields| fields["message"] == "audit log sealed")
        .collect();
    let [head] = &*heads else { panic!("{text}") };
    assert_eq!((&head["size"], head["root"].as_str().unwrap().len()), (&json!(1), 44));
    let signed = head["signed"].as_str().unwrap();
    assert!(signed.contains(head["root"].as_str().unwrap()) && signed.ends_with('\n'), "{signed}");
}

/// Readers of the log must be able to trust its lines.
#[tokio::test]
async fn no_request_adds_a_line_or_a_control_character() {
    const FORGED: &str = "\r\n2026-01-01T00:00:00Z  INFO device: forged\u{1b}[31m\u{2028}\u{85}\0";
    for json in [true, false] {
        let lines = Lines::default();
        let builder = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(lines.clone());
        let _guard = if json {
            tracing::subscriber::set_default(builder.json().finish())
        } else {
            tracing::subscriber::set_default(builder.finish())
        };
        let app = app(service(&FakeClock::new()).build());
        let mut requests = Vec::new();
        for operation in ["SignUp", "InitiateAuth", "AdminGetUser", "ForgotPassword"] {
            for body in [
                json!({"ClientId": FORGED, "Username": FORGED, "Password": FORGED}),
                json!({"ClientId": "x", "AuthFlow": FORGED, "AuthParameters": {FORGED: FORGED}}),
                json!({"UserPoolId": FORGED, "Username": FORGED}),
                json!({FORGED: FORGED}),
            ] {
                requests.push(request(operation, &body));
            }
        }
        // What HTTP lets a header have: no line ends, but tabs and any bytes above ASCII.
        for name in ["user-agent", "x-forwarded-for", "authorization", "x-amz-target"] {
            let mut odd = request("GetUser", &json!({}));
            let value =
                axum::http::HeaderValue::from_bytes(b"a\tb\x9b31m\xe2\x80\xa8forged").unwrap();
            odd.headers_mut().insert(name, value);
            requests.push(odd);
        }
        for path in ["/forged%0d%0aINFO/.well-known/jwks.json", "/%1b%5b31m/.well-known/jwks.json"]
        {
            requests.push(Request::get(path).body(Body::empty()).unwrap());
        }
        let sent = requests.len();
        for request in requests {
            app.clone().oneshot(request).await.unwrap();
        }
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let of_requests = text.lines().filter(|line| line.contains("request_id")).count();
        assert_eq!(of_requests, sent, "{text}");
        assert!(!text.contains("forged"), "{text}");
        let is_bare = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(is_bare) && !text.contains('\u{2028}'), "{text:?}");
    }
}
