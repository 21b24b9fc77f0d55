//! Messages that the operator's triggers deliver, in place of the server.

use std::sync::Arc;

use device_pool::store::Store;
use device_pool::{HookError, Hooks, Message};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::transport::TransportError;

/// Calls that are under way at a time. Each occupies a blocking thread, which sign-ins need, too.
const MAX_AT_A_TIME: usize = 32;

/// The hooks that deliver messages.
pub(crate) struct CustomSenders {
    hooks: Arc<dyn Hooks>,
    /// Has the users' attributes.
    store: Arc<dyn Store>,
    places: Semaphore,
}

impl CustomSenders {
    pub(crate) fn new(hooks: Arc<dyn Hooks>, store: Arc<dyn Store>) -> Self {
        Self { hooks, store, places: Semaphore::new(MAX_AT_A_TIME) }
    }

    /// Whether a trigger delivers this message.
    pub(crate) fn take(&self, message: &Message) -> bool {
        let sender = message.custom_sender.as_ref();
        sender.is_some_and(|sender| self.hooks.runs(Some(&sender.function)))
    }

    /// Passes a message to its trigger. What the trigger answers makes no difference.
    ///
    /// `None` if nothing runs it, so that the server delivers the message.
    pub(crate) async fn deliver(
        &self,
        message: &Arc<Message>,
    ) -> Option<Result<(), TransportError>> {
        message.custom_sender.as_ref()?;
        let ended = || TransportError::lasting("the server ends");
        let Ok(_place) = self.places.acquire().await else { return Some(Err(ended())) };
        let (hooks, store) = (Arc::clone(&self.hooks), Arc::clone(&self.store));
        let message = Arc::clone(message);
        let call = move || {
            let sender = message.custom_sender.as_ref().ok_or(HookError::Missing)?;
            let event = sender.complete_event(&*store).map_err(|_| {
                HookError::Failed("the user's attributes could not be read".to_owned())
            })?;
            hooks.deliver(&sender.function, &event)
        };
        match spawn_blocking(call).await {
            Ok(Ok(())) => Some(Ok(())),
            Ok(Err(HookError::Missing)) => None,
            Ok(Err(error @ HookError::Refused(_))) => {
                Some(Err(TransportError::lasting(error.to_string())))
            }
            Ok(Err(error)) => Some(Err(TransportError::passing(error.to_string()))),
            Err(_) => Some(Err(ended())),
        }
    }
}
