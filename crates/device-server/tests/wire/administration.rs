//! The calls that the service does not have.

use std::collections::BTreeMap;

use axum::http::Request;
use device_server::{
    ADMINISTRATION_PATH, Administrator, Administrators, PolicyTrialRequest, Role, app,
};
use device_test::{FakeClock, access_key, service};
use serde_json::json;

use super::{Body, Router, StatusCode, call, of, router, send};

const TRY_POLICY: &str = "DeviceAdministration.TryPolicy";

fn request(target: &str) -> axum::http::request::Builder {
    Request::post(ADMINISTRATION_PATH).header("x-amz-target", target)
}

async fn refusal(router: Router, request: Request<Body>) -> (StatusCode, (String, String)) {
    let answer = send(router, request).await;
    let body = answer.json();
    let text = |name| body[name].as_str().unwrap().to_owned();
    (answer.status, (text("__type"), text("message")))
}

#[tokio::test]
async fn only_administrators_make_them() {
    let signing = service(&FakeClock::new());
    let signing = app(signing.administrators(Administrators::Signing(access_key())).build());
    let unsigned = request(TRY_POLICY).body(Body::from("{}")).unwrap();
    let (status, refused) = refusal(signing, unsigned).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let missing = of("MissingAuthenticationTokenException", "Missing Authentication Token");
    assert_eq!(refused, missing);
    // In dev mode anyone is one, but for the pages of other sites.
    let foreign = request(TRY_POLICY).header("origin", "https://evil.example");
    let foreign = foreign.body(Body::from("{}")).unwrap();
    let (_, (code, _)) = refusal(router(|service| service), foreign).await;
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let bodies = [
        (TRY_POLICY, "{", "SerializationException"),
        (TRY_POLICY, r#"{"poolId": 1}"#, "SerializationException"),
        ("DeviceAdministration.Nothing", "{}", "UnknownOperationException"),
        ("AWSCognitoIdentityProviderService.ListUserPools", "{}", "UnknownOperationException"),
    ];
    for (target, body, expected) in bodies {
        let request = request(target).body(Body::from(body)).unwrap();
        let (_, (code, _)) = refusal(router(|service| service), request).await;
        assert_eq!(code, expected, "{target} {body}");
    }
    let twice = request(TRY_POLICY).header("x-amz-target", TRY_POLICY);
    let twice = twice.body(Body::from("{}")).unwrap();
    let (_, (code, _)) = refusal(router(|service| service), twice).await;
    assert_eq!(code, "UnknownOperationException");
    // Nor are they calls of the service.
    assert_eq!(call("TryPolicy", "{}").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_policy_is_tried() {
    let router = router(|service| service);
    let made = super::request("CreateUserPool", json!({ "PoolName": "p" }).to_string());
    let pool = send(router.clone(), made).await.json()["UserPool"]["Id"].clone();
    let body = json!({ "poolId": pool, "days": 30, "settings": { "remember": "always" } });
    let tried = request(TRY_POLICY).body(Body::from(body.to_string())).unwrap();
    let answer = send(router, tried).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json()["signIns"], 0);
}

#[tokio::test]
async fn a_key_for_other_pools_makes_none() {
    let service = service(&FakeClock::new()).build();
    let mut holder = Administrator::new("key", Role::ReadOnly);
    holder.pools = Some(vec!["us-east-1_own".to_owned()]);
    let asked = |pool_id: &str| PolicyTrialRequest {
        pool_id: pool_id.to_owned(),
        settings: BTreeMap::from([("remember".to_owned(), "no".to_owned())]),
        days: 30,
    };
    let refused = service.administer(&holder, asked("us-east-1_other")).await.unwrap_err();
    assert_eq!(refused.message(), "key is not for the pool us-east-1_other.");
    let unknown = service.administer(&holder, asked("us-east-1_own")).await.unwrap_err();
    assert_eq!(unknown.message(), "User pool us-east-1_own does not exist.");
}
