//! Replays what Terraform's provider called, as `cargo xtask terraform --record` wrote it.
//!
//! An answer that differs from the recorded one may be drift: run the real thing again, which plans
//! after each apply, and record it.

use std::sync::Arc;

use device_server::{PoolConfig, app};
use device_store::MemoryStore;
use device_test::{FakeClock, TestSigningKeys, config, service_in};
use serde::Deserialize;
use serde_json::Value;

use crate::names::{self, Names};
use crate::replay::Caller;

const RECORDED: &str = include_str!("terraform.jsonl");

/// The kinds of resources that the recording must have, by the calls that make them.
const MADE: [&str; 12] = [
    "AdminAddUserToGroup",
    "AdminCreateUser",
    "CreateGroup",
    "CreateIdentityProvider",
    "CreateResourceServer",
    "CreateUserPool",
    "CreateUserPoolClient",
    "CreateUserPoolDomain",
    "GetSigningCertificate",
    "SetRiskConfiguration",
    "SetUICustomization",
    "SetUserPoolMfaConfig",
];

#[derive(Deserialize)]
struct Call {
    step: String,
    operation: String,
    request: Value,
    /// The answer, or the refusal.
    answer: Value,
}

fn recorded() -> Vec<Call> {
    RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A recorded value as the server of the test has it.
fn filled(names: &Names, value: &Value) -> Value {
    names::map(value, &|text| {
        names.0.iter().fold(text.to_owned(), |text, (value, name)| text.replace(name, value))
    })
}

/// Lists sorted, since the ids that they are sorted by differ.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, sorted(value))).collect()
        }
        other => other,
    }
}

#[tokio::test]
async fn each_recorded_call_is_answered_as_it_was() {
    // As `device serve` has it.
    let config = PoolConfig { account_id: "000000000000".to_owned(), ..config("http://pool.test") };
    let (store, keys) = (Arc::new(MemoryStore::new()), Arc::new(TestSigningKeys::default()));
    let caller = Caller(app(service_in(store, config, keys, &FakeClock::new()).build()));
    let mut names = Names::default();
    for Call { step, operation, request, answer } in recorded() {
        let (_, found) = caller.send(&operation, filled(&names, &request)).await;
        names.learn(&operation, &found);
        assert_eq!(sorted(names.hide(&found)), sorted(answer), "{step}: {operation} {request}");
    }
}

#[test]
fn the_recording_has_every_step_and_resource() {
    let calls = recorded();
    let steps = ["apply", "plan", "change", "plan again", "destroy"];
    for step in steps {
        assert!(calls.iter().any(|call| call.step == step), "{step}");
    }
    for operation in MADE {
        assert!(calls.iter().any(|call| call.operation == operation), "{operation}");
    }
    let reads = ["Get", "List", "Describe", "AdminGet", "AdminList"];
    for call in calls.iter().filter(|call| call.step.starts_with("plan")) {
        assert!(reads.iter().any(|read| call.operation.starts_with(read)), "{}", call.operation);
    }
}
