//! Dev mode: open to pages of the same machine, as the API is.

use axum::http::StatusCode;

use crate::browser::{Browser, Site};

#[tokio::test]
async fn a_developer_is_signed_in_at_once() {
    let site = Site::dev();
    let mut browser = Browser::new(&site);
    assert_eq!(
        browser.get("/console/messages").await.location(),
        "/console/sign-in?next=%2Fconsole%2Fmessages"
    );
    let shown = browser.get("/console/sign-in?next=%2Fconsole%2Fmessages").await;
    assert_eq!(shown.location(), "/console/messages");
    assert_eq!(browser.get("/console/messages").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_foreign_name_is_shown_nothing() {
    let site = Site::dev();
    for host in ["evil.example", "localhost.evil.example:9229"] {
        let mut browser = Browser::new(&site);
        browser.headers = vec![("host", host.to_owned())];
        for path in ["/console", "/console/sign-in", "/console/messages"] {
            assert_eq!(browser.get(path).await.status, StatusCode::FORBIDDEN, "{host} {path}");
            assert_eq!(
                browser.post(path, &[]).await.status,
                StatusCode::FORBIDDEN,
                "{host} {path}"
            );
        }
        assert!(browser.cookies.is_empty());
    }
}

#[tokio::test]
async fn messages_are_for_developers_only() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    assert_eq!(browser.get("/console/messages").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/console").await.body.contains("Messages"));
}
