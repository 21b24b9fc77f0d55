//! Messages posted to the operator's own service.

use std::fmt;
use std::time::Duration;

use device_pool::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};

use super::{CourierError, as_json};

/// How long the hook may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A URL that takes messages as JSON objects: `userPoolId`, `username`, `medium` (`EMAIL` or
/// `SMS`), `destination`, `topic`, `code`, `subject` and `body`. Any status of success means that
/// the message is taken care of; after one of 408, 429 or 500 to 599 it is posted again.
pub struct Webhook {
    client: Client,
    url: Url,
}

impl Webhook {
    /// A hook at `url`, such as `https://example.com/messages`.
    ///
    /// # Errors
    /// If `url` is no HTTP URL, or TLS cannot be set up.
    pub fn new(url: &str) -> Result<Self, CourierError> {
        let url = Url::parse(url).map_err(|error| CourierError::lasting(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(CourierError::lasting("it is no HTTP URL"));
        }
        let client = Client::builder()
            .timeout(TIMEOUT)
            // A code goes where the operator said, and not on from there.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| CourierError::lasting(error.to_string()))?;
        Ok(Self { client, url })
    }

    pub(super) async fn post(&self, message: &Message) -> Result<(), CourierError> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        // The URL may hold a secret of the operator's.
        let failed = |error: reqwest::Error| CourierError::passing(error.without_url().to_string());
        let response = request.body(as_json(message).to_string()).send().await.map_err(failed)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if passes(status) => {
                Err(CourierError::passing(format!("the hook answered {status}")))
            }
            status => Err(CourierError::lasting(format!("the hook answered {status}"))),
        }
    }
}

/// Whether a hook that answers so may do better in a moment.
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
    fn a_message_is_posted_again_only_where_that_may_help() {
        let again = |status| passes(StatusCode::from_u16(status).unwrap());
        assert_eq!([301, 400, 403, 404, 410].map(again), [false; 5]);
        assert_eq!([408, 429, 500, 502, 503].map(again), [true; 5]);
    }
}
