//! The gate before the operator's hooks, so that slow hooks delay no other calls.

use std::sync::Arc;

use device_pool::{HookError, Hooks};
use serde_json::Value;

use crate::admission::{WaitsFor, lending_turn};
use crate::fair_share::FairShare;

/// Hooks of which a limited number run at a time, and of one pool only a share of them.
///
/// A call that waits for its hook lends its turn to other calls.
pub(crate) struct HookGate {
    hooks: Arc<dyn Hooks>,
    places: Arc<FairShare>,
}

impl HookGate {
    /// Creates a gate before `hooks`, with `max_hooks` places.
    pub(crate) fn new(hooks: Arc<dyn Hooks>, max_hooks: usize) -> Self {
        Self { hooks, places: FairShare::new(max_hooks) }
    }
}

impl Hooks for HookGate {
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let pool_id = event.get("userPoolId").and_then(Value::as_str).unwrap_or_default();
        let Some(_place) = self.places.try_take(pool_id) else { return Err(HookError::Busy) };
        lending_turn(WaitsFor::Hook, || self.hooks.call(function, event))
    }

    fn runs(&self, function: Option<&str>) -> bool {
        self.hooks.runs(function)
    }
}
