//! The log's word on settings that are stored and have no effect here.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use device_pool::WITHOUT_EFFECT;
use device_wire::Operation;

/// The operations without effect that the log has named already.
#[derive(Default)]
pub(crate) struct NamedOnce(Mutex<HashSet<Operation>>);

impl NamedOnce {
    /// Logs that an answered operation has no effect, if that is so, the first time.
    pub(crate) fn name(&self, operation: Operation) {
        let reason = WITHOUT_EFFECT.iter().find(|(without, _)| *without == operation);
        let Some((_, reason)) = reason else { return };
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if named.insert(operation) {
            let operation = operation.name();
            tracing::warn!(operation, reason, "stored, without effect in this server");
        }
    }
}
