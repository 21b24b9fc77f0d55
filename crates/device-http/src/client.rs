//! The client: sends one call at a time and returns the body of the response.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_proto::{Repeat, Reply, Request};
use device_wire::Auth;
use http::{HeaderValue, Method, Uri, header};
use tracing::Instrument as _;

use crate::connection::{Body, Failure, HttpClient, HttpRequest};
use crate::error::{Error, ErrorKind};
use crate::observe::{CallEvent, CallOutcome, Observer};
use crate::retry::Retries;

/// A connection to the service of a user pool. Cheap to clone; clones share the connections and the
/// retry budget.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) endpoint: Uri,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) retries: Retries,
    pub(crate) observer: Option<Observer>,
    #[cfg(feature = "admin")]
    pub(crate) signer: Option<crate::sign::Signer>,
}

impl Client {
    /// Makes a call and decodes its response.
    ///
    /// # Errors
    /// The same as [`send`](Self::send), and [`ErrorKind::InvalidResponse`] if the response does
    /// not decode.
    pub async fn call<R: device_wire::Request>(&self, request: &R) -> Result<R::Output, Error> {
        let body = self.send(&Request::new(request)).await?;
        Reply::Answered(&body)
            .read::<R>()
            .map_err(|error| Error::new(ErrorKind::InvalidResponse, error))
    }

    /// Sends a request and returns the body of the response. Retries if that is safe.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if the service refused. Any other [`ErrorKind`] if it did not answer.
    pub async fn send(&self, request: &Request) -> Result<Body, Error> {
        let span =
            tracing::debug_span!("call", operation = %request.operation(), step = request.step());
        self.attempts(request).instrument(span).await
    }

    async fn attempts(&self, request: &Request) -> Result<Body, Error> {
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let result = self.attempt(request).await;
            self.tell(request, attempt, started.elapsed(), &result);
            let error = match result {
                Ok(body) => {
                    self.0.retries.succeeded();
                    return Ok(body);
                }
                Err(error) => error,
            };
            let safe = error.kind() == ErrorKind::Connect || request.repeat() == Repeat::Always;
            let delay = (safe && error.is_retryable()).then(|| self.0.retries.next(attempt));
            let Some(delay) = delay.flatten() else { return Err(error) };
            tokio::time::sleep(delay).await;
            attempt = attempt.saturating_add(1);
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Body, Error> {
        let http_request = self.http_request(request).await?;
        let response = self.0.http.send(HttpRequest(http_request)).await.map_err(|error| {
            let kind = match error.failure {
                Failure::Unsendable => ErrorKind::Configuration,
                Failure::Unsent => ErrorKind::Connect,
                Failure::TimedOut => ErrorKind::Timeout,
                Failure::Interrupted => ErrorKind::Interrupted,
            };
            Error::new(kind, error.source)
        })?;
        let request_id = response.header("x-amzn-requestid").map(str::to_owned);
        let status = response.status();
        let reply = match status {
            200 => Reply::Answered(response.body()),
            _ => Reply::from_error(response.body(), response.header("x-amzn-errortype")),
        };
        match reply {
            Reply::Answered(_) => Ok(response.into_body()),
            Reply::Refused(error) => Err(match request_id {
                Some(id) => Error::from_service(status, error.with_request_id(id)),
                None => Error::from_service(status, error),
            }),
            Reply::Lost => {
                let error = Error::new(
                    ErrorKind::InvalidResponse,
                    "neither a result nor an error of the service",
                );
                Err(error.with_response(status, request_id))
            }
        }
    }

    async fn http_request<'a>(
        &self,
        request: &'a Request,
    ) -> Result<http::Request<&'a [u8]>, Error> {
        let mut http_request = http::Request::new(request.body());
        *http_request.method_mut() = Method::POST;
        *http_request.uri_mut() = self.0.endpoint.clone();
        let headers = http_request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Request::CONTENT_TYPE));
        headers.insert("x-amz-target", HeaderValue::from_static(request.target()));
        if request.operation().auth() == Auth::SigV4 {
            self.sign(&mut http_request).await?;
        }
        Ok(http_request)
    }

    #[cfg(feature = "admin")]
    async fn sign(&self, request: &mut http::Request<&[u8]>) -> Result<(), Error> {
        match &self.0.signer {
            Some(signer) => signer.sign(request, std::time::SystemTime::now()).await,
            None => {
                Err(Error::new(ErrorKind::Credentials, "no credentials: set them on the builder"))
            }
        }
    }

    #[cfg(not(feature = "admin"))]
    #[expect(clippy::unused_async, reason = "with the feature `admin` it waits for credentials")]
    async fn sign(&self, _: &mut http::Request<&[u8]>) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Credentials, "signing needs the feature `admin` of device-http"))
    }

    fn tell(
        &self,
        request: &Request,
        attempt: u32,
        duration: Duration,
        result: &Result<Body, Error>,
    ) {
        let milliseconds = duration.as_millis();
        match result {
            Ok(_) => tracing::debug!(attempt, milliseconds, "answered"),
            Err(error) => tracing::debug!(
                attempt,
                milliseconds,
                kind = ?error.kind(),
                status = error.status(),
                code = error.code().map(tracing::field::display),
                request_id = error.request_id(),
                "failed"
            ),
        }
        let Some(observer) = &self.0.observer else { return };
        let next_step = result.as_ref().ok().and_then(|body| request.next_step(body));
        let outcome = match result {
            Ok(_) => CallOutcome::Answered { next_step: next_step.as_deref() },
            Err(error) => match error.service() {
                Some(error) => CallOutcome::Refused(error),
                None => CallOutcome::Failed(error.kind()),
            },
        };
        let (operation, step) = (request.operation(), request.step());
        observer(&CallEvent { operation, step, attempt, duration, outcome });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.0.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use device_wire::requests::GetDeviceRequest;

    use super::*;
    use crate::connection::{BoxFuture, HttpResponse, SendError};
    use crate::retry::RetryPolicy;

    /// Fails each time, and records when.
    struct Broken(Arc<Mutex<Vec<tokio::time::Instant>>>);

    impl HttpClient for Broken {
        fn send<'a>(
            &'a self,
            _: HttpRequest<'a>,
        ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
            self.0.lock().unwrap().push(tokio::time::Instant::now());
            Box::pin(std::future::ready(Err(SendError::interrupted("reset"))))
        }
    }

    /// The milliseconds between the attempts of a call, with `jitter` as the random factor.
    async fn waits(jitter: fn() -> f64) -> Vec<u128> {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let delays = RetryPolicy::default()
            .with_attempts(4)
            .with_delays(Duration::from_millis(200), Duration::from_millis(700));
        let builder = Client::builder().endpoint_url("http://pool.test/").retry(delays);
        let mut client = builder.http_client(Broken(sent.clone())).build().unwrap();
        Arc::get_mut(&mut client.0).unwrap().retries = Retries::new(delays, jitter);
        assert!(client.send(&Request::new(&GetDeviceRequest::new("eu_1"))).await.is_err());
        let sent = sent.lock().unwrap();
        sent.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_between_attempts_grow_and_are_random() {
        assert_eq!(waits(|| 1.0).await, [200, 400, 700]);
        assert_eq!(waits(|| 0.5).await, [100, 200, 350]);
        assert_eq!(waits(|| 0.0).await, [0, 0, 0]);
    }
}
