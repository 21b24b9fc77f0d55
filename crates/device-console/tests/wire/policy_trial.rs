//! The button that asks what a form would change.

use axum::http::StatusCode;
use device_wire::requests::DescribeUserPoolRequest;
use serde_json::json;

use crate::browser::{Browser, Site, call, confirm_device, make_pool, make_user};

#[tokio::test]
async fn what_would_change_is_shown_and_nothing_changes() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    make_user(&site, &pool, "ada", json!([])).await;
    confirm_device(&site, &pool, "ada", "phone").await;
    let before = call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool;
    let devices = format!("/console/pools/{pool}/devices");
    let token = browser.get(&devices).await.field("csrf");
    let counted = "<strong>1</strong> sign-ins of <strong>1</strong> users are known.";

    let typed = [("mfa_every", "7d"), ("max_per_user", "3"), ("when_full", "forget-oldest")];
    let fields = [&[("csrf", &*token), ("try", "yes")], &typed[..]].concat();
    let shown = browser.post(&format!("/console/pools/{pool}/policies"), &fields).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    assert!(shown.body.contains(counted), "{}", shown.body);
    // What was typed is kept.
    assert!(shown.body.contains("value=\"7d\"") && shown.body.contains("value=\"3\""));
    assert!(shown.body.contains("value=\"forget-oldest\" selected"), "{}", shown.body);

    let fields = [("csrf", &*token), ("try", "yes"), ("remember", "no"), ("suppress", "no")];
    let shown = browser.post(&devices, &fields).await;
    assert!(shown.body.contains(counted), "{}", shown.body);
    assert!(shown.body.contains("value=\"no\" checked"), "{}", shown.body);
    assert_eq!(call(&site, DescribeUserPoolRequest::new(&*pool)).await.user_pool, before);
}

#[tokio::test]
async fn what_cannot_be_tried_is_said() {
    let site = Site::with_key();
    let mut browser = Browser::signed_in(&site).await;
    let pool = make_pool(&site, "p").await;
    let devices = format!("/console/pools/{pool}/devices");
    let token = browser.get(&devices).await.field("csrf");
    let fields = [("csrf", &*token), ("try", "yes"), ("mfa_every", "monthly")];
    let shown = browser.post(&format!("/console/pools/{pool}/policies"), &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("30d or 12h") && shown.body.contains("value=\"monthly\""));
    let fields = [("csrf", &*token), ("try", "yes"), ("remember", "no"), ("suppress", "yes")];
    let shown = browser.post(&devices, &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.body.contains("Only a remembered device"), "{}", shown.body);
}
