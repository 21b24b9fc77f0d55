//! What went wrong with a call, in classes that a program can act on.

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

/// The classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client is not set up right: no region, an endpoint that is no URL.
    Configuration,
    /// The operation wants a signature, and there are no credentials, or they could not be had.
    Credentials,
    /// No connection came about; the request was not sent.
    Connect,
    /// The answer took too long.
    Timeout,
    /// The connection broke before the answer was complete.
    Interrupted,
    /// Something answered that is not the service, such as a proxy, or the service in a way that is
    /// not its protocol.
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

    /// What the service said, if it was the service that refused.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceError> {
        match &self.cause {
            Cause::Service(error) => Some(error),
            Cause::Other(_) => None,
        }
    }

    /// Which error the service answered with.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.service().map(ServiceError::code)
    }

    /// The HTTP status, if there was a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The id under which the service logged the request, to give to its operator.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref().or_else(|| self.service().and_then(ServiceError::request_id))
    }

    /// Whether the service refused for the rate of requests.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == Some(429) || self.service().is_some_and(ServiceError::is_throttled)
    }

    /// Whether the cause may pass: throttling, a failing service, a lost connection.
    ///
    /// The client has tried again already where that was safe. For a sign-in, trying again means to
    /// sign in from the beginning: its proofs and codes count once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let failing = self.status.is_some_and(|status| status >= 500);
        match self.kind {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted => true,
            ErrorKind::Service | ErrorKind::InvalidResponse => failing || self.is_throttled(),
            ErrorKind::Configuration | ErrorKind::Credentials => false,
        }
    }

    /// What a state machine of `device-proto` makes of it.
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
            ErrorKind::Configuration => "the client is not set up right",
            ErrorKind::Credentials => "no credentials to sign the request with",
            ErrorKind::Connect => "could not connect to the service",
            ErrorKind::Timeout => "the service did not answer in time",
            ErrorKind::Interrupted => "the connection broke before the service had answered",
            ErrorKind::InvalidResponse => "the answer did not come from the service",
            ErrorKind::Service => "the service refused",
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
        // The cause's own text is part of ours; its sources go on from there.
        match &self.cause {
            Cause::Service(_) => None,
            Cause::Other(error) => error.source(),
        }
    }
}
