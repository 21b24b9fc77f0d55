//! Messages that the operator's triggers deliver, in place of the server.

use std::sync::Arc;

use device_pool::store::Store;
use device_pool::{HookError, Hooks, Message};
use tokio::task::spawn_blocking;

use crate::fair_share::FairShare;
use crate::transport::TransportError;

/// Calls that are under way at a time; of one pool, a share of them. Each occupies a blocking
/// thread, which sign-ins need, too.
pub(crate) const MAX_AT_A_TIME: usize = 32;

/// The hooks that deliver messages.
pub(crate) struct CustomSenders {
    hooks: Arc<dyn Hooks>,
    /// Has the users' attributes.
    store: Arc<dyn Store>,
    places: Arc<FairShare>,
}

impl CustomSenders {
    pub(crate) fn new(hooks: Arc<dyn Hooks>, store: Arc<dyn Store>) -> Self {
        Self { hooks, store, places: FairShare::new(MAX_AT_A_TIME) }
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
        let _place = self.places.take(&message.pool_id).await;
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
            Err(_) => Some(Err(TransportError::lasting("the server ends"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use device_pool::{CustomSender, Medium, Topic};
    use device_store::MemoryStore;
    use serde_json::{Value, json};
    use tokio::task::JoinSet;

    use super::*;

    /// A hook of which so many calls answer together, and never fewer.
    struct InRows {
        row: Barrier,
        under_way: AtomicUsize,
        most: AtomicUsize,
    }

    impl Hooks for InRows {
        fn call(&self, _: Option<&str>, _: &Value) -> Result<Value, HookError> {
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(under_way, Ordering::SeqCst);
            self.row.wait();
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(json!({}))
        }
    }

    /// The places of a pool, if no other has one.
    const SHARE: usize = MAX_AT_A_TIME / 4 * 3;

    #[tokio::test]
    async fn so_many_senders_are_called_at_a_time() {
        let hooks = Arc::new(InRows {
            row: Barrier::new(SHARE),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let store = Arc::new(MemoryStore::new());
        let senders = Arc::new(CustomSenders::new(Arc::clone(&hooks) as Arc<dyn Hooks>, store));
        let sender = CustomSender { function: "arn".to_owned(), event: json!({}) };
        let message = Arc::new(Message {
            pool_id: "eu-test-1_pool".to_owned(),
            username: "ada".into(),
            medium: Medium::Email,
            destination: "ada@example.com".into(),
            topic: Topic::SignUp,
            code: "123456".into(),
            subject: String::new(),
            body: "123456".into(),
            custom_sender: Some(sender),
        });
        let mut deliveries = JoinSet::new();
        for _ in 0..3 * SHARE {
            let (senders, message) = (Arc::clone(&senders), Arc::clone(&message));
            deliveries.spawn(async move { senders.deliver(&message).await.unwrap().is_ok() });
        }
        assert_eq!(deliveries.join_all().await, [true; 3 * SHARE]);
        assert_eq!(hooks.most.load(Ordering::SeqCst), SHARE);
    }
}
