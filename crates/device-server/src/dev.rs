//! Dev mode: administrators do not sign, and developers can read messages to users.
//!
//! Everything special to dev mode is here. Foreign web pages may do neither of the two.

mod messages;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::get;
use device_pool::{Message, Moment, ServiceError};
use device_wire::ErrorCode;
use serde_json::json;

use crate::answer;
use crate::origins::Origins;

pub use messages::KeptMessage;
use messages::Messages;
use pages::Pages;

/// The error for a foreign page, or for a request to a foreign name.
const REFUSED: &str = "In dev mode, only pages on localhost or from a listed origin may do this \
                       (--cors-origin lists one), and codes are read under localhost, an address, \
                       the public URL's host or a listed name (--dev-host NAME lists one).";

/// The settings of dev mode. Use it only on your own machine: anyone who reaches the server is an
/// administrator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevMode {
    hosts: Vec<String>,
}

impl DevMode {
    /// Dev mode in which codes may also be read under these host names.
    ///
    /// For example, the service's name in a compose file. A web page whose host is listed can read
    /// codes too.
    #[must_use]
    pub fn with_hosts<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { hosts: hosts.into_iter().map(str::to_ascii_lowercase).collect() }
    }
}

/// A server's dev mode.
pub(crate) struct Dev {
    pages: Pages,
    messages: Messages,
}

impl Dev {
    /// Creates dev mode. `public_url` is the URL at which clients reach the server.
    pub(crate) fn new(mode: DevMode, origins: Origins, public_url: &str) -> Self {
        Self { pages: Pages::new(origins, public_url, mode.hosts), messages: Messages::default() }
    }

    /// Refuses an administrator's call by a foreign web page.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), ServiceError> {
        if self.pages.is_foreign(method, headers) {
            return Err(ServiceError::new(ErrorCode::AccessDenied, REFUSED));
        }
        Ok(())
    }

    /// Stores messages for reading back.
    pub(crate) fn keep(&self, messages: &[Message], now: Moment) {
        self.messages.keep(messages, now);
    }

    /// The kept messages, the latest first.
    pub(crate) fn messages(&self) -> Vec<KeptMessage> {
        self.messages.all()
    }
}

/// The routes that exist only in dev mode.
pub(crate) fn routes<S>(dev: Arc<Dev>) -> Router<S> {
    Router::new().route("/dev/messages/{pool_id}/{name}", get(last_message)).with_state(dev)
}

/// `GET /dev/messages/<pool id>/<username or address>`
async fn last_message(
    State(dev): State<Arc<Dev>>,
    headers: HeaderMap,
    Path((pool_id, name)): Path<(String, String)>,
) -> Response<Body> {
    let (status, body) = if dev.pages.is_foreign(&Method::GET, &headers) {
        (StatusCode::FORBIDDEN, json!({ "message": REFUSED }))
    } else if let Some(message) = dev.messages.last(&pool_id, &name) {
        (StatusCode::OK, message)
    } else {
        (StatusCode::NOT_FOUND, json!({ "message": "No message was sent to that name." }))
    };
    answer::document(status, &body)
}
