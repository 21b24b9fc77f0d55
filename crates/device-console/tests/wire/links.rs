//! One-time links, which a signed call requests.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use device_console::{SIGN_IN_LINK_PATH, SIGN_IN_LINK_TARGET, SignInLink};
use device_server::{Administrator, Role};

use crate::browser::{Browser, KEY_ID, SECRET, Shown, Site};

/// Makes the signed call that requests a link.
async fn ask(
    site: &Site,
    target: &str,
    secret: &str,
    body: &str,
) -> (Shown, Vec<(&'static str, String)>) {
    let mut browser = Browser::new(site);
    browser.headers.push(("x-amz-target", target.to_owned()));
    let signature = signature(site, &browser.headers, secret, body);
    browser.headers.extend(signature);
    let shown = browser.send(Method::POST, SIGN_IN_LINK_PATH, Body::from(body.to_owned())).await;
    (shown, browser.headers)
}

/// The headers that sign a call with this target, secret and body.
fn signature(
    site: &Site,
    headers: &[(&'static str, String)],
    secret: &str,
    body: &str,
) -> Vec<(&'static str, String)> {
    let identity = Credentials::new(KEY_ID, secret, None, None, "test").into();
    let now = u64::try_from(site.clock.now()).unwrap();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("cognito-idp")
        .time(UNIX_EPOCH + Duration::from_millis(now))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let url = format!("http://localhost:9229{SIGN_IN_LINK_PATH}");
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new("POST", &url, headers, body).unwrap();
    let (instructions, _) =
        aws_sigv4::http_request::sign(signable, &parameters).unwrap().into_parts();
    let names = ["x-amz-date", "authorization"];
    let value = |name| {
        let found = instructions.headers().find(|(found, _)| *found == name);
        (name, found.unwrap().1.to_owned())
    };
    names.map(value).to_vec()
}

async fn link(site: &Site, body: &str) -> String {
    let (shown, _) = ask(site, SIGN_IN_LINK_TARGET, SECRET, body).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    let link: SignInLink = serde_json::from_str(&shown.body).unwrap();
    assert_eq!(link.expires_in, 60);
    link.path
}

/// Opens a link and presses its button.
async fn open(browser: &mut Browser, path: &str) -> Shown {
    let shown = browser.get(path).await;
    assert!(shown.body.contains(KEY_ID), "{}", shown.body);
    let (token, link) = (shown.field("csrf"), shown.field("link"));
    browser.post("/console/sign-in/link", &[("csrf", &token), ("link", &link)]).await
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let site = Site::with_key();
    let path = link(&site, "{}").await;
    let mut first = Browser::new(&site);
    let mut second = Browser::new(&site);
    // Opening the link without pressing the button, as a mail scanner does, does not use it up.
    second.get(&path).await;
    assert_eq!(open(&mut first, &path).await.location(), "/console");
    assert_eq!(first.get("/console").await.status, StatusCode::OK);
    let shown = open(&mut second, &path).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert!(shown.body.contains("device console"), "{}", shown.body);
}

/// An attacker's own link must not sign a victim in as the attacker.
#[tokio::test]
async fn a_link_is_used_by_the_browser_that_opened_it() {
    let site = Site::with_key();
    let path = link(&site, "{}").await;
    let (mut attacker, mut victim) = (Browser::new(&site), Browser::new(&site));
    let shown = attacker.get(&path).await;
    let (token, link) = (shown.field("csrf"), shown.field("link"));
    victim.get("/console/sign-in").await;
    for token in [&*token, ""] {
        let fields = [("csrf", token), ("link", &*link)];
        for mut victim in [victim.clone(), Browser::new(&site)] {
            let shown = victim.post("/console/sign-in/link", &fields).await;
            assert_eq!(shown.status, StatusCode::FORBIDDEN);
            assert!(shown.body.contains("out of date"), "{}", shown.body);
        }
    }
    let fields = [("csrf", &*token), ("link", &*link)];
    assert_eq!(attacker.post("/console/sign-in/link", &fields).await.location(), "/console");
}

#[tokio::test]
async fn a_link_is_good_for_a_minute() {
    let site = Site::with_key();
    let path = link(&site, "{}").await;
    site.clock.advance(Duration::from_secs(60));
    let shown = Browser::new(&site).get(&path).await;
    assert!(shown.body.contains("older than a minute"), "{}", shown.body);
}

#[tokio::test]
async fn a_link_may_be_for_looking_only() {
    let site = Site::with_key();
    let path = link(&site, "{\"readOnly\":true}").await;
    open(&mut Browser::new(&site), &path).await;
    let sessions =
        site.service.admin_sessions(&Administrator::new(KEY_ID, Role::Full)).await.unwrap();
    assert_eq!((&*sessions[0].key_id, sessions[0].role), (KEY_ID, Role::ReadOnly));
}

#[tokio::test]
async fn a_developer_may_only_look_as_well() {
    let site = Site::dev();
    let path = link(&site, "{\"readOnly\":true}").await;
    let mut browser = Browser::new(&site);
    let shown = browser.get(&path).await;
    assert!(shown.body.contains("to look and change nothing"), "{}", shown.body);
    let (token, link) = (shown.field("csrf"), shown.field("link"));
    let fields = [("csrf", &*token), ("link", &*link)];
    assert_eq!(browser.post("/console/sign-in/link", &fields).await.location(), "/console");
    let shown = browser.get("/console").await;
    assert!(shown.body.contains("Read only"), "{}", shown.body);
    let fields = [("csrf", &*shown.field("csrf")), ("name", "p")];
    let refused = browser.post("/console/new-pool", &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // The link that was used opens no session that may change something.
    let mut again = Browser::new(&site);
    let shown = again.get(&path).await;
    let (token, link) = (shown.field("csrf"), shown.field("link"));
    let fields = [("csrf", &*token), ("link", &*link)];
    let shown = again.post("/console/sign-in/link", &fields).await;
    assert_eq!(shown.status, StatusCode::FORBIDDEN);
    assert!(shown.body.contains("This link was used"), "{}", shown.body);
    // After a sign-out the browser is the usual developer again.
    let token = browser.get("/console").await.field("csrf");
    let shown = browser.post("/console/sign-out", &[("csrf", &token)]).await;
    assert_eq!(shown.location(), "/console/sign-in");
    browser.get("/console/sign-in").await;
    assert!(!browser.get("/console").await.body.contains("Read only"));
}

#[tokio::test]
async fn only_a_fresh_signed_call_gets_a_link() {
    let site = Site::with_key();
    let (shown, _) = ask(&site, SIGN_IN_LINK_TARGET, "another secret", "{}").await;
    assert_eq!(shown.status, StatusCode::BAD_REQUEST);
    assert!(!shown.body.contains("path"), "{}", shown.body);
    // A call signed for another operation gets no link.
    let target = "AWSCognitoIdentityProviderService.ListUserPools";
    let (shown, _) = ask(&site, target, SECRET, "{}").await;
    assert_eq!(shown.status, StatusCode::BAD_REQUEST);
    let mut bare = Browser::new(&site);
    assert_eq!(bare.post(SIGN_IN_LINK_PATH, &[]).await.status, StatusCode::BAD_REQUEST);
    // A copy of the call, sent again, gets no second link.
    let (shown, headers) = ask(&site, SIGN_IN_LINK_TARGET, SECRET, "{}").await;
    assert_eq!(shown.status, StatusCode::OK);
    let mut again = Browser { headers, ..Browser::new(&site) };
    let shown = again.send(Method::POST, SIGN_IN_LINK_PATH, Body::from("{}")).await;
    assert_eq!(shown.status, StatusCode::BAD_REQUEST);
    assert!(shown.body.contains("made before"), "{}", shown.body);
    // Neither does the same signature in capitals and with other spaces.
    let mut respelled = again.headers.clone();
    let header = respelled.iter_mut().find(|(name, _)| *name == "authorization").unwrap();
    let (before, signature) = header.1.split_once("Signature=").unwrap();
    header.1 = format!("{}Signature={}", before.replace(", ", ","), signature.to_uppercase());
    let mut respelled = Browser { headers: respelled, ..Browser::new(&site) };
    let shown = respelled.send(Method::POST, SIGN_IN_LINK_PATH, Body::from("{}")).await;
    assert!(shown.body.contains("made before"), "{}", shown.body);
}

#[tokio::test]
async fn a_made_up_link_is_none() {
    let site = Site::with_key();
    for link in ["", "AAAA", "x", "%00"] {
        let shown = Browser::new(&site).get(&format!("/console/sign-in?link={link}")).await;
        assert!(shown.body.contains("Secret access key"), "{link}");
    }
}
