//! The trait of an HTTP stack, with its requests and responses.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use zeroize::Zeroizing;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An HTTP stack. Implement it to replace reqwest, or to answer requests in a test.
///
/// ```
/// use device_http::{BoxFuture, HttpClient, HttpRequest, HttpResponse, SendError};
///
/// /// Answers each request with an empty object.
/// struct Empty;
///
/// impl HttpClient for Empty {
///     fn send<'a>(
///         &'a self,
///         _: HttpRequest<'a>,
///     ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
///         Box::pin(async { Ok(HttpResponse::new(200, b"{}".to_vec())) })
///     }
/// }
///
/// let client = device_http::Client::builder()
///     .endpoint_url("http://pool.test/")
///     .http_client(Empty)
///     .build()?;
/// # Ok::<(), device_http::Error>(())
/// ```
pub trait HttpClient: Send + Sync + 'static {
    /// Sends the request and reads the whole response, whatever its status. Redirects are not
    /// followed.
    ///
    /// Both bodies contain secrets: never log them. If the future is dropped, the request may or
    /// may not have been sent.
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>>;
}

/// A `POST` request to send. `Debug` shows the URL only.
pub struct HttpRequest<'a>(pub(crate) http::Request<&'a [u8]>);

impl<'a> HttpRequest<'a> {
    /// The absolute URL to post to.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.uri().to_string()
    }

    /// The headers, as lower-case names and values. `host` and `content-length` are not among
    /// them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        // Every header is set from a string.
        let headers = self.0.headers().iter();
        headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// The value of a header. `name` may have any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// The body, as JSON.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.0.body()
    }
}

impl fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// A response, whatever its status. `Debug` does not show the body.
#[derive(Debug)]
pub struct HttpResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl HttpResponse {
    /// A response with a status code and a body, without headers.
    #[must_use]
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body: Body(Zeroizing::new(body)) }
    }

    /// Adds a header. Only `x-amzn-requestid` and `x-amzn-errortype` are used.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }
}

/// The body of a response: bytes that are overwritten when dropped. `Debug` does not show them.
pub struct Body(Zeroizing<Vec<u8>>);

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
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
    /// There was no connection, and no byte of the request was sent.
    ///
    /// Use it only if that is certain: the request is then repeated, even if it contains a proof or
    /// a code.
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
