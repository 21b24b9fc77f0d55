//! The gate before the operator's hooks, so that slow hooks delay no other calls.

use std::sync::Arc;

use device_pool::{HookError, Hooks};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::fair_share::FairShare;

/// Hooks of which a limited number run at a time, and of one pool only a share of them.
///
/// A call that waits for its hook lends its permit to other calls. When the hook has answered, the
/// call takes a permit back before any new call.
pub(crate) struct HookGate {
    hooks: Arc<dyn Hooks>,
    calls: Arc<Semaphore>,
    places: Arc<FairShare>,
}

impl HookGate {
    /// Creates a gate before `hooks`, with `max_hooks` places. Every call of it must hold a permit
    /// of `calls`, and run on a blocking thread of a tokio runtime.
    pub(crate) fn new(hooks: Arc<dyn Hooks>, calls: Arc<Semaphore>, max_hooks: usize) -> Self {
        Self { hooks, calls, places: FairShare::new(max_hooks) }
    }
}

impl Hooks for HookGate {
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let pool_id = event.get("userPoolId").and_then(Value::as_str).unwrap_or_default();
        let Some(_place) = self.places.try_take(pool_id) else { return Err(HookError::Busy) };
        let _lent = Lent::new(&self.calls);
        self.hooks.call(function, event)
    }

    fn runs(&self, function: Option<&str>) -> bool {
        self.hooks.runs(function)
    }
}

/// A permit lent to other calls until this is dropped.
struct Lent<'a>(&'a Semaphore);

impl<'a> Lent<'a> {
    fn new(calls: &'a Semaphore) -> Self {
        calls.add_permits(1);
        Self(calls)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Fails only if the semaphore is closed, which never happens.
        if let Ok(permit) = Handle::current().block_on(self.0.acquire()) {
            permit.forget();
        }
    }
}
