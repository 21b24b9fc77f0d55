//! What an app has to tell apart.

use device_proto::ServiceError;
use device_wire::ErrorCode;

use crate::session::SessionOrigin;
use crate::store::StoreError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is signed in.
    #[error("nobody is signed in: sign in first")]
    SignedOut,

    /// The session has ended: its refresh token is too old, was revoked or used up, or its device
    /// was forgotten. Its tokens are gone; the device's record is kept for the next sign-in, but
    /// not where the service said that there is no such user any more.
    #[error("the session has expired: sign in again")]
    SessionExpired,

    /// The session was taken up without a refresh token: it lasts as long as its access token does.
    #[error("the session has no refresh token: it ends when its access token does")]
    NoRefreshToken,

    /// The session belongs to no device that the service tracks: the pool tracks none, the sign-in
    /// was of a kind that gives none, or the device was forgotten.
    #[error(
        "this device is not tracked: sign in again, in a pool that tracks devices, to have it \
         tracked"
    )]
    DeviceNotTracked,

    /// The service does not show this device any more, though it was remembered here: it was
    /// forgotten, or its remembering was taken back, from elsewhere.
    #[error(
        "the service no longer lists this device: it was forgotten, or set to not remembered, from \
         elsewhere"
    )]
    DeviceUnknown,

    /// The session is of a kind that has no device: it came from another identity provider, which
    /// tracks devices itself, or from the pool's hosted pages, which track none. The service was
    /// not asked.
    #[error("{}", devices_elsewhere(*.0))]
    DevicesElsewhere(SessionOrigin),

    /// Tokens that were to be used as a session do not say whose they are.
    #[error("the access token is none of a user pool: it cannot be read, or names no user")]
    UnusableToken,

    /// The service refused, for another reason than those above.
    #[error(transparent)]
    Service(ServiceError),

    /// There was no answer from the service.
    #[error(transparent)]
    Transport(device_http::Error),

    /// The service answered, but not in its protocol, or asked for what this client does not
    /// support.
    #[error(transparent)]
    Protocol(device_proto::Error),

    /// Device records or the session could not be read or written where they are kept.
    #[error("the store of device records and sessions: {0}")]
    Store(#[from] StoreError),

    /// The client is not set up right.
    #[error("the client is not set up right: {0}")]
    Configuration(String),
}

impl Error {
    /// Whether the cause may pass: throttling, a failing service, a lost connection. Where it was
    /// safe the client has tried again already; a sign-in is tried again from its beginning.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service(error) => {
                let failing = matches!(
                    error.code(),
                    ErrorCode::InternalError
                        | ErrorCode::InternalFailure
                        | ErrorCode::ServiceUnavailable
                );
                failing || error.is_throttled()
            }
            Self::Transport(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// What the service said, if it refused.
    #[must_use]
    pub fn as_service_error(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            _ => None,
        }
    }
}

fn devices_elsewhere(origin: SessionOrigin) -> &'static str {
    match origin {
        SessionOrigin::Federated => {
            "the session is federated: its devices are tracked by the identity provider that it \
             comes from; \
             sign in at the pool itself to use devices"
        }
        _ => {
            "the session comes from the hosted UI, which tracks no devices: sign in with this \
             client to use devices"
        }
    }
}

impl From<device_http::Error> for Error {
    fn from(error: device_http::Error) -> Self {
        match error.service() {
            Some(service) => Self::Service(service.clone()),
            None => Self::Transport(error),
        }
    }
}

impl From<device_proto::Error> for Error {
    fn from(error: device_proto::Error) -> Self {
        match error {
            device_proto::Error::Service(service) => Self::Service(service),
            other => Self::Protocol(other),
        }
    }
}
