//! The service's refusals: an error code of its model and a message in its words.

use std::borrow::Cow;
use std::fmt;

use device_wire::{Auth, ErrorCode, Operation};

use crate::store::StoreError;

/// An error for the caller, with an internal cause for the log.
///
/// `message` follows the service's wording and never contains a secret. `detail` is set only for
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

    /// An internal failure: the caller reads a constant sentence, the log reads `detail`.
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

    /// Replaces a code that `operation` lacks by the nearest one in its model.
    pub(crate) fn within(mut self, operation: Operation) -> Self {
        // A pool that limits its devices says so, although the service knows no such limit: the
        // nearest code that it has would make clients try again.
        if operation == Operation::ConfirmDevice && self.code == ErrorCode::LimitExceeded {
            return self;
        }
        while !(operation.errors().contains(&self.code) || is_common(&self.code)) {
            self.code = match self.code {
                ErrorCode::PasswordHistoryPolicyViolation => ErrorCode::InvalidPassword,
                ErrorCode::LimitExceeded => ErrorCode::TooManyRequests,
                // An administrator is authorised, even if the user does not exist.
                ErrorCode::UserNotFound if operation.auth() == Auth::SigV4 => {
                    ErrorCode::ResourceNotFound
                }
                ErrorCode::UserNotFound
                | ErrorCode::UserNotConfirmed
                | ErrorCode::PasswordResetRequired
                | ErrorCode::CodeMismatch
                | ErrorCode::ExpiredCode => ErrorCode::NotAuthorized,
                // The model of every operation has this code.
                _ => ErrorCode::InvalidParameter,
            };
        }
        self
    }

    /// The error code; its name is the exception's name on the wire.
    #[must_use]
    pub fn code(&self) -> &ErrorCode {
        &self.code
    }

    /// The text for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for the log, if the caller is told less.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

/// Whether any operation may answer with this code, whatever its model says.
fn is_common(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::InternalError
            | ErrorCode::InvalidParameter
            | ErrorCode::Serialization
            | ErrorCode::TooManyRequests
            | ErrorCode::UnsupportedOperation
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_one_of_the_operations_own() {
        let codes: Vec<&ErrorCode> =
            Operation::ALL.iter().flat_map(|operation| operation.errors()).collect();
        for operation in Operation::ALL {
            for code in &codes {
                let said = ServiceError::new((*code).clone(), "why").within(*operation);
                let device_limit =
                    *operation == Operation::ConfirmDevice && said.code == ErrorCode::LimitExceeded;
                assert!(
                    operation.errors().contains(&said.code)
                        || is_common(&said.code)
                        || device_limit,
                    "{operation}: {code}"
                );
                assert_eq!(said.message(), "why");
                assert!(
                    !operation.errors().contains(code) || said.code == **code,
                    "{operation}: {code}"
                );
            }
        }
    }

    #[test]
    fn a_refusal_that_an_operation_lacks_becomes_the_nearest() {
        for (operation, code, said) in [
            (Operation::AdminConfirmSignUp, ErrorCode::AliasExists, ErrorCode::InvalidParameter),
            (Operation::GlobalSignOut, ErrorCode::UserNotFound, ErrorCode::NotAuthorized),
            (Operation::GetUser, ErrorCode::UserNotFound, ErrorCode::UserNotFound),
            (Operation::AdminGetDevice, ErrorCode::UserNotFound, ErrorCode::ResourceNotFound),
            (Operation::AdminListDevices, ErrorCode::UserNotFound, ErrorCode::ResourceNotFound),
            (
                Operation::AdminCreateUser,
                ErrorCode::PasswordHistoryPolicyViolation,
                ErrorCode::InvalidPassword,
            ),
            (Operation::UpdateUserAttributes, ErrorCode::LimitExceeded, ErrorCode::TooManyRequests),
        ] {
            assert_eq!(ServiceError::new(code, "").within(operation).code, said, "{operation}");
        }
    }
}
