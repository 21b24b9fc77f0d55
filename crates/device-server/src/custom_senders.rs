//! Messages that the operator's triggers deliver, in place of the server.

use std::sync::Arc;

use device_pool::{CustomSender, HookError, Hooks};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::transport::TransportError;

/// Calls that are under way at a time. Each occupies a blocking thread, which sign-ins need, too.
const MAX_AT_A_TIME: usize = 32;

/// The hooks that deliver messages.
pub(crate) struct CustomSenders {
    hooks: Arc<dyn Hooks>,
    places: Semaphore,
}

impl CustomSenders {
    pub(crate) fn new(hooks: Arc<dyn Hooks>) -> Self {
        Self { hooks, places: Semaphore::new(MAX_AT_A_TIME) }
    }

    /// Passes a message to its trigger. What the trigger answers makes no difference.
    ///
    /// `None` if nothing runs it, so that the server delivers the message.
    pub(crate) async fn deliver(&self, sender: CustomSender) -> Option<Result<(), TransportError>> {
        let ended = || TransportError::lasting("the server ends");
        let Ok(_place) = self.places.acquire().await else { return Some(Err(ended())) };
        let hooks = Arc::clone(&self.hooks);
        let call = move || hooks.call(Some(&sender.function), &sender.event);
        match spawn_blocking(call).await {
            Ok(Ok(_)) => Some(Ok(())),
            Ok(Err(HookError::Missing)) => None,
            // The reason may quote the event, which has the code.
            Ok(Err(HookError::Refused(_))) => {
                Some(Err(TransportError::lasting("the custom sender refused it")))
            }
            Ok(Err(error)) => Some(Err(TransportError::passing(error.to_string()))),
            Err(_) => Some(Err(ended())),
        }
    }
}
