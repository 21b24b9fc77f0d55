//! Attacks on the console.

use axum::http::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Site, confirm_device, make_pool, make_user};

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
    for mut browser in [Browser::new(&site), Browser::signed_in(&site).await] {
        browser.headers.push(("origin", "https://evil.example".to_owned()));
        for path in PAGES {
            let shown = browser.get(path).await;
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

#[tokio::test]
async fn markup_in_messages_is_shown_as_text() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let pool = make_pool(&site, "p").await;
    let path = format!("/console/pools/{pool}/new-user");
    let fields = [("username", "<b>bold</b>"), ("email", "ada@example.com"), ("invite", "on")];
    browser.submit(&path, &fields).await;
    let shown = browser.get("/console/messages").await;
    assert!(shown.body.contains("&lt;b&gt;bold&lt;/b&gt;"), "{}", shown.body);
    assert!(!shown.body.contains("<b>"), "{}", shown.body);
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
