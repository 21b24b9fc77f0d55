//! Errors, as an app has to tell them apart.

use device_proto::ServiceError;
use device_wire::ErrorCode;

use crate::session::SessionOrigin;
use crate::store::StoreError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is signed in.
    #[error("nobody is signed in: sign in first")]
    SignedOut,

    /// The session has ended: its refresh token is too old, was revoked or used up, or its device
    /// was forgotten. Its tokens are gone. The device's record stays for the next sign-in, unless
    /// the service said that the user is deleted.
    #[error("the session has expired: sign in again")]
    SessionExpired,

    /// The session was taken up without a refresh token: it ends with its access token.
    #[error("the session has no refresh token: it ends when its access token does")]
    NoRefreshToken,

    /// The session has no tracked device: the pool tracks none, the sign-in was of a kind that
    /// gives none, or the device was forgotten.
    #[error(
        "this device is not tracked: sign in again, in a pool that tracks devices, to have it \
         tracked"
    )]
    DeviceNotTracked,

    /// The service does not show this device any more, although it is remembered here: it was
    /// forgotten, or set to not remembered, from elsewhere.
    #[error(
        "the service no longer lists this device: it was forgotten, or set to not remembered, from \
         elsewhere"
    )]
    DeviceUnknown,

    /// The session is of a kind that has no device. It comes from another identity provider, which
    /// tracks devices itself, or from the pool's hosted pages, which track none. No call was made.
    #[error("{}", devices_elsewhere(*.0))]
    DevicesElsewhere(SessionOrigin),

    /// The tokens for a session do not say whose they are.
    #[error(
        "the access token is not one of a user pool: it cannot be read, or names no user; pass the \
         access token as it was issued, not the id token"
    )]
    UnusableToken,

    /// The service refused for another reason than those above.
    #[error(transparent)]
    Service(ServiceError),

    /// There was no answer from the service.
    #[error(transparent)]
    Transport(device_http::Error),

    /// The service's answer breaks its protocol, or asks for what this client does not support.
    #[error(transparent)]
    Protocol(device_proto::Error),

    /// The store could not read or write device records or the session.
    #[error("the store of device records and sessions: {0}")]
    Store(#[from] StoreError),

    /// The client is not set up right.
    #[error("the client is not set up right: {0}")]
    Configuration(String),
}

impl Error {
    /// Whether the cause may pass: throttling, a failing service, a lost connection.
    ///
    /// The client has retried already if that was safe. To retry a sign-in, begin again.
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
             comes from; sign in at the pool itself to use devices"
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
