//! Errors.

use std::fmt;

use device_wire::enums::ChallengeNameType;
use device_wire::{ErrorBody, ErrorCode, Operation, sentence};

/// Why a step of the protocol failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service refused the request.
    #[error(transparent)]
    Service(#[from] ServiceError),

    /// The service did not answer: see [`Reply::Lost`](crate::Reply::Lost).
    #[error("no answer from the service to {0}")]
    NoAnswer(Operation),

    /// The service's answer violates its protocol.
    #[error("the service's answer to {operation} cannot be used: {problem}")]
    MalformedAnswer {
        /// The operation that was answered.
        operation: Operation,
        /// What is missing or wrong. It quotes no value from the answer.
        problem: &'static str,
    },

    /// The service sent a challenge that cannot follow the request.
    ///
    /// For example, it asked for a device's proof although no device was presented.
    #[error("the service asks for {0}, which cannot follow at this point of the sign-in")]
    UnexpectedChallenge(ChallengeNameType),

    /// The service sent a challenge that this crate does not support, such as a passkey. The text
    /// says what to do instead.
    #[error("the service asks for {0}, {advice}", advice = instead_of(.0))]
    UnsupportedChallenge(ChallengeNameType),

    /// The service's part of a password proof is unusable. Continuing could reveal the password.
    #[error("the service's part of the password proof is unusable: {0}")]
    Proof(#[from] device_srp::Error),
}

impl Error {
    /// The service's own error, if the service refused.
    #[must_use]
    pub fn as_service_error(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            _ => None,
        }
    }

    pub(crate) fn malformed(operation: Operation, problem: &'static str) -> Self {
        Self::MalformedAnswer { operation, problem }
    }
}

/// The advice for a challenge that is not supported.
fn instead_of(challenge: &ChallengeNameType) -> &'static str {
    match challenge {
        ChallengeNameType::WebAuthn => {
            "a passkey, which this client does not support: choose another first factor, or let \
             the user have one"
        }
        ChallengeNameType::MfaSetup => {
            "and offers no second factor that can be set up while signing in: give the user a \
             phone number for text messages, and sign in again"
        }
        _ => {
            "which this client does not support: choose another factor or flow, or change what the \
             pool asks of this user"
        }
    }
}

/// An error response of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    code: ErrorCode,
    message: String,
    request_id: Option<String>,
}

impl ServiceError {
    /// An error with this code and message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), request_id: None }
    }

    /// Adds the id under which the service logged the request (`x-amzn-requestid`).
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// The error's code.
    #[must_use]
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The service's message, a sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The id under which the service logged the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Whether the service refused because of the rate of requests, without checking this one.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::TooManyRequests | ErrorCode::LimitExceeded | ErrorCode::Throttling
        )
    }

    /// Whether the session of a sign-in is too old or was used before. The password and device may
    /// be right: start the sign-in again.
    #[must_use]
    pub fn is_spent_session(&self) -> bool {
        self.is_one_of(
            &ErrorCode::NotAuthorized,
            &[sentence::EXPIRED_SESSION, sentence::USED_SESSION],
        )
    }

    /// Whether the user may not sign in, now or at all. Too many attempts failed, or an
    /// administrator disabled the user; the password and device may be right.
    #[must_use]
    pub fn is_barred_user(&self) -> bool {
        self.is_one_of(
            &ErrorCode::NotAuthorized,
            &[sentence::TOO_MANY_ATTEMPTS, sentence::DISABLED_USER],
        )
    }

    /// Whether the refresh token was refused: malformed, expired or revoked.
    #[must_use]
    pub fn is_refused_refresh_token(&self) -> bool {
        self.is_one_of(
            &ErrorCode::NotAuthorized,
            &[
                sentence::INVALID_REFRESH_TOKEN,
                sentence::EXPIRED_REFRESH_TOKEN,
                sentence::REVOKED_REFRESH_TOKEN,
            ],
        )
    }

    /// Whether the device is unknown: never issued, never confirmed, forgotten, or another user's.
    /// Missing pools and clients have the same code; only the message differs.
    #[must_use]
    pub fn is_unknown_device(&self) -> bool {
        self.is_one_of(&ErrorCode::ResourceNotFound, &[sentence::UNKNOWN_DEVICE])
    }

    /// Whether the access token was refused because it has expired.
    #[must_use]
    pub fn is_expired_access_token(&self) -> bool {
        self.is_one_of(&ErrorCode::NotAuthorized, &[sentence::EXPIRED_ACCESS_TOKEN])
    }

    /// Whether the access token was refused because it was revoked. It may have been revoked alone
    /// or with all of the user's sessions.
    #[must_use]
    pub fn is_revoked_access_token(&self) -> bool {
        self.is_one_of(&ErrorCode::NotAuthorized, &[sentence::REVOKED_ACCESS_TOKEN])
    }

    /// Whether the error has this code and one of these sentences.
    fn is_one_of(&self, code: &ErrorCode, sentences: &[&str]) -> bool {
        self.code == *code && sentences.iter().any(|text| sentence::is(&self.message, text))
    }
}

impl From<ErrorBody> for ServiceError {
    fn from(body: ErrorBody) -> Self {
        Self::new(body.code, body.message)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServiceError {}

/// A user pool id is not of the form `<region>_<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user pool id has the form <region>_<name>, such as eu-west-1_Ab12Cd34E")]
pub struct MalformedPoolId;
