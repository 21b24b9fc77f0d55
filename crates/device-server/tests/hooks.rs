//! Hooks over HTTP: answers, refusals, and hooks that misbehave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use device_pool::{HookError, Hooks};
use device_server::HttpHooks;
use serde_json::{Value, json};

/// Serves a hook on a free port, and calls it.
async fn ask(hook: Router) -> Result<Value, HookError> {
    with(hook, |hooks, event| hooks.call(None, event)).await
}

async fn with<T: Send + 'static>(
    hook: Router,
    call: impl FnOnce(&HttpHooks, &Value) -> T + Send + 'static,
) -> T {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let hooks = HttpHooks::new(&url).unwrap();
    let event = json!({"triggerSource": "DefineAuthChallenge_Authentication", "response": {}});
    let answer = tokio::task::spawn_blocking(move || call(&hooks, &event)).await.unwrap();
    server.abort();
    answer
}

#[tokio::test]
async fn a_custom_sender_is_judged_by_its_status() {
    let told = |status: u16| format!("its status was {status}");
    for (status, expected) in [
        (200, Ok(())),
        (403, Err(HookError::Refused(told(403)))),
        (408, Err(HookError::Failed(told(408)))),
        (429, Err(HookError::Failed(told(429)))),
        (503, Err(HookError::Failed(told(503)))),
    ] {
        let hook =
            answering(StatusCode::from_u16(status).unwrap(), r#"{"errorMessage": "s3cret"}"#);
        assert_eq!(with(hook, |hooks, event| hooks.deliver("arn", event)).await, expected);
    }
}

fn answering(status: StatusCode, body: impl Into<String>) -> Router {
    let body = body.into();
    Router::new().route("/hook", post(move || async move { (status, body) }))
}

#[tokio::test]
async fn the_event_is_sent_and_returned() {
    let echo = post(|body: String| async move {
        let mut event: Value = serde_json::from_str(&body).unwrap();
        event["response"] = json!({"issueTokens": true});
        event.to_string()
    });
    let answer = ask(Router::new().route("/hook", echo)).await.unwrap();
    assert_eq!(answer["triggerSource"], "DefineAuthChallenge_Authentication");
    assert_eq!(answer["response"]["issueTokens"], true);
}

#[tokio::test]
async fn a_refusal_has_the_hooks_own_reason() {
    let refused = ask(answering(StatusCode::FORBIDDEN, r#"{"errorMessage": "not today"}"#)).await;
    assert_eq!(refused, Err(HookError::Refused("not today".to_owned())));
    let refused = ask(answering(StatusCode::BAD_REQUEST, "what?")).await;
    assert_eq!(refused, Err(HookError::Refused("no reason given".to_owned())));
}

#[tokio::test]
async fn an_invalid_answer_is_a_failure() {
    let failed = |reason: &str| Err(HookError::Failed(reason.to_owned()));
    let no_event = ask(answering(StatusCode::OK, "hello")).await;
    assert_eq!(no_event, Ok(Value::Null), "the engine refuses it");
    assert_eq!(ask(answering(StatusCode::BAD_GATEWAY, "{}")).await, failed("its status was 502"));
    let elsewhere = ask(answering(StatusCode::TEMPORARY_REDIRECT, "{}")).await;
    assert_eq!(elsewhere, failed("its status was 307"));
    let long = format!("\"{}\"", "a".repeat(256 * 1024));
    assert_eq!(ask(answering(StatusCode::OK, long)).await, failed("its answer is too long"));
    let nobody = HttpHooks::new("http://127.0.0.1:1/hook").unwrap();
    let answer = tokio::task::spawn_blocking(move || nobody.call(None, &json!({}))).await.unwrap();
    assert_eq!(answer, failed("it was not reached"));
}

#[test]
fn only_http_urls_are_accepted() {
    for url in ["", "hook", "ftp://example.com/", "file:///etc/passwd"] {
        assert!(HttpHooks::new(url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_signed_request_has_id_time_and_signature() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let told = post(|headers: axum::http::HeaderMap| async move {
        let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        json!({ "response": names.map(header) }).to_string()
    });
    let hook = Router::new().route("/hook", told);
    let server = tokio::spawn(async move { axum::serve(listener, hook).await });
    let hooks = HttpHooks::new(&url).unwrap().signed("a-secret-of-the-hook".to_owned()).unwrap();
    let ask = move || hooks.call(None, &json!({}));
    let answer = tokio::task::spawn_blocking(ask).await.unwrap().unwrap();
    server.abort();
    let told: Vec<&str> =
        answer["response"].as_array().unwrap().iter().map(|told| told.as_str().unwrap()).collect();
    assert_eq!(told[0].len(), 36);
    assert!(told[1].parse::<u64>().unwrap() > 1_700_000_000);
    assert!(told[2].starts_with("v1,") && told[2].len() == 47, "{told:?}");
    let short = HttpHooks::new(&url).unwrap().signed("short".to_owned());
    assert!(short.is_err(), "a secret must be long");
}
