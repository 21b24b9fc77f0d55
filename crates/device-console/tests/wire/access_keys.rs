//! Sessions of keys that were added.

use std::time::Duration;

use axum::http::StatusCode;
use device_server::{Administrator, NewAccessKey, Role};
use device_wire::requests::DescribeUserPoolRequest;

use crate::browser::{Browser, KEY_ID, Shown, Site, call, make_pool};

fn own() -> Administrator {
    Administrator::new(KEY_ID, Role::Full)
}

/// Adds a key, and signs in with it.
async fn enter(site: &Site, role: Role, pools: Option<Vec<String>>) -> Browser {
    let new = NewAccessKey { name: "ada".to_owned(), role, pools, days: None };
    let added = site.service.add_access_key(&own(), new, None).await.unwrap();
    let mut browser = Browser::new(site);
    let shown = sign_in(&mut browser, &added.key.id, &added.secret).await;
    assert_eq!(shown.location(), "/console");
    browser
}

async fn sign_in(browser: &mut Browser, id: &str, secret: &str) -> Shown {
    let token = browser.get("/console/sign-in").await.field("csrf");
    let fields = [("csrf", &*token), ("access_key_id", id), ("secret_access_key", secret)];
    browser.post("/console/sign-in", &fields).await
}

#[tokio::test]
async fn a_read_only_key_sees_all_and_is_offered_nothing() {
    let site = Site::with_key();
    let pool = make_pool(&site, "people").await;
    let mut browser = enter(&site, Role::ReadOnly, None).await;
    for (path, more) in [("", 0), ("/devices", 2), ("/sign-in", 0), ("/clients", 1), ("/users", 1)]
    {
        let shown = browser.get(&format!("/console/pools/{pool}{path}")).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}");
        assert!(shown.body.contains("Read only") && shown.body.contains("ada ("), "{path}");
        // The buttons that are left: to sign out, to search, and to try settings.
        let buttons = shown.body.matches("<button").count();
        assert_eq!(buttons, 1 + more, "{path}: {}", shown.body);
    }
    let token = browser.get("/console").await.field("csrf");
    let path = format!("/console/pools/{pool}/devices");
    let shown = browser.post(&path, &[("csrf", &token), ("remember", "no")]).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_read_only_key_may_ask_what_would_change() {
    let site = Site::with_key();
    let pool = make_pool(&site, "people").await;
    let before = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool;
    let mut browser = enter(&site, Role::ReadOnly, None).await;
    let token = browser.get("/console").await.field("csrf");
    let asked = [("csrf", &*token), ("try", "yes"), ("remember", "no"), ("suppress", "no")];
    let tags = [("csrf", &*token), ("try", "yes"), ("mfa_every", "7d")];
    for (page, fields) in [("devices", &asked[..]), ("policies", &tags)] {
        let shown = browser.post(&format!("/console/pools/{pool}/{page}"), fields).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}: {}", shown.body);
        assert!(shown.body.contains("Nothing was changed."), "{page}: {}", shown.body);
    }
    let refused = browser.post(&format!("/console/pools/{pool}/sign-in"), &asked).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool, before);
}

#[tokio::test]
async fn a_key_for_one_pool_is_shown_no_other() {
    let site = Site::with_key();
    let (own, other) = (make_pool(&site, "own").await, make_pool(&site, "other").await);
    // The session of another key.
    Browser::signed_in(&site).await;
    let mut browser = enter(&site, Role::Full, Some(vec![own.clone()])).await;
    let pools = browser.get("/console").await.body;
    assert!(pools.contains(&own) && !pools.contains(&other), "{pools}");
    assert!(browser.get(&format!("/console/pools/{own}")).await.body.contains("own"));
    let shown = browser.get(&format!("/console/pools/{other}")).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    let sessions = browser.get("/console/sessions").await.body;
    assert_eq!(sessions.matches("End<").count(), 1, "{sessions}");
    assert!(!sessions.contains(KEY_ID), "{sessions}");
}

#[tokio::test]
async fn revoking_a_key_ends_its_sessions() {
    let site = Site::with_key();
    let mut of_own = Browser::signed_in(&site).await;
    let mut browser = enter(&site, Role::Full, None).await;
    assert_eq!(browser.get("/console").await.status, StatusCode::OK);
    site.service.revoke_access_key(&own(), "ada".to_owned(), None).await.unwrap();
    assert_eq!(browser.get("/console").await.location(), "/console/sign-in");
    assert_eq!(of_own.get("/console").await.status, StatusCode::OK);
    assert_eq!(site.service.admin_sessions(&own()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn sessions_are_listed_no_longer_than_their_key() {
    let site = Site::with_key();
    Browser::signed_in(&site).await;
    let new = NewAccessKey { name: "day".to_owned(), role: Role::Full, pools: None, days: Some(1) };
    let added = site.service.add_access_key(&own(), new, None).await.unwrap();
    site.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    let mut browser = Browser::new(&site);
    sign_in(&mut browser, &added.key.id, &added.secret).await;
    let of_key = async || {
        let sessions = site.service.admin_sessions(&own()).await.unwrap();
        sessions.iter().filter(|session| session.key_id == added.key.id).count()
    };
    assert_eq!(of_key().await, 1);
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(of_key().await, 0);
}

#[tokio::test]
async fn opening_and_ending_sessions_is_in_the_audit_trail() {
    let site = Site::with_key();
    let mut browser = enter(&site, Role::ReadOnly, None).await;
    let token = browser.get("/console").await.field("csrf");
    browser.post("/console/sign-out", &[("csrf", &token)]).await;
    let events = site.server_events();
    let of = |event: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let actor = text(&event["actor"]["administrator"]);
        let actor = actor.split(' ').next().unwrap().to_owned();
        (text(&event["operation"]), actor, text(&event["kind"]))
    };
    let expected = [
        ("AddAccessKey", KEY_ID, "access_key"),
        ("OpenConsoleSession", "ada", "console_session"),
        ("EndConsoleSession", "ada", "console_session"),
    ];
    let found: Vec<_> = events.iter().map(of).collect();
    for (operation, actor, kind) in expected {
        let one = (operation.to_owned(), actor.to_owned(), kind.to_owned());
        assert_eq!(found.iter().filter(|event| **event == one).count(), 1, "{found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}
