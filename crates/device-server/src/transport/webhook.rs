//! Messages posted to the operator's web hook.

use std::fmt;
use std::time::Duration;

use device_pool::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};

use super::{TransportError, as_json};
use crate::setup_error::SetupError;
use crate::web_address;

/// How long the web hook may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A URL to which messages are posted as JSON.
///
/// The members: `userPoolId`, `username`, `medium` (`EMAIL` or `SMS`), `destination`, `topic`,
/// `code`, `subject` and `body`. A status of success means that the message was accepted; after
/// 408, 429 or 500 to 599 it is posted again.
pub struct Webhook {
    client: Client,
    url: Url,
}

impl Webhook {
    /// A web hook at `url`, such as `https://example.com/messages`.
    ///
    /// # Errors
    /// If `url` is not an HTTP URL, or TLS cannot be set up. The text never contains the URL, which
    /// may contain a secret.
    pub fn new(url: &str) -> Result<Self, SetupError> {
        let (client, url) = web_address::client("message-webhook", url, TIMEOUT)?;
        Ok(Self { client, url })
    }

    /// Whether codes are sent unencrypted to another machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        web_address::is_exposed(&self.url)
    }

    pub(super) async fn post(&self, message: &Message) -> Result<(), TransportError> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        // The URL may contain a secret.
        let failed =
            |error: reqwest::Error| TransportError::passing(error.without_url().to_string());
        let response = request.body(as_json(message).to_string()).send().await.map_err(failed)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if passes(status) => {
                Err(TransportError::passing(format!("the web hook answered {status}")))
            }
            status => Err(TransportError::lasting(format!("the web hook answered {status}"))),
        }
    }
}

/// Whether another attempt may succeed after this status.
fn passes(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_posted_again_only_if_that_can_help() {
        let again = |status| passes(StatusCode::from_u16(status).unwrap());
        assert_eq!([301, 400, 403, 404, 410].map(again), [false; 5]);
        assert_eq!([408, 429, 500, 502, 503].map(again), [true; 5]);
    }
}
