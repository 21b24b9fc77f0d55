//! Errors, with classes that a program can act on.

use std::error::Error as StdError;
use std::fmt;

use device_proto::{Reply, ServiceError};
use device_wire::ErrorCode;

/// Why a call failed.
pub struct Error {
    kind: ErrorKind,
    status: Option<u16>,
    request_id: Option<String>,
    cause: Cause,
}

enum Cause {
    Service(ServiceError),
    Other(Box<dyn StdError + Send + Sync>),
}

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings of the client are invalid, such as a missing region.
    Configuration,
    /// The operation must be signed, but there are no credentials or their provider failed.
    Credentials,
    /// There was no connection. The request was not sent.
    Connect,
    /// The response took too long.
    Timeout,
    /// The connection broke before the response was complete.
    Interrupted,
    /// The response does not follow the service's protocol. Often a proxy sent it.
    InvalidResponse,
    /// The service refused: see [`Error::service`].
    Service,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, status: None, request_id: None, cause: Cause::Other(cause.into()) }
    }

    pub(crate) fn from_service(status: u16, error: ServiceError) -> Self {
        Self {
            kind: ErrorKind::Service,
            status: Some(status),
            request_id: None,
            cause: Cause::Service(error),
        }
    }

    pub(crate) fn with_response(mut self, status: u16, request_id: Option<String>) -> Self {
        self.status = Some(status);
        self.request_id = request_id;
        self
    }

    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The service's error, if the service refused.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceError> {
        match &self.cause {
            Cause::Service(error) => Some(error),
            Cause::Other(_) => None,
        }
    }

    /// The code of the service's error, if the service refused.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.service().map(ServiceError::code)
    }

    /// The HTTP status code, if there was a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The service's id of the request. Give it to the operator of the service.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref().or_else(|| self.service().and_then(ServiceError::request_id))
    }

    /// Whether the service refused because there are too many requests.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == Some(429) || self.service().is_some_and(ServiceError::is_throttled)
    }

    /// Whether a retry may succeed: after throttling, a failing service or a lost connection.
    ///
    /// The client has already retried if that was safe. To retry a sign-in, start a new one: its
    /// proofs and codes are valid only once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let failing = self.status.is_some_and(|status| status >= 500);
        match self.kind {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted => true,
            ErrorKind::Service | ErrorKind::InvalidResponse => failing || self.is_throttled(),
            ErrorKind::Configuration | ErrorKind::Credentials => false,
        }
    }

    /// The error as the input of a state machine of `device-proto`.
    #[must_use]
    pub fn reply(&self) -> Reply<'static> {
        match &self.cause {
            Cause::Service(error) => Reply::Refused(error.clone()),
            Cause::Other(_) => Reply::Lost,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Configuration => "the client is not set up correctly",
            ErrorKind::Credentials => "the request cannot be signed",
            ErrorKind::Connect => "could not connect to the service",
            ErrorKind::Timeout => "the service did not answer in time",
            ErrorKind::Interrupted => "the connection broke before the response was complete",
            ErrorKind::InvalidResponse => {
                "the response is not the service's, a proxy may have sent it"
            }
            ErrorKind::Service => "the service refused the request",
        })?;
        match (&self.cause, self.status) {
            (Cause::Service(error), _) => write!(f, ": {error}"),
            (Cause::Other(cause), None) => write!(f, ": {cause}"),
            (Cause::Other(cause), Some(status)) => write!(f, " (status {status}): {cause}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause: &dyn fmt::Debug = match &self.cause {
            Cause::Service(error) => error,
            Cause::Other(error) => error,
        };
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("cause", cause)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // `Display` includes the cause's text, so the chain continues with the cause's source.
        match &self.cause {
            Cause::Service(_) => None,
            Cause::Other(error) => error.source(),
        }
    }
}
