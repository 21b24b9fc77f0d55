//! The gate before the operator's hooks, so that a slow one holds up nobody else.

use std::sync::Arc;

use device_pool::{HookError, Hooks};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Hooks of which only so many are asked at a time.
///
/// A call that waits for its hook lends its permit to other calls, and takes one back, before any
/// newcomer, when the hook has answered.
pub(crate) struct HookGate {
    hooks: Arc<dyn Hooks>,
    calls: Arc<Semaphore>,
    places: Semaphore,
}

impl HookGate {
    /// A gate before `hooks`, with `max_hooks` places. Every call of it must hold a permit of
    /// `calls`, and run on a thread of a tokio runtime that may block.
    pub(crate) fn new(hooks: Arc<dyn Hooks>, calls: Arc<Semaphore>, max_hooks: usize) -> Self {
        Self { hooks, calls, places: Semaphore::new(max_hooks.min(Semaphore::MAX_PERMITS)) }
    }
}

impl Hooks for HookGate {
    fn call(&self, event: &Value) -> Result<Value, HookError> {
        let Ok(_place) = self.places.try_acquire() else { return Err(HookError::Busy) };
        let _lent = Lent::new(&self.calls);
        self.hooks.call(event)
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
        // Fails only if the semaphore is closed, and nobody closes it.
        if let Ok(permit) = Handle::current().block_on(self.0.acquire()) {
            permit.forget();
        }
    }
}
