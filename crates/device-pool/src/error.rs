//! The service's refusals: a code from its model, and the message that it words.

use std::borrow::Cow;
use std::fmt;

use device_wire::ErrorCode;

use crate::store::StoreError;

/// An error as the caller will read it, with an inner cause for the log.
///
/// `message` follows the service's own wording and never contains a secret. `detail` is set only for
/// [`ErrorCode::InternalError`], whose message is constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    code: ErrorCode,
    message: Cow<'static, str>,
    detail: Option<String>,
}

impl ServiceError {
    /// A refusal with this code and message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    /// A failure of ours: the caller reads a constant sentence, the log `detail`.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InternalError,
            message: Cow::Borrowed("Internal server error."),
            detail: Some(detail.into()),
        }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidParameter, message)
    }

    pub(crate) fn not_authorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::NotAuthorized, message)
    }

    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::ResourceNotFound, message)
    }

    /// The code; its name is the exception's name on the wire.
    #[must_use]
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// What the caller reads.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the log reads, where the caller is told less.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for ServiceError {}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        Self::internal(error.to_string())
    }
}
