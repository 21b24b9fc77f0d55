//! The figures, and who may read them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_server::{
    AccessKey, Administrators, NewAccessKey, Role, Service, Storage, Transport, Transports, app,
};
use device_test::{FakeClock, PASSWORD, TestSigningKeys, access_key, config, service, service_in};
use device_wire::requests::CreateUserPoolRequest;
use serde_json::{Value, json};
use tower::ServiceExt;

const SECRET: &str = "0123456789abcdefghij";

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

async fn call(router: &Router, operation: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, body) = send(router, request).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn figures(router: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let (status, text) = send(router, request).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// The value of one series.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let start = format!("{series} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// A service whose store is in `directory`, with a pool, a client and the user `ada`.
async fn pool(directory: &Path, mfa: &str) -> (Arc<Service>, Router, String, String) {
    let data = directory.join("data");
    let store = Storage::Directory(data.clone()).open().unwrap();
    let file = Transport::File(directory.join("messages"));
    let keys = Arc::new(TestSigningKeys::default());
    let service = service_in(store, config("http://pool.test"), keys, &FakeClock::new())
        .transports(Transports { email: file, sms: Transport::Nowhere })
        .data_directory(&data)
        .build();
    let router = app(Arc::clone(&service));
    let pool = json!({ "PoolName": "p", "AutoVerifiedAttributes": ["email"] });
    let (_, created) = call(&router, "CreateUserPool", pool).await;
    let pool = created["UserPool"]["Id"].as_str().unwrap().to_owned();
    let set = match mfa {
        "OFF" => json!({ "UserPoolId": pool, "MfaConfiguration": mfa }),
        _ => json!({ "UserPoolId": pool, "MfaConfiguration": mfa,
            "SoftwareTokenMfaConfiguration": { "Enabled": true } }),
    };
    assert_eq!(call(&router, "SetUserPoolMfaConfig", set).await.0, StatusCode::OK);
    let client = json!({ "UserPoolId": pool, "ClientName": "c",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    let (_, created) = call(&router, "CreateUserPoolClient", client).await;
    let client = created["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let user = json!({ "UserPoolId": pool, "Username": "ada", "MessageAction": "SUPPRESS" });
    assert_eq!(call(&router, "AdminCreateUser", user).await.0, StatusCode::OK);
    let set = json!({ "UserPoolId": pool, "Username": "ada", "Password": PASSWORD,
        "Permanent": true });
    assert_eq!(call(&router, "AdminSetUserPassword", set).await.0, StatusCode::OK);
    (service, router, pool, client)
}

async fn sign_in(router: &Router, client: &str, password: &str) -> (StatusCode, Value) {
    let request = json!({ "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": "ada", "PASSWORD": password } });
    call(router, "InitiateAuth", request).await
}

#[tokio::test]
async fn figures_tell_what_happened() {
    let directory = tempfile::tempdir().unwrap();
    let (service, router, _, client) = pool(directory.path(), "OFF").await;
    let before = figures(&router).await;
    // What has not happened yet has a zero, so that its first occurrence shows as an increase.
    assert_eq!(value(&before, "device_sign_ins_total{outcome=\"failed\"}"), 0.0);
    assert_eq!(sign_in(&router, &client, PASSWORD).await.0, StatusCode::OK);
    assert_eq!(sign_in(&router, &client, "wrong").await.0, StatusCode::BAD_REQUEST);
    let sign_up = json!({ "ClientId": client, "Username": "bob", "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": "bob@example.com" }] });
    assert_eq!(call(&router, "SignUp", sign_up).await.0, StatusCode::OK);
    service.finish_messages().await;
    service.maintain().await;

    let text = figures(&router).await;
    for (series, expected) in [
        ("device_sign_ins_total{outcome=\"passed\"}", 1.0),
        ("device_sign_ins_total{outcome=\"failed\"}", 1.0),
        ("device_refusals_total{code=\"NotAuthorizedException\"}", 1.0),
        ("device_call_duration_seconds_count{operation=\"InitiateAuth\"}", 2.0),
        ("device_messages_total{medium=\"EMAIL\",result=\"delivered\"}", 1.0),
        ("device_messages_waiting", 0.0),
        ("device_calls_in_flight", 0.0),
        ("device_pools", 1.0),
        ("device_users", 1.0),
        ("device_devices{status=\"remembered\"}", 0.0),
        ("device_store_failures_total", 0.0),
        ("device_store_commits_waiting", 0.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    for series in [
        "device_store_commit_duration_seconds_count",
        "device_store_file_bytes{file=\"database\"}",
        "device_data_free_bytes",
        "device_maintenance_last_success_timestamp_seconds",
    ] {
        assert!(value(&text, series) > 0.0, "{series}");
    }
    assert!(text.contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))), "{text}");
}

#[tokio::test]
async fn second_factors_are_counted_by_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (_, router, _, client) = pool(directory.path(), "ON").await;
    let (_, answer) = sign_in(&router, &client, PASSWORD).await;
    assert_eq!(answer["ChallengeName"], "MFA_SETUP");
    let text = figures(&router).await;
    let series = "device_mfa_decisions_total{decision=\"asked\",reason=\"not_set_up\"}";
    assert_eq!(value(&text, series), 1.0);
    let series = "device_mfa_decisions_total{decision=\"skipped\",reason=\"remembered_device\"}";
    assert_eq!(value(&text, series), 0.0);
}

#[tokio::test]
async fn no_label_has_what_a_caller_sent() {
    let router = app(service(&FakeClock::new()).build());
    let series = |text: String| text.lines().filter(|line| !line.starts_with('#')).count();
    let send_nonsense = async |n: u32| {
        for path in ["x/secret", "secret/.well-known/jwks.json", "console/secret"] {
            let request = Request::get(format!("/{path}{n}")).body(Body::empty()).unwrap();
            send(&router, request).await;
        }
        call(&router, &format!("Secret{n}"), json!({ "secret": n })).await;
        let wrong = json!({ "ClientId": "secret", "AuthFlow": format!("SECRET{n}") });
        call(&router, "InitiateAuth", wrong).await;
    };
    send_nonsense(0).await;
    figures(&router).await;
    let first = series(figures(&router).await);
    for n in 1..20 {
        send_nonsense(n).await;
    }
    let text = figures(&router).await;
    assert!(!text.to_lowercase().contains("secret"), "{text}");
    assert_eq!(series(text), first);
}

#[tokio::test]
async fn figures_are_for_administrators_of_all_pools() {
    let service = service(&FakeClock::new()).administrators(Administrators::Signing(access_key()));
    let service = service.build();
    let router = app(Arc::clone(&service));
    let with = async |credentials: Option<String>| {
        let mut request = Request::get("/metrics");
        if let Some(credentials) = credentials {
            request = request.header("authorization", credentials);
        }
        send(&router, request.body(Body::empty()).unwrap()).await.0
    };
    let basic = |id: &str, secret: &str| {
        Some(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    };
    let own = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    assert_eq!(with(basic(own.0, own.1)).await, StatusCode::OK);
    for refused in [
        None,
        basic(own.0, "wrong"),
        basic("nobody", own.1),
        Some("Basic !".to_owned()),
        Some(format!("Bearer {}", STANDARD.encode(format!("{}:{}", own.0, own.1)))),
    ] {
        assert_eq!(with(refused.clone()).await, StatusCode::UNAUTHORIZED, "{refused:?}");
    }
    // A key that was added opens them as well, unless it is for some pools.
    let owner = service.administrator(own.0.to_owned()).await.unwrap().unwrap();
    let request: CreateUserPoolRequest =
        serde_json::from_value(json!({ "PoolName": "p" })).unwrap();
    let pool = service.call(&owner, &request, None).await.unwrap();
    let pools = vec![pool.user_pool.unwrap().id.unwrap()];
    for (name, pools, expected) in
        [("all", None, StatusCode::OK), ("some", Some(pools), StatusCode::UNAUTHORIZED)]
    {
        let new = NewAccessKey { name: name.to_owned(), role: Role::ReadOnly, pools, days: None };
        let added = service.add_access_key(&owner, new, None).await.unwrap();
        assert_eq!(with(basic(&added.key.id, &added.secret)).await, expected, "{name}");
    }

    // The former key opens nothing after it was replaced.
    let new = AccessKey::new("AKIDNEW", SECRET).unwrap();
    assert!(service.replace_access_key(new.clone()));
    assert!(!service.replace_access_key(new), "the same key again");
    assert_eq!(with(basic(own.0, own.1)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(with(basic("AKIDNEW", SECRET)).await, StatusCode::OK);
}

#[tokio::test]
async fn liveness_needs_no_store_and_readiness_writes() {
    let directory = tempfile::tempdir().unwrap();
    let (_, router, ..) = pool(directory.path(), "OFF").await;
    for path in ["/livez", "/readyz", "/health"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (status, body) = send(&router, request).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        assert!(body.contains("\"status\":\"ok\""), "{path}: {body}");
    }
}

/// The names of all series in the figures.
fn names(text: &str) -> BTreeSet<String> {
    let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    described
        .flat_map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let endings: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                _ => &[""],
            };
            endings.iter().map(move |ending| format!("{name}{ending}")).collect::<Vec<_>>()
        })
        .collect()
}

/// Every word in a text that looks like the name of one of our series.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("device_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn dashboard_and_alerts_name_figures_that_exist() {
    let directory = tempfile::tempdir().unwrap();
    let (_, router, ..) = pool(directory.path(), "OFF").await;
    let known = names(&figures(&router).await);
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    for file in ["grafana/device.json", "prometheus/device.rules.yml"] {
        let text = fs::read_to_string(deploy.join(file)).unwrap();
        let mentioned = mentioned(&text);
        assert!(mentioned.len() > 5, "{file}");
        let unknown: Vec<_> = mentioned.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}
