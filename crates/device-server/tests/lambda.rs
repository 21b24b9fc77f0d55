//! Triggers by Lambda's `Invoke`: requests, answers, and endpoints that misbehave.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::extract::Request;
use device_pool::{HookError, Hooks};
use device_server::LambdaHooks;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:lambda:eu-test-1:123456789012:function:f";

/// Serves an endpoint on a port of its own, and asks it for `function`.
async fn ask(endpoint: Router, function: Option<&'static str>) -> Result<Value, HookError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, endpoint).await });
    let token = Some("token".to_owned());
    let hooks = LambdaHooks::new(&url, "AKID".to_owned(), "secret".to_owned(), token).unwrap();
    assert!(!hooks.is_exposed());
    let event = json!({"triggerSource": "PreSignUp_SignUp", "response": {}});
    let answer = tokio::task::spawn_blocking(move || hooks.call(function, &event)).await.unwrap();
    server.abort();
    answer
}

#[tokio::test]
async fn an_event_is_the_payload_of_a_signed_invoke() {
    let endpoint = Router::new().fallback(|request: Request| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["triggerSource"], "PreSignUp_SignUp");
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        json!({"response": {
            "request": format!("{} {}", head.method, head.uri),
            "type": header("x-amz-invocation-type"),
            "token": header("x-amz-security-token"),
            "authorization": header("authorization"),
        }})
        .to_string()
    });
    let answer = ask(endpoint, Some(ARN)).await.unwrap();
    let got = &answer["response"];
    let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-test-1%3A123456789012%3Afunction%3Af";
    assert_eq!(got["request"], format!("POST {path}/invocations"));
    assert_eq!((&got["type"], &got["token"]), (&json!("RequestResponse"), &json!("token")));
    let authorization = got["authorization"].as_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{authorization}");
    for part in [
        "/eu-test-1/lambda/aws4_request, ",
        "SignedHeaders=content-type;host;x-amz-date;x-amz-invocation-type;x-amz-security-token, ",
        "Signature=",
    ] {
        assert!(authorization.contains(part), "{authorization}");
    }
}

#[tokio::test]
async fn a_function_that_throws_refuses() {
    let endpoint = Router::new().fallback(|| async {
        let thrown = r#"{"errorType": "Error", "errorMessage": "not today", "trace": []}"#;
        ([("X-Amz-Function-Error", "Unhandled")], thrown)
    });
    assert_eq!(ask(endpoint, Some(ARN)).await, Err(HookError::Refused("not today".to_owned())));
}

#[tokio::test]
async fn an_endpoint_that_is_not_reached_is_a_failure() {
    let hooks = LambdaHooks::new("http://127.0.0.1:1", "a".to_owned(), "b".to_owned(), None);
    let hooks = hooks.unwrap();
    let answer = tokio::task::spawn_blocking(move || hooks.call(Some(ARN), &json!({})));
    let failed = HookError::Failed("it was not reached".to_owned());
    assert_eq!(answer.await.unwrap(), Err(failed));
    for url in ["", "lambda", "ftp://example.com/"] {
        let hooks = LambdaHooks::new(url, "a".to_owned(), "b".to_owned(), None);
        assert!(hooks.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_trigger_without_a_function_is_missing() {
    assert_eq!(ask(Router::new(), None).await, Err(HookError::Missing));
}
