//! The default HTTP stack: reqwest.

use std::error::Error as StdError;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::connection::{BoxFuture, Failure, HttpClient, HttpRequest, HttpResponse, SendError};

/// reqwest, without redirects and retries.
pub(crate) struct Reqwest(reqwest::Client);

impl Reqwest {
    /// The maximum size of a response, more than any of the service's. A fake service must not fill
    /// the memory.
    const MAX_BODY: usize = 4 * 1024 * 1024;

    pub(crate) fn new(
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("device-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            // Only `client` decides whether a request may be repeated.
            .retry(reqwest::retry::never())
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            .build()?;
        Ok(Self(client))
    }

    async fn fetch(&self, request: HttpRequest<'_>) -> Result<HttpResponse, SendError> {
        let (parts, body) = request.0.into_parts();
        let mut response = self
            .0
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body.to_vec())
            .send()
            .await
            .map_err(classify)?;
        let mut content = Zeroizing::new(Vec::with_capacity(16 * 1024));
        while let Some(chunk) = response.chunk().await.map_err(classify)? {
            if content.len().saturating_add(chunk.len()) > Self::MAX_BODY {
                return Err(SendError::interrupted(
                    "the response is longer than any of the service's",
                ));
            }
            content.extend_from_slice(&chunk);
        }
        let whole = HttpResponse::new(response.status().as_u16(), std::mem::take(&mut *content));
        Ok(response.headers().iter().fold(whole, |whole, (name, value)| match value.to_str() {
            Ok(value) => whole.with_header(name.as_str(), value),
            Err(_) => whole,
        }))
    }
}

impl HttpClient for Reqwest {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        Box::pin(self.fetch(request))
    }
}

fn classify(error: reqwest::Error) -> SendError {
    // A connection can also fail by a time-out. It matters more that nothing was sent.
    let failure = if error.is_builder() {
        Failure::Unsendable
    } else if error.is_connect() {
        Failure::Unsent
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Interrupted
    };
    SendError { failure, source: error.without_url().into() }
}
