//! The one thing that touches the network.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use zeroize::Zeroizing;

/// A future behind a pointer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends a request over HTTP. Implement it to bring another HTTP stack, or a test's.
pub trait HttpClient: Send + Sync + 'static {
    /// Sends the request and reads the whole response, whatever its status, without following
    /// redirects.
    ///
    /// Both bodies hold secrets and must not be logged. If the future is dropped, the request may
    /// or may not have been sent.
    fn send<'a>(
        &'a self,
        request: http::Request<&'a [u8]>,
    ) -> BoxFuture<'a, Result<http::Response<Zeroizing<Vec<u8>>>, SendError>>;
}

/// Why there is no response.
#[derive(Debug)]
pub struct SendError {
    pub(crate) failure: Failure,
    pub(crate) source: Box<dyn StdError + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Unsendable,
    Unsent,
    TimedOut,
    Interrupted,
}

impl SendError {
    /// There was no connection: not a byte of the request was sent. Say so only where it is
    /// certain, since the request is then sent again whatever it holds.
    pub fn unsent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { failure: Failure::Unsent, source: source.into() }
    }

    /// The response took too long.
    pub fn timed_out(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { failure: Failure::TimedOut, source: source.into() }
    }

    /// The connection broke before the response was complete.
    pub fn interrupted(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { failure: Failure::Interrupted, source: source.into() }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

/// The default: reqwest.
pub(crate) struct Reqwest(reqwest::Client);

impl Reqwest {
    /// More than any response of the service, so that nothing that poses as it can fill the memory.
    const MAX_BODY: usize = 4 * 1024 * 1024;

    pub(crate) fn new(
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("device-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            // Ours alone decides what is sent again.
            .retry(reqwest::retry::never())
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            .build()?;
        Ok(Self(client))
    }

    async fn fetch(
        &self,
        request: http::Request<&[u8]>,
    ) -> Result<http::Response<Zeroizing<Vec<u8>>>, SendError> {
        let (parts, body) = request.into_parts();
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
        let mut whole = http::Response::new(content);
        *whole.status_mut() = response.status();
        *whole.headers_mut() = std::mem::take(response.headers_mut());
        Ok(whole)
    }
}

impl HttpClient for Reqwest {
    fn send<'a>(
        &'a self,
        request: http::Request<&'a [u8]>,
    ) -> BoxFuture<'a, Result<http::Response<Zeroizing<Vec<u8>>>, SendError>> {
        Box::pin(self.fetch(request))
    }
}

fn classify(error: reqwest::Error) -> SendError {
    // A failure to connect can be a time-out as well, but what counts is that nothing was sent.
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
