//! The builder of a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Inner};
use crate::connection::HttpClient;
use crate::endpoint;
use crate::error::{Error, ErrorKind};
use crate::observe::{CallEvent, Observer};
use crate::retry::{Retries, RetryPolicy};
#[cfg(feature = "admin")]
use crate::sign::Signer;
use crate::stack::Reqwest;

/// How long connecting may take by default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one attempt may take by default.
const TIMEOUT: Duration = Duration::from_secs(20);

impl Client {
    /// Creates a builder.
    pub fn builder() -> Builder {
        Builder {
            region: None,
            endpoint_url: None,
            connect_timeout: None,
            timeout: None,
            http: None,
            retry: RetryPolicy::default(),
            observer: None,
            #[cfg(feature = "admin")]
            credentials: None,
        }
    }
}

/// Sets up a [`Client`].
#[must_use = "call build() to get a client"]
pub struct Builder {
    region: Option<String>,
    endpoint_url: Option<String>,
    connect_timeout: Option<Duration>,
    timeout: Option<Duration>,
    http: Option<Arc<dyn HttpClient>>,
    retry: RetryPolicy,
    observer: Option<Observer>,
    #[cfg(feature = "admin")]
    credentials: Option<aws_credential_types::provider::SharedCredentialsProvider>,
}

impl Builder {
    /// Sets the region, such as `eu-west-1`. It decides the endpoint and goes into signatures.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the endpoint, instead of the region's.
    ///
    /// If it is not set, the environment variables `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER` and
    /// then `AWS_ENDPOINT_URL` are used, unless `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is `true`.
    ///
    /// Use plain `http` only on one machine, for tests: on a network everything could be read,
    /// except a password proven by SRP.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// Sets how long connecting may take. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets how long one attempt may take, including connecting. Default: 20 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how often and how fast a call is retried.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets the HTTP stack, instead of reqwest. It has its own time-outs, so [`build`](Self::build)
    /// refuses those settings.
    pub fn http_client(mut self, client: impl HttpClient) -> Self {
        self.http = Some(Arc::new(client));
        self
    }

    /// Sets a function that receives an event for each attempt. It runs on the task of the call, so
    /// it must be fast.
    pub fn observer(mut self, observer: impl Fn(&CallEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Sets the credentials that sign administrators' operations.
    #[cfg(feature = "admin")]
    pub fn credentials(
        mut self,
        provider: impl aws_credential_types::provider::ProvideCredentials + 'static,
    ) -> Self {
        self.credentials =
            Some(aws_credential_types::provider::SharedCredentialsProvider::new(provider));
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if
    /// - there is neither a region nor an endpoint, or either is malformed,
    /// - credentials come without a region,
    /// - a time-out is set together with an HTTP stack,
    /// - the platform's TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let refuse = |problem: &str| Error::new(ErrorKind::Configuration, problem);
        let region = self.region.as_deref();
        let endpoint = endpoint::resolve(self.endpoint_url.as_deref(), region, |name| {
            std::env::var(name).ok()
        })?;
        let http = match self.http {
            Some(_) if self.connect_timeout.is_some() || self.timeout.is_some() => {
                return Err(refuse(
                    "a time-out has no effect beside `http_client`: set it in that HTTP stack",
                ));
            }
            Some(http) => http,
            None => Arc::new(
                Reqwest::new(
                    self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
                    self.timeout.unwrap_or(TIMEOUT),
                )
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
                (Some(credentials), Some(region)) => Some(Signer::new(credentials, region)),
                (Some(_), None) => {
                    return Err(refuse("signing needs a region: call `region` on the builder"));
                }
            },
        })))
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
