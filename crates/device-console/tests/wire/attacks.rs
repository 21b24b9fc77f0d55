//! Attacks on the console.

use axum::http::StatusCode;
use device_server::{Administrator, Role, TrustedProxies};
use device_wire::requests::{AdminInitiateAuthRequest, UpdateUserPoolRequest};
use serde_json::json;

use crate::browser::{
    Browser, Site, call, confirm_device, make_client, make_pool, make_user, request,
};
use crate::crowd::{Content, Crowd};

const PAGES: [&str; 6] = [
    "/console",
    "/console/sign-in",
    "/console/sessions",
    "/console/new-pool",
    "/console/nothing",
    "/console/pools/us-east-1_none",
];

#[tokio::test]
async fn no_form_is_taken_without_its_token() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let mut other = Browser::signed_in(&site).await;
    let foreign = other.get("/console/new-pool").await.field("csrf");
    let pool = [("name", "p"), ("sign_in_with", "username"), ("mfa", "off"), ("remember", "no")];
    for token in [None, Some(""), Some("AAAA"), Some(&*foreign)] {
        let mut fields = pool.to_vec();
        fields.extend(token.map(|token| ("csrf", token)));
        for path in ["/console/new-pool", "/console/sign-out", "/console/sessions/x/end"] {
            let shown = browser.post(path, &fields).await;
            assert_eq!(shown.status, StatusCode::FORBIDDEN, "{path} {token:?}");
            assert!(shown.body.contains("out of date"), "{path} {token:?}");
        }
    }
    assert_eq!(browser.get("/console").await.status, StatusCode::OK);
    let shown = browser.submit("/console/new-pool", &pool).await;
    assert!(shown.location().ends_with("?done=pool-created"), "{}", shown.location());
}

#[tokio::test]
async fn a_form_of_a_foreign_origin_is_refused() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let token = browser.get("/console/new-pool").await.field("csrf");
    let fields = [("csrf", &*token)];
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:5173"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let mut browser = browser.clone();
        browser.headers.push((name, value.to_owned()));
        for path in ["/console/sign-out", "/console/sign-in", "/console/sign-in/link"] {
            let shown = browser.post(path, &fields).await;
            assert_eq!(shown.status, StatusCode::FORBIDDEN, "{path} {value}");
            assert!(shown.body.contains("another site"), "{path} {value}");
        }
    }
    browser.headers.push(("origin", "http://localhost:9229".to_owned()));
    assert_eq!(browser.post("/console/sign-out", &fields).await.location(), "/console/sign-in");
}

#[tokio::test]
async fn nobody_can_be_signed_in_by_a_foreign_form() {
    let site = Site::with_key();
    let (mut attacker, mut victim) = (Browser::new(&site), Browser::new(&site));
    let token = attacker.get("/console/sign-in").await.field("csrf");
    victim.get("/console/sign-in").await;
    let key = [("access_key_id", crate::browser::KEY_ID)];
    let secret = [("secret_access_key", crate::browser::SECRET)];
    let fields = [&key[..], &secret, &[("csrf", &*token)]].concat();
    assert_eq!(victim.post("/console/sign-in", &fields).await.status, StatusCode::FORBIDDEN);
    // A form of another site is sent without any cookie.
    let mut bare = Browser::new(&site);
    assert_eq!(bare.post("/console/sign-in", &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(attacker.post("/console/sign-in", &fields).await.location(), "/console");
}

#[tokio::test]
async fn no_session_is_fixed_before_the_sign_in() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    browser.cookies.insert("device-console".to_owned(), "planted".to_owned());
    browser.sign_in(&[]).await;
    let first = browser.cookies["device-console"].clone();
    assert_ne!(first, "planted");
    // Signing in again starts a new session, and ends the previous one.
    browser.sign_in(&[]).await;
    assert_ne!(browser.cookies["device-console"], first);
    browser.cookies.insert("device-console".to_owned(), first);
    assert_eq!(browser.get("/console").await.location(), "/console/sign-in");
}

#[tokio::test]
async fn a_changed_cookie_opens_nothing() {
    let site = Site::with_key();
    let browser = Browser::signed_in(&site).await;
    let sealed = browser.cookies["device-console"].clone();
    for at in [0, 10, 20, sealed.len() - 1] {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let mut browser = browser.clone();
        let changed = String::from_utf8(changed).unwrap();
        browser.cookies.insert("device-console".to_owned(), changed);
        assert_eq!(browser.get("/console").await.location(), "/console/sign-in", "{at}");
    }
}

#[tokio::test]
async fn cookies_are_for_this_console_alone() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    let form = browser.get("/console/sign-in").await;
    let token = form.field("csrf");
    let key = [("access_key_id", crate::browser::KEY_ID), ("csrf", &*token)];
    let fields = [&key[..], &[("secret_access_key", crate::browser::SECRET)]].concat();
    let entered = browser.post("/console/sign-in", &fields).await;
    for shown in [&form, &entered] {
        let cookie = shown.header("set-cookie");
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    // The cookie has nothing readable.
    assert!(!entered.header("set-cookie").contains(crate::browser::KEY_ID));
}

#[tokio::test]
async fn no_page_may_be_framed_kept_or_run_scripts_of_others() {
    let site = Site::with_key();
    let developed = Site::dev();
    let mut developer = Browser::new(&developed);
    developer.get("/console/sign-in").await;
    let content = Content { users: 3, waiting: 3, others: 3, is_longest: false };
    let crowd = Crowd::make(&developed, content).await;
    let all = crowd.pages(&mut developer).await.into_iter().map(|(_, path)| path);
    let all: Vec<String> = all.collect();
    let some: Vec<String> = PAGES.map(ToOwned::to_owned).to_vec();
    for (mut browser, pages) in [
        (Browser::new(&site), some.clone()),
        (Browser::signed_in(&site).await, some),
        (developer, all),
    ] {
        browser.headers.push(("origin", "https://evil.example".to_owned()));
        for path in pages {
            let shown = browser.get(&path).await;
            let policy = shown.header("content-security-policy");
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(shown.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(shown.header("x-content-type-options"), "nosniff", "{path}");
            // So the back button shows nothing after a sign-out.
            assert_eq!(shown.header("cache-control"), "no-store", "{path}");
            // Pages of other origins may read the API's answers, but not these pages.
            assert_eq!(shown.header("access-control-allow-origin"), "", "{path}");
            for inline in ["<style", "style=", " onclick=", "javascript:"] {
                assert!(!shown.body.contains(inline), "{path}: {inline}");
            }
        }
    }
}

#[tokio::test]
async fn a_sign_in_leads_nowhere_else() {
    let site = Site::with_key();
    for next in [
        "https://evil.example/",
        "//evil.example/console",
        "/\\evil.example",
        "/console.evil.example/",
        "/console\r\nSet-Cookie: x=y",
        "/dev/messages",
    ] {
        let shown = Browser::new(&site).sign_in(&[("next", next)]).await;
        assert_eq!(shown.location(), "/console", "{next:?}");
    }
}

#[tokio::test]
async fn stored_markup_is_shown_as_text() {
    const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    browser.headers.push(("user-agent", MARKUP.to_owned()));
    browser.sign_in(&[]).await;
    let pool = make_pool(&site, "p").await;
    let attributes = json!([
        { "Name": "name", "Value": MARKUP },
        { "Name": "email", "Value": "ada@example.com" },
    ]);
    let name = "<b>bold</b>";
    let user = make_user(&site, &pool, name, attributes).await;
    let key = confirm_device(&site, &pool, name, MARKUP).await;
    let users = format!("/console/pools/{pool}/users");
    let query = "<script>alert(3)</script>";
    let search = serde_urlencoded::to_string([("q", query), ("by", query)]).unwrap();
    for path in [
        "/console/sessions".to_owned(),
        users.clone(),
        format!("{users}?{search}"),
        format!("{users}/{user}"),
        format!("{users}/{user}/act/delete"),
        format!("{users}/{user}/devices/{key}/forget"),
        format!("{users}/{user}/act/end-session?session=%22%3E%3Cscript%3E"),
        format!("/console/sessions?done={}", "%3Cscript%3E"),
        "/console/pools/%3Cscript%3E".to_owned(),
    ] {
        let shown = browser.get(&path).await;
        for markup in ["<script>", "<img src=x", "<b>"] {
            assert!(!shown.body.contains(markup), "{path}: {}", shown.body);
        }
    }
    let shown = browser.get(&format!("{users}/{user}")).await;
    assert!(shown.body.contains("&lt;b&gt;bold&lt;/b&gt;"), "{}", shown.body);
    assert!(shown.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", shown.body);
}

/// An address is kept as an address, so it can be no markup.
#[tokio::test]
async fn an_address_is_no_markup() {
    const MARKUP: &str = "<script>alert(4)</script>";
    let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
    let site = Site::build(|service| service.trusted_proxies(proxies));
    let mut browser = Browser::new(&site);
    browser.address = Some([10, 0, 0, 1].into());
    for forwarded in [MARKUP, "203.0.113.9"] {
        browser.headers.push(("x-forwarded-for", forwarded.to_owned()));
        browser.get("/console/sign-in").await;
        browser.headers.pop();
    }
    let pool = make_pool(&site, "p").await;
    let user = make_user(&site, &pool, "ada", json!([])).await;
    confirm_device(&site, &pool, "ada", "laptop").await;
    let client = make_client(&site, &pool).await;
    let members = json!({ "UserPoolId": pool, "ClientId": client,
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": "ada", "PASSWORD": crate::browser::PASSWORD },
        "ContextData": { "IpAddress": MARKUP, "ServerName": MARKUP, "ServerPath": MARKUP,
            "HttpHeaders": [] } });
    let request = request::<AdminInitiateAuthRequest>(members);
    let administrator = Administrator::new("test", Role::Full);
    assert!(site.service.call(&administrator, &request, None).await.is_err());
    for path in ["/console/sessions".to_owned(), format!("/console/pools/{pool}/users/{user}")] {
        let shown = browser.get(&path).await;
        assert!(!shown.body.contains("alert(4)"), "{path}: {}", shown.body);
    }
    assert!(browser.get("/console/sessions").await.body.contains("203.0.113.9"));
}

#[tokio::test]
async fn markup_in_names_of_groups_and_tags_is_shown_as_text() {
    const MARKUP: &str = "\"><script>alert(5)</script>";
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let user = make_user(&site, &pool, "ada", json!([])).await;
    let pages = format!("/console/pools/{pool}");
    let fields = [("name", MARKUP), ("description", MARKUP), ("precedence", "")];
    let made = browser.submit(&format!("{pages}/new-group"), &fields).await;
    let group = made.location().split('?').next().unwrap().to_owned();
    let add = format!("{pages}/users/{user}/act/add-to-group");
    browser.submit(&add, &[("group", MARKUP)]).await.location();
    for path in [
        format!("{pages}/groups"),
        group.clone(),
        format!("{group}/delete"),
        format!("{pages}/users/{user}"),
        format!("{pages}/users/{user}/groups"),
        format!("{pages}/users/{user}/sign-ins"),
    ] {
        let shown = browser.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        assert!(!shown.body.contains("<script>"), "{path}: {}", shown.body);
    }
    // What was typed comes back as text.
    let token = browser.get(&format!("{pages}/devices")).await.field("csrf");
    let fields = [("csrf", &*token), ("mfa_every", MARKUP), ("session_required", MARKUP)];
    let shown = browser.post(&format!("{pages}/policies"), &fields).await;
    assert!(shown.body.contains("alert(5)") && !shown.body.contains("<script>"));
}

#[tokio::test]
async fn markup_in_messages_is_shown_as_text() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/new-user");
    let template = json!({ "EmailSubject": "<b>Welcome</b>",
        "EmailMessage": "<b>{username}</b> <img src=x> {####}" });
    let members = json!({ "UserPoolId": pool,
        "AdminCreateUserConfig": { "InviteMessageTemplate": template } });
    call(&site, request::<UpdateUserPoolRequest>(members)).await;
    let fields = [("username", "<b>bold</b>"), ("email", "ada@example.com"), ("invite", "on")];
    browser.submit(&path, &fields).await;
    let shown = browser.get("/console/messages").await;
    let message = format!("/console/messages/{}", shown.after("/console/messages/"));
    for path in ["/console/messages", &message] {
        let shown = browser.get(path).await;
        for text in ["&lt;b&gt;bold&lt;/b&gt;", "&lt;b&gt;Welcome&lt;/b&gt;", "&lt;img src=x&gt;"] {
            assert!(shown.body.contains(text), "{path}: {}", shown.body);
        }
        assert!(!shown.body.contains("<b>") && !shown.body.contains("<img src=x"), "{path}");
    }
}

#[tokio::test]
async fn after_a_sign_out_nothing_is_left() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let before = browser.clone();
    let token = browser.get("/console").await.field("csrf");
    browser.post("/console/sign-out", &[("csrf", &token)]).await;
    assert!(!browser.cookies.contains_key("device-console"));
    // A copy of the cookie is invalid too.
    assert_eq!(before.clone().get("/console").await.location(), "/console/sign-in");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_of_this_host_alone() {
    use device_server::Administrators;
    use device_test::{FakeClock, TestSigningKeys, access_key, config, service_in};
    let clock = FakeClock::new();
    let store = std::sync::Arc::new(device_store::MemoryStore::new());
    let keys = std::sync::Arc::new(TestSigningKeys::default());
    let service = service_in(store.clone(), config("https://auth.example.com"), keys, &clock);
    let service = service.administrators(Administrators::Signing(access_key())).build();
    let app = device_console::routes(std::sync::Arc::clone(&service));
    let mut browser = Browser::new(&Site { app, service, clock, store });
    browser.sign_in(&[]).await;
    assert!(browser.cookies.contains_key("__Host-device-console"));
    let form = Browser { cookies: Default::default(), ..browser }.get("/console/sign-in").await;
    let cookie = form.header("set-cookie");
    assert!(cookie.contains("Secure") && cookie.ends_with("Path=/"), "{cookie}");
}
