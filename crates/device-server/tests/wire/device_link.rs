//! The page of the link in a message about a new device.

use std::sync::Mutex;

use device_server::ServiceBuilder;
use device_test::PASSWORD;

use super::*;

/// A server with a user's new device, and the link in the message about it.
struct Linked {
    router: Router,
    pool: String,
    path: String,
}

impl Linked {
    async fn new(device_name: &str) -> Self {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&sent);
        let router = router(|service| {
            service.message_observer(Arc::new(move |messages| {
                keep.lock().unwrap().extend_from_slice(messages);
            }))
        });
        let pool = json!({
            "PoolName": "people", "DeviceConfiguration": {},
            "UserPoolTags": {"device:notify": "new-device"},
        });
        let made = ok(&router, "CreateUserPool", pool).await;
        let pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
        let client = json!({
            "UserPoolId": pool, "ClientName": "app",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        });
        let client = ok(&router, "CreateUserPoolClient", client).await;
        let user = json!({
            "UserPoolId": pool, "Username": "ada", "MessageAction": "SUPPRESS",
            "UserAttributes": [
                {"Name": "email", "Value": "ada@example.com"},
                {"Name": "email_verified", "Value": "true"},
            ],
        });
        ok(&router, "AdminCreateUser", user).await;
        let password = json!({"UserPoolId": pool, "Username": "ada", "Password": PASSWORD,
            "Permanent": true});
        ok(&router, "AdminSetUserPassword", password).await;
        let start = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client["UserPoolClient"]["ClientId"],
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        });
        let result = ok(&router, "InitiateAuth", start).await["AuthenticationResult"].take();
        // Any number in the group's range; nobody proves to know its secret here.
        let verifier =
            json!({"PasswordVerifier": "AQEB".repeat(128), "Salt": "AQEBAQEBAQEBAQEBAQEBAQ=="});
        let confirm = json!({
            "AccessToken": result["AccessToken"], "DeviceName": device_name,
            "DeviceKey": result["NewDeviceMetadata"]["DeviceKey"],
            "DeviceSecretVerifierConfig": verifier,
        });
        ok(&router, "ConfirmDevice", confirm).await;
        let link = sent.lock().unwrap()[0].code.as_str().to_owned();
        let path = link.strip_prefix("http://pool.test").unwrap().to_owned();
        Self { router, pool, path }
    }

    async fn page(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        send(self.router.clone(), request).await
    }

    async fn devices(&self) -> usize {
        let request = json!({"UserPoolId": self.pool, "Username": "ada"});
        ok(&self.router, "AdminListDevices", request).await["Devices"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn opening_a_device_link_changes_nothing() {
    let linked = Linked::new("<script>alert(1)</script>").await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let answer = linked.page(method.clone(), &linked.path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(linked.devices().await, 1);
        if method == Method::GET {
            assert!(answer.body.contains("&lt;script&gt;alert(1)"), "{}", answer.body);
            assert!(!answer.body.contains("<script"), "{}", answer.body);
            assert!(answer.body.contains("on 2025-11-06 at 09:05 UTC"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn the_button_of_a_device_link_forgets_once() {
    let linked = Linked::new("a phone").await;
    let done = linked.page(Method::POST, &linked.path).await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(done.body.contains("<h1>The device is forgotten</h1>"), "{}", done.body);
    assert!(!done.headers.contains_key("set-cookie"), "nobody is signed in");
    assert_eq!(linked.devices().await, 0);

    // A double click or a reload.
    for method in [Method::POST, Method::GET] {
        let again = linked.page(method, &linked.path).await;
        assert_eq!((again.status, &again.body), (StatusCode::OK, &done.body));
    }
    let invalid = linked.page(Method::GET, &format!("{}x", linked.path)).await;
    assert_eq!(invalid.status, StatusCode::NOT_FOUND);
    assert!(invalid.body.contains("<h1>This link is not valid</h1>"), "{}", invalid.body);
    let elsewhere =
        format!("/eu-test-1_elsewhere/{}", linked.path.split_once("/forget").unwrap().1);
    for path in [&format!("{}x", linked.path), &elsewhere, &format!("{}%ff", linked.path)] {
        for method in [Method::GET, Method::POST] {
            let wrong = linked.page(method, path).await;
            if wrong.header("content-type").starts_with("text/html") {
                assert_eq!((wrong.status, wrong.body), (invalid.status, invalid.body.clone()));
            } else {
                assert_eq!(wrong.status, StatusCode::NOT_FOUND, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_device_name_on_the_page_is_short_and_plain() {
    let name = format!("\u{202e}a\u{2028}b{}", "c".repeat(100));
    let linked = Linked::new(&name).await;
    let page = linked.page(Method::GET, &linked.path).await.body;
    let shown = format!("\u{201c}a b{}...\u{201d}", "c".repeat(37));
    assert!(page.contains(&shown), "{page}");
}

#[tokio::test]
async fn a_forgotten_device_that_is_signed_in_is_signed_out() {
    let linked = Linked::new("a phone").await;
    let devices = json!({"UserPoolId": linked.pool, "Username": "ada"});
    let listed = ok(&linked.router, "AdminListDevices", devices.clone()).await;
    let mut forget = devices;
    forget["DeviceKey"] = listed["Devices"][0]["DeviceKey"].clone();
    let forgotten = request("AdminForgetDevice", forget.to_string());
    assert_eq!(send(linked.router.clone(), forgotten).await.status, StatusCode::OK);
    for (method, title, has_form) in [
        (Method::GET, "The device is forgotten, but signed in", true),
        (Method::POST, "The device is forgotten", false),
        (Method::GET, "The device is forgotten", false),
    ] {
        let page = linked.page(method, &linked.path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(&format!("<h1>{title}</h1>")), "{}", page.body);
        assert_eq!(page.body.contains("<form method=\"post\">"), has_form, "{}", page.body);
    }
}

#[tokio::test]
async fn a_device_link_is_framed_cached_and_read_by_none() {
    let linked = Linked::new("a phone").await;
    let wrong = format!("{}x", linked.path);
    for (method, path) in
        [(Method::GET, &linked.path), (Method::POST, &wrong), (Method::POST, &linked.path)]
    {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("origin", "https://evil.example").body(Body::empty()).unwrap();
        let answer = send(linked.router.clone(), request).await;
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            (
                "content-security-policy",
                "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn a_busy_server_says_so_on_the_page_of_a_link() {
    let calls = |service: ServiceBuilder| {
        let mut limits = device_server::Limits::default();
        limits.max_in_flight = 0;
        service.limits(limits)
    };
    let router = router(calls);
    let request = Request::get("/pool/forget-device/x").body(Body::empty()).unwrap();
    let answer = send(router, request).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("Nothing was changed."), "{}", answer.body);
}
