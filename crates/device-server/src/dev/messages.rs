//! The latest messages to users, kept in memory for developers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use device_pool::{Message, Moment};
use serde_json::Value;

use crate::transport::as_json;

/// The number of messages kept; the oldest is dropped first.
const MAX_MESSAGES: usize = 1000;

/// A message to a user, kept for a developer to read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptMessage {
    /// When it was sent.
    pub sent: Moment,
    /// What was sent, and to whom.
    pub message: Message,
}

#[derive(Default)]
pub(super) struct Messages(Mutex<VecDeque<KeptMessage>>);

impl Messages {
    pub(super) fn keep(&self, messages: &[Message], now: Moment) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = |message: &Message| KeptMessage { sent: now, message: message.clone() };
        kept.extend(messages.iter().map(sent));
        let surplus = kept.len().saturating_sub(MAX_MESSAGES);
        kept.drain(..surplus);
    }

    /// The last message to `name`: a username, or the address it was sent to.
    pub(super) fn last(&self, pool_id: &str, name: &str) -> Option<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latest_first = kept.iter().rev().map(|kept| &kept.message);
        let is_name = |text: &str| text.eq_ignore_ascii_case(name);
        latest_first
            .find(|message| {
                message.pool_id == pool_id
                    && (is_name(&message.username) || is_name(&message.destination))
            })
            .map(as_json)
    }

    /// All of them, the latest first.
    pub(super) fn all(&self) -> Vec<KeptMessage> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().cloned().collect()
    }
}
