//! Errors that an app can tell apart.

use device_proto::ServiceError;
use device_wire::ErrorCode;

use crate::session::SessionOrigin;
use crate::store::StoreError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No user is signed in.
    #[error("no user is signed in: sign in first")]
    SignedOut,

    /// The session has ended: its refresh token expired, was revoked or was used up, or its device
    /// was forgotten.
    ///
    /// The tokens are deleted. The device's record stays for the next sign-in, unless the service
    /// said that the user was deleted.
    #[error("the session has expired: sign in again")]
    SessionExpired,

    /// The session has no refresh token, so it ends with its access token.
    #[error("the session has no refresh token: it ends when its access token does")]
    NoRefreshToken,

    /// The session has no tracked device.
    ///
    /// The pool tracks none, the kind of sign-in gives none, or the device was forgotten.
    #[error(
        "this device is not tracked: sign in again, in a pool that tracks devices, to have it \
         tracked"
    )]
    DeviceNotTracked,

    /// The service no longer lists this device, although it is remembered here.
    ///
    /// It was forgotten, or set to not remembered, from elsewhere.
    #[error(
        "the service no longer lists this device: it was forgotten, or set to not remembered, from \
         elsewhere"
    )]
    DeviceUnknown,

    /// The session is of a kind that has no device.
    ///
    /// It comes from another identity provider, which tracks devices itself, or from the pool's
    /// hosted pages, which track none. No call was made.
    #[error("{}", devices_elsewhere(*.0))]
    DevicesElsewhere(SessionOrigin),

    /// The tokens for a session do not identify a user.
    #[error(
        "the access token is not one of a user pool: it cannot be read, or names no user; pass the \
         access token as it was issued, not the id token"
    )]
    UnusableToken,

    /// The service refused for another reason.
    #[error(transparent)]
    Service(ServiceError),

    /// The service did not answer.
    #[error(transparent)]
    Transport(device_http::Error),

    /// The service's answer violates its protocol, or asks for something unsupported.
    #[error(transparent)]
    Protocol(device_proto::Error),

    /// The store could not read or write device records or the session.
    #[error("the store of device records and sessions failed: {0}")]
    Store(#[from] StoreError),

    /// The client's settings are invalid.
    #[error("the configuration is invalid: {0}")]
    Configuration(String),
}

impl Error {
    /// Whether a retry may succeed: after throttling, a failing service or a lost connection.
    ///
    /// The client has already retried if that was safe. To retry a sign-in, start it again.
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

    /// The service's error, if it refused.
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
