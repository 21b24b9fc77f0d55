//! The latest messages to users, kept in memory for developers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use device_pool::Message;
use serde_json::Value;

use crate::transport::as_json;

/// The number of messages kept; the oldest is dropped first.
const MAX_MESSAGES: usize = 1000;

#[derive(Default)]
pub(super) struct Messages(Mutex<VecDeque<Message>>);

impl Messages {
    pub(super) fn keep(&self, messages: &[Message]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(messages.iter().cloned());
        let surplus = kept.len().saturating_sub(MAX_MESSAGES);
        kept.drain(..surplus);
    }

    /// The last message to `name`: a username, or the address it was sent to.
    pub(super) fn last(&self, pool_id: &str, name: &str) -> Option<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latest_first = kept.iter().rev();
        let is_name = |text: &str| text.eq_ignore_ascii_case(name);
        latest_first
            .find(|message| {
                message.pool_id == pool_id
                    && (is_name(&message.username) || is_name(&message.destination))
            })
            .map(as_json)
    }
}
