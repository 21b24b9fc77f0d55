//! The latest messages to users, kept in memory for developers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use device_pool::{Message, Moment};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::clock;
use crate::transport::as_json;

/// The number of messages kept; the oldest is dropped first.
const MAX_MESSAGES: usize = 1000;

/// A message to a user, kept for a developer to read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeptMessage {
    /// Its number. Numbers only grow, also across a reset.
    pub id: u64,
    /// When it was sent.
    pub sent: Moment,
    /// What was sent, and to whom.
    pub message: Message,
}

#[derive(Default)]
pub(crate) struct Messages {
    kept: Mutex<Kept>,
    came: Notify,
}

#[derive(Default)]
struct Kept {
    messages: VecDeque<KeptMessage>,
    last_id: u64,
}

/// Which messages a developer asks for.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) pool_id: Option<String>,
    /// A username, or the address it was sent to.
    pub(crate) to: Option<String>,
    /// Later ones than this alone.
    pub(crate) since: Option<Since>,
}

/// The wanted messages, and the number of the last one that was ever kept by then.
pub(crate) struct Found {
    /// The oldest first.
    pub(crate) messages: Vec<KeptMessage>,
    /// 0 if there was none.
    pub(crate) last_id: u64,
}

/// A place among the messages.
pub(crate) enum Since {
    Id(u64),
    /// Milliseconds since the epoch.
    Time(i64),
}

impl Since {
    /// Reads the id of a message, or a time.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => clock::millis_of(text).map(Self::Time),
        }
    }
}

impl Wanted {
    fn includes(&self, kept: &KeptMessage) -> bool {
        let message = &kept.message;
        let is_name = |name: &String| {
            message.username.eq_ignore_ascii_case(name)
                || message.destination.eq_ignore_ascii_case(name)
        };
        self.pool_id.as_ref().is_none_or(|pool_id| message.pool_id == *pool_id)
            && self.to.as_ref().is_none_or(is_name)
            && match self.since {
                None => true,
                Some(Since::Id(id)) => kept.id > id,
                Some(Since::Time(millis)) => kept.sent.millis() > millis,
            }
    }
}

impl Messages {
    pub(crate) fn keep(&self, messages: &[Message], now: Moment) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for message in messages {
            kept.last_id += 1;
            let id = kept.last_id;
            kept.messages.push_back(KeptMessage { id, sent: now, message: message.clone() });
        }
        let surplus = kept.messages.len().saturating_sub(MAX_MESSAGES);
        kept.messages.drain(..surplus);
        drop(kept);
        self.came.notify_waiters();
    }

    /// The wanted ones; waits until there is one.
    pub(crate) async fn next(&self, wanted: &Wanted) -> Found {
        loop {
            let mut came = std::pin::pin!(self.came.notified());
            came.as_mut().enable();
            let found = self.find(wanted);
            if !found.messages.is_empty() {
                return found;
            }
            came.await;
        }
    }

    /// The wanted ones.
    pub(crate) fn find(&self, wanted: &Wanted) -> Found {
        // Both under one lock: a reader who goes on from the last number misses none.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = kept.messages.iter().filter(|kept| wanted.includes(kept)).cloned();
        Found { messages: messages.collect(), last_id: kept.last_id }
    }

    /// Deletes the wanted ones.
    pub(crate) fn delete(&self, wanted: &Wanted) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.retain(|kept| !wanted.includes(kept));
    }

    /// Up to `max` of those that are wanted, the latest first.
    pub(crate) fn latest(
        &self,
        mut is_wanted: impl FnMut(&KeptMessage) -> bool,
        max: usize,
    ) -> Vec<KeptMessage> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.iter().rev().filter(|kept| is_wanted(kept)).take(max).cloned().collect()
    }
}

/// A message with its number and time.
pub(crate) fn document(kept: &KeptMessage) -> Value {
    let mut message = as_json(&kept.message);
    if let Some(fields) = message.as_object_mut() {
        fields.insert("id".to_owned(), json!(kept.id));
        fields.insert("time".to_owned(), json!(clock::to_text(kept.sent.millis())));
    }
    message
}

#[cfg(test)]
mod tests {
    use device_pool::{Medium, Topic};

    use super::*;

    #[test]
    fn the_oldest_message_makes_room() {
        let message = |number: usize| Message {
            pool_id: "eu-test-1_pool".to_owned(),
            username: "ada".into(),
            medium: Medium::Email,
            destination: "ada@example.com".into(),
            topic: Topic::SignUp,
            code: number.to_string().into(),
            subject: String::new(),
            body: String::new().into(),
            custom_sender: None,
        };
        let messages = Messages::default();
        for number in 0..=MAX_MESSAGES {
            messages.keep(&[message(number)], Moment::from_millis(0));
        }
        let found = messages.find(&Wanted::default()).messages;
        assert_eq!(found.len(), MAX_MESSAGES);
        assert_eq!(found[0].message.code.as_str(), "1");
    }
}
