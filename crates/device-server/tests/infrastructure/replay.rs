//! Replays the calls of a tool on a router with a pool and an app client.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use device_server::app;
use device_test::{FakeClock, service};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A router that is called as SDKs call it.
pub(crate) struct Caller(pub(crate) Router);

impl Caller {
    /// Makes a call; returns the answer or the refusal.
    pub(crate) async fn send(&self, operation: &str, request: Value) -> (StatusCode, Value) {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Body::from(request.to_string()))
            .unwrap();
        let (head, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let answer =
            if body.is_empty() { json!({}) } else { serde_json::from_slice(&body).unwrap() };
        (head.status, answer)
    }
}

/// A service that receives the calls of a tool, and the ids that it issued.
///
/// A string `$name` in a request stands for the id of that name. In an expected answer, the id is
/// compared if it is known, and recorded otherwise.
pub(crate) struct Replay {
    caller: Caller,
    ids: BTreeMap<String, String>,
}

impl Replay {
    /// A service without pools.
    pub(crate) fn empty() -> Self {
        let caller = Caller(app(service(&FakeClock::new()).build()));
        Self { caller, ids: BTreeMap::new() }
    }

    /// A service that has the pool `$pool` and its app client `$client`.
    pub(crate) async fn new() -> Self {
        let mut replay = Self::empty();
        let pool = json!({"UserPool": {"Id": "$pool"}});
        replay.call("CreateUserPool", json!({"PoolName": "people"}), pool).await;
        let client = json!({"UserPoolClient": {"ClientId": "$client"}});
        let request = json!({"UserPoolId": "$pool", "ClientName": "app"});
        replay.call("CreateUserPoolClient", request, client).await;
        replay
    }

    /// Makes a call whose answer must contain `expected`.
    pub(crate) async fn call(&mut self, operation: &str, request: Value, expected: Value) {
        let (status, answer) = self.caller.send(operation, self.filled_in(request)).await;
        assert_eq!(status, StatusCode::OK, "{operation}: {answer}");
        self.compare(operation, &expected, &answer);
    }

    /// Makes a call that must be refused with this code.
    pub(crate) async fn refused(&mut self, operation: &str, request: Value, code: &str) {
        let (status, answer) = self.caller.send(operation, self.filled_in(request)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{operation}: {answer}");
        assert_eq!(answer["__type"], code, "{operation}: {answer}");
    }

    fn filled_in(&self, value: Value) -> Value {
        match value {
            Value::String(text) if text.starts_with('$') => json!(self.ids[&text]),
            Value::Array(items) => items.into_iter().map(|item| self.filled_in(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, self.filled_in(value))).collect()
            }
            other => other,
        }
    }

    /// Compares lists as a whole, and structures by the expected members. `null` means that the
    /// member must be absent.
    fn compare(&mut self, place: &str, expected: &Value, found: &Value) {
        match expected {
            Value::String(text) if text.starts_with('$') => {
                let found = found.as_str().unwrap_or_else(|| panic!("{place}: no text"));
                let known = self.ids.entry(text.clone()).or_insert_with(|| found.to_owned());
                assert_eq!(known, found, "{place}");
            }
            Value::Object(members) => {
                for (name, expected) in members {
                    self.compare(&format!("{place}.{name}"), expected, &found[name]);
                }
            }
            Value::Array(items) => {
                assert_eq!(found.as_array().map(Vec::len), Some(items.len()), "{place}: {found}");
                for (index, expected) in items.iter().enumerate() {
                    self.compare(&format!("{place}.{index}"), expected, &found[index]);
                }
            }
            other => assert_eq!(other, found, "{place}"),
        }
    }
}
