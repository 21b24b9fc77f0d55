//! Signing in and out.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use device_console::routes;
use device_server::{Administrators, app_with_pages};
use device_test::access_key;

use crate::browser::{Browser, SECRET, Site};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_back() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    let shown = browser.get("/console/sessions?done=saved").await;
    assert_eq!(shown.location(), "/console/sign-in?next=%2Fconsole%2Fsessions%3Fdone%3Dsaved");
    let shown = browser.sign_in(&[("next", "/console/sessions")]).await;
    assert_eq!(shown.location(), "/console/sessions");
    let shown = browser.get("/console/sessions").await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.body.contains("This one"), "{}", shown.body);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_shown_again() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    for (id, secret) in [("AKIDEXAMPLE", "wrong"), ("OTHER", SECRET), ("", "")] {
        let token = browser.get("/console/sign-in").await.field("csrf");
        let fields = [("csrf", &*token), ("access_key_id", id), ("secret_access_key", secret)];
        let shown = browser.post("/console/sign-in", &fields).await;
        assert_eq!(shown.status, StatusCode::FORBIDDEN);
        assert!(shown.body.contains("no access key of this server"));
        // The form keeps the input, except for the secret.
        assert!(shown.body.contains(&format!("value=\"{id}\"")));
        assert!(secret.is_empty() || !shown.body.contains(secret));
        assert!(!browser.cookies.contains_key("device-console"));
    }
}

#[tokio::test]
async fn keys_cannot_be_guessed_from_one_source() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    let token = browser.get("/console/sign-in").await.field("csrf");
    let wrong = [("csrf", &*token), ("access_key_id", "AKIDEXAMPLE"), ("secret_access_key", "x")];
    for _ in 0..10 {
        assert_eq!(browser.post("/console/sign-in", &wrong).await.status, StatusCode::FORBIDDEN);
    }
    // The right key is not checked either.
    let shown = browser.sign_in(&[]).await;
    assert_eq!(shown.status, StatusCode::TOO_MANY_REQUESTS);
    site.clock.advance(15 * MINUTE);
    assert_eq!(browser.sign_in(&[]).await.location(), "/console");
}

#[tokio::test]
async fn strangers_behind_a_proxy_close_the_form_to_nobody() {
    let site = Site::with_key();
    for address in ["10.0.0.1", "127.0.0.1", "fd00::1"] {
        let from = || Browser { address: Some(address.parse().unwrap()), ..Browser::new(&site) };
        let mut stranger = from();
        let token = stranger.get("/console/sign-in").await.field("csrf");
        for n in 0..30 {
            let id = format!("GUESSED{}", n % 2);
            let wrong = [("csrf", &*token), ("access_key_id", &id), ("secret_access_key", "x")];
            let shown = stranger.post("/console/sign-in", &wrong).await;
            let expected =
                if n < 20 { StatusCode::FORBIDDEN } else { StatusCode::TOO_MANY_REQUESTS };
            assert_eq!(shown.status, expected, "{address} {n}");
        }
        assert_eq!(from().sign_in(&[]).await.location(), "/console", "{address}");
    }
    // Of another network, all keys are counted together.
    let address = Some("203.0.113.7".parse().unwrap());
    let mut stranger = Browser { address, ..Browser::new(&site) };
    let token = stranger.get("/console/sign-in").await.field("csrf");
    for n in 0..10 {
        let id = format!("GUESSED{n}");
        let wrong = [("csrf", &*token), ("access_key_id", &id), ("secret_access_key", "x")];
        stranger.post("/console/sign-in", &wrong).await;
    }
    assert_eq!(stranger.sign_in(&[]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    for _ in 0..3 {
        site.clock.advance(29 * MINUTE);
        assert_eq!(browser.get("/console").await.status, StatusCode::OK);
    }
    site.clock.advance(30 * MINUTE);
    assert_eq!(browser.get("/console").await.location(), "/console/sign-in");
}

#[tokio::test]
async fn a_session_ends_after_eight_hours() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    for _ in 0..23 {
        site.clock.advance(20 * MINUTE);
        assert_eq!(browser.get("/console").await.status, StatusCode::OK);
    }
    site.clock.advance(20 * MINUTE);
    assert_eq!(browser.get("/console").await.location(), "/console/sign-in");
}

#[tokio::test]
async fn a_session_survives_a_restart_of_the_server() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    // Another console of the same service, with nothing in memory.
    let app = app_with_pages(Arc::clone(&site.service), routes(Arc::clone(&site.service)));
    let (clock, store) = (site.clock.clone(), Arc::clone(&site.store));
    let again = Site { app, service: Arc::clone(&site.service), clock, store };
    let cookies = std::mem::take(&mut browser.cookies);
    let mut browser = Browser { cookies, ..Browser::new(&again) };
    assert_eq!(browser.get("/console").await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_session_can_be_ended() {
    let site = Site::with_key();
    let mut first = Browser::signed_in(&site).await;
    site.clock.advance(MINUTE);
    let mut second = Browser::signed_in(&site).await;
    let shown = second.get("/console/sessions").await;
    let ends: Vec<&str> = shown.body.split("action=\"").skip(1).collect();
    let ends: Vec<&str> = ends.iter().map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    let ends: Vec<&str> = ends.into_iter().filter(|path| path.ends_with("/end")).collect();
    assert_eq!(ends.len(), 2);
    // The latest is at the top.
    let token = shown.field("csrf");
    let shown = second.post(ends[1], &[("csrf", &token)]).await;
    assert_eq!(shown.location(), "/console/sessions?done=session-ended");
    assert_eq!(first.get("/console").await.location(), "/console/sign-in");
    assert_eq!(second.get("/console").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_that_may_only_look_changes_nothing() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    assert_eq!(browser.sign_in(&[("read_only", "on")]).await.location(), "/console");
    let shown = browser.get("/console").await;
    assert!(shown.body.contains("Read only") && !shown.body.contains("Create a user pool"));
    let token = shown.field("csrf");
    let fields = [
        ("csrf", &*token),
        ("name", "p"),
        ("sign_in_with", "username"),
        ("mfa", "off"),
        ("remember", "no"),
    ];
    let shown = browser.post("/console/new-pool", &fields).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert!(shown.body.contains("may only look"));
    // Such a session may still end itself.
    assert_eq!(browser.post("/console/sign-out", &fields).await.location(), "/console/sign-in");
}

#[tokio::test]
async fn a_server_without_administrators_lets_nobody_in() {
    let site = Site::build(|service| service.administrators(Administrators::Nobody));
    let shown = Browser::new(&site).sign_in(&[]).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_new_access_key_ends_all_sessions() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let other = device_server::AccessKey::new(access_key().id(), "another secret of 16").unwrap();
    let other = Site::build(|service| service.administrators(Administrators::Signing(other)));
    browser = Browser { cookies: browser.cookies, ..Browser::new(&other) };
    assert_eq!(browser.get("/console").await.location(), "/console/sign-in");
}

#[tokio::test]
async fn a_form_is_read_up_to_a_limit() {
    let site = Site::with_key();
    let mut browser = Browser::new(&site);
    let token = browser.get("/console/sign-in").await.field("csrf");
    for (length, status) in [(1000, StatusCode::FORBIDDEN), (64 * 1024, StatusCode::BAD_REQUEST)] {
        let long = "x".repeat(length);
        let fields = [("csrf", &*token), ("access_key_id", "AKID"), ("secret_access_key", &*long)];
        assert_eq!(browser.post("/console/sign-in", &fields).await.status, status, "{length}");
    }
}
