//! What a developer may look at and nobody else: the messages that users were sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use device_pool::Message;
use serde_json::{Value, json};

use crate::answer;
use crate::service::Service;
use crate::transport::as_json;
use crate::web_page;

/// How many messages are kept.
const KEPT: usize = 1000;

/// The latest messages, in memory.
#[derive(Default)]
pub(crate) struct Messages(Mutex<VecDeque<Message>>);

impl Messages {
    pub(crate) fn keep(&self, messages: &[Message]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(messages.iter().cloned());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }

    /// The last message to `name`: a username, or the address that it went to.
    fn last(&self, pool_id: &str, name: &str) -> Option<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latest_first = kept.iter().rev();
        let is = |text: &str| text.eq_ignore_ascii_case(name);
        latest_first
            .find(|message| {
                message.pool_id == pool_id && (is(&message.username) || is(&message.destination))
            })
            .map(as_json)
    }
}

/// `GET /dev/messages/<pool id>/<username or address>`
pub(crate) async fn last_message(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((pool_id, name)): Path<(String, String)>,
) -> Response<Body> {
    if service.is_foreign_page(&Method::GET, &headers) {
        return answer::document(StatusCode::FORBIDDEN, &json!({ "message": web_page::REFUSED }));
    }
    match service.messages.last(&pool_id, &name) {
        Some(message) => answer::document(StatusCode::OK, &message),
        None => {
            answer::document(StatusCode::NOT_FOUND, &json!({ "message": "No message went there." }))
        }
    }
}
