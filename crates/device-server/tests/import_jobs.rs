//! The file of an import job, put to its URL, and the job in the background.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use device_server::app;
use device_test::{FakeClock, service};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const CSV: &str = "\
cognito:username,email,email_verified,cognito:mfa_enabled
ada,ada@example.com,true,false
";

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn call(router: &Router, operation: &str, body: Value) -> Value {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, answer) = send(router, request).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn a_file_is_put_and_imported() {
    let service = service(&FakeClock::new()).build();
    let router = app(std::sync::Arc::clone(&service));
    let pool = call(&router, "CreateUserPool", json!({ "PoolName": "p" })).await;
    let pool = pool["UserPool"]["Id"].clone();
    let create = json!({ "UserPoolId": pool, "JobName": "people",
        "CloudWatchLogsRoleArn": "arn:aws:iam::000000000000:role/logs" });
    let job = call(&router, "CreateUserImportJob", create).await["UserImportJob"].clone();
    let url = job["PreSignedUrl"].as_str().unwrap();
    let path = url.strip_prefix("http://pool.test").unwrap();
    let put = |path: &str, body: Vec<u8>| Request::put(path).body(Body::from(body)).unwrap();
    let (status, answer) = send(&router, put(&format!("{path}x"), CSV.into())).await;
    assert_eq!(answer["message"], "The URL is wrong, or has expired.", "{status}");
    let (status, _) = send(&router, put(path, vec![b'a'; 600 * 1024])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, answer) = send(&router, put(path, vec![0xff])).await;
    assert_eq!(
        (status, &answer["message"]),
        (StatusCode::BAD_REQUEST, &json!("The file is not UTF-8."))
    );
    assert_eq!(send(&router, put(path, CSV.into())).await.0, StatusCode::OK);
    let id = json!({ "UserPoolId": pool, "JobId": job["JobId"] });
    call(&router, "StartUserImportJob", id.clone()).await;
    // Maintenance runs what is left, and waits for what runs.
    service.maintain().await;
    let job = call(&router, "DescribeUserImportJob", id).await["UserImportJob"].clone();
    assert_eq!((&job["Status"], &job["ImportedUsers"]), (&json!("Succeeded"), &json!(1)), "{job}");
}
