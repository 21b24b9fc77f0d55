//! The client: one call at a time, from a request to the body of its answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_proto::{Repeat, Reply, Request};
use device_wire::{Auth, Operation};
use http::{HeaderValue, Method, Uri, header};
use serde::Deserialize;
use tracing::Instrument as _;
use zeroize::Zeroizing;

use crate::connection::{Failure, Reqwest};
use crate::retry::Retries;
use crate::{CallEvent, CallOutcome, Error, ErrorKind, HttpClient, RetryPolicy, endpoint};

/// Sends requests to a user pool's service. Cheap to clone; clones share connections and the retry
/// budget.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    endpoint: Uri,
    http: Arc<dyn HttpClient>,
    retries: Retries,
    observer: Option<Observer>,
    #[cfg(feature = "admin")]
    signer: Option<crate::sign::Signer>,
}

type Observer = Arc<dyn Fn(&CallEvent<'_>) + Send + Sync>;

/// Sets up a [`Client`].
#[must_use = "a client comes of build()"]
pub struct Builder {
    region: Option<String>,
    endpoint_url: Option<String>,
    connect_timeout: Duration,
    timeout: Duration,
    http: Option<Arc<dyn HttpClient>>,
    retry: RetryPolicy,
    observer: Option<Observer>,
    #[cfg(feature = "admin")]
    credentials: Option<aws_credential_types::provider::SharedCredentialsProvider>,
}

impl Builder {
    /// The region: it names the endpoint, and goes into signatures.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Another endpoint than the region's. Without it, the environment's
    /// `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER` and then `AWS_ENDPOINT_URL` count, unless
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is `true`.
    ///
    /// Over plain `http` everything but a password of SRP can be read on the way: for tests on one
    /// machine.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// How long connecting may take; 5 s unless said otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take in all; 20 s unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How to try again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Another HTTP stack than the one that comes with this crate. Time-outs are then its own
    /// affair.
    pub fn http_client(mut self, client: impl HttpClient) -> Self {
        self.http = Some(Arc::new(client));
        self
    }

    /// Whom to tell of each attempt. It is called on the task that makes the call, and should be
    /// quick.
    pub fn observer(mut self, observer: impl Fn(&CallEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// What to sign with, where an operation wants it.
    #[cfg(feature = "admin")]
    pub fn credentials(
        mut self,
        provider: impl aws_credential_types::provider::ProvideCredentials + 'static,
    ) -> Self {
        self.credentials =
            Some(aws_credential_types::provider::SharedCredentialsProvider::new(provider));
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no endpoint, it is not an `http` or `https` URL,
    /// credentials come without a region, or the platform's TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let region = self.region.as_deref();
        let endpoint = endpoint::resolve(self.endpoint_url.as_deref(), region, |name| {
            std::env::var(name).ok()
        })?;
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(
                Reqwest::new(self.connect_timeout, self.timeout)
                    .map_err(|error| Error::new(ErrorKind::Configuration, error))?,
            ),
        };
        Ok(Client(Arc::new(Inner {
            endpoint,
            http,
            retries: Retries::new(self.retry, rand::random),
            observer: self.observer,
            #[cfg(feature = "admin")]
            signer: match (self.credentials, self.region) {
                (None, _) => None,
                (Some(credentials), Some(region)) => {
                    Some(crate::sign::Signer::new(credentials, region))
                }
                (Some(_), None) => {
                    return Err(Error::new(
                        ErrorKind::Configuration,
                        "credentials were given, but no region",
                    ));
                }
            },
        })))
    }
}

impl Client {
    /// A client to set up.
    pub fn builder() -> Builder {
        Builder {
            region: None,
            endpoint_url: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            http: None,
            retry: RetryPolicy::default(),
            observer: None,
            #[cfg(feature = "admin")]
            credentials: None,
        }
    }

    /// Makes a call and reads its response.
    ///
    /// # Errors
    /// As [`send`](Self::send); and [`ErrorKind::InvalidResponse`] if the response is not the
    /// operation's.
    pub async fn call<R: device_wire::Request>(&self, request: &R) -> Result<R::Output, Error> {
        let body = self.send(&Request::new(request)).await?;
        Reply::Answered(&body)
            .read::<R>()
            .map_err(|error| Error::new(ErrorKind::InvalidResponse, error))
    }

    /// Sends a request, more than once where that is safe, and gives the body of the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if the service refused, another [`ErrorKind`] if it did not come to
    /// that.
    pub async fn send(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, Error> {
        let span =
            tracing::debug_span!("call", operation = %request.operation(), step = request.step());
        self.attempts(request).instrument(span).await
    }

    async fn attempts(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, Error> {
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

    async fn attempt(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, Error> {
        let http_request = self.http_request(request).await?;
        let response = self.0.http.send(http_request).await.map_err(|error| {
            let kind = match error.failure {
                Failure::Unsendable => ErrorKind::Configuration,
                Failure::Unsent => ErrorKind::Connect,
                Failure::TimedOut => ErrorKind::Timeout,
                Failure::Interrupted => ErrorKind::Interrupted,
            };
            Error::new(kind, error.source)
        })?;
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let request_id = header("x-amzn-requestid").map(str::to_owned);
        let status = response.status().as_u16();
        let reply = match status {
            200 => Reply::Answered(response.body()),
            _ => Reply::from_error(response.body(), header("x-amzn-errortype")),
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
                    "the response is not one of the service's",
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
                Err(Error::new(ErrorKind::Credentials, "the client was set up without credentials"))
            }
        }
    }

    #[cfg(not(feature = "admin"))]
    #[expect(clippy::unused_async, reason = "the other one of this name waits for credentials")]
    async fn sign(&self, _: &mut http::Request<&[u8]>) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Credentials, "signing needs this crate's feature `admin`"))
    }

    fn tell(
        &self,
        request: &Request,
        attempt: u32,
        duration: Duration,
        result: &Result<Zeroizing<Vec<u8>>, Error>,
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
        let challenge = result.as_ref().ok().and_then(|body| challenge(request.operation(), body));
        let outcome = match result {
            Ok(_) => CallOutcome::Answered { challenge: challenge.as_deref() },
            Err(error) => match error.service() {
                Some(error) => CallOutcome::Refused(error),
                None => CallOutcome::Failed(error.kind()),
            },
        };
        let (operation, step) = (request.operation(), request.step());
        observer(&CallEvent { operation, step, attempt, duration, outcome });
    }
}

/// The challenge in an answer of a sign-in.
fn challenge(operation: Operation, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Challenge {
        #[serde(rename = "ChallengeName")]
        name: Option<String>,
    }
    match operation {
        Operation::InitiateAuth | Operation::RespondToAuthChallenge => {
            serde_json::from_slice::<Challenge>(body).ok()?.name
        }
        _ => None,
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.0.endpoint).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("region", &self.region)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use device_wire::GetDeviceRequest;

    use super::*;
    use crate::{BoxFuture, SendError};

    /// Fails each time, and keeps when that was.
    struct Broken(Arc<Mutex<Vec<tokio::time::Instant>>>);

    impl HttpClient for Broken {
        fn send<'a>(
            &'a self,
            _: http::Request<&'a [u8]>,
        ) -> BoxFuture<'a, Result<http::Response<Zeroizing<Vec<u8>>>, SendError>> {
            self.0.lock().unwrap().push(tokio::time::Instant::now());
            Box::pin(std::future::ready(Err(SendError::interrupted("reset"))))
        }
    }

    /// How long a call waits between its attempts, where chance draws `jitter`.
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
    async fn attempts_are_a_random_part_of_a_growing_time_apart() {
        assert_eq!(waits(|| 1.0).await, [200, 400, 700]);
        assert_eq!(waits(|| 0.5).await, [100, 200, 350]);
        assert_eq!(waits(|| 0.0).await, [0, 0, 0]);
    }
}
